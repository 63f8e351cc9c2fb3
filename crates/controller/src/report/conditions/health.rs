//! What the engines make of our conditions that wait for objects to become healthy: kstatus (Flux, kpt) and Argo CD's built-in
//! rule for SealedSecrets. Their rules stand here in short, from what they are documented to read.

use serde_json::{Value, json};

use super::*;
use crate::report::reason::Reason;

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// kstatus: the generation first, then `Reconciling`, `Stalled`, `Ready`; an object without any is Current.
fn kstatus(object: &Value) -> &'static str {
    let is = |kind: &str, status: &str| condition(object, kind).is_some_and(|condition| condition["status"] == status);
    let observed = object["status"]["observedGeneration"].as_i64();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        "Terminating"
    } else if observed.is_some() && observed != object["metadata"]["generation"].as_i64() || is("Reconciling", "True") {
        "InProgress"
    } else if is("Stalled", "True") {
        "Failed"
    } else if is("Ready", "False") || is("Ready", "Unknown") {
        "InProgress"
    } else {
        "Current"
    }
}

/// Argo CD: the first condition `Synced` decides; it reads neither `Ready` nor observedGeneration.
fn argo_cd(object: &Value) -> &'static str {
    match condition(object, "Synced").and_then(|condition| condition["status"].as_str()) {
        Some("True") => "Healthy",
        Some("False") => "Degraded",
        _ => "Progressing",
    }
}

fn object(generation: i64, status: &SealedStatus) -> Value {
    json!({"metadata": {"generation": generation}, "status": serde_json::to_value(status).unwrap()})
}

fn outcome(reason: Reason) -> Outcome {
    let failed = |reason| {
        Outcome::Failed(Failed {
            reason,
            error: "e".to_owned(),
            explanations: vec!["why".to_owned()],
            applied_holds: true,
        })
    };
    match reason {
        Reason::Unsealed => Outcome::Applied(Applied {
            secret: "uid".into(),
            resource_version: "5".into(),
            generation: 2,
            scope: "strict".into(),
            keys: Vec::new(),
            opened_by: Vec::new(),
            labels: Vec::new(),
            annotations: Vec::new(),
            lent: false,
        }),
        reason => failed(reason),
    }
}

fn after(previous: &SealedStatus, generation: i64, reason: Reason) -> SealedStatus {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    next_status(previous, generation, &outcome(reason), now).unwrap_or_else(|| previous.clone())
}

#[test]
fn both_engines_agree_about_every_reason() {
    for reason in Reason::ALL {
        let expected = match reason {
            Reason::Unsealed => ("Current", "Healthy"),
            Reason::NoSealingKey | Reason::Terminating | Reason::Drift | Reason::ApiError => {
                ("InProgress", "Progressing")
            }
            _ => ("Failed", "Degraded"),
        };
        // Whatever was said before.
        for before in Reason::ALL {
            let status = after(&after(&SealedStatus::default(), 1, before), 2, reason);
            let object = object(2, &status);
            assert_eq!((kstatus(&object), argo_cd(&object)), expected, "{reason:?} after {before:?}");
        }
    }
}

#[test]
fn a_new_generation_that_was_not_looked_at_is_in_progress() {
    for reason in Reason::ALL {
        let status = after(&SealedStatus::default(), 1, reason);
        assert_eq!(kstatus(&object(2, &status)), "InProgress", "{reason:?}");
    }
    let untouched = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}});
    assert_eq!((kstatus(&untouched), argo_cd(&untouched)), ("InProgress", "Progressing"));
}

#[test]
fn trouble_is_there_only_while_there_is_some_and_there_is_one_at_a_time() {
    for reason in Reason::ALL {
        for before in Reason::ALL {
            let status = after(&after(&SealedStatus::default(), 1, before), 1, reason);
            let kinds: Vec<&str> = status.conditions.iter().map(|condition| &*condition.kind).collect();
            assert_eq!(kinds[..2], ["Synced", "Ready"]);
            let trouble: Vec<&str> = kinds.into_iter().filter(|kind| [RECONCILING, STALLED].contains(kind)).collect();
            let expected: &[&str] = match reason.course() {
                Course::Done => &[],
                Course::Reconciling => &[RECONCILING],
                Course::Stalled => &[STALLED],
            };
            assert_eq!(trouble, expected, "{reason:?} after {before:?}");
        }
    }
}

#[test]
fn trouble_carries_the_reason_and_the_explanation_with_the_key_that_would_open_the_value() {
    let fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    let failed = Outcome::Failed(Failed {
        reason: Reason::WrongKey,
        error: "no key could decrypt secret (k)".to_owned(),
        explanations: vec![format!("k: sealed with {fingerprint}, which is there and retired"), "cure".to_owned()],
        applied_holds: false,
    });
    let status = next_status(&SealedStatus::default(), 1, &failed, "2026-01-01T00:00:00Z".parse().unwrap()).unwrap();
    for kind in [READY, STALLED] {
        let condition = status.condition(kind).unwrap();
        assert_eq!(&*condition.reason, "WrongKey");
        assert!(condition.message.contains(fingerprint), "{kind}");
    }
    assert_eq!(&*status.condition(SYNCED).unwrap().message, "no key could decrypt secret (k)");
}
