//! Key Secrets as documents: how they are listed by the API server, kept in backups, and written back.
//!
//! A backup is one such document, or a `List` of them, as JSON: what `kubectl apply` takes and `kubectl get -o json` prints. What
//! is written back after a disaster is less than what a backup holds: nobody knows who wrote it, so name, private key and
//! certificate are taken from it, and labels, annotations and owners are not ([`KeyDocument::to_restored`]).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_yaml::{Limits, Node, Value as Yaml};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::Error;
use crate::go_base64;
use crate::sealed::certificate::{Fingerprint, SealingCertificate};
use crate::sealed::key_backup::{KeySecret, SkippedKey, read_key_secret};
use crate::sealed::key_state::{KEY_STATE_LABEL, KeyLabel, KeyState};
use crate::sealed::{KEY_ACTIVE, KEY_LABEL};
use crate::secret::SecretBytes;

/// Fields of `metadata` that belong to the object that was, not to the one that is made of its backup.
const OF_THE_OBJECT: [&str; 8] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "selfLink",
    "ownerReferences",
    "deletionTimestamp",
    "managedFields",
];
/// Would hold the key a second time.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The value of upstream's label with which `keys retire --archive` keeps a key that is not loaded, by any controller.
pub const KEY_ARCHIVED: &str = "archived";
/// The items of a key Secret.
const PRIVATE_KEY: &str = "tls.key";
const CERTIFICATE: &str = "tls.crt";

/// A key Secret that has been read. Its private key has not been looked at yet.
pub struct KeyDocument {
    /// `metadata.name`; empty if there is none.
    pub name: String,
    /// `metadata.namespace`; empty if there is none.
    pub namespace: String,
    /// `metadata.uid`; empty in files.
    pub uid: String,
    /// `metadata.resourceVersion`; empty in files.
    pub resource_version: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// What the labels say.
    pub label: KeyLabel,
    metadata: Map<String, Value>,
    secret_type: String,
    items: BTreeMap<String, SecretBytes>,
}

impl KeyDocument {
    /// Reads one Secret.
    ///
    /// # Errors
    /// [`Error::KeyItemMissing`] when it has neither private key nor certificate, [`Error::KeyItemNotBase64`].
    pub fn from_node(secret: &Node) -> Result<Self, Error> {
        let text = |path: &[&str]| secret.at(path).and_then(Node::as_str).unwrap_or_default().to_owned();
        let mut items = BTreeMap::new();
        for entry in secret.get("data").and_then(Node::entries).unwrap_or_default() {
            let item = if entry.key == PRIVATE_KEY { PRIVATE_KEY } else { CERTIFICATE };
            let value = entry.value.as_str().unwrap_or_default();
            let bytes = go_base64::decode(value).map_err(|source| Error::KeyItemNotBase64 { item, source })?;
            items.insert(entry.key.clone(), SecretBytes::from(bytes));
        }
        for entry in secret.get("stringData").and_then(Node::entries).unwrap_or_default() {
            let value = entry.value.as_str().unwrap_or_default();
            items.insert(entry.key.clone(), SecretBytes::new(value.as_bytes().to_vec()));
        }
        if !items.contains_key(PRIVATE_KEY) && !items.contains_key(CERTIFICATE) {
            return Err(Error::KeyItemMissing { item: PRIVATE_KEY });
        }
        let metadata = kept(secret.get("metadata"))?;
        Ok(Self {
            name: text(&["metadata", "name"]),
            namespace: text(&["metadata", "namespace"]),
            uid: text(&["metadata", "uid"]),
            resource_version: text(&["metadata", "resourceVersion"]),
            created: text(&["metadata", "creationTimestamp"]).parse().ok(),
            label: KeyLabel::from_metadata(&metadata),
            metadata,
            secret_type: Some(text(&["type"])).filter(|text| !text.is_empty()).unwrap_or_else(|| "Opaque".to_owned()),
            items,
        })
    }

    /// From a pair of PEM files.
    pub fn from_pair(name: &str, private_key_pem: &[u8], certificate_pem: &[u8]) -> Self {
        let item = |name: &str, bytes: &[u8]| (name.to_owned(), SecretBytes::new(bytes.to_vec()));
        Self {
            name: name.to_owned(),
            namespace: String::new(),
            uid: String::new(),
            resource_version: String::new(),
            created: None,
            label: KeyLabel::Active(KeyState::Active),
            metadata: Map::new(),
            secret_type: "kubernetes.io/tls".to_owned(),
            items: BTreeMap::from([item(PRIVATE_KEY, private_key_pem), item(CERTIFICATE, certificate_pem)]),
        }
    }

    /// The private key and its certificate.
    ///
    /// # Errors
    /// As [`read_key_secret`], and when there is no private key.
    pub fn open(&self) -> Result<KeySecret, Error> {
        let private_key = self.items.get(PRIVATE_KEY).ok_or(Error::KeyItemMissing { item: PRIVATE_KEY })?;
        read_key_secret(private_key.expose(), self.certificate_pem())
    }

    /// The certificate alone, whatever the private key is.
    ///
    /// # Errors
    /// As [`SealingCertificate::from_pem`].
    pub fn certificate(&self) -> Result<SealingCertificate, Error> {
        SealingCertificate::from_pem(self.certificate_pem())
    }

    /// The fingerprint of the private key, or what the certificate claims if there is none that can be used.
    ///
    /// # Errors
    /// When neither is usable.
    pub fn fingerprint(&self) -> Result<Fingerprint, Error> {
        match self.open() {
            Ok(read) => Ok(read.key.fingerprint().clone()),
            Err(error) => self.certificate().map(|certificate| certificate.fingerprint().clone()).map_err(|_| error),
        }
    }

    /// The value of upstream's label; empty without one.
    pub fn upstream_label(&self) -> &str {
        self.metadata.get("labels").and_then(|labels| labels.get(KEY_LABEL)).and_then(Value::as_str).unwrap_or_default()
    }

    /// The value of our label; empty without one.
    pub fn state_label(&self) -> &str {
        self.metadata
            .get("labels")
            .and_then(|labels| labels.get(KEY_STATE_LABEL))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// As a backup holds it: everything but what the API server gives an object by itself.
    pub fn to_backup(&self) -> Zeroizing<Vec<u8>> {
        key_manifest(&self.metadata, &self.secret_type, self.items.iter().map(|(name, value)| (name.as_str(), value)))
    }

    /// As it is written back under `name` into `namespace`: it opens and does not seal. A key that was marked compromised or
    /// retired stays so, and one that was not loaded is not loaded.
    pub fn to_restored(&self, namespace: &str, name: &str) -> Zeroizing<Vec<u8>> {
        let state = match KeyState::parse(self.state_label()) {
            state @ (KeyState::Compromised | KeyState::Retired) => state,
            _ => KeyState::DecryptOnly,
        };
        let loaded = match self.label {
            KeyLabel::Inactive => KEY_ARCHIVED,
            KeyLabel::None | KeyLabel::Active(_) => KEY_ACTIVE,
        };
        let metadata = json!({"name": name, "namespace": namespace,
            "labels": {KEY_LABEL: loaded, KEY_STATE_LABEL: state.as_str()}});
        let empty = SecretBytes::new(Vec::new());
        let item = |name: &'static str| (name, self.items.get(name).unwrap_or(&empty));
        let metadata = metadata.as_object().cloned().unwrap_or_default();
        key_manifest(&metadata, "kubernetes.io/tls", [item(CERTIFICATE), item(PRIVATE_KEY)].into_iter())
    }

    fn certificate_pem(&self) -> &[u8] {
        self.items.get(CERTIFICATE).map(SecretBytes::expose).unwrap_or_default()
    }
}

/// Reads every key Secret of a text: documents and Lists, YAML or JSON. What is no key Secret is in its place, with the reason.
///
/// # Errors
/// When the text is neither YAML nor JSON.
pub fn read_key_documents(text: &[u8]) -> Result<Vec<Result<KeyDocument, SkippedKey>>, Error> {
    let mut read = Vec::new();
    for (index, document) in bulla_yaml::read_manifests(text, &Limits::default())?.iter().enumerate() {
        let mut add = |secret: &Node| {
            let name = secret.at(&["metadata", "name"]).and_then(Node::as_str);
            let name = name.map_or_else(|| format!("document {}", index + 1), str::to_owned);
            read.push(KeyDocument::from_node(secret).map_err(|error| SkippedKey { name, error }));
        };
        match document.root.get("items").map(|items| &items.value) {
            Some(Yaml::Sequence(items)) => items.iter().for_each(add),
            _ if document.root.is_null() => {}
            _ => add(&document.root),
        }
    }
    Ok(read)
}

/// Several backups in one text: a `List`. One is what it is.
pub fn key_list(manifests: &[Zeroizing<Vec<u8>>]) -> Zeroizing<Vec<u8>> {
    if let [single] = manifests {
        return single.clone();
    }
    let size: usize = manifests.iter().map(|manifest| manifest.len() + 2).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(size + 64));
    text.extend_from_slice(b"{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n");
    for (index, manifest) in manifests.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(b",\n");
        }
        text.extend_from_slice(manifest.trim_ascii_end());
    }
    text.extend_from_slice(b"\n]}\n");
    text
}

/// A Secret as `kubectl apply` takes it, in one buffer that is sized before it is filled and clears itself.
pub fn key_manifest<'a>(
    metadata: &Map<String, Value>,
    secret_type: &str,
    items: impl Iterator<Item = (&'a str, &'a SecretBytes)> + Clone,
) -> Zeroizing<Vec<u8>> {
    let metadata = without_the_objects(metadata.clone());
    let head = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret_type}).to_string();
    let size: usize = items.clone().map(|(name, value)| 6 * name.len() + value.len().div_ceil(3) * 4 + 8).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(head.len() + size + 16));
    text.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    text.extend_from_slice(b",\"data\":{");
    for (index, (name, value)) in items.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(Value::from(name).to_string().as_bytes());
        text.extend_from_slice(b":\"");
        let mut encoded = Zeroizing::new(vec![0; value.len().div_ceil(3) * 4]);
        // The buffer has exactly the length that base64 takes.
        let length = STANDARD.encode_slice(value.expose(), &mut encoded).unwrap_or_default();
        text.extend_from_slice(&encoded[..length]);
        text.push(b'"');
    }
    text.extend_from_slice(b"}}\n");
    text
}

fn without_the_objects(mut metadata: Map<String, Value>) -> Map<String, Value> {
    metadata.retain(|name, _| !OF_THE_OBJECT.contains(&name.as_str()));
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    metadata
}

/// `metadata` without what belongs to the object, and above all without the annotation that may hold the key: that never gets into
/// memory that is not cleared.
fn kept(metadata: Option<&Node>) -> Result<Map<String, Value>, Error> {
    let mut kept = Map::new();
    for entry in metadata.and_then(Node::entries).unwrap_or_default() {
        match entry.key.as_str() {
            name if OF_THE_OBJECT.contains(&name) => {}
            "annotations" => {
                let annotations = entry.value.entries().unwrap_or_default().iter();
                let annotations = annotations.filter(|annotation| annotation.key != LAST_APPLIED);
                let annotations: Result<Map<_, _>, _> = annotations
                    .map(|annotation| Ok::<_, bulla_yaml::Error>((annotation.key.clone(), annotation.value.to_json()?)))
                    .collect();
                kept.insert("annotations".to_owned(), Value::Object(annotations?));
            }
            name => {
                kept.insert(name.to_owned(), entry.value.to_json()?);
            }
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","namespace":"ns","uid":"u",
        "resourceVersion":"3","creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{}],
        "ownerReferences":[{"uid":"o"}],
        "labels":{"x":"y","sealedsecrets.bitnami.com/sealed-secrets-key":"active","bulla.dev/key-state":"STATE"},
        "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"canary","note":"n"}},
        "type":"kubernetes.io/tls","data":{"tls.crt":"eA==","tls.key":"eXo=","e\"mpty":""}}"#;

    fn document(text: &str) -> KeyDocument {
        let mut read = read_key_documents(text.as_bytes()).unwrap();
        assert_eq!(read.len(), 1);
        read.remove(0).ok().unwrap()
    }

    #[test]
    fn a_backup_holds_what_a_person_would_apply() {
        let document = document(SECRET);
        assert_eq!(
            (document.name.as_str(), document.uid.as_str(), document.resource_version.as_str()),
            ("a", "u", "3")
        );
        let text = document.to_backup();
        assert!(text.len() <= text.capacity());
        let manifest: Value = serde_json::from_slice(&text).unwrap();
        let labels = json!({"x": "y", KEY_LABEL: "active", KEY_STATE_LABEL: "STATE"});
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "a", "namespace": "ns", "labels": labels, "annotations": {"note": "n"}},
            "data": {"tls.crt": "eA==", "tls.key": "eXo=", "e\"mpty": ""},
        });
        assert_eq!(manifest, expected);
    }

    #[test]
    fn what_is_restored_opens_and_does_not_seal_and_carries_nothing_of_a_strangers_metadata() {
        for (state, expected) in [
            ("", "decrypt-only"),
            ("active", "decrypt-only"),
            ("decrypt-only", "decrypt-only"),
            ("surprise", "decrypt-only"),
            ("compromised", "compromised"),
            ("retired", "retired"),
        ] {
            let restored = document(&SECRET.replace("STATE", state)).to_restored("there", "b");
            let restored: Value = serde_json::from_slice(&restored).unwrap();
            let labels = json!({KEY_LABEL: "active", KEY_STATE_LABEL: expected});
            assert_eq!(restored["metadata"], json!({"name": "b", "namespace": "there", "labels": labels}), "{state}");
            assert_eq!(restored["data"], json!({"tls.crt": "eA==", "tls.key": "eXo="}));
        }
        let shelved = document(&SECRET.replace("\"active\"", "\"compromised\"")).to_restored("there", "b");
        let shelved: Value = serde_json::from_slice(&shelved).unwrap();
        assert_eq!(shelved["metadata"]["labels"][KEY_LABEL], KEY_ARCHIVED, "it was not loaded, and is not now");
    }

    #[test]
    fn lists_and_documents_are_read_and_what_is_no_key_is_named() {
        let yaml = "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\nstringData: {tls.key: k, tls.crt: c}\n---\n\
                    kind: ConfigMap\nmetadata: {name: c}\n---\nkind: Secret\ndata: {tls.key: '!'}\n";
        let read = read_key_documents(yaml.as_bytes()).unwrap();
        assert_eq!(read.iter().filter(|read| read.is_ok()).count(), 1);
        let skipped: Vec<String> = read.iter().filter_map(|read| Some(read.as_ref().err()?.name.clone())).collect();
        assert_eq!(skipped, ["c", "document 3"]);

        let one = document(SECRET).to_backup();
        assert_eq!(*key_list(std::slice::from_ref(&one)), *one, "a single one is what the controller writes");
        let list = key_list(&[one.clone(), one]);
        assert_eq!(read_key_documents(&list).unwrap().iter().filter(|read| read.is_ok()).count(), 2);
        assert!(list.len() <= list.capacity());
        assert!(serde_json::from_slice::<Value>(&key_list(&[])).unwrap()["items"].as_array().unwrap().is_empty());
    }

    #[test]
    fn the_private_key_decides_whose_it_is() {
        let vector = |name: &str| {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/keys").join(name);
            std::fs::read(path).unwrap()
        };
        let (key, other) = (vector("rsa3072.key"), vector("other2048.crt"));
        let pair = KeyDocument::from_pair("a", &key, &vector("rsa3072.crt"));
        let fingerprint = pair.fingerprint().unwrap();
        assert_eq!(pair.certificate().unwrap().fingerprint(), &fingerprint);
        assert!(pair.open().unwrap().certificate.is_ok());
        let forged = KeyDocument::from_pair("a", &key, &other);
        assert_eq!(forged.fingerprint().unwrap(), fingerprint);
        assert!(matches!(forged.open().unwrap().certificate, Err(Error::KeyPairMismatch)));
        assert!(KeyDocument::from_pair("a", b"", b"").fingerprint().is_err());
    }
}
