//! The real `kubectl` against a served cluster. Skipped with a line that says so when `kubectl` is not in PATH; with
//! `BULLA_REQUIRE_PEERS=1` that is a failure.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "not every suite uses everything, and a skip has to be seen"
)]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bulla_devcluster::{DevCluster, ServeOptions, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A served cluster, and a home for `kubectl` of its own.
pub(crate) struct Session {
    pub(crate) home: TempDir,
    server: Option<Server>,
    runtime: Runtime,
    pub(crate) cluster: DevCluster,
}

impl Session {
    pub(crate) fn start() -> Option<Self> {
        Self::of(crate::common::cluster())
    }

    /// With a cluster that was made for the test.
    pub(crate) fn of(cluster: DevCluster) -> Option<Self> {
        let found =
            Command::new("kubectl").args(["version", "--client"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("BULLA_REQUIRE_PEERS").is_none_or(|value| value != "1"), "kubectl is not in PATH");
            eprintln!("skipped: kubectl is not in PATH");
            return None;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(cluster.serve(ServeOptions::default())).unwrap();
        let home = tempfile::tempdir().unwrap();
        server.write_kubeconfig(&home.path().join("config")).unwrap();
        Some(Self { home, server: Some(server), runtime, cluster })
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("config"));
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        let mut all = vec!["--request-timeout=20s"];
        all.extend_from_slice(arguments);
        self.command(&all).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {} failed: {error}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that must fail.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(!output.status.success(), "kubectl {} should fail", arguments.join(" "));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Waits for something that another process causes.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            assert!(Instant::now() < deadline, "not within 20 s: {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.shutdown());
        }
    }
}
