//! `bulla keys status`: exact where it can be, and honest where it cannot.

use bulla_core::sealed::{GeneratedKey, Scope};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::desk::{Desk, fingerprint, recipient};
use crate::harness::sealing::{common_key, new_key, sealed_object};

fn status(desk: &Desk, words: &[&str]) -> Value {
    let args = [&["status", "--json"], words].concat();
    serde_json::from_str(&desk.keys(&args).ok()).unwrap()
}

fn entry<'a>(report: &'a Value, key: &GeneratedKey) -> &'a Value {
    report["keys"].as_array().unwrap().iter().find(|entry| entry["fingerprint"] == fingerprint(key)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_is_shown_with_its_age_and_everything_that_needs_it() {
    let mut desk = Desk::new().await;
    let (old, new) = (new_key(Timestamp::now() - SignedDuration::from_hours(72)), common_key());
    desk.add("key-old", &old, &json!({"bulla.dev/key-state": "decrypt-only"})).await;
    desk.add("key-new", new, &json!({})).await;
    desk.git(&["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(desk.bench.path(".gitignore"), ".kube\n*.txt\n").unwrap();
    desk.write_yaml("apps/db.yaml", &desk.sealed(&old, "db"));
    desk.git(&["add", "--all"]);
    desk.git(&["commit", "--quiet", "-m", "x"]);
    desk.git(&["tag", "v1"]);
    desk.write_yaml("apps/db.yaml", &desk.sealed(new, "db"));
    // kustomize puts the namespace in later: the value is bound to one that the file does not state.
    let mut bare = sealed_object(&old.certificate, Scope::Strict, (&desk.world.namespace, "bare"), &[("k", "value")]);
    bare["metadata"].as_object_mut().unwrap().remove("namespace");
    desk.write_yaml("base/bare.yaml", &bare);
    desk.seal(new, "live").await;

    let report = status(&desk, &[]);
    let uses = |key: &GeneratedKey| {
        ["workTree", "branches", "tags", "cluster"].map(|place| entry(&report, key)["uses"][place]["values"].clone())
    };
    assert_eq!(uses(&old), [json!(1), json!(2), json!(2), json!(0)], "{report:#}");
    assert_eq!(uses(new), [json!(2), json!(0), json!(0), json!(2)], "{report:#}");
    assert_eq!(entry(&report, &old)["uses"]["tags"]["names"], json!(["v1"]));
    assert_eq!(entry(&report, &old)["uses"]["workTree"]["names"], json!(["base/bare.yaml (k)"]));
    assert_eq!((&entry(&report, new)["seals"], &entry(&report, &old)["state"]), (&json!(true), &json!("decrypt-only")));
    assert_eq!(report["unknown"], json!([]));
    let text = desk.keys(&["status"]).ok();
    for words in [
        "decrypt-only, 3 days old, 2048 bits",
        "work tree: 1 values: base/bare.yaml (k)",
        "tags: 2 values: v1",
        "1 objects in the cluster",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }

    // Without keys only the size is known; with a backup it is exact again.
    let blind = status(&desk, &["--offline", "--no-history"]);
    assert_eq!((&blind["keys"], &blind["unknown"][0]["bits"]), (&json!([]), &json!(2048)));
    assert_eq!(blind["unknown"][0]["values"], 3);
    let text = desk.keys(&["status", "--offline", "--no-history"]).ok();
    assert!(text.contains("3 values for a key of 2048 bits (0 of the keys above have that size)"), "{text}");
    assert!(text.contains("looked at: 2 files, no branches and tags, no cluster"), "{text}");
    desk.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    let exact = status(&desk, &["--offline", "--no-history", "--from", "keys.age", "--identity", "a.txt", "apps"]);
    assert_eq!(entry(&exact, new)["uses"]["workTree"]["values"], 2);
    assert_eq!(exact["unknown"], json!([]));

    // A branch that cannot be read may use any key: that is an error, not an empty answer.
    desk.bench.write(".git/refs/heads/broken", "0123456789012345678901234567890123456789\n");
    desk.keys(&["status"]).fails(1, &["(E0446)", "branches and tags cannot be read", "--no-history"]);
    desk.keys(&["retire", &fingerprint(&old)]).fails(1, &["(E0446)"]);
    desk.keys(&["status", "--no-history"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_controller_recorded_tells_of_files_too() {
    let mut desk = Desk::new().await;
    let key = common_key();
    desk.add("key-a", key, &json!({})).await;
    let sealed = desk.seal(key, "db").await;
    desk.write_yaml("apps/db.yaml", &sealed);
    let _controller = desk.world.start(&[]).await;
    desk.world.until_synced("db", "True").await;
    let report = status(&desk, &["apps"]);
    let entry = entry(&report, key);
    assert_eq!(entry["how"], json!({"opened": 0, "recorded": 2}), "no private operation is needed: {report:#}");
    assert_eq!((&entry["uses"]["workTree"]["values"], &entry["uses"]["cluster"]["values"]), (&json!(2), &json!(2)));
}
