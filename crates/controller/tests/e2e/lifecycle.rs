//! A SealedSecret from its creation to its end.

use http::Method;
use serde_json::{Value, json};

use super::support::{SEALED, SECRETS, World, base64, seal, until};

async fn world_with(name: &str, change: impl FnOnce(&mut Value)) -> (World, bulla_controller::Handle) {
    let world = World::new();
    let handle = world.start().await;
    let mut sealed = seal(&handle, name, &[("user", "admin"), ("password", "s3cret")]);
    change(&mut sealed);
    world.post(SEALED, &sealed).await;
    (world, handle)
}

fn template(template: Value) -> impl FnOnce(&mut Value) {
    |sealed| sealed["spec"]["template"] = template
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_secret_becomes_a_secret_with_status_and_event() {
    let (world, _handle) = world_with(
        "a",
        template(json!({"type": "example.com/x", "immutable": false, "metadata": {
            "labels": {"app": "shop"}, "annotations": {"note": "n"}, "finalizers": ["x/y"]}})),
    )
    .await;
    let status = world.until_reason("a", "Unsealed").await;
    let secret = world.secret("a").await.unwrap();
    assert_eq!(secret["data"], json!({"user": base64("admin"), "password": base64("s3cret")}));
    assert_eq!(secret["type"], "example.com/x");
    assert_eq!(secret["immutable"], false);
    assert_eq!(secret["metadata"]["labels"], json!({"app": "shop"}));
    assert_eq!(secret["metadata"]["annotations"], json!({"note": "n"}));
    assert_eq!(secret["metadata"].get("finalizers"), None);
    let sealed = world.sealed("a").await;
    assert_eq!(
        secret["metadata"]["ownerReferences"],
        json!([{"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "a", "uid": sealed["metadata"]["uid"],
            "controller": true}])
    );
    let record: Value = serde_json::from_str(status["conditions"][2]["message"].as_str().unwrap()).unwrap();
    assert_eq!(status["conditions"][2]["type"], "Applied");
    assert_eq!(record["secret"], secret["metadata"]["uid"]);
    assert_eq!(record["resourceVersion"], secret["metadata"]["resourceVersion"]);
    assert_eq!((&record["labels"], &record["annotations"]), (&json!(["app"]), &json!(["note"])));
    assert_eq!(record["keys"].as_array().unwrap().len(), 1);

    let events = world.events().await;
    assert_eq!(events.len(), 1, "one transition, one event: {events:?}");
    assert_eq!((&events[0]["type"], &events[0]["reason"]), (&json!("Normal"), &json!("Unsealed")));
    assert_eq!(events[0]["involvedObject"]["uid"], sealed["metadata"]["uid"]);
    assert_eq!(world.cluster.requests().of("create", "secrets"), 2, "the key and the Secret: one request each");
    assert_eq!(world.cluster.requests().of("update", "secrets"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_or_deleted_secret_is_restored_and_foreign_metadata_is_left_alone() {
    let (world, _handle) = world_with("a", template(json!({"metadata": {"labels": {"app": "shop"}}}))).await;
    world.until_reason("a", "Unsealed").await;
    let path = format!("{SECRETS}/a");

    world.edit(&path, json!({"data": {"password": base64("changed"), "more": base64("x")}})).await;
    let restored = json!({"user": base64("admin"), "password": base64("s3cret")});
    world.until_secret("a", "the values are restored", |secret| secret["data"] == restored).await;

    world.edit(&path, json!({"metadata": {"labels": {"app": "other", "mine": "1"}, "annotations": {"a": "b"}}})).await;
    let secret = world.until_secret("a", "the label is restored", |s| s["metadata"]["labels"]["app"] == "shop").await;
    assert_eq!(secret["metadata"]["labels"]["mine"], "1");
    assert_eq!(secret["metadata"]["annotations"], json!({"a": "b"}));

    let uid = secret["metadata"]["uid"].clone();
    world.delete(&path).await;
    let secret = world.until_secret("a", "it is created again", |s| s["metadata"]["uid"] != uid).await;
    assert_eq!(secret["data"], restored);
    world.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_generation_updates_the_secret_and_drops_what_the_template_no_longer_names() {
    let (world, handle) = world_with("a", template(json!({"metadata": {"labels": {"old": "1", "stays": "1"}}}))).await;
    world.until_reason("a", "Unsealed").await;
    world.edit(&format!("{SECRETS}/a"), json!({"metadata": {"labels": {"foreign": "1"}}})).await;

    let mut next = seal(&handle, "a", &[("token", "t")]);
    next["spec"]["template"] = json!({"metadata": {"labels": {"stays": "2"}}});
    let present = world.sealed("a").await;
    next["metadata"]["resourceVersion"] = present["metadata"]["resourceVersion"].clone();
    world.try_send(Method::PUT, &format!("{SEALED}/a"), Some(&next)).await.unwrap();

    let secret =
        world.until_secret("a", "the new value is there", |s| s["data"] == json!({"token": base64("t")})).await;
    assert_eq!(secret["metadata"]["labels"], json!({"stays": "2", "foreign": "1"}));
    assert_eq!(world.until_reason("a", "Unsealed").await["observedGeneration"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocker_is_refused_and_its_deletion_wakes_the_object() {
    let world = World::new();
    let handle = world.start().await;
    world.post(SECRETS, &json!({"metadata": {"name": "a"}, "data": {"k": base64("theirs")}})).await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "ours")])).await;
    let status = world.until_reason("a", "NotManaged").await;
    assert_eq!(
        status["conditions"][0]["message"],
        "failed update: Resource \"a\" already exists and is not managed by SealedSecret"
    );
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("theirs"));
    let events = world.events().await;
    assert_eq!(events[0]["message"], "Resource \"a\" already exists and is not managed by SealedSecret");
    assert!(handle.metrics().contains("unseal_errors_total{reason=\"unmanaged\",namespace=\"default\"}"));

    world.delete(&format!("{SECRETS}/a")).await;
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_malformed_object_fails_alone() {
    let world = World::new();
    let handle = world.start().await;
    let mut bad = seal(&handle, "bad", &[("good", "x")]);
    bad["spec"]["encryptedData"]["n"] = json!(5);
    bad["spec"]["encryptedData"]["o"] = json!({"a": 1});
    world.plant(bad);
    world.post(SEALED, &seal(&handle, "fine", &[("k", "v")])).await;
    world.until_reason("fine", "Unsealed").await;
    let status = world.until_reason("bad", "Malformed").await;
    assert_eq!(
        status["conditions"][0]["message"],
        "encryptedData must hold text, found a map (o)\nencryptedData must hold text, found a number (n)"
    );
    assert!(world.secret("bad").await.is_none(), "the good item alone is no Secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_secret_and_another_type_are_refused_without_a_request() {
    let (world, handle) = world_with("a", template(json!({"immutable": true}))).await;
    world.until_reason("a", "Unsealed").await;
    let next = seal(&handle, "a", &[("user", "other")]);
    world.edit(&format!("{SEALED}/a"), json!({"spec": {"encryptedData": next["spec"]["encryptedData"]}})).await;
    let status = world.until_reason("a", "Immutable").await;
    assert!(
        status["conditions"][0]["message"]
            .as_str()
            .unwrap()
            .starts_with("Error updating default/a: the target Secret is immutable.")
    );

    world.edit(&format!("{SEALED}/a"), json!({"spec": {"template": {"type": "example.com/x"}}})).await;
    let status = world.until_reason("a", "TypeChange").await;
    assert!(status["conditions"][1]["message"].as_str().unwrap().contains("kubectl -n default delete secret a"));
    assert_eq!(world.cluster.requests().of("update", "secrets"), 0);

    world.delete(&format!("{SECRETS}/a")).await;
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.secret("a").await.unwrap()["type"], "example.com/x");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_the_object_collects_its_secret_and_nothing_is_created_again() {
    let (world, handle) = world_with("a", |_| {}).await;
    world.until_reason("a", "Unsealed").await;
    let before = world.cluster.requests();
    world.delete(&format!("{SEALED}/a")).await;
    until("the Secret is collected", || async { world.secret("a").await.is_none().then_some(()) }).await;
    until("its metric is gone", || async { (!handle.metrics().contains("name=\"a\"")).then_some(()) }).await;
    world.settled(&handle).await;
    assert!(world.secret("a").await.is_none());
    assert_eq!(world.cluster.requests().since(&before).of("create", "secrets"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_owner_reference_is_ours_because_we_wrote_it() {
    let skip = "sealedsecrets.bitnami.com/skip-set-owner-references";
    let (world, handle) = world_with("a", template(json!({"metadata": {"annotations": {skip: "true"}}}))).await;
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.secret("a").await.unwrap()["metadata"].get("ownerReferences"), None);
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"user": base64("changed")}})).await;
    world.until_secret("a", "it is restored", |s| s["data"]["user"] == base64("admin")).await;
    world.settled(&handle).await;
    world.until_reason("a", "Unsealed").await;
    assert!(world.events().await.iter().all(|event| event["type"] == "Normal"), "no error about what we just created");
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_left_alone_where_that_is_asked_for() {
    let (world, handle) = world_with("a", |sealed| {
        sealed["metadata"]["annotations"] = json!({"bulla.dev/drift": "ignore"});
    })
    .await;
    world.until_reason("a", "Unsealed").await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"user": base64("changed")}})).await;
    world.settled(&handle).await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["user"], base64("changed"));
    world.edit(&format!("{SEALED}/a"), json!({"metadata": {"annotations": {"bulla.dev/drift": null}}})).await;
    world.until_secret("a", "it is restored", |s| s["data"]["user"] == base64("admin")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scope_annotation_alone_wakes_the_object() {
    let (world, _handle) = world_with("a", |_| {}).await;
    world.until_reason("a", "Unsealed").await;
    let wide = "sealedsecrets.bitnami.com/cluster-wide";
    world.edit(&format!("{SEALED}/a"), json!({"metadata": {"annotations": {wide: "true"}}})).await;
    let status = world.until_reason("a", "WrongScope").await;
    assert_eq!(status["conditions"][0]["message"], "no key could decrypt secret (password, user)");
    assert_eq!(status["conditions"][2]["status"], "True", "what was written before still stands");
    world.edit(&format!("{SEALED}/a"), json!({"metadata": {"annotations": {wide: null}}})).await;
    world.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_cluster_costs_a_restart_nothing() {
    let world = World::new();
    let handle = world.start().await;
    for n in 0..20 {
        world.post(SEALED, &seal(&handle, &format!("s{n}"), &[("a", "1"), ("b", "2")])).await;
    }
    for n in 0..20 {
        world.until_reason(&format!("s{n}"), "Unsealed").await;
    }
    world.settled(&handle).await;
    handle.shutdown().await;

    let before = world.cluster.requests();
    let handle = world.start().await;
    until("every object was looked at", || async {
        handle.metrics().contains("unseal_requests_total 20").then_some(())
    })
    .await;
    world.settled(&handle).await;
    let cost = world.cluster.requests().since(&before);
    assert_eq!((handle.private_operations(), cost.writes()), (0, 0), "{cost:?}");
    assert_eq!(cost.of("get", "secrets"), 1, "the key, and no Secret: {cost:?}");

    // And what happens while nobody looks is found.
    handle.shutdown().await;
    world.edit(&format!("{SECRETS}/s3"), json!({"data": {"a": base64("changed")}})).await;
    world.delete(&format!("{SECRETS}/s4")).await;
    let _handle = world.start().await;
    world.until_secret("s3", "it is restored", |s| s["data"]["a"] == base64("1")).await;
    world.until_secret("s4", "it is created again", |s| s["data"]["a"] == base64("1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_falsified_status_is_put_right_without_rsa() {
    let (world, handle) = world_with("a", |_| {}).await;
    world.until_reason("a", "Unsealed").await;
    world.settled(&handle).await;
    let operations = handle.private_operations();
    let mut sealed = world.sealed("a").await;
    sealed["status"] = json!({"conditions": [{"type": "Foreign", "status": "True"}, {"type": "Synced", "status": "False", "message": "x"}]});
    world.try_send(Method::PUT, &format!("{SEALED}/a/status"), Some(&sealed)).await.unwrap();
    let status = world.until_reason("a", "Unsealed").await;
    assert_eq!(status["conditions"][3]["type"], "Foreign");
    assert_eq!(handle.private_operations(), operations);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_status_and_without_repair_it_still_works() {
    let world = World::new();
    let config = bulla_controller::Config { update_status: false, skip_recreate: true, ..World::config() };
    let handle = world.start_with(config).await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_secret("a", "it is there", |s| s["data"]["k"] == base64("v")).await;
    world.delete(&format!("{SECRETS}/a")).await;
    let next = seal(&handle, "b", &[("k", "v")]);
    world.post(SEALED, &next).await;
    world.until_secret("b", "it is there", |s| s["data"]["k"] == base64("v")).await;
    world.settled(&handle).await;
    assert!(world.secret("a").await.is_none());
    assert_eq!(world.sealed("a").await.get("status"), None);
    assert_eq!(world.cluster.requests().of("list", "secrets"), 1, "the keys only");
}
