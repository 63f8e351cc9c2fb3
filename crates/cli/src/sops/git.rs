//! What git knows of a file. No repository is no error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A version is not larger than what is read otherwise.
const MAX_BYTES: usize = crate::io::input::MAX_BYTES;

/// `git show OBJECT`, in a folder.
pub(crate) fn show(folder: &Path, object: &str) -> Option<Vec<u8>> {
    run(folder, &["show", "--end-of-options", object]).filter(|bytes| bytes.len() <= MAX_BYTES)
}

/// The commit that HEAD and the branch that it goes to have in common: with `origin/HEAD`, else `main` or `master`.
///
/// Asked once for each folder.
pub(crate) fn merge_base(folder: &Path, with: Option<&str>) -> Option<String> {
    static KNOWN: Mutex<BTreeMap<PathBuf, Option<String>>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(base) = known().get(folder) {
        return base.clone();
    }
    let base = ask_for_merge_base(folder, with);
    known().insert(folder.to_owned(), base.clone());
    base
}

fn ask_for_merge_base(folder: &Path, with: Option<&str>) -> Option<String> {
    let candidates: Vec<&str> = match with {
        Some(with) => vec![with],
        None => vec!["origin/HEAD", "origin/main", "origin/master", "main", "master"],
    };
    let base = candidates.iter().find_map(|branch| run(folder, &["merge-base", "HEAD", branch]))?;
    Some(String::from_utf8(base).ok()?.trim().to_owned())
}

/// Runs git in a folder; `None` if it fails, or is not there.
fn run(folder: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let output =
        Command::new("git").current_dir(folder).args(words).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then_some(output.stdout)
}
