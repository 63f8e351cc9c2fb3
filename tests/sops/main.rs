//! Both sops, one list of cases: exit code, standard output, the first line of standard error, and files with their modes; whatever is
//! encrypted is opened by the real sops' own packages.
//!
//!     BULLA_REQUIRE_PEERS=1 cargo test --workspace --test sops
//!
//! `BULLA_SOPS_CASES=TEXT` runs the cases whose id holds TEXT, and shows what both did; `BULLA_SOPS_OURS=FILE` takes another binary
//! for ours. `cases` is what suites like this one share (the format of the cases, what is compared), `run` a single run, `server`
//! the Vault behind it, `normal` what is left of a text, `helper` the real sops as a library, `manifest` what must be covered, `standins`
//! the broken sops that must be found, `drivers` what other programs ask of a sops. Documents by the thousand are in `documents`, a test
//! binary of its own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cases/mod.rs"]
mod cases;
mod drivers;
#[path = "helper.rs"]
mod helper;
mod manifest;
mod normal;
mod run;
mod server;
mod standins;
mod suite;

use std::io::Write as _;

use crate::cases::differences;
use crate::suite::{Suite, Tried, suite};

fn say(line: &str) {
    // libtest keeps what the print macros say.
    let _ = writeln!(std::io::stderr(), "sops: {line}");
}

/// None as well where only some cases are asked for.
fn whole_suite() -> Option<&'static Suite> {
    suite().filter(|_| std::env::var_os("BULLA_SOPS_CASES").is_none())
}

#[test]
fn both_sops_do_the_same() {
    let Some(Suite { tried, took, .. }) = suite() else { return };
    if let Ok(wanted) = std::env::var("BULLA_SOPS_CASES") {
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
        Ok(items) => say(&format!("{items} items of the manifest, each shown by a case")),
        Err(gaps) => panic!("{} gaps:\n{}", gaps.len(), gaps.join("\n")),
    }
}

#[test]
fn every_difference_has_a_heading_and_a_case() {
    if let Err(wrong) = differences::check("sops.md", &suite::cases()) {
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
