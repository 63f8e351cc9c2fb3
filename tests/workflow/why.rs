//! `bulla why`: each way in which a value does not open has words of its own, and a command that mends it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use bulla_core::go_base64;
use bulla_core::sealed::Scope;
use serde_json::{Value, json};

use crate::reseal::{KEYS, bench, git, keys, sealed, value};
use crate::support::{Bench, CANARY, assert_no_canary, vectors};

const WIDE: &str = "annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}";

fn object(metadata: &str, text: &str) -> String {
    format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{{metadata}}}\nspec:\n  encryptedData:\n    k: {text}\n"
    )
}

/// Runs `bulla why f.yaml` with more words, and gives exit code and output.
fn why(bench: &Bench, words: &[&str]) -> (i32, String) {
    let ran = bench.bulla(&[&["why", "f.yaml"], words].concat());
    assert!(ran.code == 0 || ran.code == 2, "{}", ran.stderr);
    let all = ran.stdout + &ran.stderr;
    assert_no_canary(&all);
    (ran.code, all)
}

#[track_caller]
fn says(found: &(i32, String), code: i32, words: &[&str]) {
    assert_eq!(found.0, code, "{}", found.1);
    for word in words {
        assert!(found.1.contains(word), "{word:?} is not in\n{}", found.1);
    }
}

#[test]
fn every_cause_has_words_and_a_cure() {
    let [old, new, other] = keys();
    let v = |scope, namespace, name| value(old, scope, namespace, name, CANARY);
    let strict = v(Scope::Strict, "shop", "db");
    let place = "name: db, namespace: shop";
    let mut damaged = go_base64::decode(&strict).unwrap().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let large = go_base64::encode(&[&[2, 0][..], &[7; 600]].concat());
    for (what, text, code, words) in [
        (
            "it opens",
            object(place, &strict),
            0,
            &["k (line 6): opens with key SHA256:", old.key.fingerprint().as_str()][..],
        ),
        (
            "with the newest",
            object(place, &value(new, Scope::Strict, "shop", "db", CANARY)),
            0,
            &[new.key.fingerprint().as_str()],
        ),
        (
            "a cluster-wide annotation that it was not sealed for",
            object(&format!("{place}, {WIDE}"), &strict),
            2,
            &["sealed for the name \"db\" in namespace \"shop\"", "which is its own", "take the scope annotation away"],
        ),
        (
            "cluster-wide",
            object(place, &v(Scope::ClusterWide, "", "")),
            2,
            &["sealed with cluster-wide scope", "the object lacks metadata.annotations"],
        ),
        (
            "namespace-wide",
            object(place, &v(Scope::NamespaceWide, "shop", "")),
            2,
            &["namespace-wide scope", "namespace-wide: \"true\""],
        ),
        (
            "another name, which the template knows",
            object(place, &v(Scope::Strict, "shop", "old")) + "  template: {metadata: {name: old}}\n",
            2,
            &["\"old\" in namespace \"shop\"", "as spec.template.metadata says", "write metadata.name: old again"],
        ),
        (
            "another namespace, which the template knows",
            object(place, &v(Scope::Strict, "store", "db")) + "  template: {metadata: {namespace: store}}\n",
            2,
            &["namespace \"store\"", "write metadata.namespace: store again"],
        ),
        (
            "another key",
            object(place, &value(other, Scope::Strict, "shop", "db", CANARY)),
            2,
            &["none of the keys here opens it", "kubectl get secret -n kube-system", "bulla set f.yaml k"],
        ),
        ("another size", object(place, &large), 2, &["an RSA key of 4096 bits, and no key here has that size"]),
        (
            "damaged",
            object(place, &go_base64::encode(&damaged)),
            2,
            &["damaged: key SHA256:", "opens it, but its content was changed"],
        ),
        ("cut", object(place, &strict[..200]), 2, &["it was cut", "bulla set f.yaml k"]),
        (
            "no base64",
            object(place, &format!("'{} {}'", &strict[..40], &strict[40..])),
            2,
            &["illegal base64 data at input byte 40"],
        ),
        ("no text", object(place, "[1]"), 2, &["a list, not text"]),
    ] {
        let bench = bench();
        bench.write("f.yaml", &text);
        let found = why(&bench, &["--key", KEYS]);
        assert_eq!(found.0, code, "{what}: {}", found.1);
        says(&found, code, words);
        let report = bench.bulla(&["why", "f.yaml", "--key", KEYS, "--json"]);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let said = &report["objects"][0]["values"][0];
        assert_eq!(said["verdict"], if code == 0 { "opens" } else { "finding" }, "{what}");
        assert_eq!((said["key"].as_str(), said["line"].as_u64()), (Some("k"), Some(6)), "{what}");
        assert_eq!(said["mend"].is_string(), code == 2, "{what}");
    }
}

#[test]
fn history_and_neighbours_tell_what_a_value_was_sealed_for() {
    let bench = bench();
    fs::create_dir(bench.path("apps")).unwrap();
    git(bench.folder.path(), &["init", "--quiet"]);
    bench.write("f.yaml", sealed(&keys()[0], "earlier", &["k"]));
    bench.write("apps/neighbour.yaml", sealed(&keys()[0], "neighbour", &["k"]));
    git(bench.folder.path(), &["add", "f.yaml", "apps"]);
    git(bench.folder.path(), &["commit", "--quiet", "-m", "a"]);
    let commit = git(bench.folder.path(), &["log", "--format=%h"]).trim().to_owned();
    let before = bench.read("f.yaml");

    bench.write("f.yaml", before.replace("name: earlier", "name: later"));
    says(
        &why(&bench, &["--key", KEYS]),
        2,
        &["sealed for the name \"earlier\"", &format!("as in commit {commit}"), "write metadata.name: earlier again"],
    );
    let copied = bench.read("apps/neighbour.yaml").replace("name: neighbour", "name: db");
    bench.write("f.yaml", copied);
    says(&why(&bench, &["--key", KEYS]), 2, &["sealed for the name \"neighbour\"", "which is that of neighbour.yaml"]);
    // Damaged here, whole in the last commit.
    bench.write("f.yaml", before.replacen("k: AQ", "k: AQ AQ", 1));
    says(
        &why(&bench, &["--key", KEYS]),
        2,
        &["illegal base64", &format!("the value of commit {commit} opens: git show {commit}:./f.yaml")],
    );
}

#[test]
fn without_a_key_form_and_size_are_told() {
    let v = value(&keys()[0], Scope::Strict, "shop", "db", CANARY);
    let bench = bench();
    let place = "name: db, namespace: shop";
    bench.write("f.yaml", object(place, &v));
    says(&why(&bench, &[]), 0, &["well-formed, sealed with an RSA key of 2048 bits", "needs a key (--key FILE)"]);
    let large = vectors("sealed/keys/key1.crt");
    says(
        &why(&bench, &["--cert", large.to_str().unwrap()]),
        2,
        &["sealed with an RSA key of 2048 bits, the certificate has 4096"],
    );
    for (text, words) in [
        (v[..77].to_owned(), "ends too early (77 characters)"),
        (format!("'{} {}'", &v[..76], &v[76..]), "white space in it"),
        (go_base64::encode(b"hunter"), "never sealed"),
    ] {
        bench.write("f.yaml", object(place, &text));
        says(&why(&bench, &[]), 2, &[words, "bulla set f.yaml k"]);
    }
}

/// A kubeconfig for an API server that answers every request with this object, or with 404.
fn cluster(bench: &Bench, live: Option<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            assert!(first.contains("/apis/bitnami.com/v1alpha1/namespaces/shop/sealedsecrets/db"), "{first}");
            let (status, body) = match &live {
                Some(live) => (200, live.to_string()),
                None => (
                    404,
                    json!({"kind": "Status", "code": 404, "status": "Failure", "reason": "NotFound", "message": "x"})
                        .to_string(),
                ),
            };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    bench.write(
        "config",
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {{server: \"http://{address}\"}}\n\
             users:\n- name: u\n  user: {{token: t}}\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n"
        ),
    );
}

#[test]
fn the_cluster_tells_what_its_controller_says() {
    let v = value(&keys()[0], Scope::Strict, "shop", "db", CANARY);
    let live = |value: &str, status: &str, reason: &str| {
        json!({"metadata": {"name": "db", "namespace": "shop", "generation": 3}, "spec": {"encryptedData": {"k": value}},
            "status": {"observedGeneration": 3, "conditions": [{"type": "Synced", "status": status, "reason": reason, "message": "no key could decrypt secret (k)"}]}})
    };
    for (live, code, words) in [
        (Some(live(&v, "True", "Unsealed")), 0, &["in the cluster: it opens"][..]),
        (Some(live(&v, "False", "WrongKey")), 2, &["in the cluster: WrongKey: ", "no key could decrypt secret (k)"]),
        (Some(live(&v, "False", "")), 2, &["the controller says: no key could decrypt secret (k)", "--key keys.yaml"]),
        (Some(live("AgA=", "True", "")), 0, &["other ciphertexts than the file"]),
        (Some(json!({"metadata": {}})), 2, &["no controller has said anything"]),
        (None, 2, &["there is no SealedSecret shop/db", "kubectl get sealedsecrets -A"]),
    ] {
        let bench = bench();
        bench.write("f.yaml", object("name: db, namespace: shop", &v));
        cluster(&bench, live);
        says(&why(&bench, &["--from-cluster", "--kubeconfig", "config"]), code, words);
    }
}

#[test]
fn what_cannot_be_explained_is_refused_with_a_cause() {
    let bench = bench();
    bench.write("f.yaml", object("name: db, namespace: shop", "AgA="));
    bench.write("plain.yaml", "kind: Secret\napiVersion: v1\n");
    bench.write("merge.yaml", "<<<<<<< a\n");
    for (words, code, messages) in [
        (&["nowhere"][..], 1, &["nowhere: no such file", "E0101"][..]),
        (&["plain.yaml"], 1, &["there is no SealedSecret in it", "E0202"]),
        (&["merge.yaml"], 1, &["line 1", "E0411"]),
        (&["f.yaml", "--key", "nowhere"], 1, &["nowhere", "E0101"]),
        (&["f.yaml", "--key", ".keys/old.pem"], 1, &["E0402"]),
        (&["f.yaml", "--cert", "f.yaml"], 1, &["E0302"]),
        (&["f.yaml", "--from-cluster"], 1, &["E0501"]),
        (&[], 3, &["FILE"]),
    ] {
        bench.bulla(&[&["why"], words].concat()).fails(code, messages);
    }
}
