//! Patches: JSON merge patch (RFC 7396), JSON patch (RFC 6902), and strategic merge patch (`strategic`). Server-side apply
//! is `apply`'s.

mod strategic;

use json_patch::{PatchOperation, jsonptr::Pointer};
use serde_json::Value;

use crate::object::Object;
use crate::status::{Answer, Failure};

const MAX_OPERATIONS: usize = 10_000;
/// `copy` can double a document; the real API server has the same limit.
const MAX_COPIED: usize = 3 << 20;
/// No operation may nest deeper; one more than this is what objects may have.
const MAX_DEPTH: usize = 120;

/// A patch, decoded by its content type.
#[derive(Debug)]
pub(crate) enum Patch {
    Merge(Value),
    Json(Vec<PatchOperation>),
    /// Of a built-in kind.
    Strategic(Object),
}

impl Patch {
    /// `custom`: the target is an object of a CustomResourceDefinition, which has no strategic merge patch.
    pub(crate) fn parse(content_type: &str, body: &[u8], custom: bool) -> Answer<(Self, Vec<String>)> {
        match content_type {
            "application/merge-patch+json" => {
                let (patch, duplicates) = merge_body(body)?;
                Ok((Self::Merge(patch), duplicates))
            }
            "application/json-patch+json" => {
                if !matches!(serde_json::from_slice(body), Ok(Value::Array(_))) {
                    return Err(Failure::bad_request("error decoding patch: a JSON patch is a list of operations"));
                }
                // The decoder's own text could quote the patch.
                let operations: Vec<PatchOperation> = serde_json::from_slice(body).map_err(|_| rejected())?;
                if operations.len() > MAX_OPERATIONS {
                    return Err(Failure::body_too_large(MAX_OPERATIONS));
                }
                Ok((Self::Json(operations), Vec::new()))
            }
            "application/strategic-merge-patch+json" if custom => Err(Failure::unsupported_media_type(
                "the body of the request was in an unknown format - accepted media types include: \
                 application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            )),
            "application/strategic-merge-patch+json" => {
                let (patch, duplicates) = crate::body::object(body)?;
                Ok((Self::Strategic(patch), duplicates))
            }
            _ => {
                let mut failure = Failure::unsupported_media_type("415: Unsupported Media Type");
                failure.details = Some(serde_json::json!({}));
                Err(failure)
            }
        }
    }

    /// What the patch makes of `object`, which is one of the kind `plural`.
    pub(crate) fn apply(&self, plural: &str, mut object: Object) -> Answer<Object> {
        let mut value = match self {
            Self::Strategic(patch) => {
                strategic::apply(plural, &mut object, patch)?;
                return Ok(object);
            }
            _ => Value::Object(object),
        };
        match self {
            Self::Merge(patch) => json_patch::merge(&mut value, patch),
            Self::Json(operations) => apply_json(&mut value, operations)?,
            Self::Strategic(_) => (),
        }
        match value {
            Value::Object(object) => Ok(object),
            _ => Err(Failure::bad_request("the patch makes something else than an object")),
        }
    }
}

/// The patch, and the paths of fields that are in it twice.
fn merge_body(body: &[u8]) -> Answer<(Value, Vec<String>)> {
    let (patch, duplicates) = crate::body::object(body)
        .map_err(|failure| Failure { message: format!("error decoding patch: {}", failure.message), ..failure })?;
    Ok((Value::Object(patch), duplicates))
}

fn apply_json(value: &mut Value, operations: &[PatchOperation]) -> Answer<()> {
    let mut copied = 0;
    for (index, operation) in operations.iter().enumerate() {
        let nested = match operation {
            PatchOperation::Add(add) => depth(&add.value),
            PatchOperation::Replace(replace) => depth(&replace.value),
            PatchOperation::Copy(copy) => {
                let source = value.pointer(copy.from.as_str());
                copied += source.map_or(0, size);
                source.map_or(0, depth)
            }
            PatchOperation::Move(moved) => value.pointer(moved.from.as_str()).map_or(0, depth),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => 0,
        };
        if copied > MAX_COPIED {
            return Err(Failure::new(413, "RequestEntityTooLarge", "the patch copies too much"));
        }
        if steps(operation.path()) + nested > MAX_DEPTH {
            return Err(Failure::bad_request(format!("the patch nests deeper than {MAX_DEPTH} levels")));
        }
        // The error's own text names paths, not values; still, only its place and kind are passed on.
        json_patch::patch_unsafe(value, std::slice::from_ref(operation)).map_err(|error| {
            tracing::debug!(index, error = %error.kind, "an operation of a JSON patch failed");
            rejected()
        })?;
    }
    Ok(())
}

/// 422: the real one does not say which operation it was either.
fn rejected() -> Failure {
    let mut failure = Failure::new(422, "Invalid", "the server rejected our request due to an error in our request");
    failure.details = Some(serde_json::json!({}));
    failure
}

fn steps(path: &Pointer) -> usize {
    path.as_str().bytes().filter(|byte| *byte == b'/').count()
}

/// The depth of a value that keeps to the limits already.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Roughly what a value weighs as JSON.
fn size(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>() + 2,
        Value::Array(list) => list.iter().map(|value| size(value) + 1).sum::<usize>() + 2,
        Value::String(text) => text.len() + 2,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MERGE: &str = "application/merge-patch+json";
    const JSON: &str = "application/json-patch+json";
    const STRATEGIC: &str = "application/strategic-merge-patch+json";

    fn patched(kind: &str, object: Value, patch: Value) -> Result<Value, u16> {
        Patch::parse(kind, patch.to_string().as_bytes(), false)
            .and_then(|(patch, _)| patch.apply("secrets", object.as_object().cloned().unwrap()))
            .map(Value::Object)
            .map_err(|failure| failure.code)
    }

    #[test]
    fn patches_patch() {
        let cases = [
            (
                MERGE,
                json!({"a": 1, "b": {"c": 1}}),
                json!({"a": null, "b": {"d": 2}}),
                Ok(json!({"b": {"c": 1, "d": 2}})),
            ),
            (MERGE, json!({"a": [1, 2]}), json!({"a": [3]}), Ok(json!({"a": [3]}))),
            (MERGE, json!({}), json!([]), Err(400)),
            (JSON, json!({"a": 1}), json!([{"op": "replace", "path": "/a", "value": 2}]), Ok(json!({"a": 2}))),
            (JSON, json!({"a": 1}), json!([{"op": "test", "path": "/a", "value": 2}]), Err(422)),
            (JSON, json!({"a": 1}), json!([{"op": "remove", "path": "/b"}]), Err(422)),
            (JSON, json!({"a": 1}), json!([{"op": "replace", "path": "", "value": 2}]), Err(400)),
            (JSON, json!({}), json!({"op": "add"}), Err(400)),
            (
                STRATEGIC,
                json!({"data": {"a": "x"}}),
                json!({"data": {"b": "y"}}),
                Ok(json!({"data": {"a": "x", "b": "y"}})),
            ),
            (STRATEGIC, json!({}), json!({"a": [1]}), Ok(json!({"a": [1]}))),
            (STRATEGIC, json!({}), json!({"a": {"$patch": "replace"}}), Ok(json!({"a": {}}))),
            ("text/plain", json!({}), json!({}), Err(415)),
        ];
        for (kind, object, patch, expected) in cases {
            assert_eq!(patched(kind, object, patch.clone()), expected, "{kind} {patch}");
        }
    }

    #[test]
    fn patches_that_explode_are_refused() {
        let doubling: Vec<Value> =
            (0..40).map(|n| json!({"op": "copy", "from": "/a", "path": format!("/a/x{n}")})).collect();
        assert!(patched(JSON, json!({"a": {"b": "some text that grows"}}), json!(doubling)).is_err());
        let mut path = String::new();
        let nesting: Vec<Value> = (0..200)
            .map(|_| {
                path.push_str("/a");
                json!({"op": "add", "path": path, "value": {}})
            })
            .collect();
        assert_eq!(patched(JSON, json!({}), json!(nesting)), Err(400));
    }

    #[test]
    fn no_error_quotes_a_value() {
        let failure = Patch::parse(JSON, b"\"hunter2\"", false).unwrap_err();
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }
}
