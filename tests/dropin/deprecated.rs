//! The field `spec.data` (spec part 4.3): one value that is the JSON of a whole Secret.

use bulla_core::sealed::Scope;
use serde_json::{Value, json};

use crate::harness::sealing::{base64, seal};
use crate::harness::world::World;

fn old_form(world: &World, name: &str) -> Value {
    let plain = json!({"apiVersion": "v1", "kind": "Secret", "type": "example.com/old",
        "metadata": {"name": "other", "namespace": "other", "labels": {"from": "inside"}},
        "data": {"k": base64("value-of-old")}});
    world.hide(&[("k", "value-of-old")]);
    let id = (world.namespace.as_str(), name);
    let blob = seal(world.certificate(), Scope::Strict, id, plain.to_string().as_bytes());
    json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
        "metadata": {"namespace": world.namespace, "name": name}, "spec": {"data": blob, "encryptedData": {}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_form_is_read_and_its_name_is_forced() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&old_form(&world, "a")).await;
    world.until_synced("a", "True").await;
    let secret = world.secret("a").await.unwrap();
    assert_eq!((&secret["data"], &secret["type"]), (&json!({"k": base64("value-of-old")}), &json!("example.com/old")));
    assert_eq!(secret["metadata"]["labels"], json!({"from": "inside"}));
    assert_eq!(secret["metadata"]["ownerReferences"][0]["name"], "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_forms_at_once_are_refused() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let mut sealed = old_form(&world, "a");
    sealed["spec"]["encryptedData"] = world.seal("a", &[("k", "value-1")])["spec"]["encryptedData"].clone();
    world.create(&sealed).await;
    let both = "cannot use the field 'encryptedData' and the deprecated field 'data' at the same time";
    world.until_refused("a", both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_switches_the_old_form_off() {
    let world = World::new().await;
    let _controller = world.start(&["--accept-deprecated-v1-data=false"]).await;
    world.create(&old_form(&world, "a")).await;
    let off = "using deprecated 'data' field, use 'encryptedData' or flip the feature flag";
    world.until_refused("a", off).await;
}
