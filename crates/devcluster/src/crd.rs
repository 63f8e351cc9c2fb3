//! CustomResourceDefinitions: what is checked and filled in when one is written, and the resource that it serves.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock;
use crate::object::{Object, map_mut, metadata_text};
use crate::resource::{Resource, Strategy, Version};
use crate::schema;
use crate::status::FieldError;
use crate::store::State;
use crate::table;
use crate::validate::names;

/// Defaults the names, checks what serving needs, and sets the status that an established definition has.
pub(crate) fn complete(state: &State, definition: &mut Object, before: Option<&Object>) -> Vec<FieldError> {
    default_names(definition);
    let mut errors = check(state, definition);
    if let Some(before) = before {
        errors.extend(check_change(definition, before));
    }
    if errors.is_empty() {
        establish(definition);
    }
    errors
}

/// The resource that a checked definition serves.
pub(crate) fn resource(definition: &Object) -> Option<Resource> {
    let spec = definition.get("spec")?;
    let names = spec.get("names")?;
    let name = |field: &str| names.get(field).and_then(Value::as_str).map(str::to_owned);
    let list = |field: &str| -> Vec<String> {
        let all = names.get(field).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let flag = |value: &Value, field: &str| value.get(field) == Some(&Value::Bool(true));
    let versions = spec.get("versions")?.as_array()?.iter().filter_map(|version| {
        let schema = schema_of(version).map(|schema| Arc::new(schema::parse(schema, "", &mut Vec::new())));
        Some(Version {
            name: version.get("name")?.as_str()?.to_owned(),
            served: flag(version, "served"),
            storage: flag(version, "storage"),
            columns: table::custom_columns(version, "", &mut Vec::new()),
            merging: Arc::new(schema::merging_custom(schema.as_deref())),
            schema,
            status: version.get("subresources").and_then(|all| all.get("status")).is_some_and(Value::is_object),
        })
    });
    Some(Resource {
        group: spec.get("group")?.as_str()?.to_owned(),
        versions: versions.collect(),
        plural: name("plural")?,
        singular: name("singular")?,
        kind: name("kind")?,
        list_kind: name("listKind")?,
        short_names: list("shortNames"),
        categories: list("categories"),
        namespaced: spec.get("scope")?.as_str()? == "Namespaced",
        strategy: Strategy::Custom,
    })
}

fn default_names(definition: &mut Object) {
    let Some(kind) = text(definition, &["spec", "names", "kind"]).map(str::to_owned) else { return };
    let spec = map_mut(definition, "spec");
    spec.entry("conversion").or_insert_with(|| json!({ "strategy": "None" }));
    let names = map_mut(spec, "names");
    names.entry("singular").or_insert_with(|| Value::String(kind.to_lowercase()));
    names.entry("listKind").or_insert_with(|| Value::String(format!("{kind}List")));
}

fn check(state: &State, definition: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut required = |path: &[&str]| {
        let found = text(definition, path).unwrap_or_default();
        if found.is_empty() {
            errors.push(FieldError::required(path.join("."), ""));
        }
        found
    };
    let group = required(&["spec", "group"]);
    let plural = required(&["spec", "names", "plural"]);
    let kind = required(&["spec", "names", "kind"]);
    let scope = required(&["spec", "scope"]);
    if !errors.is_empty() {
        return errors;
    }
    let name = metadata_text(definition, "name");
    if name != format!("{plural}.{group}") {
        errors.push(FieldError::invalid("metadata.name", name, "must be spec.names.plural+\".\"+spec.group"));
    }
    if let Some(wrong) = names::subdomain_error(group) {
        errors.push(FieldError::invalid("spec.group", group, wrong));
    } else if !group.contains('.') {
        errors.push(FieldError::invalid("spec.group", group, "should be a domain with at least one dot"));
    }
    for (field, value) in [
        ("plural", plural),
        ("singular", text(definition, &["spec", "names", "singular"]).unwrap_or_default()),
        ("kind", &kind.to_lowercase()),
    ] {
        if let Some(wrong) = names::label_1035_error(value) {
            errors.push(FieldError::invalid(format!("spec.names.{field}"), value, wrong));
        }
    }
    if !matches!(scope, "Namespaced" | "Cluster") {
        errors.push(FieldError::unsupported("spec.scope", scope, &["Cluster", "Namespaced"]));
    }
    check_versions(definition, &mut errors);
    if text(definition, &["spec", "conversion", "strategy"]) != Some("None") {
        errors.push(FieldError::forbidden(
            "spec.conversion.strategy",
            "devcluster converts between versions with None only",
        ));
    }
    let taken = state.resources().find(|other| {
        let half = (other.kind == kind) != (other.plural == plural);
        other.group == group && (half || other.strategy != Strategy::Custom)
    });
    if let Some(other) = taken {
        let wrong = format!("the group already serves {:?} as {:?}", other.kind, other.plural);
        errors.push(FieldError::invalid("spec.names", name, &wrong));
    }
    errors
}

fn check_versions(definition: &Object, errors: &mut Vec<FieldError>) {
    let none = Vec::new();
    let versions = definition.get("spec").and_then(|spec| spec.get("versions")).and_then(Value::as_array);
    let versions = versions.unwrap_or(&none);
    for (index, version) in versions.iter().enumerate() {
        let name = version.get("name").and_then(Value::as_str).unwrap_or_default();
        if let Some(wrong) = names::label_1035_error(name) {
            errors.push(FieldError::invalid(format!("spec.versions[{index}].name"), name, wrong));
        }
        table::custom_columns(version, &format!("spec.versions[{index}]"), errors);
        match schema_of(version) {
            // The real one speaks of the definition as it was before there were versions, if it has one only.
            Some(schema) => {
                let at = match versions.len() {
                    1 => "spec.validation.openAPIV3Schema".to_owned(),
                    _ => format!("spec.versions[{index}].schema.openAPIV3Schema"),
                };
                schema::parse(schema, &at, errors);
            }
            None => errors.push(FieldError::required(
                format!("spec.versions[{index}].schema.openAPIV3Schema"),
                "schemas are required",
            )),
        }
    }
    let stored = versions.iter().filter(|version| version.get("storage") == Some(&Value::Bool(true))).count();
    if stored != 1 {
        let wrong = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid_plain("spec.versions", wrong));
    }
}

fn schema_of(version: &Value) -> Option<&Value> {
    version.get("schema")?.get("openAPIV3Schema").filter(|schema| schema.is_object())
}

fn check_change(definition: &Object, before: &Object) -> Vec<FieldError> {
    // Of an established definition: objects of the old group, kind or scope would be left behind.
    [&["spec", "group"][..], &["spec", "scope"], &["spec", "names", "plural"], &["spec", "names", "kind"]]
        .into_iter()
        .filter(|path| text(definition, path) != text(before, path))
        .map(|path| {
            let value = text(definition, path).unwrap_or_default();
            FieldError::invalid(path.join("."), value, "field is immutable")
        })
        .collect()
}

fn establish(definition: &mut Object) {
    let names = definition.get("spec").and_then(|spec| spec.get("names")).cloned().unwrap_or_default();
    let storage: Vec<Value> = definition
        .get("spec")
        .and_then(|spec| spec.get("versions"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|version| version.get("storage") == Some(&Value::Bool(true)))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let status = map_mut(definition, "status");
    status.insert("acceptedNames".into(), names);
    let stored = status.entry("storedVersions").or_insert_with(|| json!([]));
    if let Value::Array(stored) = stored {
        for version in storage {
            if !stored.contains(&version) {
                stored.push(version);
            }
        }
    }
    if status.get("conditions").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let now = clock::now();
        status.insert(
            "conditions".into(),
            json!([
                {
                    "type": "NamesAccepted", "status": "True", "reason": "NoConflicts",
                    "message": "no conflicts found", "lastTransitionTime": now,
                },
                {
                    "type": "Established", "status": "True", "reason": "InitialNamesAccepted",
                    "message": "the initial names have been accepted", "lastTransitionTime": now,
                },
            ]),
        );
    }
}

fn text<'a>(object: &'a Object, path: &[&str]) -> Option<&'a str> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(*first)?, |value, step| value.get(step))?.as_str()
}
