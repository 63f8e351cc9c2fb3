//! Manifests on their way out: which format, which order of fields.
//!
//! YAML sorts all keys; JSON has the order of the Go structs, so that a file that kubeseal wrote and one that bulla wrote differ
//! in ciphertexts only (sealed-secrets 8.6).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_core::sealed::{OwnerReference, UnsealedSecret};
use bulla_core::secret::SecretBytes;
use bulla_yaml::Out;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The text form of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// YAML, each document begins with `---`.
    Yaml,
    /// JSON, indented by two spaces.
    Json,
}

impl Format {
    /// The format of a text, by its first character, as the reader decides it.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        if text.trim_ascii_start().first() == Some(&b'{') { Self::Json } else { Self::Yaml }
    }

    /// The format that a file's name asks for.
    pub(crate) fn of_name(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// One document.
    pub(crate) fn write(self, document: &Out<'_>) -> Zeroizing<String> {
        match self {
            Self::Json => document.to_json(),
            Self::Yaml => {
                let body = document.to_yaml();
                let mut text = Zeroizing::new(String::with_capacity(body.len() + 4));
                text.push_str("---\n");
                text.push_str(&body);
                text
            }
        }
    }
}

const OBJECT: &[&str] = &["kind", "apiVersion", "metadata", "spec"];
const METADATA: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];
const SPEC: &[&str] = &["template", "encryptedData"];
const TEMPLATE: &[&str] = &["metadata", "type", "immutable", "data"];
const MANAGED_FIELDS: &[&str] =
    &["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource"];

/// A SealedSecret with its fields in the order in which kubeseal prints them.
pub(crate) fn sealed_secret(object: &Value) -> Out<'_> {
    ordered(object, OBJECT, |field, value| match field {
        "metadata" => metadata(value),
        "spec" => ordered(value, SPEC, |field, value| match field {
            "template" => ordered(value, TEMPLATE, |field, value| match field {
                "metadata" => metadata(value),
                _ => sorted(value),
            }),
            _ => sorted(value),
        }),
        _ => sorted(value),
    })
}

fn metadata(value: &Value) -> Out<'_> {
    ordered(value, METADATA, |field, value| match (field, value) {
        ("managedFields", Value::Array(entries)) => Out::Sequence(
            entries.iter().map(|entry| ordered(entry, MANAGED_FIELDS, |_, value| sorted(value))).collect(),
        ),
        _ => sorted(value),
    })
}

/// A map with the known fields first, in their order, and the others after them, by name.
fn ordered<'a>(value: &'a Value, order: &[&str], child: impl Fn(&str, &'a Value) -> Out<'a>) -> Out<'a> {
    let Value::Object(map) = value else { return sorted(value) };
    let place = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
    let mut fields: Vec<(&'a String, &'a Value)> = map.iter().collect();
    fields.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    Out::Mapping(fields.into_iter().map(|(name, value)| (Cow::from(name.as_str()), child(name, value))).collect())
}

fn sorted(value: &Value) -> Out<'_> {
    match value {
        Value::Object(_) => ordered(value, &[], |_, value| sorted(value)),
        Value::Array(items) => Out::Sequence(items.iter().map(sorted).collect()),
        other => Out::from(other),
    }
}

/// How a decrypted Secret is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretStyle<'a> {
    /// The uid in the ownerReference that the controller would set, as kubeseal prints it; nothing for no such reference.
    pub(crate) owner: Option<&'a str>,
    /// An empty value as `null`, as Go prints a nil byte slice; else as empty text.
    pub(crate) empty_is_null: bool,
}

/// A decrypted Secret as a manifest. The values are in zeroizing memory.
pub(crate) fn secret(secret: &UnsealedSecret, style: SecretStyle<'_>) -> Out<'static> {
    let parts = Parts {
        name: secret.name(),
        namespace: secret.namespace(),
        labels: secret.labels(),
        annotations: secret.annotations(),
        immutable: secret.immutable(),
        data: secret.data(),
        stated_type: secret.stated_type(),
        owned: !secret.skips_owner_reference(),
    };
    secret_of(&parts, style)
}

/// What a manifest of a Secret says.
pub(crate) struct Parts<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) annotations: &'a BTreeMap<String, String>,
    pub(crate) immutable: Option<bool>,
    pub(crate) data: &'a BTreeMap<String, SecretBytes>,
    pub(crate) stated_type: &'a str,
    /// Whether the controller would make itself its owner.
    pub(crate) owned: bool,
}

/// A Secret from its parts.
pub(crate) fn secret_of(secret: &Parts<'_>, style: SecretStyle<'_>) -> Out<'static> {
    let mut metadata = vec![field("name", secret.name.to_owned())];
    if !secret.namespace.is_empty() {
        metadata.push(field("namespace", secret.namespace.to_owned()));
    }
    for (name, entries) in [("labels", secret.labels), ("annotations", secret.annotations)] {
        if !entries.is_empty() {
            metadata.push((Cow::from(name), texts(entries)));
        }
    }
    if let Some(uid) = style.owner.filter(|_| secret.owned) {
        metadata.push((Cow::from("ownerReferences"), Out::Sequence(vec![owner(secret.name, uid)])));
    }
    let mut fields =
        vec![field("kind", "Secret"), field("apiVersion", "v1"), (Cow::from("metadata"), Out::Mapping(metadata))];
    if let Some(immutable) = secret.immutable {
        fields.push((Cow::from("immutable"), Out::Bool(immutable)));
    }
    if !secret.data.is_empty() {
        let items = secret.data.iter().map(|(key, value)| {
            let value = match value.expose() {
                [] if style.empty_is_null => Out::Null,
                bytes => Out::Secret(base64(bytes)),
            };
            (Cow::from(key.clone()), value)
        });
        fields.push((Cow::from("data"), Out::Mapping(items.collect())));
    }
    if !secret.stated_type.is_empty() {
        fields.push(field("type", secret.stated_type.to_owned()));
    }
    Out::Mapping(fields)
}

fn owner(name: &str, uid: &str) -> Out<'static> {
    const ORDER: [&str; 5] = ["apiVersion", "kind", "name", "uid", "controller"];
    let reference = OwnerReference { name, uid }.to_json();
    let entry = |name: &'static str| match &reference[name] {
        Value::Bool(value) => (Cow::from(name), Out::Bool(*value)),
        value => field(name, value.as_str().unwrap_or_default().to_owned()),
    };
    Out::Mapping(ORDER.into_iter().map(entry).collect())
}

fn field(name: &'static str, value: impl Into<Cow<'static, str>>) -> (Cow<'static, str>, Out<'static>) {
    (Cow::from(name), Out::Str(value.into()))
}

fn texts(entries: &BTreeMap<String, String>) -> Out<'static> {
    Out::Mapping(
        entries.iter().map(|(name, value)| (Cow::from(name.clone()), Out::Str(value.clone().into()))).collect(),
    )
}

/// Encoded into a buffer of the final size.
fn base64(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
    STANDARD.encode_string(bytes, &mut text);
    text
}

/// The single documents of what was read: the items of a List, or the document itself.
pub(crate) fn list_items(document: Value) -> Vec<Value> {
    let is_list =
        |map: &Map<String, Value>| map.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Object(mut map) if is_list(&map) => match map.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        document => vec![document],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_has_the_order_of_the_go_structs() {
        let object = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"annotations": {"b": "1", "a": "<&>"}, "name": "n", "namespace": "ns"},
            "spec": {
                "encryptedData": {"b": "x", "a": "y"},
                "template": {
                    "type": "Opaque", "immutable": true,
                    "metadata": {"labels": {"l": "1"}, "generateName": "g-", "name": "n", "finalizers": ["f"]},
                },
            },
        });
        let text = Format::Json.write(&sealed_secret(&object)).replace([' ', '\n'], "");
        assert_eq!(
            text,
            r#"{"kind":"SealedSecret","apiVersion":"bitnami.com/v1alpha1","metadata":{"name":"n","namespace":"ns","annotations":{"a":"\u003c\u0026\u003e","b":"1"}},"spec":{"template":{"metadata":{"name":"n","generateName":"g-","labels":{"l":"1"},"finalizers":["f"]},"type":"Opaque","immutable":true},"encryptedData":{"a":"y","b":"x"}}}"#
        );
    }

    #[test]
    fn the_format_of_a_text_is_that_of_its_first_character() {
        assert_eq!(Format::of_text(b"\xEF\xBB\xBF \n{"), Format::Json);
        assert_eq!(Format::of_text(b"a: {}"), Format::Yaml);
        assert_eq!(Format::of_text(b""), Format::Yaml);
    }

    #[test]
    fn lists_are_taken_apart() {
        assert_eq!(list_items(json!({"kind": "List", "items": [1, 2]})), [json!(1), json!(2)]);
        assert_eq!(list_items(json!({"kind": "SealedSecretList"})), [] as [Value; 0]);
        assert_eq!(list_items(json!({"kind": "Secret"})), [json!({"kind": "Secret"})]);
    }
}
