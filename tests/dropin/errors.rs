//! What is said about items that do not open (spec part 4.2).

use serde_json::json;

use crate::harness::sealing::{base64, new_key, sealed_object};
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn equal_messages_are_grouped_and_different_ones_are_lines() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let mut sealed = world.seal("a", &[("good", "never-to-be-seen")]);
    sealed["spec"]["encryptedData"]["foo"] = json!(base64([7; 600]));
    sealed["spec"]["encryptedData"]["bar"] = json!(base64([9; 600]));
    sealed["spec"]["encryptedData"]["bad2"] = json!("%not base64%");
    world.create(&sealed).await;
    let message = "no key could decrypt secret (bar, foo)\nillegal base64 data at input byte 0 (bad2)";
    world.until_refused("a", message).await;
    assert!(world.secret("a").await.is_none(), "one bad item fails the object as a whole");
    let event = world.until_event("a", "ErrUnsealFailed").await;
    assert_eq!(event["type"], "Warning");
    assert_eq!(event["message"], format!("Failed to unseal: {message}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_for_another_cluster_is_named() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let other = new_key(jiff::Timestamp::now());
    let id = (world.namespace.as_str(), "a");
    world.create(&sealed_object(&other.certificate, Default::default(), id, &[("k", "value-1")])).await;
    world.until_refused("a", "no key could decrypt secret (k)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mended_object_opens_and_one_bad_object_stops_no_other() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let good = world.seal("a", &[("k", "value-1")]);
    let mut bad = good.clone();
    bad["spec"]["encryptedData"]["k"] = json!("AgB=");
    world.create(&bad).await;
    world.until_synced("a", "False").await;
    world.create(&world.seal("b", &[("k", "value-2")])).await;
    world.until_synced("b", "True").await;
    world.admin().edit(&world.sealed_path("a"), &json!({"spec": good["spec"]})).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["data"], json!({"k": base64("value-1")}));
}
