//! Sealing keys (spec part 10.3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_core::sealed::{Scope, SealingCertificate};
use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::api::{self, KEY_LABEL};
use crate::harness::sealing::{base64, common_key, key_secret, new_key, sealed_object};
use crate::harness::until;
use crate::harness::world::World;

async fn key_secrets(world: &World) -> Vec<Value> {
    world.admin().items(&format!("{}?labelSelector={KEY_LABEL}%3Dactive", api::secrets(&world.own))).await
}

fn decoded(text: &Value) -> String {
    String::from_utf8(STANDARD.decode(text.as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_makes_a_key_in_the_form_of_upstream() {
    let world = World::without_key().await;
    let flags = ["--key-prefix", "my-key", "--my-cn", "example.org", "--key-ttl", "240h"];
    let controller = world.start(&flags).await;
    let keys = key_secrets(&world).await;
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    assert!(key["metadata"]["name"].as_str().unwrap().starts_with("my-key"));
    assert_eq!(key["metadata"]["generateName"], "my-key");
    assert_eq!(key["type"], "kubernetes.io/tls");
    assert!(decoded(&key["data"]["tls.key"]).starts_with("-----BEGIN RSA PRIVATE KEY-----"), "PKCS#1");
    let pem = decoded(&key["data"]["tls.crt"]);
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, pem);
    let certificate = SealingCertificate::from_pem(pem.as_bytes()).unwrap();
    assert_eq!(certificate.modulus_bits(), 2048);
    let validity = certificate.not_after().duration_since(certificate.not_before());
    assert_eq!(validity, SignedDuration::from_hours(240));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_start_makes_no_key() {
    let world = World::without_key().await;
    let mut controller = world.start(&[]).await;
    let pem = controller.get("/v1/cert.pem").await.unwrap().body;
    controller.kill();
    let controller = world.start(&[]).await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, pem);
    assert_eq!(key_secrets(&world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigusr1_makes_a_new_key_and_old_objects_still_open() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let before = controller.get("/v1/cert.pem").await.unwrap().body;
    controller.signal(Signal::USR1);
    let after = until("another certificate is served", || async {
        let body = controller.get("/v1/cert.pem").await?.body;
        (body != before).then_some(body)
    })
    .await;
    assert_eq!(key_secrets(&world).await.len(), 2, "the old key stays");
    world.create(&world.seal("old", &[("k", "value-1")])).await;
    let newest = SealingCertificate::from_pem(after.as_bytes()).unwrap();
    let id = (world.namespace.as_str(), "new");
    world.create(&sealed_object(&newest, Scope::Strict, id, &[("k", "value-2")])).await;
    world.until_synced("old", "True").await;
    world.until_synced("new", "True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_appears_opens_what_waits_for_it() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let late = new_key(Timestamp::now() - SignedDuration::from_hours(24));
    let id = (world.namespace.as_str(), "a");
    world.create(&sealed_object(&late.certificate, Scope::Strict, id, &[("k", "value-1")])).await;
    world.until_refused("a", "no key could decrypt secret (k)").await;
    let served = controller.get("/v1/cert.pem").await.unwrap().body;
    world.admin().post(&api::secrets(&world.own), &key_secret("restored", &late)).await;
    world.until_synced("a", "True").await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, served, "an older key does not become the newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_label_decides_at_once_whether_a_key_counts() {
    let world = World::new().await;
    let second = new_key(Timestamp::now() - SignedDuration::from_hours(24));
    world.admin().post(&api::secrets(&world.own), &key_secret("second", &second)).await;
    let controller = world.start(&[]).await;
    let create = |name: &'static str| {
        let id = (world.namespace.as_str(), name);
        let sealed = sealed_object(&second.certificate, Scope::Strict, id, &[("k", "value-1")]);
        let world = &world;
        async move { world.create(&sealed).await }
    };
    create("a").await;
    world.until_synced("a", "True").await;
    let path = api::secret(&world.own, "second");
    world.admin().edit(&path, &json!({"metadata": {"labels": {KEY_LABEL: "compromised"}}})).await;
    // Nothing orders the watch of keys and the watch of objects.
    until("the key is dropped", || async { controller.log().contains("private key is gone").then_some(()) }).await;
    create("b").await;
    world.until_refused("b", "no key could decrypt secret (k)").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("value-1"), "what was written stays");
    world.admin().edit(&path, &json!({"metadata": {"labels": {KEY_LABEL: "active"}}})).await;
    world.until_synced("b", "True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_no_key_is_passed_over() {
    let world = World::new().await;
    let garbage = json!({"tls.key": base64("garbage"), "tls.crt": base64("garbage")});
    for (name, data) in [("garbage", garbage), ("empty", json!({}))] {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "data": data,
            "metadata": {"name": name, "labels": {KEY_LABEL: "active"}}});
        world.admin().post(&api::secrets(&world.own), &secret).await;
    }
    let controller = world.start(&[]).await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, common_key().certificate_pem);
    assert!(controller.log().contains("failed to register key"));
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_key_has_the_prefix_as_its_name_and_no_label() {
    let world = World::without_key().await;
    let mut secret = key_secret("sealed-secrets-key", common_key());
    secret["metadata"]["labels"] = json!({});
    world.admin().post(&api::secrets(&world.own), &secret).await;
    let controller = world.start(&[]).await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, common_key().certificate_pem);
}
