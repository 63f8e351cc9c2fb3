//! Secrets that somebody edits or deletes (spec part 12, decision 13 of docs/design.md).

use serde_json::json;

use crate::harness::sealing::base64;
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_secret_comes_back() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
    let uid = world.secret("a").await.unwrap()["metadata"]["uid"].clone();
    world.admin().delete(&world.secret_path("a")).await;
    let secret = world.until_secret("a", "comes back", |secret| secret["metadata"]["uid"] != uid).await;
    assert_eq!(secret["data"]["k"], base64("value-1"));
}

/// Upstream leaves edits as they are.
#[tokio::test(flavor = "multi_thread")]
async fn an_edited_secret_is_put_right_and_foreign_metadata_stays() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let mut sealed = world.seal("a", &[("k", "value-1")]);
    sealed["spec"]["template"] = json!({"metadata": {"labels": {"app": "shop"}}});
    world.create(&sealed).await;
    world.until_synced("a", "True").await;
    let edit = json!({"data": {"k": base64("changed"), "more": base64("x")},
        "metadata": {"labels": {"app": "other", "theirs": "1"}, "annotations": {"theirs": "2"}}});
    world.admin().edit(&world.secret_path("a"), &edit).await;
    let right = json!({"k": base64("value-1")});
    let secret = world.until_secret("a", "is put right", |secret| secret["data"] == right).await;
    assert_eq!(secret["metadata"]["labels"], json!({"app": "shop", "theirs": "1"}));
    assert_eq!(secret["metadata"]["annotations"], json!({"theirs": "2"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_skip_recreate_secrets_stay_as_people_made_them() {
    let world = World::new().await;
    let controller = world.start(&["--skip-recreate"]).await;
    for name in ["edited", "deleted"] {
        world.create(&world.seal(name, &[("k", "value-1")])).await;
        world.until_synced(name, "True").await;
    }
    world.admin().edit(&world.secret_path("edited"), &json!({"data": {"k": base64("changed")}})).await;
    world.admin().delete(&world.secret_path("deleted")).await;
    // A later object shows that the controller has been at work since.
    world.create(&world.seal("later", &[("k", "value-2")])).await;
    world.until_synced("later", "True").await;
    world.settled(&controller).await;
    assert_eq!(world.secret("edited").await.unwrap()["data"]["k"], base64("changed"));
    assert!(world.secret("deleted").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_controller_was_away_is_found() {
    let world = World::new().await;
    let mut controller = world.start(&[]).await;
    for name in ["edited", "deleted", "untouched"] {
        world.create(&world.seal(name, &[("k", "value-1")])).await;
        world.until_synced(name, "True").await;
    }
    world.settled(&controller).await;
    controller.kill();
    world.admin().edit(&world.secret_path("edited"), &json!({"data": {"k": base64("changed")}})).await;
    world.admin().delete(&world.secret_path("deleted")).await;
    let writes = world.proxy.count("update secrets") + world.proxy.count("create secrets");
    let controller = world.start(&[]).await;
    for name in ["edited", "deleted"] {
        world.until_secret(name, "is right again", |secret| secret["data"]["k"] == base64("value-1")).await;
    }
    world.settled(&controller).await;
    let now = world.proxy.count("update secrets") + world.proxy.count("create secrets");
    assert_eq!(now - writes, 2, "two repairs, and nothing for what was right");
}
