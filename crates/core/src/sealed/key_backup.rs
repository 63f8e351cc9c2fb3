//! Private keys from where they are kept: PEM files, key Secrets, and backups of key Secrets.
//!
//! A backup is what `kubectl get secret -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml` prints: a Secret or a List of
//! Secrets, in YAML or JSON, kind and apiVersion optional, one document or many. Every document is read, and a document
//! that holds no usable key is reported and skipped, because the others may be what is needed (sealed-secrets 8.6, 10.3).

use std::sync::Arc;

use bulla_yaml::{Limits, Node, Value};
use jiff::{SignedDuration, Timestamp};

use crate::Error;
use crate::go_base64;
use crate::sealed::certificate::SealingCertificate;
use crate::sealed::key_ring::RingKey;
use crate::sealed::private_key::SealingKey;
use crate::sealed::{KEY_ACTIVE, KEY_LABEL};
use crate::secret::SecretBytes;

/// On a key Secret: what a loaded key is used for; absent and `active` mean everything.
const KEY_STATE_LABEL: &str = "bulla.dev/key-state";
/// How far ahead a certificate may begin and still be the newest.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A key and its certificate, from the items `tls.key` and `tls.crt` of a key Secret.
pub struct KeySecret {
    /// The private key: it opens whatever the certificate's state.
    pub key: SealingKey,
    /// The certificate: without a good one the key opens and does not seal.
    pub certificate: Result<SealingCertificate, Error>,
}

/// Reads a key Secret's items.
///
/// # Errors
/// When `tls.key` is missing, not base64, or no RSA key that can be used.
pub fn read_key_secret(private_key_pem: &[u8], certificate_pem: &[u8]) -> Result<KeySecret, Error> {
    let key = SealingKey::from_pem(private_key_pem)?;
    let certificate = SealingCertificate::from_pem(certificate_pem).and_then(|certificate| {
        if certificate.fingerprint() == key.fingerprint() { Ok(certificate) } else { Err(Error::KeyPairMismatch) }
    });
    Ok(KeySecret { key, certificate })
}

/// The keys of a backup, and what was skipped.
#[derive(Default)]
pub struct BackupReport {
    /// The keys, in the order of the file.
    pub keys: Vec<Arc<RingKey>>,
    /// The certificates of those keys that may seal, as far as the file holds them: a Secret that is labelled as a key that only
    /// opens, or as none that is active, has none here.
    pub certificates: Vec<SealingCertificate>,
    /// Secrets without a usable key.
    pub skipped: Vec<SkippedKey>,
}

/// A Secret of a backup that holds no usable key.
#[derive(Debug)]
pub struct SkippedKey {
    /// Its name, or `document 3` if it has none.
    pub name: String,
    /// Why.
    pub error: Error,
}

/// Reads a PEM file with one or more private keys, or a backup of key Secrets.
///
/// # Errors
/// When the text is neither; a document that parses and holds no key is in [`BackupReport::skipped`].
pub fn read_key_backup(text: &[u8]) -> Result<BackupReport, Error> {
    if is_pem(text) {
        let keys = SealingKey::all_from_pem(text)?;
        if keys.is_empty() {
            return Err(Error::NoPrivateKey);
        }
        let since = Timestamp::MIN;
        let certificate = SealingCertificate::from_pem(text).ok();
        let belongs = |certificate: &SealingCertificate| {
            keys.iter().any(|key: &SealingKey| key.fingerprint() == certificate.fingerprint())
        };
        return Ok(BackupReport {
            certificates: certificate.into_iter().filter(belongs).collect(),
            keys: keys.into_iter().map(|key| Arc::new(RingKey { key, since })).collect(),
            skipped: Vec::new(),
        });
    }
    let mut report = BackupReport::default();
    for (index, document) in bulla_yaml::read_manifests(text, &Limits::default())?.iter().enumerate() {
        match document.root.get("items").map(|items| &items.value) {
            Some(Value::Sequence(items)) => items.iter().for_each(|item| report.add(item, index)),
            _ => report.add(&document.root, index),
        }
    }
    Ok(report)
}

/// A manifest may hold a PEM block in a scalar; a PEM file has nothing but blocks and prose around them.
fn is_pem(text: &[u8]) -> bool {
    let lines = text.split(|byte| *byte == b'\n');
    lines.map(<[u8]>::trim_ascii_end).find(|line| !line.is_empty()).is_some_and(|line| line.starts_with(b"-----BEGIN "))
        || text.windows(12).any(|window| window == b"\n-----BEGIN ")
}

impl BackupReport {
    /// The certificate that new values should be sealed with: the one that begins last, but none that has expired, is not meant
    /// for sealing, or begins in the future (a few minutes are a clock that is off).
    pub fn newest_certificate(certificates: Vec<SealingCertificate>, now: Timestamp) -> Option<SealingCertificate> {
        let latest = now.saturating_add(MAX_CLOCK_SKEW).unwrap_or(now);
        certificates
            .into_iter()
            .filter(|certificate| certificate.is_for_sealing() && certificate.not_before() <= latest)
            .filter(|certificate| certificate.check_not_expired(now).is_ok())
            .max_by_key(SealingCertificate::not_before)
    }

    fn add(&mut self, secret: &Node, document: usize) {
        match key_of(secret) {
            Ok((key, certificate)) => {
                self.keys.push(Arc::new(key));
                self.certificates.extend(certificate.filter(|_| may_seal(secret)));
            }
            Err(error) => {
                let name = secret.at(&["metadata", "name"]).and_then(Node::as_str);
                let name = name.map_or_else(|| format!("document {}", document + 1), str::to_owned);
                self.skipped.push(SkippedKey { name, error });
            }
        }
    }
}

/// Whether the labels of a key Secret leave it sealing. Without labels it does: a backup may have lost them.
fn may_seal(secret: &Node) -> bool {
    let label = |name: &str| secret.at(&["metadata", "labels", name]).and_then(Node::as_str);
    matches!(label(KEY_LABEL), None | Some(KEY_ACTIVE)) && matches!(label(KEY_STATE_LABEL), None | Some("" | "active"))
}

fn key_of(secret: &Node) -> Result<(RingKey, Option<SealingCertificate>), Error> {
    let private_key = item(secret, "tls.key")?.ok_or(Error::KeyItemMissing { item: "tls.key" })?;
    let certificate = item(secret, "tls.crt")?.unwrap_or_else(|| SecretBytes::new(Vec::new()));
    let read = read_key_secret(private_key.expose(), certificate.expose())?;
    let created =
        secret.at(&["metadata", "creationTimestamp"]).and_then(Node::as_str).and_then(|text| text.parse().ok());
    let certificate = read.certificate.ok();
    let since = certificate.as_ref().map(SealingCertificate::not_before).or(created).unwrap_or(Timestamp::MIN);
    Ok((RingKey { key: read.key, since }, certificate))
}

/// An item of `data` (base64) or `stringData` (text); the latter wins.
fn item(secret: &Node, name: &'static str) -> Result<Option<SecretBytes>, Error> {
    if let Some(text) = secret.at(&["stringData", name]).and_then(Node::as_str) {
        return Ok(Some(SecretBytes::new(text.as_bytes().to_vec())));
    }
    let Some(text) = secret.at(&["data", name]).and_then(Node::as_str) else { return Ok(None) };
    let bytes = go_base64::decode(text).map_err(|source| Error::KeyItemNotBase64 { item: name, source })?;
    Ok(Some(SecretBytes::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go_base64;
    use crate::sealed::{GeneratedKey, KeySize, NewKey, generate_key};

    fn key(age_in_minutes: i64) -> GeneratedKey {
        let not_before = Timestamp::now() - SignedDuration::from_mins(age_in_minutes);
        let validity = SignedDuration::from_hours(1);
        generate_key(&NewKey { size: KeySize::Rsa2048, not_before, validity, common_name: String::new() }).unwrap()
    }

    fn secret(key: &GeneratedKey, labels: &str) -> String {
        let data = |text: &str| go_base64::encode(text.as_bytes());
        let (private, certificate) = (data(key.private_key_pem.expose()), data(&key.certificate_pem));
        format!(
            "---\nmetadata: {{name: k, labels: {{{labels}}}}}\ndata: {{tls.key: {private}, tls.crt: {certificate}}}\n"
        )
    }

    #[test]
    fn the_newest_certificate_is_one_that_may_seal_now() {
        let (old, new, expired, future) = (key(30), key(10), key(120), key(-10));
        let newest = |backup: &str| {
            let report = read_key_backup(backup.as_bytes()).unwrap();
            assert!(report.skipped.is_empty());
            let newest = BackupReport::newest_certificate(report.certificates, Timestamp::now());
            newest.map(|certificate| certificate.fingerprint().clone())
        };
        let (old_print, new_print) = (old.key.fingerprint().clone(), new.key.fingerprint().clone());
        let plain = |keys: &[&GeneratedKey]| keys.iter().map(|key| secret(key, "")).collect::<String>();
        assert_eq!(newest(&plain(&[&old, &new, &expired, &future])), Some(new_print.clone()));
        assert_eq!(newest(&plain(&[&expired, &future])), None);
        for (labels, expected) in [
            ("sealedsecrets.bitnami.com/sealed-secrets-key: active", &new_print),
            ("sealedsecrets.bitnami.com/sealed-secrets-key: compromised", &old_print),
            ("bulla.dev/key-state: decrypt-only", &old_print),
            ("bulla.dev/key-state: active", &new_print),
        ] {
            assert_eq!(newest(&(secret(&old, "") + &secret(&new, labels))).as_ref(), Some(expected), "{labels}");
        }
        let pem = format!("{}{}", new.private_key_pem.expose(), new.certificate_pem);
        assert_eq!(newest(&pem), Some(new_print));
        let foreign = format!("{}{}", new.private_key_pem.expose(), old.certificate_pem);
        assert_eq!(newest(&foreign), None, "a certificate of another key");
    }
}
