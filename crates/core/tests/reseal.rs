//! Resealing changes what is stale and nothing else, and never where a value may be opened.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::sync::LazyLock;

use bulla_core::go_base64;
use bulla_core::sealed::{
    ItemOutcome, KeyRing, ObjectHints, ObjectReseal, Place, Scope, SealingCertificate, Task, reseal_item, seal_value,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{certificate, ring};

const CANARY: &str = "canary-Hunter2-tweet";

static OLD: LazyLock<SealingCertificate> = LazyLock::new(|| certificate("sealed/keys/rsa2048.crt"));
static NEW: LazyLock<SealingCertificate> = LazyLock::new(|| certificate("keys/other2048.crt"));
static BOTH: LazyLock<KeyRing> = LazyLock::new(|| ring(&["keys/other2048.key", "sealed/keys/rsa2048.key"]));
static NEW_ALONE: LazyLock<KeyRing> = LazyLock::new(|| ring(&["keys/other2048.key"]));

const HOME: Place<'_> = Place { scope: Scope::Strict, namespace: "ns", name: "a" };

fn seal(certificate: &SealingCertificate, place: Place<'_>) -> String {
    go_base64::encode(&seal_value(CANARY.as_bytes(), certificate, place.scope, place.namespace, place.name).unwrap())
}

fn opens(ring: &KeyRing, text: &str, place: Place<'_>) -> bool {
    reseal_item(text, place, ring, Task::Open, &mut ObjectHints::default()) == ItemOutcome::Fresh
}

fn reseal(text: &str, place: Place<'_>, task: Task<'_>) -> ItemOutcome {
    reseal_item(text, place, &BOTH, task, &mut ObjectHints::default())
}

fn object(annotations: Value, items: Value) -> Value {
    json!({
        "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"namespace": "ns", "name": "a", "annotations": annotations, "labels": {"kept": "1"}},
        "spec": {
            "encryptedData": items,
            "template": {"metadata": {"annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}}, "data": {"t": "{{ fail .k }}"}},
        },
        "status": {"kept": true},
    })
}

#[test]
fn only_values_of_older_keys_change_and_then_open_with_the_newest_key_alone() {
    let (stale, fresh) = (seal(&OLD, HOME), seal(&NEW, HOME));
    assert!(!opens(&NEW_ALONE, &stale, HOME));
    let given = object(json!({}), json!({"stale": stale, "fresh": fresh}));
    let mut job = ObjectReseal::new(given.clone(), true).unwrap();
    assert!(job.step(&BOTH, Task::Stale(&NEW), 1), "one of two is done");
    assert!(!job.step(&BOTH, Task::Stale(&NEW), 1));
    assert!(job.has_changed() && !job.has_failed());
    let mut result = job.into_object().unwrap();
    let resealed = result["spec"]["encryptedData"]["stale"].as_str().unwrap().to_owned();
    assert!(opens(&NEW_ALONE, &resealed, HOME));
    result["spec"]["encryptedData"]["stale"] = stale.into();
    assert_eq!(result, given, "everything else is as it was");
}

#[test]
fn all_are_sealed_again_on_request_and_none_when_only_asked() {
    let given = object(json!({}), json!({"a": seal(&NEW, HOME), "b": seal(&NEW, HOME)}));
    let run = |task| {
        let mut job = ObjectReseal::new(given.clone(), true).unwrap();
        assert!(!job.step(&BOTH, task, 10));
        job
    };
    let all = run(Task::All(&NEW)).into_object().unwrap();
    for item in ["a", "b"] {
        assert_ne!(all["spec"]["encryptedData"][item], given["spec"]["encryptedData"][item]);
    }
    assert!(!run(Task::Stale(&NEW)).has_changed());
    let asked = run(Task::Open);
    assert!(!asked.has_changed());
    assert_eq!(asked.into_object().unwrap(), given);
}

#[test]
fn the_scope_is_the_objects_own_whatever_the_template_claims() {
    let wide = json!({"sealedsecrets.bitnami.com/namespace-wide": "true"});
    let namespace = Place { scope: Scope::NamespaceWide, ..HOME };
    for (annotations, place) in [(json!({}), HOME), (wide, namespace)] {
        let mut job = ObjectReseal::new(object(annotations, json!({"k": seal(&OLD, place)})), true).unwrap();
        assert_eq!(job.scope(), place.scope);
        job.step(&BOTH, Task::All(&NEW), 1);
        let result = job.into_object().unwrap();
        let text = result["spec"]["encryptedData"]["k"].as_str().unwrap();
        assert!(opens(&NEW_ALONE, text, place));
        for other in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
            assert_eq!(opens(&NEW_ALONE, text, Place { scope: other, ..HOME }), other == place.scope, "{other}");
        }
    }
}

#[test]
fn whatever_is_wrong_fails_alike() {
    let sealed = seal(&OLD, HOME);
    let mut damaged = go_base64::decode(&sealed).unwrap().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let other_name = seal(&OLD, Place { name: "b", ..HOME });
    let other_scope = seal(&OLD, Place { scope: Scope::ClusterWide, ..HOME });
    let other_key = seal(&certificate("keys/rsa3072.crt"), HOME);
    let texts = ["", "!", "AgA=", &go_base64::encode(&damaged), &other_name, &other_scope, &other_key];
    for text in texts {
        assert_eq!(reseal(text, HOME, Task::Open), ItemOutcome::Failed);
        assert_eq!(reseal(text, HOME, Task::Stale(&NEW)), ItemOutcome::Failed);
    }
    let bad_items = texts.iter().map(|text| json!(text)).chain([json!(1), json!(null), json!([]), json!({"a": 1})]);
    for item in bad_items {
        let mut job = ObjectReseal::new(object(json!({}), json!({"a": item, "b": sealed})), true).unwrap();
        assert!(!job.step(&BOTH, Task::All(&NEW), 10), "a failed object is done");
        assert!(job.has_failed() && !job.has_changed());
        assert!(job.into_object().is_none());
    }
}

#[test]
fn an_object_without_items_is_done_at_once() {
    for items in [json!(null), json!({})] {
        let mut job = ObjectReseal::new(object(json!({}), items), true).unwrap();
        assert!(!job.step(&BOTH, Task::All(&NEW), 1));
        assert!(job.into_object().is_some());
    }
    let unfinished = ObjectReseal::new(object(json!({}), json!({"k": seal(&OLD, HOME)})), true).unwrap();
    assert!(unfinished.into_object().is_none(), "what was never opened is not handed out");
}

#[test]
fn the_deprecated_field_is_a_value_like_the_others() {
    let deprecated = |items: Value| {
        let mut given = object(json!({}), items);
        given["spec"]["data"] = seal(&OLD, HOME).into();
        given
    };
    let run = |given: Value, accept| {
        let mut job = ObjectReseal::new(given, accept).unwrap();
        assert!(!job.step(&BOTH, Task::Stale(&NEW), 5));
        job.into_object()
    };
    let result = run(deprecated(json!({})), true).unwrap();
    assert!(opens(&NEW_ALONE, result["spec"]["data"].as_str().unwrap(), HOME));
    assert!(run(deprecated(json!({})), false).is_none(), "switched off");
    assert!(run(deprecated(json!({"k": seal(&OLD, HOME)})), true).is_none(), "both fields");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_resealed_value_opens_in_its_place_and_nowhere_else(scope in 0..3usize, same_namespace: bool, same_name: bool) {
        let scopes = [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide];
        let place = Place { scope: scopes[scope], ..HOME };
        let ItemOutcome::Resealed(text) = reseal(&seal(&OLD, place), place, Task::Stale(&NEW)) else {
            return Err(TestCaseError::fail("it opens"));
        };
        let namespace = if same_namespace { "ns" } else { "ns2" };
        let name = if same_name { "a" } else { "b" };
        for scope in scopes {
            let expected = scope == place.scope && match scope {
                Scope::Strict => same_namespace && same_name,
                Scope::NamespaceWide => same_namespace,
                Scope::ClusterWide => true,
            };
            prop_assert_eq!(opens(&NEW_ALONE, &text, Place { scope, namespace, name }), expected);
        }
    }
}
