//! What goes when a SealedSecret goes.

use serde_json::json;

use crate::harness::until;
use crate::harness::world::World;

/// By Kubernetes' own garbage collector: the controller does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_secret_goes_with_its_sealed_secret_and_does_not_come_back() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
    world.settled(&controller).await;
    let writes = world.proxy.writes();
    world.admin().delete(&world.sealed_path("a")).await;
    until("the Secret is collected", || async { world.secret("a").await.is_none().then_some(()) }).await;
    let gauge = format!("condition_info{{namespace=\"{}\",name=\"a\"", world.namespace);
    until("its metric is gone", || async { (!controller.metrics().await.contains(&gauge)).then_some(()) }).await;
    world.settled(&controller).await;
    assert!(world.secret("a").await.is_none());
    assert_eq!(world.proxy.writes(), writes);
}

/// Where the garbage collector cannot: the template says that there is no owner reference.
#[tokio::test(flavor = "multi_thread")]
async fn with_old_gc_behavior_the_controller_deletes_the_secret_itself() {
    let world = World::new().await;
    let _controller = world.start(&["--old-gc-behavior"]).await;
    let mut sealed = world.seal("a", &[("k", "value-1")]);
    let skip = "sealedsecrets.bitnami.com/skip-set-owner-references";
    sealed["spec"]["template"] = json!({"metadata": {"annotations": {skip: "true"}}});
    world.create(&sealed).await;
    world.until_synced("a", "True").await;
    world.foreign("b", json!({}), json!({})).await;
    world.create(&world.seal("b", &[("k", "value-2")])).await;
    world.until_synced("b", "False").await;
    world.admin().delete(&world.sealed_path("b")).await;
    world.admin().delete(&world.sealed_path("a")).await;
    until("the Secret is deleted", || async { world.secret("a").await.is_none().then_some(()) }).await;
    assert!(world.secret("b").await.is_some(), "somebody else's Secret stays");
}
