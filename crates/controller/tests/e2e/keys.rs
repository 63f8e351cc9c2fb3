//! Sealing keys that come, go and are no keys.

use bulla_controller::Config;
use bulla_core::sealed::{GeneratedKey, KeySize, NewKey, SealingCertificate, generate_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::support::{KEY_LABEL, KEYS, SEALED, World, base64, seal, seal_with, until, within};

pub(crate) fn key(not_before: Timestamp) -> GeneratedKey {
    generate_key(&NewKey {
        size: KeySize::Rsa2048,
        not_before,
        validity: SignedDuration::from_hours(24),
        common_name: String::new(),
    })
    .unwrap()
}

pub(crate) fn key_secret(name: &str, key: &GeneratedKey) -> Value {
    json!({
        "metadata": {"name": name, "labels": {KEY_LABEL: "active"}},
        "type": "kubernetes.io/tls",
        "data": {"tls.key": base64(key.private_key_pem.expose()), "tls.crt": base64(&key.certificate_pem)},
    })
}

pub(crate) async fn labelled_keys(world: &World) -> Vec<Value> {
    let list = world.get(&format!("{KEYS}?labelSelector={KEY_LABEL}%3Dactive")).await.unwrap();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_a_key_and_the_second_one_does_not() {
    let world = World::new();
    let handle = world.start().await;
    let keys = labelled_keys(&world).await;
    assert_eq!(keys.len(), 1);
    assert!(keys[0]["metadata"]["name"].as_str().unwrap().starts_with("sealed-secrets-key"));
    assert_eq!(keys[0]["type"], "kubernetes.io/tls");
    let pem = handle.certificate_pem().unwrap();
    assert_eq!(keys[0]["data"]["tls.crt"], base64(&pem));
    handle.shutdown().await;
    let handle = world.start().await;
    assert_eq!(handle.certificate_pem().unwrap(), pem);
    assert_eq!(labelled_keys(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_waits_for_its_key_opens_when_the_key_appears() {
    let world = World::new();
    let handle = world.start().await;
    let missing = key("2025-01-01T00:00:00Z".parse().unwrap());
    world.post(SEALED, &seal_with(&missing.certificate, "a", &[("x", "1"), ("y", "2")])).await;
    let status = world.until_reason("a", "WrongKey").await;
    assert_eq!(status["conditions"][0]["message"], "no key could decrypt secret (x, y)");
    let events = world.events().await;
    assert_eq!(events[0]["reason"], "ErrUnsealFailed");
    assert_eq!(events[0]["message"], "Failed to unseal: no key could decrypt secret (x, y)");
    assert!(handle.metrics().contains(
        "condition_info{namespace=\"default\",name=\"a\",condition=\"Synced\",ss_app_kubernetes_io_instance=\"\"} -1"
    ));

    let newest = handle.certificate_pem();
    world.post(KEYS, &key_secret("imported", &missing)).await;
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["x"], base64("1"));
    assert_eq!(world.sealed("a").await["metadata"]["generation"], 1, "nobody touched the object");
    assert_eq!(handle.certificate_pem(), newest, "an older key does not become the newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_no_key_is_passed_over() {
    let world = World::new();
    let labels = json!({KEY_LABEL: "active"});
    for (name, data) in [
        ("empty", json!({})),
        ("garbage", json!({"tls.key": base64("garbage"), "tls.crt": base64("garbage")})),
        ("cut", json!({"tls.key": base64("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"), "tls.crt": ""})),
    ] {
        world.post(KEYS, &json!({"metadata": {"name": name, "labels": labels}, "data": data})).await;
    }
    let good = key(Timestamp::now());
    world.post(KEYS, &key_secret("zz-good", &good)).await;
    let handle = world.start().await;
    assert_eq!(handle.certificate_pem().unwrap(), good.certificate_pem);
    assert!(handle.metrics().contains("keys{state=\"malformed\"} 3"), "{}", handle.metrics());
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relabelled_key_leaves_at_once_and_a_state_label_only_stops_sealing() {
    let world = World::new();
    let old = key("2025-01-01T00:00:00Z".parse().unwrap());
    world.post(KEYS, &key_secret("old", &old)).await;
    let handle = world.start().await;
    let first = handle.certificate_pem().unwrap();
    assert_eq!(first, old.certificate_pem);
    let fingerprint = within("a new key", handle.renew_key()).await.unwrap();
    let second = handle.certificate_pem().unwrap();
    assert_eq!(SealingCertificate::from_pem(second.as_bytes()).unwrap().fingerprint(), &fingerprint);

    // The second key must not seal any more, but still opens.
    let keys = labelled_keys(&world).await;
    let mut names = keys.iter().map(|key| key["metadata"]["name"].as_str().unwrap());
    let name = names.find(|name| *name != "old").unwrap();
    let by_second = seal(&handle, "a", &[("k", "v")]);
    world
        .edit(&format!("{KEYS}/{name}"), json!({"metadata": {"labels": {"bulla.dev/key-state": "compromised"}}}))
        .await;
    until("the old key seals again", || async { (handle.certificate_pem().as_ref() == Some(&first)).then_some(()) })
        .await;
    world.post(SEALED, &by_second).await;
    world.until_reason("a", "Unsealed").await;

    world.edit(&format!("{KEYS}/{name}"), json!({"metadata": {"labels": {KEY_LABEL: "compromised"}}})).await;
    until("the key is gone", || async { handle.metrics().contains("keys{state=\"compromised\"} 0").then_some(()) })
        .await;
    let again = SealingCertificate::from_pem(second.as_bytes()).unwrap();
    world.post(SEALED, &seal_with(&again, "b", &[("k", "v")])).await;
    world.until_reason("b", "WrongKey").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_renewal_old_objects_are_fine_and_the_new_certificate_is_served() {
    let world = World::new();
    let handle = world.start().await;
    let old = seal(&handle, "old", &[("k", "1")]);
    world.post(SEALED, &old).await;
    world.until_reason("old", "Unsealed").await;
    let before = handle.certificate_pem();
    within("a new key", handle.renew_key()).await.unwrap();
    assert_ne!(handle.certificate_pem(), before);
    world.post(SEALED, &seal(&handle, "new", &[("k", "2")])).await;
    world.until_reason("new", "Unsealed").await;
    world.until_reason("old", "Unsealed").await;
    // Also what was sealed before and comes only now.
    let certificate = SealingCertificate::from_pem(before.unwrap().as_bytes()).unwrap();
    world.post(SEALED, &seal_with(&certificate, "late", &[("k", "3")])).await;
    world.until_reason("late", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_made_as_long_as_nobody_knows_whether_there_is_one() {
    let world = World::new();
    world.fail(|_, path| (path == KEYS).then_some((403, "secrets is forbidden: cannot list")));
    let handle = world.launch(World::config()).await;
    until("the list was refused", || async { handle.metrics().contains("objects 0").then_some(()) }).await;
    assert_eq!(handle.certificate_pem(), None);
    world.heal();
    within("it is ready", handle.ready()).await;
    assert_eq!(labelled_keys(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_key_without_a_label_is_used() {
    let world = World::new();
    let legacy = key(Timestamp::now());
    let mut secret = key_secret("my-key", &legacy);
    secret["metadata"]["labels"] = json!({});
    world.post(KEYS, &secret).await;
    let handle = world.start_with(Config { key_prefix: "my-key".to_owned(), ..World::config() }).await;
    assert_eq!(handle.certificate_pem().unwrap(), legacy.certificate_pem);
}
