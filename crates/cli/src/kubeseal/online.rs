//! `--validate` and `--re-encrypt`: SealedSecrets that the controller is asked about (sealed-secrets 8.5, 8.6).

use bulla_core::sealed::{API_VERSION, KIND};
use bulla_yaml::Limits;
use http::StatusCode;
use serde_json::Value;

use super::flags::Flags;
use super::run::FormatFlag;
use super::{Failure, certificate, namespace};
use crate::cluster;
use crate::manifest;
use crate::report::{Code, Report};
use crate::service_proxy::{Answer, Controller};

/// Asks whether the controller can open every document. Nothing is printed.
pub(super) fn validate(text: &[u8], flags: &Flags) -> Result<(), Failure> {
    let documents = read(text)?;
    let check = |document: &Value, answer: Answer| match answer.status {
        StatusCode::OK => Ok(()),
        StatusCode::CONFLICT => Err(format!("unable to decrypt sealed secret: {}", name_of(document))),
        _ => Err(format!("cannot validate sealed secret: {}", answer.words())),
    };
    ask(&documents, flags, "/v1/verify", "cannot validate sealed secret", check).map(drop)
}

/// Every document, sealed again by the controller, as text.
pub(super) fn re_encrypt(text: &[u8], flags: &Flags, format: &FormatFlag) -> Result<String, Failure> {
    const FAILED: &str = "cannot re-encrypt secret";
    let documents = read(text)?;
    if documents.is_empty() {
        return Err(format!("{FAILED}: there is no sealed secret in the input"));
    }
    let format = format.resolve()?;
    let write = |_: &Value, answer: Answer| match answer.status {
        StatusCode::OK => {
            let sealed =
                sealed_secret(&answer.body).ok_or_else(|| format!("{FAILED}: the answer is not a sealed secret"))?;
            Ok(format.write(&manifest::sealed_secret(&sealed)).to_string())
        }
        StatusCode::CONFLICT => Err("unable to rotate secret".to_owned()),
        _ => Err(format!("{FAILED}: {}", answer.words())),
    };
    Ok(ask(&documents, flags, "/v1/rotate", FAILED, write)?.concat())
}

/// Upstream's controller leaves `kind` and `apiVersion` out.
fn sealed_secret(body: &[u8]) -> Option<Value> {
    let mut sealed: Value = serde_json::from_slice(body).ok()?;
    let ours = sealed["kind"].is_null() || sealed["kind"] == KIND;
    if !ours || !sealed["spec"]["encryptedData"].is_object() {
        return None;
    }
    sealed["kind"] = KIND.into();
    sealed["apiVersion"] = API_VERSION.into();
    Some(sealed)
}

fn read(text: &[u8]) -> Result<Vec<Value>, Failure> {
    let documents = bulla_yaml::read_manifests(text, &Limits::default());
    let documents = documents.and_then(|documents| documents.iter().map(|document| document.root.to_json()).collect());
    // kubeseal's line, then where and why, which kubeseal does not say.
    documents.map_err(|error: bulla_yaml::Error| format!("unable to decrypt sealed secret\n{error}"))
}

/// POSTs one document after the other, until one fails. Without documents no cluster is looked for.
fn ask<T>(
    documents: &[Value],
    flags: &Flags,
    endpoint: &str,
    failed: &str,
    take: impl Fn(&Value, Answer) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    namespace::refuse_overrides(flags)?;
    let place = certificate::place(flags);
    let results = cluster::block_on(async {
        let controller = Controller::find(&place).await?;
        let mut results = Vec::new();
        for document in documents {
            let body = document.to_string();
            let answer = controller.post(endpoint, body.as_bytes()).await;
            let result = answer.map_err(|error| format!("{failed}: {error}")).and_then(|answer| take(document, answer));
            match result {
                Ok(result) => results.push(result),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        Ok(Ok(results))
    });
    results.map_err(|report: Report| match report.code() {
        Code::NoCluster | Code::ControllerNotFound | Code::Kubeconfig => certificate::not_found(&report),
        _ => format!("{failed}: {}", report.message()),
    })?
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
        assert_eq!(read(r#"{"metadata":{"name":"a"},"spec":{"encryptedData":{}}}"#), Some(KIND.into()));
        assert_eq!(read(r#"{"kind":"SealedSecret","spec":{"encryptedData":{}}}"#), Some(KIND.into()));
        for bad in [r#"{"kind":"Secret","spec":{"encryptedData":{}}}"#, r#"{"spec":{}}"#, "[]", "1", "no"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
