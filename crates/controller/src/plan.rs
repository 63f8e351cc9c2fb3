//! May this Secret be written, and how? Pure, and the one place with rules about ownership, immutability, type and drift
//! (sealed-secrets 6; design, decision 13).
//!
//! - Absent: created whole, with its owner reference and `immutable`, in one request.
//! - Ours ([`ownership`]): data, type, owner reference, and the labels and annotations that the template names are made as
//!   stated; what else is there is left alone. What the last template named and this one does not is removed.
//! - Annotated with `patch`: what is stated is merged over what is there, and nothing is removed.
//! - Not ours: refused ([`refusal`]). Nothing is ever deleted.

use bulla_core::sealed::{OwnerReference, UnsealedSecret};
use serde_json::{Map, Value};

use crate::live::LiveSecret;
use crate::report::applied::Applied;
use metadata::{own, own_as_stated, state};
use ownership::Claim;
pub(crate) use refusal::Refusal;

mod metadata;
pub(crate) mod ownership;
pub(crate) mod refusal;

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// POST this.
    Create(Manifest),
    /// PUT this.
    Update(Manifest, Changes),
    /// It is as it should be.
    Leave {
        /// [`Manifest::lent`].
        lent: bool,
    },
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
    /// Whether live items that are not stated stay.
    pub(crate) merge: bool,
    /// Whether it is ours only as long as its own annotations say so.
    pub(crate) lent: bool,
}

/// What differs from the live Secret, by name. Names are no secrets; values are, and are not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Items.
    pub(crate) data: Vec<Box<str>>,
    /// Labels that the template names or named.
    pub(crate) labels: Vec<Box<str>>,
    /// Annotations that the template names or named.
    pub(crate) annotations: Vec<Box<str>>,
    /// Our owner reference, which comes or goes, or those that the template states.
    pub(crate) owner: bool,
}

impl Changes {
    fn any(&self) -> bool {
        *self != Self::default()
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
    let present = live.reference();
    let Some(claim) = ownership::claim(owner.uid, desired.stated_owners(), &present, applied) else {
        return Plan::Refuse(refusal::not_managed(desired.name()));
    };
    if live.is_terminating() {
        return Plan::Refuse(refusal::terminating(desired.name()));
    }
    let merge = present.patch;
    // Replacing and merging alike state the template's type, which Kubernetes never lets change.
    if live.secret_type() != desired.secret_type() {
        return Plan::Refuse(refusal::type_change(desired, live.secret_type(), merge));
    }
    // A record speaks only of the Secret that it names, and merging removes nothing.
    let named = applied.filter(|applied| applied.secret == present.uid && !merge);
    let named = |names: fn(&Applied) -> &[Box<str>]| named.map(names).unwrap_or_default();

    let mut metadata = live.metadata.clone();
    let labels = state(&mut metadata, "labels", desired.labels(), named(|applied| &applied.labels));
    let annotations = state(&mut metadata, "annotations", desired.annotations(), named(|applied| &applied.annotations));
    // Whether a merged Secret is also taken over is decided by what its annotations will be.
    let owned = !merge || ownership::is_managed(&metadata);
    let takes = owned && !desired.skips_owner_reference();
    let changes = Changes {
        data: changed_items(desired, live, merge),
        labels,
        annotations,
        owner: if takes {
            own(&mut metadata, &owner.to_json())
        } else {
            owned && own_as_stated(&mut metadata, owner.uid, desired.stated_owners())
        },
    };
    if !changes.data.is_empty() && live.immutable == Some(true) {
        return Plan::Refuse(refusal::immutable(desired, merge));
    }
    let lent = claim == Claim::ByAnnotation && !takes;
    if changes.any() {
        Plan::Update(Manifest { metadata, immutable: live.immutable, merge, lent }, changes)
    } else {
        Plan::Leave { lent }
    }
}

fn created(desired: &UnsealedSecret, owner: &OwnerReference<'_>) -> Manifest {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), desired.name().into());
    metadata.insert("namespace".to_owned(), desired.namespace().into());
    state(&mut metadata, "labels", desired.labels(), &[]);
    state(&mut metadata, "annotations", desired.annotations(), &[]);
    if desired.skips_owner_reference() {
        own_as_stated(&mut metadata, owner.uid, desired.stated_owners());
    } else {
        own(&mut metadata, &owner.to_json());
    }
    Manifest { metadata, immutable: desired.immutable(), merge: false, lent: false }
}

/// Items that are missing or differ, and, unless items of others stay, those that are too many.
fn changed_items(desired: &UnsealedSecret, live: &LiveSecret, merge: bool) -> Vec<Box<str>> {
    let wrong = desired
        .data()
        .iter()
        .filter(|(name, value)| live.item(name).is_none_or(|item| item.expose() != value.expose()))
        .map(|(name, _)| name.as_str());
    let excess = live.items().map(|(name, _)| name).filter(|name| !merge && !desired.data().contains_key(*name));
    wrong.chain(excess).map(Into::into).collect()
}

#[cfg(test)]
mod tests;
