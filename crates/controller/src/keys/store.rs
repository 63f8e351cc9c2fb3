//! The keys that are loaded, by the name of their Secret, and which of them seals. Pure.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bulla_core::sealed::{Fingerprint, KeyState, RingKey, begins_in_the_future};
use jiff::Timestamp;

use crate::config::keys::KeyOrder;

/// A loaded key. It opens.
pub(crate) struct StoredKey {
    /// For opening.
    pub(crate) ring: Arc<RingKey>,
    /// For sealing; none if it is malformed or another key's.
    pub(crate) certificate: Option<Certificate>,
    /// What the labels say.
    pub(crate) state: KeyState,
    /// When its Secret was created.
    pub(crate) created: Timestamp,
}

/// The certificate of a key.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) pem: String,
}

impl StoredKey {
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        self.ring.key.fingerprint()
    }

    /// The state, as far as it can be lived up to: without a certificate no key seals.
    pub(crate) fn effective_state(&self) -> KeyState {
        match self.state {
            KeyState::Active if self.certificate.is_none() => KeyState::DecryptOnly,
            state => state,
        }
    }

    fn for_sealing(&self) -> Option<&Certificate> {
        self.certificate.as_ref().filter(|_| self.state.seals())
    }
}

/// A key Secret that is labelled as not active. Its private key is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShelvedKey {
    /// What its certificate says that it is.
    pub(crate) fingerprint: Fingerprint,
    /// The value of upstream's label.
    pub(crate) label: String,
}

/// The loaded keys.
pub(crate) struct KeyStore {
    order: KeyOrder,
    keys: BTreeMap<String, StoredKey>,
    /// Keys whose backup has been read back; none if keys are not backed up.
    backed_up: Option<HashSet<Fingerprint>>,
}

impl KeyStore {
    /// With `backed_up`, no certificate is published before [`KeyStore::set_backed_up`] has been told of its key.
    pub(crate) fn new(order: KeyOrder, backed_up: bool) -> Self {
        Self { order, keys: BTreeMap::new(), backed_up: backed_up.then(HashSet::new) }
    }

    /// Whether that is news.
    pub(crate) fn set_backed_up(&mut self, fingerprint: &Fingerprint) -> bool {
        self.backed_up.as_mut().is_some_and(|backed_up| backed_up.insert(fingerprint.clone()))
    }

    /// How many keys are not backed up, if they should be.
    pub(crate) fn without_backup(&self) -> Option<usize> {
        let backed_up = self.backed_up.as_ref()?;
        Some(self.keys.values().filter(|key| !backed_up.contains(key.fingerprint())).count())
    }

    pub(crate) fn insert(&mut self, name: String, key: StoredKey) {
        self.keys.insert(name, key);
    }

    /// Whether there was one.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.keys.remove(name).is_some()
    }

    /// All keys, by the names of their Secrets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &StoredKey)> {
        self.keys.iter()
    }

    /// All keys that open.
    pub(crate) fn ring(&self) -> Vec<Arc<RingKey>> {
        self.keys.values().map(|key| Arc::clone(&key.ring)).collect()
    }

    /// The certificate to publish: the newest one whose key is backed up, if it must be.
    pub(crate) fn published(&self, now: Timestamp) -> Option<&Certificate> {
        let safe = |certificate: &Certificate| {
            self.backed_up.as_ref().is_none_or(|backed_up| backed_up.contains(&certificate.fingerprint))
        };
        self.latest(now, safe).map(|(_, certificate)| certificate)
    }

    /// The newest certificate, and what it is ordered by, published or not: the latest one, but none from the future. Of two that begin in
    /// the same second the one whose Secret's name comes first, so that replicas agree without talking (#1364).
    pub(crate) fn newest(&self, now: Timestamp) -> Option<(Timestamp, &Certificate)> {
        self.latest(now, |_| true)
    }

    fn latest(&self, now: Timestamp, counts: impl Fn(&Certificate) -> bool) -> Option<(Timestamp, &Certificate)> {
        self.keys
            .iter()
            .filter_map(|(name, key)| Some((name, key.created, key.for_sealing()?)))
            .filter(|(_, _, certificate)| !begins_in_the_future(certificate.not_before, now) && counts(certificate))
            .map(|(name, created, certificate)| match self.order {
                KeyOrder::CertNotBefore => (name, certificate.not_before, certificate),
                KeyOrder::SecretCreationTimestamp => (name, created, certificate),
            })
            .max_by_key(|(name, time, certificate)| (*time, certificate.not_before, Reverse(*name)))
            .map(|(_, time, certificate)| (time, certificate))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use bulla_core::sealed::{KeySize, NewKey, SealingKey, generate_key};

    use super::*;

    /// One key pair for all: only what is said about it differs.
    static PEM: LazyLock<String> = LazyLock::new(|| {
        let request = NewKey {
            size: KeySize::Rsa2048,
            not_before: Timestamp::UNIX_EPOCH,
            validity: jiff::SignedDuration::from_hours(1),
            common_name: String::new(),
        };
        generate_key(&request).unwrap().private_key_pem.expose().to_owned()
    });

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stored(name: &str, not_before: Option<i64>, created: i64, state: KeyState) -> StoredKey {
        let key = SealingKey::from_pem(PEM.as_bytes()).unwrap();
        let fingerprint = key.fingerprint().clone();
        StoredKey {
            ring: Arc::new(RingKey { key, since: Timestamp::UNIX_EPOCH }),
            certificate: not_before.map(|second| Certificate {
                fingerprint,
                not_before: at(second),
                not_after: at(second + 1000),
                pem: name.to_owned(),
            }),
            state,
            created: at(created),
        }
    }

    /// The name of the Secret whose key seals at second 1000.
    fn newest(order: KeyOrder, keys: Vec<(&str, StoredKey)>) -> Option<String> {
        let mut store = KeyStore::new(order, false);
        for (name, key) in keys {
            store.insert(name.to_owned(), key);
        }
        store.newest(at(1000)).map(|(_, certificate)| certificate.pem.clone())
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
            let made = keys.iter().map(|(name, begin)| (*name, stored(name, *begin, 0, KeyState::Active))).collect();
            assert_eq!(newest(KeyOrder::CertNotBefore, made).as_deref(), expected, "{keys:?}");
        }
    }

    #[test]
    fn or_the_one_whose_secret_was_created_last_if_that_is_asked_for() {
        let future = 1000 + 301;
        for (keys, expected) in [
            (&[("a", 9, 1), ("b", 1, 2)][..], "b"),
            (&[("a", 1, 5), ("b", 2, 5)], "b"),
            (&[("b", 1, 5), ("a", 1, 5)], "a"),
            (&[("a", future, 5), ("b", 1, 1)], "b"),
        ] {
            let key = |(name, begin, created): &(&'static str, i64, i64)| {
                (*name, stored(name, Some(*begin), *created, KeyState::Active))
            };
            let made = keys.iter().map(key).collect();
            assert_eq!(newest(KeyOrder::SecretCreationTimestamp, made).as_deref(), Some(expected), "{keys:?}");
        }
    }

    #[test]
    fn only_an_active_key_becomes_the_newest_and_every_one_opens() {
        for state in KeyState::ALL {
            let keys = vec![("a", stored("a", Some(1), 0, KeyState::Active)), ("b", stored("b", Some(2), 0, state))];
            let expected = if state == KeyState::Active { "b" } else { "a" };
            assert_eq!(newest(KeyOrder::CertNotBefore, keys).as_deref(), Some(expected), "{state:?}");
            let mut store = KeyStore::new(KeyOrder::CertNotBefore, false);
            store.insert("b".to_owned(), stored("b", None, 0, state));
            assert_eq!(store.ring().len(), 1, "{state:?} opens");
            let effective = store.iter().next().unwrap().1.effective_state();
            assert!(!effective.seals(), "{state:?} without a certificate");
        }
    }

    #[test]
    fn a_certificate_is_published_once_its_key_is_backed_up() {
        let mut store = KeyStore::new(KeyOrder::CertNotBefore, true);
        let published = |store: &KeyStore| store.published(at(1000)).map(|certificate| certificate.pem.clone());
        store.insert("a".to_owned(), stored("a", Some(1), 0, KeyState::Active));
        assert_eq!((published(&store), store.without_backup()), (None, Some(1)));
        assert!(store.newest(at(1000)).is_some(), "there is a key: no further one is made");
        let fingerprint = store.iter().next().unwrap().1.fingerprint().clone();
        assert!(store.set_backed_up(&fingerprint) && !store.set_backed_up(&fingerprint));
        assert_eq!((published(&store).as_deref(), store.without_backup()), (Some("a"), Some(0)));
        let unasked = KeyStore::new(KeyOrder::CertNotBefore, false);
        assert_eq!(unasked.without_backup(), None);
    }
}
