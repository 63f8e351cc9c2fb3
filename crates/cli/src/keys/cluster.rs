//! Key Secrets in a cluster: listed in pages, written with the least that is needed. Bodies with private keys are in memory that
//! clears itself, on the way in and on the way out.

use bulla_controller::{ApiFailure, send_as};
use bulla_core::sealed::{Fingerprint, KEY_LABEL, KeyDocument};
use bulla_yaml::{Limits, Node};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cluster::{self, Choice};
use crate::io::Console;
use crate::keys::known::Key;
use crate::report::{Code, Report, Result};

/// Key Secrets on one page: ten of the largest fit into an answer that is read.
const KEYS_A_PAGE: usize = 10;
/// SealedSecrets on one page.
const OBJECTS_A_PAGE: usize = 100;
/// A list that changes all the time has no last page.
const MAX_PAGES: usize = 100_000;
/// The key of the first versions, which has no label.
const LEGACY_NAME: &str = "sealed-secrets-key";
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Which cluster, and the namespace of its controller.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) choice: Choice,
    pub(crate) namespace: String,
}

/// A cluster whose key Secrets can be asked for.
pub(crate) struct KeyCluster {
    client: kube::Client,
    pub(crate) namespace: String,
}

/// What became of a create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    Done,
    /// Another Secret has the name.
    Taken,
}

impl KeyCluster {
    pub(crate) async fn connect(place: &Place) -> Result<Self> {
        let config = cluster::config(&place.choice).await?;
        Ok(Self { client: cluster::client(config)?, namespace: place.namespace.clone() })
    }

    /// Every key Secret, whatever its labels' values say, by name. What is labelled as a key and holds none is told.
    pub(crate) async fn keys(&self, console: Console) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        let mut more = String::new();
        for _ in 0..MAX_PAGES {
            let path = format!("{}?labelSelector={KEY_LABEL}&limit={KEYS_A_PAGE}&continue={more}", self.secrets());
            let page = match self.get(&path).await {
                // The page's version is forgotten: from the beginning.
                Err(failure) if failure.code() == Some(410) && !more.is_empty() => {
                    keys.clear();
                    more.clear();
                    continue;
                }
                answer => answer.map_err(|failure| self.refused("list the key Secrets", "list", &failure))?,
            };
            let page = parse(&page)?;
            for secret in page.get("items").and_then(Node::items).unwrap_or_default() {
                self.add(secret, &mut keys, console);
            }
            more = page.at(&["metadata", "continue"]).and_then(Node::as_str).map(url_safe).unwrap_or_default();
            if more.is_empty() {
                break;
            }
        }
        if !keys.iter().any(|key| key.document.name == LEGACY_NAME)
            && let Some(legacy) = self.key(LEGACY_NAME).await?
        {
            keys.push(legacy);
        }
        keys.sort_by(|a, b| a.document.name.cmp(&b.document.name));
        Ok(keys)
    }

    /// The key Secret of that name, if there is one and it holds a key.
    pub(crate) async fn key(&self, name: &str) -> Result<Option<Key>> {
        let body = match self.get(&format!("{}/{}", self.secrets(), url_safe(name))).await {
            Err(failure) if failure.code() == Some(404) => return Ok(None),
            answer => answer.map_err(|failure| self.refused("read a key Secret", "get", &failure))?,
        };
        Ok(KeyDocument::from_node(&parse(&body)?).ok().and_then(|document| Key::look(document).ok()))
    }

    /// The keys with this fingerprint: two Secrets may hold the same one.
    pub(crate) async fn with_fingerprint(&self, wanted: &Fingerprint, console: Console) -> Result<Vec<Key>> {
        let keys = self.keys(console).await?;
        let known: Vec<String> = keys.iter().map(|key| key.fingerprint.to_string()).collect();
        let found: Vec<Key> = keys.into_iter().filter(|key| &key.fingerprint == wanted).collect();
        if found.is_empty() {
            let known =
                if known.is_empty() { "there is none".to_owned() } else { format!("there are: {}", known.join(", ")) };
            return Err(Report::new(
                Code::KeyNotFound,
                format!("namespace {}: no sealing key {wanted}", self.namespace),
            )
            .hint(format!("{known}\nsee them all: bulla keys list")));
        }
        Ok(found)
    }

    /// Creates a Secret.
    pub(crate) async fn create(&self, body: Zeroizing<Vec<u8>>) -> Result<Created> {
        let body = Bytes::from_owner(body);
        match send_as(&self.client, Method::POST, &self.secrets(), JSON, Some((JSON, body))).await {
            Ok(_) => Ok(Created::Done),
            Err(failure) if failure.says_already_exists() => Ok(Created::Taken),
            Err(failure) => Err(self.refused("write a key Secret", "create", &failure)),
        }
    }

    /// Sets labels of a key Secret, or removes those that are null, unless it was changed since it was read.
    pub(crate) async fn relabel(&self, key: &Key, labels: &Value) -> Result<()> {
        let document = &key.document;
        let change = json!({"metadata":
            {"uid": document.uid, "resourceVersion": document.resource_version, "labels": labels}});
        let path = format!("{}/{}", self.secrets(), url_safe(&document.name));
        let body = Bytes::from(change.to_string());
        send_as(&self.client, Method::PATCH, &path, JSON, Some((MERGE_PATCH, body)))
            .await
            .map(drop)
            .map_err(|failure| self.refused(&format!("label the key Secret {}", document.name), "patch", &failure))
    }

    /// Deletes a key Secret, unless it was changed since it was read.
    pub(crate) async fn delete(&self, key: &Key) -> Result<()> {
        let document = &key.document;
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": {"uid": document.uid, "resourceVersion": document.resource_version}});
        let path = format!("{}/{}", self.secrets(), url_safe(&document.name));
        let body = Bytes::from(options.to_string());
        send_as(&self.client, Method::DELETE, &path, JSON, Some((JSON, body)))
            .await
            .map(drop)
            .map_err(|failure| self.refused(&format!("delete the key Secret {}", document.name), "delete", &failure))
    }

    /// Makes sure that the namespace is there.
    pub(crate) async fn need_namespace(&self, create: bool) -> Result<()> {
        let namespace = &self.namespace;
        match self.get(&format!("/api/v1/namespaces/{}", url_safe(namespace))).await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.code() == Some(404) => {}
            // Who may write Secrets need not be allowed to read namespaces.
            Err(failure) if failure.code() == Some(403) && !create => return Ok(()),
            Err(failure) => return Err(self.refused(&format!("read the namespace {namespace}"), "get", &failure)),
        }
        if !create {
            return Err(Report::new(Code::NamespaceMissing, format!("the cluster has no namespace {namespace}"))
                .hint("create it: --create-namespace; or name the controller's: --controller-namespace NAMESPACE"));
        }
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).to_string();
        match send_as(&self.client, Method::POST, "/api/v1/namespaces", JSON, Some((JSON, body.into()))).await {
            Err(failure) if !failure.says_already_exists() => {
                Err(self.refused(&format!("create the namespace {namespace}"), "create", &failure))
            }
            _ => Ok(()),
        }
    }

    /// Every SealedSecret of the cluster.
    pub(crate) async fn sealed_secrets(&self) -> Result<Vec<Value>> {
        let mut objects = Vec::new();
        let mut more = String::new();
        for _ in 0..MAX_PAGES {
            let path = format!("/apis/bitnami.com/v1alpha1/sealedsecrets?limit={OBJECTS_A_PAGE}&continue={more}");
            let page = match self.get(&path).await {
                Err(failure) if failure.code() == Some(410) && !more.is_empty() => {
                    objects.clear();
                    more.clear();
                    continue;
                }
                // The definition is not there, so no object is.
                Err(failure) if failure.code() == Some(404) => return Ok(objects),
                answer => answer
                    .map_err(|failure| refused("list the SealedSecrets", "list", "sealedsecrets", "-A", &failure))?,
            };
            let mut page: Value = serde_json::from_slice(&page)
                .map_err(|_| Report::new(Code::ClusterRefused, "the list of SealedSecrets cannot be read"))?;
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                objects.extend(items);
            }
            more = page["metadata"]["continue"].as_str().map(url_safe).unwrap_or_default();
            if more.is_empty() {
                break;
            }
        }
        Ok(objects)
    }

    fn add(&self, secret: &Node, keys: &mut Vec<Key>, console: Console) {
        let name = secret.at(&["metadata", "name"]).and_then(Node::as_str).unwrap_or_default();
        match KeyDocument::from_node(secret).and_then(Key::look) {
            Ok(key) => keys.push(key),
            Err(error) => {
                console.warn(&format!("Secret {}/{name} is labelled as a key and holds none: {error}", self.namespace))
            }
        }
    }

    async fn get(&self, path: &str) -> std::result::Result<Zeroizing<Vec<u8>>, ApiFailure> {
        send_as(&self.client, Method::GET, path, JSON, None).await
    }

    fn secrets(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", url_safe(&self.namespace))
    }

    fn refused(&self, what: &str, verb: &str, failure: &ApiFailure) -> Report {
        refused(what, verb, "secrets", &format!("-n {}", self.namespace), failure)
    }
}

fn refused(what: &str, verb: &str, resource: &str, place: &str, failure: &ApiFailure) -> Report {
    let message = format!("{what}: {failure}");
    match failure.code() {
        Some(403) => Report::new(Code::KeyForbidden, message).hint(format!(
            "this needs the right to {verb} {resource}; see: kubectl auth can-i {verb} {resource} {place}"
        )),
        Some(409) => {
            Report::new(Code::KeyChanged, message).hint("somebody changed it at the same time: run the command again")
        }
        Some(_) => Report::new(Code::ClusterRefused, message).hint("what the API server said is in the message"),
        None => Report::new(Code::ClusterUnreachable, message).hint("check that the cluster answers: kubectl version"),
    }
}

fn parse(body: &[u8]) -> Result<Node> {
    bulla_yaml::read_one(body, &Limits::default())
        .map(|document| document.root)
        .map_err(|_| Report::new(Code::ClusterRefused, "the API server's answer cannot be read"))
}

/// Names and page tokens hold nothing else; everything else would change the path.
fn url_safe(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-._~=".contains(*letter)).collect()
}
