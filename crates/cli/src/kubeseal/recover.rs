//! `--recovery-unseal`: offline decryption with private keys.

use std::path::Path;

use bulla_controller::render_templates;
use bulla_core::sealed::{
    API_VERSION, KIND, KeyRing, ObjectHints, SealedSecret, UnsealOptions, read_key_backup, unseal,
};
use bulla_yaml::{Limits, Node};
use serde_json::Value;
use zeroize::Zeroizing;

use super::run::FormatFlag;
use super::{Failure, no_map, other_kind, read_failed};
use crate::io::input::read_file;
use crate::manifest::{self, SecretStyle};

/// The Secret of the first document, as text.
pub(super) fn recover(text: &[u8], keys: &[String], format: &FormatFlag) -> Result<Zeroizing<String>, Failure> {
    let ring = read_keys(keys)?;
    let documents = bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| error.to_string())?;
    let document = documents.first().ok_or("there is no sealed secret in the input")?;
    let root = &document.root;
    if root.entries().is_none() {
        return Err(no_map(if root.items().is_some() { "array" } else { "string" }));
    }
    let field = |name: &str| root.get(name).and_then(Node::as_str).unwrap_or_default();
    if !matches!((field("apiVersion"), field("kind")), ("" | API_VERSION, "" | KIND)) {
        return Err(other_kind(field("apiVersion"), field("kind")));
    }
    let json = root.to_json().map_err(|error| error.to_string())?;
    check_texts(&json)?;
    let sealed = SealedSecret::from_json(&json).map_err(|error| error.to_string())?;
    let mut hints = ObjectHints::new(&sealed.namespace, sealed.created, None);
    // Without diagnosis: the message is the same for every cause.
    let options = UnsealOptions { diagnose: false, ..UnsealOptions::default() };
    let secret = unseal(&sealed, &ring, &mut hints, options, &render_templates).map_err(|error| error.to_string())?;
    let style = SecretStyle { owner: Some(&sealed.uid), empty_is_null: true };
    Ok(format.resolve()?.write(&manifest::secret(&secret, style)))
}

/// Go's decoder takes nothing but text for labels and annotations.
fn check_texts(object: &Value) -> Result<(), Failure> {
    for (path, place) in [("/metadata", "metadata"), ("/spec/template/metadata", "spec.template.metadata")] {
        for field in ["labels", "annotations"] {
            let Some(entries) = object.pointer(&format!("{path}/{field}")).and_then(Value::as_object) else { continue };
            for value in entries.values() {
                let found = match value {
                    Value::String(_) | Value::Null => continue,
                    Value::Bool(_) => "bool",
                    Value::Number(_) => "number",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                return Err(format!(
                    "json: cannot unmarshal {found} into Go struct field ObjectMeta.{place}.{field} of type string"
                ));
            }
        }
    }
    Ok(())
}

fn read_keys(paths: &[String]) -> Result<KeyRing, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        let path = Path::new(path);
        let text = read_file(path).map_err(|error| read_failed(path, &error))?;
        let report = read_key_backup(&text).map_err(|error| error.to_string())?;
        if report.keys.is_empty() {
            let item = bulla_core::Error::KeyItemMissing { item: "tls.key" };
            return Err(match report.skipped.into_iter().next() {
                Some(skipped) if !matches!(skipped.error, bulla_core::Error::KeyItemMissing { .. }) => {
                    match skipped.error {
                        bulla_core::Error::NoPrivateKey => {
                            "data does not contain a valid RSA or ECDSA private key".to_owned()
                        }
                        other => other.to_string(),
                    }
                }
                Some(_) => "secret must contain a 'tls.data' key".to_owned(),
                None => item.to_string(),
            });
        }
        keys.extend(report.keys);
    }
    Ok(KeyRing::new(keys))
}
