//! What a file held in its last commits. No history is no error: a file may be new, or lie outside of any repository.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use bulla_yaml::Limits;

use crate::tree::Object;

/// As many commits are looked at.
const REVISIONS: &str = "30";
/// A version of a file that is larger is not looked at.
const MAX_BYTES: usize = 4 << 20;

/// One committed version of a file.
pub(super) struct Revision {
    /// Its short name.
    pub(super) commit: String,
    /// Namespaces and names of the SealedSecrets in it.
    pub(super) objects: Vec<(String, String)>,
    /// The values by name of the object and key.
    pub(super) values: BTreeMap<(String, String), String>,
}

/// The last versions, the youngest first.
pub(super) fn revisions(path: &Path) -> Vec<Revision> {
    let Some(list) = git(path, &["log", "-n", REVISIONS, "--format=%h", "--"]) else { return Vec::new() };
    let list = String::from_utf8_lossy(&list).into_owned();
    list.lines().filter(|commit| !commit.is_empty()).filter_map(|commit| revision(path, commit)).collect()
}

fn revision(path: &Path, commit: &str) -> Option<Revision> {
    let name = path.file_name()?.to_str()?;
    let text = run(path, &["show", &format!("{commit}:./{name}")])?;
    if text.len() > MAX_BYTES {
        return None;
    }
    let documents = bulla_yaml::read_manifests(&text, &Limits::default()).ok()?;
    let mut found = Revision { commit: commit.to_owned(), objects: Vec::new(), values: BTreeMap::new() };
    for (index, document) in documents.iter().enumerate() {
        for sealed in Object::of_document(index + 1, &document.root).iter().filter_map(Object::sealed) {
            found.objects.push((sealed.namespace.to_owned(), sealed.name.to_owned()));
            for item in &sealed.items {
                if let Some(text) = item.text() {
                    found.values.insert((sealed.name.to_owned(), item.key.to_owned()), text.to_owned());
                }
            }
        }
    }
    Some(found)
}

/// Runs git on the file, whose name is put at the end.
fn git(path: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let mut all = words.to_vec();
    all.push(path.file_name()?.to_str()?);
    run(path, &all)
}

fn run(path: &Path, words: &[&str]) -> Option<Vec<u8>> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Without a repository no process is started.
    folder.canonicalize().ok()?.ancestors().find(|folder| folder.join(".git").exists())?;
    // Of the repository's own settings, these could start a program.
    let output = Command::new("git")
        .args(["--no-pager", "-c", "log.showSignature=false", "-c", "core.fsmonitor=false"])
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}
