//! Keys on their way out: retired, archived, brought back, destroyed; and refused as long as something needs them.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::desk::{Desk, fingerprint, recipient};
use crate::harness::sealing::{common_key, new_key};

fn ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

/// What the labels of key-a are.
async fn labels(desk: &Desk) -> (String, String) {
    let (_, upstream, ours) = desk.labels().await.into_iter().find(|(name, ..)| name == "key-a").unwrap();
    (upstream, ours)
}

fn both(upstream: &str, ours: &str) -> (String, String) {
    (upstream.to_owned(), ours.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_retired_and_archived_when_nothing_needs_it_and_comes_back() {
    let mut desk = Desk::new().await;
    let old = new_key(ago(1));
    desk.add("key-a", &old, &json!({})).await;
    desk.add("key-b", common_key(), &json!({})).await;
    let old = fingerprint(&old);
    desk.keys(&["retire", &old]).ok();
    assert_eq!(labels(&desk).await, both("active", "retired"));
    desk.keys(&["retire", "--archive", &old]).ok();
    assert_eq!(labels(&desk).await, both("archived", "retired"), "no controller loads it, upstream's neither");
    let listed = desk.keys(&["list"]).ok();
    assert!(listed.contains(&format!("{old}  not-loaded")), "{listed}");
    assert_eq!(desk.keys(&["verify"]).code, 0, "an archived key is in order");
    desk.keys(&["retire", "--undo", &old]).ok();
    assert_eq!(labels(&desk).await, both("active", "decrypt-only"), "back to opening, not to sealing");
    assert!(desk.keys(&["retire", "--undo", &old]).stderr.contains("is not retired"));
    desk.keys(&["retire", "--compromised", &old]).ok();
    assert_eq!(labels(&desk).await, both("active", "compromised"));
    desk.keys(&["promote", &old]).ok();
    assert_eq!(labels(&desk).await, both("active", "-"));
    let sealing = fingerprint(common_key());
    desk.keys(&["retire", "--archive", &sealing]).fails(1, &["(E0438)", "it is the key that seals"]);
    let unknown = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    for words in [["retire", unknown], ["promote", unknown]] {
        desk.keys(&words).fails(1, &["(E0437)", unknown, &old]);
    }
    desk.keys(&["retire", "SHA256:abc"]).fails(3, &["(E0001)", "not a key fingerprint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_something_needs_is_not_retired_and_what_needs_it_is_named() {
    let mut desk = Desk::new().await;
    let key = new_key(ago(1));
    let old = fingerprint(&key);
    desk.add("key-a", &key, &json!({})).await;
    desk.add("key-b", common_key(), &json!({})).await;
    desk.git(&["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(desk.bench.path(".gitignore"), ".kube\n*.txt\n").unwrap();
    let refused = |desk: &Desk, words: &[&str]| {
        let args = [&["retire", &old], words].concat();
        desk.keys(&args).fails(1, &["(E0438)", "2 sealed values still use it", "bulla reseal"])
    };

    // In the work tree, not committed.
    desk.write_yaml("apps/db.yaml", &desk.sealed(&key, "db"));
    assert!(refused(&desk, &[]).contains("work tree: apps/db.yaml (password), apps/db.yaml (user)"));
    // In a branch only, as the version before the last.
    desk.git(&["add", "--all"]);
    desk.git(&["commit", "--quiet", "-m", "x"]);
    desk.git(&["branch", "feature"]);
    desk.git(&["tag", "-a", "-m", "x", "v1"]);
    desk.write_yaml("apps/db.yaml", &desk.sealed(common_key(), "db"));
    desk.git(&["commit", "--quiet", "--all", "-m", "resealed"]);
    let stderr = refused(&desk, &[]);
    assert!(stderr.contains("is used in branches: feature") && stderr.contains("is used in tags: v1"), "{stderr}");
    assert!(!stderr.contains("work tree") && !stderr.contains("main"), "{stderr}");
    assert_eq!(labels(&desk).await, both("active", "-"));
    desk.keys(&["retire", &old, "--no-history"]).ok();
    desk.keys(&["promote", &old]).ok();

    // In the cluster.
    desk.git(&["branch", "-D", "feature"]);
    desk.git(&["tag", "-d", "v1"]);
    desk.seal(&key, "live").await;
    assert!(refused(&desk, &["--archive"]).contains(&format!("cluster: {}/live (password)", desk.world.namespace)));
    assert_eq!(labels(&desk).await, both("active", "-"), "nothing was changed");
    let forced = desk.keys(&["retire", &old, "--force"]);
    assert_eq!(forced.code, 0);
    assert!(forced.stderr.contains("warning: 2 values use the key"), "{}", forced.stderr);
    assert_eq!(labels(&desk).await, both("active", "retired"));

    // A file that cannot be read may use it.
    desk.api().delete(&desk.world.sealed_path("live")).await;
    desk.bench.write("apps/broken.yaml", "kind: SealedSecret\n  bad: [\n");
    desk.keys(&["retire", &old, "--archive"]).fails(1, &["(E0438)", "not known", "apps/broken.yaml"]);
    std::fs::remove_file(desk.bench.path("apps/broken.yaml")).unwrap();
    desk.keys(&["retire", &old, "--archive"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_destroyed_by_its_fingerprint_after_its_backup_was_opened() {
    let mut desk = Desk::new().await;
    let key = new_key(ago(1));
    let (old, newest) = (fingerprint(&key), fingerprint(common_key()));
    desk.add("key-b", common_key(), &json!({})).await;
    desk.keys(&["backup", "--to", &recipient(), "-w", "without.age"]).ok();
    desk.add("key-a", &key, &json!({})).await;
    desk.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    let with = |words: &[&'static str]| -> Vec<String> {
        ["destroy"].iter().chain(words).map(|word| (*word).to_owned()).collect()
    };
    let run = |desk: &Desk, key: &str, words: &[&'static str]| {
        let mut args = with(words);
        args.push(key.to_owned());
        desk.keys(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    const BACKUP: [&str; 4] = ["--backup", "keys.age", "--identity", "a.txt"];
    run(&desk, &old, &[]).fails(1, &["(E0439)", "no backup is given"]);
    run(&desk, &old, &["--backup", "without.age", "--identity", "a.txt"])
        .fails(1, &["(E0439)", "does not hold this key"]);
    run(&desk, &old, &["--backup", "keys.age", "--identity", "b.txt"]).fails(1, &["(E0432)", "other recipients"]);
    run(&desk, &newest, &BACKUP).fails(1, &["(E0438)", "it is the key that seals", "keys retire"]);
    run(&desk, &old, &BACKUP).fails(1, &["(E0438)", "it is active"]);
    desk.keys(&["retire", &old]).ok();
    run(&desk, &old, &BACKUP).fails(1, &["(E0434)", &format!("--confirm {old}")]);
    let other = [&BACKUP[..], &["--confirm", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]].concat();
    run(&desk, &old, &other).fails(1, &["(E0434)", "another key"]);
    desk.write_yaml("apps/db.yaml", &desk.sealed(&key, "db"));
    let confirmed = ["destroy", &old, "--backup", "keys.age", "--identity", "a.txt", "--confirm", &old];
    desk.keys(&confirmed).fails(1, &["(E0438)", "apps/db.yaml (password)"]);
    assert_eq!(desk.secrets().await.len(), 2, "nothing was deleted");
    std::fs::remove_file(desk.bench.path("apps/db.yaml")).unwrap();
    desk.keys(&confirmed).ok();
    let left = desk.labels().await;
    assert_eq!((left.len(), left[0].0.as_str()), (1, "key-b"));
    // And it can be brought back.
    desk.keys(&["restore", "keys.age", "--identity", "a.txt", "--expect", &format!("{old},{newest}")]).ok();
    assert_eq!(labels(&desk).await, both("active", "decrypt-only"));
}
