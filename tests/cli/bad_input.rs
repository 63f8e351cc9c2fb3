//! Bad input of every kind: the message says what, where and what to do; nothing is printed, nothing panics, and no value is
//! in any message (`Ran::fails` looks for the canary each time).
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use support::{Bench, CANARY, secret, vector, vectors};

#[test]
fn what_cannot_be_sealed_is_refused_with_place_and_cure() {
    let bench = Bench::new();
    let cases: Vec<(&str, String, &[&str])> = vec![
        ("not YAML", format!("kind: Secret\n  a: {CANARY}\n- b"), &["(E0201)", "in.yaml: line 2, column "]),
        ("a tab", format!("stringData:\n\tpassword: {CANARY}\n"), &["(E0201)", "in.yaml: line 2, column "]),
        ("an open quote", format!("stringData:\n  password: \"{CANARY}\n"), &["(E0201)", "in.yaml: line "]),
        (
            "JSON that is cut",
            format!("{{\"kind\":\"Secret\",\"stringData\":{{\"a\":\"{CANARY}\""),
            &["(E0201)", "line 1, column "],
        ),
        (
            "text after JSON",
            format!("{{\"kind\":\"Secret\",\"metadata\":{{\"name\":\"a\",\"namespace\":\"b\"}}}} {CANARY}"),
            &["(E0201)", "text after the last complete JSON object"],
        ),
        ("nothing", String::new(), &["(E0202)", "there is no document"]),
        ("comments", format!("# {CANARY}\n---\n---\n"), &["(E0202)", "there is no document"]),
        ("a word", CANARY.to_owned(), &["(E0203)", "line 1, column 1: the document is text, not a Secret"]),
        ("a list of words", format!("- {CANARY}"), &["(E0203)", "the document is a list, not a Secret"]),
        (
            "a ConfigMap",
            format!("---\n\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: {CANARY}}}"),
            &["(E0203)", "in.yaml: line 3, column 1: the document is a ConfigMap, not a Secret", "`kind: Secret`"],
        ),
        (
            "a second document",
            format!("{}---\nkind: ConfigMap\ndata: {{a: {CANARY}}}", secret("a")),
            &["(E0203)", "in.yaml: line 9, column 1: the document is a ConfigMap"],
        ),
        (
            "another Secret",
            format!("apiVersion: other/v1\nkind: Secret\nstringData: {{a: {CANARY}}}"),
            &["(E0203)", "a Secret of other/v1"],
        ),
        ("sealed already", "kind: SealedSecret".to_owned(), &["(E0203)", "sealed already", "bulla unseal"]),
        (
            "a List",
            format!("kind: List\nitems:\n- kind: Secret\n  stringData: {{a: {CANARY}}}"),
            &["(E0204)", "the document is a List", ".items[]"],
        ),
        (
            "no name",
            format!("kind: Secret\nmetadata: {{namespace: a}}\nstringData: {{a: {CANARY}}}"),
            &["(E0205)", "no metadata.name", "--name NAME"],
        ),
        (
            "no namespace",
            format!("kind: Secret\nmetadata: {{name: a}}\nstringData: {{a: {CANARY}}}"),
            &["(E0206)", "Secret a has no metadata.namespace", "--namespace NAMESPACE"],
        ),
        (
            "no data",
            "kind: Secret\nmetadata: {name: a, namespace: b}".to_owned(),
            &["(E0211)", "neither data nor stringData", "--allow-empty-data"],
        ),
        (
            "a key twice",
            format!(
                "kind: Secret\nmetadata: {{name: a, namespace: b}}\nstringData:\n  key: {CANARY}\n  other: x\n  key: {CANARY}2\n"
            ),
            &["(E0208)", "in.yaml: line 6, column 3: the key `key` is defined twice (first at line 4)"],
        ),
        (
            "a key twice in JSON",
            format!("{{\"stringData\":{{\"a\":\"{CANARY}\",\"a\":\"x\"}}}}"),
            &["(E0208)", "the key `a` is defined twice"],
        ),
        (
            "a list as value",
            format!("kind: Secret\nmetadata: {{name: a, namespace: b}}\nstringData:\n  key: [{CANARY}]\n"),
            &["(E0209)", "in.yaml: line 4, column 8: stringData.key must be text, found a list"],
        ),
        (
            "metadata as text",
            format!("kind: Secret\nmetadata: {CANARY}\n"),
            &["(E0209)", "line 2, column 11: metadata must be a map, found text"],
        ),
        (
            "plain text under data",
            format!("kind: Secret\nmetadata: {{name: a, namespace: b}}\ndata:\n  key: {CANARY}\n"),
            &["(E0210)", "in.yaml: line 4, column 8: data.key: illegal base64 data at input byte 6", "stringData"],
        ),
        (
            "base64 that is cut",
            "kind: Secret\nmetadata: {name: a, namespace: b}\ndata: {key: Y2FuYXJ5LUh1bnRlcjItdHdlZXQ}\n".to_owned(),
            &["(E0210)", "data.key: illegal base64 data at input byte 2"],
        ),
        (
            "base64 with spaces",
            "kind: Secret\nmetadata: {name: a, namespace: b}\ndata: {key: Y2Fu YXJ5LUh1bnRlcjIt}\n".to_owned(),
            &["(E0210)", "data.key: illegal base64 data at input byte 4"],
        ),
        ("an alias bomb", bomb(), &["(E0201)", "expand to more than 10000 nodes"]),
        ("deep nesting", format!("{{a: {}", "[".repeat(10_000)), &["(E0201)", "line 1, column "]),
        ("deep JSON", format!("{{\"a\":{}", "[".repeat(10_000)), &["(E0201)", "nested more than 255 deep"]),
        ("UTF-16", String::from_utf8(vec![b'k', 0, b'i', 0]).unwrap(), &["(E0201)", "UTF-16"]),
    ];
    for (what, input, words) in cases {
        bench.write("in.yaml", input);
        let ran = bench.seal(&["-q", "in.yaml"], "");
        let stderr = ran.fails(1, words);
        assert!(stderr.contains("in.yaml"), "{what}: the file is not named: {stderr}");
        assert!(stderr.len() < 1000, "{what}: the message is too long: {stderr}");
    }
}

/// Nine levels of ten aliases each.
fn bomb() -> String {
    let mut text = format!("a0: &a0 [{CANARY}]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    text
}

#[test]
fn flags_that_contradict_the_input_are_refused() {
    let bench = Bench::new();
    bench
        .seal(&["-q", "-n", "other"], &secret("a"))
        .fails(1, &["(E0207)", "is in namespace shop, but --namespace says other"]);
    let two = format!("{}---\n{}", secret("a"), secret("b"));
    bench.seal(&["-q", "--name", "c"], &two).fails(1, &["(E0212)", "2 Secrets"]);
    bench.bulla(&["seal"]).fails(1, &["(E0301)", "bulla cert fetch"]);
    bench.bulla(&["seal", "--cert", "-"]).fails(1, &["(E0105)"]);
    bench.bulla(&["unseal"]).fails(1, &["(E0401)", "--key"]);
    bench.bulla(&["seal", "--nonsense"]).fails(3, &["(E0001)", "--nonsense", "Usage: bulla seal"]);
    bench.bulla(&["seal", "--scope", "wide"]).fails(3, &["(E0001)", "strict, namespace-wide, cluster-wide"]);
    bench.bulla(&["nonsense"]).fails(3, &["(E0001)"]);
    bench.bulla(&[]).fails(3, &["Usage: bulla"]);
}

#[test]
fn certificates_that_cannot_seal_are_refused() {
    let bench = Bench::new();
    let good = vector("sealed/keys/key1.crt");
    bench.write("cut.pem", &good[..good.len() / 2]);
    bench.write("garbled.pem", good.replacen("MII", "AAA", 1));
    bench.write("page.html", "<html>not found</html>");
    for (path, words) in [
        (vectors("keys/expired.crt"), &["(E0304)", "expired certificate on ", "bulla cert fetch"][..]),
        (vectors("keys/ec.crt"), &["(E0305)", "expected RSA public key"]),
        (vectors("keys/rsa1024.crt"), &["(E0306)", "1024 bits"]),
        (vectors("keys/rsa2048.pub"), &["(E0302)", "PUBLIC KEY"]),
        (vectors("sealed/keys/key1.key"), &["(E0302)", "does not contain any valid"]),
        (bench.path("page.html"), &["(E0302)", "page.html"]),
        (bench.path("cut.pem"), &["(E0303)", "cut.pem"]),
        (bench.path("garbled.pem"), &["(E0303)", "garbled.pem"]),
        (bench.path("missing.pem"), &["(E0101)", "missing.pem: no such file or directory"]),
        (bench.folder.path().to_owned(), &["(E0101)", "is a directory"]),
    ] {
        let path = path.display().to_string();
        bench.bulla_with(&["seal", "--cert", &path], secret("a").as_bytes()).fails(1, words);
    }
    // The certificate is looked at before the plaintext is read.
    bench.bulla(&["seal", "--cert", "page.html", "missing.yaml"]).fails(1, &["(E0302)"]);
}

#[test]
fn values_that_do_not_open_are_explained_one_by_one() {
    let bench = Bench::new();
    let sealed = bench.seal(&["-q"], &secret("db")).ok();
    let value = sealed.lines().find_map(|line| line.strip_prefix("    password: ")).unwrap().to_owned();
    let with = |replacement: &str| sealed.replace(&value, replacement);
    let mut damaged = value.clone().into_bytes();
    let last = damaged.len() - 10;
    damaged[last] = if damaged[last] == b'A' { b'B' } else { b'A' };
    let damaged = String::from_utf8(damaged).unwrap();
    let other_key = bench
        .bulla_with(
            &["seal", "-q", "--cert", &vectors("sealed/keys/key2.crt").display().to_string()],
            secret("db").as_bytes(),
        )
        .ok();
    let smaller_key = bench
        .bulla_with(
            &["seal", "-q", "--cert", &vectors("sealed/keys/rsa2048.crt").display().to_string()],
            secret("db").as_bytes(),
        )
        .ok();
    for (what, text, words) in [
        (
            "renamed",
            sealed.replacen("name: db", "name: other", 1),
            &["password: sealed for the name \"db\" in namespace \"shop\" (strict scope"][..],
        ),
        (
            "moved",
            sealed.replacen("namespace: shop", "namespace: mall", 1),
            &["sealed for the name \"db\" in namespace \"shop\""],
        ),
        (
            "another scope",
            sealed.replacen(
                "metadata:\n",
                "metadata:\n  annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}\n",
                1,
            ),
            &["strict scope"],
        ),
        ("another key", other_key, &["password: none of the keys here opens it"]),
        ("another size of key", smaller_key, &["sealed with an RSA key of 2048 bits"]),
        ("too short", with("AgA="), &["the value has 2 bytes and needs at least"]),
        ("empty", with("\"\""), &["the value has 0 bytes"]),
        ("cut", with(&value[..401]), &["illegal base64 data at input byte 400", "mangled on its way"]),
        ("cut at four", with(&value[..400]), &["the value has 300 bytes"]),
        (
            "a space in it",
            with(&format!("{} {}", &value[..100], &value[100..])),
            &["illegal base64 data at input byte 100"],
        ),
        ("damaged", with(&damaged), &["damaged: key SHA256:"]),
        ("a number", with("42"), &["the value is a number, not text"]),
    ] {
        let stderr = bench.unseal(&[], &text).fails(1, words);
        assert!(stderr.contains("standard input: line 2, column 1: "), "{what}: {stderr}");
        assert!(
            stderr.contains("1 of 1 SealedSecrets cannot be unsealed; nothing was printed (E0404)"),
            "{what}: {stderr}"
        );
        assert!(stderr.contains("hint: "), "{what}: {stderr}");
    }
}

#[test]
fn what_is_no_sealed_secret_is_refused() {
    let bench = Bench::new();
    for (text, words) in [
        (secret("a"), &["(E0403)", "not a SealedSecret: apiVersion is \"v1\""][..]),
        (format!("password: {CANARY}"), &["(E0403)", "neither kind nor spec"]),
        (format!("- {CANARY}"), &["(E0403)"]),
        (String::new(), &["(E0202)"]),
        (format!("a: [{CANARY}"), &["(E0201)"]),
        (
            "kind: SealedSecret\nmetadata: {name: a}\nspec: {template: {data: {x: 5}}}".to_owned(),
            &["(E0403)", "spec.template.data.x is a number, not text"],
        ),
        (
            "kind: SealedSecret\nmetadata: {name: a}\nspec: {data: AgA=, encryptedData: {a: AgA=}}".to_owned(),
            &["(E0406)"],
        ),
    ] {
        bench.unseal(&[], &text).fails(1, words);
    }
}

#[test]
fn key_files_without_a_usable_key_are_refused() {
    let bench = Bench::new();
    let sealed = vector("sealed/enc/basic.strict.yaml");
    bench.write("secret.yaml", secret("a"));
    bench.write("empty", "");
    for (path, words) in [
        (vectors("keys/encrypted.key"), &["(E0402)"][..]),
        (vectors("keys/ec.key"), &["(E0402)", "not an RSA key"]),
        (vectors("keys/rsa1024.key"), &["(E0402)", "1024 bits"]),
        (vectors("sealed/keys/key1.crt"), &["(E0402)", "no unencrypted RSA private key"]),
        (bench.path("secret.yaml"), &["(E0402)", "no item `tls.key`"]),
        (bench.path("empty"), &["(E0402)"]),
        (bench.path("missing"), &["(E0101)"]),
    ] {
        let path = path.display().to_string();
        bench.bulla_with(&["unseal", "--key", &path], sealed.as_bytes()).fails(1, words);
    }
}

#[test]
fn a_document_of_100_mib_is_not_even_read_to_its_end() {
    let bench = Bench::new();
    let file = std::fs::File::create(bench.path("huge.yaml")).unwrap();
    file.set_len(100 << 20).unwrap();
    bench.seal(&["-q", "huge.yaml"], "").fails(1, &["(E0102)", "huge.yaml: more than 64 MiB"]);
    let huge = format!("stringData:\n  a: {}", CANARY.repeat((70 << 20) / CANARY.len()));
    bench.seal(&["-q"], &huge).fails(1, &["(E0102)", "standard input: more than 64 MiB"]);
    bench.unseal(&["huge.yaml"], "").fails(1, &["(E0102)"]);
}

#[test]
fn kubeseal_keeps_values_to_itself_too() {
    let bench = Bench::new();
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    for input in [
        format!("stringData:\n\tpassword: {CANARY}\n"),
        format!("kind: Secret\nmetadata: {{name: a, namespace: b}}\ndata: {{key: {CANARY}}}\n"),
        format!("kind: Secret\nmetadata: {{name: a}}\nstringData: {{key: {CANARY}}}\n"),
        format!("{{\"stringData\":{{\"a\":[\"{CANARY}\"]}}}}"),
        bomb(),
    ] {
        bench.bulla_with(&["kubeseal", "--cert", &certificate], input.as_bytes()).fails(1, &["error: "]);
    }
}
