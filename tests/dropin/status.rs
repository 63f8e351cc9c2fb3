//! The status of a SealedSecret (spec part 13.1).

use serde_json::{Value, json};

use crate::harness::api::condition;
use crate::harness::world::World;

fn time<'a>(sealed: &'a Value, field: &str) -> &'a str {
    condition(sealed, "Synced").unwrap()[field].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn synced_is_the_first_condition_and_has_the_form_of_upstream() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    let sealed = world.until_synced("a", "True").await;
    let first = &sealed["status"]["conditions"][0];
    assert_eq!((&first["type"], &first["status"]), (&json!("Synced"), &json!("True")));
    assert!(first.get("message").is_none_or(|message| message == ""), "{first}");
    assert_eq!(
        time(&sealed, "lastTransitionTime"),
        time(&sealed, "lastUpdateTime"),
        "at the first write they are equal"
    );
    assert_eq!(sealed["status"]["observedGeneration"], 1);
    assert_eq!(sealed["metadata"]["generation"], 1, "a status raises no generation");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transition_time_moves_only_when_the_status_flips() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let good = world.seal("a", &[("k", "value-1")]);
    world.create(&good).await;
    let first = world.until_synced("a", "True").await;
    // Times are whole seconds.
    while jiff::Timestamp::now().to_string() < time(&first, "lastTransitionTime").replace('Z', ".9Z") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world
        .admin()
        .edit(&world.sealed_path("a"), &json!({"spec": {"template": {"metadata": {"labels": {"x": "1"}}}}}))
        .await;
    let second = world.until_synced("a", "True").await;
    assert_eq!(second["status"]["observedGeneration"], 2);
    assert_eq!(time(&second, "lastTransitionTime"), time(&first, "lastTransitionTime"));
    world.admin().edit(&world.sealed_path("a"), &json!({"spec": {"encryptedData": {"k": "AgB="}}})).await;
    let third = world.until_synced("a", "False").await;
    assert!(time(&third, "lastTransitionTime") > time(&first, "lastTransitionTime"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_message_is_written_though_the_status_stays_false() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let mut sealed = world.seal("a", &[]);
    sealed["spec"]["encryptedData"] = json!({"one": "%"});
    world.create(&sealed).await;
    world.until_refused("a", "illegal base64 data at input byte 0 (one)").await;
    world.admin().edit(&world.sealed_path("a"), &json!({"spec": {"encryptedData": {"two": "%"}}})).await;
    world.until_refused("a", "illegal base64 data at input byte 0 (one, two)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_cluster_costs_no_writes_and_no_restart_changes_that() {
    let world = World::new().await;
    let mut controller = world.start(&[]).await;
    for number in 0..5 {
        world.create(&world.seal(&format!("s{number}"), &[("k", "value-1")])).await;
    }
    world.create(&world.seal("bad", &[])).await;
    world.admin().edit(&world.sealed_path("bad"), &json!({"spec": {"encryptedData": {"k": "%"}}})).await;
    for number in 0..5 {
        world.until_synced(&format!("s{number}"), "True").await;
    }
    world.until_synced("bad", "False").await;
    world.settled(&controller).await;
    controller.kill();

    let (writes, read) = (world.proxy.writes(), world.proxy.count("get secrets"));
    let controller = world.start(&[]).await;
    world.settled(&controller).await;
    assert_eq!(world.proxy.writes(), writes, "nothing changed, so nothing is written");
    assert!(world.proxy.count("get secrets") <= read + 1, "the key at most, and no Secret of an object");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_update_status_there_is_no_status_and_the_secret_all_the_same() {
    let world = World::new().await;
    let controller = world.start(&["--update-status=false"]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_secret("a", "is there", |_| true).await;
    world.settled(&controller).await;
    assert_eq!(world.sealed("a").await.get("status"), None);
    assert_eq!(world.proxy.count("update sealedsecrets/status"), 0);
}
