//! The YAML of the file, as go-yaml v3 decodes it: text with its place, aliases and merge keys expanded, the keys of a map before those that
//! are merged into it.

use bulla_yaml::go3::{self, Scalar as Guess, Tagged};
use bulla_yaml::{Limits, Position};

/// A value and where it stands.
pub(super) struct Node {
    /// What it is.
    pub(super) kind: Kind,
    /// Where it begins.
    pub(super) at: Position,
}

/// What a node is.
pub(super) enum Kind {
    /// A scalar, as text.
    Scalar {
        /// The text.
        text: String,
        /// Its type.
        scalar: Scalar,
    },
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map {
        /// Its keys, each once.
        entries: Vec<(Key, Node)>,
        /// Keys that stand in it twice, in go-yaml's words.
        twice: Vec<String>,
        /// A merge key that merges something else than maps. That is an error only for who reads the map.
        bad_merge: bool,
    },
}

/// The key of an entry.
pub(super) struct Key {
    /// Its text.
    pub(super) text: String,
    /// Where it stands.
    pub(super) at: Position,
}

/// The type of a scalar, by Go's names of kinds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Time,
    Text,
}

/// Why a file is none.
pub(super) struct Broken {
    /// In go-yaml's words.
    pub(super) text: String,
    /// With line and column, where they are known.
    pub(super) placed: String,
}

impl From<String> for Broken {
    fn from(text: String) -> Self {
        let placed = text.strip_prefix("yaml: ").unwrap_or(&text).to_owned();
        Self { text, placed }
    }
}

/// The first document of a file. Nothing at all is null.
pub(super) fn parse(bytes: &[u8]) -> Result<Node, Broken> {
    let documents = go3::read(bytes, &limits()).map_err(|error| Broken {
        text: error.to_string(),
        placed: match error.position() {
            Some(position) => format!("{position}: {}", error.problem()),
            None => error.problem().to_owned(),
        },
    })?;
    let root = documents.into_iter().next().and_then(|document| document.root);
    root.map_or_else(
        || Ok(Node { kind: Kind::nothing(), at: Position { line: 1, column: 1 } }),
        |root| Node::of(&root, &mut Budget(MAX_NODES)).map_err(Broken::from),
    )
}

/// Nobody writes more; aliases of aliases could.
const MAX_NODES: usize = 200_000;

struct Budget(usize);

fn limits() -> Limits {
    Limits { max_documents: 1000, ..Limits::default() }
}

impl Kind {
    fn nothing() -> Self {
        Self::Scalar { text: String::new(), scalar: Scalar::Null }
    }
}

impl Node {
    fn of(node: &go3::Node, budget: &mut Budget) -> Result<Self, String> {
        let at = Position { line: node.line, column: node.column };
        budget.0 = budget.0.checked_sub(1).ok_or("yaml: document contains excessive aliasing")?;
        let kind = match &node.kind {
            go3::Kind::Alias { target, .. } => return Self::of(target, budget),
            go3::Kind::Scalar { text, style } => {
                let tagged =
                    go3::resolve_tagged(text, &node.tag, *style).map_err(|reason| format!("yaml: {reason}"))?;
                let scalar = match tagged {
                    Tagged::Scalar(Guess::Null) => Scalar::Null,
                    Tagged::Scalar(Guess::Bool(value)) => Scalar::Bool(value),
                    Tagged::Scalar(Guess::Int(value)) => Scalar::Int(value),
                    Tagged::Scalar(Guess::Uint(_)) => Scalar::Int(i64::MAX),
                    Tagged::Scalar(Guess::Float(value)) => Scalar::Float(value),
                    Tagged::Scalar(Guess::Time(_)) => Scalar::Time,
                    Tagged::Scalar(Guess::Merge | Guess::Text) | Tagged::Binary(_) => Scalar::Text,
                };
                Kind::Scalar { text: text.to_string(), scalar }
            }
            go3::Kind::Sequence { items, .. } => {
                Kind::List(items.iter().map(|item| Self::of(item, budget)).collect::<Result<_, _>>()?)
            }
            go3::Kind::Mapping { entries, .. } => {
                let mut map = Vec::new();
                let twice = keys_twice(entries);
                let bad_merge = !merge_into(&mut map, entries, budget)?;
                Kind::Map { entries: map, twice, bad_merge }
            }
        };
        Ok(Self { kind, at })
    }

    /// Whether it says nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar { scalar: Scalar::Null, .. })
    }

    /// The entries, if this is a map.
    pub(super) fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    /// The elements, if this is a list.
    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(known, _)| known.text == key).map(|(_, value)| value)
    }

    /// The text, if this is a scalar that says something.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, scalar } if *scalar != Scalar::Null => Some(text),
            _ => None,
        }
    }

    /// What this is, for messages.
    pub(super) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { scalar, .. } => match scalar {
                Scalar::Null => "nothing",
                Scalar::Bool(_) => "a boolean",
                Scalar::Int(_) | Scalar::Float(_) => "a number",
                Scalar::Time | Scalar::Text => "text",
            },
            Kind::List(_) => "a list",
            Kind::Map { .. } => "a map",
        }
    }

    /// What Go calls the type of this value when it decodes it into anything.
    pub(super) fn go_type(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { scalar, .. } => match scalar {
                Scalar::Null => "<nil>",
                Scalar::Bool(_) => "bool",
                Scalar::Int(_) => "int",
                Scalar::Float(_) => "float64",
                Scalar::Time => "time.Time",
                Scalar::Text => "string",
            },
            Kind::List(_) => "[]interface {}",
            Kind::Map { .. } => "map[string]interface {}",
        }
    }

    /// The short tag and, for scalars, the beginning of the text, as go-yaml's errors show them.
    pub(super) fn go_shown(&self) -> String {
        match &self.kind {
            Kind::List(_) => "!!seq".to_owned(),
            Kind::Map { .. } => "!!map".to_owned(),
            Kind::Scalar { text, scalar } => {
                let tag = match scalar {
                    Scalar::Null => "!!null",
                    Scalar::Bool(_) => "!!bool",
                    Scalar::Int(_) => "!!int",
                    Scalar::Float(_) => "!!float",
                    Scalar::Time => "!!timestamp",
                    Scalar::Text => "!!str",
                };
                if text.len() > 10 {
                    let mut end = 7;
                    while !text.is_char_boundary(end) {
                        end -= 1;
                    }
                    format!("{tag} `{}...`", &text[..end])
                } else {
                    format!("{tag} `{text}`")
                }
            }
        }
    }
}

/// The text of a key, if it is a scalar.
fn key_text(node: &go3::Node) -> Option<&str> {
    match &node.kind {
        go3::Kind::Scalar { text, .. } => Some(text),
        go3::Kind::Alias { target, .. } => key_text(target),
        _ => None,
    }
}

fn is_merge(node: &go3::Node) -> bool {
    matches!(&node.kind, go3::Kind::Scalar { text, style } if text.as_str() == "<<"
        && (node.tag == "!!merge" || (node.tag.is_empty() && *style == go3::ScalarStyle::Plain)))
}

fn keys_twice(entries: &[(go3::Node, go3::Node)]) -> Vec<String> {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let mut twice = Vec::new();
    for (key, _) in entries {
        let go3::Kind::Scalar { text, .. } = &key.kind else { continue };
        match seen.iter().find(|(known, _)| *known == text.as_str()) {
            Some((_, line)) => {
                let text = crate::sops::go::quote(text);
                twice.push(format!("line {}: mapping key {text} already defined at line {line}", key.line));
            }
            None => seen.push((text, key.line)),
        }
    }
    twice
}

/// Adds the keys that are not there yet: the map's own, then those of the maps under its merge key, the first of them first. Whether there
/// were only maps.
fn merge_into(
    map: &mut Vec<(Key, Node)>,
    entries: &[(go3::Node, go3::Node)],
    budget: &mut Budget,
) -> Result<bool, String> {
    for (key, value) in entries.iter().filter(|(key, _)| !is_merge(key)) {
        let Some(text) = key_text(key) else { continue };
        if map.iter().all(|(known, _)| known.text != text) {
            let at = Position { line: key.line, column: key.column };
            map.push((Key { text: text.to_owned(), at }, Node::of(value, budget)?));
        }
    }
    let mut only_maps = true;
    for (_, value) in entries.iter().filter(|(key, _)| is_merge(key)) {
        only_maps &= merge_value(map, value, budget)?;
    }
    Ok(only_maps)
}

fn merge_value(map: &mut Vec<(Key, Node)>, value: &go3::Node, budget: &mut Budget) -> Result<bool, String> {
    match &value.kind {
        go3::Kind::Mapping { entries, .. } => merge_into(map, entries, budget),
        go3::Kind::Alias { target, .. } if matches!(target.kind, go3::Kind::Mapping { .. }) => {
            merge_value(map, target, budget)
        }
        go3::Kind::Sequence { items, .. } => {
            let mut only_maps = true;
            for item in items {
                only_maps &= !matches!(item.kind, go3::Kind::Sequence { .. }) && merge_value(map, item, budget)?;
            }
            Ok(only_maps)
        }
        _ => Ok(false),
    }
}
