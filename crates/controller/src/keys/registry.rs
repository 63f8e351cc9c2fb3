//! Loads the keys, follows their Secrets, makes new ones.
//!
//! A first key is made only when a complete list has said that there is none that could be used: a list that is forbidden
//! or fails says nothing, and a new key would then push the real ones aside. A new key is stored first and served after.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bulla_core::sealed::{Fingerprint, KeyRing, NewKey, generate_key};
use futures::StreamExt as _;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::runtime::watcher;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::{self, ApiFailure};
use crate::diagnosis::{Patient, Trouble};
use crate::keys::secret;
use crate::keys::store::{Candidates, Certificate, Change, KeyStore, MAX_CLOCK_SKEW, StoredKey};
use crate::live::{LiveSecret, Written};
use crate::object::SecretMetadata;
use crate::rsa_pool::RsaPool;
use crate::{Config, Error};

/// What is asked for when keys are listed and watched.
const RESOURCE: &str = "secrets in the controller's namespace";
/// What is asked for when a key is read or stored.
const LOADING: &str = "secrets in the controller's namespace (and create)";

/// The sealing keys of the cluster.
pub(crate) struct KeyRegistry {
    client: kube::Client,
    config: Config,
    pool: Arc<RsaPool>,
    state: Mutex<State>,
    /// Raised whenever the set of keys changes.
    epoch: watch::Sender<u64>,
    malformed: AtomicUsize,
    loaded: AtomicBool,
}

/// Why a key was not made.
enum NotMade {
    Crypto(bulla_core::Error),
    Refused(ApiFailure),
}

struct State {
    store: KeyStore,
    ring: Arc<KeyRing>,
    epoch: u64,
    /// The key that seals, as last said.
    seals: Option<Fingerprint>,
}

impl KeyRegistry {
    pub(crate) fn new(client: kube::Client, config: Config, pool: Arc<RsaPool>) -> Self {
        let state = State { store: KeyStore::default(), ring: Arc::new(KeyRing::new([])), epoch: 0, seals: None };
        let (epoch, _) = watch::channel(0);
        Self {
            client,
            config,
            pool,
            state: Mutex::new(state),
            epoch,
            malformed: AtomicUsize::new(0),
            loaded: AtomicBool::new(false),
        }
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

    /// The certificate to seal with.
    pub(crate) fn newest(&self) -> Option<Certificate> {
        self.lock().store.newest(Timestamp::now()).cloned()
    }

    /// Whether every key Secret of a complete list has been read once, and there is a key.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Relaxed)
    }

    /// How many keys seal and open, only open, and are no keys.
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let (sealing, opening) = self.lock().store.count();
        (sealing, opening, self.malformed.load(Ordering::Relaxed))
    }

    /// Makes a new key, stores it, and seals with it from now on.
    pub(crate) async fn renew(&self) -> Result<Fingerprint, Error> {
        self.make_key().await.map_err(|not_made| match not_made {
            NotMade::Crypto(error) => Error::Key(error),
            NotMade::Refused(failure) => {
                Error::StoreKey { namespace: self.config.namespace.clone(), reason: failure.to_string() }
            }
        })
    }

    async fn make_key(&self) -> Result<Fingerprint, NotMade> {
        let newest = self.newest().map(|certificate| certificate.not_before);
        let request = NewKey {
            size: self.config.key_size,
            not_before: begin_after(newest, Timestamp::now()),
            validity: SignedDuration::try_from(self.config.key_ttl).unwrap_or(SignedDuration::MAX),
            common_name: self.config.my_cn.clone(),
        };
        let namespace = self.config.namespace.clone();
        let prefix = self.config.key_prefix.clone();
        let made = self.pool.run(1, move || {
            let key = generate_key(&request)?;
            let body = secret::to_body(&key, &namespace, &prefix);
            Ok::<_, bulla_core::Error>((key, body, request.not_before))
        });
        let made = made.await.unwrap_or(Err(bulla_core::Error::KeyGeneration));
        let (key, body, not_before) = made.map_err(NotMade::Crypto)?;
        let path = format!("/api/v1/namespaces/{}/secrets", self.config.namespace);
        let answer = api::send(&self.client, Method::POST, &path, Some(body)).await.map_err(NotMade::Refused)?;
        let unclear = || NotMade::Refused(ApiFailure::Transport("the answer cannot be read".to_owned()));
        let (name, _) = Written::from_body(&answer).ok_or_else(unclear)?;
        let fingerprint = key.key.fingerprint().clone();
        tracing::info!(namespace = self.config.namespace, name, "New key written");
        tracing::info!(certificate = key.certificate_pem, "Certificate generated");
        let ring = bulla_core::sealed::RingKey { key: key.key, since: not_before };
        let certificate = Certificate {
            fingerprint: fingerprint.clone(),
            not_before: key.certificate.not_before(),
            pem: key.certificate_pem,
        };
        self.insert(name, StoredKey { ring: Arc::new(ring), certificate: Some(certificate) });
        Ok(fingerprint)
    }

    /// Follows the key Secrets, for ever.
    pub(crate) async fn follow(&self) {
        tracing::info!(namespace = self.config.namespace, "Searching for existing private keys");
        let secrets: Api<SecretMetadata> = Api::namespaced(self.client.clone(), &self.config.namespace);
        let mut events = watcher(secrets, watcher::Config::default()).boxed();
        let mut loader = Loader { candidates: Candidates::new(&self.config.key_prefix), pending: BTreeMap::new() };
        let (mut watching, mut loading) = (Patient::default(), Patient::default());
        let mut next_try: Option<Instant> = None;
        loop {
            let pause = async {
                match next_try {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        // `Init` comes before the first request, so it is no sign of health.
                        if !matches!(event, watcher::Event::Init) {
                            watching.recovered(RESOURCE);
                        }
                        loader.note(event, self);
                        if next_try.is_some() {
                            continue;
                        }
                    }
                    Some(Err(error)) => {
                        tokio::time::sleep(watching.fell_ill(RESOURCE, Trouble::of_watch(&error))).await;
                        continue;
                    }
                    None => return,
                },
                () = pause => next_try = None,
            }
            match self.catch_up(&mut loader).await {
                Ok(()) => loading.recovered(LOADING),
                Err(trouble) => next_try = Some(Instant::now() + loading.fell_ill(LOADING, trouble)),
            }
        }
    }

    /// Reads what has to be read, and makes the first key if that is certain.
    async fn catch_up(&self, loader: &mut Loader) -> Result<(), Trouble> {
        while let Some((name, version)) = loader.pending.first_key_value() {
            let (name, version) = (name.clone(), version.clone());
            self.load(&name, &version, &loader.candidates).await.map_err(|failure| Trouble::of_request(&failure))?;
            loader.pending.remove(&name);
        }
        if !loader.candidates.listed() {
            return Ok(());
        }
        if self.newest().is_none() {
            tracing::info!("no key seals: a new one is made");
            self.make_key().await.map_err(|not_made| match not_made {
                NotMade::Crypto(error) => Trouble::Other(error.to_string()),
                NotMade::Refused(failure) => Trouble::of_request(&failure),
            })?;
        }
        if !self.loaded.swap(true, Ordering::Relaxed) {
            // Whoever waits for the keys to be complete looks again.
            self.epoch.send_modify(|_| {});
        }
        Ok(())
    }

    async fn load(&self, name: &str, version: &str, candidates: &Candidates) -> Result<(), ApiFailure> {
        if !candidates.is_current(name, version) {
            return Ok(());
        }
        let path = format!("/api/v1/namespaces/{}/secrets/{name}", self.config.namespace);
        let body = match api::send(&self.client, Method::GET, &path, None).await {
            Err(failure) if failure.code() == Some(404) => return Ok(()),
            answer => answer?,
        };
        let read = self.pool.run(1, move || {
            let secret = LiveSecret::from_body(&body).ok_or("it cannot be read as a Secret".to_owned())?;
            secret::read(&secret).map_err(|error| error.to_string())
        });
        match read.await.unwrap_or_else(|broken| Err(broken.to_string())) {
            Ok(key) => {
                let seals = key.certificate.is_some();
                tracing::info!(secretname = name, fingerprint = %key.ring.key.fingerprint(), seals, "registered private key");
                self.insert(name.to_owned(), key);
            }
            Err(error) => {
                self.malformed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(secretname = name, error, "failed to register key");
                self.remove(name);
            }
        }
        Ok(())
    }

    fn insert(&self, name: String, key: StoredKey) {
        let mut state = self.lock();
        state.store.insert(name, key);
        self.publish(state);
    }

    fn remove(&self, name: &str) {
        let mut state = self.lock();
        if state.store.remove(name) {
            tracing::info!(secretname = name, "private key is gone");
            self.publish(state);
        }
    }

    fn publish(&self, mut state: MutexGuard<'_, State>) {
        let newest = state.store.newest(Timestamp::now()).map(|certificate| certificate.fingerprint.clone());
        if newest != state.seals {
            tracing::info!(fingerprint = newest.as_ref().map_or("none", Fingerprint::as_str), "sealing key changed");
            state.seals = newest;
        }
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

/// Certificates tell time in seconds, and the later one seals: a key that is made in the same second as the newest one begins
/// a second after it. Never so far ahead that it would be passed over as one from the future.
fn begin_after(newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let second = SignedDuration::from_secs(1);
    let next = newest.and_then(|newest| newest.checked_add(second).ok()).unwrap_or(now);
    let latest = now.checked_add(MAX_CLOCK_SKEW - Duration::from_secs(1)).unwrap_or(now);
    next.clamp(now, latest)
}

/// What is still to be read.
struct Loader {
    candidates: Candidates,
    pending: BTreeMap<String, String>,
}

impl Loader {
    fn note(&mut self, event: watcher::Event<SecretMetadata>, registry: &KeyRegistry) {
        for change in self.candidates.event(event) {
            match change {
                Change::Load { name, version } => {
                    self.pending.insert(name, version);
                }
                Change::Drop { name } => {
                    self.pending.remove(&name);
                    registry.remove(&name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_made_in_the_same_second_begins_a_second_later() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for (newest, expected) in
            [(None, 1000), (Some(900), 1000), (Some(1000), 1001), (Some(1005), 1006), (Some(5000), 1299)]
        {
            assert_eq!(begin_after(newest.map(at), at(1000)), at(expected));
        }
    }
}
