//! `/v1/verify` and `/v1/rotate` (spec part 11): no authentication, any method, upstream's statuses.

use bulla_core::sealed::Scope;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::process::{Answer, ask};
use crate::harness::sealing::base64;
use crate::harness::until;
use crate::harness::world::{Watched, World};

/// Asks as somebody who has not asked before.
async fn asked_by(controller: &Watched, caller: &str, path: &str, body: &Value) -> Answer {
    ask(controller.http, "POST", path, &body.to_string(), &[("x-forwarded-for", caller)]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_says_200_409_or_500_and_no_word_more() {
    let world = World::new().await;
    let controller = world.start(&["--rate-limit-burst", "20"]).await;
    let good = world.seal("a", &[("k", "value-1")]);
    let mut renamed = good.clone();
    renamed["metadata"]["name"] = json!("b");
    let mut damaged = good.clone();
    damaged["spec"]["encryptedData"]["k"] = json!("AgB=");
    let other = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    for (code, body) in [(200, &good), (409, &renamed), (409, &damaged), (500, &other), (500, &json!([]))] {
        let answer = asked_by(&controller, "192.0.2.1", "/v1/verify", body).await;
        assert_eq!((answer.code, answer.body.as_str()), (code, ""), "{body}");
    }
    // YAML as well, and any method.
    let yaml = format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: a\n  namespace: {}\nspec:\n  encryptedData:\n    k: {}\n",
        world.namespace,
        good["spec"]["encryptedData"]["k"].as_str().unwrap()
    );
    for method in ["POST", "GET", "PUT"] {
        assert_eq!(ask(controller.http, method, "/v1/verify", &yaml, &[]).await.unwrap().code, 200, "{method}");
        let two = format!("{yaml}---\n{yaml}");
        assert_eq!(ask(controller.http, method, "/v1/verify", &two, &[]).await.unwrap().code, 500, "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_renders_no_template() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    let mut sealed = world.seal("a", &[("k", "value-1")]);
    sealed["spec"]["template"] = json!({"data": {"x": "{{ fail .k }}", "y": "{{"}});
    assert_eq!(asked_by(&controller, "192.0.2.1", "/v1/verify", &sealed).await.code, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn rotate_seals_for_the_newest_key_and_keeps_the_scope() {
    let world = World::new().await;
    let controller = world.start(&["--rate-limit-burst", "20"]).await;
    let before = controller.get("/v1/cert.pem").await.unwrap().body;
    controller.signal(Signal::USR1);
    until("another certificate is served", || async {
        (controller.get("/v1/cert.pem").await?.body != before).then_some(())
    })
    .await;
    for scope in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
        let mut sealed = world.seal_as(scope, "a", &[("k", "value-1")]);
        sealed["spec"]["template"] = json!({"type": "example.com/x", "metadata": {"labels": {"app": "shop"}}});
        let answer = asked_by(&controller, "192.0.2.1", "/v1/rotate", &sealed).await;
        assert_eq!(answer.code, 200, "{scope:?}: {}", answer.body);
        let rotated: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&rotated["kind"], &rotated["apiVersion"]), (&sealed["kind"], &sealed["apiVersion"]));
        assert_eq!(
            rotated["metadata"]["annotations"].as_object().map_or(0, serde_json::Map::len),
            usize::from(scope != Scope::Strict)
        );
        assert_eq!(rotated["spec"]["template"]["type"], "example.com/x");
        assert_eq!(rotated["spec"]["template"]["metadata"]["labels"], json!({"app": "shop"}));
        assert_ne!(rotated["spec"]["encryptedData"]["k"], sealed["spec"]["encryptedData"]["k"]);
        assert_eq!(rotated.get("status"), None);
        assert_eq!(asked_by(&controller, "192.0.2.1", "/v1/verify", &rotated).await.code, 200);
        // A strict value of another name is not made ours on the way.
        let mut stolen = sealed.clone();
        stolen["metadata"]["name"] = json!("b");
        if scope == Scope::Strict {
            let answer = asked_by(&controller, "192.0.2.1", "/v1/rotate", &stolen).await;
            assert_eq!((answer.code, answer.body.as_str()), (500, ""));
        }
    }
    let mut rotated = world.seal("a", &[("k", "value-1")]);
    let answer = asked_by(&controller, "192.0.2.2", "/v1/rotate", &rotated).await;
    rotated["spec"] = serde_json::from_str::<Value>(&answer.body).unwrap()["spec"].clone();
    world.create(&rotated).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("value-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_a_caller_is_told_when_to_come_back() {
    let world = World::new().await;
    let controller = world.start(&["--rate-limit", "1", "--rate-limit-burst", "2"]).await;
    let sealed = world.seal("a", &[("k", "value-1")]);
    let mut refused = None;
    // Burst and one more pass at once; a slow machine lets a few more through.
    for number in 0..200 {
        let answer = asked_by(&controller, "192.0.2.1", "/v1/verify", &sealed).await;
        if answer.code == 429 {
            assert!(number >= 3, "request {number} is refused");
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.code, 200);
    }
    let refused = refused.expect("somebody who asks as fast as possible is refused at some point");
    assert_eq!(refused.body.trim_end(), "limit exceeded");
    for header in ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(refused.header(header).is_some(), "no {header}: {refused:?}");
    }
    assert_eq!(asked_by(&controller, "192.0.2.2", "/v1/verify", &sealed).await.code, 200, "another caller");
    assert_eq!(asked_by(&controller, "192.0.2.1", "/v1/rotate", &sealed).await.code, 200, "another path");
    assert!(controller.metrics().await.contains("code=\"429\""));
}
