//! A plain v1 Secret from a manifest: what goes into sealing.
//!
//! Values follow the rules of sigs.k8s.io/yaml, because that is what kubeseal seals: `data` is base64, `stringData` is text
//! into which unquoted numbers and booleans are converted, and `stringData` wins on the same key (sealed-secrets 8.6, 9).
//! What would carry plaintext or the cluster's bookkeeping along (last-applied annotations, ownerReferences, uid and so on) is
//! left behind here, and never reaches a sealed manifest.

use std::collections::BTreeMap;

use bulla_yaml::{Node, Position, Value};

use crate::go_base64::{self, InvalidBase64};
use crate::secret::SecretBytes;

/// Annotations in which tools keep a copy of the whole plain object (#227).
pub(crate) const COPIES_OF_THE_OBJECT: [&str; 2] =
    ["kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"];

/// A plain Secret. No `Debug`: it holds plaintext.
pub struct PlainSecret {
    /// `apiVersion`, if stated.
    pub api_version: Option<String>,
    /// `kind`, if stated.
    pub kind: Option<String>,
    /// `metadata.name`; may be missing.
    pub name: String,
    /// `metadata.namespace`; may be missing.
    pub namespace: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, without copies of the object.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.generateName`, `finalizers` and `managedFields`, which kubeseal passes through.
    pub other_metadata: serde_json::Map<String, serde_json::Value>,
    /// `type`.
    pub secret_type: Option<String>,
    /// `immutable`.
    pub immutable: Option<bool>,
    /// `data` and `stringData`, decoded and merged.
    pub data: BTreeMap<String, SecretBytes>,
    /// Keys and `stringData` values that are converted to text: the author should know.
    pub converted: Vec<Converted>,
}

/// An unquoted number or boolean where Kubernetes wants text: it is sealed in a spelling that its author may not have meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The key, as it is sealed.
    pub key: String,
    /// Where the value, or the key, stands.
    pub position: Position,
    /// What was converted.
    pub what: ConvertedPart,
}

/// The part of an item that was converted to text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertedPart {
    /// The key itself: `on:` is the key `true`.
    Key,
    /// A value of `stringData`: what it was, `a boolean` or `a number`.
    Value(&'static str),
}

/// The manifest is not a Secret that can be sealed. Names fields and item keys, never values.
#[derive(Debug, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct PlainSecretError {
    /// Where in the manifest.
    pub position: Position,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a field of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Another kind of value is needed.
    #[error("{field} must be {expected}, found {found}")]
    WrongType {
        /// Path of the field: `data.password`.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
        /// What Go's JSON decoder says of it.
        go: String,
    },
    /// A value of `data` is not base64.
    #[error("data.{key}: {source}")]
    NotBase64 {
        /// The item.
        key: String,
        /// Where it stops being base64.
        source: InvalidBase64,
    },
}

impl PlainSecretError {
    /// The message that kubeseal prints for the same input, for scripts that match it.
    pub fn go_message(&self) -> String {
        let cause = match &self.problem {
            Problem::WrongType { go, .. } => go.clone(),
            Problem::NotBase64 { source, .. } => source.to_string(),
        };
        format!("error unmarshaling JSON: while decoding JSON: {cause}")
    }
}

impl PlainSecret {
    /// Reads one document. Kind and apiVersion are reported, not judged; unknown fields are ignored.
    ///
    /// # Errors
    /// [`PlainSecretError`] with the position of the first field that cannot be used.
    pub fn from_node(root: &Node) -> Result<Self, PlainSecretError> {
        let mut secret = Self {
            api_version: None,
            kind: None,
            name: String::new(),
            namespace: String::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            other_metadata: serde_json::Map::new(),
            secret_type: None,
            immutable: None,
            data: BTreeMap::new(),
            converted: Vec::new(),
        };
        let entries = match &root.value {
            Value::Mapping(entries) => entries,
            Value::Null => return Ok(secret),
            _ => return Err(wrong_type(root, "the document", "", "a map", "Secret")),
        };
        let mut string_data = None;
        for entry in entries {
            let value = &entry.value;
            match entry.key.as_str() {
                "apiVersion" => secret.api_version = text(value, "apiVersion", "string")?,
                "kind" => secret.kind = text(value, "kind", "string")?,
                "type" => secret.secret_type = text(value, "type", "v1.SecretType")?.filter(|text| !text.is_empty()),
                "immutable" => secret.immutable = boolean(value)?,
                "metadata" => secret.read_metadata(value)?,
                "data" => secret.read_data(value)?,
                "stringData" => string_data = Some(value),
                _ => {}
            }
        }
        if let Some(value) = string_data {
            secret.read_string_data(value)?;
        }
        Ok(secret)
    }

    fn read_metadata(&mut self, metadata: &Node) -> Result<(), PlainSecretError> {
        for (key, value) in map(metadata, "metadata", "v1.ObjectMeta")? {
            match key {
                "name" => self.name = text(value, "metadata.name", "string")?.unwrap_or_default(),
                "namespace" => self.namespace = text(value, "metadata.namespace", "string")?.unwrap_or_default(),
                "labels" => self.labels = texts(value, "metadata.labels", &[])?,
                "annotations" => {
                    self.annotations = texts(value, "metadata.annotations", &COPIES_OF_THE_OBJECT)?;
                }
                "generateName" => {
                    if let Some(prefix) =
                        text(value, "metadata.generateName", "string")?.filter(|text| !text.is_empty())
                    {
                        self.other_metadata.insert(key.to_owned(), prefix.into());
                    }
                }
                "finalizers" | "managedFields" if !value.is_null() => {
                    if value.items().is_none() {
                        return Err(wrong_type(
                            value,
                            &format!("metadata.{key}"),
                            &format!("metadata.{key}"),
                            "a list",
                            "[]string",
                        ));
                    }
                    if let Ok(list) = value.to_json() {
                        self.other_metadata.insert(key.to_owned(), list);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note_converted_keys(&mut self, data: &Node) {
        let converted = data.entries().unwrap_or_default().iter().filter(|entry| entry.key_is_coerced);
        self.converted.extend(converted.map(|entry| Converted {
            key: entry.key.clone(),
            position: entry.key_span.position,
            what: ConvertedPart::Key,
        }));
    }

    fn read_data(&mut self, data: &Node) -> Result<(), PlainSecretError> {
        self.note_converted_keys(data);
        for (key, value) in map(data, "data", "map[string][]uint8")? {
            let bytes = match &value.value {
                Value::Null => SecretBytes::new(Vec::new()),
                Value::String(text) => {
                    go_base64::decode(text).map(SecretBytes::from).map_err(|source| PlainSecretError {
                        position: value.span.position,
                        problem: Problem::NotBase64 { key: key.to_owned(), source },
                    })?
                }
                _ => return Err(wrong_type(value, &format!("data.{key}"), "data", "base64 text", "[]uint8")),
            };
            self.data.insert(key.to_owned(), bytes);
        }
        Ok(())
    }

    fn read_string_data(&mut self, data: &Node) -> Result<(), PlainSecretError> {
        self.note_converted_keys(data);
        for (key, value) in map(data, "stringData", "map[string]string")? {
            let text = value
                .to_go_string()
                .map_err(|_| wrong_type(value, &format!("stringData.{key}"), "stringData", "text", "string"))?;
            if value.is_coerced() {
                self.converted.push(Converted {
                    key: key.to_owned(),
                    position: value.span.position,
                    what: ConvertedPart::Value(value.kind()),
                });
            }
            let bytes = text.map_or_else(Vec::new, |text| text.as_bytes().to_vec());
            self.data.insert(key.to_owned(), SecretBytes::new(bytes));
        }
        Ok(())
    }
}

fn map<'a>(
    node: &'a Node,
    field: &str,
    go_type: &str,
) -> Result<impl Iterator<Item = (&'a str, &'a Node)>, PlainSecretError> {
    let entries = match &node.value {
        Value::Null => &[][..],
        Value::Mapping(entries) => entries,
        _ => return Err(wrong_type(node, field, field, "a map", go_type)),
    };
    Ok(entries.iter().map(|entry| (entry.key.as_str(), &entry.value)))
}

fn text(node: &Node, field: &str, go_type: &str) -> Result<Option<String>, PlainSecretError> {
    let text = node.to_go_string().map_err(|_| wrong_type(node, field, field, "text", go_type))?;
    Ok(text.map(|text| text.to_string()))
}

/// A map of strings without the entries named in `skipped`, which are not even copied: they may hold plaintext.
fn texts(node: &Node, field: &str, skipped: &[&str]) -> Result<BTreeMap<String, String>, PlainSecretError> {
    map(node, field, "map[string]string")?
        .filter(|(key, _)| !skipped.contains(key))
        .map(|(key, value)| {
            let text = value
                .to_go_string()
                .map_err(|_| wrong_type(value, &format!("{field}.{key}"), field, "text", "string"))?;
            Ok((key.to_owned(), text.map(|text| text.to_string()).unwrap_or_default()))
        })
        .collect()
}

fn boolean(node: &Node) -> Result<Option<bool>, PlainSecretError> {
    match &node.value {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(*value)),
        _ => Err(wrong_type(node, "immutable", "immutable", "a boolean", "bool")),
    }
}

fn wrong_type(node: &Node, field: &str, go_field: &str, expected: &'static str, go_type: &str) -> PlainSecretError {
    let go_kind = node.go_kind();
    let go_struct = if go_field.starts_with("metadata.") { "ObjectMeta" } else { "Secret" };
    let go = if go_field.is_empty() {
        format!("json: cannot unmarshal {go_kind} into Go value of type v1.{go_type}")
    } else {
        format!("json: cannot unmarshal {go_kind} into Go struct field {go_struct}.{go_field} of type {go_type}")
    };
    PlainSecretError {
        position: node.span.position,
        problem: Problem::WrongType { field: field.to_owned(), expected, found: node.kind(), go },
    }
}
