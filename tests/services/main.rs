//! What sops talks to: key services and the audit database. Both sides of the key service are held against the real sops, the audit log
//! against a real PostgreSQL. Where one of them is missing the test says so and passes; under `BULLA_REQUIRE_PEERS=1` it fails.

#![allow(clippy::print_stderr, reason = "what is skipped is told")]

#[path = "../cli/support/mod.rs"]
mod support;

mod audit;
mod keyservice;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The real sops, if it is built.
fn real_sops() -> Option<PathBuf> {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/build");
    if peers_are_required() {
        let output = Command::new(build).arg("sops").output().expect("tests/peers/build");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return Some(String::from_utf8(output.stdout).expect("a path").trim().into());
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = std::env::var_os("BULLA_PEERS_DIR").map(PathBuf::from).or_else(|| Some(cache?.join("bulla/peers")))?;
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut built = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("sops-v"))
        .map(|entry| entry.path().join("sops"));
    let found = built.find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED in part: the real sops is not built (tests/peers/build sops, or BULLA_REQUIRE_PEERS=1)");
    }
    found
}

fn peers_are_required() -> bool {
    std::env::var_os("BULLA_REQUIRE_PEERS").is_some_and(|value| value == "1")
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something that must happen.
#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
