//! Which labels a value is tried under, what that costs, and what the template may say about owners.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use bulla_core::go_base64;
use bulla_core::sealed::{
    Failure, KeyRing, ObjectHints, Scope, SealedSecret, UnsealError, UnsealOptions, UnsealedSecret, seal_value, unseal,
};
use serde_json::{Value, json};
use support::{certificate, never, ring};

const STRICT: Scope = Scope::Strict;
const NAMESPACE: Scope = Scope::NamespaceWide;
const CLUSTER: Scope = Scope::ClusterWide;

fn sealed_for((scope, namespace, name): (Scope, &str, &str)) -> Value {
    let certificate = certificate("sealed/keys/rsa2048.crt");
    go_base64::encode(&seal_value(b"v", &certificate, scope, namespace, name).unwrap()).to_string().into()
}

/// `n/a`, or with other metadata, with `items` and a template.
fn object(metadata: Value, items: Value, template: Value) -> SealedSecret {
    let mut object =
        json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"encryptedData": items, "template": template}});
    object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    SealedSecret::from_json(&object).unwrap()
}

fn open(object: &SealedSecret, ring: &KeyRing, options: UnsealOptions) -> Result<UnsealedSecret, UnsealError> {
    unseal(object, ring, &mut ObjectHints::default(), options, &never)
}

/// What is said about the one item, and the RSA operations that it took.
fn diagnosis(object: &SealedSecret, options: UnsealOptions) -> (Option<(Scope, String, String)>, u64) {
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let Err(UnsealError::Items(errors)) = open(object, &ring, options).map(|_| ()) else { panic!("it opens") };
    let found = match errors.iter().next().unwrap().1 {
        Failure::OtherLabel { scope, namespace, name, .. } => Some((*scope, namespace.clone(), name.clone())),
        Failure::NoKey { .. } => None,
        other => panic!("{other:?}"),
    };
    (found, ring.private_operations())
}

#[test]
fn a_value_that_does_not_open_is_tried_wherever_it_may_have_been_sealed_for_and_nowhere_else() {
    let both = json!({"metadata": {"namespace": "m", "name": "b"}});
    let name = json!({"metadata": {"name": "b"}});
    let namespace = json!({"metadata": {"namespace": "m"}});
    let same = json!({"metadata": {"namespace": "n", "name": "a"}});
    let stranger = (STRICT, "x", "y");
    let cluster_wide = json!({"annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}});
    let namespace_wide = json!({"annotations": {"sealedsecrets.bitnami.com/namespace-wide": "true"}});
    let none = json!({});
    // (metadata, template, sealed for, found, RSA operations: one for the place that the object states, one for each other)
    for (metadata, template, place, found, operations) in [
        (&none, &none, (NAMESPACE, "n", ""), true, 2),
        (&none, &none, (CLUSTER, "", ""), true, 3),
        (&none, &none, stranger, false, 3),
        (&none, &same, stranger, false, 3),
        (&cluster_wide, &none, (STRICT, "n", "a"), true, 2),
        (&cluster_wide, &none, (NAMESPACE, "n", ""), true, 3),
        (&cluster_wide, &none, stranger, false, 3),
        (&namespace_wide, &none, (STRICT, "n", "a"), true, 2),
        (&namespace_wide, &none, (CLUSTER, "", ""), true, 3),
        (&none, &both, (STRICT, "m", "b"), true, 4),
        (&none, &both, (STRICT, "n", "b"), true, 5),
        (&none, &both, (STRICT, "m", "a"), true, 6),
        (&none, &both, (NAMESPACE, "m", ""), true, 7),
        (&none, &both, stranger, false, 7),
        (&none, &name, (STRICT, "n", "b"), true, 4),
        (&none, &name, stranger, false, 4),
        (&none, &namespace, (STRICT, "m", "a"), true, 4),
        (&none, &namespace, (NAMESPACE, "m", ""), true, 5),
        (&none, &namespace, stranger, false, 5),
    ] {
        let object = object(metadata.clone(), json!({"k": sealed_for(place)}), template.clone());
        let expected = found.then(|| (place.0, place.1.to_owned(), place.2.to_owned()));
        let about = format!("{metadata} {template} {place:?}");
        assert_eq!(diagnosis(&object, UnsealOptions::default()), (expected, operations), "{about}");
        let silent = UnsealOptions { diagnose: false, ..UnsealOptions::default() };
        assert_eq!(diagnosis(&object, silent), (None, 1), "without diagnosis: {about}");
    }
}

#[test]
fn one_value_of_an_object_is_diagnosed_and_every_one_is_named() {
    let moved = sealed_for((STRICT, "n", "before"));
    let items = json!({"a": moved, "b": moved, "c": moved});
    let object = object(json!({}), items, json!({"metadata": {"name": "before"}}));
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let Err(UnsealError::Items(errors)) = open(&object, &ring, UnsealOptions::default()).map(|_| ()) else {
        panic!("it opens")
    };
    let causes: Vec<_> =
        errors.iter().map(|(item, failure)| (item, matches!(failure, Failure::OtherLabel { .. }))).collect();
    assert_eq!(causes, [("a", true), ("b", false), ("c", false)]);
    assert_eq!(ring.private_operations(), 3 + 3, "one each, and three other labels for the first");
}

#[test]
fn one_bad_item_keeps_the_others_back() {
    let items = json!({"good": sealed_for((STRICT, "n", "a")), "bad": sealed_for((STRICT, "n", "other"))});
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let Err(UnsealError::Items(errors)) =
        open(&object(json!({}), items, json!({})), &ring, UnsealOptions::default()).map(|_| ())
    else {
        panic!("it opens")
    };
    assert_eq!(errors.iter().map(|(item, _)| item).collect::<Vec<_>>(), ["bad"]);
}

#[test]
fn only_the_exact_word_true_in_the_template_leaves_owners_alone() {
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    for (annotations, skips) in [
        (json!({}), false),
        (json!({"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}), true),
        (json!({"sealedsecrets.bitnami.com/skip-set-owner-references": "True"}), false),
        (json!({"sealedsecrets.bitnami.com/skip-set-owner-references": ""}), false),
        (json!({"skip-set-owner-references": "true"}), false),
    ] {
        let items = json!({"k": sealed_for((STRICT, "n", "a"))});
        let object = object(json!({}), items, json!({"metadata": {"annotations": annotations}}));
        let secret = open(&object, &ring, UnsealOptions::default()).map_err(|error| error.to_string()).unwrap();
        assert_eq!(secret.skips_owner_reference(), skips, "{annotations}");
    }
}

#[test]
fn metadata_of_the_secret_is_the_objects_own_and_the_templates() {
    let template = json!({"type": "t", "immutable": false, "metadata": {"name": "other", "namespace": "other",
        "labels": {"l": "1"}, "annotations": {"a": "2"}}});
    let object = object(json!({}), json!({"k": sealed_for((STRICT, "n", "a"))}), template);
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let secret = open(&object, &ring, UnsealOptions::default()).map_err(|error| error.to_string()).unwrap();
    assert_eq!((secret.name(), secret.namespace()), ("a", "n"));
    assert_eq!((secret.stated_type(), secret.secret_type(), secret.immutable()), ("t", "t", Some(false)));
    assert_eq!(json!([secret.labels(), secret.annotations()]), json!([{"l": "1"}, {"a": "2"}]));
    assert_eq!(secret.keys()["k"], ring.fingerprints()[0]);
    assert_eq!(secret.data()["k"].expose(), b"v");
    assert!(secret.varying().is_empty());
}
