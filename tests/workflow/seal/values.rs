//! Secrets from literals, files, env files, TLS pairs and registries: the same Secret that kubectl would make, and nothing of a value
//! in arguments or messages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run, secret, vectors};

const BASE: [&str; 5] = ["seal", "--name", "db", "-n", "shop"];

fn command(bench: &Bench, args: &[&str]) -> std::process::Command {
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let mut command = bench.command(BULLA);
    command.args(BASE).args(["--cert", &certificate, "-o", "json"]).args(args);
    command
}

fn seal(bench: &Bench, args: &[&str], input: &[u8]) -> Ran {
    run(command(bench, args), input)
}

/// The values, and the Secret without them.
fn opened(bench: &Bench, sealed: &str) -> (BTreeMap<String, Vec<u8>>, serde_json::Value) {
    assert_no_canary(sealed);
    let mut secret: serde_json::Value = serde_json::from_str(&bench.unseal(&["-o", "json"], sealed).ok()).unwrap();
    let data = secret.as_object_mut().unwrap().remove("data").unwrap_or_default();
    let values = data.as_object().unwrap().iter();
    (values.map(|(key, value)| (key.clone(), STANDARD.decode(value.as_str().unwrap()).unwrap())).collect(), secret)
}

fn values<const N: usize>(pairs: [(&str, &[u8]); N]) -> BTreeMap<String, Vec<u8>> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_vec())).collect()
}

#[test]
fn files_and_folders_are_taken_byte_for_byte() {
    let bench = Bench::new();
    let binary: Vec<u8> = (0..=255).collect();
    bench.write("a.bin", &binary);
    std::fs::create_dir_all(bench.path("dir/sub")).unwrap();
    bench.write("dir/one", "1\n");
    bench.write("dir/two.txt", "");
    bench.write("dir/sub/three", "3");
    let sealed = seal(
        &bench,
        &["--from-file", "a.bin", "--from-file", "k=a.bin", "--from-file", "dir", "--from-file", "p=-"],
        b"in\n",
    );
    assert!(sealed.stderr.contains("dir/sub: is no regular file"), "{}", sealed.stderr);
    let (data, secret) = opened(&bench, &sealed.ok());
    assert_eq!(data, values([("a.bin", &binary), ("k", &binary), ("one", b"1\n"), ("two.txt", b""), ("p", b"in\n")]));
    assert_eq!((&secret["metadata"]["name"], &secret["metadata"]["namespace"]), (&"db".into(), &"shop".into()));
}

#[test]
fn a_value_comes_from_standard_input_or_with_a_word_from_the_arguments() {
    let bench = Bench::new();
    let (data, _) =
        opened(&bench, &seal(&bench, &["--from-literal", "password"], format!("{CANARY}\n").as_bytes()).ok());
    assert_eq!(data, values([("password", CANARY.as_bytes())]));
    let (data, _) =
        opened(&bench, &seal(&bench, &["--literal", "--from-literal", "mode=a=b", "--from-literal", "e="], b"").ok());
    assert_eq!(data, values([("mode", b"a=b"), ("e", b"")]));

    let hint = seal(&bench, &["--from-literal", &format!("password={CANARY}")], b"").fails(
        1,
        &[
            "(E0220)",
            "--from-literal password=…",
            "be asked for it: --from-literal password",
            "--from-file password=/dev/stdin",
        ],
    );
    assert_eq!(hint.matches("VALUE").count(), 1, "only after the word that it is no secret: {hint}");
    seal(&bench, &["--from-literal", "a", "--from-literal", "b"], b"x").fails(1, &["(E0105)"]);
    seal(&bench, &["--from-literal", "a", "--cert", "-"], b"x").fails(3, &["--cert"]);
}

#[test]
fn env_files_are_read_as_kubectl_reads_them() {
    let bench = Bench::new();
    bench.write(
        "app.env",
        "# settings\nUSER=app\r\n  URL=postgres://x?a=b # no comment\nQ=\"quoted\"\nEMPTY=\nFROM_HERE\nGONE\n",
    );
    let mut command = command(&bench, &["--from-env-file", "app.env"]);
    command.env("FROM_HERE", "inherited");
    let sealed = run(command, b"");
    for words in ["line 4: the quotes around Q become part", "line 7: GONE has no `=` and is not in the environment"] {
        assert!(sealed.stderr.contains(words), "{}", sealed.stderr);
    }
    let (data, _) = opened(&bench, &sealed.ok());
    let expected = values([
        ("USER", b"app"),
        ("URL", b"postgres://x?a=b # no comment"),
        ("Q", b"\"quoted\""),
        ("EMPTY", b""),
        ("FROM_HERE", b"inherited"),
        ("GONE", b""),
    ]);
    assert_eq!(data, expected);
}

#[test]
fn labels_type_and_the_rest_go_into_the_template() {
    let bench = Bench::new();
    let args =
        ["--from-file", "k=-", "--label", "app=db", "--annotation", "note=a=b", "--immutable", "--type", "basic-auth"];
    let ran = seal(&bench, &args, b"x");
    ran.fails(1, &["(E0216)", "needs the key username or password"]);
    let args = [&args[2..], &["--from-file", "password=-"]].concat();
    let (_, secret) = opened(&bench, &seal(&bench, &args, b"x").ok());
    assert_eq!(secret["metadata"]["labels"]["app"], "db");
    assert_eq!(secret["metadata"]["annotations"]["note"], "a=b");
    assert_eq!((&secret["immutable"], &secret["type"]), (&true.into(), &"kubernetes.io/basic-auth".into()));

    // To a manifest, too.
    let sealed = bench.seal(&["--label", "app=db"], &secret_of("a")).ok();
    assert!(sealed.contains("        app: db\n"), "{sealed}");
}

fn secret_of(name: &str) -> String {
    secret(name)
}

#[test]
fn a_tls_pair_must_belong_together() {
    let bench = Bench::new();
    for name in ["key1.crt", "key1.key", "key2.key", "key1.pkcs1.key"] {
        std::fs::copy(vectors(&format!("sealed/keys/{name}")), bench.path(name)).unwrap();
    }
    for key in ["key1.key", "key1.pkcs1.key"] {
        let (data, secret) = opened(&bench, &seal(&bench, &["--tls-cert", "key1.crt", "--tls-key", key], b"").ok());
        assert_eq!(data["tls.crt"], std::fs::read(bench.path("key1.crt")).unwrap());
        assert_eq!(data["tls.key"], std::fs::read(bench.path(key)).unwrap());
        assert_eq!(secret["type"], "kubernetes.io/tls");
    }
    bench.write("empty", "");
    bench.write("locked.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    bench.write("broken.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    for (certificate, key, words) in [
        ("key1.crt", "key2.key", &["(E0217)", "does not belong", "openssl pkey -pubout"][..]),
        ("empty", "key1.key", &["(E0219)", "--tls-cert empty: there is no certificate"]),
        ("key1.key", "key1.crt", &["(E0219)", "--tls-cert key1.key"]),
        ("key1.crt", "key1.crt", &["(E0219)", "--tls-key key1.crt: there is no private key"]),
        ("key1.crt", "locked.key", &["(E0219)", "encrypted with a passphrase"]),
        ("key1.crt", "broken.key", &["(E0219)", "damaged"]),
        ("gone", "key1.key", &["(E0101)", "gone"]),
    ] {
        seal(&bench, &["--tls-cert", certificate, "--tls-key", key], b"").fails(1, words);
    }
    seal(&bench, &["--tls-cert", "key1.crt"], b"").fails(3, &["--tls-key"]);
}

#[test]
fn a_registry_login_is_what_kubelet_reads() {
    let bench = Bench::new();
    let login = ["--docker-registry", "r.example", "--docker-username", "ci"];
    let (data, secret) = opened(
        &bench,
        &seal(&bench, &[&login[..], &["--docker-password-stdin"]].concat(), format!("{CANARY}\n").as_bytes()).ok(),
    );
    let config: serde_json::Value = serde_json::from_slice(&data[".dockerconfigjson"]).unwrap();
    let auth = STANDARD.encode(format!("ci:{CANARY}"));
    assert_eq!(
        config,
        serde_json::json!({"auths": {"r.example": {"username": "ci", "password": CANARY, "auth": auth}}})
    );
    assert_eq!(secret["type"], "kubernetes.io/dockerconfigjson");

    bench.write("config.json", &data[".dockerconfigjson"]);
    let (again, _) = opened(&bench, &seal(&bench, &["--docker-config", "config.json"], b"").ok());
    assert_eq!(again, data);
    bench.write("password", "");
    bench.write("helper.json", r#"{"auths": {"r.example": {}}, "credsStore": "desktop"}"#);
    for (args, words) in [
        (&["--docker-password-file", "password"][..], &["(E0219)", "password is empty"][..]),
        (&[], &["(E0001)", "--docker-password-stdin"]),
        (&["--docker-password-file", "gone"], &["(E0101)"]),
    ] {
        let code = if args.is_empty() { 3 } else { 1 };
        seal(&bench, &[&login[..], args].concat(), b"").fails(code, words);
    }
    seal(&bench, &["--docker-config", "helper.json"], b"")
        .fails(1, &["(E0219)", "a credential helper of this machine"]);
    seal(&bench, &["--docker-config", "password"], b"").fails(1, &["(E0219)", "is not JSON"]);
}

#[test]
fn what_cannot_be_taken_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    bench.write("a b", "x");
    bench.write("x", CANARY);
    bench.write("large", vec![b'x'; (1 << 20) + 1]);
    bench.write("bad.env", format!("OK=1\n{CANARY}!\n"));
    bench.write("bin.env", b"A=\xff\n");
    std::fs::create_dir(bench.path("dir")).unwrap();
    bench.write("out.json", "old");
    for (args, words) in [
        (&["--from-file", "gone"][..], &["(E0101)", "gone: no such file"][..]),
        (&["--from-file", "a b"], &["(E0222)", "\"a b\" has a character that no key may have"]),
        (&["--from-file", "k/l=x"], &["(E0222)"]),
        (&["--from-file", "..=x"], &["(E0222)", "lead out of the folder"]),
        (&["--from-file", "a=b=x"], &["(E0219)", "may hold a `=`"]),
        (&["--from-file", "=x"], &["(E0219)", "a key and a path are needed"]),
        (&["--from-file", "k="], &["(E0219)"]),
        (&["--from-file", "-"], &["(E0219)", "--from-file KEY=PATH"]),
        (&["--from-file", "k=dir"], &["(E0219)", "leave the key out"]),
        (&["--from-file", "x", "--from-file", "x=a b"], &["(E0219)", "the key x is given twice"]),
        (&["--from-file", "large"], &["(E0223)", "1048577 bytes"]),
        (&["--from-file", "dir"], &["(E0211)"]),
        (&["--from-env-file", "bad.env"], &["(E0219)", "bad.env: line 2: does not begin with the name"]),
        (&["--from-env-file", "bin.env"], &["(E0219)", "line 1: not UTF-8"]),
        (&["--from-file", "x", "--name", "Db_1"], &["(E0807)", "cannot be the name of a Secret"]),
        (&["--from-file", "x", "--label", "novalue"], &["(E0001)", "not KEY=VALUE"]),
        (&["--from-file", "x", "x"], &["cannot be used with"]),
        (&["--literal"], &["--from-literal"]),
    ] {
        let certificate = vectors("sealed/keys/key1.crt").display().to_string();
        let mut words_of = vec!["seal", "-n", "shop", "--cert", &certificate, "-w", "out.json"];
        if !args.contains(&"--name") {
            words_of.extend(["--name", "db"]);
        }
        words_of.extend(args);
        let ran = bench.bulla(&words_of);
        let code = ran.code;
        assert!(code == 1 || code == 3, "{args:?}: {code}");
        ran.fails(code, words);
        assert_eq!(bench.read("out.json"), "old", "{args:?}");
    }
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    bench.bulla(&["seal", "--cert", &certificate, "--from-file", "x"]).fails(1, &["(E0205)", "--name NAME"]);
    bench.bulla(&["seal", "--cert", &certificate, "--from-file", "x", "--name", "a"]).fails(1, &["(E0206)"]);
    // The same for manifests.
    bench.seal(&[], "kind: Secret\nmetadata: {name: a, namespace: b}\nstringData: {a/b: x}\n").fails(1, &["(E0222)"]);
    bench
        .seal(&[], "kind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: a, namespace: b}\nstringData: {a: x}\n")
        .fails(1, &["(E0216)"]);
}

#[test]
fn no_hint_and_no_help_puts_a_value_into_the_arguments() {
    let help = Bench::new().bulla(&["seal", "--help"]).ok();
    for line in help.lines().filter(|line| line.contains("from-literal") && line.contains('=')) {
        assert!(line.contains("Take values from arguments") || line.contains("KEY=VALUE"), "{line}");
    }
    let source = |path: &str| {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
    };
    for path in ["docs/sealing.md", "docs/errors.md", "README.md"] {
        for line in source(path).lines().filter(|line| line.contains("--from-literal ")) {
            let given = line.split("--from-literal ").nth(1).unwrap().split([' ', '`']).next().unwrap();
            assert!(!given.contains('=') || given == "KEY=VALUE" || line.contains("--literal "), "{path}: {line}");
        }
    }
}
