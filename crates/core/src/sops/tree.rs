//! The tree that all formats are read into: documents of ordered items, with comments as items.
//!
//! A tree may hold plaintext. It has no `Debug` and no `Serialize`; text is cleared when it is dropped.

use zeroize::Zeroizing;

/// A file: its documents in order. Only YAML has more than one.
#[derive(Clone, Default)]
pub struct Tree {
    /// At least one for every file that was read.
    pub documents: Vec<Branch>,
}

/// A map: its items in the order of the file. Keys may be there twice (JSON, dotenv).
pub type Branch = Vec<Item>;

/// One item of a map: a key and its value, or a comment.
#[derive(Clone, PartialEq)]
pub struct Item {
    /// The key. A comment stands here with [`Value::Null`] as its value.
    pub key: Key,
    /// The value.
    pub value: Value,
}

/// What stands where a map has its keys.
#[derive(Clone, PartialEq)]
pub enum Key {
    /// A key. Keys are not secret.
    Name(String),
    /// A comment between items.
    Comment(Comment),
    /// A YAML key that is no text. It can be read and printed, not encrypted.
    Other {
        /// What Go calls its type: `int`, `bool`, `float64`, `<nil>`, `time.Time`.
        go_type: &'static str,
        /// How Go prints it.
        text: String,
    },
}

/// A value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A map.
    Map(Branch),
    /// A list; comments are elements of it.
    List(Vec<Value>),
    /// Text, or any bytes (the binary format; `!!binary`).
    Text(Zeroizing<Vec<u8>>),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer above 9223372036854775807 in YAML. It can be read and printed, not encrypted: `unknown type: uint64`.
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A point in time.
    Time(Time),
    /// A comment as an element of a list; in a map also the result of decrypting a value of type `comment`.
    Comment(Comment),
    /// Null. Never encrypted, not in the MAC.
    Null,
}

/// One line of a comment: what stands after the first `#`. While encrypted, the text is `ENC[…]`.
#[derive(Clone, PartialEq)]
pub struct Comment {
    /// The text, without the `#`.
    pub text: Zeroizing<Vec<u8>>,
    /// Whether it stood behind a value on the same line (YAML).
    pub inline: bool,
}

/// A point in time as Go's RFC 3339 with nanoseconds writes it: `2024-01-02T00:00:00Z`, its own offset kept, trailing zeros of the
/// fraction dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Time(Zeroizing<String>);

impl Time {
    /// Reads RFC 3339 and normalises it. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let clock = rest.strip_prefix('T').or_else(|| rest.strip_prefix('t'))?;
        let (clock, zone) = match clock.find(['Z', 'z', '+', '-']) {
            Some(at) => clock.split_at(at),
            None => return None,
        };
        let digits = |text: &str, shape: &str| {
            text.len() == shape.len()
                && text
                    .bytes()
                    .zip(shape.bytes())
                    .all(|(is, due)| if due == b'9' { is.is_ascii_digit() } else { is == due })
        };
        let number = |text: &str| text.parse::<u32>().ok();
        let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        if !digits(date, "9999-99-99") || !digits(seconds, "99:99:99") || (clock.contains('.') && fraction.is_empty()) {
            return None;
        }
        if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let zone = match zone {
            "Z" | "z" | "+00:00" => "Z",
            // Go keeps this zone as it is written.
            _ if digits(&zone[1..], "99:99") && number(&zone[1..3])? < 24 && number(&zone[4..6])? < 60 => zone,
            _ => return None,
        };
        date.parse::<jiff::civil::Date>().ok()?;
        if number(&seconds[..2])? > 23 || number(&seconds[3..5])? > 59 || number(&seconds[6..])? > 59 {
            return None;
        }
        let fraction = fraction.get(..9).unwrap_or(fraction).trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        Some(Self(Zeroizing::new(format!("{date}T{seconds}{dot}{fraction}{zone}"))))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Comment {
    /// A comment on a line of its own.
    #[must_use]
    pub fn new(text: impl Into<Vec<u8>>) -> Self {
        Self { text: Zeroizing::new(text.into()), inline: false }
    }
}

impl Item {
    /// A key and its value.
    #[must_use]
    pub fn new(key: impl Into<String>, value: Value) -> Self {
        Self { key: Key::Name(key.into()), value }
    }

    /// A comment between items.
    #[must_use]
    pub fn comment(comment: Comment) -> Self {
        Self { key: Key::Comment(comment), value: Value::Null }
    }

    /// The key, unless this is a comment or the key is no text.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.key {
            Key::Name(name) => Some(name),
            _ => None,
        }
    }
}

impl Value {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    /// What Go calls the type, as messages of the real tool have it.
    #[must_use]
    pub fn go_type(&self) -> &'static str {
        match self {
            Self::Map(_) => "sops.TreeBranch",
            Self::List(_) => "[]interface {}",
            Self::Text(_) => "string",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::Time(_) => "time.Time",
            Self::Comment(_) => "sops.Comment",
            Self::Null => "<nil>",
        }
    }

    /// Whether this is a map or a list.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        matches!(self, Self::Map(_) | Self::List(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (text, expected) in [
            ("2024-01-02T03:04:05Z", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05+00:00", Some("2024-01-02T03:04:05Z")),
            ("2024-01-02T03:04:05.120+02:30", Some("2024-01-02T03:04:05.12+02:30")),
            ("2024-01-02T03:04:05.000Z", Some("2024-01-02T03:04:05Z")),
            ("2024-02-30T03:04:05Z", None),
            ("2024-01-02T24:04:05Z", None),
            ("2024-01-02", None),
            ("2024-01-02T03:04:05", None),
            ("", None),
            ("äääääääääääää", None),
        ] {
            assert_eq!(Time::parse(text).as_ref().map(Time::as_str), expected, "{text}");
        }
    }
}
