//! The controller behind an API server and a network that fail, with people who edit and delete meanwhile. Each run ends
//! with: what Git states, decrypted, is what is in the cluster; the status says so; no value is in logs, events, statuses or
//! metrics.
//!
//! `cargo test` uses the embedded API server, `.ci/run` a real one as well. `BULLA_FAULTS_SEED` repeats a run (as far as
//! threads and clocks allow), `BULLA_FAULTS_STEPS` (24) and `BULLA_FAULTS_OBJECTS` (12) make it longer: docs/faults.md.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the lint spares test functions, but not the hands that they share"
)]

mod chaos;
mod git;
#[path = "../harness/mod.rs"]
mod harness;
mod run;

use std::io::Write as _;

use crate::chaos::Chances;
use crate::run::{Accident, run};

pub(crate) fn say(line: &str) {
    // libtest keeps what the print macros say.
    let _ = writeln!(std::io::stderr(), "faults: {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_faults_the_run_itself_is_sound() {
    run("no faults", Chances::default(), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_the_writes_is_refused() {
    run("409, 429 and 500 on a third of the writes", Chances { refused_write: 33, ..Chances::default() }, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_break_off_and_bookmarks_are_lost() {
    let chances = Chances { ended_watch: 20, lost_bookmark: 100, ..Chances::default() };
    run("ended watches, no bookmarks", chances, &[Accident::Drop]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_gone_again_and_again() {
    run("410", Chances { gone: 20, ..Chances::default() }, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_cut_slow_or_missing() {
    let chances = Chances { cut_answer: 15, hung_up: 10, slow: 15, ..Chances::default() };
    run("cut, slow and missing answers", chances, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_is_away_for_seconds() {
    run("API server away", Chances::default(), &[Accident::Down]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controller_is_killed_at_random_points() {
    run("kill -9", Chances { slow: 20, ..Chances::default() }, &[Accident::Kill]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_deleted_or_mangled_and_restored() {
    run("lost keys", Chances::default(), &[Accident::KeyDeleted, Accident::KeyMangled]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once() {
    let chances =
        Chances { refused_write: 15, hung_up: 3, cut_answer: 5, slow: 10, ended_watch: 10, gone: 5, lost_bookmark: 50 };
    use Accident::{Down, Drop, KeyDeleted, KeyMangled, Kill};
    run("everything at once", chances, &[Kill, Drop, Down, KeyDeleted, KeyMangled]).await;
}
