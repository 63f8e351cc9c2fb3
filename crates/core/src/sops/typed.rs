//! The bytes of a typed value: what is encrypted, and what the MAC is computed over.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{Comment, Time, Value};

/// The type that stands in an encrypted value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int,
    Float,
    Bool,
    Time,
    /// Read only: files of the Python era.
    Bytes,
    Comment,
}

impl Type {
    const ALL: [Self; 7] = [Self::Text, Self::Int, Self::Float, Self::Bool, Self::Time, Self::Bytes, Self::Comment];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Comment => "comment",
        }
    }

    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }
}

/// The bytes of a leaf as the MAC takes them; `None` for lists, maps and null.
pub(super) fn bytes(value: &Value) -> Option<Cow<'_, [u8]>> {
    Some(match value {
        Value::Text(text) => Cow::Borrowed(text.as_slice()),
        Value::Int(number) => Cow::Owned(number.to_string().into_bytes()),
        Value::Float(number) => Cow::Owned(decimal(*number).into_bytes()),
        Value::Bool(true) => Cow::Borrowed(b"True"),
        Value::Bool(false) => Cow::Borrowed(b"False"),
        Value::Time(time) => Cow::Borrowed(time.as_str().as_bytes()),
        Value::Comment(comment) => Cow::Borrowed(comment.text.as_slice()),
        Value::Map(_) | Value::List(_) | Value::Null | Value::Uint(_) => return None,
    })
}

/// Type and bytes of a leaf, to be encrypted.
pub(super) fn plaintext(value: &Value) -> Option<(Type, Zeroizing<Vec<u8>>)> {
    let kind = match value {
        Value::Text(_) => Type::Text,
        Value::Int(_) => Type::Int,
        Value::Float(_) => Type::Float,
        Value::Bool(_) => Type::Bool,
        Value::Time(_) => Type::Time,
        Value::Comment(_) => Type::Comment,
        Value::Map(_) | Value::List(_) | Value::Null | Value::Uint(_) => return None,
    };
    Some((kind, Zeroizing::new(bytes(value)?.into_owned())))
}

/// The value of a type that decrypted bytes stand for.
pub(super) fn typed(kind: Type, bytes: Zeroizing<Vec<u8>>) -> Result<Value, &'static str> {
    let text = || std::str::from_utf8(&bytes).map_err(|_| "its plaintext is not of its type");
    Ok(match kind {
        Type::Text | Type::Bytes => Value::Text(bytes),
        Type::Comment => Value::Comment(Comment { text: bytes, inline: false }),
        Type::Int => Value::Int(text()?.parse().map_err(|_| "its plaintext is no integer of 64 bits")?),
        Type::Float => Value::Float(text()?.parse().map_err(|_| "its plaintext is no number")?),
        Type::Bool => Value::Bool(match text()? {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err("its plaintext is neither true nor false"),
        }),
        Type::Time => Value::Time(Time::parse(text()?).ok_or("its plaintext is no RFC 3339 time")?),
    })
}

/// The shortest decimal that reads back as the same number, never with an exponent: `0.00001`, `1` for 1.0.
fn decimal(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_gos_digits() {
        for (number, expected) in [
            (1.0, "1"),
            (1.10, "1.1"),
            (-0.0, "-0"),
            (1e-7, "0.0000001"),
            (1e21, "1000000000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(decimal(number), expected);
        }
        assert_eq!(decimal(1e100).len(), 101);
    }

    #[test]
    fn what_is_written_is_read() {
        for value in [
            Value::text("text"),
            Value::Int(i64::MIN),
            Value::Float(1.5e300),
            Value::Bool(true),
            Value::Time(Time::parse("2024-01-02T03:04:05+01:00").unwrap()),
            Value::Comment(Comment::new(" note")),
        ] {
            let (kind, bytes) = plaintext(&value).unwrap();
            assert!(typed(kind, bytes).is_ok_and(|read| read == value), "{}", kind.name());
        }
        for (kind, bytes) in
            [(Type::Int, "x"), (Type::Int, "9223372036854775808"), (Type::Bool, "yes"), (Type::Time, "1")]
        {
            assert!(typed(kind, Zeroizing::new(bytes.as_bytes().to_vec())).is_err());
        }
    }
}
