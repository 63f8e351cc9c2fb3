//! Where the real tools are.
#![allow(dead_code, reason = "each suite uses its own peers")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A target of `tests/peers/build`, pinned in a folder beside it by the version of a module.
pub(crate) struct Peer {
    pub(crate) target: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) module: &'static str,
}

pub(crate) const KUBESEAL: Peer =
    Peer { target: "kubeseal", folder: "sealed-secrets", module: "github.com/bitnami/sealed-secrets" };
pub(crate) const SOPS: Peer = Peer { target: "sops", folder: "sops", module: "github.com/getsops/sops/v3" };
/// sops' packages behind a pipe.
pub(crate) const SOPS_HELPER: Peer =
    Peer { target: "sops-helper", folder: "sops-helper", module: "github.com/getsops/sops/v3" };

/// The real tool, or why there is none. Under `BULLA_REQUIRE_PEERS=1` it is built, and not having it is a failure;
/// otherwise it is used if an earlier `tests/peers/build` left it.
pub(crate) fn real(peer: &Peer) -> Result<PathBuf, String> {
    let Peer { target, folder, module } = peer;
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    if std::env::var_os("BULLA_REQUIRE_PEERS").is_some_and(|value| value == "1") {
        let output = Command::new(peers.join("build")).arg(target).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tests/peers/build {target}: {said}");
        return Ok(String::from_utf8(output.stdout).unwrap().trim().into());
    }
    let pinned = std::fs::read_to_string(peers.join(folder).join("go.mod")).unwrap();
    let version = pinned.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split(' ');
        (words.next() == Some(module)).then(|| words.next()).flatten()
    });
    let version = version.expect("go.mod names the version");
    let folder = std::env::var_os("BULLA_PEERS_DIR").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?.join("bulla/peers"))
    });
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let built = entries.into_iter().flatten().flatten().find(|entry| {
        entry.file_name().to_string_lossy().starts_with(&format!("{target}-{version}-"))
            && entry.path().join(target).exists()
    });
    built.map(|entry| entry.path().join(target)).ok_or_else(|| {
        format!("the real {target} {version} is not built here: tests/peers/build {target}, or BULLA_REQUIRE_PEERS=1")
    })
}
