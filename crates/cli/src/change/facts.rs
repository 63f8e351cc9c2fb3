//! What can be told of a SealedSecret from outside: names and sizes, no value.

use bulla_core::go_base64;
use bulla_core::sealed::Envelope;
use bulla_yaml::{Node, Value};
use serde_json::{Value as Json, json};

use super::template;
use crate::tree::Sealed;

/// One SealedSecret as a reader of the file sees it.
pub(super) struct Facts {
    /// `NAMESPACE/NAME`.
    pub(super) id: String,
    place: String,
    namespace: String,
    name: String,
    pub(super) scope: &'static str,
    pub(super) secret_type: Option<String>,
    pub(super) immutable: bool,
    pub(super) labels: Vec<String>,
    pub(super) annotations: Vec<String>,
    pub(super) templates: Vec<String>,
    /// Whether all values are one ciphertext in the deprecated `spec.data`.
    pub(super) deprecated: bool,
    pub(super) items: Vec<(String, Size)>,
}

/// What the length of a ciphertext tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Bytes of the plaintext, bits of the modulus of the key that it is sealed for.
    Known { bytes: usize, bits: usize },
    /// It cannot be a sealed value: why.
    Malformed(&'static str),
}

impl Facts {
    pub(super) fn of(sealed: &Sealed<'_>) -> Self {
        let node = sealed.object.node;
        let template = |field| node.at(&["spec", "template", field]);
        let own = |value: &Vec<&str>| value.iter().map(|text| (*text).to_owned()).collect();
        Self {
            id: sealed.id(),
            place: sealed.object.place(),
            namespace: sealed.namespace.to_owned(),
            name: sealed.name.to_owned(),
            scope: sealed.scope.as_str(),
            secret_type: template("type").and_then(Node::as_str).map(str::to_owned),
            immutable: template("immutable").is_some_and(|node| matches!(node.value, Value::Bool(true))),
            labels: names(node, "labels"),
            annotations: names(node, "annotations"),
            templates: own(&template::names(sealed)),
            deprecated: sealed.deprecated.is_some(),
            items: sealed.items.iter().map(|item| (item.key.to_owned(), size(item.text()))).collect(),
        }
    }

    /// For `--json`. Names and numbers only.
    pub(super) fn json(&self, file: &str, changed: Option<&str>) -> Json {
        let items: Vec<Json> = self
            .items
            .iter()
            .map(|(key, size)| match size {
                Size::Known { bytes, bits } => json!({"key": key, "bytes": bytes, "rsaBits": bits}),
                Size::Malformed(problem) => json!({"key": key, "problem": problem}),
            })
            .collect();
        json!({
            "file": file,
            "place": self.place,
            "namespace": self.namespace,
            "name": self.name,
            "scope": self.scope,
            "type": self.secret_type.as_deref().unwrap_or("Opaque"),
            "immutable": self.immutable,
            "labels": self.labels,
            "annotations": self.annotations,
            "templates": self.templates,
            "deprecatedData": self.deprecated,
            "items": items,
            "lastCommit": changed,
        })
    }
}

/// Names of labels or annotations: the object's own, and those that its Secret gets.
fn names(node: &Node, field: &str) -> Vec<String> {
    let keys = |node: Option<&Node>| -> Vec<String> {
        let entries = node.and_then(Node::entries).unwrap_or_default();
        entries.iter().map(|entry| entry.key.clone()).collect()
    };
    let mut names = keys(node.at(&["metadata", field]));
    for name in keys(node.at(&["spec", "template", "metadata", field])) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A sealed value is 2 bytes of length, the wrapped key as long as the modulus, the plaintext and a tag of 16 bytes.
fn size(text: Option<&str>) -> Size {
    let Some(text) = text else { return Size::Malformed("not text") };
    let Ok(bytes) = go_base64::decode(text) else { return Size::Malformed("not base64") };
    match Envelope::sizes(&bytes) {
        Some((plaintext, modulus)) if modulus > 0 => Size::Known { bytes: plaintext, bits: modulus * 8 },
        _ => Size::Malformed("cut, or not a sealed value"),
    }
}
