//! The YAML of the file: text with its place, aliases and merge keys expanded.

use bulla_yaml::{Limits, Position, Style, Value, Warning};

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
        /// Its type, as go-yaml v3 guesses it.
        scalar: Scalar,
    },
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Vec<(Key, Node)>),
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
    Text,
}

/// The first document of a file. Nothing at all is null.
pub(super) fn parse(bytes: &[u8]) -> Result<Node, String> {
    let limits = Limits { max_documents: 1000, ..Limits::default() };
    let mut documents = bulla_yaml::read_manifests(bytes, &limits).map_err(|error| format!("yaml: {error}"))?;
    if documents.is_empty() {
        let at = Position { line: 1, column: 1 };
        return Ok(Node { kind: Kind::Scalar { text: String::new(), scalar: Scalar::Null }, at });
    }
    let document = documents.swap_remove(0);
    let twice: Vec<String> = document.warnings.iter().filter_map(defined_twice).collect();
    if !twice.is_empty() {
        return Err(format!("yaml: unmarshal errors:\n{}", twice.join("\n")));
    }
    Ok(Node::from_yaml(&document.root, bytes))
}

/// The real tool's line about a key that stands twice in a map.
fn defined_twice(warning: &Warning) -> Option<String> {
    match warning {
        Warning::DuplicateKey { position, key, first } => {
            Some(format!("  line {}: mapping key {key:?} already defined at line {}", position.line, first.line))
        }
        _ => None,
    }
}

impl Node {
    fn from_yaml(node: &bulla_yaml::Node, bytes: &[u8]) -> Self {
        let source = || {
            let token = bytes.get(node.span.start..node.span.end).unwrap_or_default();
            String::from_utf8_lossy(token).into_owned()
        };
        let scalar = |scalar| Kind::Scalar { text: source(), scalar };
        let kind = match &node.value {
            Value::Null => scalar(Scalar::Null),
            // go-yaml v3 reads only these as a boolean where it has to guess.
            Value::Bool(value) => match source().to_ascii_lowercase().as_str() {
                "true" | "false" => scalar(Scalar::Bool(*value)),
                _ => scalar(Scalar::Text),
            },
            Value::Int(value) => scalar(Scalar::Int(*value)),
            Value::Uint(_) => scalar(Scalar::Int(i64::MAX)),
            Value::Float(value) => scalar(Scalar::Float(*value)),
            Value::String(text) => Kind::Scalar { text: text.to_string(), scalar: Scalar::Text },
            Value::Sequence(items) => Kind::List(items.iter().map(|item| Self::from_yaml(item, bytes)).collect()),
            Value::Mapping(entries) => Kind::Map(
                entries
                    .iter()
                    .map(|entry| {
                        let key = Key { text: entry.key.clone(), at: entry.key_span.position };
                        (key, Self::from_yaml(&entry.value, bytes))
                    })
                    .collect(),
            ),
        };
        debug_assert!(node.style == Style::Plain || !matches!(kind, Kind::Scalar { scalar: Scalar::Bool(_), .. }));
        Self { kind, at: node.span.position }
    }

    /// Whether it says nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar { scalar: Scalar::Null, .. })
    }

    /// The entries, if this is a map.
    pub(super) fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
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
                Scalar::Text => "text",
            },
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
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
                Scalar::Text => "string",
            },
            Kind::List(_) => "[]interface {}",
            Kind::Map(_) => "map[string]interface {}",
        }
    }

    /// The short tag and, for scalars, the beginning of the text, as go-yaml's errors show them.
    pub(super) fn go_shown(&self) -> String {
        match &self.kind {
            Kind::List(_) => "!!seq".to_owned(),
            Kind::Map(_) => "!!map".to_owned(),
            Kind::Scalar { text, scalar } => {
                let tag = match scalar {
                    Scalar::Null => "!!null",
                    Scalar::Bool(_) => "!!bool",
                    Scalar::Int(_) => "!!int",
                    Scalar::Float(_) => "!!float",
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
