//! Events: core/v1, because the rights in the field cover no other kind (sealed-secrets 13.2, 14.2). Only transitions are
//! worth one; upstream writes one after every reconcile.

use jiff::Timestamp;
use serde_json::{Value, json};

use bulla_core::sealed::{API_VERSION, KIND};

use crate::drift::blame::Blame;
use crate::object::Observed;
use crate::report::conditions::{Failed, Outcome, shortened};
use crate::report::reason::{Reason, Step};

/// Who reports.
const COMPONENT: &str = "sealed-secrets";
/// The longest message that events.k8s.io takes; core/v1 events are stored as those.
const MAX_NOTE: usize = 1024;

/// One event, without its object and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// The event that tells of `outcome`.
pub(crate) fn event_of(outcome: &Outcome) -> Event {
    match outcome {
        Outcome::Applied(_) => {
            Event { kind: "Normal", reason: "Unsealed", message: "SealedSecret unsealed successfully".to_owned() }
        }
        Outcome::Failed(failed) => {
            let (reason, message) = match failed.reason.step() {
                Some(Step::Unseal) => ("ErrUnsealFailed", format!("Failed to unseal: {}", failed.error)),
                _ => ("ErrUpdateFailed", update_error(failed)),
            };
            Event { kind: "Warning", reason, message: shortened(&message, MAX_NOTE) }
        }
    }
}

/// The event that tells whose edit of the Secret was put right, and which fields.
pub(crate) fn corrected(blame: &Blame) -> Event {
    let message = format!("put right what {} changed: {}", blame.hand, blame.what());
    Event { kind: "Normal", reason: "DriftCorrected", message: shortened(&message, MAX_NOTE) }
}

/// Upstream's event about a foreign Secret lacks the words in front that the status has (sealed-secrets 6, 2).
fn update_error(failed: &Failed) -> String {
    let error = failed.error.as_str();
    match failed.reason {
        Reason::NotManaged => error.strip_prefix("failed update: ").unwrap_or(error).to_owned(),
        _ => error.to_owned(),
    }
}

impl Event {
    /// The line of the log, in the words of client-go's recorder (sealed-secrets 13.2).
    pub(crate) fn line(&self, object: &Observed) -> String {
        let (namespace, name, uid, version) =
            (&*object.key.namespace, &*object.key.name, &*object.uid, &*object.resource_version);
        format!(
            "Event(v1.ObjectReference{{Kind:{KIND:?}, Namespace:{namespace:?}, Name:{name:?}, UID:{uid:?}, \
             APIVersion:{API_VERSION:?}, ResourceVersion:{version:?}, FieldPath:\"\"}}): type: '{}' reason: '{}' {}",
            self.kind, self.reason, self.message
        )
    }

    /// The body of the POST. The name is unique as upstream's is: by the object's name and the time in nanoseconds.
    pub(crate) fn to_json(&self, object: &Observed, now: Timestamp) -> Value {
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (namespace, name) = (&*object.key.namespace, &*object.key.name);
        // The name of an event may have 253 characters, as that of the object.
        let prefix = &name[..name.len().min(253 - 17)];
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": format!("{prefix}.{:016x}", now.as_nanosecond()), "namespace": namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": namespace,
                "name": name,
                "uid": object.uid,
                "resourceVersion": object.resource_version,
            },
            "type": self.kind,
            "reason": self.reason,
            "message": self.message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "reportingInstance": "",
            "count": 1,
            "firstTimestamp": time,
            "lastTimestamp": time,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: Reason, error: &str) -> Outcome {
        Outcome::Failed(Failed { reason, error: error.to_owned(), explanations: Vec::new(), applied_holds: false })
    }

    #[test]
    fn events_have_upstreams_words() {
        for (outcome, expected) in [
            (
                failed(Reason::WrongKey, "no key could decrypt secret (a)"),
                "Warning ErrUnsealFailed Failed to unseal: no key could decrypt secret (a)",
            ),
            (
                failed(
                    Reason::NotManaged,
                    "failed update: Resource \"a\" already exists and is not managed by SealedSecret",
                ),
                "Warning ErrUpdateFailed Resource \"a\" already exists and is not managed by SealedSecret",
            ),
            (failed(Reason::Immutable, "Error updating"), "Warning ErrUpdateFailed Error updating"),
        ] {
            let event = event_of(&outcome);
            assert_eq!(format!("{} {} {}", event.kind, event.reason, event.message), expected);
        }
    }

    #[test]
    fn the_line_of_the_log_is_client_gos() {
        let object = serde_json::json!({
            "metadata": {"namespace": "ns", "name": "a", "uid": "u", "resourceVersion": "7"},
            "spec": {},
        });
        let event = event_of(&failed(Reason::WrongKey, "no key could decrypt secret (k)"));
        assert_eq!(
            event.line(&Observed::from_json(&object).unwrap()),
            "Event(v1.ObjectReference{Kind:\"SealedSecret\", Namespace:\"ns\", Name:\"a\", UID:\"u\", \
             APIVersion:\"bitnami.com/v1alpha1\", ResourceVersion:\"7\", FieldPath:\"\"}): type: 'Warning' reason: \
             'ErrUnsealFailed' Failed to unseal: no key could decrypt secret (k)"
        );
    }

    #[test]
    fn an_event_names_its_object_so_that_field_selectors_find_it() {
        let object = Observed::from_json(&json!({
            "metadata": {"namespace": "ns", "name": "n".repeat(253), "uid": "u", "resourceVersion": "7"},
            "spec": {},
        }))
        .unwrap();
        let event = event_of(&failed(Reason::WrongKey, &"x".repeat(5000)));
        let json = event.to_json(&object, "2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(json["involvedObject"]["kind"], "SealedSecret");
        assert_eq!(json["involvedObject"]["uid"], "u");
        assert_eq!(json["source"]["component"], "sealed-secrets");
        assert_eq!(json["lastTimestamp"], "2026-01-02T03:04:05Z");
        assert!(json["metadata"]["name"].as_str().unwrap().len() <= 253);
        assert!(json["message"].as_str().unwrap().len() <= 1024);
    }
}
