//! Secrets that were there before their SealedSecret: the annotations `managed` and `patch` (sealed-secrets 6).

use serde_json::{Value, json};

use super::support::{SEALED, SECRETS, World, base64, seal, until};

const MANAGED: &str = "sealedsecrets.bitnami.com/managed";
const PATCH: &str = "sealedsecrets.bitnami.com/patch";
const SKIP: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

/// A Secret `a` of somebody else, and one who wants to be `a`.
async fn blocked(world: &World, template: &Value) -> bulla_controller::Handle {
    let handle = world.start().await;
    let theirs = json!({"metadata": {"name": "a", "labels": {"theirs": "1"}}, "data": {"k": base64("theirs"), "more": base64("m")}});
    world.post(SECRETS, &theirs).await;
    let mut sealed = seal(&handle, "a", &[("k", "ours")]);
    sealed["spec"]["template"] = template.clone();
    world.post(SEALED, &sealed).await;
    world.until_reason("a", "NotManaged").await;
    handle
}

async fn annotate(world: &World, annotations: Value) {
    world.edit(&format!("{SECRETS}/a"), json!({"metadata": {"annotations": annotations}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocker_that_is_annotated_with_managed_is_taken_over() {
    let world = World::new();
    let _handle = blocked(&world, &json!({"immutable": true})).await;
    annotate(&world, json!({MANAGED: "true"})).await;
    world.until_reason("a", "Unsealed").await;
    let secret = world.secret("a").await.unwrap();
    assert_eq!(secret["data"], json!({"k": base64("ours")}));
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], world.sealed("a").await["metadata"]["uid"]);
    assert_eq!(secret["metadata"]["labels"], json!({"theirs": "1"}), "foreign metadata stays");
    assert_eq!(secret["metadata"]["annotations"], json!({MANAGED: "true"}));
    assert_eq!(secret.get("immutable"), None);

    // From now on the owner reference says whose it is.
    annotate(&world, json!({MANAGED: null})).await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("a", "it is restored", |s| s["data"]["k"] == base64("ours")).await;
    world.delete(&format!("{SEALED}/a")).await;
    until("it is collected", || async { world.secret("a").await.is_none().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocker_that_is_annotated_with_patch_is_added_to_and_survives_its_sealed_secret() {
    let world = World::new();
    let handle = blocked(&world, &json!({"metadata": {"labels": {"ours": "1"}}})).await;
    annotate(&world, json!({PATCH: "true"})).await;
    world.until_reason("a", "Unsealed").await;
    let secret = world.secret("a").await.unwrap();
    assert_eq!(secret["data"], json!({"k": base64("ours"), "more": base64("m")}));
    assert_eq!(secret["metadata"]["labels"], json!({"theirs": "1", "ours": "1"}));
    assert_eq!(secret["metadata"].get("ownerReferences"), None);

    // Items of others are theirs to change, ours are put right.
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"more": base64("n"), "k": base64("changed")}})).await;
    let secret = world.until_secret("a", "our item is restored", |s| s["data"]["k"] == base64("ours")).await;
    assert_eq!(secret["data"]["more"], base64("n"));

    // Taking the word back ends it, whatever we remember.
    annotate(&world, json!({PATCH: null})).await;
    world.until_reason("a", "NotManaged").await;
    annotate(&world, json!({PATCH: "true"})).await;
    world.until_reason("a", "Unsealed").await;
    world.delete(&format!("{SEALED}/a")).await;
    world.settled(&handle).await;
    assert_eq!(world.secret("a").await.unwrap()["data"], json!({"k": base64("ours"), "more": base64("n")}));
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_and_managed_together_add_to_the_secret_and_own_it() {
    let world = World::new();
    let _handle = blocked(&world, &json!({})).await;
    annotate(&world, json!({PATCH: "true", MANAGED: "true"})).await;
    world.until_reason("a", "Unsealed").await;
    let secret = world.secret("a").await.unwrap();
    assert_eq!(secret["data"], json!({"k": base64("ours"), "more": base64("m")}));
    world.delete(&format!("{SEALED}/a")).await;
    until("it is collected", || async { world.secret("a").await.is_none().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_secret_that_wants_no_owner_stays_ours_as_long_as_it_says_so() {
    let world = World::new();
    let handle = blocked(&world, &json!({"metadata": {"annotations": {SKIP: "true"}}})).await;
    annotate(&world, json!({MANAGED: "true"})).await;
    world.until_reason("a", "Unsealed").await;
    handle.shutdown().await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    let _handle = world.start().await;
    world.until_secret("a", "it is restored", |s| s["data"]["k"] == base64("ours")).await;
    assert_eq!(world.secret("a").await.unwrap()["metadata"].get("ownerReferences"), None);
    annotate(&world, json!({MANAGED: null})).await;
    world.until_reason("a", "NotManaged").await;
}
