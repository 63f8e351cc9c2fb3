//! JSON bodies: decoded, with the paths of the fields that are in them twice. Errors name the place, never the content.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::object::Object;
use crate::status::{Answer, Failure};

/// More are not remembered: a body may have a million of them.
const MAX_DUPLICATES: usize = 100;

/// Decodes a JSON object, and names the fields that are there twice; the last of them counts.
pub(crate) fn object(body: &[u8]) -> Answer<(Object, Vec<String>)> {
    match decode(body)? {
        (Value::Object(object), duplicates) => Ok((object, duplicates)),
        _ => Err(Failure::bad_request("the body must be a JSON object")),
    }
}

fn decode(body: &[u8]) -> Answer<(Value, Vec<String>)> {
    let mut found = Found { path: String::new(), duplicates: Vec::new() };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let decoded = Seed(&mut found).deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match decoded {
        Ok(value) => Ok((value, found.duplicates)),
        Err(error) => {
            let what = if error.is_eof() { "ends too early" } else { "is not valid" };
            let (line, column) = (error.line(), error.column());
            Err(Failure::bad_request(format!("the JSON of the body {what} at line {line}, column {column}")))
        }
    }
}

struct Found {
    /// Where the reader is.
    path: String,
    duplicates: Vec<String>,
}

impl Found {
    /// Reads something one step further down.
    fn within<T>(&mut self, step: fmt::Arguments<'_>, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        // Writing into a String cannot fail.
        let _ = fmt::Write::write_fmt(&mut self.path, step);
        let result = read(self);
        self.path.truncate(length);
        result
    }
}

struct Seed<'a>(&'a mut Found);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let index = list.len();
            match self.0.within(format_args!("[{index}]"), |found| items.next_element_seed(Seed(found)))? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let dot = if self.0.path.is_empty() { "" } else { "." };
            let value = self.0.within(format_args!("{dot}{name}"), |found| {
                if map.contains_key(&name) && found.duplicates.len() < MAX_DUPLICATES {
                    found.duplicates.push(found.path.clone());
                }
                fields.next_value_seed(Seed(found))
            })?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_are_there_twice_are_named_and_the_last_one_counts() {
        let text = br#"{"a":{"b":1,"b":2.5,"c":[{"d":null},{"d":"x","d":true}]},"a":-1}"#;
        let (object, duplicates) = object(text).ok().unwrap();
        assert_eq!(Value::Object(object), json!({ "a": -1 }));
        assert_eq!(duplicates, ["a.b", "a.c[1].d", "a"]);
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for text in ["{}", "[]", r#"{"a":[1,-2,3.5,"x",null,true,{}]}"#, "18446744073709551615", "\"\\u00e4\""] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(decode(text.as_bytes()).ok().map(|(value, _)| value), Some(expected), "{text}");
        }
        for text in ["", "{", "{} {}", "[1,]", "hunter2", "1e999"] {
            let failure = decode(text.as_bytes()).unwrap_err();
            assert_eq!(failure.code, 400, "{text}");
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }
}
