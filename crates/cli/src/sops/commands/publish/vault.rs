//! A key-value engine of Vault (or OpenBao), version 1 or 2, over HTTP.
//!
//! The environment is Vault's own: VAULT_ADDR, VAULT_TOKEN, VAULT_NAMESPACE, VAULT_CACERT, VAULT_SKIP_VERIFY, VAULT_TLS_SERVER_NAME. What is there
//! already is read first; equal data is not written again.

use std::time::Duration;

use bulla_core::sops::{Branch, Format, Item, Value};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::super::super::failure::Failure;
use super::super::super::log;
use crate::cluster;
use crate::report::{chain, os_error};

const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
/// Vault's own default.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Vault keeps at most 1 MiB in one secret.
const MAX_ANSWER: usize = 8 << 20;

/// Where a secret is.
pub(super) struct Secret {
    /// `https://HOST:PORT`
    address: String,
    /// Below `/v1/`.
    path: String,
    is_version_2: bool,
}

impl Secret {
    pub(super) fn new(address: &str, mount: &str, folder: &str, name: &str, version: i64) -> Self {
        let address = match (address, std::env::var("VAULT_ADDR")) {
            ("", Ok(set)) if !set.is_empty() => set,
            ("", _) => DEFAULT_ADDRESS.to_owned(),
            (address, _) => address.to_owned(),
        };
        let is_version_2 = version != 1;
        let data = if is_version_2 { "data/" } else { "" };
        Self { address, path: format!("{mount}{data}{folder}{name}"), is_version_2 }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        format!("{}/v1/{}", self.address, self.path)
    }

    /// The path of requests, escaped as Go escapes paths.
    fn escaped(&self) -> String {
        let mut out = String::from("/v1");
        for name in self.path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            out.push('/');
            for byte in name.bytes() {
                if byte.is_ascii_alphanumeric() || b"-_.~$&+,:;=@".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&format!("%{byte:02X}"));
                }
            }
        }
        out
    }
}

/// Writes `data`, a JSON object, unless it is there already.
pub(super) fn write(secret: &Secret, data: Zeroizing<Vec<u8>>) -> Result<(), Failure> {
    let settings = Settings::from_environment()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::generic(os_error(&error)))?;
    runtime.block_on(async {
        let client = settings.client(&secret.address).map_err(Failure::generic)?;
        if is_there(&client, &settings, secret, &data).await {
            log::info("PUBLISH", &format!("Secret in {} is already up-to-date.\n", secret.path));
            return Ok(());
        }
        let body = if secret.is_version_2 { wrapped(&data) } else { data };
        let body = Bytes::from_owner(body);
        let (status, answer) = exchange(&client, &settings, Method::PUT, secret, body)
            .await
            .map_err(|reason| Failure::generic(format!("Put {}: {reason}", crate::sops::go::quote(&secret.shown()))))?;
        if status.is_success() { Ok(()) } else { Err(refused(secret, status, &answer)) }
    })
}

/// `{"data":…}` in one piece.
fn wrapped(data: &[u8]) -> Zeroizing<Vec<u8>> {
    const BEFORE: &[u8] = b"{\"data\":";
    let mut body = Zeroizing::new(Vec::with_capacity(BEFORE.len() + data.len() + 1));
    body.extend_from_slice(BEFORE);
    body.extend_from_slice(data);
    body.push(b'}');
    body
}

/// Whether exactly these data are there. If that cannot be told, they are not.
async fn is_there(client: &kube::Client, settings: &Settings, secret: &Secret, data: &[u8]) -> bool {
    let found = exchange(client, settings, Method::GET, secret, Bytes::new()).await;
    let answer = match found {
        Ok((status, answer)) if status.is_success() => answer,
        Ok((StatusCode::NOT_FOUND, _)) => return false,
        _ => {
            let path = &secret.path;
            log::warn(
                "PUBLISH",
                &format!(
                    "Cannot check if destination secret already exists in {path}. New version will be created even if the data has not been changed."
                ),
            );
            return false;
        }
    };
    let parsed = |bytes: &[u8]| Format::Json.load_plain(bytes).ok()?.documents.into_iter().next();
    let (Some(answer), Some(data)) = (parsed(&answer), parsed(data)) else { return false };
    let there = match inner(&answer) {
        Some(there) if secret.is_version_2 => inner(there),
        there => there,
    };
    there.is_some_and(|there| same_maps(&data, there))
}

/// The map under `data`.
fn inner(branch: &Branch) -> Option<&Branch> {
    branch.iter().find_map(|item| match &item.value {
        Value::Map(inner) if item.name() == Some("data") => Some(inner),
        _ => None,
    })
}

fn same_maps(a: &Branch, b: &Branch) -> bool {
    let has = |item: &Item| b.iter().any(|other| other.name() == item.name() && same(&item.value, &other.value));
    a.len() == b.len() && a.iter().all(has)
}

/// Equal, numbers by their value: Vault gives `7.0` back as it likes.
#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "JSON has one kind of number")]
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => *a as f64 == *b,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => same_maps(a, b),
        _ => a == b,
    }
}

/// In the words of Vault's own client. What the server says is its list of errors, nothing else of its answer.
fn refused(secret: &Secret, status: StatusCode, answer: &[u8]) -> Failure {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let errors = answer["errors"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
    let errors: Vec<String> = errors.map(|error| format!("* {error}")).collect();
    let url = format!("{}{}", secret.address, secret.escaped());
    Failure::generic(format!(
        "Error making API request.\n\nURL: PUT {url}\nCode: {}. Errors:\n\n{}",
        status.as_u16(),
        errors.join("\n")
    ))
}

async fn exchange(
    client: &kube::Client,
    settings: &Settings,
    method: Method,
    secret: &Secret,
    body: Bytes,
) -> Result<(StatusCode, Zeroizing<Vec<u8>>), String> {
    let mut request = Request::builder().method(method).uri(secret.escaped()).header("X-Vault-Request", "true");
    if let Some(token) = &settings.token {
        request = request.header("X-Vault-Token", token);
    }
    if let Some(namespace) = &settings.namespace {
        request = request.header("X-Vault-Namespace", namespace);
    }
    let request = request.body(kube::client::Body::from(body)).map_err(|error| error.to_string())?;
    let once = async {
        let (parts, body) = client.send(request).await.map_err(|error| chain(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok((parts.status, Zeroizing::new(body.to_bytes().to_vec())))
    };
    tokio::time::timeout(TIMEOUT, once).await.map_err(|_| "no answer in time".to_owned())?
}

/// What Vault's variables say.
#[derive(Default)]
struct Settings {
    token: Option<HeaderValue>,
    namespace: Option<HeaderValue>,
    authorities: Option<Vec<Vec<u8>>>,
    server_name: Option<String>,
    skip_verify: bool,
}

impl Settings {
    fn from_environment() -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let header = |name: &str| {
            let value = variable(name).map(|value| HeaderValue::from_str(value.trim()));
            value.transpose().map_err(|_| Failure::generic(format!("{name} holds characters that no header may have")))
        };
        let mut token = header("VAULT_TOKEN")?;
        if let Some(token) = &mut token {
            token.set_sensitive(true);
        }
        let authorities = variable("VAULT_CACERT").map(|path| {
            let failed = |reason: &str| Failure::generic(format!("VAULT_CACERT: {path}: {reason}"));
            let pem = std::fs::read(&path).map_err(|error| failed(&os_error(&error)))?;
            let found: Result<Vec<Vec<u8>>, _> =
                CertificateDer::pem_slice_iter(&pem).map(|item| item.map(|der| der.as_ref().to_vec())).collect();
            match found {
                Ok(found) if !found.is_empty() => Ok(found),
                _ => Err(failed("there is no certificate in it")),
            }
        });
        Ok(Self {
            token,
            namespace: header("VAULT_NAMESPACE")?,
            authorities: authorities.transpose()?,
            server_name: variable("VAULT_TLS_SERVER_NAME"),
            skip_verify: variable("VAULT_SKIP_VERIFY")
                .is_some_and(|value| crate::sops::go::boolean(&value).unwrap_or(false)),
        })
    }

    fn client(&self, address: &str) -> Result<kube::Client, String> {
        let uri: Uri = address.parse().map_err(|_| format!("{address}: not the address of a Vault"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return Err(format!("{address}: not the address of a Vault: https://HOST:8200"));
        }
        cluster::prepare_tls();
        let mut config = kube::Config::new(uri.clone());
        config.connect_timeout = Some(cluster::CONNECT_TIMEOUT);
        config.proxy_url = crate::kubeconfig::proxy_from_environment(&uri);
        config.default_retry = false;
        config.root_cert.clone_from(&self.authorities);
        config.tls_server_name.clone_from(&self.server_name);
        config.accept_invalid_certs = self.skip_verify;
        kube::Client::try_from(config).map_err(|error| chain(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_escaped_as_go_escapes_them() {
        let secret = Secret::new("http://v", "secret/", "some/path/", "x y/é:@.yaml", 2);
        assert_eq!(secret.shown(), "http://v/v1/secret/data/some/path/x y/é:@.yaml");
        assert_eq!(secret.escaped(), "/v1/secret/data/some/path/x%20y/%C3%A9:@.yaml");
        assert_eq!(Secret::new("http://v", "kv/", "a//", "b", 1).escaped(), "/v1/kv/a/b");
    }

    #[test]
    fn numbers_are_equal_by_value() {
        let same = |a: &str, b: &str| {
            let parsed = |text: &str| Format::Json.load_plain(text.as_bytes()).unwrap().documents.remove(0);
            same_maps(&parsed(a), &parsed(b))
        };
        assert!(same(r#"{"a":[7,1e21],"b":null}"#, r#"{"b":null,"a":[7.0,1000000000000000000000]}"#));
        assert!(!same(r#"{"a":"7"}"#, r#"{"a":7}"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_vaults_client() {
        let secret = Secret::new("http://v:1", "secret/", "p/", "n", 2);
        let failure = refused(&secret, StatusCode::FORBIDDEN, br#"{"errors":["permission denied"]}"#);
        assert_eq!(
            failure.text,
            "Error making API request.\n\nURL: PUT http://v:1/v1/secret/data/p/n\nCode: 403. Errors:\n\n* permission denied"
        );
    }
}
