//! Strategic merge patches of the built-in kinds: as a merge patch, but that lists of some fields are merged by a key, and
//! that `$`-directives say what a merge patch cannot.

use serde_json::{Map, Value};

use crate::object::Object;
use crate::status::{Answer, Failure};

const PATCH: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE: &str = "$deleteFromPrimitiveList/";

/// How a list is patched.
#[derive(Clone, Copy, PartialEq)]
enum Strategy {
    /// The patch's takes its place.
    Replace,
    /// Its values are added.
    Add,
    /// Its elements are laid over those with the same value of this field.
    By(&'static str),
}

/// Lists that are not replaced, by kind (`*`: all of them) and path.
const LISTS: &[(&str, &str, Strategy)] = &[
    ("*", "metadata.finalizers", Strategy::Add),
    ("*", "metadata.ownerReferences", Strategy::By("uid")),
    ("namespaces", "status.conditions", Strategy::By("type")),
    ("serviceaccounts", "secrets", Strategy::By("name")),
    ("services", "spec.ports", Strategy::By("port")),
    ("services", "status.conditions", Strategy::By("type")),
    ("pods", "spec.containers", Strategy::By("name")),
    ("pods", "spec.containers.env", Strategy::By("name")),
    ("pods", "spec.containers.ports", Strategy::By("containerPort")),
    ("pods", "spec.containers.volumeMounts", Strategy::By("mountPath")),
    ("pods", "spec.initContainers", Strategy::By("name")),
    ("pods", "spec.initContainers.env", Strategy::By("name")),
    ("pods", "spec.initContainers.volumeMounts", Strategy::By("mountPath")),
    ("pods", "spec.imagePullSecrets", Strategy::By("name")),
    ("pods", "spec.volumes", Strategy::By("name")),
    ("pods", "status.conditions", Strategy::By("type")),
];

/// What `patch` makes of an object of the kind.
pub(super) fn apply(plural: &str, object: &mut Object, patch: &Object) -> Answer<()> {
    Patcher { plural }.map(object, patch, "")
}

struct Patcher<'a> {
    plural: &'a str,
}

impl Patcher<'_> {
    fn strategy(&self, path: &str) -> Strategy {
        let fits =
            |(plural, at, _): &&(&str, &str, Strategy)| (*plural == "*" || *plural == self.plural) && *at == path;
        LISTS.iter().find(fits).map_or(Strategy::Replace, |(.., strategy)| *strategy)
    }

    fn map(&self, map: &mut Map<String, Value>, patch: &Map<String, Value>, path: &str) -> Answer<()> {
        match directive(patch)? {
            Some("replace") => {
                *map = plain_map(patch);
                return Ok(());
            }
            Some("delete") => {
                map.clear();
                return Ok(());
            }
            _ => (),
        }
        for (name, given) in patch {
            let Some(name) = name.strip_prefix(DELETE) else { continue };
            if let (Some(Value::Array(list)), Value::Array(gone)) = (map.get_mut(name), given) {
                list.retain(|item| !gone.contains(item));
            }
        }
        for (name, given) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
            let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match (map.get_mut(name), given) {
                (_, Value::Null) => drop(map.remove(name)),
                (Some(Value::Object(old)), Value::Object(patch)) => self.map(old, patch, &at)?,
                (Some(Value::Array(old)), Value::Array(new)) => {
                    let order = patch.get(&format!("{ORDER}{name}")).and_then(Value::as_array);
                    *old = self.list(old, new, order, &at)?;
                }
                (_, Value::Array(new)) => {
                    let made = self.list(&[], new, None, &at)?;
                    map.insert(name.clone(), Value::Array(made));
                }
                // Nothing to delete, and directives are not stored.
                (None, Value::Object(patch)) if directive(patch)? == Some("delete") => (),
                _ => drop(map.insert(name.clone(), plain(given))),
            }
        }
        for (name, order) in patch {
            let Some(name) = name.strip_prefix(ORDER) else { continue };
            let at = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            if let (None, Some(Value::Array(old)), Value::Array(order)) = (patch.get(name), map.get_mut(name), order) {
                *old = self.list(old, &[], Some(order), &at)?;
            }
        }
        Ok(())
    }

    fn list(&self, old: &[Value], patch: &[Value], order: Option<&Vec<Value>>, path: &str) -> Answer<Vec<Value>> {
        let strategy = self.strategy(path);
        let is_directive = |item: &Value| item.get(PATCH).is_some_and(|kind| kind == "replace");
        if strategy == Strategy::Replace || patch.iter().any(is_directive) {
            return Ok(patch.iter().filter(|item| !is_directive(item)).map(plain).collect());
        }
        let key = |item: &Value| -> Answer<Value> {
            match strategy {
                Strategy::By(field) => item.get(field).cloned().ok_or_else(|| {
                    Failure::new(500, "", format!("an element of {path} does not contain declared merge key: {field}"))
                }),
                _ => Ok(item.clone()),
            }
        };
        // Old elements may be without the key: they are nobody's counterpart.
        let old_keys: Vec<Value> = old.iter().map(|item| key(item).unwrap_or(Value::Null)).collect();
        let mut merged: Vec<(Value, Value)> = old_keys.iter().cloned().zip(old.iter().cloned()).collect();
        let mut patched = Vec::new();
        for item in patch {
            let key = key(item)?;
            let place = merged.iter().position(|(known, _)| *known == key);
            let delete = item.as_object().map(directive).transpose()?.flatten() == Some("delete");
            match (place, item) {
                (Some(place), _) if delete => drop(merged.remove(place)),
                (None, _) if delete => (),
                (Some(place), Value::Object(patch)) => match &mut merged[place].1 {
                    Value::Object(old) => self.map(old, patch, path)?,
                    other => *other = plain(item),
                },
                (Some(_), _) => (),
                (None, _) => merged.push((key.clone(), plain(item))),
            }
            if !delete {
                patched.push(key);
            }
        }
        let order = match order {
            Some(order) => order.iter().map(&key).collect::<Answer<Vec<Value>>>()?,
            None => patched.clone(),
        };
        let mut ordered = order.iter();
        if !patched.iter().all(|key| ordered.any(|listed| listed == key)) {
            return Err(Failure::new(500, "", format!("the order in the patch of {path} doesn't match {ORDER} list")));
        }
        Ok(arrange(merged, &order, &old_keys))
    }
}

/// The elements that the order names in that order, the others in theirs; the two are laid into each other as they stood in
/// the old list, new ones as early as they can.
fn arrange(merged: Vec<(Value, Value)>, order: &[Value], old: &[Value]) -> Vec<Value> {
    let place = |key: &Value, list: &[Value]| list.iter().position(|listed| listed == key);
    let (mut named, others): (Vec<_>, Vec<_>) = merged.into_iter().partition(|(key, _)| place(key, order).is_some());
    named.sort_by_key(|(key, _)| place(key, order));
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    let mut arranged = Vec::new();
    loop {
        let other_first = match (others.peek(), named.peek()) {
            (None, None) => return arranged,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((other, _)), Some((name, _))) => match (place(other, old), place(name, old)) {
                (Some(other), Some(name)) => other < name,
                _ => false,
            },
        };
        let next = if other_first { others.next() } else { named.next() };
        arranged.extend(next.map(|(_, item)| item));
    }
}

/// What the map's `$patch` says.
fn directive(patch: &Map<String, Value>) -> Answer<Option<&str>> {
    match patch.get(PATCH).map(|kind| kind.as_str().unwrap_or_default()) {
        None => Ok(None),
        Some(kind @ ("replace" | "delete" | "merge")) => Ok(Some(kind)),
        Some(_) => Err(Failure::bad_request("unknown $patch directive: replace, delete and merge are known")),
    }
}

/// A value of a patch without its directives and nulls.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(plain_map(map)),
        Value::Array(list) => Value::Array(list.iter().map(plain).collect()),
        other => other.clone(),
    }
}

fn plain_map(map: &Map<String, Value>) -> Map<String, Value> {
    let is_directive =
        |name: &str| name == PATCH || name == RETAIN || name.starts_with(ORDER) || name.starts_with(DELETE);
    map.iter()
        .filter(|(name, value)| !is_directive(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(plural: &str, object: &Value, patch: &Value) -> Result<Value, u16> {
        let mut object = object.as_object().cloned().unwrap();
        apply(plural, &mut object, patch.as_object().unwrap()).map_err(|failure| failure.code)?;
        Ok(Value::Object(object))
    }

    /// What kube-apiserver 1.36.3 made of a Service with the same patches.
    #[test]
    fn lists_are_merged_by_key_and_directives_followed() {
        let service = json!({ "metadata": { "finalizers": ["a.b/c", "a.b/d"], "ownerReferences": [{ "uid": "1" }], "labels": { "a": "b" } },
            "spec": { "ports": [{ "name": "a", "port": 80 }, { "name": "b", "port": 81 }] } });
        let ports = |patch: Value| {
            patched("services", &service, &json!({ "spec": patch })).map(|object| object["spec"].clone())
        };
        for (patch, expected) in [
            (
                json!({ "ports": [{ "port": 81, "name": "bb" }, { "port": 82 }] }),
                json!([{ "name": "a", "port": 80 }, { "name": "bb", "port": 81 }, { "port": 82 }]),
            ),
            (
                json!({ "ports": [{ "port": 90 }] }),
                json!([{ "port": 90 }, { "name": "a", "port": 80 }, { "name": "b", "port": 81 }]),
            ),
            (json!({ "ports": [{ "port": 80, "$patch": "delete" }] }), json!([{ "name": "b", "port": 81 }])),
            (json!({ "ports": [{ "$patch": "replace" }, { "port": 91 }] }), json!([{ "port": 91 }])),
            (
                json!({ "$setElementOrder/ports": [{ "port": 81 }, { "port": 80 }] }),
                json!([{ "name": "b", "port": 81 }, { "name": "a", "port": 80 }]),
            ),
            (
                json!({ "$setElementOrder/ports": [{ "port": 81 }, { "port": 80 }], "ports": [{ "port": 81, "name": "x" }] }),
                json!([{ "name": "x", "port": 81 }, { "name": "a", "port": 80 }]),
            ),
            (
                json!({ "$retainKeys": ["ports"], "ports": [{ "port": 80, "name": null }] }),
                json!([{ "port": 80 }, { "name": "b", "port": 81 }]),
            ),
        ] {
            assert_eq!(ports(patch.clone()).map(|spec| spec["ports"].clone()), Ok(expected), "{patch}");
        }
        assert_eq!(ports(json!({ "ports": null })), Ok(json!({})));
        assert_eq!(ports(json!({ "ports": [{ "name": "nokey" }] })), Err(500));
        assert_eq!(ports(json!({ "$setElementOrder/ports": [{ "port": 80 }], "ports": [{ "port": 81 }] })), Err(500));
        for (patch, expected) in [
            (json!({ "finalizers": ["x.y/z"] }), json!(["x.y/z", "a.b/c", "a.b/d"])),
            (json!({ "$deleteFromPrimitiveList/finalizers": ["a.b/c"] }), json!(["a.b/d"])),
            (
                json!({ "$setElementOrder/finalizers": ["a.b/c", "n", "a.b/d"], "finalizers": ["n"] }),
                json!(["a.b/c", "n", "a.b/d"]),
            ),
        ] {
            let found = patched("services", &service, &json!({ "metadata": patch }))
                .map(|object| object["metadata"]["finalizers"].clone());
            assert_eq!(found, Ok(expected), "{patch}");
        }
        let labels = |patch: Value| {
            patched("services", &service, &json!({ "metadata": { "labels": patch } }))
                .map(|object| object["metadata"]["labels"].clone())
        };
        assert_eq!(labels(json!({ "c": "d" })), Ok(json!({ "a": "b", "c": "d" })));
        assert_eq!(labels(json!({ "$patch": "replace", "c": "d" })), Ok(json!({ "c": "d" })));
        assert_eq!(labels(json!({ "$patch": "delete" })), Ok(json!({})));
        assert_eq!(labels(json!({ "$patch": "nonsense" })), Err(400));
        let owners = patched(
            "services",
            &service,
            &json!({ "metadata": { "ownerReferences": [{ "uid": "1", "$patch": "delete" }] } }),
        );
        assert_eq!(owners.map(|object| object["metadata"]["ownerReferences"].clone()), Ok(json!([])));
    }

    #[test]
    fn other_lists_are_replaced() {
        let account = json!({ "imagePullSecrets": [{ "name": "a" }], "secrets": [{ "name": "a" }] });
        let patch = json!({ "imagePullSecrets": [{ "name": "b" }], "secrets": [{ "name": "b" }] });
        let expected = json!({ "imagePullSecrets": [{ "name": "b" }], "secrets": [{ "name": "b" }, { "name": "a" }] });
        assert_eq!(patched("serviceaccounts", &account, &patch), Ok(expected));
    }
}
