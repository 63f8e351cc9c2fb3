//! `bulla reseal` on work trees: what is stale is sealed again, nothing else moves, and a kill at any moment hurts nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bulla_core::go_base64;
use bulla_core::sealed::{
    GeneratedKey, KeyRing, KeySize, NewKey, ObjectHints, ResealAnswer, ResealRequest, RingKey, Scope, SealedSecret,
    SealingKey, Task, UnsealOptions, generate_key, open, reseal_item, seal_value,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run, without_ciphertexts};

/// A small key that was made `days` ago.
pub(crate) fn key(days: i64) -> GeneratedKey {
    let not_before = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let validity = SignedDuration::from_hours(24 * 3650);
    generate_key(&NewKey { size: KeySize::Rsa2048, not_before, validity, common_name: String::new() }).unwrap()
}

/// An old key, a new one, and one of another cluster: made once.
pub(crate) fn keys() -> &'static [GeneratedKey; 3] {
    static KEYS: OnceLock<[GeneratedKey; 3]> = OnceLock::new();
    KEYS.get_or_init(|| [key(60), key(1), key(30)])
}

/// A key Secret, as a backup holds it.
pub(crate) fn key_secret(key: &GeneratedKey, labels: &str) -> String {
    let data = |text: &str| go_base64::encode(text.as_bytes());
    let (private, certificate) = (data(key.private_key_pem.expose()), data(&key.certificate_pem));
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: k, labels: {{{labels}}}}}\ndata: {{tls.key: {private}, tls.crt: {certificate}}}\n"
    )
}

/// A folder with `old.pem`, `new.pem` (certificates), `old.yaml`, `new.yaml`, `keys.yaml` (both) and `other.yaml` (backups)
/// in its hidden folder `.keys`, where no walk of a tree comes.
pub(crate) fn bench() -> Bench {
    let bench = Bench::new();
    let [old, new, other] = keys();
    fs::create_dir(bench.path(".keys")).unwrap();
    bench.write(".keys/old.pem", &old.certificate_pem);
    bench.write(".keys/new.pem", &new.certificate_pem);
    bench.write(".keys/old.yaml", key_secret(old, ""));
    bench.write(".keys/new.yaml", key_secret(new, ""));
    bench.write(".keys/other.yaml", key_secret(other, ""));
    bench.write(".keys/keys.yaml", key_secret(old, "") + &key_secret(new, ""));
    bench
}

pub(crate) const KEYS: &str = ".keys/keys.yaml";

/// A sealed value.
pub(crate) fn value(key: &GeneratedKey, scope: Scope, namespace: &str, name: &str, plain: &str) -> String {
    go_base64::encode(&seal_value(plain.as_bytes(), &key.certificate, scope, namespace, name).unwrap())
}

/// A strict SealedSecret `shop/NAME` with these items.
pub(crate) fn sealed(key: &GeneratedKey, name: &str, items: &[&str]) -> String {
    let mut text = format!(
        "# {name}, kept by hand\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: {name}   # the name\n  namespace: shop\nspec:\n  encryptedData:\n"
    );
    for item in items {
        text.push_str(&format!("    {item}: {} # {item}\n", value(key, Scope::Strict, "shop", name, CANARY)));
    }
    text
}

/// The fingerprint of the key that opens each value of each SealedSecret of a text, which must all open.
pub(crate) fn opened_by(text: &str, keys: &[&GeneratedKey]) -> BTreeMap<String, String> {
    let ring = |key: &&GeneratedKey| {
        let key = SealingKey::from_pem(key.private_key_pem.expose().as_bytes()).unwrap();
        Arc::new(RingKey { key, since: Timestamp::now() })
    };
    let ring = KeyRing::new(keys.iter().map(ring));
    let mut found = BTreeMap::new();
    for document in bulla_yaml::read_manifests(text.as_bytes(), &bulla_yaml::Limits::default()).unwrap() {
        let json = document.root.to_json().unwrap();
        let objects = if json["kind"] == "List" { json["items"].as_array().unwrap().clone() } else { vec![json] };
        for object in objects.iter().filter(|object| object["kind"] == "SealedSecret") {
            let sealed = SealedSecret::from_json(object).unwrap();
            let mut hints = ObjectHints::default();
            let opened = open(&sealed, &ring, &mut hints, UnsealOptions::default());
            let secret = opened.unwrap_or_else(|error| panic!("{error}\n{text}")).render(&|_, _| unreachable!()).ok();
            for (item, key) in secret.iter().flat_map(|secret| secret.keys()) {
                found.insert(format!("{}/{item}", sealed.name), key.to_string());
            }
        }
    }
    found
}

fn all_by(text: &str, key: &GeneratedKey) -> bool {
    let opened = opened_by(text, &[&keys()[0], &keys()[1]]);
    !opened.is_empty() && opened.values().all(|print| print == key.key.fingerprint().as_str())
}

/// Git with an identity of its own and nobody's configuration.
pub(crate) fn git(folder: &Path, words: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
        .args(words)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

/// The team's repository with every Secret sealed by the old key, committed.
pub(crate) fn repository() -> (Bench, Vec<PathBuf>) {
    let bench = bench();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/gitops-repo"), &bench.path("repo"));
    fs::write(bench.path("repo/.gitignore"), "ignored/\n").unwrap();
    let mut files = Vec::new();
    let mut folders = vec![bench.path("repo")];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().contains("/secrets/") {
                let name = path.to_str().unwrap();
                bench.bulla(&["seal", "-q", "--cert", ".keys/old.pem", name, "-w", name]).ok();
                files.push(path);
            }
        }
    }
    assert!(files.len() > 20, "the fixture has {} files with Secrets", files.len());
    git(&bench.path("repo"), &["init", "--quiet"]);
    git(&bench.path("repo"), &["add", "--all"]);
    git(&bench.path("repo"), &["commit", "--quiet", "-m", "sealed"]);
    (bench, files)
}

fn unsealed(bench: &Bench, files: &[PathBuf]) -> String {
    let mut words = vec!["unseal", "--key", KEYS];
    words.extend(files.iter().map(|file| file.to_str().unwrap()));
    bench.bulla(&words).ok()
}

#[test]
fn a_repository_moves_to_the_newest_key_and_only_lines_of_values_differ() {
    let (bench, files) = repository();
    let repo = bench.path("repo");
    let plain = unsealed(&bench, &files);
    let reseal = |more: &[&str]| bench.bulla(&[&["reseal", "--key", KEYS, "repo"], more].concat());

    let check = reseal(&["--check"]);
    assert_eq!(check.code, 2, "{}", check.stderr);
    assert_eq!(check.stdout.lines().filter(|line| line.starts_with("repo/")).count(), check.stdout.lines().count());
    let dry = reseal(&["--dry-run"]);
    assert_eq!(dry.stdout, check.stdout, "the same values");
    dry.ok();
    assert_eq!(git(&repo, &["status", "--porcelain"]), "", "nothing was written");

    let done = reseal(&[]);
    assert_eq!(done.stdout, check.stdout);
    assert!(done.stderr.contains("resealed with SHA256:"), "{}", done.stderr);
    let fingerprint = keys()[1].key.fingerprint().as_str();
    assert!(done.stderr.contains(fingerprint), "{}", done.stderr);
    done.ok();
    assert_eq!(unsealed(&bench, &files), plain, "the values are what they were");

    let diff = git(&repo, &["diff", "--unified=0"]);
    let lines = |sign: &str, header: &str| -> Vec<String> {
        let changed = diff.lines().filter(|line| line.starts_with(sign) && !line.starts_with(header));
        changed.map(|line| without_ciphertexts(&line[1..])).collect()
    };
    let (removed, added) = (lines("-", "---"), lines("+", "+++"));
    assert_eq!(removed, added, "apart from the ciphertexts the lines are the same");
    assert!(removed.len() > 40 && removed.iter().all(|line| line.contains(" characters>")), "{removed:#?}");

    let again = reseal(&["--check", "--json"]);
    let report: Value = serde_json::from_str(&again.ok()).unwrap();
    assert_eq!(report["summary"]["stale"], 0);
    assert_eq!(report["summary"]["fresh"].as_u64().unwrap() as usize, removed.len());
    git(&repo, &["commit", "--quiet", "--all", "-m", "resealed"]);
    assert_eq!(reseal(&[]).ok(), "", "twice changes nothing");
    assert_eq!(git(&repo, &["status", "--porcelain"]), "");
}

#[test]
fn every_way_to_write_a_value_survives() {
    let [old, new, _] = keys();
    let v = value(old, Scope::Strict, "shop", "db", CANARY);
    let wrapped: Vec<String> = v.as_bytes().chunks(76).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    let head = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec:\n  encryptedData:\n";
    let json = format!(
        r#"{{"kind":"SealedSecret", "apiVersion":"bitnami.com/v1alpha1","metadata":{{"namespace":"shop","name":"db"}},"spec":{{"encryptedData":{{ "k" : "{v}" }}}}}}"#
    );
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n  apiVersion: v1\n- apiVersion: bitnami.com/v1alpha1\n  kind: SealedSecret\n  metadata: {{namespace: shop, name: db}}\n  spec:\n    encryptedData:\n      k: {v}\n"
    );
    for (what, text) in [
        ("plain", format!("{head}    k: {v}  # why\n    # last\n")),
        ("single quotes", format!("{head}    k: '{v}'\n")),
        ("double quotes", format!("{head}    \"k\": \"{v}\"\n")),
        ("a block", format!("{head}    k: |-\n      {v}\n    # after\n")),
        ("a block with a line break", format!("{head}    k: |\n      {v}\n")),
        ("a folded block", format!("{head}    k: >-\n      {v}\n")),
        ("wrapped", format!("{head}    k: |\n      {}\n    l: {v}\n", wrapped.join("\n      "))),
        ("flow", format!("{}  encryptedData: {{k: {v}}}\n", head.replace("  encryptedData:\n", ""))),
        ("the next line", format!("{head}    k:\n      {v}\n")),
        ("CRLF", format!("{head}    k: {v}\n    l: {v} # x\n").replace('\n', "\r\n")),
        ("no newline at the end", format!("{head}    k: {v}")),
        ("JSON", json.clone()),
        ("JSON, indented", json.replace(", ", ",\n\t")),
        ("a List", list),
        (
            "many documents",
            format!(
                "# head\n---\nkind: ConfigMap\napiVersion: v1\ndata: {{a: 010}}\n---\n{head}    k: {v}\n...\n---\n# tail\n"
            ),
        ),
    ] {
        let bench = bench();
        bench.write("f.yaml", &text);
        let ran = bench.bulla(&["reseal", "--key", KEYS, "f.yaml"]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
        let after = bench.read("f.yaml");
        assert!(all_by(&after, new), "{what}: {after}");
        if what != "wrapped" {
            assert_eq!(without_ciphertexts(&after), without_ciphertexts(&text), "{what}");
        }
        assert_no_canary(&(ran.stdout + &ran.stderr + &after));
    }
}

#[test]
fn what_cannot_be_resealed_stays_as_it_is_and_is_named_and_the_rest_is_done() {
    let [old, new, other] = keys();
    let v = value(old, Scope::Strict, "shop", "db", CANARY);
    let object = |metadata: &str, items: &str| {
        format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {metadata}\nspec:\n  encryptedData:\n    good: {v}\n{items}\n"
        )
    };
    let db = "{name: db, namespace: shop}";
    let wide = r#"{name: db, namespace: shop, annotations: {sealedsecrets.bitnami.com/cluster-wide: "true"}}"#;
    let item = |text: &str| object(db, &format!("    bad: {text}"));
    let foreign = value(other, Scope::Strict, "shop", "db", CANARY);
    let elsewhere = value(old, Scope::Strict, "shop", "other", CANARY);
    let template = r#"  template: {metadata: {annotations: {sealedsecrets.bitnami.com/namespace-wide: "true"}}}"#;
    for (what, text, words) in [
        ("another cluster's key", item(&foreign), &["f.yaml:7", "shop/db", "bad", "none of the keys"][..]),
        ("another name", item(&elsewhere), &["f.yaml:7", "bad", "none of the keys"]),
        ("a wider scope is not tried", object(wide, ""), &["good", "none of the keys"]),
        ("damaged", item(&format!("{}AAAA", &v[..v.len() - 4])), &["bad", "damaged"]),
        ("cut", item(&v[..40]), &["bad", "it was cut"]),
        ("no base64", item("'%%'"), &["bad", "illegal base64 data at input byte 0"]),
        ("a number", item("12"), &["bad", "a number, not text"]),
        ("no namespace", object("{name: db}", ""), &["has no namespace"]),
        ("no name", object("{namespace: shop}", ""), &["has no name"]),
        ("a template of another scope", object(db, template), &["the annotations say strict", "namespace-wide"]),
        ("both forms", object(db, &format!("  data: {v}")), &["spec.data and spec.encryptedData"]),
        ("an alias", object(db, "").replace("good: ", "good: &a ") + "    b: *a\n", &["f.yaml", "anchor", "(E0"]),
        (
            "a merge",
            format!("<<<<<<< HEAD\n{}>>>>>>> x\n", object(db, "")),
            &["line 1", "a merge is unfinished", "E0411"],
        ),
        ("no YAML", object(db, "") + "    x: [\n", &["f.yaml", "E0201"]),
    ] {
        let bench = bench();
        bench.write("f.yaml", &text);
        bench.write("fine.yaml", sealed(old, "fine", &["k"]));
        let ran = bench.bulla(&["reseal", "--key", KEYS]);
        assert_eq!(ran.code, 1, "{what}: {}", ran.stderr);
        for word in words.iter().chain(&["1 of 2 files", "(E0412)", "bulla why FILE"]) {
            assert!(ran.stderr.contains(word), "{what}: {word:?} is not in\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("panicked"));
        assert_no_canary(&ran.stderr);
        assert_eq!(bench.read("f.yaml"), text, "{what}: the file is as it was");
        assert!(all_by(&bench.read("fine.yaml"), new), "{what}");
        assert_eq!(ran.stdout, "fine.yaml: shop/fine: k\n", "{what}");
        let check = bench.bulla(&["reseal", "--key", KEYS, "--check", "--json"]);
        if what != "an alias" {
            assert_eq!(check.code, 1, "{what}: not to open is worse than to be stale");
        }
        let report: Value = serde_json::from_str(&check.stdout).unwrap();
        assert_eq!(report["written"], false);
    }
}

#[test]
fn scopes_and_the_deprecated_form_are_kept() {
    let [old, new, _] = keys();
    let bench = bench();
    let object = |name: &str, scope: Scope, spec: &str| {
        let annotation = scope.annotation().map_or(String::new(), |name| format!("{name}: \"true\""));
        format!(
            "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: {name}, namespace: shop, annotations: {{{annotation}}}}}\nspec: {spec}\n"
        )
    };
    let item = |scope, name| format!("{{encryptedData: {{k: {}}}}}", value(old, scope, "shop", name, CANARY));
    let whole = format!(
        r#"{{"kind":"Secret","apiVersion":"v1","metadata":{{"name":"d"}},"data":{{"k":"{}"}}}}"#,
        go_base64::encode(b"x")
    );
    let text = object("s", Scope::Strict, &item(Scope::Strict, "s"))
        + &object("w", Scope::NamespaceWide, &item(Scope::NamespaceWide, ""))
        + &object("c", Scope::ClusterWide, &item(Scope::ClusterWide, ""))
        + &object("d", Scope::Strict, &format!("{{data: {}}}", value(old, Scope::Strict, "shop", "d", &whole)));
    bench.write("f.yaml", &text);
    let printed = bench.bulla(&["reseal", "--key", KEYS, "f.yaml"]).ok();
    assert_eq!(printed, "f.yaml: shop/s: k\nf.yaml: shop/w: k\nf.yaml: shop/c: k\nf.yaml: shop/d: spec.data\n");
    let after = bench.read("f.yaml");
    assert!(all_by(&after, new));
    // A value that was strict opens under no other name.
    let moved = after.replace("name: s,", "name: t,");
    bench.write("moved.yaml", moved);
    assert_eq!(bench.bulla(&["reseal", "--key", KEYS, "moved.yaml"]).code, 1);
    // A namespace that the file does not say.
    bench.write("g.yaml", sealed(old, "db", &["k"]).replace("  namespace: shop\n", ""));
    bench.bulla(&["reseal", "--key", KEYS, "g.yaml", "-n", "shop"]).ok();
    assert!(all_by(&bench.read("g.yaml").replace("name: db", "namespace: shop\n  name: db"), new));
}

#[test]
fn the_certificate_is_the_newest_that_may_seal_or_the_one_that_is_said() {
    let [old, new, other] = keys();
    let text = sealed(old, "db", &["k"]);
    let reseal = |setup: &dyn Fn(&Bench), words: &[&str]| -> (Ran, String) {
        let bench = bench();
        bench.write("f.yaml", &text);
        setup(&bench);
        let ran = bench.bulla(&[&["reseal"], words].concat());
        let after = bench.read("f.yaml");
        (ran, after)
    };
    let nothing = |_: &Bench| {};
    let refused = |ran: (Ran, String), words: &[&str]| {
        ran.0.fails(1, words);
        assert_eq!(ran.1, text);
    };
    refused(reseal(&nothing, &["f.yaml"]), &["nobody is named", "E0401", "--service-account"]);
    refused(
        reseal(&nothing, &["--key", ".keys/old.yaml", "--key", ".keys/other.yaml", "f.yaml"]),
        &["share no key", "E0413", "--cert"],
    );
    let bare = |bench: &Bench| drop(bench.write(".keys/bare.pem", old.private_key_pem.expose()));
    refused(reseal(&bare, &["--key", ".keys/bare.pem", "f.yaml"]), &["hold no certificate", "E0413"]);
    refused(reseal(&nothing, &["--key", ".keys/none", "f.yaml"]), &[".keys/none", "E0101"]);
    refused(reseal(&nothing, &["--key", ".keys/old.pem", "f.yaml"]), &[".keys/old.pem", "E0402"]);
    refused(reseal(&nothing, &["--key", KEYS, "--cert", KEYS, "f.yaml"]), &["E0302"]);

    // Backups that share a key are of one cluster.
    let (ran, after) = reseal(&nothing, &["--key", ".keys/old.yaml", "--key", KEYS, "f.yaml"]);
    ran.ok();
    assert!(all_by(&after, new));
    // A newest key that only opens seals nothing.
    let decrypt_only = |bench: &Bench| {
        let keys = key_secret(old, "") + &key_secret(new, "bulla.dev/key-state: decrypt-only");
        bench.write(".keys/k.yaml", keys);
    };
    let (ran, after) = reseal(&decrypt_only, &["--key", ".keys/k.yaml", "f.yaml"]);
    assert!(ran.stderr.contains("1 is fresh"), "{}", ran.stderr);
    assert_eq!(after, text);
    // The newest private key is not needed, and a second run leaves what it cannot open.
    let (ran, after) = reseal(&bare, &["--key", ".keys/bare.pem", "--cert", ".keys/new.pem", "f.yaml"]);
    ran.ok();
    assert!(all_by(&after, new));
    let again = |bench: &Bench| {
        bare(bench);
        bench.write("f.yaml", &after);
    };
    let (ran, unchanged) = reseal(&again, &["--key", ".keys/bare.pem", "--cert", ".keys/new.pem", "f.yaml"]);
    assert!(ran.stderr.contains("1 value opens with none of the keys"), "{}", ran.stderr);
    assert_eq!((ran.code, unchanged), (0, after.clone()));
    // An old certificate takes nothing back.
    let back = |bench: &Bench| drop(bench.write("f.yaml", &after));
    let (ran, unchanged) = reseal(&back, &["--key", KEYS, "--cert", ".keys/old.pem", "f.yaml"]);
    assert!(ran.stderr.contains("1 value is sealed with a newer key"), "{}", ran.stderr);
    assert_eq!((ran.code, unchanged), (0, after));

    // Clusters of .bulla.yaml: each file has the certificate of its own.
    let config = |bench: &Bench| {
        let pinned = new.key.fingerprint();
        bench.write(
            ".bulla.yaml",
            format!(
                "clusters:\n  a: {{certificate: .keys/new.pem, fingerprint: \"{pinned}\"}}\n  b: {{certificate: .keys/other.pem}}\n  c: {{certificate: .keys/other.pem, fingerprint: \"{pinned}\"}}\n\
                 rules:\n- {{path: f.yaml, clusters: [a]}}\n- {{path: g.yaml, clusters: [b]}}\n- {{path: h.yaml, clusters: [c]}}\n"
            ),
        );
        bench.write(".keys/other.pem", &other.certificate_pem);
        bench.write("h.yaml", &text);
    };
    let (ran, after) = reseal(&config, &["--key", ".keys/old.yaml", "--key", ".keys/other.yaml", "f.yaml", "h.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("but .bulla.yaml pins SHA256:"), "{}", ran.stderr);
    assert!(all_by(&after, new));
}

#[test]
fn trees_are_walked_as_git_sees_them() {
    let [old, new, _] = keys();
    let bench = bench();
    let text = sealed(old, "db", &["k"]);
    for folder in ["apps", "chart", "ignored"] {
        fs::create_dir(bench.path(folder)).unwrap();
    }
    bench.write(".gitignore", "ignored/\n");
    bench.write("apps/a.yaml", &text);
    bench.write("apps/notes.txt", &text);
    bench.write("apps/broken.yaml", "a: [\n");
    bench.write("ignored/b.yaml", &text);
    let template = "kind: SealedSecret\nmetadata:\n  name: {{ .Values.name }}\n{{- if x }}\n";
    bench.write("chart/t.yaml", template);
    let ran = bench.bulla(&["reseal", "--key", KEYS]);
    assert!(ran.stderr.contains("1 file left out, being templates of manifests (chart/t.yaml)"), "{}", ran.stderr);
    assert_eq!(ran.ok(), "apps/a.yaml: shop/db: k\n");
    for (file, changed) in [("apps/a.yaml", true), ("apps/notes.txt", false), ("ignored/b.yaml", false)] {
        assert_eq!(all_by(&bench.read(file), new), changed, "{file}");
    }
    // What is named is meant.
    bench.bulla(&["reseal", "--key", KEYS, "ignored/b.yaml"]).ok();
    assert!(all_by(&bench.read("ignored/b.yaml"), new));
    bench.bulla(&["reseal", "--key", KEYS, "chart/t.yaml"]).code.eq(&1).then_some(()).unwrap();
    bench.bulla(&["reseal", "--key", KEYS, "nowhere"]).fails(1, &["nowhere", "no such file", "E0101"]);
    let none = bench.bulla(&["reseal", "--key", KEYS, "chart"]);
    assert!(none.stderr.contains("there is no SealedSecret in 1 file"), "{}", none.stderr);
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let bench = bench();
    let text = sealed(&keys()[0], "db", &["k"]);
    bench.write("f.yaml", &text);
    let mut command = bench.command("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" reseal --key .keys/keys.yaml f.yaml", BULLA]);
    let ran = run(command, b"");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("E0103") && ran.stderr.contains("E0412"), "{}", ran.stderr);
    assert_eq!(bench.read("f.yaml"), text);
    assert_eq!(fs::read_dir(bench.folder.path()).unwrap().count(), 2, "no stray file");
}

/// `count` files of the old key in `tree`.
fn many(bench: &Bench, count: usize) -> Vec<PathBuf> {
    fs::create_dir(bench.path("tree")).unwrap();
    let text = sealed(&keys()[0], "db", &["k"]);
    (0..count).map(|index| bench.write(&format!("tree/{index:03}.yaml"), &text)).collect()
}

fn start(bench: &Bench) -> std::process::Child {
    let mut command = bench.command(BULLA);
    command.args(["reseal", "--key", KEYS, "tree"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// How many of the files are on the new key. Each must be whole: the old one or a new one.
fn resealed(files: &[PathBuf], before: &str) -> usize {
    let changed = files.iter().map(|file| fs::read_to_string(file).unwrap()).filter(|text| text != before);
    changed.map(|text| assert!(all_by(&text, &keys()[1]), "{text}")).count()
}

#[test]
fn a_kill_at_any_moment_leaves_whole_files_and_the_next_run_does_the_rest() {
    let bench = bench();
    let files = many(&bench, 300);
    let before = fs::read_to_string(&files[0]).unwrap();
    let mut done = 0;
    let mut kills = 0;
    for round in 0..200 {
        let mut child = start(&bench);
        // The next round is let live until it has done a little more than this one.
        let deadline = Instant::now() + Duration::from_secs(20);
        let wanted = done + 1 + round % 7;
        while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
            let now = files
                .iter()
                .filter(|file| fs::metadata(file).unwrap().len() > 0 && fs::read_to_string(file).unwrap() != before);
            if now.count() >= wanted {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let now = resealed(&files, &before);
        assert!(now >= done, "nothing goes back");
        done = now;
        if done > 60 {
            break;
        }
    }
    assert!(kills > 2 && done < 300, "{kills} kills, {done} files");
    let ran = bench.bulla(&["reseal", "--key", KEYS, "tree"]);
    assert_eq!(ran.stdout.lines().count(), 300 - done, "only the rest");
    assert!(ran.stderr.contains(&format!("{done} are fresh")), "{}", ran.stderr);
    assert_eq!(resealed(&files, &before), 300);
    // What a kill leaves behind is hidden and holds ciphertext.
    for path in fs::read_dir(bench.path("tree")).unwrap().map(|entry| entry.unwrap().path()) {
        assert_no_canary(&fs::read_to_string(path).unwrap());
    }
}

#[test]
#[cfg(unix)]
fn ctrl_c_finishes_the_files_that_were_begun() {
    let bench = bench();
    let files = many(&bench, 300);
    let before = fs::read_to_string(&files[0]).unwrap();
    let child = start(&bench);
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::read_to_string(&files[0]).unwrap() == before {
        assert!(Instant::now() < deadline, "nothing happens");
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let done = resealed(&files, &before);
    assert!(stderr.contains(&format!("interrupted after {done} of 300 (E0410)")), "{done}: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), done, "what was done is told");
    assert_eq!(fs::read_dir(bench.path("tree")).unwrap().count(), 300, "no stray file");
    bench.bulla(&["reseal", "--key", KEYS, "tree"]).ok();
    assert_eq!(resealed(&files, &before), 300);
}

/// An API server with a controller behind its service proxy that reseals, or answers with a status; and what it was sent.
pub(crate) struct Controller {
    pub(crate) sent: Arc<Mutex<Vec<(String, ResealRequest<'static>)>>>,
    pub(crate) kubeconfig: String,
}

impl Controller {
    pub(crate) fn start(refusal: Option<(u16, &'static str)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&sent);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some((path, token, body)) = request(&mut BufReader::new(stream.try_clone().unwrap())) else {
                    continue;
                };
                let (status, answer) = match (path.rsplit('/').next().unwrap(), refusal) {
                    ("token", _) => (201, r#"{"status":{"token":"made"}}"#.to_owned()),
                    ("sealed-secrets-controller", _) => {
                        (200, r#"{"kind":"Service","spec":{"ports":[{"name":"http","port":8080}]}}"#.to_owned())
                    }
                    (_, Some((status, text))) => (status, text.to_owned()),
                    (_, None) => {
                        assert!(
                            path.ends_with("/services/http:sealed-secrets-controller:http/proxy/v1/reseal"),
                            "{path}"
                        );
                        let request = ResealRequest::parse(&body).unwrap();
                        let answer = answer(&request);
                        noted.lock().unwrap().push((token, request));
                        (200, answer)
                    }
                };
                let head =
                    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
                let _ = stream.write_all((head + &answer).as_bytes());
            }
        });
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {{server: \"http://{address}\"}}\n\
             users:\n- name: u\n  user: {{token: t}}\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n"
        );
        Self { sent, kubeconfig }
    }
}

fn answer(request: &ResealRequest<'_>) -> String {
    let ring = |key: &GeneratedKey| {
        let key = SealingKey::from_pem(key.private_key_pem.expose().as_bytes()).unwrap();
        Arc::new(RingKey { key, since: Timestamp::now() })
    };
    let ring = KeyRing::new([ring(&keys()[0]), ring(&keys()[1])]);
    let certificate = &keys()[1].certificate;
    let items = request.items.iter().map(|item| {
        let mut hints = ObjectHints::default();
        item.answer(reseal_item(&item.value, item.place(), &ring, Task::Stale(certificate), &mut hints))
    });
    let answer = ResealAnswer { certificate: certificate.fingerprint().to_string(), items: items.collect() };
    serde_json::to_string(&answer).unwrap()
}

/// Path, token and body.
fn request(reader: &mut impl std::io::BufRead) -> Option<(String, String, Vec<u8>)> {
    let (mut path, mut token, mut length) = (String::new(), String::new(), 0);
    for line in reader.by_ref().lines() {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        let lower = line.to_lowercase();
        if path.is_empty() {
            path = line.split(' ').nth(1)?.split('?').next()?.to_owned();
        } else if let Some(value) = lower.strip_prefix("x-bulla-token: ") {
            token = value.to_owned();
        } else if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    (!path.is_empty()).then_some((path, token, body))
}

#[test]
fn the_controller_reseals_in_batches_and_gets_nothing_but_values() {
    let [old, new, other] = keys();
    let controller = Controller::start(None);
    let bench = bench();
    bench.write("config", &controller.kubeconfig);
    bench.write("token", "a.b.c\n");
    fs::create_dir(bench.path("tree")).unwrap();
    let names: Vec<String> = (0..6).map(|index| format!("k{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for index in 0..90 {
        bench.write(
            &format!("tree/{index:03}.yaml"),
            sealed(old, "db", &names) + "---\nkind: ConfigMap\napiVersion: v1\ndata: {a: not-for-others}\n",
        );
    }
    bench.write("tree/fresh.yaml", sealed(new, "db", &["k"]));
    let foreign = sealed(other, "db", &["k"]);
    bench.write("tree/zforeign.yaml", &foreign);
    let reseal = |more: &[&str]| bench.bulla(&[&["reseal", "--kubeconfig", "config", "tree"], more].concat());

    let check = reseal(&["--token-file", "token", "--check"]);
    assert_eq!(check.code, 1);
    assert!(check.stderr.contains("540 values in 90 files stale; 1 is fresh"), "{}", check.stderr);
    let ran = reseal(&["--token-file", "token"]);
    assert_eq!(ran.code, 1, "one file does not open");
    assert!(ran.stderr.contains("tree/zforeign.yaml:9"), "{}", ran.stderr);
    assert!(ran.stderr.contains("540 values in 90 files resealed with SHA256:"), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 90);
    for index in 0..90 {
        let text = bench.read(&format!("tree/{index:03}.yaml"));
        assert!(all_by(&text, new) && text.contains("not-for-others"));
    }
    assert_eq!(bench.read("tree/zforeign.yaml"), foreign);
    let sent: Vec<_> = controller.sent.lock().unwrap().drain(..).collect();
    let sizes: Vec<usize> = sent.iter().map(|(_, request)| request.items.len()).collect();
    assert_eq!(sizes, [500, 42, 500, 42], "once for --check, once in earnest");
    assert!(sent.iter().all(|(token, _)| token == "a.b.c"));

    fs::remove_file(bench.path("tree/zforeign.yaml")).unwrap();
    reseal(&["--service-account", "ci/resealer", "--check"]).ok();
    assert_eq!(controller.sent.lock().unwrap()[0].0, "made", "a token was made for the account");
}

#[test]
fn a_controller_that_refuses_is_explained_and_nothing_changes() {
    let text = sealed(&keys()[0], "db", &["k"]);
    for (status, body, words) in [
        (401, "the token is not good", &["the token is not good", "--audience bulla.dev/reseal"][..]),
        (403, "no update in shop", &["no update in shop", "auth can-i"]),
        (404, "404 page not found", &["404 page not found", "--key"]),
        (501, "off", &["off", "system:auth-delegator"]),
        (500, "", &["the server answered 500"]),
        (200, "{}", &["not one to the values"]),
        (200, r#"{"certificate":"x","items":[]}"#, &["not one to the values"]),
    ] {
        let controller = Controller::start(Some((status, body)));
        let bench = bench();
        bench.write("config", &controller.kubeconfig);
        bench.write("token", "a.b.c");
        bench.write("f.yaml", &text);
        let ran = bench.bulla(&["reseal", "--kubeconfig", "config", "--token-file", "token", "f.yaml"]);
        ran.fails(1, &[words, &["E0414"]].concat());
        assert_eq!(bench.read("f.yaml"), text, "{status}");
    }
    let bench = bench();
    bench.write("f.yaml", &text);
    bench.write("token", "a.b.c");
    bench.write("empty", "\n");
    let online = |words: &[&str]| bench.bulla(&[&["reseal", "f.yaml"], words].concat());
    online(&["--token-file", "token"]).fails(1, &["E0501"]);
    online(&["--token-file", "none"]).fails(1, &["none", "E0101"]);
    online(&["--token-file", "empty"]).fails(1, &["there is no token in it", "E0414"]);
    online(&["--token-file", "token", "--key", KEYS]).fails(3, &["E0001"]);
    online(&["--check", "--dry-run", "--key", KEYS]).fails(3, &["E0001"]);
}
