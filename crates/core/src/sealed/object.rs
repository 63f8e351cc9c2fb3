//! The SealedSecret object, read leniently.
//!
//! One malformed value must not take the object, the list or the watch with it (sealed-secrets 3, #505): every item that
//! is text is kept, and each one that is not is remembered by its key. Only what makes the object unusable as a whole, a
//! missing name, a `spec` that is no map or a template that is no text, is an error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::Error;
use crate::sealed::scope::Scope;
use crate::sealed::{API_VERSION, KIND};

/// A SealedSecret, as far as opening it is concerned. Holds nothing secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SealedSecret {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty only in a file that is sealed cluster-wide.
    pub namespace: String,
    /// `metadata.uid`, empty in files.
    pub uid: String,
    /// `metadata.creationTimestamp`, if it is there and readable.
    pub created: Option<Timestamp>,
    /// `metadata.annotations`, those that are text.
    pub annotations: BTreeMap<String, String>,
    /// `spec.encryptedData`.
    pub items: BTreeMap<String, Item>,
    /// `spec.data`, the deprecated form: base64 of one sealed value that holds a whole Secret.
    pub deprecated_data: Option<String>,
    /// `spec.template`.
    pub template: Template,
}

/// One value of `spec.encryptedData`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Base64 of a sealed value, unchecked.
    Sealed(Box<str>),
    /// A value that is not text; the kind of JSON value that it is.
    NotAString(&'static str),
}

/// `spec.template`: everything of the Secret but its values. Nothing in it is authenticated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// `metadata.name`: what the object was called when it was sealed. Ignored when unsealing, a clue when that fails.
    pub name: String,
    /// `metadata.namespace`; as `name`.
    pub namespace: String,
    /// `metadata.labels`, those that are text.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, those that are text.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.ownerReferences`: those that name an owner, and of them the fields that Kubernetes knows.
    pub owners: Vec<Value>,
    /// `type`.
    pub secret_type: Option<String>,
    /// `immutable`.
    pub immutable: Option<bool>,
    /// `data`: templates that are rendered into items; `None`, a null, takes the item of that key out of the Secret.
    pub data: BTreeMap<String, Option<String>>,
}

impl SealedSecret {
    /// Reads an object from the API or from a file.
    ///
    /// # Errors
    /// [`Error::NotASealedSecret`] when apiVersion or kind is another (both may be missing, as in the items of a list),
    /// when there is no name, when `metadata` or `spec` is not a map, or when `spec.template.data` holds something else than
    /// text and nulls.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        let object = value.as_object().ok_or_else(|| invalid("the document is not a map"))?;
        for (field, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            match object.get(field) {
                None => {}
                Some(Value::String(found)) if found == expected => {}
                Some(Value::String(found)) => {
                    return Err(invalid(&format!("{field} is {:?}, expected {expected:?}", shortened(found))));
                }
                Some(_) => return Err(invalid(&format!("{field} is not text"))),
            }
        }
        let empty = Map::new();
        let metadata = map(object, "metadata", &empty)?;
        let created = text(metadata, "creationTimestamp").parse().ok();
        let mut sealed = Self::from_spec(
            &text(metadata, "name"),
            &text(metadata, "namespace"),
            object.get("spec").unwrap_or(&Value::Null),
        )?;
        sealed.uid = text(metadata, "uid");
        sealed.created = created;
        sealed.annotations = texts(lenient_map(metadata, "annotations", &empty));
        Ok(sealed)
    }

    /// From a `spec` whose metadata the caller has already read; it fills in `uid`, `created` and `annotations`.
    ///
    /// # Errors
    /// [`Error::NotASealedSecret`] when there is no name, `spec` is not a map, or `spec.template.data` holds something else
    /// than text and nulls.
    pub fn from_spec(name: &str, namespace: &str, spec: &Value) -> Result<Self, Error> {
        let empty = Map::new();
        let spec = match spec {
            Value::Null => &empty,
            Value::Object(map) => map,
            other => return Err(invalid(&format!("spec is {}, not a map", kind(other)))),
        };
        if name.is_empty() {
            return Err(invalid("metadata.name is missing"));
        }
        Ok(Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            items: items(spec.get("encryptedData"))?,
            deprecated_data: Some(text(spec, "data")).filter(|data| !data.is_empty()),
            template: Template::from_json(lenient_map(spec, "template", &empty), &empty)?,
            ..Self::default()
        })
    }

    /// The scope that the object's own annotations state. The template's are not asked (sealed-secrets 2.1).
    pub fn scope(&self) -> Scope {
        Scope::from_annotations(self.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}

impl Template {
    fn from_json(template: &Map<String, Value>, empty: &Map<String, Value>) -> Result<Self, Error> {
        let metadata = lenient_map(template, "metadata", empty);
        Ok(Self {
            name: text(metadata, "name"),
            namespace: text(metadata, "namespace"),
            labels: texts(lenient_map(metadata, "labels", empty)),
            annotations: texts(lenient_map(metadata, "annotations", empty)),
            owners: metadata
                .get("ownerReferences")
                .and_then(Value::as_array)
                .map_or_else(Vec::new, |owners| owners.iter().filter_map(owner).collect()),
            secret_type: Some(text(template, "type")).filter(|secret_type| !secret_type.is_empty()),
            immutable: template.get("immutable").and_then(Value::as_bool),
            data: templates(template.get("data"))?,
        })
    }
}

/// One of `metadata.ownerReferences`, if it names an owner at all.
fn owner(reference: &Value) -> Option<Value> {
    let mut owner = Map::new();
    for field in ["apiVersion", "kind", "name", "uid"] {
        owner.insert(field.to_owned(), reference.get(field)?.as_str()?.into());
    }
    for field in ["controller", "blockOwnerDeletion"] {
        if let Some(value) = reference.get(field).and_then(Value::as_bool) {
            owner.insert(field.to_owned(), value.into());
        }
    }
    Some(owner.into())
}

/// `template.data`. Null has a meaning, so nothing else may be read as null: the API server lets no other value in, a file
/// may hold one.
fn templates(value: Option<&Value>) -> Result<BTreeMap<String, Option<String>>, Error> {
    let map = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(map)) => map,
        Some(other) => return Err(invalid(&format!("spec.template.data is {}, not a map", kind(other)))),
    };
    map.iter()
        .map(|(key, value)| match value {
            Value::Null => Ok((key.clone(), None)),
            Value::String(text) => Ok((key.clone(), Some(text.clone()))),
            other => Err(invalid(&format!("spec.template.data.{} is {}, not text", shortened(key), kind(other)))),
        })
        .collect()
}

/// `encryptedData`: missing and null are an empty map (an object without items is legal, #516).
fn items(value: Option<&Value>) -> Result<BTreeMap<String, Item>, Error> {
    match value {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Object(map)) => Ok(map
            .iter()
            .map(|(key, value)| {
                let item = match value {
                    Value::String(text) => Item::Sealed(text.as_str().into()),
                    other => Item::NotAString(kind(other)),
                };
                (key.clone(), item)
            })
            .collect()),
        Some(other) => Err(invalid(&format!("spec.encryptedData is {}, not a map", kind(other)))),
    }
}

/// What a JSON value is, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn invalid(reason: &str) -> Error {
    Error::NotASealedSecret { reason: reason.to_owned() }
}

/// A name from a hostile manifest, short enough for an error message.
fn shortened(text: &str) -> String {
    text.chars().take(63).collect()
}

fn map<'a>(
    parent: &'a Map<String, Value>,
    field: &str,
    empty: &'a Map<String, Value>,
) -> Result<&'a Map<String, Value>, Error> {
    match parent.get(field) {
        None | Some(Value::Null) => Ok(empty),
        Some(Value::Object(map)) => Ok(map),
        Some(other) => Err(invalid(&format!("{field} is {}, not a map", kind(other)))),
    }
}

fn lenient_map<'a>(
    parent: &'a Map<String, Value>,
    field: &str,
    empty: &'a Map<String, Value>,
) -> &'a Map<String, Value> {
    parent.get(field).and_then(Value::as_object).unwrap_or(empty)
}

fn text(parent: &Map<String, Value>, field: &str) -> String {
    parent.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(map: &Map<String, Value>) -> BTreeMap<String, String> {
    map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_what_is_text_and_names_what_is_not() {
        let object = SealedSecret::from_json(&json!({
            "metadata": {"name": "a", "namespace": "n", "annotations": {"x": "y", "z": 1}, "creationTimestamp": "2026-01-02T03:04:05Z"},
            "spec": {
                "encryptedData": {"good": "AgA=", "number": 1, "null": null, "list": [], "map": {}},
                "template": {"metadata": null, "type": "Opaque", "immutable": true, "data": {"k": "{{ .x }}", "gone": null}},
            },
        }))
        .unwrap();
        assert_eq!(object.items["good"], Item::Sealed("AgA=".into()));
        assert_eq!(object.items["number"], Item::NotAString("a number"));
        assert_eq!(object.items["null"], Item::NotAString("null"));
        assert_eq!(object.items["list"], Item::NotAString("a list"));
        assert_eq!(object.items["map"], Item::NotAString("a map"));
        assert_eq!(object.annotations.keys().collect::<Vec<_>>(), ["x"]);
        assert_eq!(object.created.unwrap().to_string(), "2026-01-02T03:04:05Z");
        assert_eq!(object.template.immutable, Some(true));
        assert_eq!(object.template.data["k"].as_deref(), Some("{{ .x }}"));
        assert_eq!(object.template.data["gone"], None);
    }

    #[test]
    fn of_stated_owners_stays_what_kubernetes_knows() {
        let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "1"});
        let mut controller = owner.clone();
        controller["controller"] = true.into();
        let mut more = controller.clone();
        more["surplus"] = "x".into();
        more["blockOwnerDeletion"] = "yes".into();
        let owners = json!([owner, more, "text", {"kind": "ConfigMap"}, null]);
        let object =
            json!({"metadata": {"name": "a"}, "spec": {"template": {"metadata": {"ownerReferences": owners}}}});
        assert_eq!(SealedSecret::from_json(&object).unwrap().template.owners, [owner, controller]);
    }

    #[test]
    fn refuses_what_cannot_be_an_object() {
        for (value, expected) in [
            (json!([]), "not a SealedSecret: the document is not a map"),
            (json!({"kind": "Secret"}), "not a SealedSecret: kind is \"Secret\", expected \"SealedSecret\""),
            (json!({"metadata": {}}), "not a SealedSecret: metadata.name is missing"),
            (json!({"metadata": {"name": "a"}, "spec": 1}), "not a SealedSecret: spec is a number, not a map"),
            (
                json!({"metadata": {"name": "a"}, "spec": {"encryptedData": "x"}}),
                "not a SealedSecret: spec.encryptedData is text, not a map",
            ),
            (
                json!({"metadata": {"name": "a"}, "spec": {"template": {"data": "x"}}}),
                "not a SealedSecret: spec.template.data is text, not a map",
            ),
            (
                json!({"metadata": {"name": "a"}, "spec": {"template": {"data": {"a": null, "b": 5}}}}),
                "not a SealedSecret: spec.template.data.b is a number, not text",
            ),
        ] {
            assert_eq!(SealedSecret::from_json(&value).unwrap_err().to_string(), expected);
        }
    }
}
