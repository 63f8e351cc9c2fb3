//! What whole processes cost, ours and a peer's in turns: CPU and wall seconds, and the peak of the resident set.
//!
//! CPU seconds are user and system time of the children as the kernel counts them for this process (`/proc/self/stat`, in ticks
//! of 10 ms, so runs are counted in rounds); memory is by `/usr/bin/time`.
#![allow(dead_code, reason = "not every benchmark measures everything")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Of the kernel's clock that processes see.
const TICKS_PER_SECOND: f64 = 100.0;

/// What some processes cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
}

pub(crate) fn row(what: &str, us: Cost, them: Cost, peaks: [f64; 2]) {
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

pub(crate) fn time(seconds: f64) -> String {
    if seconds < 0.1 { format!("{:.2} ms", seconds * 1000.0) } else { format!("{seconds:.2} s") }
}

/// The cost of one of `runs`.
pub(crate) fn measured(runs: usize, mut work: impl FnMut()) -> Cost {
    let (began, before) = (Instant::now(), children());
    (0..runs).for_each(|_| work());
    let runs = runs as f64;
    Cost { cpu: (children() - before) / runs, wall: began.elapsed().as_secs_f64() / runs }
}

pub(crate) fn median(mut costs: Vec<Cost>) -> Cost {
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

pub(crate) fn run(command: &mut Command) {
    let status = command.env("HOME", "/nonexistent").stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// The peak of the resident set in MiB.
pub(crate) fn peak(what: &Command) -> f64 {
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%M"]).arg(what.get_program()).args(what.get_args());
    for (name, value) in what.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let output = command.env("HOME", "/nonexistent").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines().last().unwrap().parse::<f64>().unwrap() / 1024.0
}

/// A count, made smaller by `BULLA_BENCH_PERCENT`.
pub(crate) fn scaled(count: usize) -> usize {
    let percent = std::env::var("BULLA_BENCH_PERCENT").map_or(100, |text| text.parse().unwrap());
    (count * percent / 100).max(1)
}
