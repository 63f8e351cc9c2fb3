//! `--validate` and `--re-encrypt`: SealedSecrets that the controller is asked about (sealed-secrets 8.5, 8.6).

use bulla_core::sealed::{API_VERSION, KIND};
use bulla_yaml::Limits;
use serde_json::Value;

use super::api::Api;
use super::flags::Flags;
use super::run::{FormatFlag, Input};
use super::{Failure, transport};
use crate::cluster;
use crate::manifest;

/// Asks whether the controller can open every document. Nothing is printed.
pub(super) fn validate(input: &Input, flags: &Flags) -> Result<(), Failure> {
    connected(async {
        let api = Api::find(flags).await?;
        let documents = read(&input.read()?).map_err(unreadable)?;
        for document in &documents {
            api.post("/v1/verify", document).await.map_err(|refused| match refused.status {
                Some(409) => format!("unable to decrypt sealed secret: {}", name_of(document)),
                _ => format!("cannot validate sealed secret: {}", refused.words),
            })?;
        }
        Ok(())
    })
}

/// Every document, sealed again by the controller, as text; nothing if there is none.
pub(super) fn re_encrypt(input: &Input, flags: &Flags, format: &FormatFlag) -> Result<Option<String>, Failure> {
    connected(async {
        let api = Api::find(flags).await?;
        let documents = read(&input.read()?).map_err(unreadable)?;
        let mut text = None;
        for document in &documents {
            let answer = api.post("/v1/rotate", document).await.map_err(|refused| match refused.status {
                Some(409) => "unable to rotate secret".to_owned(),
                _ => format!("cannot re-encrypt secret: {}", refused.words),
            })?;
            let sealed = sealed_secret(&answer)?;
            text.get_or_insert_with(String::new).push_str(&format.resolve()?.write(&manifest::sealed_secret(&sealed)));
        }
        Ok(text)
    })
}

/// kubeseal's one line for every input that it cannot read; then where and why.
fn unreadable(cause: Failure) -> Failure {
    format!("unable to decrypt sealed secret\n{cause}")
}

fn connected<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    cluster::block_on(async { Ok(work.await) }).map_err(|report| report.message().to_owned())?
}

/// The answer as a SealedSecret. Upstream's controller leaves `kind` and `apiVersion` out; what belongs to a live object, and
/// fields that nobody knows, are left behind.
fn sealed_secret(body: &[u8]) -> Result<Value, Failure> {
    let sealed: Value = serde_json::from_slice(body).map_err(|_| transport::bad_json(body))?;
    let ours = sealed["kind"].is_null() || sealed["kind"] == KIND;
    if !ours || !sealed["spec"]["encryptedData"].is_object() {
        return Err("the answer is not a sealed secret".to_owned());
    }
    let mut sealed = posted(&sealed);
    sealed["kind"] = KIND.into();
    sealed["apiVersion"] = API_VERSION.into();
    if let Some(metadata) = sealed["metadata"].as_object_mut() {
        for field in ["creationTimestamp", "deletionTimestamp", "generation"] {
            metadata.remove(field);
        }
    }
    Ok(sealed)
}

/// Every document that is a map, with the fields that the controller knows.
fn read(text: &[u8]) -> Result<Vec<Value>, Failure> {
    let documents =
        bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error: bulla_yaml::Error| error.to_string())?;
    let maps = documents.iter().filter(|document| document.root.entries().is_some_and(|entries| !entries.is_empty()));
    maps.map(|document| document.root.to_json().map(|json| posted(&json)).map_err(|error| error.to_string())).collect()
}

fn posted(document: &Value) -> Value {
    let pick = |value: &Value, fields: &[&str]| {
        let picked = fields.iter().filter_map(|field| Some(((*field).to_owned(), value.get(*field)?.clone())));
        Value::Object(picked.collect())
    };
    let mut object = pick(document, &["kind", "apiVersion", "metadata", "spec"]);
    if let Some(spec) = object.get_mut("spec").filter(|spec| spec.is_object()) {
        *spec = pick(spec, &["template", "data", "encryptedData"]);
    }
    object
}

fn name_of(document: &Value) -> String {
    document["metadata"]["name"].as_str().unwrap_or_default().chars().take(253).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_kind_is_a_sealed_secret_and_another_kind_is_not() {
        let read = |text: &str| sealed_secret(text.as_bytes()).map(|sealed| sealed["kind"].clone());
        assert_eq!(read(r#"{"metadata":{"name":"a"},"spec":{"encryptedData":{}}}"#), Ok(KIND.into()));
        assert_eq!(read(r#"{"kind":"SealedSecret","spec":{"encryptedData":{}}}"#), Ok(KIND.into()));
        for bad in [r#"{"kind":"Secret","spec":{"encryptedData":{}}}"#, r#"{"spec":{}}"#, "[]", "1"] {
            assert_eq!(read(bad), Err("the answer is not a sealed secret".to_owned()), "{bad}");
        }
        assert_eq!(read("<html>").unwrap_err(), "invalid character '<' looking for beginning of value");
        assert_eq!(read("").unwrap_err(), "unexpected end of JSON input");
    }

    #[test]
    fn only_what_the_controller_knows_is_posted_and_kept() {
        let documents =
            read(b"- a\n---\nkind: SealedSecret\nextra: 1\nspec: {encryptedData: {}, other: 1}\n---\n{}").unwrap();
        assert_eq!(documents, [serde_json::json!({"kind": "SealedSecret", "spec": {"encryptedData": {}}})]);
        let answer = br#"{"metadata":{"name":"a","creationTimestamp":null,"generation":2},"spec":{"encryptedData":{}},"status":{}}"#;
        let sealed = sealed_secret(answer).unwrap();
        assert_eq!((&sealed["metadata"], sealed.get("status")), (&serde_json::json!({"name": "a"}), None));
    }
}
