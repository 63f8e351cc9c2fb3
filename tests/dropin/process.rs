//! The process: names, flags, environment, signals, exit codes (spec part 10).

use rustix::process::Signal;

use crate::harness::api;
use crate::harness::process::{ask, run_to_end};
use crate::harness::sealing::{common_key, key_secret};
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_closes_the_ports_and_exits_with_0() {
    let world = World::new().await;
    let mut controller = world.start(&[]).await;
    let address = controller.http;
    controller.signal(Signal::TERM);
    assert_eq!(controller.ended().code(), Some(0), "{}", controller.log());
    assert!(ask(address, "GET", "/healthz", "", &[]).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_error_exits_with_2_and_names_the_flag() {
    let world = World::new().await;
    for flags in [["--key-ttl", "30d"], ["--no-such-flag", "1"], ["--listen-addr", "nowhere"]] {
        let (status, output) = run_to_end(world.launch(&flags).command());
        assert_eq!(status.code(), Some(2), "{flags:?}: {output}");
        assert!(output.contains(flags[0]), "{flags:?}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_of_the_binary_is_the_same_controller() {
    let world = World::new().await;
    let launch = crate::harness::process::Launch { stock_name: false, ..world.launch(&[]) };
    let _controller = world.start_as(&launch).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "True").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_variable_is_a_flag_and_the_flag_wins() {
    let world = World::without_key().await;
    let mut secret = key_secret("from-environment", common_key());
    secret["metadata"]["labels"] = serde_json::json!({});
    world.admin().post(&api::secrets(&world.own), &secret).await;
    let mut launch = world.launch(&["--log-format=text"]);
    for (name, value) in [("SEALED_SECRETS_KEY_PREFIX", "from-environment"), ("SEALED_SECRETS_LOG_FORMAT", "json")] {
        launch.variables.push((name.to_owned(), value.to_owned()));
    }
    let controller = world.start_as(&launch).await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, common_key().certificate_pem);
    assert!(!controller.stdout().starts_with('{'), "the flag wins over the variable");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flags_of_the_stock_chart_are_taken() {
    let world = World::new().await;
    // As the chart passes them: flag and value are two arguments.
    let flags = [
        "--update-status",
        "--key-prefix",
        "sealed-secrets-key",
        "--key-renew-period",
        "720h",
        "--key-ttl",
        "87600h",
        "--rate-limit",
        "2",
        "--rate-limit-burst",
        "2",
        "--max-unseal-retries",
        "5",
        "--log-level",
        "INFO",
        "--log-format",
        "text",
        "--kubeclient-qps",
        "5",
        "--kubeclient-burst",
        "10",
        "--watch-for-secrets",
    ];
    let controller = world.start(&flags).await;
    assert_eq!(controller.get("/healthz").await.unwrap().code, 200);
}
