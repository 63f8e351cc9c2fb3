//! What is not secret: labels, annotations, type and immutability of the template, and the scope.
//!
//! What the input states is put in; what only the sealed file has, stays, because somebody may have written it there. The
//! exceptions are the scope, which is one thing, and the type, of which there is one.

use bulla_core::sealed::{PlainSecret, Scope};
use bulla_yaml::{Node, Out, SpliceError, Splices};
use serde_json::{Map, Value, json};

use super::object::{Changes, listed};
use crate::tree::Sealed;

/// The type that the API server takes for none.
const DEFAULT_TYPE: &str = "Opaque";

/// Edits that make the template say what `secret` says.
pub(super) fn plan(
    existing: &Sealed<'_>,
    secret: &PlainSecret,
    splices: &mut Splices<'_>,
    changes: &mut Changes,
) -> Result<(), SpliceError> {
    let object = existing.object.node;
    let template = object.at(&["spec", "template"]);
    let scope = secret.annotated_scope();
    let mut wanted = json!({});

    let mut annotations = secret.annotations.clone();
    annotations.retain(|name, _| !scope_annotations().any(|known| known == name));
    if scope != existing.scope {
        changes
            .template
            .push(format!("the scope was {} and is {scope} now: every value is sealed anew", existing.scope));
        for path in [&["metadata", "annotations"][..], &["spec", "template", "metadata", "annotations"]] {
            let map = object.at(path);
            for name in scope_annotations().filter(|name| Some(*name) != scope.annotation()) {
                if let Some(map) = map.filter(|map| map.get(name).is_some()) {
                    splices.remove(map, name)?;
                }
            }
        }
        if let Some(annotation) = scope.annotation() {
            wanted["metadata"]["annotations"][annotation] = json!("true");
            annotations.insert(annotation.to_owned(), "true".to_owned());
        }
    }

    let mut stated = json!({});
    for (field, entries) in [("labels", &secret.labels), ("annotations", &annotations)] {
        if !entries.is_empty() {
            stated["metadata"][field] = json!(entries);
        }
        note(template, field, entries.keys(), changes);
    }
    // What the object was called when it was sealed: corrected where it is stated, for those who read it.
    for (field, name) in [("name", &secret.name), ("namespace", &secret.namespace)] {
        let present = template.and_then(|template| template.at(&["metadata", field]));
        if present.is_some_and(|present| present.as_str() != Some(name.as_str())) && !name.is_empty() {
            stated["metadata"][field] = json!(name);
        }
    }
    kind(template, secret, splices, &mut stated, changes)?;
    if stated != json!({}) {
        wanted["spec"]["template"] = stated;
    }
    if let Value::Object(wanted) = &wanted {
        merge(object, wanted, splices)?;
    }
    Ok(())
}

fn scope_annotations() -> impl Iterator<Item = &'static str> {
    [Scope::NamespaceWide, Scope::ClusterWide].into_iter().filter_map(Scope::annotation)
}

/// Says which labels or annotations change, and which the input does not know.
fn note<'a>(template: Option<&Node>, field: &str, stated: impl Iterator<Item = &'a String>, changes: &mut Changes) {
    let present = template.and_then(|template| template.at(&["metadata", field])).and_then(Node::entries);
    let present = present.unwrap_or_default();
    let stated: Vec<&String> = stated.collect();
    let foreign: Vec<String> = present
        .iter()
        .map(|entry| &entry.key)
        .filter(|key| !stated.contains(key) && !scope_annotations().any(|known| known == key.as_str()))
        .cloned()
        .collect();
    if !foreign.is_empty() {
        changes
            .template
            .push(format!("{field} of the template that the input does not have stay: {}", listed(&foreign)));
    }
}

/// Type and immutability: what is not stated has a meaning, too.
fn kind(
    template: Option<&Node>,
    secret: &PlainSecret,
    splices: &mut Splices<'_>,
    stated: &mut Value,
    changes: &mut Changes,
) -> Result<(), SpliceError> {
    let present = template.and_then(|template| template.get("type"));
    let present_type = present.and_then(Node::as_str).filter(|text| !text.is_empty()).unwrap_or(DEFAULT_TYPE);
    let new_type = secret.secret_type.as_deref().unwrap_or(DEFAULT_TYPE);
    if present_type != new_type {
        let shown = |text: &str| text.chars().take(63).flat_map(char::escape_debug).collect::<String>();
        changes.template.push(format!("the type was {} and is {} now", shown(present_type), shown(new_type)));
        match (template, &secret.secret_type) {
            (Some(template), None) => splices.remove(template, "type")?,
            _ => stated["type"] = json!(new_type),
        }
    }
    let present = template.and_then(|template| template.get("immutable"));
    let is_immutable = present.is_some_and(|node| matches!(node.value, bulla_yaml::Value::Bool(true)));
    if is_immutable != secret.immutable.unwrap_or(false) {
        changes.template.push(format!("immutable is {} now", !is_immutable));
        match (template, secret.immutable) {
            (Some(template), None) => splices.remove(template, "immutable")?,
            (_, value) => stated["immutable"] = json!(value),
        }
    }
    Ok(())
}

/// Puts `wanted` into the map `node`: what is there and says the same stays untouched, what is missing is inserted as a whole.
fn merge(node: &Node, wanted: &Map<String, Value>, splices: &mut Splices<'_>) -> Result<(), SpliceError> {
    for (key, value) in wanted {
        match (node.get(key), value) {
            (None, value) => splices.insert(node, key, &Out::from(value))?,
            (Some(present), Value::Object(inner)) => merge(present, inner, splices)?,
            (Some(present), Value::String(text)) => {
                let said = present.to_go_string().ok().flatten();
                if said.as_deref().map(String::as_str) != Some(text.as_str()) {
                    splices.set_text(present, text)?;
                }
            }
            (Some(_), value) => {
                splices.remove(node, key)?;
                splices.insert(node, key, &Out::from(value))?;
            }
        }
    }
    Ok(())
}
