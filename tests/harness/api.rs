//! Requests to the API server as JSON, and what a person looks for in the answers.

use http::{Method, Request};
use kube::Client;
use serde_json::{Value, json};

pub(crate) const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

/// An API server, with the rights of its client.
#[derive(Clone)]
pub(crate) struct Api(pub(crate) Client);

/// Code and message of a refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl Api {
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> Result<Value, Refusal> {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(body.map(|body| body.to_string().into_bytes()).unwrap_or_default());
        match self.0.request(request.expect("a path of this test is a URI")).await {
            Ok(answer) => Ok(answer),
            Err(kube::Error::Api(status)) => Err(Refusal { code: status.code, message: status.message.clone() }),
            Err(error) => Err(Refusal { code: 0, message: error.to_string() }),
        }
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let answer = self.send(method.clone(), path, "application/json", body).await;
        answer.unwrap_or_else(|refusal| panic!("{method} {path}: {} {}", refusal.code, refusal.message))
    }

    /// `None` if it is not there.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        match self.send(Method::GET, path, "application/json", None).await {
            Ok(object) => Some(object),
            Err(refusal) if refusal.code == 404 => None,
            Err(refusal) => panic!("GET {path}: {} {}", refusal.code, refusal.message),
        }
    }

    pub(crate) async fn items(&self, path: &str) -> Vec<Value> {
        let list = self.json(Method::GET, path, None).await;
        list["items"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.json(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Value {
        self.json(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) {
        match self.send(Method::DELETE, path, "application/json", Some(&json!({}))).await {
            Err(refusal) if refusal.code != 404 => panic!("DELETE {path}: {} {}", refusal.code, refusal.message),
            _ => {}
        }
    }

    /// Changes an object as `kubectl edit` does: a merge patch.
    pub(crate) async fn edit(&self, path: &str, change: &Value) -> Value {
        let answer = self.send(Method::PATCH, path, "application/merge-patch+json", Some(change)).await;
        answer.unwrap_or_else(|refusal| panic!("PATCH {path}: {} {}", refusal.code, refusal.message))
    }
}

pub(crate) fn secrets(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}

pub(crate) fn secret(namespace: &str, name: &str) -> String {
    format!("{}/{name}", secrets(namespace))
}

pub(crate) fn sealed_secrets(namespace: &str) -> String {
    format!("/apis/bitnami.com/v1alpha1/namespaces/{namespace}/sealedsecrets")
}

pub(crate) fn sealed_secret(namespace: &str, name: &str) -> String {
    format!("{}/{name}", sealed_secrets(namespace))
}

/// The condition of that type.
pub(crate) fn condition<'a>(sealed: &'a Value, kind: &str) -> Option<&'a Value> {
    sealed["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether the status speaks of the present generation.
pub(crate) fn is_observed(sealed: &Value) -> bool {
    sealed["status"]["observedGeneration"].is_number()
        && sealed["status"]["observedGeneration"] == sealed["metadata"]["generation"]
}

/// `"True"`, `"False"`, or nothing yet for the present generation.
pub(crate) fn synced(sealed: &Value) -> Option<&str> {
    is_observed(sealed).then(|| condition(sealed, "Synced"))??["status"].as_str()
}
