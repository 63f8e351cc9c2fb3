//! No value of a Secret, and no private key, may be found anywhere but in Secrets.

use std::io;
use std::sync::{Arc, Mutex};

use bulla_devcluster::Account;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::support::{KEY_LABEL, KEYS, SEALED, SECRETS, World, base64, seal};
use super::web;

/// Everything that is logged, whatever its level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_nowhere_but_in_its_secret() {
    const CANARY: &str = "canary-8f2e-do-not-repeat-me";
    const TOKEN: &str = "token-91b0-do-not-repeat-me";
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // Other tests of this process are logged too; that does no harm.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut options = World::options();
    options.accounts = vec![Account::service_account("default", "ci", TOKEN).for_audiences(&["bulla.dev/reseal"])];
    let world = World::with_options(options);
    let handle = world.start_with(web::config()).await;
    let private_key =
        world.get(&format!("{KEYS}?labelSelector={KEY_LABEL}")).await.unwrap()["items"][0]["data"]["tls.key"].clone();
    let private_key = private_key.as_str().unwrap()[100..140].to_owned();

    // Written, edited, refused, rejected with a message that quotes, conflicting, failing, deleted.
    world.post(SEALED, &seal(&handle, "a", &[("k", CANARY)])).await;
    world.until_reason("a", "Unsealed").await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("a", "it is restored", |s| s["data"]["k"] == base64(CANARY)).await;
    world.post(SECRETS, &json!({"metadata": {"name": "b"}, "data": {"k": base64(CANARY)}})).await;
    world.post(SEALED, &seal(&handle, "b", &[("k", CANARY)])).await;
    world.until_reason("b", "NotManaged").await;
    world.fail(|method, path| {
        let create = method == http::Method::POST && path == SECRETS;
        create.then_some((422, "admission denied: canary-8f2e-do-not-repeat-me is weak"))
    });
    world.post(SEALED, &seal(&handle, "c", &[("k", CANARY)])).await;
    let status = world.until_reason("c", "Rejected").await;
    assert_eq!(status["conditions"][0]["message"], "the message is withheld, since it quotes a value");
    world.heal();
    let mut bad = seal(&handle, "d", &[("k", CANARY)]);
    bad["spec"]["encryptedData"]["n"] = json!(1);
    world.plant(bad.clone());
    world.until_reason("d", "Malformed").await;
    let mut templated = seal(&handle, "e", &[("k", CANARY)]);
    let failing = json!({"a": "{{ fail .k }}", "b": "{{ atoi .k | add1 | regexFind .k }}", "c": "{{ index .k 999 }}",
        "d": "{{ template .k }}", "e": "{{ mustToDate .k .k }}", "f": "{{ mustFromJson .k }}"});
    templated["spec"]["template"] = json!({"data": failing});
    world.post(SEALED, &templated).await;
    world.until_reason("e", "TemplateFailed").await;
    world.delete(&format!("{SECRETS}/a")).await;
    world.until_secret("a", "it is created again", |_| true).await;
    // Asked about over HTTP, with success and without.
    let address = handle.addresses().http.unwrap();
    let old = seal(&handle, "a", &[("k", CANARY)]);
    let mut told_over_http = String::new();
    handle.renew_key().await.unwrap();
    for object in [&old, &bad] {
        for path in ["/v1/verify", "/v1/rotate"] {
            told_over_http += &web::post(address, path, object.to_string().as_bytes()).await.body;
        }
    }
    let value = &old["spec"]["encryptedData"]["k"];
    for name in ["a", "b"] {
        let item = json!({"id": "0", "namespace": "default", "name": name, "scope": "strict", "value": value});
        let body = json!({"items": [item]}).to_string();
        let answer = web::ask(address, "POST", "/v1/reseal", &[("X-Bulla-Token", TOKEN)], body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        told_over_http += &answer.body;
    }
    assert!(told_over_http.contains("resealed") && told_over_http.contains("failed"), "the answers are captured");
    world.settled(&handle).await;

    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("Updating"), "the log is captured");
    let told = world.bodies.lock().unwrap().join("\n");
    assert!(
        told.contains("observedGeneration") && told.contains("ErrUpdateFailed"),
        "statuses and events are captured"
    );
    for (place, text) in [
        ("the log", &logged),
        ("a status or an event", &told),
        ("a metric", &handle.metrics()),
        ("an answer over HTTP", &told_over_http),
    ] {
        for needle in [CANARY, &base64(CANARY)[..30], &private_key, TOKEN] {
            assert!(!text.contains(needle), "{place} holds a value");
        }
    }
}
