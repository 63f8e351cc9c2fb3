//! Makes metadata say what is stated, and leaves alone what others put there.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Makes `metadata[map]` hold `stated`, and none of the names that were `named` before and are stated no longer. Returns the
/// names that this changed.
pub(super) fn state(
    metadata: &mut Map<String, Value>,
    map: &str,
    stated: &BTreeMap<String, String>,
    named: &[Box<str>],
) -> Vec<Box<str>> {
    let mut entries = match metadata.get(map) {
        Some(Value::Object(entries)) => entries.clone(),
        _ => Map::new(),
    };
    let mut changed = Vec::new();
    for (name, value) in stated {
        if entries.get(name).and_then(Value::as_str) != Some(value) {
            entries.insert(name.clone(), value.as_str().into());
            changed.push(name.as_str().into());
        }
    }
    for name in named {
        if !stated.contains_key(&**name) && entries.remove(&**name).is_some() {
            changed.push(name.clone());
        }
    }
    if !changed.is_empty() {
        metadata.insert(map.to_owned(), entries.into());
    }
    changed
}

/// Makes the owner references those that a template states which asks for none of ours: the Secret is to outlive its
/// SealedSecret `uid`. References of others are left alone. Returns whether that changed anything.
pub(super) fn own_as_stated(metadata: &mut Map<String, Value>, uid: &str, stated: &[Value]) -> bool {
    let before = metadata.get("ownerReferences").cloned();
    if stated.iter().all(|reference| reference["uid"] != uid) {
        disown(metadata, uid);
    }
    // What contradicts itself (two that control) must not look like a change every time.
    for reference in stated {
        own(metadata, reference);
    }
    metadata.get("ownerReferences") != before.as_ref()
}

/// Takes the owner reference with this uid off.
fn disown(metadata: &mut Map<String, Value>, uid: &str) {
    if let Some(Value::Array(references)) = metadata.get_mut("ownerReferences") {
        references.retain(|reference| reference.get("uid").and_then(Value::as_str) != Some(uid));
    }
}

/// Makes `wanted` one of the owner references; if it controls, in the place of whoever controlled. References of others,
/// which do not control, are left alone. Returns whether that changed anything.
pub(super) fn own(metadata: &mut Map<String, Value>, wanted: &Value) -> bool {
    let mut references = match metadata.get("ownerReferences") {
        Some(Value::Array(references)) => references.clone(),
        _ => Vec::new(),
    };
    let controls = |reference: &Value| reference.get("controller").and_then(Value::as_bool) == Some(true);
    let same = |reference: &Value| {
        let named = ["apiVersion", "kind", "name", "uid"].iter().all(|field| reference.get(field) == wanted.get(field));
        named && controls(reference) == controls(wanted)
    };
    if references.iter().any(same) {
        return false;
    }
    references
        .retain(|reference| reference.get("uid") != wanted.get("uid") && !(controls(wanted) && controls(reference)));
    references.push(wanted.clone());
    metadata.insert("ownerReferences".to_owned(), references.into());
    true
}
