//! The rules as a table: what is there, what the object states, what is done.

use std::sync::{Arc, LazyLock};

use bulla_core::go_base64;
use bulla_core::sealed::{
    KeyRing, KeySize, NewKey, ObjectHints, RingKey, Scope, SealedSecret, SealingCertificate, UnsealOptions,
    generate_key, seal_value, unseal,
};
use serde_json::json;

use super::*;

mod part_6;

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
    unseal(&sealed, &KEY.0, &mut ObjectHints::default(), UnsealOptions::default(), &crate::render_templates)
        .ok()
        .unwrap()
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

/// The plan in words: `leave`, `create`, the aspects that are updated, or the reason of the refusal; then how.
fn word(plan: &Plan) -> String {
    let how = |lent: bool| if lent { ", lent" } else { "" };
    match plan {
        Plan::Create(manifest) => format!("create{}", how(manifest.lent)),
        Plan::Leave { lent } => format!("leave{}", how(*lent)),
        Plan::Refuse(refusal) => refusal.reason.as_str().to_owned(),
        Plan::Update(manifest, changes) => {
            let aspects = [
                (!changes.data.is_empty(), "data"),
                (!changes.labels.is_empty(), "labels"),
                (!changes.annotations.is_empty(), "annotations"),
                (changes.owner, "owner"),
            ];
            let aspects: Vec<_> = aspects.iter().filter(|(changed, _)| *changed).map(|(_, name)| *name).collect();
            format!("{}{}{}", aspects.join("+"), if manifest.merge { ", merge" } else { "" }, how(manifest.lent))
        }
    }
}

fn annotated(annotations: &[&str]) -> Value {
    let annotations = annotations.iter().map(|name| (format!("sealedsecrets.bitnami.com/{name}"), json!("true")));
    json!({"metadata": {"annotations": annotations.collect::<Map<String, Value>>()}})
}

/// `change` on top of `base`.
fn with(mut base: Value, change: &Value) -> Value {
    fn add(into: &mut Value, from: &Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    add(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from.clone(),
        }
    }
    add(&mut base, change);
    base
}

/// What a row is about, the template, the live Secret, our record, and the plan.
type Row = (&'static str, Value, Value, Option<Applied>, &'static str);

fn check(table: Vec<Row>) {
    for (about, template, change, applied, expected) in table {
        let plan = plan(&desired(&template), &OWNER, Some(&live(&change)), applied.as_ref());
        assert_eq!(word(&plan), expected, "{about}");
    }
}

fn nobodys() -> Value {
    json!({"metadata": {"ownerReferences": null}})
}

fn anothers() -> Value {
    json!({"metadata": {"ownerReferences": [{"uid": "x", "controller": true}]}})
}

fn mine() -> Option<Applied> {
    Some(record("secret", &[], &[]))
}

fn lent() -> Option<Applied> {
    mine().map(|record| Applied { lent: true, ..record })
}

/// Whose a Secret is beyond part 6: our record, and what it does not claim.
#[test]
fn a_secret_is_ours_by_owner_reference_record_or_its_own_word() {
    let skip = annotated(&["skip-set-owner-references"]);
    let not_controlling = json!({"metadata": {"ownerReferences": [{"uid": "owner"}]}});
    check(vec![
        (
            "nobody's, and a record of another Secret",
            json!({}),
            nobodys(),
            Some(record("other", &[], &[])),
            "NotManaged",
        ),
        ("our owner reference was taken off", json!({}), nobodys(), mine(), "owner"),
        ("another's, although we wrote it", json!({}), anothers(), mine(), "NotManaged"),
        ("ours, but not as controller, and no record", json!({}), not_controlling.clone(), None, "NotManaged"),
        ("ours, but not as controller", json!({}), not_controlling, mine(), "owner"),
        (
            "ours beside a foreign owner that does not control",
            json!({}),
            json!({"metadata": {"ownerReferences": [{"uid": "x"}, OWNER.to_json()]}}),
            None,
            "leave",
        ),
        ("no owner wanted any more", skip.clone(), skip.clone(), None, "owner"),
        (
            "no owner wanted any more, but merging removes nothing",
            skip.clone(),
            with(skip.clone(), &annotated(&["patch"])),
            None,
            "leave",
        ),
        (
            "no owner wanted, and the one that is there is foreign",
            skip.clone(),
            with(skip.clone(), &json!({"metadata": {"ownerReferences": [{"uid": "x"}]}})),
            mine(),
            "leave",
        ),
        (
            "`patch` was taken back",
            json!({}),
            with(nobodys(), &json!({"data": {"more": "eA=="}})),
            lent(),
            "NotManaged",
        ),
        ("`managed` was taken back, and we never became the owner", skip.clone(), nobodys(), lent(), "NotManaged"),
        (
            "lent, and still allowed",
            skip.clone(),
            with(nobodys(), &annotated(&["managed"])),
            lent(),
            "annotations, lent",
        ),
        (
            "created by us, then annotated: the record goes on",
            skip.clone(),
            with(with(nobodys(), &skip), &annotated(&["patch"])),
            mine(),
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
        (
            "being deleted, and of another type",
            json!({"type": "x/y"}),
            json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            None,
            "Terminating",
        ),
    ]);
}

#[test]
fn drift_is_what_the_object_states_and_only_that() {
    let label = json!({"metadata": {"labels": {"x": "y"}}});
    let annotation = json!({"metadata": {"annotations": {"x": "y"}}});
    check(vec![
        ("as stated, with a record", json!({}), json!({}), mine(), "leave"),
        ("an edited value", json!({}), json!({"data": {"k": "eA=="}}), None, "data"),
        ("a value too many", json!({}), json!({"data": {"more": "eA=="}}), None, "data"),
        ("no values", json!({}), json!({"data": null}), None, "data"),
        ("a renamed value", json!({}), json!({"data": {"k": null, "l": "dg=="}}), None, "data"),
        ("foreign label and annotation", json!({}), with(label.clone(), &annotation), mine(), "leave"),
        ("a foreign finalizer", json!({}), json!({"metadata": {"finalizers": ["x/y"]}}), None, "leave"),
        ("a stated label is missing", label.clone(), json!({}), None, "labels"),
        ("a stated label was edited", label.clone(), json!({"metadata": {"labels": {"x": "z"}}}), None, "labels"),
        ("a stated label is there", label.clone(), label.clone(), None, "leave"),
        ("a stated annotation is missing", annotation.clone(), json!({}), None, "annotations"),
        ("a label named before", json!({}), label.clone(), Some(record("secret", &["x"], &[])), "labels"),
        ("an annotation named before", json!({}), annotation, Some(record("secret", &[], &["x"])), "annotations"),
        ("a label named before, already gone", json!({}), json!({}), Some(record("secret", &["x"], &[])), "leave"),
        ("a label named before, and now", label.clone(), label.clone(), Some(record("secret", &["x"], &[])), "leave"),
        ("a label named in a record of another Secret", json!({}), label, Some(record("other", &["x"], &[])), "leave"),
        ("explicitly mutable and edited", json!({}), json!({"immutable": false, "data": {"k": "eA=="}}), None, "data"),
    ]);
}

#[test]
fn changes_are_told_by_name() {
    let template = json!({"metadata": {"labels": {"app": "shop"}, "annotations": {"note": "n"}}});
    let change = json!({"metadata": {"labels": {"old": "1"}}, "data": {"k": "eA==", "more": "eA=="}});
    let record = record("secret", &["old"], &[]);
    let Plan::Update(_, changes) = plan(&desired(&template), &OWNER, Some(&live(&change)), Some(&record)) else {
        panic!("it must be updated")
    };
    let expected = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<Box<str>>>();
    assert_eq!(
        changes,
        Changes {
            data: expected(&["k", "more"]),
            labels: expected(&["app", "old"]),
            annotations: expected(&["note"]),
            owner: false
        }
    );
}

#[test]
fn whoever_controlled_an_adopted_secret_controls_it_no_longer_and_other_owners_stay() {
    let owners =
        json!({"metadata": {"ownerReferences": [{"uid": "x", "controller": true}, {"uid": "y"}, {"uid": "owner"}]}});
    let change = with(annotated(&["managed"]), &owners);
    let Plan::Update(manifest, _) = plan(&desired(&json!({})), &OWNER, Some(&live(&change)), None) else {
        panic!("it must be adopted")
    };
    assert_eq!(manifest.metadata["ownerReferences"], json!([{"uid": "y"}, OWNER.to_json()]));
    assert_eq!(manifest.metadata["annotations"]["sealedsecrets.bitnami.com/managed"], "true");
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
    let template = annotated(&["skip-set-owner-references"]);
    let Plan::Create(manifest) = plan(&desired(&template), &OWNER, None, Some(&record("gone", &[], &[]))) else {
        panic!("it must be created")
    };
    assert!(!manifest.metadata.contains_key("ownerReferences"));
    assert!(manifest.metadata.contains_key("annotations"));
}

fn stranger(uid: &str, controls: bool) -> Value {
    let mut owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": uid, "uid": uid});
    if controls {
        owner["controller"] = true.into();
    }
    owner
}

#[test]
fn owners_that_the_template_states_count_where_it_asks_for_none_of_ours() {
    let owners = |owners: &[Value]| json!({"metadata": {"ownerReferences": owners}});
    let skip = annotated(&["skip-set-owner-references"]);
    let (x, y, boss) = (stranger("x", false), stranger("y", false), stranger("boss", true));
    let stated = with(skip.clone(), &owners(std::slice::from_ref(&x)));
    let Plan::Create(manifest) = plan(&desired(&stated), &OWNER, None, None) else { panic!("it must be created") };
    assert_eq!(manifest.metadata["ownerReferences"], json!([x]));

    let change = with(skip.clone(), &owners(&[y.clone(), OWNER.to_json()]));
    let Plan::Update(manifest, _) = plan(&desired(&stated), &OWNER, Some(&live(&change)), None) else {
        panic!("it must be updated")
    };
    assert_eq!(manifest.metadata["ownerReferences"], json!([y, x]), "ours goes, and a foreign one stays");

    let controlled = with(skip.clone(), &owners(std::slice::from_ref(&boss)));
    let itself = with(skip.clone(), &owners(&[OWNER.to_json()]));
    let two = with(skip.clone(), &owners(&[stranger("boss", true), stranger("other", true)]));
    let merged = with(skip.clone(), &annotated(&["patch"]));
    check(vec![
        ("all of them are there", stated.clone(), with(skip.clone(), &owners(&[y, x.clone()])), mine(), "leave"),
        ("one that controls", controlled.clone(), with(skip.clone(), &nobodys()), mine(), "owner"),
        ("one that controls is there, and we wrote it", controlled.clone(), controlled.clone(), mine(), "leave"),
        (
            "one that controls is there, and we did not write it",
            controlled.clone(),
            controlled.clone(),
            None,
            "NotManaged",
        ),
        ("another controls", controlled, with(skip.clone(), &anothers()), mine(), "NotManaged"),
        ("the SealedSecret itself", itself.clone(), itself, None, "leave"),
        (
            "two that control do not take turns",
            two,
            with(skip.clone(), &owners(&[stranger("other", true)])),
            mine(),
            "leave",
        ),
        ("merging touches no owner", stated.clone(), merged.clone(), mine(), "leave"),
        (
            "merging into a managed one",
            with(stated, &annotated(&["managed"])),
            with(merged, &annotated(&["managed"])),
            mine(),
            "owner, merge",
        ),
    ]);
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
    assert_eq!(
        other_type.error,
        "failed update: the type of Secret \"a\" cannot change from \"Opaque\" to \"kubernetes.io/tls\""
    );
    for refusal in [&immutable, &other_type] {
        assert!(refusal.explanation.contains("kubectl -n ns delete secret a"), "{}", refusal.explanation);
    }
    let terminating = refusal(json!({}), json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    assert_eq!(terminating.error, "failed update: Secret \"a\" is being deleted");
    let patched = annotated(&["patch"]);
    for refusal in [
        refusal(json!({}), with(patched.clone(), &json!({"immutable": true, "data": {"k": "eA=="}}))),
        refusal(json!({"type": "kubernetes.io/tls"}), patched),
    ] {
        assert!(!refusal.explanation.contains("delete"), "items of others would be lost: {}", refusal.explanation);
    }
}
