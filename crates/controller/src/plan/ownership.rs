//! Whose is a Secret? Decided from its metadata and our own record, before anybody's values are read.

use bulla_core::sealed::MANAGED_ANNOTATION;
use serde_json::{Map, Value};

use crate::object::{SecretRef, is_annotated};
use crate::report::applied::Applied;

/// By what right a SealedSecret writes a Secret that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is the Secret's controller, by uid.
    Owner,
    /// Nobody controls the Secret, or somebody whom the template names, and our record names its uid as one that is ours:
    /// without an owner reference (`skip-set-owner-references`, or somebody took it off) nothing else can tell.
    Record,
    /// The Secret itself carries `managed` or `patch`, and no longer than that.
    ByAnnotation,
}

/// The claim of the SealedSecret `uid`, whose template states the owners `stated`, on `secret`; none if it is somebody
/// else's.
pub(crate) fn claim(uid: &str, stated: &[Value], secret: &SecretRef, applied: Option<&Applied>) -> Option<Claim> {
    let recorded = applied.is_some_and(|applied| applied.secret == secret.uid && !applied.lent);
    match secret.controller.as_deref() {
        Some(controller) if controller == uid => Some(Claim::Owner),
        None if recorded => Some(Claim::Record),
        Some(controller) if recorded && stated.iter().any(|owner| owner["uid"] == controller) => Some(Claim::Record),
        _ if secret.managed || secret.patch => Some(Claim::ByAnnotation),
        _ => None,
    }
}

/// The annotation `managed`.
pub(crate) fn is_managed(metadata: &Map<String, Value>) -> bool {
    is_annotated(metadata, MANAGED_ANNOTATION)
}
