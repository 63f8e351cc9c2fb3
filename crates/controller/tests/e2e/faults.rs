//! An API server that fails, refuses and lacks things.

use std::sync::atomic::{AtomicUsize, Ordering};

use bulla_controller::CRD_YAML;
use http::Method;
use serde_json::json;

use super::support::{SEALED, SECRETS, World, base64, seal, until, within};

/// Fails the first `times` requests that `matches`.
fn first(
    times: usize,
    code: u16,
    matches: impl Fn(&Method, &str) -> bool + Send + Sync + 'static,
) -> impl Fn(&Method, &str) -> Option<(u16, &'static str)> + Send + Sync + 'static {
    let left = AtomicUsize::new(times);
    move |method, path| {
        let hit = matches(method, path)
            && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        hit.then_some((code, "out of order"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_comes_true_whatever_the_api_answers_first() {
    for code in [409, 429, 500, 503] {
        let world = World::new();
        let handle = world.start().await;
        // More than once: the second try already finds the Secret as it should be.
        world.fail(first(2, code, |_, path| path.ends_with("/status")));
        world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
        world.until_reason("a", "Unsealed").await;
        assert_eq!(
            world.cluster.requests().of("create", "secrets"),
            2,
            "{code}: the Secret was written once, beside the key"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_write_is_retried_and_its_status_is_true_meanwhile() {
    let world = World::new();
    let handle = world.start().await;
    world.fail(first(2, 500, |method, path| method == Method::POST && path == SECRETS));
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    let status = world.until_reason("a", "ApiError").await;
    assert_eq!(status["conditions"][0]["message"], "out of order");
    assert!(status["conditions"].as_array().unwrap().iter().all(|c| c["type"] != "Applied"), "nothing was applied");
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("v"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_on_the_secret_is_retried_fast() {
    let world = World::new();
    let handle = world.start().await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    world.fail(first(3, 409, |method, path| method == Method::PUT && path.starts_with(SECRETS)));
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("a", "it is restored", |s| s["data"]["k"] == base64("v")).await;
    assert!(world.events().await.iter().all(|event| event["type"] == "Normal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_a_condition_that_names_it() {
    let world = World::new();
    let handle = world.start().await;
    world.fail(|method, path| {
        let create = method == Method::POST && path == SECRETS;
        create.then_some((403, "secrets is forbidden: User \"x\" cannot create resource \"secrets\""))
    });
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    let status = world.until_reason("a", "Forbidden").await;
    assert_eq!(
        status["conditions"][0]["message"],
        "secrets is forbidden: User \"x\" cannot create resource \"secrets\""
    );
    assert!(status["conditions"][1]["message"].as_str().unwrap().contains("grant the controller create"));
    world.heal();
    // Another right is the one thing that wakes nobody: the next try finds it.
    world.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_refused_stop_nothing() {
    let world = World::new();
    let handle = world.start().await;
    world.fail(|_, path| path.ends_with("/events").then_some((403, "events is forbidden")));
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_without_the_definition_and_works_when_it_is_there() {
    let world = World::with_crds(Vec::new());
    let handle = world.launch(World::config()).await;
    until("the missing definition was noticed", || async {
        handle.metrics().contains("unseal_errors_total{reason=\"fetch\",namespace=\"\"}").then_some(())
    })
    .await;
    let crd =
        bulla_yaml::read_one(CRD_YAML.as_bytes(), &bulla_yaml::Limits::default()).unwrap().root.to_json().unwrap();
    world.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &crd).await;
    within("it is ready", handle.ready()).await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_without_a_cluster() {
    let refused = |_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
    };
    let client = kube::Client::new(tower::service_fn(refused), "default");
    let handle = bulla_controller::Controller::new(client, World::config()).start().await.unwrap();
    until("it tries", || async { handle.metrics().contains("reason=\"fetch\"").then_some(()) }).await;
    within("it stops when it is told to", handle.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_history_is_listed_anew() {
    let world = World::new();
    let handle = world.start().await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    world.cluster.compact();
    world.post(SEALED, &seal(&handle, "b", &[("k", "v")])).await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_reason("b", "Unsealed").await;
    world.until_secret("a", "it is restored", |s| s["data"]["k"] == base64("v")).await;
}
