//! The disaster drill: a cluster is lost, its keys come back from the backup into a new one with one command, Git is applied again,
//! and every object is Synced with the values that it had. On real API servers these are two clusters, each with its own etcd.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bulla_core::age::is_age_file;
use bulla_core::sealed::{Scope, SealingCertificate};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::api;
use crate::harness::sealing::sealed_object;
use crate::harness::until;
use crate::harness::world::World;

/// `bulla keys …` with every right in the cluster of `world`.
fn keys(world: &World, folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.arg("keys").args(words).current_dir(folder).env("KUBECONFIG", world.admin_kubeconfig());
    command.env("SEALED_SECRETS_CONTROLLER_NAMESPACE", &world.own).stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "bulla keys {words:?}: {stdout}{stderr}");
    stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_cluster_comes_back_from_its_backup_and_git() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let vector = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/age/a.txt");
    let identity = std::fs::read_to_string(&vector).unwrap();
    let recipient = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    std::fs::copy(&vector, path("key.txt")).unwrap();

    // A cluster that has renewed its key once, and objects of every scope sealed with both.
    let old = World::without_key().await;
    let mut controller = old.start(&[]).await;
    let first = controller.get("/v1/cert.pem").await.unwrap().body;
    controller.signal(Signal::USR1);
    let second = until("another certificate is served", || async {
        let body = controller.get("/v1/cert.pem").await?.body;
        (body != first).then_some(body)
    })
    .await;
    let mut git: BTreeMap<String, Value> = BTreeMap::new();
    for (age, pem) in [("old", &first), ("new", &second)] {
        let certificate = SealingCertificate::from_pem(pem.as_bytes()).unwrap();
        for scope in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
            let name = format!("{age}-{scope}", scope = scope.as_str());
            let items = [("password", format!("value-of-{name}")), ("user", "app".to_owned())];
            let items: Vec<_> = items.iter().map(|(key, value)| (*key, value.as_str())).collect();
            old.hide(&items);
            let sealed = sealed_object(&certificate, scope, (&old.namespace, &name), &items);
            old.create(&sealed).await;
            git.insert(name, sealed);
        }
    }
    let mut before = BTreeMap::new();
    for (name, sealed) in &git {
        old.until_synced(name, "True").await;
        before.insert(name.clone(), old.secret(name).await.unwrap()["data"].clone());
        std::fs::write(path(&format!("{name}.json")), sealed.to_string()).unwrap();
    }

    // The backup, and the proof that it is one.
    keys(&old, folder.path(), &["backup", "--to", recipient, "-w", "keys.age"]);
    assert!(is_age_file(&std::fs::read(path("keys.age")).unwrap()));
    let mut check = vec!["backup", "--check", "keys.age", "--identity", "key.txt"];
    let files: Vec<String> = git.keys().map(|name| format!("{name}.json")).collect();
    check.extend(files.iter().map(String::as_str));
    let proof = keys(&old, folder.path(), &check);
    assert!(
        proof.contains("2 keys in the backup, 2 keys of the cluster are in it, 12 sealed values open, 0 do not"),
        "{proof}"
    );
    let listed: Value = serde_json::from_str(&keys(&old, folder.path(), &["list", "--json"])).unwrap();
    let expect: Vec<&str> =
        listed["keys"].as_array().unwrap().iter().map(|key| key["fingerprint"].as_str().unwrap()).collect();
    controller.kill();

    // Another cluster. Nothing of the controller is there, not even its namespace.
    let new = old.another_cluster().await;
    new.make_namespace(&new.namespace).await;
    let restore = ["restore", "keys.age", "--identity", "key.txt", "--create-namespace", "--expect", &expect.join(",")];
    keys(&new, folder.path(), &restore);
    let secrets = new.admin().items(&api::secrets(&new.own)).await;
    let states = secrets.iter().map(|secret| &secret["metadata"]["labels"]["bulla.dev/key-state"]);
    assert_eq!(states.collect::<Vec<_>>(), [&json!("decrypt-only"); 2]);
    for sealed in git.values() {
        new.create(sealed).await;
    }
    let controller = new.start(&[]).await;
    for (name, data) in &before {
        new.until_synced(name, "True").await;
        assert_eq!(&new.secret(name).await.unwrap()["data"], data, "{name}");
    }
    // What is sealed from now on is sealed with a key that no backup could have slipped in.
    let served = controller.get("/v1/cert.pem").await.unwrap().body;
    assert!(served != first && served != second, "a restored key seals");
    keys(&new, folder.path(), &restore);
    assert_eq!(new.admin().items(&api::secrets(&new.own)).await.len(), 3, "the same command again changes nothing");

    // A key of the backup is promoted, taken out of use, brought back, and deleted: what each command asks of the API server.
    let key = expect[1];
    let labels = || async {
        let secrets = new.admin().items(&api::secrets(&new.own)).await;
        let name =
            listed["keys"].as_array().unwrap().iter().find(|known| known["fingerprint"] == key).unwrap()["secret"]
                .clone();
        let found = secrets.iter().find(|secret| secret["metadata"]["name"] == name)?;
        let label = |name: &str| found["metadata"]["labels"][name].as_str().unwrap_or("-").to_owned();
        Some([label(api::KEY_LABEL), label("bulla.dev/key-state")])
    };
    keys(&new, folder.path(), &["promote", key]);
    assert_eq!(labels().await.unwrap(), ["active", "-"]);
    keys(&new, folder.path(), &["retire", "--archive", "--force", key]);
    assert_eq!(labels().await.unwrap(), ["archived", "retired"]);
    keys(&new, folder.path(), &["retire", "--undo", key]);
    assert_eq!(labels().await.unwrap(), ["active", "decrypt-only"]);
    let backup = ["--backup", "keys.age", "--identity", "key.txt", "--confirm", key];
    keys(&new, folder.path(), &[&["destroy", "--force", key], &backup[..]].concat());
    assert_eq!(labels().await, None);
}
