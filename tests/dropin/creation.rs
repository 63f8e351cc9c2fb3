//! From SealedSecret to Secret (spec part 4.1).

use serde_json::{Value, json};

use crate::harness::sealing::base64;
use crate::harness::world::World;

const SKIP_OWNER: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

async fn secret_of(world: &World, template: Value, items: &[(&str, &str)]) -> Value {
    let mut sealed = world.seal("a", items);
    sealed["spec"]["template"] = template;
    world.create(&sealed).await;
    world.until_synced("a", "True").await;
    world.secret("a").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_complete_in_the_one_create_request() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let template = json!({"type": "example.com/x", "immutable": true,
        "metadata": {"labels": {"app": "shop"}, "annotations": {"note": "n"}}});
    let secret = secret_of(&world, template, &[("user", "administrator"), ("empty", "")]).await;
    world.settled(&controller).await;

    let asked = world.proxy.asked();
    let writes: Vec<_> = asked.iter().filter(|asked| asked.is_write() && asked.path.contains("/secrets")).collect();
    assert_eq!(writes.len(), 1, "{:?}", writes.iter().map(|write| write.verb()).collect::<Vec<_>>());
    let sent = writes[0].json();
    let owner = json!([{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "a",
        "uid": world.sealed("a").await["metadata"]["uid"], "controller": true}]);
    for (whose, secret) in [("what was sent", &sent), ("what is there", &secret)] {
        assert_eq!(secret["data"], json!({"user": base64("administrator"), "empty": ""}), "{whose}");
        assert_eq!((&secret["type"], &secret["immutable"]), (&json!("example.com/x"), &json!(true)), "{whose}");
        assert_eq!(secret["metadata"]["ownerReferences"], owner, "{whose}");
        assert_eq!(secret["metadata"]["labels"], json!({"app": "shop"}), "{whose}");
        assert_eq!(secret["metadata"]["annotations"], json!({"note": "n"}), "{whose}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_namespace_are_those_of_the_sealed_secret() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let template = json!({"metadata": {"name": "other", "namespace": "default", "labels": {"x": "y"}}});
    let secret = secret_of(&world, template, &[("k", "value-1")]).await;
    assert_eq!(secret["metadata"]["namespace"], world.namespace);
    assert_eq!(secret["metadata"]["labels"]["x"], "y");
    assert!(world.secret("other").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn finalizers_and_other_owners_of_the_template_are_not_copied() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "1"});
    let template = json!({"metadata": {"finalizers": ["example.com/f"], "ownerReferences": [owner]}});
    let secret = secret_of(&world, template, &[("k", "value-1")]).await;
    assert_eq!(secret["metadata"].get("finalizers"), None);
    let owners = secret["metadata"]["ownerReferences"].as_array().unwrap();
    assert_eq!((owners.len(), &owners[0]["kind"]), (1, &json!("SealedSecret")));
    assert_eq!(owners[0].get("blockOwnerDeletion"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_owner_reference_where_the_template_says_so_and_no_error() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let secret =
        secret_of(&world, json!({"metadata": {"annotations": {SKIP_OWNER: "true"}}}), &[("k", "value-1")]).await;
    assert_eq!(secret["metadata"].get("ownerReferences"), None);
    world.settled(&controller).await;
    world.until_synced("a", "True").await;
    assert!(world.events("a").await.iter().all(|event| event["type"] == "Normal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_owners_of_the_template_where_it_says_so() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let path = format!("/api/v1/namespaces/{}/configmaps", world.namespace);
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    let map = world.admin().post(&path, &object).await;
    let uid = &map["metadata"]["uid"];
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": uid, "controller": true});
    let template = json!({"metadata": {"annotations": {SKIP_OWNER: "true"}, "ownerReferences": [owner]}});
    let secret = secret_of(&world, template, &[("k", "value-1")]).await;
    assert_eq!(secret["metadata"]["ownerReferences"], json!([owner]));
    world.settled(&controller).await;
    world.until_synced("a", "True").await;
    assert!(world.events("a").await.iter().all(|event| event["type"] == "Normal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_is_left_out_is_opaque_and_costs_no_second_write() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let secret = secret_of(&world, json!({}), &[("k", "value-1")]).await;
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(secret.get("immutable"), None);
    world.settled(&controller).await;
    assert_eq!(world.proxy.count("update secrets"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_items_is_legal() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let secret = secret_of(&world, json!({"metadata": {"labels": {"only": "this"}}}), &[]).await;
    assert!(secret["data"].is_null());
    assert_eq!(secret["metadata"]["labels"], json!({"only": "this"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_values_and_large_values_arrive_whole() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let large = "0123456789abcdef".repeat(16 * 1024);
    let secret = secret_of(&world, json!({}), &[("large", &large), ("binary", "\u{0}\u{1}\r\n\u{ff}")]).await;
    assert_eq!(secret["data"], json!({"large": base64(&large), "binary": base64("\u{0}\u{1}\r\n\u{ff}")}));
}
