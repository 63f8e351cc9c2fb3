//! The personality `sops`: exec-env, exec-file, edit, publish, `.sops.yaml`. Where the real sops is built, every table is held against it, too
//! (`tests/peers/build sops`, or BULLA_REQUIRE_PEERS=1).
#![cfg(target_os = "linux")]

mod config;
mod edit;
mod exec;
mod publish;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{BULLA, Bench, Ran, run, vectors};

/// Who opens everything here.
pub(super) const ALICE: &str = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";

/// One of the two tools in a folder of its own.
pub(super) struct Side {
    pub(super) bench: Bench,
    pub(super) program: PathBuf,
    pub(super) is_ours: bool,
}

/// Ours, and the real one where it is.
pub(super) fn sides() -> Vec<Side> {
    let ours = Bench::new();
    let program = ours.path("bin/sops");
    std::fs::create_dir(ours.path("bin")).unwrap();
    std::os::unix::fs::symlink(BULLA, &program).unwrap();
    let mut sides = vec![Side { bench: ours, program, is_ours: true }];
    sides.extend(real().map(|program| Side { bench: Bench::new(), program, is_ours: false }));
    for side in &sides {
        std::fs::create_dir(side.bench.path("tmp")).unwrap();
    }
    sides
}

/// Ours only.
pub(super) fn ours() -> Side {
    sides().swap_remove(0)
}

fn real() -> Option<PathBuf> {
    static REAL: OnceLock<Option<PathBuf>> = OnceLock::new();
    REAL.get_or_init(|| {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
        if std::env::var_os("BULLA_REQUIRE_PEERS").is_some_and(|value| value == "1") {
            let output = Command::new(peers.join("build")).arg("sops").output().unwrap();
            assert!(output.status.success(), "tests/peers/build sops: {}", String::from_utf8_lossy(&output.stderr));
            return Some(String::from_utf8(output.stdout).unwrap().trim().into());
        }
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        let folder =
            std::env::var_os("BULLA_PEERS_DIR").map(PathBuf::from).or_else(|| Some(cache?.join("bulla/peers")));
        let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
        let mut built = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("sops-v3.13.3-"));
        built.find_map(|entry| Some(entry.path().join("sops")).filter(|path| path.exists()))
    })
    .clone()
}

impl Side {
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(self.program.to_str().unwrap());
        command
            .args(args)
            .env("SOPS_AGE_KEY_FILE", vectors("sops/keys/age-a.txt"))
            .env("TMPDIR", self.bench.path("tmp"));
        command
    }

    pub(super) fn sops(&self, args: &[&str]) -> Ran {
        self.sops_with(args, &[], b"")
    }

    pub(super) fn sops_with(&self, args: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Ran {
        let mut command = self.command(args);
        command.envs(variables.iter().copied());
        run(command, input)
    }

    /// Encrypts `plain` into the file.
    pub(super) fn encrypted(&self, name: &str, plain: &str) {
        let ran = self.sops_with(&["encrypt", "--age", ALICE, "--filename-override", name], &[], plain.as_bytes());
        self.bench.write(name, ran.ok());
    }

    pub(super) fn decrypted(&self, name: &str) -> String {
        self.sops(&["decrypt", name]).ok()
    }

    /// What is left in the temporary folder.
    pub(super) fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.bench.path("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Which tool, for messages.
    pub(super) fn name(&self) -> &'static str {
        if self.is_ours { "ours" } else { "the real one" }
    }
}

/// Standard error without what differs from run to run: times, and the test's own folder.
pub(super) fn steady(side: &Side, text: &str) -> String {
    let time = regex::Regex::new(r#"time="[^"]*""#).unwrap();
    let text = time.replace_all(text, "time=T");
    text.replace(&side.bench.folder.path().display().to_string(), "BENCH")
}
