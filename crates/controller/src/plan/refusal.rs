//! Why a Secret must not be written: upstream's words where it has any (sealed-secrets 6), and for people what mends it.

use bulla_core::sealed::UnsealedSecret;

use crate::report::reason::Reason;

/// Why a Secret must not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// Upstream's words where it has any.
    pub(crate) error: String,
    pub(crate) explanation: String,
}

/// It is somebody else's; its metadata alone say so.
pub(crate) fn not_managed(name: &str) -> Refusal {
    Refusal {
        reason: Reason::NotManaged,
        error: format!("failed update: Resource \"{name}\" already exists and is not managed by SealedSecret"),
        explanation: format!(
            "a Secret {name:?} exists and belongs to somebody else: delete or rename it, or let it be taken over with the \
             annotation sealedsecrets.bitnami.com/managed: \"true\" on it; either is noticed at once"
        ),
    }
}

/// Its data would have to change, and it is immutable. `merge`: it holds items of others, so nobody is told to delete it.
pub(super) fn immutable(desired: &UnsealedSecret, merge: bool) -> Refusal {
    let (namespace, name) = (desired.namespace(), desired.name());
    let cure = if merge {
        "make room for another Secret of that name, or take the items out of the SealedSecret".to_owned()
    } else {
        format!("kubectl -n {namespace} delete secret {name}, and it is created again at once")
    };
    Refusal {
        reason: Reason::Immutable,
        error: format!(
            "Error updating {namespace}/{name}: the target Secret is immutable. Once a Secret is marked as immutable, it is not \
             possible to revert this change nor to mutate the contents of the data field. You can only delete and recreate \
             the Secret."
        ),
        explanation: format!("the Secret is immutable and its data would have to change: {cure}"),
    }
}

/// Its type would have to change from `from`. `merge` as in [`immutable`].
pub(super) fn type_change(desired: &UnsealedSecret, from: &str, merge: bool) -> Refusal {
    let (namespace, name, to) = (desired.namespace(), desired.name(), desired.secret_type());
    let or_delete = if merge {
        String::new()
    } else {
        format!(", or kubectl -n {namespace} delete secret {name}, and it is created again at once")
    };
    Refusal {
        reason: Reason::TypeChange,
        error: format!("failed update: the type of Secret \"{name}\" cannot change from {from:?} to {to:?}"),
        explanation: format!(
            "Kubernetes does not change the type of a Secret ({from:?} to {to:?}): state the type {from:?} in \
             spec.template.type{or_delete}"
        ),
    }
}

/// It waits for its finalizers.
pub(super) fn terminating(name: &str) -> Refusal {
    Refusal {
        reason: Reason::Terminating,
        error: format!("failed update: Secret \"{name}\" is being deleted"),
        explanation: format!("the Secret {name:?} waits for its finalizers; it is created again when it is gone"),
    }
}
