//! A key Secret as a manifest that `kubectl apply` takes: what `kubectl get -o json` prints, without what the API server gives an
//! object by itself and would refuse to take.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::live::LiveSecret;

/// Fields of `metadata` that belong to the object that was, not to the one that is made of its backup.
const OF_THE_OBJECT: [&str; 7] =
    ["uid", "resourceVersion", "creationTimestamp", "generation", "selfLink", "ownerReferences", "deletionTimestamp"];
/// Would hold the key a second time.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The manifest, in one buffer that is sized before it is filled and clears itself.
pub(super) fn of(secret: &LiveSecret) -> Zeroizing<Vec<u8>> {
    let mut metadata = secret.metadata.clone();
    metadata.retain(|name, _| !OF_THE_OBJECT.contains(&name.as_str()));
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    let head =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret.secret_type()}).to_string();
    let size: usize = secret.items().map(|(name, value)| 6 * name.len() + value.len().div_ceil(3) * 4 + 8).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(head.len() + size + 16));
    text.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    text.extend_from_slice(b",\"data\":{");
    for (index, (name, value)) in secret.items().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(Value::from(name).to_string().as_bytes());
        text.extend_from_slice(b":\"");
        let mut encoded = Zeroizing::new(vec![0; value.len().div_ceil(3) * 4]);
        // The buffer has exactly the length that base64 takes.
        let length = STANDARD.encode_slice(value.expose(), &mut encoded).unwrap_or_default();
        text.extend_from_slice(&encoded[..length]);
        text.push(b'"');
    }
    text.extend_from_slice(b"}}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_person_would_apply() {
        let secret = LiveSecret::from_body(
            br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"ns","uid":"u","resourceVersion":"3",
                "creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{}],"labels":{"x":"y"},
                "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","note":"n"}},
                "type":"kubernetes.io/tls","data":{"tls.crt":"eA==","tls.key":"eXo=","e\"mpty":""}}"#,
        )
        .unwrap();
        let text = of(&secret);
        let manifest: Value = serde_json::from_slice(&text).unwrap();
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "a", "namespace": "ns", "labels": {"x": "y"}, "annotations": {"note": "n"}},
            "data": {"tls.crt": "eA==", "tls.key": "eXo=", "e\"mpty": ""},
        });
        assert_eq!(manifest, expected);
        let sized = text.capacity();
        assert!(text.len() <= sized, "the buffer did not grow: a copy would stay behind");
    }
}
