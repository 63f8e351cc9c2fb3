//! Entry points for hostile bytes: the same functions run under cargo-fuzz and, with committed corpora, under proptest.
//!
//! Not part of the API. None of them may panic, whatever the bytes.

use age::secrecy::ExposeSecret as _;

use crate::age::Identities;
use crate::sealed::{
    Envelope, KeyRing, ObjectHints, ObjectReseal, PlainSecret, ResealRequest, Scope, SealedSecret, SealingCertificate,
    Task, UnsealOptions, open, read_key_backup, read_key_documents, read_object, reseal_item, rotated,
};

/// A SealedSecret manifest from a stranger, opened with a ring that has no key.
pub fn sealed_object(bytes: &[u8]) {
    let Ok(documents) = bulla_yaml::read_manifests(bytes, &bulla_yaml::Limits::default()) else { return };
    let ring = KeyRing::new([]);
    for document in documents {
        let Ok(json) = document.root.to_json() else { continue };
        if let Ok(sealed) = SealedSecret::from_json(&json)
            && let Err(error) = open(&sealed, &ring, &mut ObjectHints::default(), UnsealOptions::default())
        {
            let _ = error.to_string();
        }
    }
}

/// A plain Secret from a stranger.
pub fn plain_secret(bytes: &[u8]) {
    let Ok(documents) = bulla_yaml::read_manifests(bytes, &bulla_yaml::Limits::default()) else { return };
    for document in documents {
        if let Err(error) = PlainSecret::from_node(&document.root) {
            let _ = (error.to_string(), error.go_message());
        }
    }
}

/// A sealed value from a stranger, as bytes and as base64.
pub fn sealed_value(bytes: &[u8]) {
    let _ = Envelope::parse(bytes);
    let ring = KeyRing::new([]);
    if let Err(failure) = ring.open(bytes, (Scope::Strict, "ns", "name"), &mut ObjectHints::default()) {
        let _ = (failure.to_string(), failure.compatible_message());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = crate::go_base64::decode(text);
    }
}

/// A certificate from a stranger.
pub fn certificate(bytes: &[u8]) {
    if let Ok(certificate) = SealingCertificate::from_pem(bytes) {
        let _ = (certificate.fingerprint().as_str().len(), certificate.to_pem());
    }
}

/// A private key or a backup of keys from a stranger.
pub fn key_backup(bytes: &[u8]) {
    let _ = read_key_backup(bytes).map(|report| report.keys.len());
    for read in read_key_documents(bytes).unwrap_or_default() {
        let _ = read.map(|document| (document.fingerprint().is_ok(), document.to_backup().len()));
    }
}

/// The bodies of the controller's endpoints from a stranger: a SealedSecret to be resealed, and a list of values.
pub fn reseal_body(bytes: &[u8]) {
    let ring = KeyRing::new([]);
    if let Ok(object) = read_object(bytes)
        && let Ok(mut job) = ObjectReseal::new(object, true)
    {
        while job.step(&ring, Task::Open, 1) {}
        let _ = job.into_object().map(|object| rotated(&object).to_string());
    }
    match ResealRequest::parse(bytes) {
        Ok(request) => {
            for item in &request.items {
                let outcome = reseal_item(&item.value, item.place(), &ring, Task::Open, &mut ObjectHints::default());
                let _ = serde_json::to_string(&item.answer(outcome));
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// An age file from a stranger, and an identity file.
pub fn age_file(bytes: &[u8]) {
    // Somebody's: what is behind the header is authenticated, so hostile bytes never get there.
    let identity = age::x25519::Identity::generate().to_string();
    if let Ok(identities) = Identities::from_file(identity.expose_secret().as_bytes()) {
        let _ = identities.decrypt(bytes, 1 << 20).map(|plaintext| plaintext.len());
    }
    let _ = Identities::from_file(bytes).map(|identities| identities.iter().count());
}
