//! What a test has: an API server, two namespaces of its own, a sealing key, and controllers.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bulla_core::sealed::{Scope, SealingCertificate};
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::api::{self, Api, condition};
use super::process::{Controller, Launch};
use super::proxy::Proxy;
use super::sealing::{common_key, key_secret, sealed_object};
use super::server::{Server, Started, real_cluster};
use super::{PATIENCE, until};

/// A controller without namespaces in its flags sees the whole cluster, so on a real one there is one test at a time. The
/// list has the namespaces whose SealedSecrets the next one must not find.
static TURN: tokio::sync::Mutex<Vec<String>> = tokio::sync::Mutex::const_new(Vec::new());

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) proxy: Proxy,
    /// Where the objects are.
    pub(crate) namespace: String,
    /// Where the controller and its keys are.
    pub(crate) own: String,
    pub(crate) folder: PathBuf,
    /// Values that may be seen nowhere but in Secrets.
    values: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
    _cluster: Option<Started>,
    _turn: Option<MutexGuard<'static, Vec<String>>>,
}

/// A controller of a [`World`]. At its end its log is looked through.
pub(crate) struct Watched {
    controller: Controller,
    proxy: Proxy,
    values: Arc<Mutex<Vec<String>>>,
}

impl World {
    /// A cluster in which a controller finds a sealing key.
    pub(crate) async fn new() -> Self {
        let world = Self::without_key().await;
        world.admin().post(&api::secrets(&world.own), &key_secret("sealed-secrets-key1", common_key())).await;
        world
    }

    /// A cluster in which a controller makes its first key.
    pub(crate) async fn without_key() -> Self {
        let turn = match real_cluster() {
            Some(_) => Some(TURN.lock().await),
            None => None,
        };
        let server = Server::find().await;
        let proxy = Proxy::start(server.controller.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self {
            namespace: unique("objects"),
            own: unique("controller"),
            server,
            proxy,
            folder: folder.path().to_owned(),
            values: Arc::default(),
            _folder: folder,
            _cluster: None,
            _turn: turn,
        };
        world.take_over().await;
        for name in [&world.namespace, &world.own] {
            world.make_namespace(name).await;
        }
        world
    }

    /// Another cluster, with nothing of this one in it but the names.
    pub(crate) async fn another_cluster(&self) -> Self {
        let (server, cluster) = Server::another().await;
        let proxy = Proxy::start(server.controller.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        Self {
            namespace: self.namespace.clone(),
            own: self.own.clone(),
            server,
            proxy,
            folder: folder.path().to_owned(),
            values: Arc::clone(&self.values),
            _folder: folder,
            _cluster: cluster,
            _turn: None,
        }
    }

    /// A kubeconfig with every right.
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        match &self.server.real {
            Some(folder) => folder.join("kubeconfig"),
            None => {
                let path = self.folder.join("admin.kubeconfig");
                std::fs::write(&path, super::process::plain_kubeconfig(&format!("http://{}", self.proxy.address)))
                    .unwrap();
                path
            }
        }
    }

    async fn take_over(&mut self) {
        let mine = [self.namespace.clone(), self.own.clone()];
        if let Some(turn) = &mut self._turn {
            for name in turn.drain(..) {
                self.server.admin.delete(&api::sealed_secrets(&name)).await;
                self.server.admin.delete(&format!("/api/v1/namespaces/{name}")).await;
            }
            turn.extend(mine);
        }
    }

    /// Makes one more namespace, with this beginning of its name.
    pub(crate) async fn another_namespace(&mut self, beginning: &str) -> String {
        let name = unique(beginning);
        self.make_namespace(&name).await;
        if let Some(turn) = &mut self._turn {
            turn.push(name.clone());
        }
        name
    }

    pub(crate) async fn make_namespace(&self, name: &str) {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.admin().post("/api/v1/namespaces", &namespace).await;
    }

    pub(crate) fn admin(&self) -> &Api {
        &self.server.admin
    }

    pub(crate) fn launch(&self, flags: &[&str]) -> Launch {
        Launch {
            server: format!("http://{}", self.proxy.address),
            folder: self.folder.clone(),
            namespace: self.own.clone(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            variables: Vec::new(),
            stock_name: true,
        }
    }

    /// Starts a controller that may not become ready.
    pub(crate) async fn start_unready(&self, launch: &Launch) -> Watched {
        let controller = launch.start().await;
        Watched { controller, proxy: self.proxy.clone(), values: Arc::clone(&self.values) }
    }

    pub(crate) async fn start_as(&self, launch: &Launch) -> Watched {
        let watched = self.start_unready(launch).await;
        watched.ready().await;
        watched
    }

    /// Starts a controller with these flags, and waits until it is ready.
    pub(crate) async fn start(&self, flags: &[&str]) -> Watched {
        self.start_as(&self.launch(flags)).await
    }

    /// The certificate of [`World::new`].
    pub(crate) fn certificate(&self) -> &'static SealingCertificate {
        &common_key().certificate
    }

    /// A strict SealedSecret in our namespace, not yet created.
    pub(crate) fn seal(&self, name: &str, items: &[(&str, &str)]) -> Value {
        self.seal_as(Scope::Strict, name, items)
    }

    pub(crate) fn seal_as(&self, scope: Scope, name: &str, items: &[(&str, &str)]) -> Value {
        self.hide(items);
        sealed_object(self.certificate(), scope, (&self.namespace, name), items)
    }

    /// The values must not be seen.
    pub(crate) fn hide(&self, items: &[(&str, &str)]) {
        let long = items.iter().filter(|(_, value)| value.len() >= 6);
        self.values.lock().unwrap().extend(long.map(|(_, value)| (*value).to_owned()));
    }

    pub(crate) async fn create(&self, sealed: &Value) -> Value {
        let namespace = sealed["metadata"]["namespace"].as_str().unwrap();
        self.admin().post(&api::sealed_secrets(namespace), sealed).await
    }

    pub(crate) fn sealed_path(&self, name: &str) -> String {
        api::sealed_secret(&self.namespace, name)
    }

    pub(crate) fn secret_path(&self, name: &str) -> String {
        api::secret(&self.namespace, name)
    }

    pub(crate) async fn sealed(&self, name: &str) -> Value {
        self.admin().get(&self.sealed_path(name)).await.unwrap()
    }

    pub(crate) async fn secret(&self, name: &str) -> Option<Value> {
        self.admin().get(&self.secret_path(name)).await
    }

    /// Somebody else's Secret.
    pub(crate) async fn foreign(&self, name: &str, metadata: Value, data: Value) -> Value {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data});
        secret["metadata"]["name"] = json!(name);
        self.admin().post(&api::secrets(&self.namespace), &secret).await
    }

    /// Waits until the Secret is as `expected` says.
    pub(crate) async fn until_secret(&self, name: &str, what: &str, expected: impl Fn(&Value) -> bool) -> Value {
        until(&format!("{name}: {what}"), || async { self.secret(name).await.filter(&expected) }).await
    }

    /// Waits until `Synced` has this status for the present generation; returns the object.
    pub(crate) async fn until_synced(&self, name: &str, status: &str) -> Value {
        until(&format!("{name} says Synced={status} for its generation"), || async {
            let sealed = self.sealed(name).await;
            (api::synced(&sealed) == Some(status)).then_some(sealed)
        })
        .await
    }

    /// Waits until `Synced` is False with this message.
    pub(crate) async fn until_refused(&self, name: &str, message: &str) -> Value {
        until(&format!("{name} is refused with {message:?}"), || async {
            let sealed = self.sealed(name).await;
            let says = condition(&sealed, "Synced")?["message"] == message;
            (says && api::synced(&sealed) == Some("False")).then_some(sealed)
        })
        .await
    }

    /// Events of the object, oldest first: type, reason, message.
    pub(crate) async fn events(&self, name: &str) -> Vec<Value> {
        let selector = format!("involvedObject.kind%3DSealedSecret,involvedObject.name%3D{name}");
        self.admin().items(&format!("/api/v1/namespaces/{}/events?fieldSelector={selector}", self.namespace)).await
    }

    pub(crate) async fn until_event(&self, name: &str, reason: &str) -> Value {
        until(&format!("an event {reason} on {name}"), || async {
            self.events(name).await.into_iter().find(|event| event["reason"] == reason)
        })
        .await
    }

    /// Waits until nothing waits, and nothing has been written for half a second.
    pub(crate) async fn settled(&self, controller: &Controller) {
        let (mut writes, mut quiet) = (self.proxy.writes(), 0);
        let deadline = Instant::now() + PATIENCE;
        while quiet < 25 {
            let now = self.proxy.writes();
            let idle = controller.metrics().await.contains("queue_depth 0");
            quiet = if now == writes && idle { quiet + 1 } else { 0 };
            writes = now;
            assert!(Instant::now() < deadline, "the controller does not come to rest:\n{}", controller.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Deref for Watched {
    type Target = Controller;

    fn deref(&self) -> &Controller {
        &self.controller
    }
}

impl DerefMut for Watched {
    fn deref_mut(&mut self) -> &mut Controller {
        &mut self.controller
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.controller.kill();
        let (log, told) = (self.controller.log(), self.proxy.told());
        assert!(!log.to_lowercase().contains("forbidden"), "upstream's rights are not enough:\n{log}");
        assert!(!log.contains("panicked"), "the controller panicked:\n{log}");
        for value in self.values.lock().unwrap().iter() {
            for needle in [value.clone(), super::sealing::base64(value)] {
                assert!(!log.contains(&needle), "the log holds a value:\n{log}");
                assert!(!told.contains(&needle), "a status or an event holds a value:\n{told}");
            }
        }
    }
}

fn unique(beginning: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = jiff::Timestamp::now().as_millisecond() % 100_000_000;
    format!("{beginning}-{time}-{}-{count}", std::process::id())
}
