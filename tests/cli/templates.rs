//! `spec.template.data` under `bulla unseal` and `kubeseal --recovery-unseal`: the same rendering, and no value in any error.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use support::{Bench, CANARY, Ran, assert_no_canary, secret, vectors};

const SECRET: &str = "kind: Secret\nmetadata: {name: a, namespace: n}\nstringData: {user: admin, pass: \"p@ss\"}\n";

/// `plain`, sealed, with `templates` (YAML, one entry to a line) under `spec.template.data`.
fn sealed(bench: &Bench, plain: &str, templates: &[&str]) -> String {
    let sealed = bench.seal(&["-q", "-o", "yaml"], plain).ok();
    let lines: String = templates.iter().map(|line| format!("      {line}\n")).collect();
    let at = sealed.find("  template:\n").unwrap() + "  template:\n".len();
    format!("{}    data:\n{lines}{}", &sealed[..at], &sealed[at..])
}

fn recover(bench: &Bench, sealed: &str) -> Ran {
    let key = vectors("sealed/keys/key1.key").display().to_string();
    let args = ["kubeseal", "--recovery-unseal", "--recovery-private-key", &key, "-o", "yaml"];
    bench.bulla_with(&args, sealed.as_bytes())
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn both_commands_print_the_items_and_what_the_templates_make_of_them() {
    let bench = Bench::new();
    let sealed = sealed(
        &bench,
        SECRET,
        &[
            "url: db://{{ .user }}:{{ .pass | urlquery }}@{{ .host }}",
            "host: db.example",
            "user: the item wins",
            "pass: null",
            "raw: '{{ .url }}'",
        ],
    );
    for printed in [bench.unseal(&[], &sealed).ok(), recover(&bench, &sealed).ok()] {
        let data: Vec<&str> = printed
            .lines()
            .skip_while(|line| *line != "data:")
            .skip(1)
            .take_while(|line| line.starts_with("  "))
            .collect();
        let expected = [
            ("host", "db.example"),
            ("raw", "db://{{ .user }}:{{ .pass | urlquery }}@{{ .host }}"),
            ("url", "db://admin:p%40ss@db.example"),
            ("user", "admin"),
        ];
        assert_eq!(data, expected.map(|(key, value)| format!("  {key}: {}", base64(value))), "{printed}");
    }
}

#[test]
fn every_template_that_fails_is_named_and_no_value_is_shown() {
    let bench = Bench::new();
    let sealed = sealed(
        &bench,
        &secret("a"),
        &[
            "a: '{{ fail (index . \"password\") }}'",
            "b: '{{ mustFromJson .password }}'",
            "c: '{{ nothing }}'",
            "fine: '{{ .password }}'",
        ],
    );
    let stderr = bench.unseal(&[], &sealed).fails(
        1,
        &[
            "template: a:1:3: executing \"a\" at <fail (index . \"password\")>: error calling fail: ",
            "template: b:1:3: executing \"b\" at <mustFromJson .password>: error calling mustFromJson: ",
            "template: c:1: function \"nothing\" not defined",
            "1 of 1 SealedSecrets cannot be unsealed; nothing was printed (E0407)",
            "hint: correct the templates",
        ],
    );
    assert!(!stderr.contains("template: fine"), "{stderr}");
    let ran = recover(&bench, &sealed);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.starts_with("error: template: a:1:3: executing \"a\" at <fail "), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 3, "{}", ran.stderr);
    for text in [&stderr, &ran.stderr] {
        assert_no_canary(text);
        assert!(!text.contains(CANARY));
    }
}

#[test]
fn a_template_without_end_ends() {
    let bench = Bench::new();
    let sealed = sealed(&bench, SECRET, &["k: '{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}'"]);
    bench.unseal(&[], &sealed).fails(1, &["the render is over its budget of depth", "(E0407)"]);
    assert!(recover(&bench, &sealed).stderr.contains("the render is over its budget of depth"));
}

#[test]
fn a_secret_may_come_from_templates_alone() {
    let bench = Bench::new();
    let sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a, namespace: n}\n\
                  spec: {encryptedData: {}, template: {data: {k: '{{ upper \"v\" }}'}}}\n";
    for printed in [bench.unseal(&[], sealed).ok(), recover(&bench, sealed).ok()] {
        assert!(printed.contains(&format!("  k: {}\n", base64("V"))), "{printed}");
    }
}
