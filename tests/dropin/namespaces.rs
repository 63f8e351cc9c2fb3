//! Which objects are the controller's (spec parts 10.1 and 12): namespaces and labels.

use serde_json::{Value, json};

use crate::harness::api::{self, synced};
use crate::harness::sealing::sealed_object;
use crate::harness::until;
use crate::harness::world::World;

fn strict(world: &World, namespace: &str, name: &str) -> Value {
    sealed_object(world.certificate(), Default::default(), (namespace, name), &[("k", "value-1")])
}

async fn until_synced(world: &World, namespace: &str, name: &str) {
    let path = api::sealed_secret(namespace, name);
    until(&format!("{namespace}/{name} is synced"), || async {
        let sealed = world.admin().get(&path).await?;
        (synced(&sealed) == Some("True")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn additional_namespaces_are_served_and_all_others_are_not() {
    let mut world = World::new().await;
    let other = world.another_namespace("other").await;
    let (namespace, own) = (world.namespace.clone(), world.own.clone());
    let flags = format!("--additional-namespaces={namespace},{own}-missing");
    let controller = world.start(&[&flags]).await;
    for place in [&other, &namespace, &own] {
        world.create(&strict(&world, place, "a")).await;
    }
    until_synced(&world, &namespace, "a").await;
    until_synced(&world, &own, "a").await;
    world.settled(&controller).await;
    let untouched = world.admin().get(&api::sealed_secret(&other, "a")).await.unwrap();
    assert_eq!(untouched.get("status"), None);
    assert!(controller.log().contains("namespace doesn't exist"), "{}", controller.log());
    let beyond = world.proxy.asked().into_iter().find(|asked| asked.path.contains(&other));
    assert!(beyond.is_none(), "{beyond:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_all_namespaces_only_its_own_is_served() {
    let world = World::new().await;
    let controller = world.start(&["--all-namespaces=false"]).await;
    world.create(&strict(&world, &world.namespace, "a")).await;
    world.create(&strict(&world, &world.own, "a")).await;
    until_synced(&world, &world.own, "a").await;
    world.settled(&controller).await;
    assert_eq!(world.sealed("a").await.get("status"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_selector_leaves_other_objects_alone() {
    let world = World::new().await;
    let controller = world.start(&["--label-selector", "team=shop"]).await;
    for (name, team) in [("mine", "shop"), ("theirs", "bank")] {
        let mut sealed = world.seal(name, &[("k", "value-1")]);
        sealed["metadata"]["labels"] = json!({"team": team});
        sealed["spec"]["template"] = json!({"metadata": {"labels": {"team": team}}});
        world.create(&sealed).await;
    }
    world.until_synced("mine", "True").await;
    world.settled(&controller).await;
    assert_eq!(world.sealed("theirs").await.get("status"), None);
    assert!(world.secret("theirs").await.is_none());
    // A label that is put on later counts.
    world.admin().edit(&world.sealed_path("theirs"), &json!({"metadata": {"labels": {"team": "shop"}}})).await;
    world.until_synced("theirs", "True").await;
}
