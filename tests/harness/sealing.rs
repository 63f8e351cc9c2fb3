//! Keys and sealed objects, made with our own sealing half.

use std::sync::OnceLock;

use bulla_core::go_base64;
use bulla_core::sealed::{GeneratedKey, KeySize, NewKey, Scope, SealingCertificate, generate_key, seal_value};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::api::KEY_LABEL;

/// A small key, so that tests cost little.
pub(crate) fn new_key(not_before: Timestamp) -> GeneratedKey {
    let request = NewKey {
        size: KeySize::Rsa2048,
        not_before,
        validity: SignedDuration::from_hours(24 * 365),
        common_name: String::new(),
    };
    generate_key(&request).expect("RSA-2048 keys can be made")
}

/// The key that most tests use: made once for each process.
pub(crate) fn common_key() -> &'static GeneratedKey {
    static KEY: OnceLock<GeneratedKey> = OnceLock::new();
    KEY.get_or_init(|| new_key(Timestamp::now() - SignedDuration::from_mins(1)))
}

/// The Secret in which a controller keeps `key`.
pub(crate) fn key_secret(name: &str, key: &GeneratedKey) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {KEY_LABEL: "active"}},
        "type": "kubernetes.io/tls",
        "data": {"tls.key": base64(key.private_key_pem.expose()), "tls.crt": base64(&key.certificate_pem)},
    })
}

pub(crate) fn base64(text: impl AsRef<[u8]>) -> String {
    go_base64::encode(text.as_ref()).to_string()
}

/// Seals one value.
pub(crate) fn seal(certificate: &SealingCertificate, scope: Scope, id: (&str, &str), value: &[u8]) -> String {
    let sealed = seal_value(value, certificate, scope, id.0, id.1).expect("small values can be sealed");
    go_base64::encode(&sealed).to_string()
}

/// A SealedSecret with these items, of this scope.
pub(crate) fn sealed_object(
    certificate: &SealingCertificate,
    scope: Scope,
    (namespace, name): (&str, &str),
    items: &[(&str, &str)],
) -> Value {
    let items: Map<String, Value> = items
        .iter()
        .map(|(key, value)| ((*key).to_owned(), seal(certificate, scope, (namespace, name), value.as_bytes()).into()))
        .collect();
    let annotations = match scope {
        Scope::Strict => json!({}),
        Scope::NamespaceWide => json!({"sealedsecrets.bitnami.com/namespace-wide": "true"}),
        Scope::ClusterWide => json!({"sealedsecrets.bitnami.com/cluster-wide": "true"}),
    };
    json!({
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
        "spec": {"encryptedData": items},
    })
}
