//! Plain HTTP requests to a cluster in this process, so that nothing of a client stands between.
#![allow(dead_code, clippy::unwrap_used, reason = "not every suite uses everything; helpers of tests are tests")]

use bulla_devcluster::{DevCluster, ResponseBody};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct Api(pub(crate) DevCluster);

impl Api {
    pub(crate) async fn send(&self, method: Method, path: &str, kind: &str, body: &str) -> Response<ResponseBody> {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.header("user-agent", "tester/1.0 (x)").body(Full::new(Bytes::from(body.to_owned())));
        self.0.trusted_service().oneshot(request.unwrap()).await.unwrap()
    }

    pub(crate) async fn call(&self, method: Method, path: &str, kind: &str, body: &Value) -> (u16, Value) {
        let response = self.send(method, path, &format!("application/{kind}"), &body.to_string()).await;
        let code = response.status().as_u16();
        (code, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, "json", &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, path, "json", body).await
    }

    pub(crate) async fn merge(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PATCH, path, "merge-patch+json", body).await
    }

    pub(crate) async fn apply(&self, path: &str, body: &Value) -> (u16, Value) {
        self.call(Method::PATCH, path, "apply-patch+yaml", body).await
    }
}
