//! Whether the edited text says what was asked for, and nothing else.

use std::collections::HashMap;

use super::What;
use super::outline::Identity;
use crate::node::{Document, Entry, Node, Value};
use crate::writer::Out;

/// The changes by the node that they concern.
pub(super) type Wanted<'o> = HashMap<Identity, Vec<&'o What>>;

/// Whether `new` is `old` with the changes made. The order of keys does not count.
pub(super) fn is_as_wanted(old: &[Document], new: &[Document], wanted: &Wanted<'_>) -> bool {
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| node(&old.root, &new.root, wanted))
}

fn node(old: &Node, new: &Node, wanted: &Wanted<'_>) -> bool {
    let changes = wanted.get(&Identity::of(old)).map(Vec::as_slice).unwrap_or_default();
    if let Some(What::SetText(text)) = changes.last() {
        return matches!(&new.value, Value::String(now) if **now == **text);
    }
    match (&old.value, &new.value) {
        (Value::Mapping(old), Value::Mapping(new)) => map(old, new, changes, wanted),
        (Value::Null, Value::Mapping(new)) if !changes.is_empty() => map(&[], new, changes, wanted),
        (Value::Sequence(old), Value::Sequence(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| node(old, new, wanted))
        }
        (Value::Null, Value::Null) => changes.is_empty(),
        (Value::Bool(old), Value::Bool(new)) => old == new,
        (Value::Int(old), Value::Int(new)) => old == new,
        (Value::Uint(old), Value::Uint(new)) => old == new,
        (Value::Float(old), Value::Float(new)) => old.to_bits() == new.to_bits(),
        (Value::String(old), Value::String(new)) => **old == **new,
        _ => false,
    }
}

fn map(old: &[Entry], new: &[Entry], changes: &[&What], wanted: &Wanted<'_>) -> bool {
    let mut found: HashMap<&str, &Entry> = new.iter().map(|entry| (entry.key.as_str(), entry)).collect();
    let mut renamed = HashMap::new();
    let mut removed = Vec::new();
    for change in changes {
        match change {
            What::Insert { key, value } => {
                let fits =
                    found.remove(key.as_str()).is_some_and(|entry| !entry.key_is_coerced && out(value, &entry.value));
                if !fits {
                    return false;
                }
            }
            What::Remove { key, .. } => removed.push(key.as_str()),
            What::Rename { key, to, .. } => {
                renamed.insert(key.as_str(), to.as_str());
            }
            What::SetText(_) => {}
        }
    }
    for entry in old {
        let key = entry.key.as_str();
        if removed.contains(&key) {
            continue;
        }
        let (name, coerced) = renamed.get(key).map_or((key, entry.key_is_coerced), |to| (*to, false));
        let fits = found
            .remove(name)
            .is_some_and(|now| now.key_is_coerced == coerced && node(&entry.value, &now.value, wanted));
        if !fits {
            return false;
        }
    }
    found.is_empty()
}

fn out(wanted: &Out<'_>, found: &Node) -> bool {
    match (wanted, &found.value) {
        (Out::Null, Value::Null) => true,
        (Out::Bool(wanted), Value::Bool(found)) => wanted == found,
        (Out::Int(wanted), Value::Int(found)) => wanted == found,
        (Out::Uint(wanted), Value::Uint(found)) => wanted == found,
        (Out::Float(wanted), Value::Float(found)) => wanted.to_bits() == found.to_bits(),
        (Out::Float(wanted), Value::Int(found)) => *found as f64 == *wanted,
        (Out::Float(wanted), Value::Uint(found)) => *found as f64 == *wanted,
        (Out::Float(wanted), Value::Null) => !wanted.is_finite(),
        (Out::Str(wanted), Value::String(found)) => **wanted == **found,
        (Out::Secret(wanted), Value::String(found)) => **wanted == **found,
        (Out::Sequence(wanted), Value::Sequence(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| out(wanted, found))
        }
        (Out::Mapping(wanted), Value::Mapping(entries)) => {
            wanted.len() == entries.len()
                && wanted.iter().all(|(key, wanted)| found.get(key).is_some_and(|found| out(wanted, found)))
        }
        _ => false,
    }
}
