//! Every command of docs/keys.md, in its order, on a cluster with the controller in it.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::desk::{Desk, fingerprint, recipient};
use crate::harness::sealing::{common_key, new_key};
use crate::support::{BULLA, run, vectors};

/// The lines of the guide's shell blocks.
fn commands() -> Vec<String> {
    let path = vectors("../../docs/keys.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_works_as_it_is_written() {
    let mut desk = Desk::new().await;
    let old = new_key(Timestamp::now() - SignedDuration::from_hours(24));
    desk.add("key-a", &old, &json!({})).await;
    desk.add("key-b", common_key(), &json!({})).await;
    let controller = desk.world.start(&[]).await;
    desk.seal(common_key(), "db").await;
    desk.world.until_synced("db", "True").await;
    desk.write_yaml("apps/db.yaml", &desk.sealed(common_key(), "db"));
    desk.git(&["init", "--quiet", "--initial-branch=main"]);

    // The age tool's part is played by its vectors.
    let tools = desk.bench.path("tools");
    std::fs::create_dir(&tools).unwrap();
    symlink(BULLA, tools.join("bulla")).unwrap();
    let age = format!(
        "#!/bin/sh\ncase $1 in -o) cp {} \"$2\" ;; -y) echo {} ;; *) exit 9 ;; esac\n",
        vectors("age/a.txt").display(),
        recipient()
    );
    std::fs::write(tools.join("age-keygen"), age).unwrap();
    std::fs::set_permissions(tools.join("age-keygen"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());

    // Where a person is asked, a test has to say it with a flag.
    let confirmed = |line: &str| match line {
        "bulla keys restore keys.age --identity key.txt --create-namespace" => {
            format!("{line} --expect \"$FINGERPRINTS\"")
        }
        "bulla keys import --cert tls.crt --key tls.key" => {
            format!(
                "{line} --expect \"$(bulla cert show --json tls.crt | sed -n 's/.*\"fingerprint\": *\"\\([^\"]*\\)\".*/\\1/p')\""
            )
        }
        line => line.to_owned(),
    };
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    for line in commands() {
        // What needs other tools is not ours to run here; the drill (tests/dropin) does the same through the API.
        if line.starts_with("kubectl ") {
            continue;
        }
        let mut command = desk.bench.command("sh");
        command
            .args(["-euc", &confirmed(&line)])
            .env("PATH", &path)
            .env("SEALED_SECRETS_CONTROLLER_NAMESPACE", &desk.world.own)
            .env("FINGERPRINT", fingerprint(&old))
            .env("FINGERPRINTS", format!("{},{}", fingerprint(&old), fingerprint(common_key())));
        let result = run(command, b"");
        assert_eq!(result.code, 0, "{line}\n{}{}", result.stdout, result.stderr);
        desk.shows_no_key(&(result.stdout + &result.stderr));
        for verb in ["list", "status", "backup", "restore", "import", "promote", "retire", "destroy"] {
            *ran.entry(verb).or_default() += usize::from(line.starts_with(&format!("bulla keys {verb}")));
        }
    }
    assert!(ran.values().all(|count| *count > 0), "the guide leaves something out: {ran:?}");
    let names: Vec<String> = desk.labels().await.into_iter().map(|(name, ..)| name).collect();
    assert!(!names.contains(&"key-a".to_owned()), "destroyed at the end: {names:?}");
    drop(controller);
    desk.world.until_synced("db", "True").await;
}
