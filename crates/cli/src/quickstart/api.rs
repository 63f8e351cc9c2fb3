//! The few requests that the story needs, as JSON. The values in this cluster are throw-aways, so plain JSON may hold them.

use std::time::{Duration, Instant};

use http::{Method, Request, StatusCode};
use serde_json::Value;

use super::broken;
use crate::report::{Result, chain};

/// How long anything may take until it counts as not happening.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API of the cluster.
#[derive(Clone)]
pub(super) struct Api(kube::Client);

impl Api {
    pub(super) fn new(client: kube::Client) -> Self {
        Self(client)
    }

    /// The object, or nothing if it is not there.
    pub(super) async fn find(&self, path: &str) -> Result<Option<Value>> {
        match self.send(Method::GET, path, None).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == StatusCode::NOT_FOUND.as_u16() => Ok(None),
            Err(error) => Err(failed("read", path, &error)),
        }
    }

    /// The object.
    pub(super) async fn read(&self, path: &str) -> Result<Value> {
        self.find(path).await?.ok_or_else(|| broken(format!("{path} is not there")))
    }

    /// Creates an object in a collection.
    pub(super) async fn create(&self, collection: &str, object: &Value) -> Result<Value> {
        self.send(Method::POST, collection, Some(object)).await.map_err(|error| failed("create in", collection, &error))
    }

    /// Replaces an object by one without a resourceVersion, as `kubectl replace` does.
    pub(super) async fn replace(&self, path: &str, object: &Value) -> Result<Value> {
        let mut object = object.clone();
        object["metadata"]["resourceVersion"] = self.read(path).await?["metadata"]["resourceVersion"].clone();
        self.send(Method::PUT, path, Some(&object)).await.map_err(|error| failed("replace", path, &error))
    }

    /// Deletes an object.
    pub(super) async fn delete(&self, path: &str) -> Result<()> {
        self.send(Method::DELETE, path, None).await.map(drop).map_err(|error| failed("delete", path, &error))
    }

    /// Waits until the object at `path` is as `wanted` says, and gives it.
    pub(super) async fn wait(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        const PAUSE: Duration = Duration::from_millis(10);
        let started = Instant::now();
        loop {
            let found = self.find(path).await?;
            match found {
                Some(object) if wanted(&object) => return Ok(object),
                _ if started.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
                _ => return Err(broken(format!("{path} is not {what} after {} s", PATIENCE.as_secs()))),
            }
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> std::result::Result<Value, kube::Error> {
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(kube::Error::HttpError)?;
        self.0.request(request).await
    }
}

/// The API server's messages name objects and fields; the first line is enough.
fn failed(verb: &str, path: &str, error: &kube::Error) -> crate::report::Report {
    let cause = match error {
        kube::Error::Api(status) => status.message.lines().next().unwrap_or_default().to_owned(),
        other => chain(other),
    };
    broken(format!("{verb} {path}: {cause}"))
}

/// The condition `Synced` for the object's present generation: status, reason, message.
pub(super) fn synced(object: &Value) -> Option<(&str, &str, &str)> {
    if object["status"]["observedGeneration"] != object["metadata"]["generation"] {
        return None;
    }
    let condition =
        object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Synced")?;
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    Some((text("status"), text("reason"), text("message")))
}
