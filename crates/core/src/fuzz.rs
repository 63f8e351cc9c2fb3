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

/// A sops file from a stranger: the first byte chooses the format. What can be read is decrypted, written in every format, and read
/// again from there.
pub fn sops_file(bytes: &[u8]) {
    use crate::sops::{DataKey, Format, Indents, Nonces, decrypt, encrypt, second_seal, strict};
    const FORMATS: [Format; 5] = [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary];
    let Some((first, bytes)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    let Some(key) = DataKey::from_bytes(&[7; 32]) else { return };
    if let Ok((mut tree, metadata)) = format.load_encrypted(bytes) {
        let _ = metadata.recover(&[], &mut |_| Err(Vec::new()));
        let _ = metadata.check_mac(&key, "");
        let violations = strict::check(&tree, &metadata, strict::Allow::default());
        drop(violations.map(|violations| violations.iter().map(ToString::to_string).collect::<String>()));
        let _ = second_seal::check(&tree, &metadata, &key);
        let _ = second_seal::recorded_path(&metadata);
        match decrypt(&mut tree, &key, &metadata) {
            Ok(_) => drop(format.emit_plain(&tree, Indents::default())),
            Err(error) => drop(error.to_string()),
        }
    }
    match format.load_plain(bytes) {
        Ok(mut tree) => {
            for other in FORMATS {
                if let Ok(text) = other.emit_plain(&tree, Indents::default()) {
                    let _ = other.load_plain(&text).map(|tree| tree.documents.len());
                }
            }
            let metadata = crate::sops::Metadata::new(crate::sops::Selector::default());
            if encrypt(&mut tree, &key, &metadata, &Nonces::default()).is_ok() {
                let _ = format.emit_encrypted(tree, &metadata, Indents::default());
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// The metadata of a sops file from a stranger, nested and flat, and an encrypted value.
pub fn sops_metadata(bytes: &[u8]) {
    use crate::sops::{DataKey, Format, Indents, Metadata, Value};
    if let Some(key) = DataKey::from_bytes(&[7; 32]) {
        let _ = key.open_value(bytes, "a:").map(|value| value.go_type());
    }
    let Ok(tree) = Format::Json.load_plain(bytes) else { return };
    for format in [Format::Json, Format::Dotenv] {
        let _ = format.load_encrypted(bytes).map(|(_, metadata)| metadata.unknown.len());
    }
    let Some(Value::Map(_)) = tree.documents.first().map(|items| Value::Map(items.clone())) else { return };
    match Metadata::from_branch(&tree.documents[0]) {
        Ok(metadata) => {
            let again = Metadata::from_branch(&metadata.to_branch());
            assert!(again.is_ok_and(|again| again.groups == metadata.groups), "what is written is read");
            for format in [Format::Json, Format::Dotenv, Format::Ini, Format::Yaml] {
                let tree = crate::sops::Tree { documents: vec![Vec::new()] };
                let _ = format.emit_encrypted(tree, &metadata, Indents::default());
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// A private SSH key from a stranger, and the line of a public one.
pub fn ssh_key(bytes: &[u8]) {
    use crate::age::ssh::{Identity, KeyFile, PublicKey};
    if let Ok(file) = KeyFile::parse(bytes) {
        let _ = file.public().map(PublicKey::line);
        if let Ok(key) = file.open() {
            let _ = Identity::new(&key).map(|identity| identity.public().line());
        }
    }
    if let Ok(line) = std::str::from_utf8(bytes) {
        let _ = PublicKey::from_line(line).map(|key| key.line());
    }
}
