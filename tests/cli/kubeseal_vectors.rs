//! Every command that was given to kubeseal v0.40.0 (tests/vectors/sealed/MANIFEST), given to bulla: the same exit code, the same
//! words on standard error, and the same bytes but for the ciphertexts, which open to the same Secrets.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::path::Path;

use support::{BULLA, Bench, Ran, run, vector, vectors, without_ciphertexts};

/// One line of the MANIFEST.
struct Line {
    file: String,
    code: i32,
    args: Vec<String>,
    input: Option<String>,
}

fn manifest() -> Vec<Line> {
    let text = vector("sealed/MANIFEST");
    let lines = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, file, code, command, _] = cells[..] else { return None };
        let words: Vec<String> =
            command.strip_prefix("`kubeseal ")?.strip_suffix('`')?.split_whitespace().map(str::to_owned).collect();
        let at = words.iter().position(|word| word == "<");
        Some(Line {
            file: file.to_owned(),
            code: code.strip_prefix("rc=").unwrap().parse().unwrap(),
            input: at.map(|at| words[at + 1].clone()),
            args: words[..at.unwrap_or(words.len())].to_vec(),
        })
    });
    lines.collect()
}

/// As `kubeseal` by the name of the program, in the folder of the vectors.
fn kubeseal(args: &[&str], input: &[u8]) -> Ran {
    let bench = Bench::new();
    let link = bench.path("kubeseal");
    #[cfg(unix)]
    std::os::unix::fs::symlink(BULLA, &link).unwrap();
    let mut command = bench.command(link.to_str().unwrap());
    command.args(args).current_dir(vectors("sealed"));
    run(command, input)
}

fn recover(key: &str, text: &str) -> Ran {
    kubeseal(&["--recovery-unseal", "--recovery-private-key", key, "-o", "yaml"], text.as_bytes())
}

/// The key that opens what this line's certificate seals.
fn key_of(args: &[String]) -> String {
    let certificate = args.iter().find(|word| word.ends_with(".crt")).unwrap();
    certificate.replace(".crt", ".key")
}

/// The items in parentheses stand in any order under kubeseal, and in order under bulla.
fn sorted_items(message: &str) -> String {
    let (start, end) = (message.find('(').unwrap(), message.find(')').unwrap());
    let mut items: Vec<&str> = message[start + 1..end].split(", ").collect();
    items.sort_unstable();
    format!("{}({}){}", &message[..start], items.join(", "), &message[end + 1..])
}

#[test]
fn each_command_ends_and_prints_as_kubeseal_does() {
    let (mut sealed, mut refused) = (0, 0);
    for line in manifest() {
        let args: Vec<&str> = line.args.iter().map(String::as_str).collect();
        let input = line.input.as_deref().map(|input| vector(&format!("sealed/{input}"))).unwrap_or_default();
        let ran = kubeseal(&args, input.as_bytes());
        assert_eq!(ran.code, line.code, "{}: {}", line.file, ran.stderr);
        if line.code == 0 {
            let golden = vector(&format!("sealed/{}", line.file));
            assert_eq!(without_ciphertexts(&ran.stdout), without_ciphertexts(&golden), "{}", line.file);
            assert_eq!(ran.stderr, "", "{}", line.file);
            sealed += 1;
        } else {
            assert_eq!(
                last_line(&ran.stderr),
                last_line(&vector(&format!("sealed/{}.stderr", line.file))),
                "{}",
                line.file
            );
            assert_eq!(ran.stdout, "", "{}", line.file);
            refused += 1;
        }
    }
    assert_eq!((sealed, refused), (20, 7));
}

/// bulla may warn before the error; the error is the last line.
fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

#[test]
fn what_bulla_seals_opens_to_what_kubeseal_sealed() {
    let mut opened = 0;
    for line in manifest().iter().filter(|line| line.code == 0 && line.file.starts_with("enc/")) {
        let args: Vec<&str> = line.args.iter().map(String::as_str).collect();
        let input = vector(&format!("sealed/{}", line.input.as_deref().unwrap()));
        let ours = kubeseal(&args, input.as_bytes()).ok();
        let golden = vector(&format!("sealed/{}", line.file.replace("enc/", "dec/")));
        assert_eq!(recover(&key_of(&line.args), &ours).ok(), golden, "{}, sealed by bulla", line.file);
        let theirs = vector(&format!("sealed/{}", line.file));
        assert_eq!(recover(&key_of(&line.args), &theirs).ok(), golden, "{}, sealed by kubeseal", line.file);
        opened += 1;
    }
    assert_eq!(opened, 17);
}

#[test]
fn a_merged_file_opens() {
    let text = vector("sealed/enc/merged.yaml");
    assert_eq!(recover("keys/key1.key", &text).ok(), vector("sealed/dec/merged.yaml"));
}

#[test]
fn moved_and_renamed_objects_are_refused_in_kubeseals_words() {
    for name in ["bad.moved.yaml", "bad.renamed.yaml"] {
        let ran = recover("keys/key1.key", &vector(&format!("sealed/enc/{name}")));
        let expected = vector(&format!("sealed/dec/{name}.expected-error"));
        assert_eq!(ran.code, 1);
        assert_eq!(sorted_items(ran.stderr.trim_end()), sorted_items(expected.trim_end()), "{name}");
    }
}

#[test]
fn a_recovered_secret_in_json_has_the_order_of_the_go_structs() {
    let text = vector("sealed/enc/template.namespace-wide.yaml");
    let json = kubeseal(&["--recovery-unseal", "--recovery-private-key", "keys/key1.key"], text.as_bytes()).ok();
    let places: Vec<_> = [
        "{\n  \"kind\": \"Secret\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {\n    \"name\": \"tmpl\",\n    \"namespace\": \"ns1\",\n    \"labels\"",
        "\"annotations\"",
        "\"ownerReferences\": [\n      {\n        \"apiVersion\": \"bitnami.com/v1alpha1\",\n        \"kind\": \"SealedSecret\",\n        \"name\": \"tmpl\",\n        \"uid\": \"\",\n        \"controller\": true\n      }",
        "\"immutable\": true,\n  \"data\": {\n    \"password\"",
        "\"type\": \"kubernetes.io/basic-auth\"\n}\n",
    ]
    .iter()
    .map(|part| json.find(part).unwrap_or_else(|| panic!("{part} is not in:\n{json}")))
    .collect();
    assert!(places.is_sorted(), "{json}");
}

#[test]
fn every_form_of_a_key_recovers() {
    let text = vector("sealed/enc/basic.strict.yaml");
    let golden = vector("sealed/dec/basic.strict.yaml");
    for key in ["keys/key1.key", "keys/key1.pkcs1.key", "keys/key2.key,keys/key1.key"] {
        assert_eq!(recover(key, &text).ok(), golden, "{key}");
    }
    // The Secret in which the upstream controller keeps its key.
    let live = vectors("sealed-live/controller-key.yaml").display().to_string();
    let opened = recover(&live, &vector("sealed-live/e2e.sealed.yaml")).ok();
    assert!(opened.contains("kind: Secret\n"), "{opened}");
}

#[test]
fn raw_values_open_under_the_scope_that_they_were_sealed_for() {
    for (scope, args) in [
        ("strict", &["--namespace", "ns1", "--name", "basic"][..]),
        ("namespace-wide", &["--namespace", "ns1"]),
        ("cluster-wide", &[]),
    ] {
        let mut words = vec!["--raw", "--cert", "keys/key1.crt", "--scope", scope];
        words.extend(args);
        let ours = kubeseal(&words, b"raw value").ok();
        assert!(!ours.ends_with('\n'));
        for value in [ours, vector(&format!("sealed/raw/{scope}.txt"))] {
            let sealed = format!(
                "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: basic\n  namespace: ns1\n  \
                 annotations: {{sealedsecrets.bitnami.com/{scope}: \"true\"}}\nspec:\n  encryptedData:\n    v: {value}\n"
            );
            let opened = recover("keys/key1.key", &sealed).ok();
            assert!(opened.contains("  v: cmF3IHZhbHVl\n"), "{scope}: {opened}");
        }
    }
}

#[test]
fn a_flag_that_is_wrong_exits_with_2_and_prints_usage() {
    let ran = kubeseal(&["--nonsense"], b"");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.starts_with("Usage of ") && ran.stderr.ends_with("kubeseal:\n"), "{}", ran.stderr);
    assert!(ran.stdout.contains("--recovery-unseal"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("unknown flag: --nonsense\n"), "{}", ran.stdout);
    let ran = kubeseal(&["--scope", "bad"], b"");
    assert_eq!(ran.code, 2);
    assert!(
        ran.stdout.ends_with(
            "invalid argument \"bad\" for \"--scope\" flag: must be one of: strict, namespace-wide, cluster-wide\n"
        ),
        "{}",
        ran.stdout
    );
    assert_eq!(kubeseal(&["--help"], b"").code, 0);
    let version = kubeseal(&["--version"], b"").ok();
    assert!(version.starts_with("kubeseal version: v0.40.0"), "{version}");
}

#[test]
fn messages_that_scripts_match_are_kubeseals() {
    let basic = vector("sealed/plain/basic.yaml");
    let expired = vectors("keys/expired.crt").display().to_string();
    let elliptic = vectors("keys/ec.crt").display().to_string();
    let public_key = vectors("keys/rsa2048.pub").display().to_string();
    let no_namespace = "kind: Secret\nmetadata: {name: a}\nstringData: {a: b}";
    let cases: &[(&[&str], &str, &str)] = &[
        (&["--cert", "missing.pem"], "", "error: open missing.pem: no such file or directory\n"),
        (&["--cert", "file:///missing.pem"], "", "error: cannot fetch \"file:///missing.pem\": 404 Not Found\n"),
        (&["--cert", &public_key], "", "error: data does not contain any valid RSA or ECDSA certificates\n"),
        (
            &["--cert", "keys/key1.crt", "-f", "missing"],
            "",
            "error: Could not read file specified with --secret-file\n",
        ),
        (&["--cert", "keys/key1.crt", "--from-file=x"], "", "error: --from-file requires --raw\n"),
        (&["--cert", "keys/key1.crt"], "", "error: no secrets found. Ensure the input is valid and UTF-8 encoded\n"),
        (
            &["--cert", "keys/key1.crt"],
            "# nothing\n---\n",
            "error: no secrets found. Ensure the input is valid and UTF-8 encoded\n",
        ),
        (&["--cert", "keys/key1.crt"], "stringData: {a: b}", "error: missing metadata.name in input Secret\n"),
        (&["--cert", "keys/key1.crt"], no_namespace, "error: secret must declare a namespace\n"),
        (
            &["--cert", "keys/key1.crt"],
            "stringData: {a: [b]}\nmetadata: {name: a, namespace: b}",
            "error: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go struct field Secret.stringData of type string\n",
        ),
        (
            &["--raw", "--cert", "keys/key1.crt", "--name", "x"],
            "v",
            "error: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable\n",
        ),
        (
            &["--raw", "--cert", "keys/key1.crt", "--name", "x", "-n", "y", "--from-file", "a,b"],
            "",
            "error: must provide only one --from-file when encrypting a single item with --raw\n",
        ),
        (
            &[],
            &basic,
            "error: invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable\n",
        ),
        (
            &["--recovery-unseal", "--recovery-private-key", "missing"],
            "",
            "error: open missing: no such file or directory\n",
        ),
    ];
    for (args, input, expected) in cases {
        let ran = kubeseal(args, input.as_bytes());
        assert_eq!((ran.code, ran.stderr.as_str(), ran.stdout.as_str()), (1, *expected, ""), "{args:?}");
    }
    let ran = kubeseal(&["--cert", &expired], basic.as_bytes());
    assert!(ran.stderr.starts_with("error: failed to encrypt using an expired certificate on "), "{}", ran.stderr);
    let ran = kubeseal(&["--cert", &elliptic], basic.as_bytes());
    assert!(ran.stderr.starts_with("error: expected RSA public key but found "), "{}", ran.stderr);
}

#[test]
fn text_that_is_not_yaml_is_said_to_be_so_with_the_place() {
    let ran = kubeseal(&["--cert", "keys/key1.crt"], format!("a: b\n  c: {}\n- x", support::CANARY).as_bytes());
    let stderr =
        ran.fails(1, &["error: no secrets found. Ensure the input is valid and UTF-8 encoded\nline 2, column "]);
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
}

#[test]
fn the_namespace_comes_from_the_kubeconfig_if_nothing_else_says_it() {
    let bench = Bench::new();
    bench.write(
        "config",
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u, namespace: from-context}\n- name: b\n  context: {cluster: c, user: u}\nclusters:\n- name: c\n  cluster: {server: \"https://127.0.0.1:1\"}\n",
    );
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let plain = "kind: Secret\nmetadata: {name: a}\nstringData: {a: b}";
    for (context, namespace) in [("a", "from-context"), ("b", "default")] {
        let args = ["kubeseal", "--cert", &certificate, "--kubeconfig", "config", "--context", context, "-o", "yaml"];
        let sealed = bench.bulla_with(&args, plain.as_bytes()).ok();
        assert!(sealed.contains(&format!("  namespace: {namespace}\n")), "{sealed}");
    }
}

#[test]
fn the_certificate_of_a_file_is_fetched_as_it_is_and_variables_count() {
    let bench = Bench::new();
    let certificate = vectors("sealed/keys/key1.crt");
    let mut command = bench.command(BULLA);
    command.args(["kubeseal", "--fetch-cert"]).env("SEALED_SECRETS_CERT", &certificate);
    assert_eq!(run(command, b"").ok(), std::fs::read_to_string(&certificate).unwrap());
}

#[test]
fn several_documents_are_sealed_up_to_the_bad_one_and_a_file_is_left_alone() {
    let input =
        "kind: Secret\nmetadata: {name: a, namespace: b}\nstringData: {a: b}\n---\nkind: Secret\nmetadata: {name: a}\n";
    let ran = kubeseal(&["--cert", "keys/key1.crt", "-o", "yaml"], input.as_bytes());
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("name: a"), "{}", ran.stdout);

    let bench = Bench::new();
    let target = bench.write("out.yaml", "old");
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let target = target.display().to_string();
    let args = ["kubeseal", "--cert", &certificate, "-w", &target];
    assert_eq!(bench.bulla_with(&args, input.as_bytes()).code, 1);
    assert_eq!(bench.read("out.yaml"), "old");
    let good = vector("sealed/plain/basic.yaml");
    assert_eq!(bench.bulla_with(&args, good.as_bytes()).ok(), "");
    assert!(bench.read("out.yaml").starts_with("---\napiVersion"), "a name that ends in .yaml forces YAML");
    assert!(!Path::new(&format!("{target}.tmp")).exists());
}
