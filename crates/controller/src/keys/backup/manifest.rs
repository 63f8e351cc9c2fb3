//! A key Secret as a manifest that `kubectl apply` takes: what `kubectl get -o json` prints, without what the API server gives an
//! object by itself and would refuse to take.

use bulla_core::sealed::key_manifest;
use zeroize::Zeroizing;

use crate::live::LiveSecret;

/// The manifest: `bulla keys backup` writes the same.
pub(super) fn of(secret: &LiveSecret) -> Zeroizing<Vec<u8>> {
    key_manifest(&secret.metadata, secret.secret_type(), secret.items())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
