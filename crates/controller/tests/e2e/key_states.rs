//! What the labels of a key Secret do to the objects that use the key, and what is measured of each key.

use bulla_controller::Handle;
use bulla_core::sealed::SealingCertificate;
use serde_json::{Value, json};

use super::keys::{key, key_secret, labelled_keys};
use super::support::{KEY_LABEL, KEYS, SEALED, World, base64, seal, seal_with, until, within};

/// A value of a per-key metric.
fn measured(handle: &Handle, metric: &str, fingerprint: &str, state: &str) -> Option<u64> {
    let series = format!("sealed_secrets_controller_{metric}{{fingerprint=\"{fingerprint}\",state=\"{state}\"}} ");
    handle.metrics().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

async fn until_measured(handle: &Handle, metric: &str, fingerprint: &str, state: &str, value: u64) {
    until(&format!("{metric} of the {state} key is {value}"), || async {
        (measured(handle, metric, fingerprint, state) == Some(value)).then_some(())
    })
    .await;
}

fn ready_message(sealed: &Value) -> String {
    sealed["conditions"][1]["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relabelled_key_leaves_secrets_alone_and_a_new_generation_is_told_which_key_it_was() {
    let world = World::new();
    let old = key("2025-01-01T00:00:00Z".parse().unwrap());
    world.post(KEYS, &key_secret("old", &old)).await;
    world.post(KEYS, &key_secret("new", &key("2025-02-01T00:00:00Z".parse().unwrap()))).await;
    let handle = world.start().await;
    world.post(SEALED, &seal_with(&old.certificate, "a", &[("k", "1")])).await;
    world.until_reason("a", "Unsealed").await;
    let secret = world.secret("a").await.unwrap();

    world.edit(&format!("{KEYS}/old"), json!({"metadata": {"labels": {KEY_LABEL: "compromised"}}})).await;
    until("the key is not loaded", || async {
        handle.metrics().contains("keys{state=\"not-loaded\"} 1").then_some(())
    })
    .await;
    world.settled(&handle).await;
    assert_eq!(world.secret("a").await.unwrap(), secret, "the Secret is as it was");

    let again = seal_with(&old.certificate, "a", &[("k", "2")]);
    world.edit(&format!("{SEALED}/a"), json!({"spec": again["spec"]})).await;
    let status = world.until_reason("a", "WrongKey").await;
    assert_eq!(status["conditions"][0]["message"], "no key could decrypt secret (k)", "upstream's words");
    let expected = format!(
        "was opened by key {}, whose Secret \"old\" is labelled \"compromised\": not loaded",
        old.key.fingerprint()
    );
    assert!(ready_message(&status).starts_with(&expected), "{}", ready_message(&status));
    assert_eq!(world.secret("a").await.unwrap(), secret, "still as it was");

    // Another label says another word; a deleted Secret none.
    world.edit(&format!("{KEYS}/old"), json!({"metadata": {"labels": {KEY_LABEL: "away"}}})).await;
    until("the message names the new label", || async {
        let status = world.sealed("a").await["status"].clone();
        ready_message(&status).contains("labelled \"away\"").then_some(())
    })
    .await;
    world.edit(&format!("{KEYS}/old"), json!({"metadata": {"labels": {KEY_LABEL: "active"}}})).await;
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_must_not_seal_any_more_still_opens_in_every_state() {
    let world = World::new();
    let old = key("2025-01-01T00:00:00Z".parse().unwrap());
    let new = key("2025-02-01T00:00:00Z".parse().unwrap());
    world.post(KEYS, &key_secret("old", &old)).await;
    world.post(KEYS, &key_secret("new", &new)).await;
    let handle = world.start().await;
    let fingerprint = new.key.fingerprint().as_str();
    for state in ["decrypt-only", "compromised", "retired", "from-a-newer-version"] {
        world.edit(&format!("{KEYS}/new"), json!({"metadata": {"labels": {"bulla.dev/key-state": state}}})).await;
        let shown = if state.starts_with("from") { "unknown" } else { state };
        until_measured(&handle, "key_objects", fingerprint, shown, 0).await;
        assert_eq!(handle.certificate_pem().unwrap(), old.certificate_pem, "{state}");
        world.post(SEALED, &seal_with(&new.certificate, "a", &[("x", "1"), ("y", "2")])).await;
        world.until_reason("a", "Unsealed").await;
        until_measured(&handle, "key_items", fingerprint, shown, 2).await;
        world.delete(&format!("{SEALED}/a")).await;
        until_measured(&handle, "key_objects", fingerprint, shown, 0).await;
    }
    world.edit(&format!("{KEYS}/new"), json!({"metadata": {"labels": {"bulla.dev/key-state": null}}})).await;
    until("it seals again", || async { handle.certificate_pem().filter(|pem| *pem == new.certificate_pem) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_has_opened_is_counted_also_after_a_restart_and_after_sealing_again() {
    let world = World::new();
    let old = key("2025-01-01T00:00:00Z".parse().unwrap());
    let new = key("2025-02-01T00:00:00Z".parse().unwrap());
    world.post(KEYS, &key_secret("old", &old)).await;
    world.post(KEYS, &key_secret("new", &new)).await;
    let fingerprints = [old.key.fingerprint().as_str(), new.key.fingerprint().as_str()];
    let handle = world.start().await;
    // One object of each key, and one of both.
    world.post(SEALED, &seal_with(&old.certificate, "a", &[("k", "1")])).await;
    world.post(SEALED, &seal_with(&new.certificate, "b", &[("k", "1"), ("l", "2")])).await;
    let mut mixed = seal_with(&old.certificate, "c", &[("x", "1"), ("y", "2"), ("z", "3")]);
    mixed["spec"]["encryptedData"]["n"] =
        seal_with(&new.certificate, "c", &[("n", "4")])["spec"]["encryptedData"]["n"].clone();
    world.post(SEALED, &mixed).await;
    let check = async |handle: &Handle, expected: [(u64, u64); 2]| {
        for (fingerprint, (objects, items)) in fingerprints.iter().zip(expected) {
            until_measured(handle, "key_objects", fingerprint, "active", objects).await;
            until_measured(handle, "key_items", fingerprint, "active", items).await;
        }
    };
    for name in ["a", "b", "c"] {
        world.until_reason(name, "Unsealed").await;
    }
    check(&handle, [(2, 4), (2, 3)]).await;
    handle.shutdown().await;
    let handle = world.start().await;
    check(&handle, [(2, 4), (2, 3)]).await;

    let again = seal_with(&new.certificate, "a", &[("k", "1")]);
    world.edit(&format!("{SEALED}/a"), json!({"spec": again["spec"]})).await;
    check(&handle, [(1, 3), (3, 4)]).await;
    world.delete(&format!("{SEALED}/c")).await;
    check(&handle, [(0, 0), (2, 3)]).await;

    for (metric, expected) in [
        ("key_not_before_timestamp_seconds", old.certificate.not_before()),
        ("key_not_after_timestamp_seconds", old.certificate.not_after()),
    ] {
        let value = measured(&handle, metric, fingerprints[0], "active").unwrap();
        assert_eq!(i64::try_from(value).unwrap(), expected.as_second(), "{metric}");
    }
    world.delete(&format!("{KEYS}/old")).await;
    until("nothing is told of a key that is gone", || async {
        (!handle.metrics().contains(fingerprints[0])).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_secret_that_is_mended_is_malformed_no_longer() {
    let world = World::new();
    let good = key("2025-01-01T00:00:00Z".parse().unwrap());
    let mut broken = key_secret("imported", &good);
    broken["data"]["tls.key"] =
        base64("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n").into();
    world.post(KEYS, &broken).await;
    let handle = world.start().await;
    let waiting = seal_with(&good.certificate, "a", &[("k", "v")]);
    world.post(SEALED, &waiting).await;
    world.until_reason("a", "WrongKey").await;
    assert!(handle.metrics().contains("keys{state=\"malformed\"} 1"), "{}", handle.metrics());

    world.edit(&format!("{KEYS}/imported"), json!({"data": key_secret("imported", &good)["data"]})).await;
    world.until_reason("a", "Unsealed").await;
    assert!(handle.metrics().contains("keys{state=\"malformed\"} 0"), "{}", handle.metrics());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_secret_that_is_deleted_and_created_again_opens_again() {
    let world = World::new();
    let old = key("2025-01-01T00:00:00Z".parse().unwrap());
    world.post(KEYS, &key_secret("old", &old)).await;
    world.post(KEYS, &key_secret("new", &key("2025-02-01T00:00:00Z".parse().unwrap()))).await;
    let handle = world.start().await;
    let newest = handle.certificate_pem();
    world.delete(&format!("{KEYS}/old")).await;
    until("the key is gone", || async { handle.metrics().contains("keys{state=\"active\"} 1").then_some(()) }).await;
    world.post(SEALED, &seal_with(&old.certificate, "a", &[("k", "v")])).await;
    world.until_reason("a", "WrongKey").await;
    world.post(KEYS, &key_secret("old", &old)).await;
    world.until_reason("a", "Unsealed").await;
    assert_eq!(handle.certificate_pem(), newest);
}

#[tokio::test(flavor = "multi_thread")]
async fn if_every_key_is_put_aside_a_new_one_is_made() {
    let world = World::new();
    let handle = world.start().await;
    let first = handle.certificate_pem().unwrap();
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    let name = labelled_keys(&world).await[0]["metadata"]["name"].as_str().unwrap().to_owned();
    world
        .edit(&format!("{KEYS}/{name}"), json!({"metadata": {"labels": {"bulla.dev/key-state": "compromised"}}}))
        .await;
    let second = until("another certificate", || async { handle.certificate_pem().filter(|pem| *pem != first) }).await;
    world.settled(&handle).await;
    assert_eq!(labelled_keys(&world).await.len(), 2);
    let fingerprint = SealingCertificate::from_pem(first.as_bytes()).unwrap().fingerprint().to_string();
    assert_eq!(measured(&handle, "key_objects", &fingerprint, "compromised"), Some(1));
    assert_eq!(handle.certificate_pem(), Some(second));
    within("it stops", handle.shutdown()).await;
}
