//! Sealing beside the real kubeseal, whole processes, in turns: one Secret offline, and 1,000 Secrets of a tree. Prints a table in
//! Markdown; docs/benchmarks.md has one.
//!
//!     tests/peers/build kubeseal && cargo bench -p bulla --bench sealing
//!
//! CPU seconds are user and system time of the children as the kernel counts them for this process (`/proc/self/stat`, in ticks
//! of 10 ms, so runs are counted in rounds); memory is the peak of the resident set, by `/usr/bin/time`. Values have 100 bytes,
//! the key is RSA-4096. `BULLA_BENCH_PERCENT=10` makes all counts smaller.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails with what it got"
)]

#[path = "../../../tests/kubeseal/peer.rs"]
mod peer;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 9;
const RUNS: usize = 40;
const SECRETS: usize = 1000;
/// Of the kernel's clock that processes see.
const TICKS_PER_SECOND: f64 = 100.0;

/// What some processes cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
}

fn main() {
    // `cargo test` builds and starts benchmarks, too.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let kubeseal = peer::real().unwrap();
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
    row("one Secret, 3 values, offline", us, them, [peak(bulla, &ours), peak(kubeseal, &theirs)]);

    let out = folder.path().join("sealed");
    let whole = ["seal", "-q", "--cert", certificate, "-r", tree.to_str().unwrap(), "--out-dir", out.to_str().unwrap()];
    let us = measured(1, || run(Command::new(bulla).args(whole)));
    assert_eq!(walk(&out), count, "every Secret is sealed");
    fs::remove_dir_all(&out).unwrap();
    let us_peak = peak(bulla, &whole);
    let them = measured(1, || {
        for number in 0..count {
            let file = tree.join(format!("app-{}/secret-{number}.yaml", number % 20));
            run(Command::new(kubeseal).args(["--cert", certificate, "-o", "yaml", "-f", file.to_str().unwrap()]));
        }
    });
    row(&format!("{count} Secrets of a tree: one call; {count} calls"), us, them, [us_peak, peak(kubeseal, &theirs)]);
}

fn row(what: &str, us: Cost, them: Cost, peaks: [f64; 2]) {
    println!(
        "| {what} | {} | {} | {:.1} | {} | {} | {:.1} MiB | {:.1} MiB |",
        time(us.cpu),
        time(them.cpu),
        them.cpu / us.cpu,
        time(us.wall),
        time(them.wall),
        peaks[0],
        peaks[1],
    );
}

fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.2} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// The cost of one of `runs`.
fn measured(runs: usize, mut work: impl FnMut()) -> Cost {
    let (began, before) = (Instant::now(), children());
    (0..runs).for_each(|_| work());
    let runs = runs as f64;
    Cost { cpu: (children() - before) / runs, wall: began.elapsed().as_secs_f64() / runs }
}

fn median(mut costs: Vec<Cost>) -> Cost {
    let middle = costs.len() / 2;
    costs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    let cpu = costs[middle].cpu;
    costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    Cost { cpu, wall: costs[middle].wall }
}

/// User and system time of the children that have ended, in seconds.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // `cutime` and `cstime` are fields 16 and 17; behind the name comes field 3.
    fields[13..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
}

fn run(command: &mut Command) {
    let status = command.env("HOME", "/nonexistent").stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// The peak of the resident set in MiB.
fn peak(program: &str, arguments: &[&str]) -> f64 {
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M", program]).args(arguments).env("HOME", "/nonexistent").stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().last().unwrap().parse::<f64>().unwrap() / 1024.0
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

fn scaled(count: usize) -> usize {
    let percent = std::env::var("BULLA_BENCH_PERCENT").map_or(100, |text| text.parse().unwrap());
    (count * percent / 100).max(1)
}
