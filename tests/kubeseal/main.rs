//! Both kubeseals, one list of cases: exit code, standard output after decrypting, the first line of standard error, files with
//! their modes, and what the API server was asked.
//!
//!     BULLA_REQUIRE_PEERS=1 cargo test --workspace --test kubeseal
//!
//! `BULLA_KUBESEAL_CASES=TEXT` runs the cases whose id holds TEXT, and shows what both did;
//! `BULLA_KUBESEAL_OURS=FILE` takes another binary for ours.
//! `cases` is what suites like this one share (the format of the cases, what is compared), `run` a single run, `server` the API server
//! behind it, `opened` what becomes of ciphertexts, `manifest` what must be covered, `standins` the broken kubeseals that must be
//! found.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cases/mod.rs"]
mod cases;
mod manifest;
mod opened;
mod run;
mod server;
mod standins;
mod suite;

use std::io::Write as _;

use crate::cases::{case, compare, differences};
use crate::suite::{Suite, Tried, suite};

fn say(line: &str) {
    // libtest keeps what the print macros say.
    let _ = writeln!(std::io::stderr(), "kubeseal: {line}");
}

/// None as well where only some cases are asked for.
fn whole_suite() -> Option<&'static Suite> {
    suite().filter(|_| std::env::var_os("BULLA_KUBESEAL_CASES").is_none())
}

#[test]
fn both_kubeseals_do_the_same() {
    let Some(Suite { tried, took, .. }) = suite() else { return };
    if let Ok(wanted) = std::env::var("BULLA_KUBESEAL_CASES") {
        for tried in tried.iter().filter(|tried| tried.case.id.contains(&wanted)) {
            say(&tried.to_string());
        }
    }
    let wrong: Vec<_> = tried.iter().filter_map(Tried::complaint).collect();
    say(&format!("{} cases in {:.1} s", tried.len(), took.as_secs_f64()));
    assert!(wrong.is_empty(), "{} of {} cases:\n\n{}", wrong.len(), tried.len(), wrong.join("\n"));
}

#[test]
fn the_manifest_has_no_gap() {
    let Some(suite) = whole_suite() else { return };
    match manifest::check(suite) {
        Ok(items) => say(&format!("{items} items of the manifest, each shown by its cases")),
        Err(gaps) => panic!("{} gaps:\n{}", gaps.len(), gaps.join("\n")),
    }
}

#[test]
fn every_difference_has_a_heading_and_a_case() {
    if let Err(wrong) = differences::check("kubeseal.md", &suite::cases()) {
        panic!("{}", wrong.join("\n"));
    }
}

#[test]
fn every_broken_stand_in_is_caught() {
    let Some(suite) = whole_suite() else { return };
    match standins::caught(suite) {
        Ok(lines) => say(&format!("{} stand-ins, each caught\n  {}", lines.len(), lines.join("\n  "))),
        Err(unnoticed) => panic!("{}", unnoticed.join("\n")),
    }
}
