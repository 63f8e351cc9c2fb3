//! The types of plain scalars, as go-yaml v3 guesses them when it decodes into `interface{}`.

use zeroize::Zeroizing;

use super::ScalarStyle;
use crate::number::{Integer, parse_go_integer, parse_point_float, parse_yaml_float};
use crate::timestamp;

/// What `!!` stands for.
pub(super) const TAG_PREFIX: &str = "tag:yaml.org,2002:";

/// A typed scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`, `~`, nothing
    Null,
    /// `true`, `True`, `TRUE` and the same of false
    Bool(bool),
    /// Any spelling of an integer within 64 bits with sign
    Int(i64),
    /// An integer above 9223372036854775807
    Uint(u64),
    /// Any other number
    Float(f64),
    /// A timestamp, normalised: RFC 3339 with nanoseconds, `2024-01-02T00:00:00Z` for a date
    Time(String),
    /// `<<`
    Merge,
    /// Everything else is text
    Text,
}

/// A scalar under its tag.
pub enum Tagged {
    /// What its text says. The text itself is in the node.
    Scalar(Scalar),
    /// The bytes of `!!binary`.
    Binary(Zeroizing<Vec<u8>>),
}

/// What a plain scalar without a tag is.
#[must_use]
pub fn resolve(text: &str) -> Scalar {
    if text == "<<" {
        return Scalar::Merge;
    }
    resolve_hinted(text, true)
}

/// What a scalar is, whatever its tag and style.
///
/// # Errors
/// go-yaml's message, without the value, if the text does not fit the tag.
pub fn resolve_tagged(text: &str, tag: &str, style: ScalarStyle) -> Result<Tagged, String> {
    let quoted = style != ScalarStyle::Plain;
    let scalar = match tag {
        "" | "!" if quoted => Scalar::Text,
        "" | "!" => resolve(text),
        "!!binary" => {
            let bytes = crate::base64::decode(text).ok_or("!!binary value contains invalid base64 data")?;
            return Ok(Tagged::Binary(bytes));
        }
        "!!bool" | "!!int" | "!!float" | "!!null" | "!!timestamp" => {
            let scalar = resolve_hinted(text, tag == "!!timestamp");
            let is = short_name(&scalar);
            match scalar {
                scalar if is == tag => scalar,
                #[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
                Scalar::Int(number) if tag == "!!float" => Scalar::Float(number as f64),
                _ => return Err(format!("cannot decode {is} as a {tag}")),
            }
        }
        _ => Scalar::Text,
    };
    Ok(Tagged::Scalar(scalar))
}

/// The tag that go-yaml gives to a scalar of this type.
#[must_use]
pub fn short_name(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Null => "!!null",
        Scalar::Bool(_) => "!!bool",
        Scalar::Int(_) | Scalar::Uint(_) => "!!int",
        Scalar::Float(_) => "!!float",
        Scalar::Time(_) => "!!timestamp",
        Scalar::Merge => "!!merge",
        Scalar::Text => "!!str",
    }
}

/// `tag:yaml.org,2002:int` as `!!int`; other tags as they are, and nothing for `!`.
pub(super) fn short_tag(tag: &str) -> String {
    match tag.strip_prefix(TAG_PREFIX) {
        Some(name) => format!("!!{name}"),
        None if tag == "!" => String::new(),
        None => tag.to_owned(),
    }
}

fn resolve_hinted(text: &str, timestamps: bool) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' => parse_point_float(text).map_or(Scalar::Text, Scalar::Float),
        b'0'..=b'9' | b'+' | b'-' => {
            if timestamps && let Some(time) = timestamp::normalise(text) {
                return Scalar::Time(time);
            }
            number(text)
        }
        _ => Scalar::Text,
    }
}

/// Underscores are nothing in numbers, wherever they stand.
fn number(text: &str) -> Scalar {
    let without;
    let plain = if text.contains('_') {
        without = Zeroizing::new(text.replace('_', ""));
        without.as_str()
    } else {
        text
    };
    if let Some(integer) = parse_go_integer(plain) {
        return of_integer(integer);
    }
    if let Some(float) = parse_yaml_float(plain) {
        return Scalar::Float(float);
    }
    [("0b", 2), ("0o", 8)]
        .into_iter()
        .find_map(|(prefix, radix)| prefixed(plain, prefix, radix))
        .map_or(Scalar::Text, of_integer)
}

fn of_integer(integer: Integer) -> Scalar {
    match integer {
        Integer::Signed(number) => Scalar::Int(number),
        Integer::Unsigned(number) => Scalar::Uint(number),
    }
}

/// go-yaml's second look at `0b` and `0o`, which lets a sign stand behind the prefix (`0o-7` is -7).
fn prefixed(text: &str, prefix: &str, radix: u32) -> Option<Integer> {
    if let Some(digits) = text.strip_prefix(prefix) {
        if let Ok(number) = i64::from_str_radix(digits, radix) {
            return Some(Integer::Signed(number));
        }
        return u64::from_str_radix(digits, radix).ok().filter(|_| !digits.starts_with('+')).map(Integer::Unsigned);
    }
    let digits = text.strip_prefix('-')?.strip_prefix(prefix)?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    0i64.checked_sub_unsigned(magnitude).map(Integer::Signed)
}
