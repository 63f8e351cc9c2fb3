//! Makes metadata say what is stated, and leaves alone what others put there.

use std::collections::BTreeMap;

use bulla_core::sealed::OwnerReference;
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

/// Takes the owner reference with this uid off. Whether that changes anything.
pub(super) fn disown(metadata: &mut Map<String, Value>, uid: &str) -> bool {
    let Some(Value::Array(references)) = metadata.get_mut("ownerReferences") else { return false };
    let before = references.len();
    references.retain(|reference| reference.get("uid").and_then(Value::as_str) != Some(uid));
    references.len() < before
}

/// Makes the SealedSecret the controlling owner, in the place of whoever controlled. References of others, which do not
/// control, are left alone. Returns whether that changed anything.
pub(super) fn own(metadata: &mut Map<String, Value>, owner: &OwnerReference<'_>) -> bool {
    let wanted = owner.to_json();
    let mut references = match metadata.get("ownerReferences") {
        Some(Value::Array(references)) => references.clone(),
        _ => Vec::new(),
    };
    let same = |reference: &Value| {
        ["apiVersion", "kind", "name", "uid", "controller"]
            .iter()
            .all(|field| reference.get(field) == wanted.get(field))
    };
    if references.iter().any(same) {
        return false;
    }
    let controls = |reference: &Value| reference.get("controller").and_then(Value::as_bool) == Some(true);
    references.retain(|reference| reference.get("uid") != wanted.get("uid") && !controls(reference));
    references.push(wanted);
    metadata.insert("ownerReferences".to_owned(), references.into());
    true
}
