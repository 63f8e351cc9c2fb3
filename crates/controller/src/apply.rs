//! Requests on Secrets and on the status of SealedSecrets, as few as possible and within the stock rights (sealed-secrets
//! 14.2): POST and PUT, no PATCH. No decisions: what to send is `plan`'s and `conditions`'.

use bulla_core::sealed::{API_VERSION, KIND, UnsealedSecret};
use bulla_core::secret::SecretBytes;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::api::{self, ApiFailure};
use crate::drift::blame::FIELD_MANAGER;
use crate::live::{LiveSecret, Written};
use crate::object::{ObjectKey, Observed, SecretRef};
use crate::plan::Manifest;
use crate::report::status::SealedStatus;

/// Creates the Secret whole.
pub(crate) async fn create(
    client: &kube::Client,
    key: &ObjectKey,
    manifest: &Manifest,
    secret: &UnsealedSecret,
) -> Result<SecretRef, ApiFailure> {
    let path = format!("/api/v1/namespaces/{}/secrets", key.namespace);
    let body = secret.to_body(&manifest.metadata, manifest.immutable);
    write(client, Method::POST, &path, body, secret.data().values()).await
}

/// Replaces the Secret, if it is still the one that was read. `kept` are items of it that stay beside those that are stated.
pub(crate) async fn update<'a>(
    client: &kube::Client,
    key: &ObjectKey,
    manifest: &Manifest,
    secret: &'a UnsealedSecret,
    kept: impl Iterator<Item = (&'a str, &'a SecretBytes)>,
) -> Result<SecretRef, ApiFailure> {
    let kept: Vec<_> = kept.collect();
    let body = secret.to_body_over(&manifest.metadata, manifest.immutable, kept.iter().copied());
    let values = secret.data().values().chain(kept.into_iter().map(|(_, value)| value));
    write(client, Method::PUT, &secret_path(key), body, values).await
}

/// `values` are those in the body: no answer may quote them.
async fn write<'a>(
    client: &kube::Client,
    method: Method,
    path: &str,
    body: Zeroizing<Vec<u8>>,
    values: impl Iterator<Item = &'a SecretBytes>,
) -> Result<SecretRef, ApiFailure> {
    // The buffer clears itself when the last part of the transport lets go of it.
    let body = Bytes::from_owner(body);
    let answer = api::send(client, method, &by_us(path), Some(body)).await;
    let answer = answer.map_err(|failure| failure.withhold(values.map(SecretBytes::expose)))?;
    let (_, written) = Written::from_body(&answer).ok_or_else(unreadable)?;
    Ok(written)
}

/// The Secret with its values; none if there is none.
pub(crate) async fn read(client: &kube::Client, key: &ObjectKey) -> Result<Option<LiveSecret>, ApiFailure> {
    match api::send(client, Method::GET, &secret_path(key), None).await {
        Ok(body) => LiveSecret::from_body(&body).map(Some).ok_or_else(unreadable),
        Err(failure) if failure.code() == Some(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Who the Secret is now, without its values; none if there is none.
pub(crate) async fn look(client: &kube::Client, key: &ObjectKey) -> Result<Option<SecretRef>, ApiFailure> {
    const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    match api::send_accepting(client, Method::GET, &secret_path(key), METADATA, None).await {
        Ok(body) => Written::from_body(&body).map(|(_, secret)| Some(secret)).ok_or_else(unreadable),
        Err(failure) if failure.code() == Some(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Deletes the very Secret that was looked at, in the version that was looked at.
pub(crate) async fn delete(client: &kube::Client, key: &ObjectKey, secret: &SecretRef) -> Result<(), ApiFailure> {
    let body = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": secret.uid, "resourceVersion": secret.resource_version},
    });
    api::send(client, Method::DELETE, &secret_path(key), Some(body.to_string().into())).await.map(drop)
}

/// The SealedSecret as it is now; none if there is none.
pub(crate) async fn read_sealed(client: &kube::Client, key: &ObjectKey) -> Result<Option<Observed>, ApiFailure> {
    match api::send(client, Method::GET, &sealed_path(key), None).await {
        Ok(body) => {
            let object: Value = serde_json::from_slice(&body).map_err(|_| unreadable())?;
            Observed::from_json(&object).map(Some).ok_or_else(unreadable)
        }
        Err(failure) if failure.code() == Some(404) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Writes the status of the very object `uid` in its version `resource_version`. Returns its new version.
pub(crate) async fn write_status(
    client: &kube::Client,
    key: &ObjectKey,
    uid: &str,
    resource_version: &str,
    status: &SealedStatus,
) -> Result<String, ApiFailure> {
    let body = json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"namespace": &*key.namespace, "name": &*key.name, "uid": uid, "resourceVersion": resource_version},
        // The definition demands it; on this path the API server keeps the spec that it has.
        "spec": {"encryptedData": {}},
        "status": status,
    });
    let path = by_us(&format!("{}/status", sealed_path(key)));
    let answer = api::send(client, Method::PUT, &path, Some(body.to_string().into())).await?;
    let (_, written) = Written::from_body(&answer).ok_or_else(unreadable)?;
    Ok(written.resource_version.into())
}

/// Writes an event.
pub(crate) async fn write_event(client: &kube::Client, namespace: &str, event: &Value) -> Result<(), ApiFailure> {
    let path = format!("/api/v1/namespaces/{namespace}/events");
    api::send(client, Method::POST, &path, Some(event.to_string().into())).await.map(drop)
}

/// The path of a write that is ours in `managedFields`.
fn by_us(path: &str) -> String {
    format!("{path}?fieldManager={FIELD_MANAGER}")
}

fn secret_path(key: &ObjectKey) -> String {
    format!("/api/v1/namespaces/{}/secrets/{}", key.namespace, key.name)
}

fn sealed_path(key: &ObjectKey) -> String {
    format!("/apis/{API_VERSION}/namespaces/{}/sealedsecrets/{}", key.namespace, key.name)
}

fn unreadable() -> ApiFailure {
    ApiFailure::Transport("the answer of the API server cannot be read".to_owned())
}
