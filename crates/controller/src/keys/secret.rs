//! Key Secrets: type `kubernetes.io/tls`, `tls.key` a PKCS#1 or PKCS#8 PEM, `tls.crt` the certificate (sealed-secrets 10.3).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_core::sealed::{GeneratedKey, KEY_ACTIVE, KEY_LABEL, RingKey, read_key_secret};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use crate::keys::store::{Certificate, StoredKey};
use crate::live::LiveSecret;
use crate::object::KeyLabel;

/// Reads a key Secret. Without a good certificate, or labelled so, the key opens and does not seal.
///
/// # Errors
/// When there is no usable private key in it.
pub(crate) fn read(secret: &LiveSecret) -> Result<StoredKey, bulla_core::Error> {
    let item = |name: &'static str| secret.item(name).map(|item| item.expose());
    let private_key = item("tls.key").ok_or(bulla_core::Error::KeyItemMissing { item: "tls.key" })?;
    let read = read_key_secret(private_key, item("tls.crt").unwrap_or_default())?;
    let name = secret.text("name");
    let certificate = match read.certificate {
        Ok(certificate) => Some(Certificate {
            fingerprint: certificate.fingerprint().clone(),
            not_before: certificate.not_before(),
            pem: certificate.to_pem(),
        }),
        Err(error) => {
            tracing::warn!(secretname = name, %error, "the key opens, but does not seal: its certificate is no good");
            None
        }
    };
    let created = secret.text("creationTimestamp").parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let since = certificate.as_ref().map_or(created, |certificate| certificate.not_before);
    let seals = secret.key_label() != KeyLabel::OpensOnly;
    Ok(StoredKey { ring: Arc::new(RingKey { key: read.key, since }), certificate: certificate.filter(|_| seals) })
}

/// The body of the POST that stores a new key. The buffer is sized first and clears itself when the request is done.
pub(crate) fn to_body(key: &GeneratedKey, namespace: &str, prefix: &str) -> Bytes {
    let head = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"generateName": prefix, "namespace": namespace, "labels": {KEY_LABEL: KEY_ACTIVE}},
        "type": "kubernetes.io/tls",
    })
    .to_string();
    let pem = key.private_key_pem.expose();
    let certificate = STANDARD.encode(&key.certificate_pem);
    let mut body = Zeroizing::new(Vec::with_capacity(head.len() + certificate.len() + pem.len() * 4 / 3 + 64));
    body.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    body.extend_from_slice(b",\"data\":{\"tls.crt\":\"");
    body.extend_from_slice(certificate.as_bytes());
    body.extend_from_slice(b"\",\"tls.key\":\"");
    let mut encoded = Zeroizing::new(vec![0; pem.len().div_ceil(3) * 4]);
    // The buffer has exactly the length that base64 takes.
    let length = STANDARD.encode_slice(pem, &mut encoded).unwrap_or_default();
    body.extend_from_slice(&encoded[..length]);
    body.extend_from_slice(b"\"}}");
    Bytes::from_owner(body)
}

#[cfg(test)]
mod tests {
    use bulla_core::sealed::{KeySize, NewKey, generate_key};
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_stored_key_reads_back_and_obeys_its_labels() {
        let request = NewKey {
            size: KeySize::Rsa2048,
            not_before: "2026-01-02T03:04:05Z".parse().unwrap(),
            validity: jiff::SignedDuration::from_hours(1),
            common_name: "cn".to_owned(),
        };
        let key = generate_key(&request).unwrap();
        let mut body: Value = serde_json::from_slice(&to_body(&key, "ns", "prefix")).unwrap();
        assert_eq!(body["metadata"]["generateName"], "prefix");
        assert_eq!(body["metadata"]["labels"][KEY_LABEL], "active");
        assert_eq!(body["type"], "kubernetes.io/tls");
        body["metadata"]["uid"] = "u".into();

        let read_back = |body: &Value| read(&LiveSecret::from_body(body.to_string().as_bytes()).unwrap());
        let stored = read_back(&body).ok().unwrap();
        let certificate = stored.certificate.unwrap();
        assert_eq!(&certificate.fingerprint, key.key.fingerprint());
        assert_eq!((certificate.not_before, stored.ring.since), (request.not_before, request.not_before));
        assert_eq!(certificate.pem, key.certificate_pem);

        body["metadata"]["labels"]["bulla.dev/key-state"] = "decrypt-only".into();
        assert!(read_back(&body).ok().unwrap().certificate.is_none());
        body["data"]["tls.crt"] = "".into();
        body["metadata"]["creationTimestamp"] = "2026-02-01T00:00:00Z".into();
        assert_eq!(read_back(&body).ok().unwrap().ring.since.to_string(), "2026-02-01T00:00:00Z");
        body["data"].as_object_mut().unwrap().remove("tls.key");
        assert_eq!(read_back(&body).err().unwrap().to_string(), "the key Secret has no item `tls.key`");
    }
}
