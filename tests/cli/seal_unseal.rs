//! `bulla seal`, `unseal`, `cert`, `completion`: what goes in comes out, and nothing else is said where data belongs.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use support::{BULLA, Bench, CANARY, assert_no_canary, run, secret, vector, vectors};

#[test]
fn what_is_sealed_is_unsealed_again() {
    let bench = Bench::new();
    for scope in ["strict", "namespace-wide", "cluster-wide"] {
        for format in ["yaml", "json"] {
            let sealed = bench.seal(&["--scope", scope, "-o", format], &secret("db")).ok();
            assert_no_canary(&sealed);
            assert_eq!(sealed.starts_with('{'), format == "json");
            let plain = bench.unseal(&[], &sealed).ok();
            assert!(plain.contains("Y2FuYXJ5LUh1bnRlcjItdHdlZXQ="), "{scope}, {format}: {plain}");
        }
    }
}

#[test]
fn the_format_of_the_input_is_kept_and_names_of_files_decide() {
    let bench = Bench::new();
    let json = r#"{"kind":"Secret","metadata":{"name":"a","namespace":"b"},"stringData":{"c":"d"}}"#;
    assert!(bench.seal(&[], json).ok().starts_with("{\n  \"kind\": \"SealedSecret\","));
    assert!(bench.seal(&[], &secret("a")).ok().starts_with("---\napiVersion:"));
    bench.seal(&["-w", "out.json"], &secret("a")).ok();
    assert!(bench.read("out.json").starts_with('{'));
    bench.seal(&["-w", "out.yaml"], json).ok();
    assert!(bench.read("out.yaml").starts_with("---\n"));
    bench.seal(&["-w", "out.yaml", "-o", "json"], json).ok();
    assert!(bench.read("out.yaml").starts_with('{'));
}

#[test]
fn many_files_and_documents_are_sealed_in_order() {
    let bench = Bench::new();
    bench.write("one.yaml", format!("{}---\n{}", secret("first"), secret("second")));
    bench.write("two.yaml", secret("third"));
    let sealed = bench.seal(&["one.yaml", "-", "two.yaml"], &secret("between")).ok();
    let names: Vec<_> = sealed.lines().filter_map(|line| line.strip_prefix("  name: ")).collect();
    assert_eq!(names, ["first", "second", "between", "third"]);
    let plain = bench.unseal(&["-o", "json"], &sealed).ok();
    assert_eq!(plain.matches("\"kind\": \"Secret\"").count(), 4);
}

#[test]
fn one_bad_document_and_nothing_is_written() {
    let bench = Bench::new();
    let both = format!("{}---\n{}", secret("good"), "kind: Secret\nmetadata: {namespace: x}\nstringData: {a: b}\n");
    bench.write("out.yaml", "old");
    bench.seal(&[], &both).fails(1, &["(E0205)", "--name NAME"]);
    bench.seal(&["-w", "out.yaml"], &both).fails(1, &["(E0205)"]);
    assert_eq!(bench.read("out.yaml"), "old");

    let sealed = bench.seal(&[], &secret("good")).ok();
    let other = vector("sealed/enc/key2.yaml");
    bench.unseal(&["-w", "out.yaml"], &format!("{sealed}{other}")).fails(1, &["1 of 2 SealedSecrets", "(E0404)"]);
    assert_eq!(bench.read("out.yaml"), "old");
}

#[test]
fn the_user_is_told_which_certificate_is_used_unless_quiet() {
    let bench = Bench::new();
    let ran = bench.seal(&[], &secret("a"));
    assert!(ran.stderr.starts_with("bulla: sealing with certificate SHA256:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("RSA-4096, ") && ran.stderr.contains(" old, valid until 20"), "{}", ran.stderr);
    assert_eq!(bench.seal(&["-q"], &secret("a")).stderr, "");
}

#[test]
fn unquoted_values_are_warned_about_without_showing_them() {
    let bench = Bench::new();
    let plain =
        "kind: Secret\nmetadata: {name: a, namespace: b}\nstringData:\n  pin: 4711\n  on: yes\n  fine: \"4711\"\n";
    let ran = bench.seal(&["-q"], plain);
    assert!(ran.stderr.contains("line 4: stringData.pin is a number without quotes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 5: stringData.true is a boolean without quotes"), "{}", ran.stderr);
    assert!(ran.stderr.contains("line 5: a key without quotes is read as \"true\""), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("warning").count(), 3, "{}", ran.stderr);
    assert!(!ran.stderr.contains("4711"));
    assert_eq!(
        bench
            .seal(&["-q"], "kind: Secret\nmetadata: {name: a, namespace: n}\nstringData: {a: b}")
            .stderr
            .matches("metadata.namespace is a boolean")
            .count(),
        1
    );
}

#[test]
fn scopes_that_come_from_annotations_are_pointed_out() {
    let bench = Bench::new();
    let ran = bench.seal(&["-q"], &vector("sealed/plain/annotated-scope.yaml"));
    assert!(ran.stderr.contains("cluster-wide scope, because its annotations say so"), "{}", ran.stderr);
    let ran = bench.seal(&["-q", "--scope", "strict"], &vector("sealed/plain/annotated-scope.yaml"));
    assert!(ran.stderr.contains("--scope strict replaces the annotation"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("cluster-wide"), "{}", ran.stdout);
}

#[test]
fn certificates_that_should_not_be_used_are_warned_about() {
    // The certificate of a web server: it signs, and does not encrypt.
    let bench = Bench::new();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=web",
            "-keyout",
            "/dev/null",
        ])
        .args(["-addext", "keyUsage=digitalSignature", "-out"])
        .arg(bench.path("web.pem"))
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        return; // no openssl here; core's own tests cover the flag
    }
    let ran = bench.bulla_with(&["seal", "-q", "--cert", "web.pem"], secret("a").as_bytes());
    assert!(ran.stderr.contains("was not made for encryption"), "{}", ran.stderr);
    assert_eq!(ran.code, 0);
}

#[test]
fn flags_fill_in_what_the_manifest_lacks() {
    let bench = Bench::new();
    let sealed = bench.seal(&["--name", "given", "-n", "space"], "stringData: {a: b}").ok();
    assert!(sealed.contains("  name: given\n  namespace: space\n"), "{sealed}");
    let sealed = bench.seal(&["--scope", "cluster-wide", "--name", "given"], "stringData: {a: b}").ok();
    assert!(!sealed.contains("  namespace:"), "{sealed}");
    bench.unseal(&[], &sealed).ok();
    bench.seal(&["--allow-empty-data"], "kind: Secret\nmetadata: {name: a, namespace: b}").ok();
}

#[test]
fn every_form_of_a_key_opens() {
    let bench = Bench::new();
    let sealed = vector("sealed/enc/basic.strict.yaml");
    let live = vectors("sealed-live/controller-key.yaml").display().to_string();
    for key in ["key1.key", "key1.pkcs1.key"] {
        let key = vectors(&format!("sealed/keys/{key}")).display().to_string();
        // The key that does not fit does no harm.
        let plain = bench.bulla_with(&["unseal", "--key", &live, "--key", &key], sealed.as_bytes()).ok();
        assert!(plain.contains("  bin: AAECA//+/Q==\n"), "{plain}");
    }
    let sealed = vector("sealed-live/e2e.sealed.yaml");
    let doubled =
        format!("kind: ConfigMap\nmetadata: {{name: other}}\n---\n{}", vector("sealed-live/controller-key.yaml"));
    let ran = bench
        .bulla_with(&["unseal", "--key", &bench.write("keys.yaml", doubled).display().to_string()], sealed.as_bytes());
    assert!(ran.stderr.contains("other is skipped"), "{}", ran.stderr);
    ran.ok();
}

#[test]
fn a_list_of_sealed_secrets_is_taken_apart() {
    let bench = Bench::new();
    let one = bench.seal(&["-o", "json"], &secret("a")).ok();
    let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{one},{one}]}}"#);
    assert_eq!(bench.unseal(&[], &list).ok().matches("\"kind\": \"Secret\"").count(), 2);
}

#[test]
fn certificates_are_described() {
    let bench = Bench::new();
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let table = bench.bulla(&["cert", "show", &certificate]).ok();
    assert!(table.contains("key          RSA-4096\n") && table.contains("expired      no\n"), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&bench.bulla(&["cert", "show", "--json", &certificate]).ok()).unwrap();
    assert_eq!(
        (json["bits"].as_u64(), json["expired"].as_bool(), json["forSealing"].as_bool()),
        (Some(4096), Some(false), Some(true))
    );
    assert!(table.contains(json["fingerprint"].as_str().unwrap()));
    let expired = vectors("keys/expired.crt").display().to_string();
    assert!(bench.bulla(&["cert", "show", &expired]).ok().contains("expired      yes\n"));

    let url = format!("file://{certificate}");
    let fetched = bench.bulla(&["cert", "fetch", "--url", &url]);
    assert!(fetched.stderr.contains("fetched certificate SHA256:"), "{}", fetched.stderr);
    assert_eq!(fetched.ok(), vector("sealed/keys/key1.crt"));
}

#[test]
fn help_version_and_completion_go_to_standard_output() {
    let bench = Bench::new();
    for args in [&["--help"][..], &["seal", "--help"], &["help", "cert", "fetch"], &["quickstart", "-h"]] {
        let help = bench.bulla(args).ok();
        assert!(help.contains("Usage: bulla") && help.contains("Example"), "{args:?}: {help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{args:?} has long lines");
    }
    assert_eq!(bench.bulla(&["--version"]).ok(), concat!("bulla ", env!("CARGO_PKG_VERSION"), "\n"));
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(bench.bulla(&["completion", shell]).ok().contains("bulla"), "{shell}");
    }
}

#[test]
fn a_reader_that_ends_early_is_no_error() {
    let bench = Bench::new();
    let mut command = bench.command("sh");
    let certificate = vectors("sealed/keys/key1.crt");
    let many: String = (0..300).map(|index| format!("---\n{}", secret(&format!("s{index}")))).collect();
    bench.write("many.yaml", many);
    command.args(["-c", &format!("{BULLA} seal -q --cert {} many.yaml; echo $? > code", certificate.display())]);
    // The shell's output is the pipe; it is closed before the command writes.
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(bench.read("code"), "0\n");
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let bench = Bench::new();
    let failing = ["seal", "--color", "always"];
    assert!(bench.bulla(&failing).stderr.contains("\u{1b}["));
    assert!(!bench.bulla(&["seal"]).stderr.contains('\u{1b}'));
    let mut command = bench.command(BULLA);
    command.args(["seal", "--color", "never"]).env("CLICOLOR_FORCE", "1");
    assert!(!run(command, b"").stderr.contains('\u{1b}'));
}

#[test]
fn an_argument_never_needs_to_hold_a_value() {
    // What looks like a value on the command line is refused or taken as a file, and not repeated beyond its name.
    let bench = Bench::new();
    let ran = bench.seal(&["--literal", CANARY], "");
    assert_eq!(ran.code, 3);
    assert_no_canary(&ran.stderr);
}
