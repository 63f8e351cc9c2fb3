//! Keys, certificates and documents from `tests/vectors`.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_core::sealed::{KeyRing, Rendered, RingKey, SealedSecret, SealingCertificate, SealingKey, TemplateErrors};
use jiff::Timestamp;
use serde_json::Value;

pub fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

pub fn read(path: &str) -> Vec<u8> {
    let path = vectors().join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn read_text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap()
}

pub fn private_key(path: &str) -> SealingKey {
    SealingKey::from_pem(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn certificate(path: &str) -> SealingCertificate {
    SealingCertificate::from_pem(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A ring of the named keys; the first is the newest.
pub fn ring(paths: &[&str]) -> KeyRing {
    KeyRing::new(paths.iter().enumerate().map(|(index, path)| {
        let since = Timestamp::from_second(1_800_000_000 - i64::try_from(index).unwrap()).unwrap();
        Arc::new(RingKey { key: private_key(path), since })
    }))
}

/// The three keys with which the vectors were sealed.
pub fn all_keys() -> KeyRing {
    ring(&["sealed/keys/key1.key", "sealed/keys/key2.key", "sealed/keys/rsa2048.key"])
}

pub fn documents(path: &str) -> Vec<Value> {
    bulla_yaml::read_manifests(&read(path), &bulla_yaml::Limits::default())
        .unwrap_or_else(|error| panic!("{path}: {error}"))
        .iter()
        .map(|document| document.root.to_json().unwrap())
        .collect()
}

pub fn sealed(path: &str) -> SealedSecret {
    SealedSecret::from_json(&documents(path)[0]).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The renderer of objects without templates.
pub fn never(
    templates: &BTreeMap<String, Option<String>>,
    _: &BTreeMap<String, &[u8]>,
) -> Result<Rendered, TemplateErrors> {
    panic!("templates are rendered although there are none: {templates:?}")
}

/// Names of the files of a folder that have one of the endings.
pub fn names(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(vectors().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
        .collect();
    names.sort();
    names
}
