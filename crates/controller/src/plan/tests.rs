//! The rules as a table: what is there, what the object states, what is done.

use std::sync::{Arc, LazyLock};

use bulla_core::go_base64;
use bulla_core::sealed::{
    KeyRing, KeySize, NewKey, ObjectHints, RingKey, Scope, SealedSecret, SealingCertificate, UnsealOptions,
    generate_key, seal_value, unseal,
};
use serde_json::json;

use super::*;

static KEY: LazyLock<(KeyRing, SealingCertificate)> = LazyLock::new(|| {
    let request = NewKey {
        size: KeySize::Rsa2048,
        not_before: "2026-01-01T00:00:00Z".parse().unwrap(),
        validity: jiff::SignedDuration::from_hours(1),
        common_name: String::new(),
    };
    let key = generate_key(&request).unwrap();
    (KeyRing::new([Arc::new(RingKey { key: key.key, since: request.not_before })]), key.certificate)
});

const OWNER: OwnerReference<'_> = OwnerReference { name: "a", uid: "owner" };

/// The Secret `ns/a` with the item `k` = `v`, as a template with `change` states it.
fn desired(change: &Value) -> UnsealedSecret {
    let value = seal_value(b"v", &KEY.1, Scope::Strict, "ns", "a").unwrap();
    let mut sealed = json!({
        "metadata": {"namespace": "ns", "name": "a"},
        "spec": {"encryptedData": {"k": go_base64::encode(&value)}, "template": {}},
    });
    for (field, value) in change.as_object().unwrap() {
        sealed["spec"]["template"][field] = value.clone();
    }
    let sealed = SealedSecret::from_json(&sealed).unwrap();
    unseal(&sealed, &KEY.0, &mut ObjectHints::default(), UnsealOptions::default()).ok().unwrap()
}

/// A live Secret that is as `desired(&json!({}))` states it, except for `change` (a JSON merge patch).
fn live(change: &Value) -> LiveSecret {
    let mut live = json!({
        "metadata": {"namespace": "ns", "name": "a", "uid": "secret", "resourceVersion": "5", "ownerReferences": [OWNER.to_json()]},
        "type": "Opaque",
        "data": {"k": "dg=="},
    });
    merge(&mut live, change);
    LiveSecret::from_body(live.to_string().as_bytes()).unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    let Value::Object(from) = from else {
        *into = from.clone();
        return;
    };
    for (key, value) in from {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut into[key.as_str()], value);
        }
    }
}

fn record(secret: &str, labels: &[&str], annotations: &[&str]) -> Applied {
    Applied {
        labels: labels.iter().map(|name| (*name).into()).collect(),
        annotations: annotations.iter().map(|name| (*name).into()).collect(),
        ..Applied::new(&desired(&json!({})), 1, Scope::Strict, secret, "5")
    }
}

/// The plan in one word: `leave`, `create`, the aspects that are updated, or the reason of the refusal.
fn word(plan: &Plan) -> String {
    match plan {
        Plan::Create(_) => "create".to_owned(),
        Plan::Leave => "leave".to_owned(),
        Plan::Refuse(refusal) => refusal.reason.as_str().to_owned(),
        Plan::Update(_, changes) => [
            (changes.data, "data"),
            (changes.labels, "labels"),
            (changes.annotations, "annotations"),
            (changes.owner, "owner"),
        ]
        .iter()
        .filter(|(changed, _)| *changed)
        .map(|(_, name)| *name)
        .collect::<Vec<_>>()
        .join("+"),
    }
}

const SKIP: &str = r#"{"metadata": {"annotations": {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}}}"#;

#[test]
fn every_rule_of_writing_a_secret() {
    let skip: Value = serde_json::from_str(SKIP).unwrap();
    let skipped = skip["metadata"].clone();
    let nobody = json!({"metadata": {"ownerReferences": null}});
    let mine = Some(record("secret", &[], &[]));
    // (what it is about, the template, the live Secret, our record, the plan)
    let table: Vec<(&str, Value, Value, Option<Applied>, &str)> = vec![
        ("as stated", json!({}), json!({}), None, "leave"),
        ("as stated, with a record", json!({}), json!({}), mine.clone(), "leave"),
        ("an edited value", json!({}), json!({"data": {"k": "eA=="}}), None, "data"),
        ("a value too many", json!({}), json!({"data": {"more": "eA=="}}), None, "data"),
        ("no values", json!({}), json!({"data": null}), None, "data"),
        ("a renamed value", json!({}), json!({"data": {"k": null, "l": "dg=="}}), None, "data"),
        (
            "foreign label and annotation",
            json!({}),
            json!({"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}}}),
            mine.clone(),
            "leave",
        ),
        ("a foreign finalizer", json!({}), json!({"metadata": {"finalizers": ["x/y"]}}), None, "leave"),
        ("a stated label is missing", json!({"metadata": {"labels": {"x": "y"}}}), json!({}), None, "labels"),
        (
            "a stated label was edited",
            json!({"metadata": {"labels": {"x": "y"}}}),
            json!({"metadata": {"labels": {"x": "z"}}}),
            None,
            "labels",
        ),
        (
            "a stated label is there",
            json!({"metadata": {"labels": {"x": "y"}}}),
            json!({"metadata": {"labels": {"x": "y"}}}),
            None,
            "leave",
        ),
        (
            "a stated annotation is missing",
            json!({"metadata": {"annotations": {"x": "y"}}}),
            json!({}),
            None,
            "annotations",
        ),
        (
            "a label that the template named before",
            json!({}),
            json!({"metadata": {"labels": {"x": "y"}}}),
            Some(record("secret", &["x"], &[])),
            "labels",
        ),
        (
            "such an annotation",
            json!({}),
            json!({"metadata": {"annotations": {"x": "y"}}}),
            Some(record("secret", &[], &["x"])),
            "annotations",
        ),
        ("such a label, already gone", json!({}), json!({}), Some(record("secret", &["x"], &[])), "leave"),
        (
            "such a label, in a record of another Secret",
            json!({}),
            json!({"metadata": {"labels": {"x": "y"}}}),
            Some(record("other", &["x"], &[])),
            "leave",
        ),
        (
            "everything at once",
            json!({"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}}}),
            json!({"data": {"k": "eA=="}}),
            None,
            "data+labels+annotations",
        ),
        ("no type is Opaque", json!({}), json!({"type": null}), None, "leave"),
        ("Opaque is no type", json!({"type": "Opaque"}), json!({"type": ""}), None, "leave"),
        ("another type", json!({"type": "kubernetes.io/tls"}), json!({}), None, "TypeChange"),
        (
            "another type and data",
            json!({"type": "kubernetes.io/tls"}),
            json!({"data": {"k": "eA=="}}),
            None,
            "TypeChange",
        ),
        ("immutable and as stated", json!({}), json!({"immutable": true}), None, "leave"),
        (
            "immutable and edited before",
            json!({}),
            json!({"immutable": true, "data": {"k": "eA=="}}),
            None,
            "Immutable",
        ),
        (
            "immutable, only a label differs",
            json!({"metadata": {"labels": {"x": "y"}}}),
            json!({"immutable": true}),
            None,
            "labels",
        ),
        ("explicitly mutable and edited", json!({}), json!({"immutable": false, "data": {"k": "eA=="}}), None, "data"),
        ("immutable is asked for too late", json!({"immutable": true}), json!({}), None, "leave"),
        ("nobody's", json!({}), nobody.clone(), None, "NotManaged"),
        (
            "nobody's, and a record of another Secret",
            json!({}),
            nobody.clone(),
            Some(record("other", &[], &[])),
            "NotManaged",
        ),
        ("our owner reference was taken off", json!({}), nobody.clone(), mine.clone(), "owner"),
        (
            "another's",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"uid": "x", "controller": true}]}}),
            None,
            "NotManaged",
        ),
        (
            "another's, although we wrote it",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"uid": "x", "controller": true}]}}),
            mine.clone(),
            "NotManaged",
        ),
        (
            "an earlier SealedSecret's of the same name",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "a", "uid": "earlier", "controller": true}]}}),
            None,
            "NotManaged",
        ),
        (
            "ours, but not as controller, and no record",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"uid": "owner"}]}}),
            None,
            "NotManaged",
        ),
        (
            "ours, but not as controller",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"uid": "owner"}]}}),
            mine.clone(),
            "owner",
        ),
        (
            "ours beside a foreign owner that does not control",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"uid": "x"}, OWNER.to_json()]}}),
            None,
            "leave",
        ),
        (
            "no owner wanted, nobody's, and a record",
            skip.clone(),
            json!({"metadata": {"ownerReferences": null, "annotations": skipped["annotations"].clone()}}),
            mine.clone(),
            "leave",
        ),
        ("no owner wanted, nobody's, no record", skip.clone(), nobody.clone(), None, "NotManaged"),
        (
            "no owner wanted any more",
            skip.clone(),
            json!({"metadata": {"annotations": skipped["annotations"].clone()}}),
            None,
            "leave",
        ),
        (
            "being deleted",
            json!({}),
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            None,
            "Terminating",
        ),
        (
            "being deleted, and another's",
            json!({}),
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": null}}),
            None,
            "NotManaged",
        ),
    ];
    for (about, template, change, applied, expected) in table {
        let plan = plan(&desired(&template), &OWNER, Some(&live(&change)), applied.as_ref());
        assert_eq!(word(&plan), expected, "{about}");
    }
}

#[test]
fn an_absent_secret_is_created_whole() {
    let template = json!({"immutable": true, "metadata": {"labels": {"x": "y"}, "finalizers": ["never/copied"],
        "ownerReferences": [{"uid": "never copied"}]}});
    let Plan::Create(manifest) = plan(&desired(&template), &OWNER, None, None) else { panic!("it must be created") };
    assert_eq!(manifest.immutable, Some(true));
    assert_eq!(
        Value::Object(manifest.metadata),
        json!({"namespace": "ns", "name": "a", "labels": {"x": "y"}, "ownerReferences": [{
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "a", "uid": "owner", "controller": true}]})
    );
}

#[test]
fn a_secret_that_wants_no_owner_is_created_without_one() {
    let template: Value = serde_json::from_str(SKIP).unwrap();
    let Plan::Create(manifest) = plan(&desired(&template), &OWNER, None, Some(&record("gone", &[], &[]))) else {
        panic!("it must be created")
    };
    assert!(!manifest.metadata.contains_key("ownerReferences"));
    assert!(manifest.metadata.contains_key("annotations"));
}

#[test]
fn an_update_gives_back_what_is_not_ours() {
    let change = json!({"immutable": false, "data": {"k": "eA=="}, "metadata": {
        "finalizers": ["x/y"], "labels": {"foreign": "1", "mine": "old", "dropped": "1"},
        "ownerReferences": [{"uid": "x"}, {"uid": "owner", "controller": true}]}});
    let template = json!({"immutable": true, "metadata": {"labels": {"mine": "new"}}});
    let record = record("secret", &["dropped", "mine"], &[]);
    let plan = plan(&desired(&template), &OWNER, Some(&live(&change)), Some(&record));
    let Plan::Update(manifest, _) = plan else { panic!("it must be updated: {plan:?}") };
    assert_eq!(manifest.immutable, Some(false), "immutable is set at creation only");
    let metadata = Value::Object(manifest.metadata);
    assert_eq!(metadata["resourceVersion"], "5");
    assert_eq!(metadata["finalizers"], json!(["x/y"]));
    assert_eq!(metadata["labels"], json!({"foreign": "1", "mine": "new"}));
    assert_eq!(metadata["ownerReferences"], json!([{"uid": "x"}, OWNER.to_json()]));
}

#[test]
fn refusals_have_upstreams_words_and_name_the_cure() {
    let refusal = |template: Value, change: Value| match plan(&desired(&template), &OWNER, Some(&live(&change)), None) {
        Plan::Refuse(refusal) => refusal,
        other => panic!("it must be refused: {other:?}"),
    };
    let foreign = refusal(json!({}), json!({"metadata": {"ownerReferences": null}}));
    assert_eq!(foreign.error, "failed update: Resource \"a\" already exists and is not managed by SealedSecret");
    let immutable = refusal(json!({}), json!({"immutable": true, "data": {"k": "eA=="}}));
    assert_eq!(
        immutable.error,
        "Error updating ns/a: the target Secret is immutable. Once a Secret is marked as immutable, it is not possible to \
         revert this change nor to mutate the contents of the data field. You can only delete and recreate the Secret."
    );
    let other_type = refusal(json!({"type": "kubernetes.io/tls"}), json!({}));
    for refusal in [&immutable, &other_type] {
        assert!(refusal.explanation.contains("kubectl -n ns delete secret a"), "{}", refusal.explanation);
    }
}
