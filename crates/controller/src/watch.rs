//! The watches: SealedSecrets, and metadata of Secrets, of the whole cluster or of each namespace by itself. Each event goes
//! into the index, and what the index says goes into the queue. A watch that fails is diagnosed, and tried again for ever.
//!
//! A namespace that does not exist is watched like any other: its lists are empty until somebody creates it, and then its
//! objects come by themselves. One that may not be read holds up nobody else.

use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt as _;
use http::Method;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::api;
use crate::diagnosis::{Patient, Trouble};
use crate::engine::Engine;
use crate::index::Woken;
use crate::object::{SealedObject, SecretMetadata};

/// Sets of watches that are started at the same time.
const STARTING: usize = 16;

/// A place among those that start. It is given back when both watches of a set have had their first answer.
type Place = Arc<OwnedSemaphorePermit>;

/// Follows everything that is the controller's business, for ever.
pub(crate) async fn follow(engine: Arc<Engine>) {
    let places = Arc::new(Semaphore::new(STARTING));
    // Ends its tasks when it is dropped.
    let mut watches = JoinSet::new();
    for namespace in engine.config.reach.objects.impossible() {
        tracing::error!(namespace, "namespace doesn't exist");
    }
    for set in engine.watch_sets() {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let place = Arc::new(place);
        if !set.is_empty() {
            watches.spawn(tell_if_missing(Arc::clone(&engine), set.clone(), Arc::clone(&place)));
        }
        tracing::info!(namespace = set, "Starting informer");
        if !engine.config.skip_recreate {
            watches.spawn(secrets(Arc::clone(&engine), set.clone(), Arc::clone(&place)));
        }
        watches.spawn(sealed_secrets(Arc::clone(&engine), set, place));
    }
    while watches.join_next().await.is_some() {}
}

/// Says so if the namespace does not exist. Whether it may be asked for is no matter: then the watches tell what is wrong.
async fn tell_if_missing(engine: Arc<Engine>, namespace: String, _place: Place) {
    let path = format!("/api/v1/namespaces/{namespace}");
    let answer = api::send(&engine.client, Method::GET, &path, None).await;
    if answer.is_err_and(|failure| failure.code() == Some(404)) {
        tracing::error!(namespace, "namespace doesn't exist");
    }
}

async fn sealed_secrets(engine: Arc<Engine>, set: String, place: Place) {
    let api = api_of::<SealedObject>(&engine, &set);
    let note = |event| engine.index().sealed_event(&set, event);
    follow_one(&engine, api, &set, "sealedsecrets.bitnami.com", place, note).await;
}

async fn secrets(engine: Arc<Engine>, set: String, place: Place) {
    let api = api_of::<SecretMetadata>(&engine, &set);
    let note = |event| engine.index().secret_event(&set, event);
    follow_one(&engine, api, &set, "secrets", place, note).await;
}

fn api_of<K>(engine: &Engine, set: &str) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    let client = engine.client.clone();
    if set.is_empty() { Api::all(client) } else { Api::namespaced(client, set) }
}

async fn follow_one<K>(
    engine: &Engine,
    api: Api<K>,
    set: &str,
    resource: &str,
    place: Place,
    note: impl Fn(Event<K>) -> Woken,
) where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let resource = if set.is_empty() { resource.to_owned() } else { format!("{resource} in namespace {set}") };
    let mut config = watcher::Config::default();
    if engine.config.reach.objects.selects() {
        config = config.labels(engine.config.reach.objects.label_selector.trim());
    }
    let mut events = watcher(api, config).boxed();
    let mut patient = Patient::default();
    let mut place = Some(place);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                // `Init` comes before the first request, so it is no sign of health.
                let healthy = !matches!(event, Event::Init);
                let done = matches!(event, Event::InitDone);
                engine.wake(note(event));
                if healthy {
                    patient.recovered(&resource);
                }
                if done {
                    place = None;
                    engine.check_ready();
                }
            }
            Err(error) => {
                place = None;
                engine.metrics.fetch_failed();
                let trouble = Trouble::of_watch(&error);
                if matches!(trouble, Trouble::Forbidden(_)) && engine.can_do_without(set) {
                    engine.index().excuse(set);
                    engine.check_ready();
                }
                tokio::time::sleep(patient.fell_ill(&resource, trouble)).await;
            }
        }
    }
    drop(place);
}
