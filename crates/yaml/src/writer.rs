//! Manifests as Go writes them. `yaml` ports go-yaml v2's emitter, `json` Go's `MarshalIndent`, `analysis` decides how a
//! scalar may be quoted, `buffer` is the text that grows without leaving plaintext behind. Values come in as [`Out`].

pub(crate) mod analysis;
pub(crate) mod buffer;
mod json;
mod order;
mod yaml;

use std::borrow::Cow;

use zeroize::Zeroizing;

use self::buffer::Buffer;

/// An ordered tree to be written. It may hold plaintext, so it has neither `Debug` nor `Clone`.
///
/// ```
/// use bulla_yaml::Out;
///
/// let secret = Out::Mapping(vec![
///     ("kind".into(), Out::from("Secret")),
///     ("stringData".into(), Out::Mapping(vec![("pin".into(), Out::Secret("010".to_owned().into()))])),
/// ]);
/// assert_eq!(*secret.to_yaml(), "kind: Secret\nstringData:\n  pin: \"010\"\n");
/// ```
pub enum Out<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above the range of `Int`.
    Uint(u64),
    /// A number; infinity and not-a-number are written as `null`, since Go refuses them.
    Float(f64),
    /// Text that is not secret, or is borrowed from a buffer that somebody else clears.
    Str(Cow<'a, str>),
    /// Text that is cleared when the tree is dropped.
    Secret(Zeroizing<String>),
    /// A list.
    Sequence(Vec<Out<'a>>),
    /// A map. JSON keeps this order, YAML sorts the keys. Keys must be unique and are not secret.
    Mapping(Vec<(Cow<'a, str>, Out<'a>)>),
}

impl Out<'_> {
    /// What `sigs.k8s.io/yaml.Marshal` (1.6.0, on go-yaml 2.4.4) writes: keys sorted in go-yaml's natural order, two
    /// spaces per level, lists at the indent of their key, long plain and quoted text folded at 80 columns. Ends in a line
    /// feed. No document marker.
    #[must_use]
    pub fn to_yaml(&self) -> Zeroizing<String> {
        let mut buffer = Buffer::with_capacity(self.size_hint());
        yaml::write(self, &mut buffer);
        buffer.into_text()
    }

    /// What Go's `json.MarshalIndent(v, "", "  ")` writes, and a line feed: `<`, `>`, `&`, U+2028 and U+2029 are escaped.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let mut buffer = Buffer::with_capacity(self.size_hint());
        json::write_indented(self, &mut buffer);
        buffer.push('\n');
        buffer.into_text()
    }

    /// What Go's `json.Marshal` writes, if the maps are in the order that Go gives them. No line feed.
    #[must_use]
    pub fn to_json_compact(&self) -> Zeroizing<String> {
        let mut buffer = Buffer::with_capacity(self.size_hint());
        json::write_compact(self, &mut buffer);
        buffer.into_text()
    }

    /// A guess at the written size in bytes, so that the buffer seldom grows.
    fn size_hint(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 8,
            Self::Int(_) | Self::Uint(_) | Self::Float(_) => 24,
            Self::Str(text) => text.len() + text.len() / 8 + 16,
            Self::Secret(text) => text.len() + text.len() / 8 + 16,
            Self::Sequence(items) => 16 + items.iter().map(|item| 16 + item.size_hint()).sum::<usize>(),
            Self::Mapping(entries) => {
                16 + entries.iter().map(|(key, value)| 24 + key.len() + value.size_hint()).sum::<usize>()
            }
        }
    }
}

impl<'a> From<&'a str> for Out<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Out<'_> {
    fn from(text: String) -> Self {
        Self::Str(Cow::Owned(text))
    }
}

impl From<Zeroizing<String>> for Out<'_> {
    fn from(text: Zeroizing<String>) -> Self {
        Self::Secret(text)
    }
}

impl From<bool> for Out<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Out<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// One entry of a block map as [`Out::to_yaml`] writes it, for a map that begins at column 0.
pub(crate) fn yaml_entry(key: &str, value: &Out<'_>) -> Zeroizing<String> {
    let mut buffer = Buffer::with_capacity(key.len() + value.size_hint());
    yaml::write_entry(key, value, &mut buffer);
    buffer.into_text()
}

/// A scalar of one line in the quotes that are wanted.
pub(crate) fn yaml_token(text: &str, quoting: analysis::Quoting, buffer: &mut Buffer) {
    yaml::write_token(text, quoting, buffer);
}

/// Text is borrowed, maps keep serde_json's order.
impl<'a> From<&'a serde_json::Value> for Out<'a> {
    fn from(value: &'a serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => Self::Int(value),
                (_, Some(value), _) => Self::Uint(value),
                (.., Some(value)) => Self::Float(value),
                _ => Self::Null,
            },
            Json::String(text) => Self::from(text.as_str()),
            Json::Array(items) => Self::Sequence(items.iter().map(Self::from).collect()),
            Json::Object(entries) => Self::Mapping(
                entries.iter().map(|(key, value)| (Cow::Borrowed(key.as_str()), Self::from(value))).collect(),
            ),
        }
    }
}

/// The text of a tree that was read, borrowed. Aliases are expanded, comments and styles are lost.
impl<'a> From<&'a crate::Node> for Out<'a> {
    fn from(node: &'a crate::Node) -> Self {
        use crate::Value;
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Uint(value) => Self::Uint(*value),
            Value::Float(value) => Self::Float(*value),
            Value::String(text) => Self::from(text.as_str()),
            Value::Sequence(items) => Self::Sequence(items.iter().map(Self::from).collect()),
            Value::Mapping(entries) => Self::Mapping(
                entries.iter().map(|entry| (Cow::Borrowed(entry.key.as_str()), Self::from(&entry.value))).collect(),
            ),
        }
    }
}

/// [`Out::to_yaml`] for values that hold no secret.
#[must_use]
pub fn write_yaml(value: &serde_json::Value) -> String {
    std::mem::take(&mut *Out::from(value).to_yaml())
}

/// [`Out::to_json`] for values that hold no secret. Keys are sorted by their bytes, as Go does with maps; where Go
/// writes a struct, the order of its fields needs an [`Out`].
#[must_use]
pub fn write_json(value: &serde_json::Value) -> String {
    std::mem::take(&mut *Out::from(value).to_json())
}
