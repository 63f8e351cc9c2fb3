//! Key Secrets: type `kubernetes.io/tls`, `tls.key` a PKCS#1 or PKCS#8 PEM, `tls.crt` the certificate (sealed-secrets 10.3).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_core::sealed::{
    GeneratedKey, KEY_ACTIVE, KEY_LABEL, KEY_STATE_LABEL, KeyLabel, KeyState, RingKey, SealingCertificate,
    read_key_secret,
};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use crate::Config;
use crate::keys::store::{Certificate, ShelvedKey, StoredKey};
use crate::live::LiveSecret;

/// What a Secret that is labelled as a key, or has the legacy name, turned out to be.
pub(crate) enum KeySecret {
    /// A key that opens.
    Key(StoredKey),
    /// A key that is labelled as not active.
    Shelved(ShelvedKey),
}

/// Reads a key Secret.
///
/// # Errors
/// When there is no usable private key in it, or, of one that is not active, no certificate.
pub(crate) fn read(secret: &LiveSecret) -> Result<KeySecret, bulla_core::Error> {
    let item = |name: &'static str| secret.item(name).map(|item| item.expose());
    let certificate = item("tls.crt").unwrap_or_default();
    let state = match secret.key_label() {
        KeyLabel::Active(state) => state,
        // The legacy key has no label of upstream's; ours counts all the same.
        KeyLabel::None => KeyState::parse(secret.label(KEY_STATE_LABEL).unwrap_or_default()),
        KeyLabel::Inactive => {
            let fingerprint = SealingCertificate::from_pem(certificate)?.fingerprint().clone();
            let label = secret.label(KEY_LABEL).unwrap_or_default().to_owned();
            return Ok(KeySecret::Shelved(ShelvedKey { fingerprint, label }));
        }
    };
    let private_key = item("tls.key").ok_or(bulla_core::Error::KeyItemMissing { item: "tls.key" })?;
    let read = read_key_secret(private_key, certificate)?;
    let name = secret.text("name");
    let certificate = match read.certificate {
        Ok(certificate) => Some(Certificate::from(&certificate)),
        Err(error) => {
            tracing::warn!(secretname = name, %error, "the key opens, but does not seal: its certificate is no good");
            None
        }
    };
    let created = secret.text("creationTimestamp").parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let since = certificate.as_ref().map_or(created, |certificate| certificate.not_before);
    let ring = Arc::new(RingKey { key: read.key, since });
    Ok(KeySecret::Key(StoredKey { ring, certificate, state, created }))
}

impl From<&SealingCertificate> for Certificate {
    fn from(certificate: &SealingCertificate) -> Self {
        Self {
            fingerprint: certificate.fingerprint().clone(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            pem: certificate.to_pem(),
        }
    }
}

/// How a new key Secret is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By the API server, as upstream does it.
    Generated,
    /// The same in every replica that has the same occasion to make a key, so that only one of them can.
    Fixed(String),
}

/// The body of the POST that stores a new key. The buffer is sized first and clears itself when the request is done.
pub(crate) fn to_body(key: &GeneratedKey, config: &Config, naming: &Naming) -> Bytes {
    let mut labels = config.keys.labels.clone();
    labels.insert(KEY_LABEL.to_owned(), KEY_ACTIVE.to_owned());
    let mut metadata = json!({"generateName": config.key_prefix, "namespace": config.namespace, "labels": labels});
    if !config.keys.annotations.is_empty() {
        metadata["annotations"] = json!(config.keys.annotations);
    }
    if let Naming::Fixed(name) = naming {
        metadata["name"] = json!(name);
    }
    let head =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}).to_string();
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
        let mut config = Config { namespace: "ns".to_owned(), key_prefix: "prefix".to_owned(), ..Config::default() };
        config.keys.labels = [("team".to_owned(), "sre".to_owned()), (KEY_LABEL.to_owned(), "off".to_owned())].into();
        config.keys.annotations = [("note".to_owned(), "a \"b\"".to_owned())].into();
        let body = |naming: Naming| serde_json::from_slice::<Value>(&to_body(&key, &config, &naming)).unwrap();
        assert_eq!(body(Naming::Fixed("prefixabc".to_owned()))["metadata"]["name"], "prefixabc");
        let mut body = body(Naming::Generated);
        assert_eq!(body["metadata"]["generateName"], "prefix");
        assert!(body["metadata"].get("name").is_none());
        assert_eq!(body["metadata"]["labels"], json!({KEY_LABEL: "active", "team": "sre"}));
        assert_eq!(body["metadata"]["annotations"], json!({"note": "a \"b\""}));
        assert_eq!(body["type"], "kubernetes.io/tls");
        body["metadata"]["uid"] = "u".into();

        let read_back = |body: &Value| match read(&LiveSecret::from_body(body.to_string().as_bytes()).unwrap()) {
            Ok(KeySecret::Key(stored)) => Ok(stored),
            Ok(KeySecret::Shelved(shelved)) => panic!("{shelved:?}"),
            Err(error) => Err(error),
        };
        let stored = read_back(&body).ok().unwrap();
        let certificate = stored.certificate.unwrap();
        assert_eq!(&certificate.fingerprint, key.key.fingerprint());
        assert_eq!((certificate.not_before, stored.ring.since), (request.not_before, request.not_before));
        assert_eq!(certificate.not_after, key.certificate.not_after());
        assert_eq!(certificate.pem, key.certificate_pem);

        body["metadata"]["labels"]["bulla.dev/key-state"] = "decrypt-only".into();
        assert_eq!(read_back(&body).ok().unwrap().state, KeyState::DecryptOnly);
        let mut shelved = body.clone();
        shelved["metadata"]["labels"][KEY_LABEL] = "compromised".into();
        shelved["data"].as_object_mut().unwrap().remove("tls.key");
        match read(&LiveSecret::from_body(shelved.to_string().as_bytes()).unwrap()) {
            Ok(KeySecret::Shelved(shelved)) => {
                assert_eq!((&shelved.fingerprint, &*shelved.label), (key.key.fingerprint(), "compromised"));
            }
            _ => panic!("a key that is not active is read as one"),
        }
        body["data"]["tls.crt"] = "".into();
        body["metadata"]["creationTimestamp"] = "2026-02-01T00:00:00Z".into();
        let stored = read_back(&body).ok().unwrap();
        assert!(stored.certificate.is_none());
        assert_eq!(stored.ring.since.to_string(), "2026-02-01T00:00:00Z");
        body["data"].as_object_mut().unwrap().remove("tls.key");
        assert_eq!(read_back(&body).err().unwrap().to_string(), "the key Secret has no item `tls.key`");
    }
}
