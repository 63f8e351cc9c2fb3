//! The record of what was written, in the message of the condition `Applied` (design, decision 12).
//!
//! A compact JSON map. At a restart an object whose record matches the metadata of the live Secret is settled: no RSA, no
//! request. The record holds names, uids and fingerprints; no value, and no digest of a value.

use std::collections::BTreeSet;

use bulla_core::sealed::{Fingerprint, Scope, UnsealedSecret};
use serde::{Deserialize, Serialize};

use crate::report::status::{APPLIED, SealedStatus};

/// What was written, and from what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// For each item of `encryptedData`, in the order of their names, the place in `keys` of the key that opened it; nothing
    /// if one key opened all. Two bytes an item instead of its name and a fingerprint: an object may have thousands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) opened_by: Vec<u16>,
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
        let keys: Vec<Box<str>> = keys.into_iter().map(Into::into).collect();
        let names =
            |map: &std::collections::BTreeMap<String, String>| map.keys().map(|name| name.as_str().into()).collect();
        Self {
            secret: uid.into(),
            resource_version: resource_version.into(),
            generation,
            scope: scope.as_str().into(),
            opened_by: opened_by(secret, &keys),
            keys,
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

    /// The keys that opened the object, and how many of its `items` values each. A record of an earlier version does not say how
    /// several keys share them: then each has opened one at least.
    pub(crate) fn uses(&self, items: usize) -> impl Iterator<Item = (&str, u64)> {
        let count = move |index: usize| match (self.keys.len(), &self.opened_by[..]) {
            (1, _) => items,
            (_, []) => 1,
            (_, opened_by) => opened_by.iter().filter(|key| usize::from(**key) == index).count(),
        };
        self.keys.iter().enumerate().map(move |(index, key)| (&**key, u64::try_from(count(index)).unwrap_or(u64::MAX)))
    }

    /// A key that opened the object: the first guess the next time.
    pub(crate) fn last_key(&self) -> Option<Fingerprint> {
        self.keys.first().and_then(|key| Fingerprint::parse(key).ok())
    }
}

/// The place in `keys` of the key of each item, if there is more than one key.
fn opened_by(secret: &UnsealedSecret, keys: &[Box<str>]) -> Vec<u16> {
    if keys.len() < 2 {
        return Vec::new();
    }
    let place = |key: &Fingerprint| keys.binary_search_by(|known| (**known).cmp(key.as_str())).ok();
    // More keys than a number holds are more than items fit into an object.
    secret.keys().values().filter_map(|key| u16::try_from(place(key)?).ok()).collect()
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
            opened_by: Vec::new(),
        };
        let status = |message: &str| SealedStatus {
            observed_generation: Some(3),
            conditions: vec![Condition { kind: APPLIED.into(), message: message.into(), ..Condition::default() }],
        };
        assert_eq!(Applied::read(&status(&record.to_message())).as_ref(), Some(&record));
        assert!(record.last_key().is_some());
        let owned = Applied { lent: false, ..record };
        assert_eq!(Applied::read(&status(&owned.to_message())).as_ref(), Some(&owned));
        for later in ["lent", "openedBy"] {
            assert!(!owned.to_message().contains(later), "without need, records are as they always were");
        }
        for bad in ["", "{", "[]", "{\"secret\":1}", "{\"secret\":\"x\"}"] {
            assert_eq!(Applied::read(&status(bad)), None, "{bad}");
        }
        assert_eq!(Applied::read(&SealedStatus::default()), None);
    }
    #[test]
    fn a_record_of_1400_items_and_60_keys_takes_a_few_kilobytes() {
        let keys = (0..60).map(|key| format!("SHA256:{key:043}").into()).collect();
        let record = Applied {
            secret: "uid".into(),
            resource_version: "12".into(),
            generation: 3,
            scope: "strict".into(),
            keys,
            opened_by: (0..1400).map(|item| item % 60).collect(),
            labels: Vec::new(),
            annotations: Vec::new(),
            lent: false,
        };
        let message = record.to_message();
        assert!(message.len() < 8 * 1024, "{}", message.len());
        assert_eq!(serde_json::from_str::<Applied>(&message).unwrap(), record);
    }

    #[test]
    fn a_record_from_before_items_were_told_of_is_read() {
        let old = r#"{"secret":"u","resourceVersion":"1","generation":1,"scope":"strict","keys":["a","b"],"labels":[],"annotations":[]}"#;
        let record: Applied = serde_json::from_str(old).unwrap();
        assert_eq!((record.keys.len(), record.opened_by.len()), (2, 0));
        assert_eq!(record.to_message(), old);
    }
}
