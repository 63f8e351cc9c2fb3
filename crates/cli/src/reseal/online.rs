//! Verdicts by the controller: `/v1/reseal`, in batches, with a token that was made for it.
//!
//! Sealed values and their places go out, sealed values come back; no plaintext leaves the controller, and it says of a value that
//! does not open only that it does not.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::PathBuf;

use bulla_core::sealed::{MAX_RESEAL_ITEMS, ResealAnswer, ResealItem, ResealRequest, ResealStatus};
use http::StatusCode;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use super::file::{Value, Verdict, Work};
use crate::cluster;
use crate::io::{Source, read};
use crate::report::{Code, Report, Result};
use crate::service_proxy::{Answer, Controller, Place};

/// The audience that the token must have been made for.
const AUDIENCE: &str = "bulla.dev/reseal";
/// Bytes of sealed text in one request; the controller takes ten MiB.
const MAX_BYTES: usize = 4 << 20;
/// Namespaces in one request, as the controller allows.
const MAX_NAMESPACES: usize = 100;

/// Which controller, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The controller.
    pub(crate) place: Place,
    /// Who asks.
    pub(crate) identity: Identity,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// A token from a file.
    TokenFile(PathBuf),
    /// A token is made for this ServiceAccount: namespace (none: that of the context) and name.
    ServiceAccount(Option<String>, String),
}

/// A controller that is asked as somebody.
pub(crate) struct Asker {
    runtime: tokio::runtime::Runtime,
    controller: Controller,
    token: Zeroizing<String>,
    certificates: std::cell::RefCell<Vec<String>>,
}

impl Asker {
    /// Finds the controller and gets the token.
    pub(crate) fn connect(options: &Options) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Report::new(Code::Internal, format!("start the async runtime: {error}")))?;
        let (controller, token) = runtime.block_on(async {
            let token = token(options).await?;
            Ok((Controller::find(&options.place).await?, token))
        })?;
        Ok(Self { runtime, controller, token, certificates: std::cell::RefCell::default() })
    }

    /// Puts the controller's verdict on every value that has none yet.
    pub(super) fn settle(&self, works: &mut [Work]) -> Result<()> {
        let mut open: Vec<&mut Value> = works
            .iter_mut()
            .flat_map(|work| &mut work.values)
            .filter(|value| matches!(value.verdict, Verdict::Open))
            .collect();
        let items: Vec<ResealItem<'_>> = open.iter().map(|value| item(value)).collect();
        let statuses = self.ask(items)?;
        for (value, status) in open.iter_mut().zip(statuses) {
            value.verdict = match status {
                ResealStatus::Fresh => Verdict::Fresh,
                ResealStatus::Resealed { value } => Verdict::Stale(None, Some(value)),
                ResealStatus::Failed => {
                    Verdict::Failed("the controller cannot open it for this scope, namespace and name".to_owned())
                }
            };
        }
        Ok(())
    }

    /// Asks about any number of values, and gives the answers in their order.
    pub(crate) fn ask(&self, items: Vec<ResealItem<'_>>) -> Result<Vec<ResealStatus>> {
        let mut statuses = Vec::with_capacity(items.len());
        for batch in batches(items) {
            let count = batch.items.len();
            // Texts do not fail to be written.
            let body = serde_json::to_vec(&batch).unwrap_or_default();
            let answer = self.runtime.block_on(self.controller.post_as("/v1/reseal", &body, &self.token));
            let answer =
                answer.map_err(|error| Report::new(Code::ResealRefused, format!("ask the controller: {error}")))?;
            let answer = understood(&answer, count)?;
            let mut certificates = self.certificates.borrow_mut();
            if !certificates.contains(&answer.certificate) {
                certificates.push(answer.certificate);
            }
            statuses.extend(answer.items.into_iter().map(|item| item.status));
        }
        Ok(statuses)
    }

    /// The fingerprints of the newest keys that the controller named.
    pub(super) fn certificates(&self) -> Vec<String> {
        self.certificates.borrow().clone()
    }
}

fn item(value: &Value) -> ResealItem<'static> {
    let text = |text: &str| Cow::Owned(text.to_owned());
    ResealItem {
        id: Cow::from(""),
        namespace: text(&value.namespace),
        name: text(&value.name),
        scope: value.scope,
        value: text(&value.text),
    }
}

/// As few requests as the controller's limits allow.
fn batches(items: Vec<ResealItem<'_>>) -> Vec<ResealRequest<'_>> {
    let mut batches: Vec<ResealRequest<'_>> = Vec::new();
    let (mut bytes, mut namespaces) = (0, HashSet::new());
    for mut item in items {
        bytes += item.value.len();
        namespaces.insert(item.namespace.to_string());
        let full = batches.last().is_none_or(|batch| batch.items.len() >= MAX_RESEAL_ITEMS);
        if full || bytes > MAX_BYTES || namespaces.len() > MAX_NAMESPACES {
            bytes = item.value.len();
            namespaces = HashSet::from([item.namespace.to_string()]);
            batches.push(ResealRequest { items: Vec::new() });
        }
        if let Some(batch) = batches.last_mut() {
            item.id = Cow::from(batch.items.len().to_string());
            batch.items.push(item);
        }
    }
    batches
}

/// The answer to a request of `count` items; nothing of it is used unless all of it is there.
fn understood(answer: &Answer, count: usize) -> Result<ResealAnswer> {
    if answer.status != StatusCode::OK {
        return Err(refused(answer));
    }
    let odd = || Report::new(Code::ResealRefused, "the controller's answer is not one to the values that were sent");
    let answer: ResealAnswer = serde_json::from_slice(&answer.body).map_err(|_| odd())?;
    let in_order = answer.items.iter().enumerate().all(|(index, item)| item.id == index.to_string());
    if answer.items.len() != count || !in_order {
        return Err(odd());
    }
    Ok(answer)
}

fn refused(answer: &Answer) -> Report {
    let words = match std::str::from_utf8(&answer.body).ok().map(str::trim) {
        Some(text) if !text.is_empty() && !text.starts_with('{') => {
            text.lines().next().unwrap_or_default().chars().take(300).collect()
        }
        _ => answer.words(),
    };
    let hint = match answer.status.as_u16() {
        401 => {
            "make a token for this: kubectl create token ACCOUNT --audience bulla.dev/reseal > token; or name the \
                account: --service-account NAMESPACE/ACCOUNT"
        }
        403 => {
            "the account needs `update` on sealedsecrets.bitnami.com in every namespace that is resealed, and you the \
                right to use services/proxy: kubectl auth can-i update sealedsecrets --as system:serviceaccount:NAMESPACE:ACCOUNT"
        }
        404 => "Sealed Secrets' own controller has no such endpoint: use --key FILE, or run bulla's controller",
        501 => {
            "let the controller ask who its callers are: kubectl create clusterrolebinding bulla-reseal \
                --clusterrole system:auth-delegator --serviceaccount kube-system:sealed-secrets-controller"
        }
        _ => "look into the controller's log, then run the same command again: it does what is left",
    };
    Report::new(Code::ResealRefused, format!("the controller refuses to reseal: {words}")).hint(hint)
}

async fn token(options: &Options) -> Result<Zeroizing<String>> {
    match &options.identity {
        Identity::TokenFile(path) => {
            let source = Source::from_arg(path);
            let text = read(&source)?;
            let token = std::str::from_utf8(&text).map(str::trim).unwrap_or_default();
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Report::new(Code::ResealRefused, format!("{source}: there is no token in it"))
                    .hint("make one: kubectl create token ACCOUNT --audience bulla.dev/reseal > token"));
            }
            Ok(Zeroizing::new(token.to_owned()))
        }
        Identity::ServiceAccount(namespace, name) => made_token(&options.place, namespace.as_deref(), name).await,
    }
}

/// Asks the API server for a token of a ServiceAccount, which takes the right to `create` on `serviceaccounts/token`.
async fn made_token(place: &Place, namespace: Option<&str>, name: &str) -> Result<Zeroizing<String>> {
    let config = cluster::config(&place.choice).await?;
    let namespace = namespace.map_or_else(|| config.default_namespace.clone(), str::to_owned);
    let client = cluster::client(config)?;
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/{}/token",
        crate::service_proxy::segment(&namespace),
        crate::service_proxy::segment(name)
    );
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": [AUDIENCE], "expirationSeconds": 3600}});
    let what = format!("make a token for the ServiceAccount {namespace}/{name}");
    let request = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body.to_string().into_bytes())
        .map_err(|error| Report::new(Code::Internal, format!("{what}: {error}")))?;
    let answer: Json = client.request(request).await.map_err(|error| {
        cluster::refused(&what, &error).hint(
            "you need `create` on serviceaccounts/token; or have a token made for you, and give it with --token-file FILE",
        )
    })?;
    match answer["status"]["token"].as_str() {
        Some(token) => Ok(Zeroizing::new(token.to_owned())),
        None => Err(Report::new(Code::ResealRefused, format!("{what}: the answer holds no token"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use bulla_core::sealed::Scope;

    use super::*;

    fn items(count: usize, namespaces: usize, bytes: usize) -> Vec<ResealItem<'static>> {
        let item = |index: usize| ResealItem {
            id: Cow::from(""),
            namespace: Cow::from(format!("n{}", index % namespaces)),
            name: Cow::from("a"),
            scope: Scope::Strict,
            value: Cow::from("x".repeat(bytes)),
        };
        (0..count).map(item).collect()
    }

    #[test]
    fn requests_keep_to_the_limits_of_the_controller() {
        for (count, namespaces, bytes, expected) in [
            (0, 1, 1, vec![]),
            (500, 1, 1, vec![500]),
            (1001, 1, 1, vec![500, 500, 1]),
            (150, 150, 1, vec![100, 50]),
            (5, 1, 2 << 20, vec![2, 2, 1]),
        ] {
            let batches = batches(items(count, namespaces, bytes));
            let sizes: Vec<usize> = batches.iter().map(|batch| batch.items.len()).collect();
            assert_eq!(sizes, expected, "{count} {namespaces} {bytes}");
            for batch in batches {
                let body = serde_json::to_vec(&batch).unwrap();
                assert!(ResealRequest::parse(&body).is_ok());
            }
        }
    }

    #[test]
    fn an_answer_to_something_else_is_not_used() {
        let answer = |body: &str| Answer { status: StatusCode::OK, body: body.as_bytes().to_vec() };
        let good = r#"{"certificate":"c","items":[{"id":"0","status":"fresh"},{"id":"1","status":"failed"}]}"#;
        assert_eq!(understood(&answer(good), 2).unwrap().items.len(), 2);
        for (body, count) in [
            (good.to_owned(), 1),
            (good.to_owned(), 3),
            (good.replace("\"0\"", "\"1\""), 2),
            ("{}".to_owned(), 2),
            (String::new(), 2),
        ] {
            assert_eq!(understood(&answer(&body), count).unwrap_err().code(), Code::ResealRefused);
        }
        let refusal = Answer { status: StatusCode::NOT_IMPLEMENTED, body: b"it is off\nx".to_vec() };
        assert_eq!(refused(&refusal).message(), "the controller refuses to reseal: it is off");
    }
}
