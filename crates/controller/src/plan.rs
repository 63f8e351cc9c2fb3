//! May this Secret be written, and how? Pure, and the one place with rules about ownership, immutability, type and drift.
//!
//! - Absent: created whole, with its owner reference and `immutable`, in one request (sealed-secrets 4.1).
//! - Ours: data, type, owner reference, and the labels and annotations that the template names are made as stated; what
//!   else is there is left alone (design, decision 13). What the last template named and this one does not is removed.
//! - Not ours: refused. Nothing is ever deleted.
//!
//! "Ours" is who controls the Secret, by uid, or, for a Secret that nobody controls, the uid in our own record of what we
//! wrote: without owner reference (`skip-set-owner-references`) nothing else can tell. The annotations `managed` and
//! `patch` of the live Secret will be read in `is_ours`.

use std::collections::BTreeMap;

use bulla_core::sealed::{OwnerReference, UnsealedSecret};
use serde_json::{Map, Value};

use crate::live::LiveSecret;
use crate::report::applied::Applied;
use crate::report::reason::Reason;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// POST this.
    Create(Manifest),
    /// PUT this.
    Update(Manifest, Changes),
    /// It is as it should be.
    Leave,
    /// It must not be written.
    Refuse(Refusal),
}

/// A Secret without its type and values, which come from the unsealed object.
#[derive(Debug, PartialEq)]
pub(crate) struct Manifest {
    /// `metadata`; with resourceVersion for a PUT.
    pub(crate) metadata: Map<String, Value>,
    /// `immutable`.
    pub(crate) immutable: Option<bool>,
}

/// What differs from the live Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Values.
    pub(crate) data: bool,
    /// Labels that the template names or named.
    pub(crate) labels: bool,
    /// Annotations that the template names or named.
    pub(crate) annotations: bool,
    /// Our owner reference.
    pub(crate) owner: bool,
}

/// Why a Secret must not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// Upstream's words where it has any.
    pub(crate) error: String,
    pub(crate) explanation: String,
}

impl Changes {
    fn any(self) -> bool {
        self != Self::default()
    }
}

/// Compares what the object states with what is there.
///
/// `owner` is the SealedSecret, `applied` the record of what was written for it.
pub(crate) fn plan(
    desired: &UnsealedSecret,
    owner: &OwnerReference<'_>,
    live: Option<&LiveSecret>,
    applied: Option<&Applied>,
) -> Plan {
    let Some(live) = live else { return Plan::Create(created(desired, owner)) };
    // A record speaks only of the Secret that it names.
    let applied = applied.filter(|applied| &*applied.secret == live.text("uid"));
    if !is_ours(owner, live, applied) {
        return Plan::Refuse(not_managed(desired.name()));
    }
    if live.is_terminating() {
        return Plan::Refuse(terminating(desired.name()));
    }
    if live.secret_type() != desired.secret_type() {
        return Plan::Refuse(type_change(desired, live));
    }
    let mut manifest = Manifest { metadata: live.metadata.clone(), immutable: live.immutable };
    let named = |names: fn(&Applied) -> &[Box<str>]| applied.map(names).unwrap_or_default();
    let changes = Changes {
        data: !same_data(desired, live),
        labels: state(&mut manifest.metadata, "labels", desired.labels(), named(|applied| &applied.labels)),
        annotations: state(
            &mut manifest.metadata,
            "annotations",
            desired.annotations(),
            named(|applied| &applied.annotations),
        ),
        owner: !desired.skips_owner_reference() && own(&mut manifest.metadata, owner),
    };
    if changes.data && live.immutable == Some(true) {
        return Plan::Refuse(immutable(desired));
    }
    if changes.any() { Plan::Update(manifest, changes) } else { Plan::Leave }
}

/// The refusal about a Secret whose metadata alone says that it is somebody else's.
pub(crate) fn not_managed(name: &str) -> Refusal {
    Refusal {
        reason: Reason::NotManaged,
        error: format!("failed update: Resource \"{name}\" already exists and is not managed by SealedSecret"),
        explanation: format!(
            "a Secret {name:?} exists and belongs to somebody else: delete or rename it, and this one is created at once"
        ),
    }
}

fn is_ours(owner: &OwnerReference<'_>, live: &LiveSecret, applied: Option<&Applied>) -> bool {
    match live.controller() {
        Some(controller) => controller == owner.uid,
        None => applied.is_some(),
    }
}

fn created(desired: &UnsealedSecret, owner: &OwnerReference<'_>) -> Manifest {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), desired.name().into());
    metadata.insert("namespace".to_owned(), desired.namespace().into());
    state(&mut metadata, "labels", desired.labels(), &[]);
    state(&mut metadata, "annotations", desired.annotations(), &[]);
    if !desired.skips_owner_reference() {
        own(&mut metadata, owner);
    }
    Manifest { metadata, immutable: desired.immutable() }
}

/// Makes `metadata[map]` hold `stated`, and none of the names that were `named` before and are stated no longer. Returns
/// whether that changed anything.
fn state(metadata: &mut Map<String, Value>, map: &str, stated: &BTreeMap<String, String>, named: &[Box<str>]) -> bool {
    let mut entries = match metadata.get(map) {
        Some(Value::Object(entries)) => entries.clone(),
        _ => Map::new(),
    };
    let mut changed = false;
    for (name, value) in stated {
        if entries.get(name).and_then(Value::as_str) != Some(value) {
            entries.insert(name.clone(), value.as_str().into());
            changed = true;
        }
    }
    for name in named {
        if !stated.contains_key(&**name) {
            changed |= entries.remove(&**name).is_some();
        }
    }
    if changed {
        metadata.insert(map.to_owned(), entries.into());
    }
    changed
}

/// Makes the SealedSecret the controlling owner. References of others, which do not control, are left alone.
fn own(metadata: &mut Map<String, Value>, owner: &OwnerReference<'_>) -> bool {
    let wanted = owner.to_json();
    let mut references = match metadata.get("ownerReferences") {
        Some(Value::Array(references)) => references.clone(),
        _ => Vec::new(),
    };
    let same = |reference: &Value| {
        ["apiVersion", "kind", "name", "uid", "controller"]
            .iter()
            .all(|field| reference.get(field) == wanted.get(field))
    };
    if references.iter().any(same) {
        return false;
    }
    references.retain(|reference| reference.get("uid") != wanted.get("uid"));
    references.push(wanted);
    metadata.insert("ownerReferences".to_owned(), references.into());
    true
}

fn same_data(desired: &UnsealedSecret, live: &LiveSecret) -> bool {
    desired.data().len() == live.len()
        && desired
            .data()
            .iter()
            .all(|(name, value)| live.item(name).is_some_and(|item| item.expose() == value.expose()))
}

fn immutable(desired: &UnsealedSecret) -> Refusal {
    let (namespace, name) = (desired.namespace(), desired.name());
    Refusal {
        reason: Reason::Immutable,
        error: format!(
            "Error updating {namespace}/{name}: the target Secret is immutable. Once a Secret is marked as immutable, it is not \
             possible to revert this change nor to mutate the contents of the data field. You can only delete and recreate \
             the Secret."
        ),
        explanation: format!(
            "the Secret is immutable and its data would have to change: kubectl -n {namespace} delete secret {name}, and it \
             is created again at once"
        ),
    }
}

fn type_change(desired: &UnsealedSecret, live: &LiveSecret) -> Refusal {
    let (namespace, name) = (desired.namespace(), desired.name());
    let (from, to) = (live.secret_type(), desired.secret_type());
    Refusal {
        reason: Reason::TypeChange,
        error: format!("failed update: the type of Secret \"{name}\" cannot change from {from:?} to {to:?}"),
        explanation: format!(
            "Kubernetes does not change the type of a Secret ({from:?} to {to:?}): kubectl -n {namespace} delete secret \
             {name}, and it is created again at once"
        ),
    }
}

fn terminating(name: &str) -> Refusal {
    Refusal {
        reason: Reason::Terminating,
        error: format!("failed update: Secret \"{name}\" is being deleted"),
        explanation: format!("the Secret {name:?} waits for its finalizers; it is created again when it is gone"),
    }
}

#[cfg(test)]
mod tests;
