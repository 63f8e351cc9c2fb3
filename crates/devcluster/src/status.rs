//! What a refused request looks like: `Failure` is one `meta.k8s.io/v1 Status`, with the reasons and the message texts
//! of kube-apiserver, because clients and scripts match on them.
//!
//! No text in here may quote a value out of a Secret or ConfigMap: names, kinds, field paths and Secret types only. Values
//! of custom objects are quoted where their schema refuses them, as the real one does.

use serde_json::{Map, Value, json};

/// The result of everything that can answer with a `Status`.
pub(crate) type Answer<T> = Result<T, Failure>;

/// A request that is refused: HTTP code, machine-readable reason, text for people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
}

/// Which object a failure is about, in the API's own words.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) group: &'a str,
    pub(crate) plural: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
}

impl About<'_> {
    fn qualified(&self) -> String {
        qualify(self.plural, self.group)
    }

    fn details(&self) -> Map<String, Value> {
        let mut details = Map::new();
        if !self.name.is_empty() {
            details.insert("name".into(), json!(self.name));
        }
        if !self.group.is_empty() {
            details.insert("group".into(), json!(self.group));
        }
        if !self.plural.is_empty() {
            details.insert("kind".into(), json!(self.plural));
        }
        details
    }
}

/// `plural` in the core group, else `plural.group`.
pub(crate) fn qualify(plural: &str, group: &str) -> String {
    if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") }
}

/// One thing wrong with one field of an object.
#[derive(Debug)]
pub(crate) struct FieldError {
    field: String,
    reason: &'static str,
    text: String,
}

impl FieldError {
    pub(crate) fn required(field: impl Into<String>, detail: &str) -> Self {
        let text = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { field: field.into(), reason: "FieldValueRequired", text }
    }

    /// `value` is shown to the caller: never pass the content of a Secret or ConfigMap.
    pub(crate) fn invalid(field: impl Into<String>, value: &str, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", text: format!("Invalid value: {value:?}: {detail}") }
    }

    /// An invalid value that is too large to be shown.
    pub(crate) fn invalid_plain(field: impl Into<String>, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", text: format!("Invalid value: {detail}") }
    }

    /// An invalid value in the real API server's own words, beginning with `Invalid value: `.
    pub(crate) fn invalid_text(field: impl Into<String>, text: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueInvalid", text: text.to_owned() }
    }

    /// An invalid value that must not be shown.
    pub(crate) fn invalid_hidden(field: impl Into<String>, detail: &str) -> Self {
        let text = format!("Invalid value: \"<secret contents redacted>\": {detail}");
        Self { field: field.into(), reason: "FieldValueInvalid", text }
    }

    pub(crate) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", text: format!("Forbidden: {detail}") }
    }

    pub(crate) fn too_long(field: impl Into<String>, limit: usize) -> Self {
        let text = format!("Too long: may not be more than {limit} bytes");
        Self { field: field.into(), reason: "FieldValueTooLong", text }
    }

    /// A value of another type than the schema says; both are named.
    pub(crate) fn wrong_type(field: impl Into<String>, found: &str, wanted: &str) -> Self {
        let field = field.into();
        let text = format!("Invalid value: {found:?}: {field} in body must be of type {wanted}: {found:?}");
        Self { field, reason: "FieldValueTypeInvalid", text }
    }

    pub(crate) fn too_many(field: impl Into<String>, found: usize, limit: usize) -> Self {
        let text = format!("Too many: {found}: must have at most {limit} items");
        Self { field: field.into(), reason: "FieldValueTooMany", text }
    }

    pub(crate) fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        Self { field: field.into(), reason: "FieldValueDuplicate", text: format!("Duplicate value: {value}") }
    }

    /// A value that is not among those that a schema lists.
    pub(crate) fn unsupported_value(field: impl Into<String>, value: &Value, allowed: &[Value]) -> Self {
        let quoted = |value: &Value| value.as_str().map_or_else(|| format!("\"{value}\""), |text| format!("{text:?}"));
        let allowed = allowed.iter().map(quoted).collect::<Vec<_>>().join(", ");
        let text = format!("Unsupported value: {value}: supported values: {allowed}");
        Self { field: field.into(), reason: "FieldValueNotSupported", text }
    }

    /// Takes `prefix` off the paths in the text, not off the field.
    pub(crate) fn shorten(&mut self, prefix: &str) {
        if let Some(short) = self.field.strip_prefix(prefix) {
            self.text = self.text.replace(&format!("{} in body", self.field), &format!("{short} in body"));
        }
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &str, allowed: &[&str]) -> Self {
        let allowed = allowed.iter().map(|each| format!("{each:?}")).collect::<Vec<_>>().join(", ");
        let text = format!("Unsupported value: {value:?}: supported values: {allowed}");
        Self { field: field.into(), reason: "FieldValueNotSupported", text }
    }
}

impl Failure {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None }
    }

    fn about(code: u16, reason: &'static str, about: About<'_>, message: String) -> Self {
        Self { code, reason, message, details: Some(Value::Object(about.details())) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn no_such_path() -> Self {
        let mut failure = Self::new(404, "NotFound", "the server could not find the requested resource");
        failure.details = Some(json!({}));
        failure
    }

    pub(crate) fn not_found(about: About<'_>) -> Self {
        let message = format!("{} {:?} not found", about.qualified(), about.name);
        Self::about(404, "NotFound", about, message)
    }

    pub(crate) fn already_exists(about: About<'_>) -> Self {
        let message = format!("{} {:?} already exists", about.qualified(), about.name);
        Self::about(409, "AlreadyExists", about, message)
    }

    pub(crate) fn modified(about: About<'_>) -> Self {
        Self::conflict(
            about,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    pub(crate) fn conflict(about: About<'_>, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {:?}: {why}", about.qualified(), about.name);
        Self::about(409, "Conflict", about, message)
    }

    pub(crate) fn forbidden(about: About<'_>, why: &str) -> Self {
        let message = format!("{} {:?} is forbidden: {why}", about.qualified(), about.name);
        Self::about(403, "Forbidden", about, message)
    }

    /// 403: the caller may not do this. `resource` has its subresource with it, `name` is "" for a collection.
    pub(crate) fn denied(about: About<'_>, user: &str, verb: &str, subresource: &str, namespace: &str) -> Self {
        let thing =
            if about.name.is_empty() { about.qualified() } else { format!("{} {:?}", about.qualified(), about.name) };
        let scope = if namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {namespace:?}")
        };
        let message = format!(
            "{thing} is forbidden: User {user:?} cannot {verb} resource \"{}{subresource}\" in API group {:?} {scope}",
            about.plural, about.group
        );
        Self::about(403, "Forbidden", about, message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        let mut failure =
            Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        failure.details = Some(json!({}));
        failure
    }

    pub(crate) fn not_acceptable() -> Self {
        Self::new(406, "NotAcceptable", "only the following media types are accepted: application/json")
    }

    pub(crate) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        Self::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {limit}"))
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn too_old(asked: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {asked} ({oldest})"))
    }

    pub(crate) fn too_large_version(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut failure = Self::new(504, "Timeout", message);
        failure.details = Some(json!({
            "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
            "retryAfterSeconds": 1,
        }));
        failure
    }

    pub(crate) fn internal(message: &str) -> Self {
        Self::new(500, "InternalError", format!("Internal error occurred: {message}"))
    }

    /// 422 with every field error; the text of one error stands alone, several are put in brackets.
    pub(crate) fn invalid(about: About<'_>, errors: Vec<FieldError>) -> Self {
        let kind = qualify(about.kind, about.group);
        let texts: Vec<String> = errors.iter().map(|error| format!("{}: {}", error.field, error.text)).collect();
        let mut texts = texts;
        // One error may have several causes that read the same.
        texts.dedup();
        let joined = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let causes: Vec<Value> = errors
            .iter()
            .map(|error| json!({ "reason": error.reason, "message": error.text, "field": error.field }))
            .collect();
        let mut details = about.details();
        if !about.kind.is_empty() {
            details.insert("kind".into(), json!(about.kind));
        }
        details.insert("causes".into(), Value::Array(causes));
        let message = format!("{kind} {:?} is invalid: {joined}", about.name);
        Self { code: 422, reason: "Invalid", message, details: Some(Value::Object(details)) }
    }

    /// The `Status` object, as it stands in a response body or in an `ERROR` event of a watch.
    pub(crate) fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if self.reason.is_empty()
            && let Value::Object(status) = &mut status
        {
            status.remove("reason");
        }
        if let Some(details) = &self.details {
            status["details"] = details.clone();
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: About<'static> = About { group: "", plural: "secrets", kind: "Secret", name: "x" };
    const SEALED: About<'static> =
        About { group: "bitnami.com", plural: "sealedsecrets", kind: "SealedSecret", name: "x" };

    #[test]
    fn messages_are_those_of_the_real_api_server() {
        assert_eq!(Failure::not_found(SECRET).message, r#"secrets "x" not found"#);
        assert_eq!(Failure::not_found(SEALED).message, r#"sealedsecrets.bitnami.com "x" not found"#);
        assert_eq!(Failure::already_exists(SECRET).message, r#"secrets "x" already exists"#);
        assert_eq!(
            Failure::modified(SECRET).message,
            "Operation cannot be fulfilled on secrets \"x\": the object has been modified; \
             please apply your changes to the latest version and try again"
        );
    }

    #[test]
    fn one_field_error_stands_alone_and_several_are_bracketed() {
        let one = Failure::invalid(SEALED, vec![FieldError::required("spec", "")]);
        assert_eq!(one.message, r#"SealedSecret.bitnami.com "x" is invalid: spec: Required value"#);
        let two = Failure::invalid(
            SECRET,
            vec![FieldError::required("data[tls.crt]", ""), FieldError::forbidden("data", "no")],
        );
        assert_eq!(two.message, r#"Secret "x" is invalid: [data[tls.crt]: Required value, data: Forbidden: no]"#);
        assert_eq!(two.to_value()["details"]["causes"].as_array().map(Vec::len), Some(2));
    }
}
