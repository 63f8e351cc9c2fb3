//! `/v1/verify` and `/v1/rotate`: what callers that mean well see.

use bulla_controller::{Config, Handle, HttpConfig};
use bulla_core::go_base64;
use bulla_core::sealed::{Scope, SealingCertificate, seal_value};
use serde_json::{Value, json};

use super::support::{KEYS, SEALED, World, base64, seal, within};
use super::web::{ask, config, post};

fn sealed_value(handle: &Handle, scope: Scope, namespace: &str, name: &str, value: &str) -> String {
    let certificate = SealingCertificate::from_pem(handle.certificate_pem().unwrap().as_bytes()).unwrap();
    go_base64::encode(&seal_value(value.as_bytes(), &certificate, scope, namespace, name).unwrap())
}

fn body(object: &Value) -> Vec<u8> {
    object.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_says_whether_every_item_opens_and_nothing_else() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let good = seal(&handle, "a", &[("x", "1"), ("y", "")]);
    let verify = async |object: &Value| post(address, "/v1/verify", &body(object)).await;

    let answer = verify(&good).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let yaml = format!(
        "# a comment\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: a\n  namespace: default\nspec:\n  encryptedData:\n    x: {}\n",
        good["spec"]["encryptedData"]["x"].as_str().unwrap()
    );
    for method in ["GET", "PUT", "POST"] {
        assert_eq!(ask(address, method, "/v1/verify", &[], yaml.as_bytes()).await.status, 200, "{method}");
    }
    for nothing in [json!(null), json!({})] {
        let mut empty = good.clone();
        empty["spec"]["encryptedData"] = nothing;
        assert_eq!(verify(&empty).await.status, 200, "no items are legal");
    }
    let mut wide = good.clone();
    wide["metadata"]["annotations"] = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
    wide["spec"]["encryptedData"] = json!({"k": sealed_value(&handle, Scope::ClusterWide, "", "", "v")});
    assert_eq!(verify(&wide).await.status, 200);
    wide["metadata"]["annotations"] = json!({});
    assert_eq!(verify(&wide).await.status, 409, "the annotation is part of what is asked");
    let before = handle.private_operations();
    assert_eq!(verify(&good).await.status, 200);
    assert_eq!(handle.private_operations() - before, 2, "one operation for each item, and all are counted");
    let metrics = handle.metrics();
    assert!(metrics.contains("http_requests_total{path=\"/v1/verify\",code=\"409\",method=\"post\"} 1"), "{metrics}");
    assert!(metrics.contains("http_request_duration_seconds_count{path=\"/v1/verify\",method=\"put\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_tells_nothing_through_verify_or_rotate() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let mut object = seal(&handle, "a", &[("pin", "1234")]);
    for guess in ["1", "2"] {
        let template = format!("{{{{ if hasPrefix \"{guess}\" .pin }}}}{{{{ fail .pin }}}}{{{{ end }}}}");
        object["spec"]["template"] = json!({"data": {"probe": template}});
        let verified = post(address, "/v1/verify", &body(&object)).await;
        assert_eq!((verified.status, verified.body.as_str()), (200, ""), "{guess}");
        let rotated = post(address, "/v1/rotate", &body(&object)).await;
        assert_eq!(rotated.status, 200, "{guess}");
        let rotated: Value = serde_json::from_str(&rotated.body).unwrap();
        assert_eq!(rotated["spec"]["template"]["data"], object["spec"]["template"]["data"], "the template is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rotate_seals_with_the_newest_key_and_keeps_template_and_scope() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let mut object = seal(&handle, "a", &[("k", "canary-of-rotate")]);
    object["metadata"]["labels"] = json!({"outer": "1"});
    object["metadata"]["uid"] = "u".into();
    object["status"] = json!({"observedGeneration": 1});
    object["spec"]["template"] = json!({
        "type": "kubernetes.io/tls", "immutable": true,
        "metadata": {
            "labels": {"app": "shop"},
            // CVE-2026-22728: the template claims a wider scope than the object has.
            "annotations": {"note": "1", "sealedsecrets.bitnami.com/cluster-wide": "true"},
        },
        "data": {"url": "https://{{ .k }}"},
    });
    within("a new key", handle.renew_key()).await.unwrap();
    let answer = post(address, "/v1/rotate", &body(&object)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    for trace in ["canary", &base64("canary-of-rotate")[..16]] {
        assert!(!answer.body.contains(trace), "{}", answer.body);
    }
    let rotated: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.body, rotated.to_string(), "it is compact");
    assert_eq!(rotated["metadata"], json!({"name": "a", "namespace": "default"}));
    assert!(rotated["status"].is_null());
    let template = &rotated["spec"]["template"];
    assert_eq!(template["type"], "kubernetes.io/tls");
    assert_eq!(template["immutable"], true);
    assert_eq!(template["data"], object["spec"]["template"]["data"]);
    assert_eq!(
        template["metadata"],
        json!({"name": "a", "namespace": "default", "labels": {"app": "shop"}, "annotations": {"note": "1"}})
    );
    let (old, new) = (&object["spec"]["encryptedData"]["k"], &rotated["spec"]["encryptedData"]["k"]);
    assert_ne!(old, new);

    // The new value belongs where the old one did, and nowhere else.
    let moved = |metadata: Value| {
        let mut moved = rotated.clone();
        moved["metadata"] = metadata;
        moved
    };
    let wide = json!({"sealedsecrets.bitnami.com/cluster-wide": "true"});
    for (metadata, expected) in [
        (json!({"name": "a", "namespace": "default"}), 200),
        (json!({"name": "b", "namespace": "default"}), 409),
        (json!({"name": "a", "namespace": "other"}), 409),
        (json!({"name": "a", "namespace": "default", "annotations": wide}), 409),
    ] {
        assert_eq!(post(address, "/v1/verify", &body(&moved(metadata.clone()))).await.status, expected, "{metadata}");
    }
    // The status of the answer says that the controller takes it.
    let mut plain = rotated.clone();
    plain["spec"]["template"]["data"] = json!(null);
    plain["spec"]["template"]["type"] = json!(null);
    world.post(SEALED, &plain).await;
    let secret = world.until_secret("a", "the rotated object is unsealed", |_| true).await;
    assert_eq!(secret["data"]["k"], base64("canary-of-rotate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_has_a_limit_of_its_own_on_each_path() {
    let world = World::new();
    let http = HttpConfig { rate_limit: 1, rate_limit_burst: 2, ..HttpConfig::default() };
    let handle = world.start_with(Config { http, ..config() }).await;
    let address = handle.addresses().http.unwrap();
    let good = body(&seal(&handle, "a", &[("x", "1")]));
    let from = async |path: &str, caller: &str| {
        let headers = if caller.is_empty() { vec![] } else { vec![("X-Forwarded-For", caller)] };
        ask(address, "POST", path, &headers, &good).await
    };
    let statuses = async |path: &str, callers: &[&str]| {
        let mut statuses = Vec::new();
        for caller in callers {
            statuses.push(from(path, caller).await.status);
        }
        statuses
    };
    let first = from("/v1/verify", "a").await;
    assert_eq!(first.status, 200);
    assert_eq!((first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")), (Some("3"), Some("2")));
    // Whoever is fast enough is refused once; a slow machine has waited for a new place, so more are sent than needed.
    let refused = async {
        loop {
            let answer = from("/v1/verify", "a").await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let refused = within("a refusal", refused).await;
    assert_eq!((refused.status, refused.body.as_str()), (429, "limit exceeded\n"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-reset"), Some("3"));
    assert_eq!(statuses("/v1/verify", &["b", "", "made up, b", "b"]).await, [200; 4], "others are not concerned");
    assert_eq!(statuses("/v1/rotate", &["a"]).await, [200], "nor is the other path");
    assert!(handle.metrics().contains("http_requests_total{path=\"/v1/verify\",code=\"429\",method=\"post\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_keys_are_there_nothing_is_called_bad() {
    let world = World::new();
    world.fail(|_, path| (path == KEYS).then_some((500, "later")));
    let handle = world.launch(config()).await;
    let address = handle.addresses().http.unwrap();
    for path in ["/v1/verify", "/v1/rotate"] {
        let answer = post(address, path, b"{}").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    }
    world.heal();
    within("it is ready", handle.ready()).await;
    assert_eq!(post(address, "/v1/verify", &body(&seal(&handle, "a", &[("x", "1")]))).await.status, 200);
}
