//! `spec.template.data` (spec part 5).

use bulla_core::sealed::Scope;
use serde_json::{Value, json};

use crate::harness::sealing::{base64, seal};
use crate::harness::world::World;

/// An object with these items and templates, not yet created.
fn with_templates(world: &World, items: &[(&str, &str)], data: Value) -> Value {
    let mut sealed = world.seal("a", items);
    sealed["spec"]["template"] = json!({"data": data});
    sealed
}

async fn rendered(items: &[(&str, &str)], data: Value) -> Value {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&with_templates(&world, items, data)).await;
    world.until_synced("a", "True").await;
    world.secret("a").await.unwrap()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_see_items_and_stand_beside_them() {
    let data = rendered(
        &[("user", "administrator"), ("a-b", "dashed-value")],
        json!({"url": "https://{{ .user }}@{{ index . \"a-b\" | upper }}", "json": "{{ toJson .user }}", "plain": "as it is"}),
    )
    .await;
    let expected = json!({
        "user": base64("administrator"), "a-b": base64("dashed-value"), "plain": base64("as it is"),
        "url": base64("https://administrator@DASHED-VALUE"), "json": base64("\"administrator\""),
    });
    assert_eq!(data, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sibling_is_its_source_and_a_missing_key_has_no_value() {
    let data = rendered(&[], json!({"one": "{{ .two }}", "two": "{{ .one | len }}", "none": "{{ .missing }}"})).await;
    assert_eq!(data, json!({"one": base64("{{ .one | len }}"), "two": base64("10"), "none": base64("<no value>")}));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_clash_the_encrypted_value_wins_and_null_takes_an_item_out() {
    let data = rendered(
        &[("k", "encrypted-value"), ("helper", "helper-value")],
        json!({"k": "from the template", "helper": null, "sum": "{{ .k }}+{{ .helper }}"}),
    )
    .await;
    assert_eq!(data, json!({"k": base64("encrypted-value"), "sum": base64("encrypted-value+helper-value")}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_fails_fails_the_object_and_tells_no_value() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let items = [("k", "canary-of-template")];
    world.create(&with_templates(&world, &items, json!({"x": "{{ fail .k }}", "y": "{{", "ok": "{{ .k }}"}))).await;
    let sealed = world.until_synced("a", "False").await;
    let message = sealed["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("template: x:1:") && message.contains("template: y:1:"), "{message}");
    assert!(!sealed.to_string().contains("canary-of-template"));
    assert!(world.secret("a").await.is_none());
    // The log, statuses and events are looked through at the end.
}

#[tokio::test(flavor = "multi_thread")]
async fn the_losing_template_of_a_clash_still_counts() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&with_templates(&world, &[("k", "value-1")], json!({"k": "{{ nofunction }}"}))).await;
    world.until_synced("a", "False").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_reach_neither_environment_nor_network() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    for (number, function) in ["env \"PATH\"", "expandenv \"$PATH\"", "getHostByName \"localhost\""].iter().enumerate()
    {
        let name = format!("object-{number}");
        let mut sealed = world.seal(&name, &[]);
        sealed["spec"]["template"] = json!({"data": {"x": format!("{{{{ {function} }}}}")}});
        world.create(&sealed).await;
        let sealed = world.until_synced(&name, "False").await;
        let message = sealed["status"]["conditions"][0]["message"].as_str().unwrap();
        let function = function.split(' ').next().unwrap();
        assert!(message.contains(&format!("function \"{function}\" not defined")), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_whose_output_changes_each_time_settles() {
    let world = World::new().await;
    let controller = world.start(&[]).await;
    world.create(&with_templates(&world, &[], json!({"x": "{{ randAlphaNum 20 }} {{ now }}"}))).await;
    world.until_synced("a", "True").await;
    world.settled(&controller).await;
    assert_eq!(world.proxy.count("update secrets"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_is_an_error_for_a_function_of_strings_and_the_secret_stays_as_it_was() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    world.create(&with_templates(&world, &[], json!({"k": "{{ .gone }} {{ toJson .gone }}"}))).await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("<no value> null"));
    let edit = json!({"spec": {"template": {"data": {"k": "{{ upper .gone }}"}}}});
    world.admin().edit(&world.sealed_path("a"), &edit).await;
    world.until_refused("a", "template: k:1:9: executing \"k\" at <.gone>: invalid value; expected string (k)").await;
    assert_eq!(world.secret("a").await.unwrap()["data"]["k"], base64("<no value> null"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_key_position_and_function() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let failing = "{{ .user }}\n{{ fail (index . \"pass-word\") }}";
    let items = [("user", "administrator"), ("pass-word", "never-to-be-seen")];
    world.create(&with_templates(&world, &items, json!({"k": failing}))).await;
    let event = world.until_event("a", "ErrUnsealFailed").await;
    let message = event["message"].as_str().unwrap();
    let begin =
        "Failed to unseal: template: k:2:3: executing \"k\" at <fail (index . \"pass-word\")>: error calling fail: ";
    assert!(message.starts_with(begin), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_deprecated_form_no_template_is_looked_at() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let plain = json!({"kind": "Secret", "metadata": {"name": "a"}, "data": {"k": base64("value-of-old")}}).to_string();
    let blob = seal(world.certificate(), Scope::Strict, (&world.namespace, "a"), plain.as_bytes());
    world
        .create(&json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"namespace": world.namespace, "name": "a"},
            "spec": {"data": blob, "encryptedData": {}, "template": {"data": {"t": "{{ nothing }}"}}}}))
        .await;
    world.until_synced("a", "True").await;
    assert_eq!(world.secret("a").await.unwrap()["data"], json!({"k": base64("value-of-old")}));
}
