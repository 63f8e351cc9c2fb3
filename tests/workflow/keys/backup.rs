//! From a cluster into an encrypted file and back into an empty one; forged files; a restore that is killed.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use bulla_core::age::{Identities, is_age_file};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::desk::{Desk, fingerprint, recipient};
use crate::harness::api;
use crate::harness::sealing::{base64, common_key, key_secret, new_key};
use crate::harness::until;
use crate::support::vectors;

fn ago(hours: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_hours(hours)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_every_key_into_an_empty_cluster_where_they_open_and_do_not_seal() {
    let mut old = Desk::new().await;
    let (older, newer) = (new_key(ago(48)), common_key());
    old.add("key-old", &older, &json!({"bulla.dev/key-state": "compromised", "team": "sre"})).await;
    old.add("key-new", newer, &json!({})).await;
    let listed = old.keys(&["list"]).ok();
    let rows: Vec<&str> = listed.lines().collect();
    assert_eq!(rows.len(), 3, "{listed}");
    assert!(rows[1].starts_with(&fingerprint(newer)) && rows[1].contains("active (seals)"), "{listed}");
    assert!(
        rows[2].starts_with(&fingerprint(&older)) && rows[2].contains("compromised ") && rows[2].contains(" 2 days "),
        "{listed}"
    );

    let recipient = recipient();
    old.keys(&["backup", "--to", &recipient, "-w", "keys.age"]).ok();
    let file = std::fs::read(old.bench.path("keys.age")).unwrap();
    assert!(is_age_file(&file));
    assert_eq!(std::fs::metadata(old.bench.path("keys.age")).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::create_dir(old.bench.path("each")).unwrap();
    old.keys(&["backup", "--to", &recipient, "--dir", "each"]).ok();
    assert_eq!(std::fs::read_dir(old.bench.path("each")).unwrap().count(), 2, "one file for each key");
    old.disk_is_clean();
    // The format is the controller's: what kubectl apply takes.
    let identities =
        Identities::from_file(&std::fs::read(vectors("age/a.txt")).unwrap()).unwrap_or_else(|e| panic!("{e}"));
    let plain: Value = serde_json::from_slice(&identities.decrypt(&file, 1 << 20).unwrap()).unwrap();
    assert_eq!((&plain["kind"], plain["items"].as_array().unwrap().len()), (&json!("List"), 2));
    assert_eq!(plain["items"][1]["metadata"]["labels"]["team"], "sre");

    let mut new = Desk::new().await;
    new.hide(&older);
    new.hide(newer);
    new.bench.write("keys.age", &file);
    new.api().delete(&format!("/api/v1/namespaces/{}", new.world.own)).await;
    let restore = ["restore", "keys.age", "--identity", "a.txt"];
    let expect = [fingerprint(&older), fingerprint(newer)].join(",");
    let stderr =
        new.keys(&[&restore[..], &["--expect", &expect]].concat()).fails(1, &["(E0443)", "--create-namespace"]);
    assert!(!stderr.contains("written"));
    // Nothing is created before somebody has said yes.
    let unconfirmed = [&restore[..], &["--create-namespace"]].concat();
    new.keys(&unconfirmed).fails(1, &["(E0434)", &fingerprint(&older), &format!("--expect {}", fingerprint(newer))]);
    assert!(new.api().get(&format!("/api/v1/namespaces/{}", new.world.own)).await.is_none());

    new.keys(&[&restore[..], &["--create-namespace", "--expect", &expect]].concat()).ok();
    let labels = [("key-new", "active", "decrypt-only"), ("key-old", "active", "compromised")];
    let labels = labels.map(|(name, upstream, ours)| (name.to_owned(), upstream.to_owned(), ours.to_owned()));
    assert_eq!(new.labels().await, labels);
    let before = new.secrets().await;
    let again = new.keys(&[&restore[..], &["--expect", &expect]].concat());
    assert!(again.stderr.contains("nothing was written"), "{}", again.stderr);
    assert_eq!(new.secrets().await, before, "the same command again changes nothing");

    // A restored key opens at once, and another one seals until it is promoted.
    new.seal(newer, "db").await;
    let controller = new.world.start(&[]).await;
    new.world.until_synced("db", "True").await;
    let served = controller.get("/v1/cert.pem").await.unwrap().body;
    assert_ne!(served, newer.certificate_pem, "a restored key does not seal");
    new.keys(&["promote", &fingerprint(newer)]).ok();
    assert_eq!(new.labels().await[0].2, "-", "no label of ours is left");
    assert_eq!(new.keys(&["promote", &fingerprint(newer)]).code, 0, "twice is as good as once");
    drop(controller);
    // A newer one than the restored one is there: the one that the controller has made.
    let newest = new.keys(&["list", "--json"]).ok();
    let newest: Value = serde_json::from_str(&newest).unwrap();
    let sealing: Vec<_> = newest["keys"].as_array().unwrap().iter().filter(|key| key["seals"] == true).collect();
    assert_eq!(sealing.len(), 1);
    assert_ne!(sealing[0]["fingerprint"], fingerprint(newer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_backup_of_kubectl_is_restored_as_well_and_names_of_others_are_left_alone() {
    let mut old = Desk::new().await;
    let key = common_key();
    old.add("key-a", key, &json!({})).await;
    let plain = old.kubectl_backup().await;
    let mut new = Desk::new().await;
    new.hide(key);
    let other = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key-a"}, "data": {"k": "eA=="}});
    let other = new.api().post(&api::secrets(&new.world.own), &other).await;
    new.keys_with(&["restore", "-", "--expect", &fingerprint(key)], &plain).ok();
    assert_eq!(new.world.admin().get(&api::secret(&new.world.own, "key-a")).await.unwrap(), other, "left as it was");
    let labels = new.labels().await;
    assert_eq!(labels.len(), 2);
    assert!(labels[1].0.starts_with("key-a-") && labels[1].2 == "decrypt-only", "{labels:?}");
    new.keys_with(&["restore", "-", "--expect", &fingerprint(key)], &plain).ok();
    assert_eq!(new.labels().await.len(), 2, "found by its fingerprint, whatever its name");

    // That name is taken as well.
    let third = Desk::new().await;
    for name in ["key-a", &labels[1].0] {
        let other = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
        third.api().post(&api::secrets(&third.world.own), &other).await;
    }
    third
        .keys_with(&["restore", "-", "--expect", &fingerprint(key)], &plain)
        .fails(1, &["(E0436)", "key-a", &labels[1].0]);
    assert_eq!(third.labels().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_backup_gets_no_key_to_seal_now_or_later() {
    let mut desk = Desk::new().await;
    desk.add("key-a", common_key(), &json!({})).await;
    let controller = desk.world.start(&[]).await;
    let served = controller.get("/v1/cert.pem").await.unwrap().body;
    // Whoever knows the recipient can write this file: two keys of his own, one of which would be the newest for years.
    let (future, present) = (new_key(ago(-24 * 300)), new_key(Timestamp::now() + SignedDuration::from_secs(200)));
    let mut forged: Vec<Value> = vec![key_secret("key-z", &future), key_secret("key-y", &present)];
    for secret in &mut forged {
        secret["metadata"]["annotations"] = json!({"sealedsecrets.bitnami.com/managed": "true"});
        secret["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]);
        secret["metadata"]["labels"]["bulla.dev/key-state"] = json!("active");
    }
    let text = json!({"apiVersion": "v1", "kind": "List", "items": forged}).to_string();
    let file =
        bulla_core::age::Recipients::new(vec![bulla_core::age::Recipient::parse(&recipient()).unwrap()]).unwrap();
    desk.bench.write("forged.age", file.encrypt(text.as_bytes()).unwrap());
    let restore = ["restore", "forged.age", "--identity", "a.txt"];

    let before = desk.secrets().await;
    let mine = fingerprint(common_key());
    desk.keys(&restore).fails(1, &["(E0434)", "BEGINS IN THE FUTURE"]);
    desk.keys(&[&restore[..], &["--expect", &mine]].concat())
        .fails(1, &["(E0435)", "not expected", &fingerprint(&future)]);
    let all = [mine, fingerprint(&future), fingerprint(&present)].join(",");
    desk.keys(&[&restore[..], &["--expect", &all]].concat()).fails(1, &["(E0435)", "not there"]);
    assert_eq!(desk.secrets().await, before, "nothing was written");

    // Somebody is fooled. Even so nothing is sealed for the attacker.
    let both = [fingerprint(&future), fingerprint(&present)].join(",");
    desk.keys(&[&restore[..], &["--expect", &both]].concat()).ok();
    for secret in desk.secrets().await.iter().filter(|secret| secret["metadata"]["name"] != "key-a") {
        assert_eq!(secret["metadata"]["labels"]["bulla.dev/key-state"], "decrypt-only");
        assert!(secret["metadata"].get("annotations").is_none() && secret["metadata"].get("ownerReferences").is_none());
    }
    desk.keys(&["promote", &fingerprint(&future)]).fails(1, &["(E0442)", "in the future"]);
    until("the controller has loaded both", || async {
        let log = controller.log();
        [&future, &present].iter().all(|key| log.contains(&fingerprint(key))).then_some(())
    })
    .await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, served);

    // Whoever applies such a file past `keys restore`, with the label active, is passed over by the controller as well.
    let later = new_key(ago(-1));
    desk.api().post(&api::secrets(&desk.world.own), &key_secret("key-x", &later)).await;
    until("the controller has loaded it", || async { controller.log().contains(&fingerprint(&later)).then_some(()) })
        .await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, served);
    let report = desk.keys(&["verify"]);
    assert_eq!(report.code, 2);
    assert!(report.stdout.contains("key-x: its certificate begins on") && report.stdout.contains("in the future"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_checked_against_what_is_sealed_now() {
    let mut desk = Desk::new().await;
    let (first, second) = (common_key(), new_key(ago(1)));
    desk.add("key-a", first, &json!({})).await;
    desk.seal(first, "db").await;
    desk.write_yaml("apps/db.yaml", &desk.sealed(first, "db"));
    desk.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    let check = ["backup", "--check", "keys.age", "--identity", "a.txt"];
    let good = desk.keys(&[&check[..], &["apps"]].concat());
    assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
    assert!(
        good.stdout.contains("1 keys in the backup, 1 keys of the cluster are in it, 4 sealed values open, 0 do not"),
        "{}",
        good.stdout
    );

    desk.add("key-b", &second, &json!({})).await;
    let lacking = desk.keys(&check);
    assert_eq!(lacking.code, 2);
    assert!(lacking.stdout.contains(&format!("missing: {}", fingerprint(&second))), "{}", lacking.stdout);
    desk.write_yaml("apps/new.yaml", &desk.sealed(&second, "new"));
    let closed = desk.keys(&[&check[..], &["apps", "--offline", "--json"]].concat());
    assert_eq!(closed.code, 2);
    let closed: Value = serde_json::from_str(&closed.stdout).unwrap();
    assert_eq!((&closed["opened"], closed["closed"].as_array().unwrap().len()), (&json!(2), 2));
    assert_eq!(closed["closed"][0][0], "work tree: apps/new.yaml (password)");

    // The controller's record is no proof: an object whose value another key opens is closed to this backup.
    desk.seal(&second, "other").await;
    let closed = desk.keys(&check);
    assert!(closed.stdout.contains("other (password) does not open with the keys of the backup"), "{}", closed.stdout);
    desk.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    assert_eq!(desk.keys(&[&check[..], &["apps"]].concat()).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_of_ones_own_is_imported_and_promoted() {
    let mut desk = Desk::new().await;
    let (own, other) = (new_key(Timestamp::now()), new_key(ago(1)));
    desk.hide(&own);
    desk.bench.write("tls.crt", &own.certificate_pem);
    desk.bench.write("other.crt", &other.certificate_pem);
    desk.bench.write("tls.key", own.private_key_pem.expose());
    let import = ["import", "--cert", "tls.crt", "--key", "tls.key"];
    desk.keys(&import).fails(1, &["(E0434)", &fingerprint(&own)]);
    desk.keys(&["import", "--cert", "other.crt", "--key", "tls.key"]).fails(1, &["(E0441)", "does not belong"]);
    desk.keys(&["import", "--cert", "tls.key", "--key", "tls.key"]).fails(1, &["(E0302)"]);
    desk.keys(&["import", "--cert", "tls.crt", "--key", "tls.crt"]).fails(1, &["(E0402)"]);
    desk.keys(&[&import[..], &["--name", "../x"]].concat()).fails(3, &["(E0001)", "--name"]);
    assert!(desk.secrets().await.is_empty());
    desk.keys(&[&import[..], &["--expect", &fingerprint(&own)]].concat()).ok();
    let secrets = desk.secrets().await;
    assert_eq!(secrets[0]["type"], "kubernetes.io/tls");
    assert_eq!(secrets[0]["data"]["tls.key"], base64(own.private_key_pem.expose()));
    let promoted = desk.keys(&["promote", &fingerprint(&own)]);
    assert!(promoted.stderr.contains("it is the newest"), "{}", promoted.stderr);
    let controller = desk.world.start(&[]).await;
    assert_eq!(controller.get("/v1/cert.pem").await.unwrap().body, own.certificate_pem);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_is_killed_is_finished_by_the_same_command() {
    let mut old = Desk::new().await;
    let keys: Vec<_> = (1..=5).map(|hours| new_key(ago(hours))).collect();
    for (index, key) in keys.iter().enumerate() {
        old.add(&format!("key-{index}"), key, &json!({})).await;
    }
    old.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    let file = std::fs::read(old.bench.path("keys.age")).unwrap();
    let expect = keys.iter().map(fingerprint).collect::<Vec<_>>().join(",");
    let words = ["restore", "keys.age", "--identity", "a.txt", "--expect", &expect];
    let mut desk = Desk::new().await;
    keys.iter().for_each(|key| desk.hide(key));
    desk.bench.write("keys.age", file);
    let mut partial = 0;
    for round in 0..12_u64 {
        for secret in desk.secrets().await {
            desk.api().delete(&api::secret(&desk.world.own, secret["metadata"]["name"].as_str().unwrap())).await;
        }
        let mut child =
            desk.command(&words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // As many Secrets as the round says, then the kill: no clock decides where.
        let wanted = usize::try_from(round % 5).unwrap();
        let deadline = std::time::Instant::now() + crate::harness::PATIENCE;
        while desk.secrets().await.len() < wanted && child.try_wait().unwrap().is_none() {
            assert!(std::time::Instant::now() < deadline, "neither is it done nor are {wanted} keys there");
        }
        tokio::time::sleep(Duration::from_micros(round * 700)).await;
        let _ = child.kill();
        let _ = child.wait();
        let there = desk.secrets().await;
        partial += usize::from((1..5).contains(&there.len()));
        for secret in &there {
            assert_eq!(secret["metadata"]["labels"]["bulla.dev/key-state"], "decrypt-only");
            let at =
                |name: &str| keys.iter().position(|key| secret["data"][name] == base64(key.private_key_pem.expose()));
            assert!(at("tls.key").is_some(), "a whole key, or none");
        }
        desk.keys(&words).ok();
        assert_eq!(desk.secrets().await.len(), 5, "finished by the same command");
    }
    assert!(partial > 0, "no kill came in between");
    desk.disk_is_clean();
}
