//! Where the real kubeseal is.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The real kubeseal, or why there is none. Under `BULLA_REQUIRE_PEERS=1` it is built, and not having it is a failure;
/// otherwise it is used if an earlier `tests/peers/build kubeseal` left it.
pub(crate) fn real() -> Result<PathBuf, String> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    if std::env::var_os("BULLA_REQUIRE_PEERS").is_some_and(|value| value == "1") {
        let output = Command::new(peers.join("build")).arg("kubeseal").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tests/peers/build kubeseal: {said}");
        return Ok(String::from_utf8(output.stdout).unwrap().trim().into());
    }
    let module = std::fs::read_to_string(peers.join("sealed-secrets/go.mod")).unwrap();
    let version = module.lines().find_map(|line| {
        let mut words = line.trim().trim_start_matches("require ").split(' ');
        (words.next() == Some("github.com/bitnami/sealed-secrets")).then(|| words.next()).flatten()
    });
    let version = version.expect("go.mod names the version");
    let folder = std::env::var_os("BULLA_PEERS_DIR").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        Some(cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?.join("bulla/peers"))
    });
    let entries = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let built = entries.into_iter().flatten().flatten().find(|entry| {
        entry.file_name().to_string_lossy().starts_with(&format!("kubeseal-{version}-"))
            && entry.path().join("kubeseal").exists()
    });
    built.map(|entry| entry.path().join("kubeseal")).ok_or_else(|| {
        format!("the real kubeseal {version} is not built here: tests/peers/build kubeseal, or BULLA_REQUIRE_PEERS=1")
    })
}
