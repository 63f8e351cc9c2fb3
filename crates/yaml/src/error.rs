//! Everything that reading can fail with, and what a caller may want to warn about.
//!
//! The input may hold secrets in plain text, so no message repeats a scalar. Keys of mappings are not secret and are named.

use crate::position::Position;

/// Why an input was refused. Messages begin with the place, the caller puts the file's name in front:
/// `secret.yaml: line 4, column 3: …`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("the input has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// Size of the input in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// UTF-16 or UTF-32, told by its byte order mark or by zero bytes at the start.
    #[error("the input is {encoding}, only UTF-8 is read")]
    Encoding {
        /// `UTF-16` or `UTF-32`.
        encoding: &'static str,
    },
    /// A byte that does not belong to UTF-8 text.
    #[error("{position}: byte {offset} of the input is not valid UTF-8")]
    NotUtf8 {
        /// Where the valid text ends.
        position: Position,
        /// The same in bytes from 0.
        offset: usize,
    },
    /// A control character that YAML forbids (go-yaml: "control characters are not allowed").
    #[error(
        "{position}: the control character U+{code:04X} is not allowed in YAML, write it as an escape in double quotes"
    )]
    ControlCharacter {
        /// Where the character stands.
        position: Position,
        /// Its code point.
        code: u32,
    },
    /// A character that ends a line in YAML 1.1, and so for kubeseal, and that is text in YAML 1.2: U+0085, U+2028, U+2029.
    #[error(
        "{position}: the character U+{code:04X} is a line break to kubeseal and text to newer YAML, write it as an escape in double quotes"
    )]
    AmbiguousLineBreak {
        /// Where the character stands.
        position: Position,
        /// Its code point.
        code: u32,
    },
    /// Text that is not YAML.
    #[error("{position}: {problem}")]
    Yaml {
        /// Where the parser gave up.
        position: Position,
        /// What it says, without any of the text.
        problem: String,
    },
    /// Text that begins like JSON and is neither JSON nor YAML.
    #[error("{position}: {problem}")]
    Json {
        /// Where the parser gave up.
        position: Position,
        /// What was expected.
        problem: &'static str,
    },
    /// Something other than a document separator after a complete JSON object.
    #[error("{position}: text after the last complete JSON object")]
    TrailingText {
        /// Where the text begins.
        position: Position,
    },
    /// More than [`Limits::max_depth`](crate::Limits::max_depth).
    #[error("{position}: lists and maps are nested more than {limit} deep")]
    TooDeep {
        /// The first node beyond the limit.
        position: Position,
        /// The limit in levels.
        limit: usize,
    },
    /// More than [`Limits::max_alias_nodes`](crate::Limits::max_alias_nodes).
    #[error("{position}: aliases and merge keys expand to more than {limit} nodes")]
    TooManyAliasNodes {
        /// The alias that crossed the limit.
        position: Position,
        /// The limit in nodes.
        limit: usize,
    },
    /// More than [`Limits::max_documents`](crate::Limits::max_documents).
    #[error("{position}: more than {limit} documents")]
    TooManyDocuments {
        /// The first document beyond the limit.
        position: Position,
        /// The limit in documents.
        limit: usize,
    },
    /// An alias inside the node that it stands for.
    #[error("{position}: the alias stands inside the node that it refers to")]
    RecursiveAlias {
        /// The alias.
        position: Position,
    },
    /// `<<` with something other than a map, an alias of a map, or a list of these.
    #[error("{position}: the merge key `<<` needs a map or a list of maps")]
    MergeNotAMap {
        /// The value of the merge key.
        position: Position,
    },
    /// A key that has no JSON spelling: a list, a map, null, or an integer above 9223372036854775807.
    #[error("{position}: {kind} cannot be a key")]
    KeyType {
        /// The key.
        position: Position,
        /// What it is.
        kind: &'static str,
    },
    /// A scalar under a tag that it does not fit, such as `!!int abc`.
    #[error("{position}: the value does not fit its tag {tag}")]
    Tag {
        /// The scalar.
        position: Position,
        /// The tag in short form, one of YAML's own.
        tag: &'static str,
    },
    /// `!!binary` over something that is not base64, or not UTF-8 text once decoded.
    #[error("{position}: the !!binary value {problem}")]
    Binary {
        /// The scalar.
        position: Position,
        /// What is wrong.
        problem: &'static str,
    },
    /// `.inf` or `.nan`, which JSON cannot say.
    #[error("{position}: the number has no JSON form (infinity or not a number)")]
    NoJsonForm {
        /// The scalar.
        position: Position,
    },
    /// A list or a map where text was asked for.
    #[error("{position}: expected text, found {found}")]
    NotAScalar {
        /// The node.
        position: Position,
        /// `a list` or `a map`.
        found: &'static str,
    },
    /// [`read_one`](crate::read_one) on an input with no or several documents.
    #[error("expected one document, found {found}")]
    NotOneDocument {
        /// Number of documents that are not empty.
        found: usize,
    },
}

impl Error {
    /// The place that the message begins with; none for errors about the whole input.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::TooLarge { .. } | Self::Encoding { .. } | Self::NotOneDocument { .. } => None,
            Self::NotUtf8 { position, .. }
            | Self::ControlCharacter { position, .. }
            | Self::AmbiguousLineBreak { position, .. }
            | Self::Yaml { position, .. }
            | Self::Json { position, .. }
            | Self::TrailingText { position }
            | Self::TooDeep { position, .. }
            | Self::TooManyAliasNodes { position, .. }
            | Self::TooManyDocuments { position, .. }
            | Self::RecursiveAlias { position }
            | Self::MergeNotAMap { position }
            | Self::KeyType { position, .. }
            | Self::Tag { position, .. }
            | Self::Binary { position, .. }
            | Self::NoJsonForm { position }
            | Self::NotAScalar { position, .. } => Some(*position),
        }
    }
}

/// Something that go-yaml v2 accepts in silence and that is rarely meant. `kubeseal` would go on; bulla's own verbs may refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// One key twice in one map; the last value wins.
    DuplicateKey {
        /// The later occurrence, whose value is used.
        position: Position,
        /// The key, as a string.
        key: String,
        /// The first occurrence, whose value is lost.
        first: Position,
    },
    /// A key set *before* a merge key `<<` that brings the same key. go-yaml v2 lets the merge win, against the
    /// YAML 1.1 merge specification.
    MergeOverrides {
        /// The key inside the merged map, whose value is used.
        position: Position,
        /// The key, as a string.
        key: String,
        /// The key in the map itself, whose value is lost.
        first: Position,
    },
}

impl Warning {
    /// The place that the message begins with.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::DuplicateKey { position, .. } => *position,
            Self::MergeOverrides { first, .. } => *first,
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DuplicateKey { position, key, first } => {
                write!(f, "{position}: the key `{}` is defined twice (first at ", key.escape_debug())?;
                if first.line == position.line {
                    write!(f, "column {})", first.column)
                } else {
                    write!(f, "line {})", first.line)
                }
            }
            Self::MergeOverrides { position, key, first } => write!(
                f,
                "{first}: the key `{}` is replaced by a merge key `<<` below it (from line {})",
                key.escape_debug(),
                position.line
            ),
        }
    }
}
