//! `spec.template.data`, from the SealedSecret to the Secret.

use http::Method;
use serde_json::{Value, json};

use super::support::{SEALED, SECRETS, World, base64, seal, until};

const SLOW: &str = "/apis/bitnami.com/v1alpha1/namespaces/slow/sealedsecrets";

/// A SealedSecret with the items `user` and `password`, and these templates.
fn templated(handle: &bulla_controller::Handle, name: &str, templates: Value) -> Value {
    let mut sealed = seal(handle, name, &[("user", "admin"), ("password", "s3cret")]);
    sealed["spec"]["template"] = json!({"data": templates});
    sealed
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_and_items_become_one_secret() {
    let world = World::new();
    let handle = world.start().await;
    let templates = json!({
        "url": "db://{{ .user }}:{{ .password | urlquery }}@{{ .host }}/{{ index . \"user\" | upper }}",
        "host": "db.example",
        "password": null,
        "user": "{{ fail \"\" | default \"the item wins\" }}{{/* and this one would fail */}}",
    });
    let mut sealed = templated(&handle, "a", templates);
    world.post(SEALED, &sealed).await;
    let status = world.until_reason("a", "TemplateFailed").await;
    let expected = "template: user:1:3: executing \"user\" at <fail \"\">: error calling fail: the template called fail; its text is not shown";
    assert_eq!(status["conditions"][0]["message"], format!("{expected} (user)"));
    assert!(status["conditions"][1]["message"].as_str().unwrap().starts_with(expected), "{status}");
    assert!(world.secret("a").await.is_none());

    sealed["spec"]["template"]["data"]["user"] = json!("the item wins");
    // Replaced, not patched: to a merge patch null means that the entry goes.
    sealed["metadata"] = world.sealed("a").await["metadata"].clone();
    world.try_send(Method::PUT, &format!("{SEALED}/a"), Some(&sealed)).await.unwrap();
    world.until_reason("a", "Unsealed").await;
    assert_eq!(
        world.secret("a").await.unwrap()["data"],
        json!({"user": base64("admin"), "url": base64("db://admin:s3cret@db.example/ADMIN"), "host": base64("db.example")}),
        "null takes the password out of the Secret, and the URL has it"
    );

    let mut alone = templated(&handle, "alone", json!({"greeting": "hello {{ .nobody }}"}));
    alone["spec"]["encryptedData"] = json!({});
    world.post(SEALED, &alone).await;
    world.until_reason("alone", "Unsealed").await;
    assert_eq!(world.secret("alone").await.unwrap()["data"], json!({"greeting": base64("hello <no value>")}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_template_makes_is_put_right_like_any_value() {
    let world = World::new();
    let handle = world.start().await;
    world.post(SEALED, &templated(&handle, "a", json!({"url": "{{ .user }}@db"}))).await;
    world.until_reason("a", "Unsealed").await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"url": base64("mallory@db")}})).await;
    world.until_secret("a", "it is restored", |secret| secret["data"]["url"] == base64("admin@db")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_values_are_made_once_for_each_generation() {
    let world = World::new();
    let handle = world.start().await;
    let templates = json!({"id": "{{ uuidv4 }}", "made": "{{ now }}", "plain": "{{ .user }}"});
    world.post(SEALED, &templated(&handle, "a", templates)).await;
    world.until_reason("a", "Unsealed").await;
    let first = world.secret("a").await.unwrap()["data"].clone();

    // Somebody's annotation: looked at, and left alone.
    let before = world.cluster.requests();
    world.edit(&format!("{SECRETS}/a"), json!({"metadata": {"annotations": {"bot": "was here"}}})).await;
    until("the controller looks at it", || async {
        (world.cluster.requests().since(&before).of("get", "secrets") > 0).then_some(())
    })
    .await;
    world.settled(&handle).await;
    assert_eq!(world.cluster.requests().since(&before).of("update", "secrets"), 0);

    // An edit of another value: put right, without new random values.
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"plain": base64("mallory")}})).await;
    let restored = |secret: &Value| secret["data"] == first;
    world.until_secret("a", "only the edit is undone", restored).await;
    world.settled(&handle).await;

    // A restart, and an edit while nobody looked.
    handle.shutdown().await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"user": null}})).await;
    let handle = world.start().await;
    world.until_secret("a", "only the edit is undone", restored).await;
    world.settled(&handle).await;

    // Without the value there is nothing to keep.
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"id": null}})).await;
    let second = world.until_secret("a", "there is an id again", |secret| !secret["data"]["id"].is_null()).await;
    assert_ne!(second["data"]["id"], first["id"]);
    assert_eq!(second["data"]["made"], first["made"]);
    world.settled(&handle).await;

    // Another generation is another Secret.
    world.edit(&format!("{SEALED}/a"), json!({"spec": {"template": {"data": {"more": "x"}}}})).await;
    let third =
        world.until_secret("a", "the new template counts", |secret| secret["data"]["more"] == base64("x")).await;
    assert_ne!(third["data"]["id"], second["data"]["id"]);
    assert_ne!(third["data"]["made"], second["data"]["made"]);
    world.settled(&handle).await;
    assert_eq!(world.secret("a").await.unwrap()["data"], third["data"], "and it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_templates_of_one_namespace_do_not_hold_up_the_others() {
    const OBJECTS: usize = 40;
    let world = World::new();
    let handle = world.start().await;
    world.post("/api/v1/namespaces", &json!({"metadata": {"name": "slow"}})).await;
    // As many password hashes as there may be, about half a second of work, and one more.
    let burner = "{{ range until 9 }}{{ bcrypt \"password\" }}{{ end }}";
    for n in 0..OBJECTS {
        let object = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"namespace": "slow", "name": format!("slow-{n}")},
            "spec": {"encryptedData": {}, "template": {"data": {"k": burner}}},
        });
        world.post(SLOW, &object).await;
    }
    let unfinished = || async {
        let list = world.get(SLOW).await.unwrap();
        let items = list["items"].as_array().unwrap();
        items.iter().filter(|item| item["status"]["conditions"][0]["reason"] != "TemplateFailed").count()
    };
    until("the first one is over its budget", || async { (unfinished().await < OBJECTS).then_some(()) }).await;

    for n in 0..10 {
        world.post(SEALED, &seal(&handle, &format!("plain-{n}"), &[("k", "v")])).await;
        world.post(SEALED, &templated(&handle, &format!("quick-{n}"), json!({"k": "{{ .user }}"}))).await;
    }
    for n in 0..10 {
        world.until_reason(&format!("plain-{n}"), "Unsealed").await;
        world.until_reason(&format!("quick-{n}"), "Unsealed").await;
    }
    let left = unfinished().await;
    assert!(left > OBJECTS / 2, "the others overtook the slow ones, of which {left} are left");
    // And those who wait are told of, and are not forgotten.
    assert!(!handle.metrics().contains("queue_depth 0\n"), "{}", handle.metrics());
    until("the slow ones go on", || async { (unfinished().await < left).then_some(()) }).await;
}
