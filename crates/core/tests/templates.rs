//! What becomes of `spec.template.data`: the renderer says what templates come to, unsealing what the Secret holds.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use bulla_core::go_base64;
use bulla_core::sealed::{
    ObjectHints, Rendered, Scope, SealedSecret, TemplateErrors, UnsealError, UnsealOptions, UnsealedSecret, open,
    seal_value, unseal,
};
use bulla_core::secret::SecretBytes;
use serde_json::{Value, json};
use support::{certificate, never, ring};

type Templates = BTreeMap<String, Option<String>>;
type Items<'i> = BTreeMap<String, &'i [u8]>;

/// An object `n/a` with the items `user` and `pass`.
fn object(templates: Value) -> SealedSecret {
    let certificate = certificate("sealed/keys/rsa2048.crt");
    let seal =
        |value: &str| go_base64::encode(&seal_value(value.as_bytes(), &certificate, Scope::Strict, "n", "a").unwrap());
    SealedSecret::from_json(&json!({
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"encryptedData": {"user": seal("u"), "pass": seal("p")}, "template": {"data": templates}},
    }))
    .unwrap()
}

/// Each template comes to its text in capitals and the names of the items; one that is called `time` varies.
fn shout(templates: &Templates, items: &Items<'_>) -> Result<Rendered, TemplateErrors> {
    let names: Vec<&str> = items.keys().map(String::as_str).collect();
    let outputs = templates
        .iter()
        .filter_map(|(key, text)| {
            let output = format!("{} {}", text.as_ref()?.to_uppercase(), names.join("+"));
            Some((key.clone(), SecretBytes::new(output.into_bytes())))
        })
        .collect();
    let varying = templates.keys().filter(|key| *key == "time").cloned().collect();
    Ok(Rendered { outputs, varying })
}

fn fail(templates: &Templates, _: &Items<'_>) -> Result<Rendered, TemplateErrors> {
    let errors = templates.keys().map(|key| (key.clone(), format!("template: {key}: no"))).collect();
    Err(TemplateErrors { errors, out_of_time: false })
}

fn opened(object: &SealedSecret) -> bulla_core::sealed::OpenedSecret {
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    open(object, &ring, &mut ObjectHints::default(), UnsealOptions::default())
        .map_err(|error| error.to_string())
        .unwrap()
}

fn data(secret: &UnsealedSecret) -> BTreeMap<&str, &str> {
    secret.data().iter().map(|(key, value)| (key.as_str(), std::str::from_utf8(value.expose()).unwrap())).collect()
}

#[test]
fn the_secret_holds_the_items_and_what_the_templates_came_to() {
    let object = object(json!({"url": "db://"}));
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let secret =
        unseal(&object, &ring, &mut ObjectHints::default(), UnsealOptions::default(), &shout).map_err(|_| ()).unwrap();
    assert_eq!(data(&secret), BTreeMap::from([("pass", "p"), ("url", "DB:// pass+user"), ("user", "u")]));
    assert_eq!(secret.keys().keys().collect::<Vec<_>>(), ["pass", "user"], "a template is opened by no key");
}

#[test]
fn an_item_wins_over_the_template_of_its_key_and_is_not_said_to_vary() {
    let varies = |templates: &Templates, items: &Items<'_>| {
        let varying = templates.keys().cloned().collect();
        Ok(Rendered { varying, ..shout(templates, items)? })
    };
    let secret = opened(&object(json!({"user": "mallory"}))).render(&varies).map_err(|_| ()).unwrap();
    assert_eq!(data(&secret), BTreeMap::from([("pass", "p"), ("user", "u")]));
    assert!(secret.varying().is_empty());
}

#[test]
fn null_takes_an_item_out_and_templates_still_see_it() {
    let secret =
        opened(&object(json!({"pass": null, "gone": null, "url": "x"}))).render(&shout).map_err(|_| ()).unwrap();
    assert_eq!(data(&secret), BTreeMap::from([("url", "X pass+user"), ("user", "u")]));
    assert!(secret.keys().contains_key("pass"), "which key opened it is still told");
}

#[test]
fn nulls_alone_need_no_renderer() {
    let opened = opened(&object(json!({"pass": null})));
    assert!(!opened.has_templates());
    let secret = opened.render(&never).map_err(|_| ()).unwrap();
    assert_eq!(data(&secret), BTreeMap::from([("user", "u")]));
}

#[test]
fn a_secret_may_come_from_templates_alone() {
    let object = SealedSecret::from_json(&json!({
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"encryptedData": {}, "template": {"data": {"k": "v"}}},
    }))
    .unwrap();
    let opened = opened(&object);
    assert!(opened.has_templates());
    assert_eq!(data(&opened.render(&shout).map_err(|_| ()).unwrap()), BTreeMap::from([("k", "V ")]));
}

#[test]
fn a_template_that_fails_fails_the_object_also_if_an_item_has_its_key() {
    for templates in [json!({"b": "x", "a": "y"}), json!({"a": "x", "user": "y"})] {
        let keys: BTreeSet<String> = templates.as_object().unwrap().keys().cloned().collect();
        let Err(UnsealError::Templates(errors)) = opened(&object(templates)).render(&fail) else {
            panic!("it renders")
        };
        assert_eq!(errors.errors.keys().cloned().collect::<BTreeSet<_>>(), keys);
        let lines: Vec<_> = keys.iter().map(|key| format!("template: {key}: no ({key})")).collect();
        assert_eq!(UnsealError::Templates(errors).to_string(), lines.join("\n"));
    }
}

#[test]
fn a_template_that_the_renderer_says_nothing_about_is_an_error_and_one_that_is_none_is_not_taken() {
    let silent = |_: &Templates, _: &Items<'_>| Ok(Rendered::default());
    let Err(error) = opened(&object(json!({"k": "v"}))).render(&silent) else { panic!("it renders") };
    assert_eq!(error.to_string(), "template: k: was not rendered (k)");
    let eager = |templates: &Templates, items: &Items<'_>| {
        let mut rendered = shout(templates, items)?;
        for stray in ["stray", "pass", "user"] {
            rendered.outputs.insert(stray.to_owned(), SecretBytes::new(b"stray".to_vec()));
        }
        Ok(rendered)
    };
    let secret = opened(&object(json!({"k": "v", "pass": null}))).render(&eager).map_err(|_| ()).unwrap();
    assert_eq!(data(&secret), BTreeMap::from([("k", "V pass+user"), ("user", "u")]));
}

#[test]
fn items_that_do_not_open_are_reported_before_any_template_runs() {
    let mut object = object(json!({"k": "v"}));
    object.name = "renamed".to_owned();
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let result = unseal(&object, &ring, &mut ObjectHints::default(), UnsealOptions::default(), &never);
    assert!(matches!(result.map(|_| ()), Err(UnsealError::Items(_))));
}

#[test]
fn only_what_varies_can_be_kept_as_it_is_in_the_cluster() {
    let present = || SecretBytes::new(b"present".to_vec());
    let mut secret = opened(&object(json!({"time": "t", "url": "x"}))).render(&shout).map_err(|_| ()).unwrap();
    assert_eq!(secret.varying().iter().collect::<Vec<_>>(), ["time"]);
    for item in ["time", "url", "user", "unheard of"] {
        secret.keep(item, present());
    }
    let expected = [("pass", "p"), ("time", "present"), ("url", "X pass+user"), ("user", "u")];
    assert_eq!(data(&secret), BTreeMap::from(expected));
}

#[test]
fn the_deprecated_form_states_a_whole_secret_and_its_template_is_not_looked_at() {
    let document = br#"{"kind":"Secret","metadata":{"name":"a"},"data":{"a":"YWxwaGE="}}"#;
    let sealed = seal_value(document, &certificate("sealed/keys/rsa2048.crt"), Scope::Strict, "n", "a").unwrap();
    let object = SealedSecret::from_json(&json!({
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"data": go_base64::encode(&sealed), "template": {"type": "t", "data": {"a": null, "k": "{{"}}},
    }))
    .unwrap();
    let secret = opened(&object).render(&never).map_err(|_| ()).unwrap();
    assert_eq!((data(&secret), secret.stated_type()), (BTreeMap::from([("a", "alpha")]), ""));
}
