//! What the suites share: a cluster with a SealedSecret CRD, a client for it, and waiting with a deadline.
#![allow(
    dead_code,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "not every suite uses everything; test Secrets are throw-away"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bulla_devcluster::{DevCluster, Options};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ApiResource, DynamicObject, ObjectMeta};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};

/// A small SealedSecret CustomResourceDefinition.
pub(crate) fn sealed_secret_crd() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": "sealedsecrets.bitnami.com" },
        "spec": {
            "group": "bitnami.com",
            "scope": "Namespaced",
            "names": { "kind": "SealedSecret", "listKind": "SealedSecretList", "plural": "sealedsecrets", "singular": "sealedsecret" },
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            }],
        },
    })
}

pub(crate) fn options() -> Options {
    Options { crds: vec![sealed_secret_crd()], ..Options::default() }
}

pub(crate) fn cluster() -> DevCluster {
    DevCluster::new(options()).unwrap()
}

pub(crate) fn client(cluster: &DevCluster) -> Client {
    Client::new(cluster.trusted_service(), "default")
}

pub(crate) fn secrets(client: &Client) -> Api<Secret> {
    Api::default_namespaced(client.clone())
}

pub(crate) fn sealed_resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("bitnami.com", "v1alpha1", "SealedSecret"),
        "sealedsecrets",
    )
}

pub(crate) fn sealed_secrets(client: &Client) -> Api<DynamicObject> {
    Api::default_namespaced_with(client.clone(), &sealed_resource())
}

pub(crate) fn secret(name: &str) -> Secret {
    Secret {
        metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([("key".to_owned(), ByteString(b"value".to_vec()))])),
        ..Secret::default()
    }
}

pub(crate) fn labelled(name: &str, key: &str, value: &str) -> Secret {
    let mut secret = secret(name);
    secret.metadata.labels = Some(BTreeMap::from([(key.to_owned(), value.to_owned())]));
    secret
}

pub(crate) fn sealed(name: &str) -> DynamicObject {
    DynamicObject::new(name, &sealed_resource()).data(json!({ "spec": { "encryptedData": { "a": "b" } } }))
}

/// The code, reason and message of the `Status` that a call was refused with.
pub(crate) fn refusal<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String, String) {
    match result.expect_err("the call should be refused") {
        kube::Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("refused without a Status: {other}"),
    }
}

/// Fails loudly instead of hanging.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(output) => output,
        Err(_) => panic!("no answer in 20 s: {what}"),
    }
}
