//! Whose Secret it is (spec part 6).

use http::Method;
use serde_json::{Value, json};

use crate::harness::sealing::base64;
use crate::harness::until;
use crate::world::World;

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
