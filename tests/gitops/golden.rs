//! The oracle: what the plain tree means, as Kubernetes' own decoder read it (`tests/fixtures/gitops-repo.golden.json`).
//! No code of ours is in it.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::repo::fixtures;

/// Namespace and name.
pub(crate) type Id = (String, String);

/// The Secrets that there should be. The test changes it as it changes the cluster.
pub(crate) type World = BTreeMap<Id, Expected>;

/// One Secret that there should be.
#[derive(Clone)]
pub(crate) struct Expected {
    /// Path in the repository.
    pub(crate) file: String,
    pub(crate) secret_type: String,
    pub(crate) immutable: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) data: BTreeMap<String, Content>,
}

/// The value of an item.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// A value that is too long for the golden file. `begins` is its first bytes.
    Large {
        size: usize,
        sha256: String,
        begins: Vec<u8>,
    },
}

/// Reads the golden file.
pub(crate) fn world() -> World {
    let text = fs::read(fixtures().join("gitops-repo.golden.json")).expect("the golden file is in the repository");
    let golden: Value = serde_json::from_slice(&text).expect("the golden file is JSON");
    let secrets = golden["secrets"].as_array().expect("the golden file has a list of Secrets");
    secrets
        .iter()
        .map(|secret| {
            let field = |name: &str| secret[name].as_str().unwrap_or_default().to_owned();
            let expected = Expected {
                file: field("file"),
                secret_type: field("type"),
                immutable: secret["immutable"] == true,
                labels: texts(&secret["labels"]),
                annotations: texts(&secret["annotations"]),
                data: secret["data"]
                    .as_object()
                    .expect("data is a map")
                    .iter()
                    .map(|(key, value)| (key.clone(), Content::from_golden(value)))
                    .collect(),
            };
            ((field("namespace"), field("name")), expected)
        })
        .collect()
}

impl Expected {
    /// The differences between this and the Secret of the cluster, without a byte of either.
    pub(crate) fn differences(&self, live: &Value) -> Vec<String> {
        let mut found = Vec::new();
        if live["type"] != self.secret_type.as_str() {
            found.push(format!("type is {}, expected {}", live["type"], self.secret_type));
        }
        if (live["immutable"] == true) != self.immutable {
            found.push(format!("immutable is {}, expected {}", live["immutable"], self.immutable));
        }
        for (field, expected) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            let live = texts(&live["metadata"][field]);
            if live != *expected {
                found.push(format!("{field} are {live:?}, expected {expected:?}"));
            }
        }
        let live = data(live);
        for key in live.keys().filter(|key| !self.data.contains_key(*key)) {
            found.push(format!("data has the key {key:?} that the plain Secret does not have"));
        }
        for (key, expected) in &self.data {
            match live.get(key) {
                None => found.push(format!("data lacks the key {key:?}")),
                Some(bytes) if !expected.is(bytes) => {
                    found.push(format!(
                        "data {key:?}: {} bytes, expected {}; they differ",
                        bytes.len(),
                        expected.size()
                    ));
                }
                Some(_) => {}
            }
        }
        found
    }
}

impl Content {
    fn from_golden(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Bytes(decode(text)),
            large => Self::Large {
                size: large["size"].as_u64().and_then(|size| usize::try_from(size).ok()).expect("a size"),
                sha256: large["sha256"].as_str().expect("a digest").to_owned(),
                begins: decode(large["begins"].as_str().expect("the first bytes")),
            },
        }
    }

    fn is(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Bytes(expected) => expected == bytes,
            Self::Large { size, sha256, .. } => {
                *size == bytes.len() && *sha256 == format!("{:x}", Sha256::digest(bytes))
            }
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Large { size, .. } => *size,
        }
    }

    /// The bytes, or the first ones.
    pub(crate) fn beginning(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Large { begins, .. } => begins,
        }
    }
}

/// The decoded data of a Secret.
pub(crate) fn data(secret: &Value) -> BTreeMap<String, Vec<u8>> {
    texts(&secret["data"]).into_iter().map(|(key, value)| (key, decode(&value))).collect()
}

fn texts(map: &Value) -> BTreeMap<String, String> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn decode(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).expect("canonical base64")
}
