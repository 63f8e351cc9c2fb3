//! The record of what was written, in the message of the condition `Applied` (design, decision 12).
//!
//! A compact JSON map. At a restart an object whose record matches the metadata of the live Secret is settled: no RSA, no
//! request. The record holds names, uids and fingerprints; no value, and no digest of a value.

use std::collections::BTreeSet;

use bulla_core::sealed::{Fingerprint, Scope, UnsealedSecret};
use serde::{Deserialize, Serialize};

use crate::report::status::{APPLIED, SealedStatus};

/// What was written, and from what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Applied {
    /// The Secret's uid.
    pub(crate) secret: Box<str>,
    /// The Secret's resourceVersion after our last look at it.
    pub(crate) resource_version: Box<str>,
    /// The generation of the SealedSecret that it was made from.
    pub(crate) generation: i64,
    /// The scope that was tried: the annotation that states it does not raise the generation.
    pub(crate) scope: Box<str>,
    /// Fingerprints of the keys that opened the values, sorted.
    #[serde(default)]
    pub(crate) keys: Vec<Box<str>>,
    /// Labels that the template named: once it no longer does, they are removed.
    #[serde(default)]
    pub(crate) labels: Vec<Box<str>>,
    /// Annotations that the template named.
    #[serde(default)]
    pub(crate) annotations: Vec<Box<str>>,
    /// Somebody else's Secret, which is written only as long as its own annotations allow it: the record is no claim.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) lent: bool,
}

impl Applied {
    /// The record of `secret`, whose live form has `uid` and `resource_version`.
    pub(crate) fn new(
        secret: &UnsealedSecret,
        generation: i64,
        scope: Scope,
        uid: &str,
        resource_version: &str,
    ) -> Self {
        let keys: BTreeSet<&str> = secret.keys().values().map(Fingerprint::as_str).collect();
        let names =
            |map: &std::collections::BTreeMap<String, String>| map.keys().map(|name| name.as_str().into()).collect();
        Self {
            secret: uid.into(),
            resource_version: resource_version.into(),
            generation,
            scope: scope.as_str().into(),
            keys: keys.into_iter().map(Into::into).collect(),
            labels: names(secret.labels()),
            annotations: names(secret.annotations()),
            lent: false,
        }
    }

    /// The record in a status, whether or not it still holds; `None` if there is none that can be read.
    pub(crate) fn read(status: &SealedStatus) -> Option<Self> {
        serde_json::from_str(&status.condition(APPLIED)?.message).ok()
    }

    /// The message of the condition.
    pub(crate) fn to_message(&self) -> String {
        // A struct of texts and numbers always serialises.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A key that opened the object: the first guess the next time.
    pub(crate) fn last_key(&self) -> Option<Fingerprint> {
        self.keys.first().and_then(|key| Fingerprint::parse(key).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::status::Condition;

    #[test]
    fn reads_what_it_wrote_and_nothing_else() {
        let record = Applied {
            secret: "uid".into(),
            resource_version: "12".into(),
            generation: 3,
            scope: "strict".into(),
            keys: vec!["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU".into()],
            labels: vec!["a".into()],
            annotations: Vec::new(),
            lent: true,
        };
        let status = |message: &str| SealedStatus {
            observed_generation: Some(3),
            conditions: vec![Condition { kind: APPLIED.into(), message: message.into(), ..Condition::default() }],
        };
        assert_eq!(Applied::read(&status(&record.to_message())).as_ref(), Some(&record));
        assert!(record.last_key().is_some());
        let owned = Applied { lent: false, ..record };
        assert_eq!(Applied::read(&status(&owned.to_message())).as_ref(), Some(&owned));
        assert!(!owned.to_message().contains("lent"), "records of Secrets that are ours are as they always were");
        for bad in ["", "{", "[]", "{\"secret\":1}", "{\"secret\":\"x\"}"] {
            assert_eq!(Applied::read(&status(bad)), None, "{bad}");
        }
        assert_eq!(Applied::read(&SealedStatus::default()), None);
    }
}
