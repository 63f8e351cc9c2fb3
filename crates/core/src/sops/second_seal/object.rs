//! The digest `object` of a document: what survives when it goes through an API server or kustomize. Maps are unordered; comments and
//! nulls in maps do not count, nor does what an API server owns; numbers are numbers, and times are text, as in JSON.

use super::digest::{Digest, SealKey};
use super::text::DIGEST_BYTES;
use crate::sops::{Branch, Item, Value};

/// Fields of `metadata` that an API server sets.
const OWNED: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The digest of one document.
pub(super) fn digest(document: &Branch, key: &SealKey) -> [u8; DIGEST_BYTES] {
    let mut digest = key.begin("object");
    let kubernetes = is_kubernetes(document);
    if kubernetes {
        digest.put(b"kubernetes");
        digest.put(text_at(document, "namespace"));
        digest.put(text_at(document, "name"));
    } else {
        digest.put(b"document");
    }
    map(document, if kubernetes { Level::Object } else { Level::Inside }, &mut digest);
    digest.end()
}

/// Whether a document is a Kubernetes manifest: it says so by `apiVersion` and `kind`.
pub(super) fn is_kubernetes(document: &Branch) -> bool {
    let is_text = |name| matches!(get(document, name), Some(Value::Text(_)));
    is_text("apiVersion") && is_text("kind")
}

/// How deep we are in a manifest: an API server owns fields of the first three levels.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Object,
    Metadata,
    Annotations,
    Inside,
}

fn map(branch: &Branch, level: Level, digest: &mut Digest) {
    let mut items: Vec<(&str, &Value, Level)> = branch
        .iter()
        .filter_map(|item| Some((item.name()?, &item.value)))
        .filter(|(name, value)| !matches!(value, Value::Null | Value::Comment(_)) && !is_owned(level, name))
        .map(|(name, value)| {
            let below = match (level, name) {
                (Level::Object, "metadata") => Level::Metadata,
                (Level::Metadata, "annotations") => Level::Annotations,
                _ => Level::Inside,
            };
            (name, value, below)
        })
        // A map of annotations that only had what kubectl wrote is as good as none.
        .filter(|(_, value, below)| *below != Level::Annotations || has_annotations(value))
        .collect();
    // Stable: a key that stands twice keeps its order.
    items.sort_by_key(|(name, ..)| *name);
    digest.put(b"m");
    digest.put(&(items.len() as u64).to_be_bytes());
    for (name, value, level) in items {
        digest.put(name.as_bytes());
        put(value, level, digest);
    }
}

fn put(value: &Value, level: Level, digest: &mut Digest) {
    match value {
        Value::Map(branch) => map(branch, level, digest),
        Value::List(list) => {
            let elements: Vec<&Value> = list.iter().filter(|value| !matches!(value, Value::Comment(_))).collect();
            digest.put(b"l");
            digest.put(&(elements.len() as u64).to_be_bytes());
            elements.into_iter().for_each(|value| put(value, Level::Inside, digest));
        }
        Value::Text(text) => two(digest, b"s", text),
        Value::Time(time) => two(digest, b"s", time.as_str().as_bytes()),
        Value::Int(number) => two(digest, b"d", number.to_string().as_bytes()),
        Value::Uint(number) => two(digest, b"d", number.to_string().as_bytes()),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => {
            // Without a fraction and below 2^53, so that it is exact; 1.0 is 1 after a way through JSON.
            two(digest, b"d", format!("{:.0}", number + 0.0).as_bytes());
        }
        Value::Float(number) => two(digest, b"f", format!("{number:?}").as_bytes()),
        Value::Bool(value) => two(digest, b"b", &[u8::from(*value)]),
        Value::Null | Value::Comment(_) => digest.put(b"n"),
    }
}

fn two(digest: &mut Digest, kind: &[u8], bytes: &[u8]) {
    digest.put(kind);
    digest.put(bytes);
}

fn is_owned(level: Level, name: &str) -> bool {
    match level {
        Level::Object => name == "status",
        // Name and namespace are bound by fields of their own.
        Level::Metadata => OWNED.contains(&name) || name == "name" || name == "namespace",
        Level::Annotations => name == LAST_APPLIED,
        Level::Inside => false,
    }
}

fn has_annotations(value: &Value) -> bool {
    match value {
        Value::Map(branch) => branch
            .iter()
            .any(|item| item.name().is_some_and(|name| name != LAST_APPLIED) && !matches!(item.value, Value::Null)),
        _ => true,
    }
}

fn text_at<'a>(document: &'a Branch, name: &str) -> &'a [u8] {
    match get(document, "metadata") {
        Some(Value::Map(metadata)) => match get(metadata, name) {
            Some(Value::Text(text)) => text,
            _ => b"",
        },
        _ => b"",
    }
}

fn get<'a>(branch: &'a [Item], name: &str) -> Option<&'a Value> {
    branch.iter().find(|item| item.name() == Some(name)).map(|item| &item.value)
}
