//! Watched objects, read leniently and kept small.
//!
//! kube needs types that decode, print and have metadata; ours decode by way of a JSON value that is dropped at once, and
//! **never fail**: one malformed object must not end a watch (sealed-secrets 3, #505). What is kept of a SealedSecret is
//! what opening it needs and its status; of a Secret only who it is and who owns it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bulla_core::sealed::{KeyLabel, MANAGED_ANNOTATION, PATCH_ANNOTATION, Scope, SealedSecret};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::report::status::SealedStatus;

/// On a SealedSecret: the value `ignore` switches the repair of its Secret off.
pub(crate) const DRIFT_ANNOTATION: &str = "bulla.dev/drift";
/// The label of an object that upstream's metrics carry.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// Namespace and name: what a SealedSecret and its Secret have in common, and what work is queued by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl ObjectKey {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A SealedSecret as it was last seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) key: ObjectKey,
    pub(crate) uid: Box<str>,
    pub(crate) resource_version: Box<str>,
    pub(crate) generation: i64,
    /// Being deleted: its Secret is about to be collected and must not be written any more.
    pub(crate) terminating: bool,
    /// `bulla.dev/drift: ignore`.
    pub(crate) ignores_drift: bool,
    /// The label app.kubernetes.io/instance, or nothing.
    pub(crate) instance: Box<str>,
    /// The object itself, or why it is none; the words hold no value.
    pub(crate) sealed: Result<Arc<SealedSecret>, String>,
    pub(crate) status: SealedStatus,
}

impl Observed {
    /// From an object of the API. Without a name or a namespace there is nothing that could be reported on.
    pub(crate) fn from_json(object: &Value) -> Option<Self> {
        let metadata = object.get("metadata").and_then(Value::as_object)?;
        let (namespace, name) = (text(metadata, "namespace"), text(metadata, "name"));
        if namespace.is_empty() || name.is_empty() {
            return None;
        }
        let entry = |map: &str, entry: &str| metadata.get(map).and_then(|map| map.get(entry)).and_then(Value::as_str);
        Some(Self {
            key: ObjectKey::new(namespace, name),
            uid: text(metadata, "uid").into(),
            resource_version: text(metadata, "resourceVersion").into(),
            generation: metadata.get("generation").and_then(Value::as_i64).unwrap_or_default(),
            terminating: metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null()),
            ignores_drift: entry("annotations", DRIFT_ANNOTATION) == Some("ignore"),
            instance: entry("labels", INSTANCE_LABEL).unwrap_or_default().into(),
            sealed: read_sealed(object).map(Arc::new).map_err(|error| error.to_string()),
            status: SealedStatus::from_json(object.get("status").unwrap_or(&Value::Null)),
        })
    }

    /// The scope that the object states, if it can be read.
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.sealed.as_ref().ok().map(|sealed| sealed.scope())
    }

    /// Whether a stranger's templates have to run.
    pub(crate) fn has_templates(&self) -> bool {
        self.sealed.as_ref().is_ok_and(|sealed| sealed.template.data.values().any(Option::is_some))
    }
}

impl Observed {
    /// The number of its values.
    pub(crate) fn items(&self) -> usize {
        self.sealed.as_ref().map_or(0, |sealed| sealed.items.len())
    }
}

/// Only the scope annotations are kept: others (`last-applied-configuration`!) may be as large as the object.
fn read_sealed(object: &Value) -> Result<SealedSecret, bulla_core::Error> {
    let mut sealed = SealedSecret::from_json(object)?;
    let scope = sealed.scope().annotation();
    sealed.annotations.retain(|name, _| Some(name.as_str()) == scope);
    Ok(sealed)
}

fn text<'a>(map: &'a Map<String, Value>, field: &str) -> &'a str {
    map.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A SealedSecret in a watch. The metadata holds what kube itself asks for, nothing else.
#[derive(Clone, Debug)]
pub(crate) struct SealedObject {
    metadata: ObjectMeta,
    pub(crate) observed: Option<Arc<Observed>>,
}

impl<'de> Deserialize<'de> for SealedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        Ok(Self { metadata: small_metadata(&object), observed: Observed::from_json(&object).map(Arc::new) })
    }
}

/// What is known of a Secret without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecretRef {
    pub(crate) uid: Box<str>,
    pub(crate) resource_version: Box<str>,
    /// The uid of the owner that has `controller: true`.
    pub(crate) controller: Option<Box<str>>,
    /// The annotation `managed`: its SealedSecret may take it over.
    pub(crate) managed: bool,
    /// The annotation `patch`: its SealedSecret adds to it, and removes nothing.
    pub(crate) patch: bool,
}

/// A Secret in a watch of metadata: the API server sends no values (sealed-secrets 17.1, 8).
#[derive(Clone, Debug)]
pub(crate) struct SecretMetadata {
    metadata: ObjectMeta,
    pub(crate) key: Option<ObjectKey>,
    pub(crate) secret: SecretRef,
    pub(crate) key_label: KeyLabel,
}

impl<'de> Deserialize<'de> for SecretMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Value::deserialize(deserializer)?;
        Ok(Self::from_json(&object))
    }
}

impl SecretMetadata {
    fn from_json(object: &Value) -> Self {
        let empty = Map::new();
        let metadata = object.get("metadata").and_then(Value::as_object).unwrap_or(&empty);
        let (namespace, name) = (text(metadata, "namespace"), text(metadata, "name"));
        Self {
            metadata: small_metadata(object),
            key: (!namespace.is_empty() && !name.is_empty()).then(|| ObjectKey::new(namespace, name)),
            secret: SecretRef::from_metadata(metadata),
            key_label: KeyLabel::from_metadata(metadata),
        }
    }
}

impl SecretRef {
    pub(crate) fn from_metadata(metadata: &Map<String, Value>) -> Self {
        Self {
            uid: text(metadata, "uid").into(),
            resource_version: text(metadata, "resourceVersion").into(),
            controller: controller_of(metadata).map(Into::into),
            managed: is_annotated(metadata, MANAGED_ANNOTATION),
            patch: is_annotated(metadata, PATCH_ANNOTATION),
        }
    }

    /// Whether another version of the same Secret gives and takes the same rights to write it.
    pub(crate) fn allows_the_same(&self, other: &Self) -> bool {
        (&self.uid, &self.controller, self.managed, self.patch)
            == (&other.uid, &other.controller, other.managed, other.patch)
    }
}

/// Whether `metadata` has the annotation with the value `true`; no other value counts (sealed-secrets 2.2).
pub(crate) fn is_annotated(metadata: &Map<String, Value>, annotation: &str) -> bool {
    metadata.get("annotations").and_then(|annotations| annotations.get(annotation)).and_then(Value::as_str)
        == Some("true")
}

/// The uid of the owner that has `controller: true`.
fn controller_of(metadata: &Map<String, Value>) -> Option<&str> {
    metadata.get("ownerReferences")?.as_array()?.iter().find_map(|owner| {
        let controls = owner.get("controller").and_then(Value::as_bool) == Some(true);
        owner.get("uid").and_then(Value::as_str).filter(|_| controls)
    })
}

fn small_metadata(object: &Value) -> ObjectMeta {
    let field = |name: &str| {
        object.get("metadata").and_then(|metadata| metadata.get(name)).and_then(Value::as_str).map(str::to_owned)
    };
    ObjectMeta {
        name: field("name"),
        namespace: field("namespace"),
        resource_version: field("resourceVersion"),
        // kube looks for the end of a streaming list in the annotations of bookmarks, which it decodes itself.
        annotations: None::<BTreeMap<String, String>>,
        ..ObjectMeta::default()
    }
}

impl kube::Resource for SealedObject {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        bulla_core::sealed::KIND.into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "bitnami.com".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "sealedsecrets".into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl kube::Resource for SecretMetadata {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Secret".into()
    }
    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }
    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }
    fn plural((): &()) -> Cow<'_, str> {
        "secrets".into()
    }
    /// Every request for this type asks for PartialObjectMetadata.
    fn metadata_api() -> bool {
        true
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use bulla_core::sealed::{Item, Scope};
    use serde_json::json;

    use super::*;

    #[test]
    fn keeps_what_the_work_needs_and_drops_the_rest() {
        let object: SealedObject = serde_json::from_value(json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {
                "namespace": "ns", "name": "a", "uid": "u", "resourceVersion": "7", "generation": 3,
                "managedFields": [{"manager": "kubectl"}],
                "labels": {"app.kubernetes.io/instance": "shop"},
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                    "sealedsecrets.bitnami.com/cluster-wide": "true",
                    "bulla.dev/drift": "ignore",
                },
            },
            "spec": {"encryptedData": {"k": "AgA="}},
        }))
        .unwrap();
        let observed = object.observed.unwrap();
        assert_eq!((observed.key.to_string().as_str(), &*observed.uid, observed.generation), ("ns/a", "u", 3));
        assert!(observed.ignores_drift && !observed.terminating);
        assert_eq!(&*observed.instance, "shop");
        let sealed = observed.sealed.as_ref().unwrap();
        assert_eq!(sealed.scope(), Scope::ClusterWide);
        assert_eq!(sealed.annotations.len(), 1);
        assert_eq!(object.metadata.resource_version.as_deref(), Some("7"));
    }

    #[test]
    fn no_object_fails_to_decode() {
        for malformed in [
            json!({"metadata": {"namespace": "ns", "name": "a"}, "spec": []}),
            json!({"metadata": {"namespace": "ns", "name": "a", "labels": 5, "generation": "x"}, "spec": {"encryptedData": 1}}),
            json!({"metadata": {"namespace": "ns", "name": "a"}, "spec": {}, "status": {"conditions": [1, {}], "observedGeneration": "x"}}),
        ] {
            let object: SealedObject = serde_json::from_value(malformed).unwrap();
            assert_eq!(object.observed.unwrap().key, ObjectKey::new("ns", "a"));
        }
        for hopeless in [json!(1), json!({}), json!({"metadata": {"name": "a"}})] {
            assert!(serde_json::from_value::<SealedObject>(hopeless).unwrap().observed.is_none());
        }
        let object: SealedObject = serde_json::from_value(
            json!({"metadata": {"namespace": "ns", "name": "a"}, "spec": {"encryptedData": {"n": 1, "s": "x"}}}),
        )
        .unwrap();
        assert_eq!(object.observed.unwrap().sealed.as_ref().unwrap().items["n"], Item::NotAString("a number"));
    }

    #[test]
    fn tells_who_controls_a_secret() {
        let read = |metadata: Value| SecretMetadata::from_json(&json!({"metadata": metadata}));
        let owned = read(json!({"namespace": "ns", "name": "a", "uid": "s", "ownerReferences": [
            {"uid": "other"}, {"uid": "owner", "controller": true}]}));
        assert_eq!(owned.secret.controller.as_deref(), Some("owner"));
        assert!(!owned.secret.managed && !owned.secret.patch);
        let annotated = |annotation: &str, value: &str| read(json!({"annotations": {annotation: value}})).secret;
        assert!(annotated(MANAGED_ANNOTATION, "true").managed && !annotated(MANAGED_ANNOTATION, "true").patch);
        assert!(annotated(PATCH_ANNOTATION, "true").patch && !annotated(PATCH_ANNOTATION, "true").managed);
        for other in ["True", "yes", "", "false"] {
            assert!(!annotated(MANAGED_ANNOTATION, other).managed && !annotated(PATCH_ANNOTATION, other).patch);
        }
        assert_eq!(owned.key_label, KeyLabel::None);
    }
}
