//! The keys that are loaded, by the name of their Secret, and which of them seals. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bulla_core::sealed::{Fingerprint, RingKey};
use jiff::Timestamp;
use kube::runtime::watcher::Event;

use crate::object::{KeyLabel, SecretMetadata};

/// A certificate that begins later than this from now is passed over: clocks differ a little, not by days.
pub(crate) const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

/// A loaded key.
pub(crate) struct StoredKey {
    /// For opening.
    pub(crate) ring: Arc<RingKey>,
    /// For sealing; none if the certificate is malformed or the key must not seal any more.
    pub(crate) certificate: Option<Certificate>,
}

/// The certificate of a key that seals.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) not_before: Timestamp,
    pub(crate) pem: String,
}

/// What a change of a Secret's metadata asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Read it.
    Load {
        /// The Secret's name.
        name: String,
        /// Its resourceVersion, so that the same state is read once.
        version: String,
    },
    /// It is no key any more.
    Drop {
        /// The Secret's name.
        name: String,
    },
}

/// Which Secrets of the namespace are keys, from watch events of their metadata.
pub(crate) struct Candidates {
    legacy_name: String,
    versions: BTreeMap<String, String>,
    seen: Option<HashSet<String>>,
    listed: bool,
}

impl Candidates {
    /// `legacy_name` is a key although it has no label.
    pub(crate) fn new(legacy_name: &str) -> Self {
        Self { legacy_name: legacy_name.to_owned(), versions: BTreeMap::new(), seen: None, listed: false }
    }

    /// What an event changes.
    pub(crate) fn event(&mut self, event: Event<SecretMetadata>) -> Vec<Change> {
        match event {
            Event::Init => {
                self.seen = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(secret) | Event::Apply(secret) => self.see(&secret).into_iter().collect(),
            Event::Delete(secret) => {
                let name = secret.key.map(|key| key.name.to_string()).unwrap_or_default();
                self.forget(&name).into_iter().collect()
            }
            Event::InitDone => {
                self.listed = true;
                let seen = self.seen.take().unwrap_or_default();
                let missing: Vec<String> = self.versions.keys().filter(|name| !seen.contains(*name)).cloned().collect();
                missing.iter().filter_map(|name| self.forget(name)).collect()
            }
        }
    }

    fn see(&mut self, secret: &SecretMetadata) -> Option<Change> {
        let name = secret.key.as_ref()?.name.to_string();
        if let Some(seen) = &mut self.seen {
            seen.insert(name.clone());
        }
        let is_key = match secret.key_label {
            KeyLabel::Active | KeyLabel::OpensOnly => true,
            KeyLabel::None => name == self.legacy_name,
            KeyLabel::Inactive => false,
        };
        if !is_key {
            return self.forget(&name);
        }
        let version = secret.secret.resource_version.to_string();
        let known = self.versions.insert(name.clone(), version.clone());
        (known.as_deref() != Some(&*version)).then_some(Change::Load { name, version })
    }

    fn forget(&mut self, name: &str) -> Option<Change> {
        self.versions.remove(name).map(|_| Change::Drop { name: name.to_owned() })
    }

    /// Whether the list has been complete once. Before that nobody knows whether there are keys.
    pub(crate) fn listed(&self) -> bool {
        self.listed
    }

    /// Whether a Secret is still a key, in this version.
    pub(crate) fn is_current(&self, name: &str, version: &str) -> bool {
        self.versions.get(name).is_some_and(|known| known == version)
    }
}

/// The loaded keys.
#[derive(Default)]
pub(crate) struct KeyStore {
    keys: BTreeMap<String, StoredKey>,
}

impl KeyStore {
    pub(crate) fn insert(&mut self, name: String, key: StoredKey) {
        self.keys.insert(name, key);
    }

    /// Whether there was one.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.keys.remove(name).is_some()
    }

    /// All keys that open.
    pub(crate) fn ring(&self) -> Vec<Arc<RingKey>> {
        self.keys.values().map(|key| Arc::clone(&key.ring)).collect()
    }

    /// The certificate to seal with: the one that begins last, but not in the future. Of two that begin in the same second
    /// the one whose Secret's name comes first, so that replicas agree without talking (#1364).
    pub(crate) fn newest(&self, now: Timestamp) -> Option<&Certificate> {
        let latest = now.saturating_add(MAX_CLOCK_SKEW).unwrap_or(now);
        self.keys
            .iter()
            .filter_map(|(name, key)| Some((name, key.certificate.as_ref()?)))
            .filter(|(_, certificate)| certificate.not_before <= latest)
            .max_by_key(|(name, certificate)| (certificate.not_before, Reverse(*name)))
            .map(|(_, certificate)| certificate)
    }

    /// How many keys seal and open, and how many only open.
    pub(crate) fn count(&self) -> (usize, usize) {
        let sealing = self.keys.values().filter(|key| key.certificate.is_some()).count();
        (sealing, self.keys.len() - sealing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use bulla_core::sealed::{KEY_LABEL, KeySize, NewKey, SealingKey, generate_key};
    use serde_json::{Value, json};

    use super::*;

    static PEM: LazyLock<String> = LazyLock::new(|| {
        let request = NewKey {
            size: KeySize::Rsa2048,
            not_before: Timestamp::UNIX_EPOCH,
            validity: jiff::SignedDuration::from_hours(1),
            common_name: String::new(),
        };
        generate_key(&request).unwrap().private_key_pem.expose().to_owned()
    });

    fn stored(not_before: Option<i64>) -> StoredKey {
        let key = SealingKey::from_pem(PEM.as_bytes()).unwrap();
        let fingerprint = key.fingerprint().clone();
        StoredKey {
            ring: Arc::new(RingKey { key, since: Timestamp::UNIX_EPOCH }),
            certificate: not_before.map(|second| Certificate {
                fingerprint,
                not_before: Timestamp::from_second(second).unwrap(),
                pem: String::new(),
            }),
        }
    }

    /// The name of the Secret whose key seals at second 1000.
    fn newest(keys: &[(&str, Option<i64>)]) -> Option<String> {
        let mut store = KeyStore::default();
        for (name, not_before) in keys {
            let mut key = stored(*not_before);
            if let Some(certificate) = &mut key.certificate {
                certificate.pem = (*name).to_owned();
            }
            store.insert((*name).to_owned(), key);
        }
        store.newest(Timestamp::from_second(1000).unwrap()).map(|certificate| certificate.pem.clone())
    }

    #[test]
    fn the_newest_key_is_the_one_whose_certificate_begins_last() {
        let future = 1000 + 301;
        for (keys, expected) in [
            (&[][..], None),
            (&[("a", Some(1)), ("b", Some(3)), ("c", Some(2))], Some("b")),
            (&[("b", Some(3)), ("a", Some(3))], Some("a")),
            (&[("a", None), ("b", Some(1))], Some("b")),
            (&[("a", None)], None),
            (&[("a", Some(future)), ("b", Some(1))], Some("b")),
            (&[("a", Some(future))], None),
            (&[("a", Some(future - 1)), ("b", Some(1))], Some("a")),
        ] {
            assert_eq!(newest(keys).as_deref(), expected, "{keys:?}");
        }
    }

    fn secret(name: &str, version: u64, labels: Value) -> SecretMetadata {
        serde_json::from_value(json!({"metadata": {
            "namespace": "ns", "name": name, "resourceVersion": version.to_string(), "labels": labels}}))
        .unwrap()
    }

    fn load(name: &str, version: &str) -> Change {
        Change::Load { name: name.to_owned(), version: version.to_owned() }
    }

    fn drop(name: &str) -> Change {
        Change::Drop { name: name.to_owned() }
    }

    #[test]
    fn keys_come_and_go_with_their_label() {
        let mut candidates = Candidates::new("sealed-secrets-key");
        let active = || json!({KEY_LABEL: "active"});
        assert!(candidates.event(Event::Init).is_empty());
        assert_eq!(candidates.event(Event::InitApply(secret("a", 1, active()))), [load("a", "1")]);
        assert_eq!(
            candidates.event(Event::InitApply(secret("sealed-secrets-key", 1, json!({})))),
            [load("sealed-secrets-key", "1")]
        );
        assert!(candidates.event(Event::InitApply(secret("other", 1, json!({})))).is_empty());
        assert!(!candidates.listed());
        assert!(candidates.event(Event::InitDone).is_empty());
        assert!(candidates.listed());

        assert!(candidates.event(Event::Apply(secret("a", 1, active()))).is_empty(), "known already");
        assert_eq!(candidates.event(Event::Apply(secret("a", 2, active()))), [load("a", "2")]);
        assert!(candidates.is_current("a", "2") && !candidates.is_current("a", "1"));
        assert_eq!(candidates.event(Event::Apply(secret("a", 3, json!({KEY_LABEL: "compromised"})))), [drop("a")]);
        assert!(candidates.event(Event::Delete(secret("a", 4, active()))).is_empty());
        assert_eq!(candidates.event(Event::Apply(secret("b", 5, active()))), [load("b", "5")]);
        assert_eq!(
            candidates.event(Event::Apply(secret("sealed-secrets-key", 6, json!({KEY_LABEL: "inactive"})))),
            [drop("sealed-secrets-key")]
        );
        candidates.event(Event::Init);
        assert_eq!(candidates.event(Event::InitDone), [drop("b")], "missing in a new list");
        assert_eq!(candidates.event(Event::Apply(secret("b", 7, active()))), [load("b", "7")]);
        assert_eq!(candidates.event(Event::Delete(secret("b", 8, active()))), [drop("b")]);
    }
}
