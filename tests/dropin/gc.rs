//! What goes when a SealedSecret goes.

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
