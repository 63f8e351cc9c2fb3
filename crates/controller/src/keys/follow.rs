//! Follows the key Secrets, reads each one that changed, and makes the first key.
//!
//! A first key is made only when a complete list has said that there is none that could be used: a list that is forbidden
//! or fails says nothing, and a new key would then push the real ones aside.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use http::Method;
use kube::Api;
use kube::runtime::watcher;
use tokio::time::Instant;

use crate::api::{self, ApiFailure};
use crate::diagnosis::{Patient, Trouble};
use crate::keys::candidates::{Candidates, Change};
use crate::keys::make::Cause;
use crate::keys::registry::KeyRegistry;
use crate::keys::secret::{self, KeySecret};
use crate::live::LiveSecret;
use crate::object::SecretMetadata;

/// What is asked for when keys are listed and watched.
const RESOURCE: &str = "secrets in the controller's namespace";
/// What is asked for when a key is read or stored.
pub(super) const LOADING: &str = "secrets in the controller's namespace (and create)";

impl KeyRegistry {
    /// Follows the key Secrets, for ever.
    pub(crate) async fn follow(&self) {
        tracing::info!(namespace = self.config.namespace, "Searching for existing private keys");
        let secrets: Api<SecretMetadata> = Api::namespaced(self.client.clone(), &self.config.namespace);
        let mut events = watcher(secrets, watcher::Config::default()).boxed();
        let mut loader = Loader { candidates: Candidates::new(&self.config.key_prefix), pending: BTreeMap::new() };
        let mut leading = self.leading.clone();
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
                // Whoever begins to lead may have to make the first key.
                Ok(()) = leading.changed() => {}
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
            if loader.candidates.is_current(&name, &version) {
                self.load(&name).await.map_err(|failure| Trouble::of_request(&failure))?;
            }
            loader.pending.remove(&name);
        }
        if !loader.candidates.listed() {
            return Ok(());
        }
        if self.newest_since().is_none() {
            if !self.may_write() {
                // The replica that leads makes it; the watch brings it here.
                return Ok(());
            }
            tracing::info!("no key seals: a new one is made");
            self.make_key(Cause::First).await.map_err(|not_made| not_made.trouble())?;
        }
        self.set_loaded();
        Ok(())
    }

    /// Reads a Secret that is labelled as a key.
    pub(super) async fn load(&self, name: &str) -> Result<(), ApiFailure> {
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
            Ok(KeySecret::Key(key)) => {
                let state = key.effective_state().as_str();
                tracing::info!(secretname = name, fingerprint = %key.fingerprint(), state, "registered private key");
                self.insert(name.to_owned(), key);
            }
            Ok(KeySecret::Shelved(key)) => {
                tracing::info!(secretname = name, fingerprint = %key.fingerprint, label = key.label, "key is not loaded");
                self.shelve(name.to_owned(), key);
            }
            Err(error) => {
                tracing::error!(secretname = name, error, "failed to register key");
                self.insert_malformed(name);
            }
        }
        Ok(())
    }
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
                Change::Shelve { name, version } => {
                    // It opens nothing from now on, also if its public side cannot be read for a while.
                    registry.remove(&name);
                    self.pending.insert(name, version);
                }
                Change::Drop { name } => {
                    self.pending.remove(&name);
                    registry.remove(&name);
                }
                Change::Forget { name } => {
                    self.pending.remove(&name);
                    registry.forget_shelved(&name);
                }
            }
        }
    }
}
