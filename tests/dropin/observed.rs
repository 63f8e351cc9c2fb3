//! What people and machines see: endpoints, metrics, events, log lines (spec parts 11 and 13).

use crate::harness::process::ask;
use crate::harness::sealing::common_key;
use crate::harness::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_and_certificate_have_upstreams_forms() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    for (path, kind, body) in [
        ("/healthz", "text/plain; charset=utf-8", "ok\n"),
        ("/readyz", "text/plain; charset=utf-8", "ok\n"),
        ("/v1/cert.pem", "application/x-pem-file", common_key().certificate_pem.as_str()),
    ] {
        for method in ["GET", "POST", "PUT"] {
            let answer = ask(controller.http, method, path, "", &[]).await.unwrap();
            assert_eq!((answer.code, answer.body.as_str()), (200, body), "{method} {path}");
            assert_eq!(answer.header("content-type"), Some(kind), "{method} {path}");
        }
    }
    assert_eq!(controller.get("/nothing").await.unwrap().code, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_upstreams_names_and_labels() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let mut good = world.seal("a", &[("k", "value-1")]);
    good["metadata"]["labels"] = serde_json::json!({"app.kubernetes.io/instance": "shop"});
    world.create(&good).await;
    world.until_synced("a", "True").await;
    let mut bad = world.seal("b", &[]);
    bad["spec"]["encryptedData"] = serde_json::json!({"k": "%"});
    world.create(&bad).await;
    world.until_synced("b", "False").await;
    controller.get("/v1/cert.pem").await.unwrap();

    let metrics = controller.metrics().await;
    let sample = |name: &str, labels: &[(&str, &str)]| {
        let name = format!("sealed_secrets_controller_{name}");
        let found = samples(&metrics).find(|(known, its, _)| {
            *known == name && labels.iter().all(|(label, value)| its.contains(&format!("{label}=\"{value}\"").as_str()))
        });
        found.unwrap_or_else(|| panic!("no {name}{labels:?}:\n{metrics}")).2
    };
    let namespace = world.namespace.as_str();
    let condition = |name, instance| {
        let labels = [("namespace", namespace), ("name", name), ("condition", "Synced")];
        sample("condition_info", &[&labels[..], &[("ss_app_kubernetes_io_instance", instance)]].concat())
    };
    assert_eq!((condition("a", "shop"), condition("b", "")), (1.0, -1.0));
    assert_eq!(sample("build_info", &[]), 0.0);
    assert!(sample("unseal_requests_total", &[]) >= 2.0);
    assert!(sample("unseal_errors_total", &[("reason", "unseal"), ("namespace", namespace)]) >= 1.0);
    let certificate = [("path", "/v1/cert.pem"), ("method", "get")];
    assert_eq!(sample("http_requests_total", &[&certificate[..], &[("code", "200")]].concat()), 1.0);
    assert_eq!(sample("http_request_duration_seconds_bucket", &[&certificate[..], &[("le", "10.0")]].concat()), 1.0);
    for name in ["process_resident_memory_bytes", "process_open_fds"] {
        assert!(samples(&metrics).any(|(known, ..)| known == name), "no {name}");
    }
    assert!(!metrics.contains("value-1"));
    world.admin().delete(&world.sealed_path("a")).await;
    crate::harness::until("the object's gauge goes with it", || async {
        (!controller.metrics().await.contains("name=\"a\"")).then_some(())
    })
    .await;
}

/// Name, labels (`a="b"`) and value of each sample.
fn samples(metrics: &str) -> impl Iterator<Item = (&str, Vec<&str>, f64)> {
    metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        Some((name, labels.trim_end_matches('}').split(',').collect(), value.parse().ok()?))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_core_event_on_the_sealed_secret() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    let event = world.until_event("a", "Unsealed").await;
    assert_eq!((&event["type"], &event["message"]), (&"Normal".into(), &"SealedSecret unsealed successfully".into()));
    assert_eq!(event["source"]["component"], "sealed-secrets");
    let about = &event["involvedObject"];
    assert_eq!((&about["kind"], &about["name"]), (&"SealedSecret".into(), &"a".into()));
    assert_eq!(about["namespace"], world.namespace);
    assert_eq!(about["uid"], world.sealed("a").await["metadata"]["uid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_the_lines_that_people_look_for() {
    let world = World::without_key().await;
    let controller = world.start(&[]).await;
    let log = controller.stdout();
    for line in [
        "Starting sealed-secrets controller",
        "Searching for existing private keys",
        "New key written",
        "Certificate generated",
        "Starting informer",
        "HTTP server serving",
        "HTTP metrics server serving",
    ] {
        assert!(log.contains(line), "no {line:?} on standard output:\n{log}");
    }
    let warnings = controller.stderr();
    let advice = "new sealing keys are kept in the cluster alone";
    assert!(warnings.lines().all(|line| line.contains(advice)), "warnings and errors only: {warnings}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_keys_that_it_finds_and_the_errors_on_standard_error() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    assert!(controller.stdout().contains("registered private key"), "{}", controller.stdout());
    world.foreign("a", serde_json::json!({}), serde_json::json!({})).await;
    world.create(&world.seal("a", &[("k", "value-1")])).await;
    world.until_synced("a", "False").await;
    let log = controller.stderr();
    assert!(log.contains("Error updating, will retry") && log.contains("is not managed by SealedSecret"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_can_be_json_and_all_on_standard_error() {
    let world = World::new().await;
    let controller = world.start(&["--log-format=json", "--log-info-stdout=false"]).await;
    assert_eq!(controller.stdout(), "");
    let log = controller.stderr();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(line["level"].is_string(), "{line}");
    }
}
