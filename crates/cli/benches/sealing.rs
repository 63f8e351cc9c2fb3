//! Sealing beside the real kubeseal, whole processes, in turns: one Secret offline, and 1,000 Secrets of a tree. Prints a table in
//! Markdown; docs/benchmarks.md has one.
//!
//!     tests/peers/build kubeseal && cargo bench -p bulla --bench sealing
//!
//! Values have 100 bytes, the key is RSA-4096. `BULLA_BENCH_PERCENT=10` makes all counts smaller.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails with what it got"
)]

mod cost;
#[path = "../../../tests/cases/peer.rs"]
mod peer;

use std::fs;
use std::path::Path;
use std::process::Command;

use cost::{measured, median, peak, row, run, scaled};

const ROUNDS: usize = 9;
const RUNS: usize = 40;
const SECRETS: usize = 1000;
fn main() {
    // `cargo test` builds and starts benchmarks, too.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let kubeseal = peer::real(&peer::KUBESEAL).unwrap();
    let kubeseal = kubeseal.to_str().unwrap();
    let bulla = env!("CARGO_BIN_EXE_bulla");
    let certificate = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/sealed/keys/key1.crt");
    let certificate = certificate.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("plain");
    let count = scaled(SECRETS);
    for number in 0..count {
        let place = tree.join(format!("app-{}", number % 20));
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(format!("secret-{number}.yaml")), secret(number)).unwrap();
    }
    let first = tree.join("app-0/secret-0.yaml");
    let first = first.to_str().unwrap();

    println!("| what | bulla CPU | kubeseal CPU | ratio | bulla wall | kubeseal wall | bulla peak | kubeseal peak |");
    println!("|---|---|---|---|---|---|---|---|");
    let ours = ["seal", "-q", "--cert", certificate, first];
    let theirs = ["--cert", certificate, "-o", "yaml", "-f", first];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let runs = scaled(RUNS);
        let both = [(bulla, &ours[..]), (kubeseal, &theirs[..])]
            .map(|(program, arguments)| measured(runs, || run(Command::new(program).args(arguments))));
        rounds.push(both);
    }
    let [us, them] = [0, 1].map(|side| median(rounds.iter().map(|both| both[side]).collect()));
    row(
        "one Secret, 3 values, offline",
        us,
        them,
        [peak(Command::new(bulla).args(ours)), peak(Command::new(kubeseal).args(theirs))],
    );

    let out = folder.path().join("sealed");
    let whole = ["seal", "-q", "--cert", certificate, "-r", tree.to_str().unwrap(), "--out-dir", out.to_str().unwrap()];
    let us = measured(1, || run(Command::new(bulla).args(whole)));
    assert_eq!(walk(&out), count, "every Secret is sealed");
    fs::remove_dir_all(&out).unwrap();
    let us_peak = peak(Command::new(bulla).args(whole));
    let them = measured(1, || {
        for number in 0..count {
            let file = tree.join(format!("app-{}/secret-{number}.yaml", number % 20));
            run(Command::new(kubeseal).args(["--cert", certificate, "-o", "yaml", "-f", file.to_str().unwrap()]));
        }
    });
    row(
        &format!("{count} Secrets of a tree: one call; {count} calls"),
        us,
        them,
        [us_peak, peak(Command::new(kubeseal).args(theirs))],
    );
}

fn secret(number: usize) -> String {
    let value = "x".repeat(100);
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: secret-{number}\n  namespace: shop\nstringData:\n  v0: {value}\n  \
         v1: {value}\n  v2: {value}\n"
    )
}

/// The number of files below a folder.
fn walk(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}
