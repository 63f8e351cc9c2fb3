//! At a terminal a person is asked before keys are let in or deleted.

use std::io::Write as _;
use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::desk::{Desk, fingerprint, recipient};
use crate::harness::sealing::{common_key, new_key};
use crate::terminal::terminal_pair;

/// Runs `bulla keys …` at a terminal at which somebody types, and gives the exit code and what was said.
fn typed(desk: &Desk, words: &[&str], line: &str) -> (Option<i32>, String) {
    let (mut terminal, slave) = terminal_pair();
    // The terminal keeps what is typed before it is asked for.
    terminal.write_all(line.as_bytes()).unwrap();
    let output = desk.command(words).stdin(Stdio::from(slave)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    desk.shows_no_key(&said);
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_restores_and_the_fingerprint_destroys_and_anything_else_does_nothing() {
    let mut desk = Desk::new().await;
    let old = new_key(Timestamp::now() - SignedDuration::from_hours(1));
    desk.add("key-a", &old, &json!({"bulla.dev/key-state": "retired"})).await;
    desk.add("key-b", common_key(), &json!({})).await;
    desk.keys(&["backup", "--to", &recipient(), "-w", "keys.age"]).ok();
    let old = fingerprint(&old);
    let destroy = ["destroy", &old, "--backup", "keys.age", "--identity", "a.txt"];
    for line in ["y\n", "\n", "\u{4}", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\n"] {
        let (code, said) = typed(&desk, &destroy, line);
        assert_eq!(code, Some(1), "{line:?}: {said}");
        assert!(said.contains("type the fingerprint") && said.contains("(E0434)"), "{said}");
    }
    assert_eq!(desk.secrets().await.len(), 2);
    let (code, said) = typed(&desk, &destroy, &format!("{old}\n"));
    assert_eq!((code, desk.secrets().await.len()), (Some(0), 1), "{said}");

    let restore = ["restore", "keys.age", "--identity", "a.txt"];
    for line in ["n\n", "\n", "\u{4}", "yess\n"] {
        let (code, said) = typed(&desk, &restore, line);
        assert_eq!(code, Some(1), "{line:?}: {said}");
        assert!(said.contains(&old) && said.contains("[y/N]") && said.contains("(E0434)"), "{said}");
    }
    assert_eq!(desk.secrets().await.len(), 1);
    let (code, said) = typed(&desk, &restore, "Yes\n");
    assert_eq!((code, desk.secrets().await.len()), (Some(0), 2), "{said}");
    assert_eq!(desk.labels().await[0].2, "retired", "what was marked stays marked");
}
