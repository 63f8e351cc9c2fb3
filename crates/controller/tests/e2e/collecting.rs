//! `--old-gc-behavior`: what the controller itself deletes when a SealedSecret goes.

use bulla_controller::{Config, Handle};
use http::Method;
use serde_json::{Value, json};

use super::support::{SEALED, SECRETS, World, base64, seal, until};

const SKIP: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

async fn started(old_gc_behavior: bool) -> (World, Handle) {
    let world = World::new();
    let handle = world.start_with(Config { old_gc_behavior, ..World::config() }).await;
    (world, handle)
}

/// A SealedSecret whose Secret nobody but the controller would delete: it has no owner.
fn unowned(handle: &Handle, name: &str) -> Value {
    let mut sealed = seal(handle, name, &[("k", "ours")]);
    sealed["spec"]["template"] = json!({"metadata": {"annotations": {SKIP: "true"}}});
    sealed
}

async fn is_forgotten(world: &World, handle: &Handle, name: &str) {
    let gauge = format!("name=\"{name}\"");
    until("the object is forgotten", || async { (!handle.metrics().contains(&gauge)).then_some(()) }).await;
    world.settled(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_ours_is_deleted_with_its_sealed_secret_if_that_is_asked_for() {
    for asked in [true, false] {
        let (world, handle) = started(asked).await;
        world.post(SEALED, &unowned(&handle, "a")).await;
        world.until_reason("a", "Unsealed").await;
        world.delete(&format!("{SEALED}/a")).await;
        is_forgotten(&world, &handle, "a").await;
        assert_eq!(world.secret("a").await.is_none(), asked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_reference_is_set_all_the_same() {
    let (world, handle) = started(true).await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    let owner = &world.secret("a").await.unwrap()["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], world.sealed("a").await["metadata"]["uid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_ours_is_never_deleted() {
    let (world, handle) = started(true).await;
    world.post(SECRETS, &json!({"metadata": {"name": "blocker"}, "data": {"k": base64("theirs")}})).await;
    let patch = json!({"sealedsecrets.bitnami.com/patch": "true"});
    world.post(SECRETS, &json!({"metadata": {"name": "lent", "annotations": patch}})).await;
    world.post(SEALED, &seal(&handle, "blocker", &[("k", "ours")])).await;
    world.post(SEALED, &seal(&handle, "lent", &[("k", "ours")])).await;
    world.until_reason("blocker", "NotManaged").await;
    world.until_reason("lent", "Unsealed").await;
    for name in ["blocker", "lent"] {
        world.delete(&format!("{SEALED}/{name}")).await;
        is_forgotten(&world, &handle, name).await;
        assert!(world.secret(name).await.is_some(), "{name}");
    }
    assert_eq!(world.cluster.requests().of("delete", "secrets"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_fails_is_tried_again_and_an_edit_on_the_way_stops_nothing() {
    let (world, handle) = started(true).await;
    world.post(SEALED, &unowned(&handle, "a")).await;
    world.until_reason("a", "Unsealed").await;
    world.fail(|method, path| (method == Method::DELETE && path.starts_with(SECRETS)).then_some((500, "out of order")));
    world.delete(&format!("{SEALED}/a")).await;
    world.edit(&format!("{SECRETS}/a"), json!({"metadata": {"labels": {"x": "y"}}})).await;
    world.heal();
    until("it is deleted", || async { world.secret("a").await.is_none().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_of_the_same_name_gets_a_secret_of_its_own() {
    let (world, handle) = started(true).await;
    world.post(SEALED, &unowned(&handle, "a")).await;
    world.until_reason("a", "Unsealed").await;
    let first = world.secret("a").await.unwrap()["metadata"]["uid"].clone();
    world.delete(&format!("{SEALED}/a")).await;
    world.post(SEALED, &unowned(&handle, "a")).await;
    world.until_reason("a", "Unsealed").await;
    assert_ne!(world.secret("a").await.unwrap()["metadata"]["uid"], first);
}
