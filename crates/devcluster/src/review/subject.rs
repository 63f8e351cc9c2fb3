//! SubjectAccessReview and SelfSubjectAccessReview: may this user, or the caller, do this?

use serde_json::{Map, Value, json};

use super::{Known, Review};
use crate::access::Question;
use crate::object::Object;
use crate::status::{Answer, qualify};

/// The fields that are shown again, in the real API server's order.
const RESOURCE_FIELDS: &[&str] = &["namespace", "verb", "group", "version", "resource", "subresource", "name"];
const PATH_FIELDS: &[&str] = &["path", "verb"];

/// The specification as it is shown again, and the status.
pub(super) fn answer(review: &Review, spec: &Object, known: &Known<'_>) -> Answer<(Value, Value)> {
    let resource = attributes(review, spec, "resourceAttributes", RESOURCE_FIELDS)?;
    let path = attributes(review, spec, "nonResourceAttributes", PATH_FIELDS)?;
    let mut shown = Map::new();
    let (mut user, mut groups) = (known.caller.username.clone(), known.caller.groups.clone());
    if review.kind == "SubjectAccessReview" {
        user = review.text(spec, "user")?.to_owned();
        groups = review.texts(spec, "groups")?;
        for (field, value) in [("user", json!(user)), ("groups", json!(groups))] {
            if value != "" && value != json!([]) {
                shown.insert(field.to_owned(), value);
            }
        }
    }
    let invalid = |field: &str, text: &str| Err(review.invalid(field, &format!("Invalid value: {text}")));
    if resource.is_some() && path.is_some() {
        return invalid("spec.nonResourceAttributes", "cannot be specified in combination with resourceAttributes");
    }
    if resource.is_none() && path.is_none() {
        let text = "null: exactly one of nonResourceAttributes or resourceAttributes must be specified";
        return invalid("spec.resourceAttributes", text);
    }
    if user.is_empty() && groups.is_empty() {
        return invalid("spec.user", "\"\": at least one of user or group must be specified");
    }
    let of = |map: &Option<Map<String, Value>>, field: &str| -> String {
        map.as_ref().and_then(|map| map.get(field)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let verb = of(if resource.is_some() { &resource } else { &path }, "verb");
    let mut thing = match &path {
        Some(_) => of(&path, "path"),
        None => qualify(&of(&resource, "resource"), &of(&resource, "group")),
    };
    let subresource = of(&resource, "subresource");
    if !subresource.is_empty() {
        thing = format!("{thing}/{subresource}");
    }
    let namespace = of(&resource, "namespace");
    let question = Question { user: &user, groups: &groups, verb: &verb, resource: &thing, namespace: &namespace };
    let status = json!({ "allowed": question.allowed_by(known.rules) });
    for (field, value) in [("resourceAttributes", resource), ("nonResourceAttributes", path)] {
        if let Some(value) = value {
            shown.insert(field.to_owned(), Value::Object(value));
        }
    }
    Ok((Value::Object(shown), status))
}

fn attributes(review: &Review, spec: &Object, field: &str, known: &[&str]) -> Answer<Option<Map<String, Value>>> {
    let given = match spec.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(review.undecodable(field)),
    };
    let mut kept = Map::new();
    for name in known {
        let text = review.text(given, name)?;
        if !text.is_empty() {
            kept.insert((*name).to_owned(), json!(text));
        }
    }
    Ok(Some(kept))
}
