//! Both kubeseals, one list of cases: exit code, standard output after decrypting, the first line of standard error, files with
//! their modes, and what the API server was asked.
//!
//!     BULLA_REQUIRE_PEERS=1 cargo test --workspace --test kubeseal
//!
//! `BULLA_KUBESEAL_CASES=TEXT` runs the cases whose id holds TEXT, and shows what the real tool did.
//! `case` is the format of the cases, `run` a single run, `server` the API server behind it, `opened` what becomes of
//! ciphertexts, `compare` what is compared, `manifest` what must be covered, `standins` the broken kubeseals that must be found.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod case;
mod compare;
mod opened;
mod peer;
mod run;
mod server;
mod standins;
mod suite;

use std::io::Write as _;

use crate::suite::{Suite, suite};

fn say(line: &str) {
    // libtest keeps what the print macros say.
    let _ = writeln!(std::io::stderr(), "kubeseal: {line}");
}

#[test]
fn both_kubeseals_do_the_same() {
    let Some(Suite { tried, took, .. }) = suite() else { return };
    if let Ok(wanted) = std::env::var("BULLA_KUBESEAL_CASES") {
        for tried in tried.iter().filter(|tried| tried.case.id.contains(&wanted)) {
            say(&tried.to_string());
        }
    }
    let known = suite::known();
    let mut wrong = Vec::new();
    for tried in tried {
        match (tried.complaint(), known.contains(&tried.case.id)) {
            (Some(complaint), false) => wrong.push(complaint),
            (None, true) => wrong.push(format!("{} is mended: KNOWN.txt can forget it", tried.case.id)),
            _ => {}
        }
    }
    say(&format!("{} cases in {:.1} s, {} known to be wrong", tried.len(), took.as_secs_f64(), known.len()));
    assert!(wrong.is_empty(), "{} of {} cases:\n\n{}", wrong.len(), tried.len(), wrong.join("\n"));
}

#[test]
fn every_broken_stand_in_is_caught() {
    let Some(suite) = suite() else { return };
    match standins::caught(suite) {
        Ok(lines) => say(&format!("{} stand-ins, each caught\n  {}", lines.len(), lines.join("\n  "))),
        Err(message) => panic!("{message}"),
    }
}
