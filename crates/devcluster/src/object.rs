//! One stored version of one object: its bytes, and the little that selectors, garbage collection and finalizers need
//! without parsing them.
//!
//! The bytes are the object's JSON without `apiVersion` and `kind` and with `metadata` first. So the head is written
//! per request (any served version of the kind, or PartialObjectMetadata), lists of built-in kinds leave it out as
//! the real API server does, and a metadata-only answer is a slice, not a second copy.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::resource::Strategy;

/// An object while it is being changed.
pub(crate) type Object = Map<String, Value>;

/// Where an object lives inside its table; the order is the order of lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

/// One immutable version of an object.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: Key,
    pub(crate) uid: Arc<str>,
    pub(crate) version: u64,
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    /// Fields that field selectors may name, beside name and namespace.
    pub(crate) fields: Box<[(&'static str, Box<str>)]>,
    /// The uids of the owners.
    pub(crate) owners: Box<[Box<str>]>,
    pub(crate) finalizers: bool,
    pub(crate) deleting: bool,
    /// `"metadata":{...},"spec":...}`
    tail: Bytes,
    /// Where `"metadata":{...}` ends in `tail`.
    metadata_end: usize,
}

impl Stored {
    /// Freezes `object` as version `version`.
    pub(crate) fn new(strategy: Strategy, mut object: Object, version: u64) -> Self {
        object.remove("apiVersion");
        object.remove("kind");
        let mut metadata = match object.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        if version > 0 {
            metadata.insert("resourceVersion".into(), Value::String(version.to_string()));
        }
        let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = Key::new(text("namespace"), text("name"));
        let uid = text("uid").into();
        let labels = string_pairs(metadata.get("labels")).map(|(key, value)| (key.into(), value.into())).collect();
        let owners = references(&metadata).filter_map(|owner| owner.get("uid")?.as_str()).map(Into::into).collect();
        let finalizers = metadata.get("finalizers").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
        let deleting = metadata.get("deletionTimestamp").is_some_and(Value::is_string);
        let fields = selectable_fields(strategy, &object);

        let mut tail = Vec::with_capacity(512);
        tail.extend_from_slice(b"\"metadata\":");
        append_json(&mut tail, &Value::Object(metadata));
        let metadata_end = tail.len();
        for (name, value) in object {
            tail.push(b',');
            append_json(&mut tail, &Value::String(name));
            tail.push(b':');
            append_json(&mut tail, &value);
        }
        tail.push(b'}');
        tail.shrink_to_fit();
        Self { key, uid, version, labels, fields, owners, finalizers, deleting, tail: tail.into(), metadata_end }
    }

    /// The object again, without `apiVersion` and `kind`.
    pub(crate) fn thaw(&self) -> Object {
        let mut text = Vec::with_capacity(self.tail.len() + 1);
        text.push(b'{');
        text.extend_from_slice(&self.tail);
        // We wrote these bytes ourselves, from a tree shallower than serde_json's limit: they parse.
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| &**key == name).map(|(_, value)| &**value)
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        match name {
            "metadata.name" => &self.key.name,
            "metadata.namespace" => &self.key.namespace,
            _ => self.fields.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value),
        }
    }

    /// The object's JSON without the braces around it.
    pub(crate) fn content(&self) -> &[u8] {
        &self.tail[..self.tail.len() - 1]
    }

    pub(crate) fn size(&self) -> usize {
        self.tail.len()
    }
}

/// How objects are written into a response: as themselves, or their metadata alone.
#[derive(Clone, Debug)]
pub(crate) struct View {
    head: String,
    partial: bool,
}

impl View {
    pub(crate) fn full(api_version: &str, kind: &str) -> Self {
        Self { head: head(api_version, kind), partial: false }
    }

    /// Without `apiVersion` and `kind`, as items stand in lists of built-in kinds.
    pub(crate) fn headless() -> Self {
        Self { head: "{".to_owned(), partial: false }
    }

    pub(crate) fn partial() -> Self {
        Self { head: head("meta.k8s.io/v1", "PartialObjectMetadata"), partial: true }
    }

    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    pub(crate) fn append(&self, object: &Stored, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        if self.partial {
            out.extend_from_slice(&object.tail[..object.metadata_end]);
            out.push(b'}');
        } else {
            out.extend_from_slice(&object.tail);
        }
    }
}

fn head(api_version: &str, kind: &str) -> String {
    let mut out = b"{\"kind\":".to_vec();
    append_json(&mut out, &Value::String(kind.to_owned()));
    out.extend_from_slice(b",\"apiVersion\":");
    append_json(&mut out, &Value::String(api_version.to_owned()));
    out.push(b',');
    String::from_utf8(out).unwrap_or_default()
}

/// Writes `value` as JSON. Writing a tree of values into memory cannot fail.
pub(crate) fn append_json(out: &mut Vec<u8>, value: &Value) {
    if serde_json::to_writer(out, value).is_err() {
        debug_assert!(false, "a JSON value is always writable");
    }
}

/// The `metadata` of an object, made if it is not there.
pub(crate) fn metadata_mut(object: &mut Object) -> &mut Map<String, Value> {
    map_mut(object, "metadata")
}

/// The map at `name`, made if something else is there.
pub(crate) fn map_mut<'a>(object: &'a mut Object, name: &str) -> &'a mut Map<String, Value> {
    let slot = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(map) => map,
        // It was made a map just above.
        _ => unreachable!("not a map"),
    }
}

pub(crate) fn metadata(object: &Object) -> Option<&Map<String, Value>> {
    object.get("metadata").and_then(Value::as_object)
}

/// `metadata.<name>` as text, or "".
pub(crate) fn metadata_text<'a>(object: &'a Object, name: &str) -> &'a str {
    metadata(object).and_then(|metadata| metadata.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// The owner references of an object's metadata.
pub(crate) fn references(metadata: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    metadata.get("ownerReferences").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

fn string_pairs(value: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

/// The names of the fields that a field selector may use for a kind, beside `metadata.name` and `metadata.namespace`.
pub(crate) fn selectable_names(strategy: Strategy) -> &'static [&'static str] {
    match strategy {
        Strategy::Secret => &["type"],
        Strategy::Namespace => &["status.phase"],
        Strategy::Pod => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        Strategy::Service => &["spec.clusterIP", "spec.type"],
        Strategy::Event => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        Strategy::Plain | Strategy::ConfigMap | Strategy::Lease | Strategy::Definition | Strategy::Custom => &[],
    }
}

fn selectable_fields(strategy: Strategy, object: &Object) -> Box<[(&'static str, Box<str>)]> {
    selectable_names(strategy)
        .iter()
        .filter_map(|&name| {
            // An Event's `source` selects by the component that made it.
            let path = if name == "source" { "source.component" } else { name };
            let mut steps = path.split('.');
            let first = object.get(steps.next()?)?;
            let value = steps.try_fold(first, |value, step| value.get(step))?;
            let text: Box<str> = match value {
                Value::String(text) => text.as_str().into(),
                Value::Bool(flag) => flag.to_string().into(),
                _ => return None,
            };
            Some((name, text))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(value: Value) -> Stored {
        Stored::new(Strategy::Secret, value.as_object().cloned().unwrap(), 7)
    }

    fn shown(view: &View, object: &Stored) -> Value {
        let mut out = Vec::new();
        view.append(object, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn one_set_of_bytes_serves_full_and_metadata_only_views() {
        let object = stored(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": { "a": "Yg==" },
            "metadata": { "name": "x", "namespace": "n", "labels": { "l": "v" } },
        }));
        assert_eq!(object.field("type"), "Opaque");
        assert_eq!(object.label("l"), Some("v"));
        let full = shown(&View::full("v1", "Secret"), &object);
        assert_eq!(full["data"]["a"], "Yg==");
        assert_eq!(full["metadata"]["resourceVersion"], "7");
        let partial = shown(&View::partial(), &object);
        assert_eq!(partial["kind"], "PartialObjectMetadata");
        assert_eq!(partial["metadata"], full["metadata"]);
        assert!(partial.get("data").is_none());
        assert!(shown(&View::headless(), &object).get("kind").is_none());
    }

    #[test]
    fn thaw_gives_back_what_was_frozen() {
        let object = stored(json!({ "metadata": { "name": "x" }, "data": null }));
        assert_eq!(
            Value::Object(object.thaw()),
            json!({ "metadata": { "name": "x", "resourceVersion": "7" }, "data": null })
        );
    }
}
