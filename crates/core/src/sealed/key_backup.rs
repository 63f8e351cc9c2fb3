//! Private keys from where they are kept: PEM files, key Secrets, and backups of key Secrets.
//!
//! A backup is what `kubectl get secret -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml` prints: a Secret or a List of
//! Secrets, in YAML or JSON, kind and apiVersion optional, one document or many. Every document is read, and a document
//! that holds no usable key is reported and skipped, because the others may be what is needed (sealed-secrets 8.6, 10.3).

use std::sync::Arc;

use bulla_yaml::{Limits, Node, Value};
use jiff::Timestamp;

use crate::Error;
use crate::go_base64;
use crate::sealed::certificate::SealingCertificate;
use crate::sealed::key_ring::RingKey;
use crate::sealed::private_key::SealingKey;
use crate::secret::SecretBytes;

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
        return Ok(BackupReport {
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
    fn add(&mut self, secret: &Node, document: usize) {
        match key_of(secret) {
            Ok(key) => self.keys.push(Arc::new(key)),
            Err(error) => {
                let name = secret.at(&["metadata", "name"]).and_then(Node::as_str);
                let name = name.map_or_else(|| format!("document {}", document + 1), str::to_owned);
                self.skipped.push(SkippedKey { name, error });
            }
        }
    }
}

fn key_of(secret: &Node) -> Result<RingKey, Error> {
    let private_key = item(secret, "tls.key")?.ok_or(Error::KeyItemMissing { item: "tls.key" })?;
    let certificate = item(secret, "tls.crt")?.unwrap_or_else(|| SecretBytes::new(Vec::new()));
    let read = read_key_secret(private_key.expose(), certificate.expose())?;
    let created =
        secret.at(&["metadata", "creationTimestamp"]).and_then(Node::as_str).and_then(|text| text.parse().ok());
    let since = read.certificate.map(|certificate| certificate.not_before()).ok().or(created).unwrap_or(Timestamp::MIN);
    Ok(RingKey { key: read.key, since })
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
