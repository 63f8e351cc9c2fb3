//! The tree that reading gives: values with their place in the source.
//!
//! A tree may hold plaintext secrets. It has no `Debug`, no `Clone` and no `Serialize`; text is cleared when it is dropped.

use zeroize::Zeroizing;

use crate::error::{Error, Warning};
use crate::number;
use crate::position::Span;

/// One document of the input.
pub struct Document {
    /// The value of the whole document.
    pub root: Node,
    /// What is accepted and rarely meant, in order of appearance.
    pub warnings: Vec<Warning>,
}

/// A value and where it stands. A node that comes out of an alias keeps the place of its anchor.
pub struct Node {
    /// The value, its type decided by the schema.
    pub value: Value,
    /// The source text.
    pub span: Span,
    /// How it is written.
    pub style: Style,
}

/// A typed value, as go-yaml's `interface{}` (with the YAML reader) or JSON has it.
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true`, `false`, and in YAML 1.1 also `yes`, `on`, `y` and their likes.
    Bool(bool),
    /// An integer of at most 64 bits with sign.
    Int(i64),
    /// An integer above 9223372036854775807.
    Uint(u64),
    /// Any other number, infinity and not-a-number included.
    Float(f64),
    /// Text; also everything that looks like a timestamp.
    String(Zeroizing<String>),
    /// A list.
    Sequence(Vec<Node>),
    /// A map. Keys are unique: of duplicates only the last is kept, at the place of the first.
    Mapping(Vec<Entry>),
}

/// One key of a map and its value.
pub struct Entry {
    /// The key as JSON will have it: `y:` is `true`, `0x10:` is `16`. Keys are not secret.
    pub key: String,
    /// The source text of the key.
    pub key_span: Span,
    /// Whether the key is a number or a boolean in YAML, and text only in JSON: its author may have meant another key.
    pub key_is_coerced: bool,
    /// What the key stands for.
    pub value: Node,
}

/// How a node is written in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes: the only style whose type is guessed from its spelling.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`, in YAML or JSON.
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// A list or map by indentation.
    Block,
    /// A list or map in brackets, in YAML or JSON.
    Flow,
}

impl Node {
    /// The value under `key`, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Follows a path of keys: `node.at(&["metadata", "name"])`.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, if the value is text; no conversion of numbers or booleans ([`Node::to_go_string`] has that).
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The keys and values, if this is a map.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    #[must_use]
    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is `null` or nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What this is, for messages: `text`, `a number`, `a list` and so on.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => "a number",
            Value::String(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a map",
        }
    }

    /// What Go's encoding/json calls this in its errors: `cannot unmarshal array into …`.
    #[must_use]
    pub fn go_kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::Sequence(_) => "array",
            Value::Mapping(_) => "object",
        }
    }

    /// What a Go field of type `string` receives from this scalar through sigs.k8s.io/yaml 1.6, which is what kubeseal
    /// seals for a `stringData` entry: integers in decimal, booleans as `true` and `false`, floats as Go's
    /// `FormatFloat(f, 'g', -1, 32)` writes them. **Floats pass through 32 bits**: `3.14159265358979` is `3.1415927`,
    /// and `1e300` is `+Inf`. Null is `None` (the field keeps its zero value).
    ///
    /// Not for `data`: its fields are byte slices, for which nothing is converted; use [`Node::as_str`] there.
    ///
    /// # Errors
    /// [`Error::NotAScalar`] for lists and maps.
    pub fn to_go_string(&self) -> Result<Option<Zeroizing<String>>, Error> {
        Ok(Some(match &self.value {
            Value::Null => return Ok(None),
            Value::Bool(value) => Zeroizing::new(value.to_string()),
            Value::Int(value) => Zeroizing::new(value.to_string()),
            Value::Uint(value) => Zeroizing::new(value.to_string()),
            Value::Float(value) => Zeroizing::new(number::format_g32(*value)),
            Value::String(text) => text.clone(),
            Value::Sequence(_) | Value::Mapping(_) => {
                return Err(Error::NotAScalar { position: self.span.position, found: self.kind() });
            }
        }))
    }

    /// Whether [`Node::to_go_string`] converts: the scalar is a number or a boolean, not text. The author of
    /// `password: yes` should be told that `true` is sealed.
    #[must_use]
    pub fn is_coerced(&self) -> bool {
        matches!(self.value, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_))
    }

    /// A JSON value, for manifests that hold no secret: the copies are not cleared when dropped. Whole floats of at most
    /// 64 bits become integers, as on Go's way through JSON text (`replicas: 3.0` is 3).
    ///
    /// # Errors
    /// [`Error::NoJsonForm`] for infinity and not-a-number.
    pub fn to_json(&self) -> Result<serde_json::Value, Error> {
        use serde_json::Value as Json;
        Ok(match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Uint(value) => Json::from(*value),
            Value::Float(value) => match number::as_integer(*value) {
                Some(number::Integer::Signed(value)) => Json::from(value),
                Some(number::Integer::Unsigned(value)) => Json::from(value),
                None => Json::Number(
                    serde_json::Number::from_f64(*value).ok_or(Error::NoJsonForm { position: self.span.position })?,
                ),
            },
            Value::String(text) => Json::String(text.to_string()),
            Value::Sequence(items) => Json::Array(items.iter().map(Node::to_json).collect::<Result<_, _>>()?),
            Value::Mapping(entries) => Json::Object(
                entries
                    .iter()
                    .map(|entry| Ok((entry.key.clone(), entry.value.to_json()?)))
                    .collect::<Result<_, Error>>()?,
            ),
        })
    }
}
