//! Whoever else writes our Secrets: what is put right, what is left alone, and whose war is not fought (design, decision 13).

use bulla_controller::Handle;
use http::{Method, Request};
use serde_json::{Value, json};

use super::support::{SEALED, SECRETS, World, base64, seal, until};

async fn started() -> (World, Handle) {
    let world = World::new();
    let handle = world.start().await;
    let mut sealed = seal(&handle, "a", &[("user", "admin"), ("password", "s3cret")]);
    sealed["spec"]["template"] = json!({"metadata": {"labels": {"app": "shop"}}});
    world.post(SEALED, &sealed).await;
    world.until_reason("a", "Unsealed").await;
    (world, handle)
}

/// Edits the Secret under the name of a field manager.
async fn edit_as(world: &World, manager: &str, change: Value) {
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(format!("{SECRETS}/a?fieldManager={manager}"))
        .header("content-type", "application/merge-patch+json");
    world.admin.request::<Value>(request.body(change.to_string().into_bytes()).unwrap()).await.unwrap();
}

fn item(name: &str, value: &str) -> Value {
    json!({"data": {name: base64(value)}})
}

async fn corrections(world: &World) -> Vec<String> {
    let events = world.events().await;
    let corrected = events.iter().filter(|event| event["reason"] == "DriftCorrected");
    corrected
        .inspect(|event| assert_eq!(event["type"], "Normal"))
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_annotates_again_and_again_costs_no_write() {
    let (world, handle) = started().await;
    world.settled(&handle).await;
    let before = world.cluster.requests();
    for round in 0..15 {
        let looks = world.cluster.requests().of("get", "secrets");
        let seen = json!({"metadata": {"annotations": {"bot.example.com/seen": round.to_string()}}});
        edit_as(&world, "bot", seen).await;
        // Ten looks are free; then it is looked at less and less often.
        if round < 10 {
            until("it was looked at", || async {
                (world.cluster.requests().of("get", "secrets") > looks).then_some(())
            })
            .await;
        }
    }
    let cost = world.cluster.requests().since(&before);
    for (verb, resource) in
        [("update", "secrets"), ("create", "secrets"), ("update", "sealedsecrets/status"), ("create", "events")]
    {
        assert_eq!(cost.of(verb, resource), 0, "{verb} {resource}: {cost:?}");
    }
    world.until_reason("a", "Unsealed").await;
    let annotations = world.secret("a").await.unwrap()["metadata"]["annotations"].clone();
    assert_eq!(annotations, json!({"bot.example.com/seen": "14"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_war_over_a_value_is_not_fought_and_holds_nobody_else_up() {
    let (world, handle) = started().await;
    for round in 0..3 {
        edit_as(&world, "bot", item("user", &format!("theirs {round}"))).await;
        world.until_secret("a", "it is restored", |s| s["data"]["user"] == base64("admin")).await;
    }
    edit_as(&world, "bot", item("user", "theirs")).await;
    let status = world.until_reason("a", "Drift").await;
    let ready = status["conditions"][1]["message"].as_str().unwrap();
    assert!(ready.contains("bulla.dev/drift: ignore") && ready.contains("3 times"), "{ready}");
    let synced = status["conditions"][0]["message"].as_str().unwrap();
    assert_eq!(synced, "failed update: Secret \"a\" is changed by \"bot\" again and again");
    assert_eq!(world.secret("a").await.unwrap()["data"]["user"], base64("theirs"));

    // Told of once, by name, with the field and without a value; and a warning that it goes on.
    assert_eq!(corrections(&world).await, ["put right what \"bot\" changed: data key \"user\""]);
    let events = world.events().await;
    let warnings: Vec<_> = events.iter().filter(|event| event["type"] == "Warning").collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["message"], synced);

    // Somebody else's edit is put right meanwhile, and with it the bot's.
    edit_as(&world, "kubectl-edit", item("password", "changed")).await;
    world.until_secret("a", "it is restored", |s| s["data"]["password"] == base64("s3cret")).await;
    world.until_reason("a", "Unsealed").await;
    edit_as(&world, "bot", item("user", "theirs again")).await;
    world.until_reason("a", "Drift").await;

    // And a deletion is made good at once, in the middle of the war.
    let uid = world.secret("a").await.unwrap()["metadata"]["uid"].clone();
    world.delete(&format!("{SECRETS}/a")).await;
    world.until_secret("a", "it is created again", |s| s["metadata"]["uid"] != uid).await;
    world.until_reason("a", "Unsealed").await;
    drop(handle);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hand_is_named_with_what_it_changed() {
    let (world, _handle) = started().await;
    let label = json!({"metadata": {"labels": {"app": "other"}}});
    edit_as(&world, "labeller", label).await;
    world.until_secret("a", "it is restored", |s| s["metadata"]["labels"]["app"] == "shop").await;
    edit_as(&world, "kubectl-edit", item("more", "x")).await;
    world.until_secret("a", "it is restored", |s| s["data"].get("more").is_none()).await;
    let expected = [
        "put right what \"kubectl-edit\" changed: data key \"more\"",
        "put right what \"labeller\" changed: label \"app\"",
    ];
    until("both are told of", || async {
        let mut told = corrections(&world).await;
        told.sort();
        (told == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_writes_are_the_manager_bullas() {
    let (world, _handle) = started().await;
    edit_as(&world, "kubectl-edit", item("user", "changed")).await;
    let secret = world.until_secret("a", "it is restored", |s| s["data"]["user"] == base64("admin")).await;
    let managers = secret["metadata"]["managedFields"].as_array().unwrap();
    let ours = managers.iter().find(|entry| entry["manager"] == "bulla").unwrap();
    assert!(ours.pointer("/fieldsV1/f:data/f:user").is_some(), "{managers:?}");
}
