//! Whose Secret it is (spec part 6).

use http::Method;
use serde_json::{Value, json};

use crate::harness::sealing::base64;
use crate::harness::until;
use crate::harness::world::World;

const NOT_MANAGED: &str = "Resource \"a\" already exists and is not managed by SealedSecret";

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_secret_is_refused_and_left_alone() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let theirs = world.foreign("a", json!({}), json!({"k": base64("theirs")})).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_refused("a", &format!("failed update: {NOT_MANAGED}")).await;
    assert_eq!(world.until_event("a", "ErrUpdateFailed").await["message"], NOT_MANAGED);
    let live = world.secret("a").await.unwrap();
    assert_eq!(live["metadata"]["resourceVersion"], theirs["metadata"]["resourceVersion"]);
    let counted = format!("unseal_errors_total{{reason=\"unmanaged\",namespace=\"{}\"}}", world.namespace);
    assert!(controller.metrics().await.contains(&counted));
}

/// Upstream has forgotten the object by then.
#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_of_the_blocker_lets_the_object_in() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.foreign("a", json!({}), json!({"k": base64("theirs")})).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "False").await;
    world.admin().delete(&world.secret_path("a")).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("value-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_an_earlier_object_of_the_same_name_is_not_ours() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let earlier = json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "a",
        "uid": "00000000-0000-0000-0000-000000000001", "controller": true});
    let labels = json!({"ownerReferences": [earlier]});
    world.foreign("a", labels, json!({"k": base64("earlier")})).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    // The garbage collector may take it away before or after we look; in the end it is ours, and never was before.
    world.until_secret("a", "is collected and made anew", |secret| secret["data"]["k"] == base64("value-1")).await;
    assert_eq!(world.proxy.count("update secrets"), 0);
}

async fn immutable(world: &World) -> Value {
    let mut sealed = world.seal("a", &[("k", "value-1")]);
    sealed["spec"]["template"] = json!({"immutable": true});
    world.create(&sealed).await;
    world.until_synced("a", "True").await;
    sealed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_secret_is_refused_with_the_cure() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    immutable(&world).await;
    let next = world.seal("a", &[("k", "value-2")]);
    let change = json!({"spec": {"encryptedData": next["spec"]["encryptedData"]}});
    world.admin().edit(&world.sealed_path("a"), &change).await;
    let text = format!(
        "Error updating {}/a: the target Secret is immutable. Once a Secret is marked as immutable, it is not possible to \
         revert this change nor to mutate the contents of the data field. You can only delete and recreate the Secret.",
        world.namespace
    );
    world.until_synced("a", "False").await;
    assert_eq!(world.until_event("a", "ErrUpdateFailed").await["message"], text);
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("value-1"));
    world.admin().delete(&world.secret_path("a")).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("value-2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn immutable_is_set_at_creation_only() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
    world.admin().edit(&world.sealed_path("a"), &json!({"spec": {"template": {"immutable": true}}})).await;
    world.until_synced("a", "True").await;
    world.settled(&controller).await;
    assert_eq!(world.secret("a").await.unwrap().get("immutable"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_type_is_refused_until_the_secret_is_deleted() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
    world.admin().edit(&world.sealed_path("a"), &json!({"spec": {"template": {"type": "example.com/x"}}})).await;
    world.until_synced("a", "False").await;
    assert_eq!(world.secret("a").await.unwrap()["type"], "Opaque");
    world.admin().delete(&world.secret_path("a")).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["type"], "example.com/x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_generation_replaces_the_data_and_the_labels_of_the_template() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let mut sealed = world.seal("a", &[("k", "value-1"), ("gone", "value-2")]);
    sealed["spec"]["template"] = json!({"metadata": {"labels": {"old": "1", "stays": "1"}}});
    world.create(&sealed).await;
    world.until_synced("a", "True").await;

    let mut next = world.seal("a", &[("k", "value-3")]);
    next["spec"]["template"] = json!({"metadata": {"labels": {"stays": "2"}}});
    let put = || async {
        next.clone()
            .as_object_mut()
            .unwrap()
            .insert("metadata".to_owned(), world.sealed("a").await["metadata"].clone());
        let mut whole = next.clone();
        whole["metadata"] = world.sealed("a").await["metadata"].clone();
        world.admin().send(Method::PUT, &world.sealed_path("a"), "application/json", Some(&whole)).await.ok()
    };
    until("the object is replaced", put).await;
    let secret =
        world.until_secret("a", "the new value", |secret| secret["data"] == json!({"k": base64("value-3")})).await;
    assert_eq!(secret["metadata"]["labels"], json!({"stays": "2"}));
    assert_eq!(world.until_synced("a", "True").await["status"]["observedGeneration"], 2);
}

const MANAGED: &str = "sealedsecrets.bitnami.com/managed";
const PATCH: &str = "sealedsecrets.bitnami.com/patch";

/// A Secret of somebody else with these annotations, and what our object makes of it.
async fn made_of(annotations: Value, template: Value) -> (World, crate::harness::world::Watched, Value) {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let metadata = json!({"annotations": annotations, "labels": {"theirs": "1", "both": "theirs"}});
    world.foreign("a", metadata, json!({"k": base64("theirs"), "other": base64("stays")})).await;
    let mut sealed = world.seal("a", &[("k", "value-1"), ("new", "value-2")]);
    sealed["spec"]["template"] = template;
    world.create(&sealed).await;
    world.until_synced("a", "True").await;
    world.settled(&controller).await;
    let secret = world.secret("a").await.unwrap();
    (world, controller, secret)
}

fn labels() -> Value {
    json!({"metadata": {"labels": {"both": "ours", "ours": "2"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_secret_is_taken_over() {
    let (world, _controller, secret) = made_of(json!({MANAGED: "true"}), labels()).await;
    assert_eq!(secret["data"], json!({"k": base64("value-1"), "new": base64("value-2")}), "items of others go");
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], world.sealed("a").await["metadata"]["uid"]);
    assert_eq!(
        (&secret["metadata"]["labels"]["both"], &secret["metadata"]["labels"]["ours"]),
        (&json!("ours"), &json!("2"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_to_be_patched_keeps_what_others_put_there_and_gets_no_owner() {
    let (_world, _controller, secret) = made_of(json!({PATCH: "true", "note": "x"}), labels()).await;
    let data = json!({"k": base64("value-1"), "new": base64("value-2"), "other": base64("stays")});
    assert_eq!(secret["data"], data);
    assert_eq!(secret["metadata"]["labels"], json!({"theirs": "1", "both": "ours", "ours": "2"}));
    assert_eq!(secret["metadata"]["annotations"], json!({PATCH: "true", "note": "x"}));
    assert_eq!(secret["metadata"].get("ownerReferences"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn managed_and_patch_together_merge_and_own() {
    let (_world, _controller, secret) = made_of(json!({MANAGED: "true", PATCH: "true"}), json!({})).await;
    let data = json!({"k": base64("value-1"), "new": base64("value-2"), "other": base64("stays")});
    assert_eq!(secret["data"], data);
    assert_eq!(secret["metadata"]["ownerReferences"][0]["kind"], "SealedSecret");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_live_secret_can_say_that_it_is_managed() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.foreign("a", json!({"annotations": {MANAGED: "false"}}), json!({"k": base64("theirs")})).await;
    let mut sealed = world.seal("a", &[("k", "value-1")]);
    sealed["metadata"]["annotations"] = json!({MANAGED: "true", PATCH: "true"});
    sealed["spec"]["template"] = json!({"metadata": {"annotations": {MANAGED: "true", PATCH: "true"}}});
    world.create(&sealed).await;
    world.until_refused("a", &format!("failed update: {NOT_MANAGED}")).await;
    world.admin().edit(&world.secret_path("a"), &json!({"metadata": {"annotations": {MANAGED: "true"}}})).await;
    world.until_synced("a", "True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patched_secret_stays_when_its_sealed_secret_goes() {
    let (world, controller, _) = made_of(json!({PATCH: "true"}), json!({})).await;
    world.admin().delete(&world.sealed_path("a")).await;
    // An object that comes and goes behind it shows that the collector and the controller have been at work.
    world.create(&world.seal("b", &[("k", "value-3")])).await;
    world.until_synced("b", "True").await;
    world.admin().delete(&world.sealed_path("b")).await;
    until("the other Secret is collected", || async { world.secret("b").await.is_none().then_some(()) }).await;
    world.settled(&controller).await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["other"], base64("stays"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_no_owner_later_keeps_the_secret_when_the_object_goes() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
    let skip = json!({"sealedsecrets.bitnami.com/skip-set-owner-references": "true"});
    let change = json!({"spec": {"template": {"metadata": {"annotations": skip}}}});
    world.admin().edit(&world.sealed_path("a"), &change).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["metadata"].get("ownerReferences"), None);
    world.settled(&controller).await;
    world.until_synced("a", "True").await;
    assert!(world.events("a").await.iter().all(|event| event["type"] == "Normal"));
}
