//! YAML bodies, which JSON is one kind of. Errors name the place, never the content.

use bulla_yaml::{Limits, Warning, read_one};
use serde_json::Value;

use crate::object::Object;
use crate::status::{Answer, Failure};

/// Decodes an object, and names the fields that are there twice (the last
/// step of their paths); the last of them counts.
pub(crate) fn object(body: &[u8]) -> Answer<(Object, Vec<String>)> {
    // JSON first: it is most of what comes, and its decoder is the faster one.
    if body.first() == Some(&b'{')
        && let Ok(decoded) = super::json::object(body)
    {
        return Ok(decoded);
    }
    let decoded = read_one(body, &Limits::default()).and_then(|document| {
        let twice = document.warnings.iter().filter_map(|warning| match warning {
            Warning::DuplicateKey { key, .. } => Some(key.clone()),
            _ => None,
        });
        Ok((document.root.to_json()?, twice.collect()))
    });
    match decoded {
        Ok((Value::Object(object), duplicates)) => Ok((object, duplicates)),
        Ok(_) => Err(Failure::bad_request("error decoding YAML: the body must be an object")),
        Err(error) => Err(Failure::bad_request(format!("error decoding YAML: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_are_read() {
        for text in ["{\"a\":{\"b\":1}}", "a:\n  b: 1\n", "{a: {b: 1}}", "---\na: {\"b\": 1}\n"] {
            let (object, _) = object(text.as_bytes()).ok().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(Value::Object(object), json!({ "a": { "b": 1 } }), "{text}");
        }
        for text in ["", "- a\n", "hunter2", "a: [", "{", "a: &x [*x]\n"] {
            let failure = object(text.as_bytes()).unwrap_err();
            assert_eq!(failure.code, 400, "{text:?}");
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }
}
