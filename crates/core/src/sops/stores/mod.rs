//! The five formats: bytes to [`Tree`] and back, in the layout that sops writes.

mod binary;
mod dotenv;
mod entry;
mod ini;
mod json;
mod yaml;

pub use yaml::{Leaf, Located, load_located};
use zeroize::Zeroizing;

use self::entry::Flatness;
use super::{Branch, Error, Metadata, Tree, Value};

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML, several documents.
    Yaml,
    /// JSON, one object.
    Json,
    /// `KEY=value` lines.
    Dotenv,
    /// Sections of `key = value` lines.
    Ini,
    /// Any bytes; encrypted in an envelope of JSON.
    Binary,
}

/// What becomes of keys that are there twice in a later document of a YAML file. In the first document they are always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// An error.
    Refused,
    /// Both are kept.
    Kept,
}

/// How far each level is indented in output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indents {
    /// Spaces in YAML; 4 by default.
    pub yaml: usize,
    /// Spaces in JSON; -1, the default, is a tab.
    pub json: i32,
    /// The same for the envelope of the binary format.
    pub binary: i32,
}

impl Default for Indents {
    fn default() -> Self {
        Self { yaml: 4, json: -1, binary: -1 }
    }
}

impl Format {
    /// By the ending of the file's name: `.yaml`, `.yml`, `.json`, `.env`, `.ini`, else binary.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let is = |ending: &str| path.ends_with(ending);
        match () {
            () if is(".yaml") || is(".yml") => Self::Yaml,
            () if is(".json") => Self::Json,
            () if is(".env") => Self::Dotenv,
            () if is(".ini") => Self::Ini,
            () => Self::Binary,
        }
    }

    /// By the word of `--input-type` and `--output-type`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Yaml, Self::Json, Self::Dotenv, Self::Ini, Self::Binary].into_iter().find(|format| format.word() == word)
    }

    /// `yaml`, `json`, `dotenv`, `ini`, `binary`
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        }
    }

    /// Reads a file that is not encrypted. A key `sops` in it is an item like any other ([`Format::has_metadata`]).
    ///
    /// # Errors
    /// [`Error::Unreadable`] with line and column, [`Error::Empty`].
    pub fn load_plain(self, bytes: &[u8]) -> Result<Tree, Error> {
        self.load_plain_with(bytes, Duplicates::Refused)
    }

    /// [`Format::load_plain`], with a choice.
    ///
    /// # Errors
    /// The same.
    pub fn load_plain_with(self, bytes: &[u8], duplicates: Duplicates) -> Result<Tree, Error> {
        match self {
            Self::Yaml => yaml::load(bytes, duplicates),
            Self::Json => json::load(bytes),
            Self::Dotenv => dotenv::load(bytes),
            Self::Ini => ini::load(bytes),
            Self::Binary => Ok(binary::load(bytes)),
        }
    }

    /// Reads an encrypted file: its tree, still encrypted and without the metadata, and the metadata.
    ///
    /// # Errors
    /// As [`Format::load_plain`], and [`Error::MetadataNotFound`], [`Error::Metadata`].
    pub fn load_encrypted(self, bytes: &[u8]) -> Result<(Tree, Metadata), Error> {
        self.load_encrypted_with(bytes, Duplicates::Refused)
    }

    /// [`Format::load_encrypted`], with a choice.
    ///
    /// # Errors
    /// The same.
    pub fn load_encrypted_with(self, bytes: &[u8], duplicates: Duplicates) -> Result<(Tree, Metadata), Error> {
        let mut tree = match self {
            Self::Binary => json::load(bytes)?,
            // A file without documents has no metadata, either.
            _ => self.load_plain_with(bytes, duplicates).map_err(|error| match error {
                Error::Empty => Error::MetadataNotFound,
                error => error,
            })?,
        };
        let metadata = entry::extract(&mut tree, self.flatness())?;
        Ok((tree, metadata))
    }

    /// Writes a tree that is not encrypted, as sops lays it out.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn emit_plain(self, tree: &Tree, indents: Indents) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::Yaml => yaml::emit(tree, indents.yaml),
            Self::Json => json::emit(tree, indents.json),
            Self::Dotenv => dotenv::emit(tree),
            Self::Ini => ini::emit(tree),
            Self::Binary => binary::emit(tree),
        }
    }

    /// [`Format::emit_plain`] for a tree that is not needed any more: bytes of the binary format are handed over, not copied.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn into_plain(self, tree: Tree, indents: Indents) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::Binary => binary::into_bytes(tree),
            _ => self.emit_plain(&tree, indents),
        }
    }

    /// Writes an encrypted tree with its metadata.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn emit_encrypted(self, mut tree: Tree, metadata: &Metadata, indents: Indents) -> Result<Vec<u8>, Error> {
        entry::embed(&mut tree, metadata, self.flatness())?;
        let bytes = match self {
            Self::Binary => json::emit(&tree, indents.binary),
            _ => self.emit_plain(&tree, indents),
        };
        // Nothing in it is secret any more.
        bytes.map(|mut bytes| std::mem::take(&mut *bytes))
    }

    fn flatness(self) -> Flatness {
        match self {
            Self::Yaml | Self::Json | Self::Binary => Flatness::Nested,
            Self::Ini => Flatness::BelowEntry,
            Self::Dotenv => Flatness::Full,
        }
    }

    /// Writes one value, for `--extract`.
    ///
    /// # Errors
    /// [`Error::Unwritable`].
    pub fn emit_value(self, value: &Value, indents: Indents) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::Yaml => yaml::emit_value(value, indents.yaml),
            Self::Json => json::emit_value(value, indents.json),
            Self::Dotenv => dotenv::emit_value(value),
            Self::Ini => ini::emit_value(value),
            Self::Binary => binary::emit_value(value),
        }
    }

    /// Whether a document has what is reserved for the metadata: the key `sops`; in dotenv, keys that begin with `sops_`.
    #[must_use]
    pub fn has_metadata(self, document: &Branch) -> bool {
        document.iter().filter_map(super::Item::name).any(|name| match self {
            Self::Dotenv => name.starts_with("sops_"),
            _ => name == "sops",
        })
    }
}

/// A scalar as Go's `ValToString` prints it, for formats that have nothing but text: `7.0`, `1E+21`, `<nil>`.
#[must_use]
pub fn scalar_text(value: &Value) -> Zeroizing<String> {
    Zeroizing::new(match value {
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        Value::Float(number) => float_text(*number),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Time(time) => time.as_str().to_owned(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Comment(comment) => String::from_utf8_lossy(&comment.text).into_owned(),
        Value::Null => "<nil>".to_owned(),
        Value::Map(_) | Value::List(_) => String::new(),
    })
}

/// Go's `%G` with the shortest digits, and at least one decimal: an exponent below 1e-4 and from 1e6 on, as `strconv` has it.
fn float_text(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(power) if number != 0.0 && !(-4..6).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}E{sign}{:02}", power.abs())
        }
        _ => {
            let text = number.to_string();
            if text.contains('.') { text } else { format!("{text}.0") }
        }
    }
}
