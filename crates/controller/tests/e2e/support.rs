//! A cluster, a controller in it, and the hands of a person with `kubectl`.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bulla_controller::{CRD_YAML, Config, Controller, Handle, KeySettings, LeaderElection, Reach, Replicas};
use bulla_core::go_base64;
use bulla_core::sealed::{KeySize, Scope, SealingCertificate, seal_value};
use bulla_devcluster::{DevCluster, Options};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::{BoxError, ServiceExt as _};

pub(crate) const SEALED: &str = "/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets";
pub(crate) const SECRETS: &str = "/api/v1/namespaces/default/secrets";
pub(crate) const KEYS: &str = "/api/v1/namespaces/kube-system/secrets";
pub(crate) const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// Decides about a request by method and path: `Some` is answered instead of the API server. A message
/// `come back in SECONDS` is a Retry-After, too.
pub(crate) type Fault = dyn Fn(&Method, &str) -> Option<(u16, &'static str)> + Send + Sync;

type Hang = dyn Fn(&Method, &str) -> bool + Send + Sync;

pub(crate) struct World {
    pub(crate) cluster: DevCluster,
    pub(crate) admin: kube::Client,
    faults: Arc<Mutex<Option<Arc<Fault>>>>,
    /// Requests for which this holds are not answered until it is `None`.
    hangs: watch::Sender<Option<Arc<Hang>>>,
    pub(crate) bodies: Arc<Mutex<Vec<String>>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_options(Self::options())
    }

    /// A cluster that knows SealedSecrets.
    pub(crate) fn options() -> Options {
        let crd = bulla_yaml::read_one(CRD_YAML.as_bytes(), &bulla_yaml::Limits::default());
        Options { crds: vec![crd.unwrap().root.to_json().unwrap()], ..Options::default() }
    }

    pub(crate) fn with_crds(crds: Vec<Value>) -> Self {
        Self::with_options(Options { crds, ..Options::default() })
    }

    pub(crate) fn with_options(options: Options) -> Self {
        let cluster = DevCluster::new(options).unwrap();
        let admin = kube::Client::new(cluster.trusted_service(), "default");
        Self { cluster, admin, faults: Arc::default(), hangs: watch::Sender::default(), bodies: Arc::default() }
    }

    /// What the API server answers to the controller instead of working.
    pub(crate) fn fail(&self, fault: impl Fn(&Method, &str) -> Option<(u16, &'static str)> + Send + Sync + 'static) {
        *self.faults.lock().unwrap() = Some(Arc::new(fault));
    }

    /// What the API server does not answer to the controller, until it is healed.
    pub(crate) fn hang(&self, hang: impl Fn(&Method, &str) -> bool + Send + Sync + 'static) {
        self.hangs.send_replace(Some(Arc::new(hang)));
    }

    pub(crate) fn heal(&self) {
        *self.faults.lock().unwrap() = None;
        self.hangs.send_replace(None);
    }

    /// A client whose requests may fail; bodies of statuses and events are kept for reading.
    fn controllers_client(&self) -> kube::Client {
        let (service, faults, bodies) =
            (self.cluster.trusted_service(), Arc::clone(&self.faults), Arc::clone(&self.bodies));
        let hangs = self.hangs.subscribe();
        let service = tower::service_fn(move |request: Request<Body>| {
            let fault = faults.lock().unwrap().clone();
            let mut hangs = hangs.clone();
            let (service, bodies) = (service.clone(), Arc::clone(&bodies));
            async move {
                let path = request.uri().path().to_owned();
                let method = request.method().clone();
                hangs.wait_for(|hang| !hang.as_ref().is_some_and(|hang| hang(&method, &path))).await?;
                if let Some((code, message)) = fault.and_then(|fault| fault(request.method(), &path)) {
                    let reason = if code == 409 { "Conflict" } else { "Fault" };
                    let status = json!({"kind": "Status", "code": code, "reason": reason, "message": message, "details": {
                        "retryAfterSeconds": message.strip_prefix("come back in ").and_then(|text| text.parse::<u32>().ok())}});
                    let mut response = Response::new(boxed(Full::new(Bytes::from(status.to_string()))));
                    *response.status_mut() = StatusCode::from_u16(code).unwrap();
                    return Ok::<_, BoxError>(response);
                }
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                if path.ends_with("/status") || path.ends_with("/events") {
                    bodies.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
                }
                let request = Request::from_parts(parts, Full::new(body));
                Ok(service.oneshot(request).await?.map(boxed))
            }
        });
        kube::Client::new(service, "default")
    }

    pub(crate) fn config() -> Config {
        Config {
            key_size: KeySize::Rsa2048,
            listen_addr: None,
            listen_metrics_addr: None,
            rsa_threads: 2,
            workers: 4,
            // Replicas have tests of their own; elsewhere the Lease would only be noise.
            reach: alone(),
            // Keys of tests are as old as they like.
            keys: KeySettings { renew_period: None, ..KeySettings::default() },
            ..Config::default()
        }
    }

    /// Starts a controller and waits until it is ready.
    pub(crate) async fn start(&self) -> Handle {
        self.start_with(Self::config()).await
    }

    pub(crate) async fn start_with(&self, config: Config) -> Handle {
        let handle = self.launch(config).await;
        within("the controller is ready", handle.ready()).await;
        handle
    }

    /// Starts a controller that may not become ready.
    pub(crate) async fn launch(&self, config: Config) -> Handle {
        Controller::new(self.controllers_client(), config).start().await.unwrap()
    }

    pub(crate) async fn try_send(&self, method: Method, path: &str, body: Option<&Value>) -> kube::Result<Value> {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.admin.request(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        self.try_send(Method::GET, path, None).await.ok()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.try_send(Method::POST, path, Some(body)).await.unwrap()
    }

    /// Stores an object that the API server would refuse by its schema: a cluster may have it from before there was one.
    pub(crate) fn plant(&self, object: Value) {
        self.cluster.plant(object).unwrap();
    }

    pub(crate) async fn delete(&self, path: &str) {
        self.try_send(Method::DELETE, path, None).await.unwrap();
    }

    /// Changes an object as `kubectl edit` does, by a JSON merge patch.
    pub(crate) async fn edit(&self, path: &str, change: Value) -> Value {
        let request =
            Request::builder().method(Method::PATCH).uri(path).header("content-type", "application/merge-patch+json");
        self.admin.request(request.body(change.to_string().into_bytes()).unwrap()).await.unwrap()
    }

    pub(crate) async fn secret(&self, name: &str) -> Option<Value> {
        self.get(&format!("{SECRETS}/{name}")).await
    }

    pub(crate) async fn sealed(&self, name: &str) -> Value {
        self.get(&format!("{SEALED}/{name}")).await.unwrap()
    }

    /// Waits until the Secret is as `expected` says.
    pub(crate) async fn until_secret(&self, name: &str, what: &str, expected: impl Fn(&Value) -> bool) -> Value {
        until(what, || async { self.secret(name).await.filter(&expected) }).await
    }

    /// Waits until the status speaks of the present generation with this reason, and checks that all of it is true.
    pub(crate) async fn until_reason(&self, name: &str, reason: &str) -> Value {
        let sealed = until(&format!("{name} has the reason {reason}"), || async {
            let sealed = self.sealed(name).await;
            let synced = &sealed["status"]["conditions"][0];
            let current = sealed["status"]["observedGeneration"] == sealed["metadata"]["generation"];
            (synced["reason"] == reason && current).then_some(sealed)
        })
        .await;
        let conditions = &sealed["status"]["conditions"];
        let (status, trouble) = match reason {
            "Unsealed" => ("True", None),
            "ApiError" | "Drift" | "Terminating" | "NoSealingKey" => ("Unknown", Some("Reconciling")),
            _ => ("False", Some("Stalled")),
        };
        assert_eq!((&conditions[0]["type"], &conditions[1]["type"]), (&json!("Synced"), &json!("Ready")));
        assert_eq!((&conditions[0]["status"], &conditions[1]["status"]), (&json!(status), &json!(status)));
        assert_eq!(conditions[0]["message"].is_null(), reason == "Unsealed", "upstream leaves an empty message out");
        let shown: Vec<&str> =
            ["Reconciling", "Stalled"].into_iter().filter(|kind| condition(&sealed, kind).is_some()).collect();
        assert_eq!(shown, Vec::from_iter(trouble), "one of the two, and only while something is wrong");
        sealed["status"].clone()
    }

    pub(crate) async fn events(&self) -> Vec<Value> {
        let list = self.get("/api/v1/namespaces/default/events").await.unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until nothing has been written for a moment and nothing waits: then it is as it will stay.
    pub(crate) async fn settled(&self, handle: &Handle) {
        let mut quiet = 0;
        let mut before = self.cluster.requests();
        until("the controller has nothing to do", || {
            let now = self.cluster.requests();
            let since = now.since(&before);
            let renewals = since.of("update", "leases.coordination.k8s.io");
            let idle = since.writes() == renewals && handle.metrics().contains("queue_depth 0");
            quiet = if idle { quiet + 1 } else { 0 };
            before = now;
            std::future::ready((quiet > 20).then_some(()))
        })
        .await;
    }
}

fn alone() -> Reach {
    let replicas = Replicas { leader_election: LeaderElection::Off, ..Replicas::default() };
    Reach { replicas, ..Reach::default() }
}

/// A condition of a SealedSecret.
pub(crate) fn condition<'a>(sealed: &'a Value, kind: &str) -> Option<&'a Value> {
    sealed["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn boxed<B>(body: B) -> UnsyncBoxBody<Bytes, BoxError>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Asks again and again until there is an answer, for ten seconds.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "not within ten seconds: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(answer) = tokio::time::timeout(Duration::from_secs(20), future).await else {
        panic!("not within twenty seconds: {what}")
    };
    answer
}

/// A SealedSecret `default/<name>` with these items, sealed strictly for the controller's newest key.
pub(crate) fn seal(handle: &Handle, name: &str, items: &[(&str, &str)]) -> Value {
    let certificate = handle.certificate_pem().unwrap();
    seal_with(&SealingCertificate::from_pem(certificate.as_bytes()).unwrap(), name, items)
}

pub(crate) fn seal_with(certificate: &SealingCertificate, name: &str, items: &[(&str, &str)]) -> Value {
    let items: serde_json::Map<String, Value> = items
        .iter()
        .map(|(key, value)| {
            let sealed = seal_value(value.as_bytes(), certificate, Scope::Strict, "default", name).unwrap();
            ((*key).to_owned(), go_base64::encode(&sealed).into())
        })
        .collect();
    json!({
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {"namespace": "default", "name": name},
        "spec": {"encryptedData": items},
    })
}

pub(crate) fn base64(text: &str) -> String {
    go_base64::encode(text.as_bytes()).to_string()
}
