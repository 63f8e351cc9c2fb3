//! Bad files, bad identities, missing rights, no cluster: what is said, and that nothing was written.

use std::time::Duration;

use bulla_devcluster::{AccessRule, Account, DevCluster, Options, ServeOptions};
use serde_json::json;

use super::desk::{Desk, fingerprint, recipient};
use crate::harness::sealing::{common_key, key_secret};
use crate::support::{Bench, vector};

#[tokio::test(flavor = "multi_thread")]
async fn bad_backups_and_identities_are_named_and_nothing_is_written() {
    let mut desk = Desk::new().await;
    desk.add("key-a", common_key(), &json!({})).await;
    desk.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    let good = std::fs::read(desk.bench.path("keys.age")).unwrap();
    desk.bench.write("cut.age", &good[..good.len() - 20]);
    let mut flipped = good.clone();
    let at = good.len() - 200;
    flipped[at] ^= 1;
    desk.bench.write("flipped.age", flipped);
    desk.bench.write("key.pem", common_key().private_key_pem.expose());
    desk.bench.write("map.yaml", "kind: ConfigMap\nmetadata: {name: c}\n");
    desk.bench.write("empty.yaml", "");
    desk.bench.write("garbage.yaml", "a: [\n");
    desk.bench.write("comments.txt", "# nothing\n");
    let identity = vector("age/a.txt").lines().find(|line| line.starts_with("AGE-")).unwrap().to_owned();
    desk.bench.write("cut.txt", &identity[..60]);
    desk.bench.write("locked.txt", "age-encryption.org/v1\n-> scrypt x 18\n");
    let before = desk.secrets().await;
    let expect = fingerprint(common_key());
    for (file, identity, expected) in [
        ("keys.age", None, &["(E0433)", "keys.age", "--identity"][..]),
        ("keys.age", Some("b.txt"), &["(E0432)", "other recipients", "age-keygen -y"]),
        ("cut.age", Some("a.txt"), &["(E0432)", "cut.age", "damaged"]),
        ("flipped.age", Some("a.txt"), &["(E0432)", "flipped.age", "damaged"]),
        ("keys.age", Some("comments.txt"), &["(E0431)", "comments.txt", "no identity"]),
        ("keys.age", Some("cut.txt"), &["(E0431)", "cut.txt: line 1: not an age identity"]),
        ("keys.age", Some("locked.txt"), &["(E0431)", "passphrase"]),
        ("keys.age", Some("missing.txt"), &["(E0101)", "missing.txt"]),
        ("missing.age", Some("a.txt"), &["(E0101)", "missing.age"]),
        ("key.pem", None, &["(E0430)", "PEM", "keys import"]),
        ("map.yaml", None, &["(E0430)", "no usable key"]),
        ("empty.yaml", None, &["(E0430)", "no usable key"]),
        ("garbage.yaml", None, &["(E0430)", "neither YAML nor JSON"]),
    ] {
        let mut args = vec!["restore", file, "--expect", &expect];
        args.extend(identity.map(|identity| ["--identity", identity]).into_iter().flatten());
        desk.keys(&args).fails(1, expected);
    }
    assert_eq!(desk.secrets().await, before);
    // Against quantum computers: the same way there and back.
    let hybrid: serde_json::Value = serde_json::from_str(&vector("age/hybrid.json")).unwrap();
    desk.bench.write("pq.txt", hybrid["identity"].as_str().unwrap());
    let to = hybrid["recipient"].as_str().unwrap();
    desk.keys(&["backup", "--to", to, "-w", "pq.age"]).ok();
    assert!(desk.keys(&["list", "--from", "pq.age", "--identity", "pq.txt"]).ok().contains(&expect));
    desk.keys(&["list", "--from", "pq.age", "--identity", "a.txt"]).fails(1, &["(E0432)"]);
    desk.keys(&["backup", "--to", to, "--to", &recipient(), "-w", "new.age"]).fails(1, &["(E0445)", "cannot be mixed"]);
    let secret_half = identity.as_str();
    for (to, expected) in [(secret_half, "this is an age identity, which is secret"), ("age1x", "not an age recipient")]
    {
        desk.keys(&["backup", "--to", to, "-w", "new.age"]).fails(1, &["(E0445)", expected]);
    }
    desk.keys(&["backup", "-w", "new.age"]).fails(3, &["(E0001)", "--to"]);
    assert!(!desk.bench.path("new.age").exists());
    // A folder that is not there, and a full disk: the old file is as it was.
    desk.keys(&["backup", "--to", &recipient(), "-w", "missing/keys.age"]).fails(1, &["(E0103)"]);
    desk.keys(&["backup", "--to", &recipient(), "-w", "/dev/full"]).fails(1, &["(E0103)"]);
    assert_eq!(std::fs::read(desk.bench.path("keys.age")).unwrap(), good);
    desk.keys(&["list", "--identity", "a.txt"]).fails(3, &["(E0001)", "--from"]);
    desk.keys(&["backup", "--check", "keys.age"]).fails(1, &["(E0433)"]);
    let empty = Desk::new().await;
    for words in [&["list"][..], &["verify"], &["backup", "--to", &recipient(), "-w", "k.age"]] {
        empty.keys(words).fails(1, &["(E0440)", "no key Secret"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_or_without_a_cluster_it_says_what_is_missing() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let crd = bulla_yaml::read_one(bulla_controller::CRD_YAML.as_bytes(), &bulla_yaml::Limits::default());
    let options = Options {
        crds: vec![crd.unwrap().root.to_json().unwrap()],
        accounts: vec![
            Account::service_account("default", "reader", "reader-token"),
            Account::service_account("default", "nobody", "nobody-token"),
        ],
        access: vec![
            AccessRule::allow("system:serviceaccount:default:reader", "list", "secrets", "kube-system"),
            AccessRule::allow("system:serviceaccount:default:reader", "get", "secrets", "kube-system"),
            AccessRule::allow("system:serviceaccount:default:nobody", "list", "sealedsecrets.bitnami.com", "*"),
            AccessRule::deny("*", "*", "*", "*"),
        ],
        bookmark_interval: Duration::from_secs(1),
        ..Options::default()
    };
    let cluster = DevCluster::new(options).unwrap();
    let server = cluster.serve(ServeOptions::default()).await.unwrap();
    let admin = crate::harness::api::Api(kube::Client::new(cluster.trusted_service(), "default"));
    admin.post("/api/v1/namespaces/kube-system/secrets", &key_secret("key-a", common_key())).await;
    let bench = Bench::new();
    let kubeconfig = |token: &str| {
        let text = server.kubeconfig();
        let own = text.lines().find_map(|line| line.trim().strip_prefix("token: ")).unwrap();
        text.replace(own, token)
    };
    bench.write("reader", kubeconfig("reader-token"));
    bench.write("nobody", kubeconfig("nobody-token"));
    bench.write("a.txt", vector("age/a.txt"));
    bench.bulla(&["keys", "list", "--kubeconfig", "reader"]).ok();
    bench.bulla(&["keys", "backup", "--to", &recipient(), "-w", "keys.age", "--kubeconfig", "reader"]).ok();
    let key = fingerprint(common_key());
    let refused = |words: &[&str], hint: &str| {
        bench.bulla(&[&["keys"], words].concat()).fails(1, &["(E0444)", hint]);
    };
    refused(&["list", "--kubeconfig", "nobody"], "kubectl auth can-i list secrets -n kube-system");
    refused(&["promote", &key, "--kubeconfig", "nobody"], "list secrets");
    refused(
        &["retire", "--compromised", &key, "--kubeconfig", "reader"],
        "kubectl auth can-i patch secrets -n kube-system",
    );
    refused(&["backup", "--check", "keys.age", "-i", "a.txt", "--kubeconfig", "reader"], "can-i list sealedsecrets -A");
    let list = "/api/v1/namespaces/kube-system/secrets";
    let before = admin.items(list).await;
    admin.delete("/api/v1/namespaces/kube-system/secrets/key-a").await;
    refused(
        &["restore", "keys.age", "-i", "a.txt", "--expect", &key, "--kubeconfig", "reader"],
        "can-i create secrets",
    );
    assert!(admin.items(list).await.is_empty() && before.len() == 1);
    // Whether something uses the key cannot be known, so it is not retired.
    admin.post(list, &key_secret("key-a", common_key())).await;
    bench
        .bulla(&["keys", "retire", &key, "--kubeconfig", "reader"])
        .fails(1, &["(E0438)", "not known", "the cluster's objects are not known"]);
    // Who may not read Secrets still learns what statuses tell.
    let told = bench.bulla(&["keys", "status", "--kubeconfig", "nobody", "--no-history", "."]);
    assert!(told.stderr.contains("what opened is known from statuses only"), "{}", told.stderr);

    bench.write("nowhere", kubeconfig("x").replace(&server.local_addr().to_string(), "127.0.0.1:1"));
    bench.bulla(&["keys", "list", "--kubeconfig", "nowhere"]).fails(1, &["(E0503)"]);
    bench.bulla(&["keys", "list"]).fails(1, &["(E0501)"]);
    bench.bulla(&["keys", "list", "--kubeconfig", "missing"]).fails(1, &["missing"]);
}
