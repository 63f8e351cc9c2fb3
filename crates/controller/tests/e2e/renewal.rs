//! When new keys are made, and that no replica makes one too many.

use std::time::Duration;

use bulla_controller::{Config, KeyOrder, KeySettings};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::keys::{key, key_secret, labelled_keys};
use super::support::{KEY_LABEL, KEYS, World, base64, until, within};

fn config(keys: KeySettings) -> Config {
    Config { keys, ..World::config() }
}

fn hours(hours: u64) -> Option<Duration> {
    Some(Duration::from_secs(hours * 3600))
}

fn ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

async fn until_keys(world: &World, count: usize) {
    until(&format!("there are {count} keys"), || async { (labelled_keys(world).await.len() == count).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_older_than_the_period_is_replaced_once() {
    let world = World::new();
    let old = key(ago(1000));
    world.post(KEYS, &key_secret("old", &old)).await;
    let handle = world.start_with(config(KeySettings { renew_period: hours(720), ..KeySettings::default() })).await;
    until("a new certificate is served", || async {
        handle.certificate_pem().filter(|pem| *pem != old.certificate_pem)
    })
    .await;
    world.settled(&handle).await;
    assert_eq!(labelled_keys(&world).await.len(), 2, "one new key, and the old one stays");
    let metrics = handle.metrics();
    let renewal = metrics
        .lines()
        .find_map(|line| line.strip_prefix("sealed_secrets_controller_key_last_renewal_timestamp_seconds "));
    assert!(renewal.unwrap().parse::<i64>().unwrap() >= ago(1).as_second(), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_young_key_stays_and_so_does_any_key_without_a_period() {
    for (age, period) in [(700, hours(720)), (100_000, None)] {
        let world = World::new();
        let old = key(ago(age));
        world.post(KEYS, &key_secret("old", &old)).await;
        let handle = world.start_with(config(KeySettings { renew_period: period, ..KeySettings::default() })).await;
        world.settled(&handle).await;
        assert_eq!(handle.certificate_pem().unwrap(), old.certificate_pem);
        assert_eq!(labelled_keys(&world).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_once_in_each_period_and_one_on_demand_does_not_move_it() {
    let world = World::new();
    let settings = KeySettings { renew_period: Some(Duration::from_secs(4)), ..KeySettings::default() };
    world.post(KEYS, &key_secret("old", &key(Timestamp::now()))).await;
    let handle = world.start_with(config(settings)).await;
    within("a key on demand", handle.renew_key()).await.unwrap();
    until_keys(&world, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cutoff_replaces_an_older_key_at_the_start_and_only_then() {
    let world = World::new();
    let old = key(ago(10));
    world.post(KEYS, &key_secret("old", &old)).await;
    let settings = KeySettings { renew_period: None, cutoff: Some(ago(1)), ..KeySettings::default() };
    for _ in 0..2 {
        let handle = world.start_with(config(settings.clone())).await;
        until("a new certificate is served", || async {
            handle.certificate_pem().filter(|pem| *pem != old.certificate_pem)
        })
        .await;
        world.settled(&handle).await;
        assert_eq!(labelled_keys(&world).await.len(), 2);
        handle.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_key_may_be_the_one_whose_secret_was_created_last() {
    let world = World::new();
    let (young, old) = (key(ago(1)), key(ago(10)));
    world.post(KEYS, &key_secret("a-young", &young)).await;
    // Creation times tell seconds, and of two in the same second the later certificate would win.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.post(KEYS, &key_secret("b-old", &old)).await;
    let settings = KeySettings { order: KeyOrder::SecretCreationTimestamp, ..World::config().keys };
    let handle = world.start_with(config(settings)).await;
    assert_eq!(handle.certificate_pem().unwrap(), old.certificate_pem);
    handle.shutdown().await;
    assert_eq!(world.start().await.certificate_pem().unwrap(), young.certificate_pem);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_key_secrets_carry_the_labels_and_annotations_that_were_asked_for() {
    let world = World::new();
    let settings = KeySettings {
        labels: [("team".to_owned(), "sre".to_owned())].into(),
        annotations: [("note".to_owned(), "ours".to_owned())].into(),
        ..World::config().keys
    };
    let handle = world.start_with(config(settings)).await;
    within("a second key", handle.renew_key()).await.unwrap();
    for key in labelled_keys(&world).await {
        assert_eq!(key["metadata"]["labels"], json!({KEY_LABEL: "active", "team": "sre"}));
        assert_eq!(key["metadata"]["annotations"]["note"], "ours");
        assert_eq!(key["metadata"]["generateName"], "sealed-secrets-key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn controllers_that_start_at_once_on_a_fresh_cluster_make_one_key() {
    let world = World::new();
    let handles = futures::future::join_all((0..4).map(|_| world.start())).await;
    let keys = labelled_keys(&world).await;
    assert_eq!(keys.len(), 1, "{:?}", keys.iter().map(|key| &key["metadata"]["name"]).collect::<Vec<_>>());
    for handle in &handles {
        assert_eq!(keys[0]["data"]["tls.crt"], base64(&handle.certificate_pem().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_find_the_same_key_due_make_one_key() {
    let world = World::new();
    world.post(KEYS, &key_secret("old", &key(ago(1000)))).await;
    let settings = KeySettings { renew_period: hours(720), ..KeySettings::default() };
    let handles = futures::future::join_all((0..3).map(|_| world.start_with(config(settings.clone())))).await;
    until_keys(&world, 2).await;
    let newest = until("all serve the same new certificate", || async {
        let served: Vec<_> = handles.iter().map(|handle| handle.certificate_pem().unwrap()).collect();
        let new = labelled_keys(&world)
            .await
            .iter()
            .any(|key| key["metadata"]["name"] != "old" && key["data"]["tls.crt"] == base64(&served[0]));
        (new && served.iter().all(|pem| *pem == served[0])).then(|| served[0].clone())
    })
    .await;
    for handle in &handles {
        world.settled(handle).await;
        assert_eq!(handle.certificate_pem().unwrap(), newest);
    }
    assert_eq!(labelled_keys(&world).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_by_something_else_does_not_keep_the_first_key_from_being_made() {
    let world = World::new();
    let handle = world.start().await;
    let name = labelled_keys(&world).await[0]["metadata"]["name"].as_str().unwrap().to_owned();
    handle.shutdown().await;
    world.edit(&format!("{KEYS}/{name}"), json!({"metadata": {"labels": {KEY_LABEL: "compromised"}}})).await;
    let handle = world.start().await;
    let keys = labelled_keys(&world).await;
    assert_eq!(keys.len(), 1);
    assert_ne!(keys[0]["metadata"]["name"], name.as_str());
    assert_eq!(keys[0]["data"]["tls.crt"], base64(&handle.certificate_pem().unwrap()));
}
