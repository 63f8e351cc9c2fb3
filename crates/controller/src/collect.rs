//! `--old-gc-behavior`: the Secret of a deleted SealedSecret is deleted by the controller, too. Kubernetes collects it all the
//! same by its owner reference, and is the only one to do so if the SealedSecret goes while no controller runs.
//!
//! Upstream deletes whatever Secret has the name. Here it has to be ours, by owner reference or by our record, and it has
//! to be the very one that was looked at: a Secret that is merely lent, or somebody else's, is never deleted.

use crate::apply;
use crate::engine::Engine;
use crate::index::Live;
use crate::object::{ObjectKey, SecretRef};
use crate::plan::ownership::{self, Claim};
use crate::queue::Verdict;
use crate::report::applied::Applied;
use crate::write::verdict_of;

/// Deletes the Secret `key` of the SealedSecret `uid`, which is gone.
///
/// # Errors
/// When the API server did not do it: how to go on.
pub(crate) async fn collect(
    engine: &Engine,
    key: &ObjectKey,
    uid: &str,
    record: Option<&Applied>,
) -> Result<(), Verdict> {
    let live = engine.index().secret(key);
    let found = match live {
        Live::Present(secret) => Some(secret),
        Live::Absent => None,
        Live::Unknown => apply::look(&engine.client, key).await.map_err(|failure| failed(key, &failure))?,
    };
    let Some(secret) = found.filter(|secret| is_collected(uid, secret, record)) else { return Ok(()) };
    match apply::delete(&engine.client, key, &secret).await {
        Ok(()) => {
            tracing::info!(namespace = &*key.namespace, name = &*key.name, "SealedSecret has gone, deleted Secret");
            engine.index().note_deleted(key, &secret.uid);
            Ok(())
        }
        Err(failure) if failure.code() == Some(404) => Ok(()),
        Err(failure) => Err(failed(key, &failure)),
    }
}

/// Whether `secret` goes with the SealedSecret `uid`.
fn is_collected(uid: &str, secret: &SecretRef, record: Option<&Applied>) -> bool {
    matches!(ownership::claim(uid, &[], secret, record), Some(Claim::Owner | Claim::Record))
}

fn failed(key: &ObjectKey, failure: &crate::api::ApiFailure) -> Verdict {
    tracing::warn!(namespace = &*key.namespace, name = &*key.name, error = %failure, "cannot delete Secret, will retry");
    verdict_of(failure)
}

#[cfg(test)]
mod tests {
    use bulla_core::sealed::Scope;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_secret_of_ours_is_deleted() {
        let secret = |controller: Option<&str>, annotation: &str| {
            let owners = controller.map(|uid| json!([{"uid": uid, "controller": true}]));
            let metadata = json!({"uid": "s", "resourceVersion": "1", "ownerReferences": owners, "annotations": {annotation: "true"}});
            SecretRef::from_metadata(metadata.as_object().unwrap())
        };
        let record = |uid: &str, lent| Applied {
            secret: uid.into(),
            resource_version: "1".into(),
            generation: 1,
            scope: Scope::Strict.as_str().into(),
            keys: Vec::new(),
            opened_by: Vec::new(),
            labels: Vec::new(),
            annotations: Vec::new(),
            lent,
        };
        let (managed, patch) = ("sealedsecrets.bitnami.com/managed", "sealedsecrets.bitnami.com/patch");
        for (about, secret, record, expected) in [
            ("controlled by it", secret(Some("o"), ""), None, true),
            ("controlled by it, and patched", secret(Some("o"), patch), None, true),
            ("controlled by an earlier one", secret(Some("earlier"), ""), Some(record("s", false)), false),
            ("nobody's, and recorded", secret(None, ""), Some(record("s", false)), true),
            ("nobody's, and another is recorded", secret(None, ""), Some(record("t", false)), false),
            ("nobody's", secret(None, ""), None, false),
            ("lent", secret(None, patch), Some(record("s", true)), false),
            ("managed, and never owned", secret(None, managed), Some(record("s", true)), false),
            ("managed, without a record", secret(None, managed), None, false),
        ] {
            assert_eq!(is_collected("o", &secret, record.as_ref()), expected, "{about}");
        }
    }
}
