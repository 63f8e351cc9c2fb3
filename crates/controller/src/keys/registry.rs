//! The sealing keys of the cluster, as the rest of the controller sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bulla_core::sealed::{Fingerprint, KeyRing, KeyState};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::Config;
use crate::keys::backup::BackupCounts;
use crate::keys::store::{Certificate, KeyStore, ShelvedKey, StoredKey};
use crate::keys::uses::Use;
use crate::metrics::keys::{KeyReport, KeysReport};
use crate::rsa_pool::RsaPool;

/// The sealing keys of the cluster.
pub(crate) struct KeyRegistry {
    pub(super) client: kube::Client,
    pub(super) config: Config,
    pub(super) pool: Arc<RsaPool>,
    /// Whether this replica is the one that writes.
    pub(super) leading: watch::Receiver<bool>,
    state: Mutex<State>,
    /// Raised whenever the set of keys changes.
    epoch: watch::Sender<u64>,
    loaded: AtomicBool,
}

struct State {
    store: KeyStore,
    /// By the name of the Secret.
    shelved: BTreeMap<String, ShelvedKey>,
    /// Names of Secrets that are labelled as keys and hold none.
    malformed: BTreeSet<String>,
    backups: BackupCounts,
    ring: Arc<KeyRing>,
    epoch: u64,
    /// The key that seals, as last said.
    seals: Option<Fingerprint>,
}

impl KeyRegistry {
    pub(crate) fn new(
        client: kube::Client,
        config: Config,
        pool: Arc<RsaPool>,
        leading: watch::Receiver<bool>,
    ) -> Self {
        let state = State {
            store: KeyStore::new(config.keys.order, config.keys.backup.is_some()),
            shelved: BTreeMap::new(),
            malformed: BTreeSet::new(),
            backups: BackupCounts::default(),
            ring: Arc::new(KeyRing::new([])),
            epoch: 0,
            seals: None,
        };
        let (epoch, _) = watch::channel(0);
        Self { client, config, pool, leading, state: Mutex::new(state), epoch, loaded: AtomicBool::new(false) }
    }

    /// The keys that open, and the number of the set that they are. Number 0 means that nothing was loaded yet.
    pub(crate) fn ring(&self) -> (Arc<KeyRing>, u64) {
        let state = self.lock();
        (Arc::clone(&state.ring), state.epoch)
    }

    /// Tells of each new set of keys.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    /// The certificate to seal with: the newest one whose key is backed up, if it must be.
    pub(crate) fn newest(&self) -> Option<Certificate> {
        self.lock().store.published(Timestamp::now()).cloned()
    }

    /// When the newest certificate begins, published or not.
    pub(super) fn newest_begins(&self) -> Option<Timestamp> {
        self.lock().store.newest(Timestamp::now()).map(|(_, certificate)| certificate.not_before)
    }

    /// What the newest key is ordered by.
    pub(super) fn newest_since(&self) -> Option<Timestamp> {
        self.lock().store.newest(Timestamp::now()).map(|(since, _)| since)
    }

    /// The key of this Secret, if it is one that may seal.
    pub(super) fn sealing_key_of(&self, name: &str) -> Option<Fingerprint> {
        let state = self.lock();
        let (_, key) = state.store.iter().find(|(known, _)| *known == name)?;
        key.effective_state().seals().then(|| key.fingerprint().clone())
    }

    /// Whether every key Secret of a complete list has been read once, and there is a key.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    /// Everything has been read once.
    pub(super) fn set_loaded(&self) {
        if !self.loaded.swap(true, Ordering::Relaxed) {
            // Whoever waits for the keys to be complete looks again.
            self.epoch.send_modify(|_| {});
        }
    }

    /// How many keys are in each state, and how many key Secrets are none.
    pub(crate) fn count(&self) -> Vec<(&'static str, usize)> {
        let state = self.lock();
        let in_state = |wanted: KeyState| {
            let loaded = state.store.iter().filter(|(_, key)| key.effective_state() == wanted).count();
            (wanted.as_str(), loaded)
        };
        let mut counts: Vec<_> = KeyState::ALL.into_iter().map(in_state).collect();
        counts.extend([("not-loaded", state.shelved.len()), ("malformed", state.malformed.len())]);
        counts
    }

    /// Every loaded key, with what is measured of it.
    pub(crate) fn report(&self, used: impl Fn(&Fingerprint) -> Use) -> KeysReport {
        let last_renewal = self.newest_since();
        let state = self.lock();
        let report = |key: &StoredKey| KeyReport {
            fingerprint: key.fingerprint().to_string(),
            state: key.effective_state().as_str(),
            validity: key.certificate.as_ref().map(|certificate| (certificate.not_before, certificate.not_after)),
            used: used(key.fingerprint()),
        };
        // Two Secrets may hold the same key, and two series must not have the same labels.
        let keys: BTreeMap<_, _> =
            state.store.iter().map(|(_, key)| ((key.fingerprint(), key.effective_state()), report(key))).collect();
        let backup = state.store.without_backup().map(|pending| (pending, state.backups));
        KeysReport { keys: keys.into_values().collect(), last_renewal, backup }
    }

    /// The name of a Secret of each loaded key.
    pub(super) fn all_keys(&self) -> BTreeMap<String, Fingerprint> {
        self.lock().store.iter().map(|(name, key)| (name.clone(), key.fingerprint().clone())).collect()
    }

    /// The key's backup has been read back.
    pub(super) fn backed_up(&self, fingerprint: &Fingerprint) {
        let mut state = self.lock();
        state.backups.last_success = Some(Timestamp::now());
        if state.store.set_backed_up(fingerprint) {
            note_seals(&mut state);
        }
    }

    /// A backup could not be written or not be read back.
    pub(super) fn backup_failed(&self) {
        self.lock().backups.failures += 1;
    }

    /// What each loaded key is still used for.
    pub(crate) fn states(&self) -> Vec<(Fingerprint, KeyState)> {
        self.lock().store.iter().map(|(_, key)| (key.fingerprint().clone(), key.effective_state())).collect()
    }

    /// The Secret of a key that is not loaded, and its label.
    pub(crate) fn shelved(&self, fingerprint: &str) -> Option<(String, String)> {
        let state = self.lock();
        let (name, key) = state.shelved.iter().find(|(_, key)| key.fingerprint.as_str() == fingerprint)?;
        Some((name.clone(), key.label.clone()))
    }

    pub(super) fn insert(&self, name: String, key: StoredKey) {
        let mut state = self.lock();
        state.malformed.remove(&name);
        state.shelved.remove(&name);
        state.store.insert(name, key);
        self.publish(state);
    }

    pub(super) fn remove(&self, name: &str) {
        let mut state = self.lock();
        state.malformed.remove(name);
        if state.store.remove(name) {
            tracing::info!(secretname = name, "private key is gone");
            self.publish(state);
        }
    }

    /// The Secret is labelled as a key and holds none.
    pub(super) fn insert_malformed(&self, name: &str) {
        self.remove(name);
        self.lock().malformed.insert(name.to_owned());
    }

    /// The Secret is labelled as a key that is not active. What waits for a key can now be told whose it is.
    pub(super) fn shelve(&self, name: String, key: ShelvedKey) {
        self.remove(&name);
        let mut state = self.lock();
        if state.shelved.insert(name, key.clone()).as_ref() != Some(&key) {
            self.publish(state);
        }
    }

    pub(super) fn forget_shelved(&self, name: &str) {
        let mut state = self.lock();
        if state.shelved.remove(name).is_some() {
            self.publish(state);
        }
    }

    fn publish(&self, mut state: MutexGuard<'_, State>) {
        note_seals(&mut state);
        state.ring = Arc::new(state.ring.replaced(state.store.ring()));
        state.epoch += 1;
        let epoch = state.epoch;
        drop(state);
        self.epoch.send_replace(epoch);
    }

    // Every change under the lock is one statement, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says which key seals, if it is another one than before.
fn note_seals(state: &mut State) {
    let seals = state.store.published(Timestamp::now()).map(|certificate| certificate.fingerprint.clone());
    if seals != state.seals {
        tracing::info!(fingerprint = seals.as_ref().map_or("none", Fingerprint::as_str), "sealing key changed");
        state.seals = seals;
    }
}
