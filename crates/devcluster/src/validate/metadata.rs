//! `metadata`: its types, its syntax, and what the server keeps to itself.

use serde_json::{Map, Value};

use crate::object::Object;
use crate::resource::{Resource, Strategy};
use crate::status::{Answer, Failure, FieldError};
use crate::validate::names;

const MAX_ANNOTATIONS: usize = 256 << 10;

/// The fields of ObjectMeta that are kept. managedFields is not among them: devcluster does not track managers.
const FIELDS: &[&str] = &[
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "uid",
];

/// The fields of an owner reference.
const OWNER_FIELDS: &[&str] = &["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];

/// Brings `metadata` into shape: right types (else 400, as the real one's decoder answers), no unknown fields (their paths
/// are added to `unknown`), no nulls.
pub(crate) fn normalise(
    resource: &Resource,
    version: &str,
    object: &mut Object,
    unknown: &mut Vec<String>,
) -> Answer<()> {
    let undecodable = |field: &str, wanted: &str| {
        let kind = &resource.kind;
        Failure::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: json: cannot unmarshal metadata{field}: {wanted} is wanted"
        ))
    };
    let metadata = match object.get_mut("metadata") {
        None | Some(Value::Null) => {
            object.insert("metadata".into(), Value::Object(Map::new()));
            return Ok(());
        }
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(undecodable("", "an object")),
    };
    let known = |name: &str| FIELDS.contains(&name) || matches!(name, "managedFields" | "selfLink");
    unknown.extend(metadata.keys().filter(|name| !known(name)).map(|name| format!("metadata.{name}")));
    metadata.retain(|name, value| FIELDS.contains(&name.as_str()) && !value.is_null());
    for (name, value) in metadata.iter_mut() {
        match name.as_str() {
            "labels" | "annotations" => {
                let Value::Object(pairs) = value else { return Err(undecodable(&format!(".{name}"), "an object")) };
                for pair in pairs.values_mut() {
                    match pair {
                        Value::String(_) => (),
                        Value::Null => *pair = Value::String(String::new()),
                        _ => return Err(undecodable(&format!(".{name}"), "an object of strings")),
                    }
                }
            }
            "finalizers" => {
                if !value.as_array().is_some_and(|all| all.iter().all(Value::is_string)) {
                    return Err(undecodable(".finalizers", "a list of strings"));
                }
            }
            "ownerReferences" => {
                let Some(owners) = value.as_array_mut() else {
                    return Err(undecodable(".ownerReferences", "a list of objects"));
                };
                for (index, owner) in owners.iter_mut().enumerate() {
                    let Value::Object(owner) = owner else {
                        return Err(undecodable(".ownerReferences", "a list of objects"));
                    };
                    let known = |name: &str| OWNER_FIELDS.contains(&name);
                    let dropped = owner.keys().filter(|name| !known(name));
                    unknown.extend(dropped.map(|name| format!("metadata.ownerReferences[{index}].{name}")));
                    owner.retain(|name, _| known(name));
                }
            }
            "generation" | "deletionGracePeriodSeconds" => {
                if !value.is_i64() {
                    return Err(undecodable(&format!(".{name}"), "a whole number"));
                }
            }
            _ => {
                if !value.is_string() {
                    return Err(undecodable(&format!(".{name}"), "a string"));
                }
            }
        }
    }
    // Empty maps and lists are left out, as Go's omitempty does, so that they never make a difference.
    metadata.retain(|name, value| match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::String(text) => !text.is_empty() || matches!(name.as_str(), "resourceVersion"),
        _ => true,
    });
    if metadata.get("resourceVersion").and_then(Value::as_str) == Some("") {
        metadata.remove("resourceVersion");
    }
    Ok(())
}

/// The errors in normalised metadata.
pub(crate) fn check(resource: &Resource, metadata: &Map<String, Value>) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = text("name");
    // A dash at its end is fine: something follows.
    let prefix = text("generateName").trim_end_matches('-');
    if let Some(wrong) = name_error(resource.strategy, prefix).filter(|_| !text("generateName").is_empty()) {
        errors.push(FieldError::invalid("metadata.generateName", text("generateName"), wrong));
    }
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else if let Some(wrong) = name_error(resource.strategy, name) {
        errors.push(FieldError::invalid("metadata.name", name, wrong));
    }
    for (key, value) in pairs(metadata, "labels") {
        if let Some(wrong) = names::qualified_name_error(key) {
            errors.push(FieldError::invalid("metadata.labels", key, wrong));
        }
        if let Some(wrong) = names::label_value_error(value) {
            errors.push(FieldError::invalid("metadata.labels", value, wrong));
        }
    }
    let mut size = 0;
    for (key, value) in pairs(metadata, "annotations") {
        size += key.len() + value.len();
        // Annotation keys may be in upper case before the slash.
        if let Some(wrong) = names::qualified_name_error(&key.to_lowercase()) {
            errors.push(FieldError::invalid("metadata.annotations", key, wrong));
        }
    }
    if size > MAX_ANNOTATIONS {
        errors.push(FieldError::too_long("metadata.annotations", MAX_ANNOTATIONS));
    }
    check_owners(metadata, &mut errors);
    for (index, finalizer) in list(metadata, "finalizers").enumerate() {
        let finalizer = finalizer.as_str().unwrap_or_default();
        let field = format!("metadata.finalizers[{index}]");
        if let Some(wrong) = names::qualified_name_error(finalizer) {
            errors.push(FieldError::invalid(field, finalizer, wrong));
        } else if !finalizer.contains('/') && !matches!(finalizer, "orphan" | "foregroundDeletion" | "kubernetes") {
            let wrong = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(field, finalizer, wrong));
        }
    }
    errors
}

fn check_owners(metadata: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let mut controllers = Vec::new();
    for owner in list(metadata, "ownerReferences") {
        let text = |part: &str| owner.get(part).and_then(Value::as_str).unwrap_or_default();
        for (part, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            if text(part).is_empty() {
                errors.push(FieldError::invalid(format!("metadata.ownerReferences.{part}"), "", why));
            }
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            controllers.push(format!("{}/{}", text("kind"), text("name")));
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let shown: Vec<String> = list(metadata, "ownerReferences").map(shown_owner).collect();
        let text = format!(
            "Invalid value: [{}]: Only one reference can have Controller set to true. Found \"true\" in references for \
             {first} and {second}",
            shown.join(",")
        );
        errors.push(FieldError::invalid_text("metadata.ownerReferences", &text));
    }
}

/// As Go writes it.
fn shown_owner(owner: &Value) -> String {
    let fields = OWNER_FIELDS.iter().filter_map(|name| Some(format!("\"{name}\":{}", owner.get(*name)?)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn name_error(strategy: Strategy, name: &str) -> Option<&'static str> {
    match strategy {
        Strategy::Namespace => names::label_error(name),
        Strategy::Service => names::label_1035_error(name),
        _ => names::subdomain_error(name),
    }
}

fn pairs<'a>(metadata: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    metadata
        .get(field)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

fn list<'a>(metadata: &'a Map<String, Value>, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    metadata.get(field).and_then(Value::as_array).into_iter().flatten()
}
