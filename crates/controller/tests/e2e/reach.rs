//! Which objects are the controller's business: namespaces one by one, labels, and rights that end at a namespace.

use std::sync::{Arc, Mutex};

use bulla_controller::{Config, Handle, Objects, Reach};
use bulla_core::go_base64;
use bulla_core::sealed::{Scope, SealingCertificate, seal_value};
use http::Method;
use serde_json::{Value, json};

use super::support::{World, base64, until, within};

fn config(objects: Objects) -> Config {
    let base = World::config();
    Config { reach: Reach { objects, ..base.reach.clone() }, ..base }
}

fn these(namespaces: &[&str]) -> Objects {
    Objects { additional_namespaces: namespaces.iter().map(|&name| name.to_owned()).collect(), ..Objects::default() }
}

async fn create_namespace(world: &World, name: &str) {
    world.post("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
}

fn sealed_path(namespace: &str) -> String {
    format!("/apis/bitnami.com/v1alpha1/namespaces/{namespace}/sealedsecrets")
}

fn secret_path(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets/{name}")
}

/// A SealedSecret with one item, `k`, and these labels.
async fn apply(world: &World, handle: &Handle, namespace: &str, name: &str, labels: Value) {
    let certificate = SealingCertificate::from_pem(handle.certificate_pem().unwrap().as_bytes()).unwrap();
    let sealed = seal_value(b"v", &certificate, Scope::Strict, namespace, name).unwrap();
    let object = json!({
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {"encryptedData": {"k": go_base64::encode(&sealed)}, "template": {"metadata": {"labels": labels}}},
    });
    world.post(&sealed_path(namespace), &object).await;
}

async fn until_there(world: &World, namespace: &str, name: &str) -> Value {
    let path = secret_path(namespace, name);
    until(&format!("the Secret {namespace}/{name} is there"), || world.get(&path)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_rights_in_three_namespaces_no_request_goes_beyond_them() {
    let world = World::new();
    for name in ["team-a", "team-b", "team-c"] {
        create_namespace(&world, name).await;
    }
    let refused = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&refused);
    world.fail(move |method, path| {
        let inside = ["kube-system", "team-a", "team-b"].iter().any(|name| {
            let namespace = format!("/namespaces/{name}");
            path.ends_with(&namespace) || path.contains(&format!("{namespace}/"))
        });
        // Everybody may ask what he may do.
        if inside || path.starts_with("/apis/authorization.k8s.io/v1/selfsubject") {
            return None;
        }
        seen.lock().unwrap().push(format!("{method} {path}"));
        Some((403, "forbidden at the cluster scope"))
    });
    let handle = world.start_with(config(these(&["team-a", "team-b"]))).await;
    for namespace in ["team-a", "team-b", "team-c", "kube-system"] {
        apply(&world, &handle, namespace, "a", json!({})).await;
    }
    for namespace in ["team-a", "team-b", "kube-system"] {
        until_there(&world, namespace, "a").await;
    }
    world.settled(&handle).await;
    world.delete(&secret_path("team-b", "a")).await;
    until_there(&world, "team-b", "a").await;
    assert!(world.get(&secret_path("team-c", "a")).await.is_none(), "not asked for");
    assert_eq!(*refused.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_own_namespace_only() {
    let world = World::new();
    let objects = Objects { all_namespaces: false, ..Objects::default() };
    let handle = world.start_with(config(objects)).await;
    apply(&world, &handle, "default", "a", json!({})).await;
    apply(&world, &handle, "kube-system", "a", json!({})).await;
    until_there(&world, "kube-system", "a").await;
    world.settled(&handle).await;
    assert!(world.get(&secret_path("default", "a")).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_does_not_exist_is_taken_up_when_it_is_created() {
    let world = World::new();
    let handle = world.start_with(config(these(&["default", "later", "no/name"]))).await;
    create_namespace(&world, "later").await;
    apply(&world, &handle, "later", "a", json!({})).await;
    until_there(&world, "later", "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_may_not_be_read_holds_up_nobody() {
    let world = World::new();
    create_namespace(&world, "closed").await;
    world.fail(|_, path| path.contains("/namespaces/closed").then_some((403, "closed is forbidden")));
    let handle = world.start_with(config(these(&["closed", "default"]))).await;
    apply(&world, &handle, "default", "a", json!({})).await;
    until_there(&world, "default", "a").await;
    apply(&world, &handle, "closed", "a", json!({})).await;
    world.heal();
    until_there(&world, "closed", "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_namespaces_than_start_at_a_time_all_start() {
    let world = World::new();
    let names: Vec<String> = (0..40).map(|n| format!("team-{n}")).collect();
    for name in &names {
        create_namespace(&world, name).await;
    }
    let handle = world.start_with(config(these(&names.iter().map(String::as_str).collect::<Vec<_>>()))).await;
    apply(&world, &handle, "team-39", "a", json!({})).await;
    until_there(&world, "team-39", "a").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_chooses_the_objects_and_a_secret_it_does_not_show_is_asked_for() {
    let world = World::new();
    let selecting = || config(Objects { label_selector: "team in (a, b)".to_owned(), ..Objects::default() });
    let handle = world.start_with(selecting()).await;
    apply(&world, &handle, "default", "chosen", json!({"team": "a"})).await;
    apply(&world, &handle, "default", "other", json!({"team": "c"})).await;
    until_there(&world, "default", "chosen").await;
    world.until_reason("chosen", "Unsealed").await;

    // The label is taken off: the watch says that the Secret is gone, which it is not.
    let path = secret_path("default", "chosen");
    world.edit(&path, json!({"metadata": {"labels": {"team": null}}})).await;
    until("the label is back", || async {
        world.get(&path).await.filter(|secret| secret["metadata"]["labels"]["team"] == "a")
    })
    .await;
    world.delete(&path).await;
    until_there(&world, "default", "chosen").await;

    // A Secret without the label is never shown, so a restart has to ask.
    let bare = json!({"spec": {"template": {"metadata": {"labels": null}}}});
    world.edit(&format!("{}/chosen", sealed_path("default")), bare).await;
    world.until_reason("chosen", "Unsealed").await;
    world.edit(&path, json!({"metadata": {"labels": null}})).await;
    world.settled(&handle).await;
    handle.shutdown().await;
    world.delete(&path).await;
    let before = world.cluster.requests();
    let handle = world.start_with(selecting()).await;
    assert_eq!(until_there(&world, "default", "chosen").await["data"]["k"], base64("v"));
    world.settled(&handle).await;
    assert_eq!(world.cluster.requests().since(&before).of("create", "secrets"), 1, "no blind tries");
    assert!(world.get(&secret_path("default", "other")).await.is_none(), "not selected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_that_makes_no_sense_is_told_and_nothing_is_touched() {
    let world = World::new();
    let handle = world.launch(config(Objects { label_selector: "a in (".to_owned(), ..Objects::default() })).await;
    until("it is told", || async {
        handle.metrics().contains("unseal_errors_total{reason=\"fetch\",namespace=\"\"}").then_some(())
    })
    .await;
    assert_eq!(world.cluster.requests().of("watch", "sealedsecrets.bitnami.com"), 0);
    within("it stops", handle.shutdown()).await;
    let created = world.try_send(Method::GET, "/api/v1/secrets", None).await.unwrap();
    let foreign = created["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|secret| !secret["metadata"]["name"].as_str().unwrap().starts_with("sealed-secrets-key"));
    assert_eq!(foreign.count(), 0);
}
