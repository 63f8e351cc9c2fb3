//! What a scalar means: the schema. Table-tested against the Go program, see `tests/vectors/yaml`.

use crate::number::{self, Integer};
use crate::timestamp::is_timestamp;

/// Whose rules decide the type of a plain scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schema {
    /// go-yaml v2 (YAML 1.1 without base 60), as `sigs.k8s.io/yaml` and so kubectl and kubeseal use it: `yes` is true,
    /// `010` is 8, `1_000` is 1000.
    GoYaml2,
}

/// A tag, as far as the schema cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Str,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
    Merge,
    /// Any other tag, `!` included, leaves the text as it is.
    Other,
}

impl Tag {
    /// From the resolved tag, `tag:yaml.org,2002:int` for `!!int`.
    pub(crate) fn from_parts(handle: &str, suffix: &str) -> Self {
        let mut full = String::with_capacity(handle.len() + suffix.len());
        full.push_str(handle);
        full.push_str(suffix);
        match full.strip_prefix("tag:yaml.org,2002:") {
            Some("str") => Self::Str,
            Some("bool") => Self::Bool,
            Some("int") => Self::Int,
            Some("float") => Self::Float,
            Some("null") => Self::Null,
            Some("timestamp") => Self::Timestamp,
            Some("binary") => Self::Binary,
            Some("merge") => Self::Merge,
            _ => Self::Other,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Str => "!!str",
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
            Self::Merge => "!!merge",
            Self::Other => "of its own",
        }
    }
}

/// The meaning of a scalar. `Text` and `Timestamp` keep the spelling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Timestamp,
    Text,
    /// Text that is base64 of the value.
    Base64,
}

/// The text does not fit its tag.
#[derive(Debug, PartialEq)]
pub(crate) struct Misfit;

impl Schema {
    /// The meaning of `text`. `plain` is false for quoted and block scalars.
    pub(crate) fn resolve(self, tag: Option<Tag>, plain: bool, text: &str) -> Result<Resolved, Misfit> {
        match self {
            Self::GoYaml2 => go_yaml_2(tag, plain, text),
        }
    }

    /// Whether a plain scalar with this text would be read as text: if not, a writer must quote it.
    pub(crate) fn is_text_when_plain(self, text: &str) -> bool {
        match self {
            Self::GoYaml2 => untagged(text, true) == Resolved::Text,
        }
    }
}

fn go_yaml_2(tag: Option<Tag>, plain: bool, text: &str) -> Result<Resolved, Misfit> {
    let tag = match tag {
        None if !plain => return Ok(Resolved::Text),
        None => return Ok(untagged(text, true)),
        Some(Tag::Str | Tag::Merge | Tag::Other) => return Ok(Resolved::Text),
        Some(Tag::Binary) => return Ok(Resolved::Base64),
        Some(tag) => tag,
    };
    match (tag, untagged(text, tag == Tag::Timestamp)) {
        (Tag::Null, resolved @ Resolved::Null)
        | (Tag::Bool, resolved @ Resolved::Bool(_))
        | (Tag::Int, resolved @ (Resolved::Int(_) | Resolved::Uint(_)))
        | (Tag::Float, resolved @ Resolved::Float(_))
        | (Tag::Timestamp, resolved @ Resolved::Timestamp) => Ok(resolved),
        #[expect(clippy::cast_precision_loss, reason = "Go converts with float64()")]
        (Tag::Float, Resolved::Int(value)) => Ok(Resolved::Float(value as f64)),
        _ => Err(Misfit),
    }
}

/// go-yaml v2's `resolve`: a look at the first byte, a table of words, then numbers.
fn untagged(text: &str, timestamps: bool) -> Resolved {
    let Some(&first) = text.as_bytes().first() else { return Resolved::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            word(text).unwrap_or(Resolved::Text)
        }
        b'.' => word(text).or_else(|| number::parse_point_float(text).map(Resolved::Float)).unwrap_or(Resolved::Text),
        b'+' | b'-' | b'0'..=b'9' => {
            word(text).or_else(|| number_or_timestamp(text, timestamps)).unwrap_or(Resolved::Text)
        }
        _ => Resolved::Text,
    }
}

fn number_or_timestamp(text: &str, timestamps: bool) -> Option<Resolved> {
    if timestamps && is_timestamp(text) {
        return Some(Resolved::Timestamp);
    }
    // The longest number that can matter; a password of digits and underscores is not copied for nothing.
    let stripped;
    let digits = if text.contains('_') {
        stripped = zeroize::Zeroizing::new(text.replace('_', ""));
        stripped.as_str()
    } else {
        text
    };
    number::parse_go_integer(digits)
        .map(Resolved::from)
        .or_else(|| number::parse_yaml_float(digits).map(Resolved::Float))
        .or_else(|| number::parse_binary_fallback(digits).map(Resolved::from))
}

impl From<Integer> for Resolved {
    fn from(integer: Integer) -> Self {
        match integer {
            Integer::Signed(value) => Self::Int(value),
            Integer::Unsigned(value) => Self::Uint(value),
        }
    }
}

fn word(text: &str) -> Option<Resolved> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}
