//! What a cluster knows: the value behind a ciphertext, read from the Secret that the controller made of it.
//!
//! A live Secret says what it holds now, not which ciphertext that came from. It counts only if all of this is true: the live
//! SealedSecret holds the same ciphertext under the same key, it says `Synced` for its present generation, no template has a
//! word in that key, and the Secret belongs to it. Where bulla's controller left its record (the condition `Applied`), the
//! Secret must also be the one of the record, unwritten since. The SealedSecret is read before and after the Secret, so that a
//! change in between is noticed.

use std::collections::BTreeMap;
use std::path::Path;

use bulla_core::go_base64;
use bulla_core::sealed::{Fingerprint, Item, PlainSecret, SealedSecret};
use bulla_core::secret::SecretBytes;
use bulla_yaml::Limits;
use kube::Client;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cert::{self, CertificateChoice};
use crate::cluster::{self, Choice};
use crate::config::Config;
use crate::report::{Code, Report, Result};

/// Objects are at most about 1.5 MiB in etcd; JSON adds to that.
const MAX_BYTES: u64 = 8 << 20;
/// How often objects are read that change while they are read.
const ATTEMPTS: usize = 5;

/// The live form of one SealedSecret and of its Secret.
pub(crate) struct Live {
    /// Why nothing can be known; else what the cluster has.
    state: std::result::Result<State, String>,
}

struct State {
    sealed: SealedSecret,
    secret: PlainSecret,
    /// The key that opened each item, where a controller has said so.
    opened_by: BTreeMap<String, Fingerprint>,
}

impl Live {
    /// The value that `ciphertext` stands for under `key`.
    ///
    /// # Errors
    /// Why that cannot be known, in words.
    pub(crate) fn value(&self, key: &str, ciphertext: &str) -> std::result::Result<&SecretBytes, String> {
        let State { sealed, secret, .. } = self.state.as_ref().map_err(Clone::clone)?;
        if sealed.template.data.contains_key(key) {
            return Err("the key is templated".to_owned());
        }
        match sealed.items.get(key) {
            Some(Item::Sealed(live)) if same(live, ciphertext) => {}
            Some(_) => return Err("the cluster has another ciphertext".to_owned()),
            None => return Err("the cluster's SealedSecret has no such key".to_owned()),
        }
        secret.data.get(key).ok_or_else(|| "the live Secret has no such key".to_owned())
    }

    /// The sealing key that opened the item in the cluster, if the controller says which.
    pub(crate) fn opened_by(&self, key: &str) -> Option<&Fingerprint> {
        self.state.as_ref().ok()?.opened_by.get(key)
    }

    /// Weighs what was read.
    fn of(object: &Value, secret: PlainSecret, metadata: &Value) -> Self {
        Self { state: weigh(object, secret, metadata) }
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self { state: Err(why.into()) }
    }
}

/// Equal bytes, however the base64 is broken into lines.
fn same(live: &str, text: &str) -> bool {
    match (go_base64::decode(live), go_base64::decode(text)) {
        (Ok(live), Ok(text)) => live == text,
        _ => false,
    }
}

fn weigh(object: &Value, secret: PlainSecret, metadata: &Value) -> std::result::Result<State, String> {
    let sealed = SealedSecret::from_json(object).map_err(|error| error.to_string())?;
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let condition = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    if condition("Synced").is_none_or(|synced| synced["status"] != "True") {
        return Err("the cluster's SealedSecret is not Synced".to_owned());
    }
    let generation = object["metadata"]["generation"].as_i64();
    if generation.is_none() || object["status"]["observedGeneration"].as_i64() != generation {
        return Err("the cluster's SealedSecret is not Synced at its generation".to_owned());
    }
    let owners = metadata["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let owned = owners.iter().any(|owner| owner["controller"] == true && owner["uid"] == sealed.uid.as_str());
    let unowned = sealed.template.annotations.get(bulla_core::sealed::SKIP_OWNER_ANNOTATION);
    if sealed.uid.is_empty() || !(owned || unowned.is_some_and(|value| value == "true")) {
        return Err("the live Secret does not belong to the SealedSecret".to_owned());
    }
    let mut opened_by = BTreeMap::new();
    let record = condition("Applied").and_then(|condition| condition["message"].as_str());
    if let Some(record) = record.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        if record["secret"] != metadata["uid"] || record["generation"].as_i64() != generation {
            return Err("the live Secret is another one than the controller made".to_owned());
        }
        if record["resourceVersion"] != metadata["resourceVersion"] {
            return Err("the live Secret was written after the controller looked at it".to_owned());
        }
        opened_by = keys_of(&record, &sealed);
    }
    Ok(State { sealed, secret, opened_by })
}

/// Which key opened which item, by the controller's record.
fn keys_of(record: &Value, sealed: &SealedSecret) -> BTreeMap<String, Fingerprint> {
    let keys = record["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    let opened_by = record["openedBy"].as_array().map(Vec::as_slice).unwrap_or_default();
    let key_of = |index: usize| {
        let key = if keys.len() == 1 { 0 } else { usize::try_from(opened_by.get(index)?.as_u64()?).ok()? };
        Fingerprint::parse(keys.get(key)?.as_str()?).ok()
    };
    if keys.len() > 1 && opened_by.len() != sealed.items.len() {
        return BTreeMap::new();
    }
    sealed.items.keys().enumerate().filter_map(|(index, item)| Some((item.clone(), key_of(index)?))).collect()
}

/// Which cluster is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    /// By flags.
    pub(crate) choice: Choice,
    /// By its name in `.bulla.yaml`.
    pub(crate) name: Option<String>,
}

impl Ask {
    /// What the flags say; else the context that `.bulla.yaml` has for the file.
    fn resolve(&self, path: Option<&Path>) -> Result<Choice> {
        let folder = path.and_then(Path::parent).unwrap_or_else(|| Path::new(""));
        let config = Config::find(folder)?;
        let Self { choice, name } = self;
        let wanted = CertificateChoice { cluster_name: name.clone(), cluster: choice.clone(), ..Default::default() };
        let entry = cert::entry(&wanted, config.as_ref(), path)?;
        let context = || entry.and_then(|entry| entry.context.clone());
        Ok(Choice { context: choice.context.clone().or_else(context), ..choice.clone() })
    }
}

/// Reads these objects of the file at `path`, each a namespace and a name. An object that is not there, or not in order, is unknown.
///
/// # Errors
/// When the cluster cannot be asked, or refuses.
pub(crate) fn fetch(ask: &Ask, path: Option<&Path>, objects: &[(&str, &str)]) -> Result<Vec<Live>> {
    let choice = ask.resolve(path)?;
    cluster::block_on(async {
        let client = cluster::client(cluster::config(&choice).await?)?;
        let mut found = Vec::new();
        for (namespace, name) in objects {
            found.push(fetch_one(&client, namespace, name).await?);
        }
        Ok(found)
    })
}

async fn fetch_one(client: &Client, namespace: &str, name: &str) -> Result<Live> {
    if namespace.is_empty() {
        return Ok(Live::unknown("the file does not say in which namespace it is"));
    }
    if ![namespace, name].into_iter().all(is_name) {
        return Ok(Live::unknown("no object of a cluster has such a name"));
    }
    let sealed_path = format!("/apis/bitnami.com/v1alpha1/namespaces/{namespace}/sealedsecrets/{name}");
    let secret_path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    for _ in 0..ATTEMPTS {
        let Some(before) = read(client, &sealed_path, "SealedSecret", namespace, name).await? else {
            return Ok(Live::unknown("the cluster has no such SealedSecret"));
        };
        let Some(secret) = read(client, &secret_path, "Secret", namespace, name).await? else {
            return Ok(Live::unknown("the cluster has no Secret of this name"));
        };
        let after = read(client, &sealed_path, "SealedSecret", namespace, name).await?;
        let (before, after) = (json(&before), after.map(|after| json(&after)));
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        if after.is_none_or(|after| version(&after) != version(&before)) {
            continue;
        }
        // The reader of manifests keeps values in memory that is cleared.
        let document = bulla_yaml::read_one(&secret, &Limits::default()).ok();
        let plain = document.as_ref().and_then(|document| PlainSecret::from_node(&document.root).ok());
        let metadata = document.as_ref().and_then(|document| document.root.get("metadata")?.to_json().ok());
        return Ok(match (plain, metadata) {
            (Some(plain), Some(metadata)) => Live::of(&before, plain, &metadata),
            _ => Live::unknown("the live Secret cannot be read"),
        });
    }
    Ok(Live::unknown("the cluster's SealedSecret changes all the time"))
}

async fn read(
    client: &Client,
    path: &str,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match cluster::get(client, path, "application/json", MAX_BYTES).await {
        Ok(body) => Ok(Some(Zeroizing::new(body))),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => {
            let report = cluster::refused(&format!("read the {kind} {namespace}/{name}"), &error);
            let resource = if kind == "Secret" { "secrets" } else { "sealedsecrets.bitnami.com" };
            Err(match report.code() {
                Code::ClusterRefused => Report::new(Code::ClusterRefused, report.message()).hint(format!(
                    "check your rights: kubectl auth can-i get {resource} -n {namespace}\nor leave --from-cluster away"
                )),
                _ => report,
            })
        }
    }
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_default()
}

/// A DNS name, as all names of these kinds are; anything else would change the path of the request.
fn is_name(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
    !text.is_empty() && text.len() <= 253 && text.chars().all(fits) && !text.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FINGERPRINTS: [&str; 2] =
        ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "SHA256:ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs"];

    fn sealed() -> Value {
        json!({
            "metadata": {"name": "db", "namespace": "shop", "uid": "u1", "generation": 3},
            "spec": {"encryptedData": {"a": "AgAB", "b": "AgAC", "t": "AgAD"}, "template": {"data": {"t": "x"}}},
            "status": {"observedGeneration": 3, "conditions": [{"type": "Synced", "status": "True"}]},
        })
    }

    fn with_record(version: &str) -> Value {
        let mut object = sealed();
        let record = json!({"secret": "s1", "resourceVersion": version, "generation": 3, "scope": "strict",
            "keys": FINGERPRINTS, "openedBy": [0, 1, 1]});
        let applied = json!({"type": "Applied", "status": "True", "message": record.to_string()});
        if let Some(conditions) = object["status"]["conditions"].as_array_mut() {
            conditions.push(applied);
        }
        object
    }

    fn metadata() -> Value {
        json!({"uid": "s1", "resourceVersion": "7", "ownerReferences": [{"controller": true, "uid": "u1"}]})
    }

    fn live(object: &Value, metadata: &Value) -> Live {
        let text = b"data: {a: b25l, b: dHdv, t: dA==}";
        let document = bulla_yaml::read_one(text, &Limits::default()).unwrap();
        Live::of(object, PlainSecret::from_node(&document.root).unwrap_or_else(|_| panic!("a Secret")), metadata)
    }

    fn why(live: &Live, key: &str, ciphertext: &str) -> String {
        live.value(key, ciphertext).err().unwrap_or_default()
    }

    #[test]
    fn a_value_is_known_by_its_ciphertext() {
        let live = live(&sealed(), &metadata());
        assert_eq!(live.value("a", "AgAB").map(SecretBytes::expose), Ok(&b"one"[..]));
        assert_eq!(live.value("b", "Ag\r\nAC").map(SecretBytes::expose), Ok(&b"two"[..]));
        assert_eq!(why(&live, "a", "AgAC"), "the cluster has another ciphertext");
        assert_eq!(why(&live, "c", "AgAB"), "the cluster's SealedSecret has no such key");
        assert_eq!(why(&live, "t", "AgAD"), "the key is templated");
        assert_eq!(why(&live, "a", "not base64"), "the cluster has another ciphertext");
        assert_eq!(live.opened_by("a"), None, "upstream's controller does not say");
    }

    #[test]
    fn nothing_is_known_unless_all_is_in_order() {
        type Change = fn(&mut Value, &mut Value);
        let cases: [(&str, Change); 8] = [
            ("not Synced", |object, _| object["status"]["conditions"][0]["status"] = json!("False")),
            ("not Synced", |object, _| object["status"] = json!({})),
            ("at its generation", |object, _| object["metadata"]["generation"] = json!(4)),
            ("at its generation", |object, _| {
                object["metadata"]["generation"] = Value::Null;
                object["status"]["observedGeneration"] = Value::Null;
            }),
            ("does not belong", |_, secret| secret["ownerReferences"] = json!([])),
            ("does not belong", |_, secret| secret["ownerReferences"][0]["uid"] = json!("other")),
            ("does not belong", |object, _| object["metadata"]["uid"] = json!("")),
            ("does not belong", |_, secret| secret["ownerReferences"][0]["controller"] = json!(false)),
        ];
        for (words, change) in cases {
            let (mut object, mut secret) = (sealed(), metadata());
            change(&mut object, &mut secret);
            let said = why(&live(&object, &secret), "a", "AgAB");
            assert!(said.contains(words), "{words}: {said:?}");
        }
        let (mut object, mut secret) = (sealed(), metadata());
        secret["ownerReferences"] = Value::Null;
        object["spec"]["template"]["metadata"] =
            json!({"annotations": {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}});
        assert_eq!(why(&live(&object, &secret), "a", "AgAB"), "");
    }

    #[test]
    fn the_controllers_record_must_fit_and_names_the_keys() {
        let good = live(&with_record("7"), &metadata());
        assert_eq!(good.value("a", "AgAB").map(SecretBytes::expose), Ok(&b"one"[..]));
        let opened_by = |key| good.opened_by(key).map(Fingerprint::as_str);
        assert_eq!((opened_by("a"), opened_by("b")), (Some(FINGERPRINTS[0]), Some(FINGERPRINTS[1])));

        let said = why(&live(&with_record("6"), &metadata()), "a", "AgAB");
        assert_eq!(said, "the live Secret was written after the controller looked at it");
        let mut other = metadata();
        other["uid"] = json!("s2");
        assert!(why(&live(&with_record("7"), &other), "a", "AgAB").contains("another one"));
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        for name in ["db", "my.db-1", "0"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "../x", "a/b", "a?b", "A", "a%2f", "-a", &"a".repeat(254)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
