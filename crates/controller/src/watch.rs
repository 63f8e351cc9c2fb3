//! The two watches: SealedSecrets, and metadata of Secrets. Each event goes into the index, and what the index says goes
//! into the queue. A watch that fails is diagnosed, and tried again for ever.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use crate::diagnosis::{Patient, Trouble};
use crate::engine::Engine;
use crate::index::Woken;
use crate::object::{SealedObject, SecretMetadata};

/// Follows all SealedSecrets.
pub(crate) async fn sealed_secrets(engine: Arc<Engine>) {
    tracing::info!(namespace = "", "Starting informer");
    let api = Api::<SealedObject>::all(engine.client.clone());
    follow(&engine, api, "sealedsecrets.bitnami.com", |event| engine.index().sealed_event(event)).await;
}

/// Follows who all Secrets are.
pub(crate) async fn secrets(engine: Arc<Engine>) {
    let api = Api::<SecretMetadata>::all(engine.client.clone());
    follow(&engine, api, "secrets", |event| engine.index().secret_event(event)).await;
}

async fn follow<K>(engine: &Engine, api: Api<K>, resource: &'static str, note: impl Fn(Event<K>) -> Woken)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let mut events = watcher(api, watcher::Config::default()).boxed();
    let mut patient = Patient::default();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // `Init` comes before the first request, so it is no sign of health.
                let healthy = !matches!(event, Event::Init);
                let done = matches!(event, Event::InitDone);
                engine.wake(note(event));
                if healthy {
                    patient.recovered(resource);
                }
                if done {
                    engine.check_ready();
                }
            }
            Err(error) => {
                engine.metrics.fetch_failed();
                tokio::time::sleep(patient.fell_ill(resource, Trouble::of_watch(&error))).await;
            }
        }
    }
}
