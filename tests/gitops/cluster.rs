//! What a GitOps engine and an administrator do to a cluster, through its API.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::golden::{Id, World};

/// How long the cluster may take to become what it should be.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const POLL: Duration = Duration::from_millis(100);
const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// Nothing was written for so long: the controller is done.
const QUIET: Duration = Duration::from_millis(800);

/// resourceVersions by kind and object.
pub(crate) type Versions = BTreeMap<(&'static str, Id), String>;

/// A connection to the cluster.
pub(crate) struct Cluster {
    client: kube::Client,
}

/// All objects of one kind, as JSON.
pub(crate) type Objects = BTreeMap<Id, Value>;

impl Cluster {
    pub(crate) async fn connect(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("bulla devcluster wrote a kubeconfig");
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        let client = kube::Client::try_from(config.expect("a usable kubeconfig")).expect("a usable kubeconfig");
        Self { client }
    }

    /// Creates the objects of a manifest, or makes existing ones equal to it, in the order of the file.
    pub(crate) async fn apply(&self, file: &str, manifest: &str) -> Vec<Id> {
        let mut ids = Vec::new();
        for mut object in documents(file, manifest) {
            let kind = object["kind"].as_str().unwrap_or_default().to_owned();
            let id = id(&object);
            let api = self.api(&kind, &id.0);
            let live = api.get_opt(&id.1).await.unwrap_or_else(|error| panic!("{file}: {error}"));
            let applied = match live {
                None => api.create(&PostParams::default(), &typed(object)).await,
                Some(live) => {
                    object["metadata"]["resourceVersion"] = json!(live.metadata.resource_version);
                    api.replace(&id.1, &PostParams::default(), &typed(object)).await
                }
            };
            applied.unwrap_or_else(|error| panic!("{file}: the API refused {kind} {}/{}: {error}", id.0, id.1));
            ids.push(id);
        }
        ids
    }

    pub(crate) async fn get(&self, kind: &str, id: &Id) -> Option<Value> {
        let object = self.api(kind, &id.0).get_opt(&id.1).await.expect("the API answers");
        object.map(|object| json!(object))
    }

    /// All objects of a kind, sealing keys left out.
    pub(crate) async fn list(&self, kind: &str) -> Objects {
        self.list_labelled(kind, &format!("!{KEY_LABEL}")).await
    }

    /// The Secrets in which the controller keeps its keys.
    pub(crate) async fn sealing_keys(&self) -> Objects {
        self.list_labelled("Secret", KEY_LABEL).await
    }

    async fn list_labelled(&self, kind: &str, selector: &str) -> Objects {
        let list = self.api(kind, "").list(&ListParams::default().labels(selector)).await.expect("the API answers");
        let objects = list.items.into_iter().map(|object| json!(object));
        objects.map(|object| (id(&object), object)).collect()
    }

    pub(crate) async fn delete(&self, kind: &str, id: &Id) {
        let deleted = self.api(kind, &id.0).delete(&id.1, &DeleteParams::default()).await;
        deleted.unwrap_or_else(|error| panic!("deleting {kind} {}/{}: {error}", id.0, id.1));
    }

    /// Deletes a Secret, waits for it without a pause, deletes it again, and so on.
    pub(crate) async fn delete_as_often_as_it_comes(&self, id: &Id, times: usize) {
        let api = self.api("Secret", &id.0);
        let deadline = Instant::now() + PATIENCE;
        let mut deleted = 0;
        while deleted < times {
            match api.delete(&id.1, &DeleteParams::default()).await {
                Ok(_) => deleted += 1,
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => panic!("deleting Secret {}/{}: {error}", id.0, id.1),
            }
            if Instant::now() > deadline {
                let sealed = self.get("SealedSecret", id).await;
                panic!("deleted {deleted} times, the Secret does not come back: {}", as_seen(id, sealed.as_ref()));
            }
        }
    }

    pub(crate) async fn patch(&self, kind: &str, id: &Id, patch: &Value) {
        let patched = self.api(kind, &id.0).patch(&id.1, &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.unwrap_or_else(|error| panic!("patching {kind} {}/{}: {error}", id.0, id.1));
    }

    /// Waits until every SealedSecret of `ids` says `Synced` for the generation that it has now.
    pub(crate) async fn wait_until_synced(&self, ids: &[Id]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let sealed = self.list("SealedSecret").await;
            let late: Vec<&Id> = ids.iter().filter(|id| !sealed.get(*id).is_some_and(is_synced)).collect();
            if late.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                let mut report = format!("{} of {} SealedSecrets are not synced:\n", late.len(), ids.len());
                for id in late {
                    let _ = writeln!(report, "  {}", as_seen(id, sealed.get(id)));
                }
                panic!("{report}{}", self.events().await);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the Secrets of the cluster are those of `world`, byte for byte, and no others, each controlled by its
    /// SealedSecret.
    pub(crate) async fn wait_until_equal(&self, world: &World) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let differences = self.differences(world).await;
            if differences.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                panic!(
                    "the Secrets are not what the tree says:\n  {}\n{}",
                    differences.join("\n  "),
                    self.events().await
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The resourceVersions of all Secrets and SealedSecrets, once nobody has written any for a while.
    pub(crate) async fn settled_versions(&self) -> Versions {
        let deadline = Instant::now() + PATIENCE;
        let mut versions = self.versions().await;
        let mut since = Instant::now();
        while since.elapsed() < QUIET {
            tokio::time::sleep(POLL).await;
            let now = self.versions().await;
            if now != versions {
                let changed: Vec<_> = now.iter().filter(|(key, version)| versions.get(key) != Some(version)).collect();
                assert!(Instant::now() < deadline, "the cluster does not come to rest; still written: {changed:?}");
                (versions, since) = (now, Instant::now());
            }
        }
        versions
    }

    async fn versions(&self) -> Versions {
        let mut versions = Versions::new();
        for kind in ["Secret", "SealedSecret"] {
            for (id, object) in self.list(kind).await {
                versions.insert((kind, id), object["metadata"]["resourceVersion"].to_string());
            }
        }
        versions
    }

    async fn differences(&self, world: &World) -> Vec<String> {
        let secrets = self.list("Secret").await;
        let sealed = self.list("SealedSecret").await;
        let mut found = Vec::new();
        for (id, expected) in world {
            let name = format!("{}/{} ({})", id.0, id.1, expected.file);
            let Some(secret) = secrets.get(id) else {
                found.push(format!("{name}: there is no Secret; {}", as_seen(id, sealed.get(id))));
                continue;
            };
            found.extend(expected.differences(secret).into_iter().map(|difference| format!("{name}: {difference}")));
            let owner = json!([{
                "apiVersion": "bitnami.com/v1alpha1",
                "kind": "SealedSecret",
                "name": id.1,
                "uid": sealed.get(id).map(|sealed| sealed["metadata"]["uid"].clone()),
                "controller": true,
            }]);
            if secret["metadata"]["ownerReferences"] != owner {
                found.push(format!("{name}: owners are {}, expected {owner}", secret["metadata"]["ownerReferences"]));
            }
        }
        let foreign = secrets.keys().filter(|id| !world.contains_key(*id));
        found.extend(foreign.map(|id| format!("{}/{}: a Secret that nobody asked for", id.0, id.1)));
        found
    }

    /// What `kubectl get events` would tell a user, newest last.
    async fn events(&self) -> String {
        let mut text = "events:\n".to_owned();
        let mut events: Vec<Value> = self.list("Event").await.into_values().collect();
        events.sort_by_key(|event| event["metadata"]["creationTimestamp"].to_string());
        events.retain(|event| event["type"] != "Normal");
        for event in &events[events.len().saturating_sub(20)..] {
            let object = &event["involvedObject"];
            let _ = writeln!(
                text,
                "  {} {}: {} {}",
                object["namespace"], object["name"], event["reason"], event["message"]
            );
        }
        text
    }

    fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let (group, version, plural) = match kind {
            "Namespace" => ("", "v1", "namespaces"),
            "ServiceAccount" => ("", "v1", "serviceaccounts"),
            "Secret" => ("", "v1", "secrets"),
            "Event" => ("", "v1", "events"),
            "SealedSecret" => ("bitnami.com", "v1alpha1", "sealedsecrets"),
            _ => panic!("this test does not apply objects of kind {kind:?}"),
        };
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }
}

/// The documents of a manifest. Sealed files are plain YAML of texts, which every YAML library reads alike, or JSON.
fn documents(file: &str, manifest: &str) -> Vec<Value> {
    if file.ends_with(".json") {
        return vec![serde_json::from_str(manifest).unwrap_or_else(|error| panic!("{file} is not JSON: {error}"))];
    }
    serde_yaml::Deserializer::from_str(manifest)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{file} is not YAML: {error}")))
        .filter(|document| !document.is_null())
        .collect()
}

/// The condition of a SealedSecret.
pub(crate) fn condition<'a>(sealed: &'a Value, kind: &str) -> Option<&'a Value> {
    sealed["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether the controller has seen this generation.
pub(crate) fn is_observed(sealed: &Value) -> bool {
    !sealed["metadata"]["generation"].is_null()
        && sealed["status"]["observedGeneration"] == sealed["metadata"]["generation"]
}

fn is_synced(sealed: &Value) -> bool {
    is_observed(sealed) && condition(sealed, "Synced").is_some_and(|synced| synced["status"] == "True")
}

/// A line as `kubectl get sealedsecret` would have it.
fn as_seen(id: &Id, sealed: Option<&Value>) -> String {
    let name = format!("SealedSecret {}/{}", id.0, id.1);
    let Some(sealed) = sealed else { return format!("{name} does not exist") };
    let generation = &sealed["metadata"]["generation"];
    let observed = &sealed["status"]["observedGeneration"];
    match condition(sealed, "Synced") {
        None => format!("{name} (generation {generation}) has no condition Synced"),
        Some(synced) => format!(
            "{name} (generation {generation}, observed {observed}): Synced={} reason={} message={}",
            synced["status"], synced["reason"], synced["message"]
        ),
    }
}

fn id(object: &Value) -> Id {
    let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (field("namespace"), field("name"))
}

fn typed(object: Value) -> DynamicObject {
    serde_json::from_value(object).expect("an object has metadata")
}
