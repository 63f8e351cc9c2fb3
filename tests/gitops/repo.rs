//! The platform team's Git repository: a copy of the fixture in a temporary folder, with real commits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A repository. Removed when it is dropped.
pub(crate) struct Repo {
    folder: TempDir,
}

/// `tests/fixtures`.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

impl Repo {
    /// The plain tree, committed.
    pub(crate) fn from_fixture() -> Self {
        let repo = Self { folder: TempDir::with_prefix("bulla-gitops-").expect("a temporary folder") };
        copy(&fixtures().join("gitops-repo"), repo.path());
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo.commit("The plain tree");
        repo
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Every file, in the order that Git gives.
    pub(crate) fn files(&self) -> Vec<String> {
        paths(&self.git(&["ls-files", "-z"]))
    }

    /// The files with Secrets, plain or sealed, in the order that Git gives.
    pub(crate) fn secret_files(&self) -> Vec<String> {
        self.files().into_iter().filter(|file| file.contains("/secrets/")).collect()
    }

    /// The files that the newest commit changed and that are still there, in the order that Git gives.
    pub(crate) fn changed_files(&self) -> Vec<String> {
        paths(&self.git(&["diff", "-z", "--name-only", "--diff-filter=d", "HEAD~1", "HEAD"]))
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub(crate) fn write(&self, file: &str, content: &str) {
        fs::write(self.path().join(file), content).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Commits whatever is in the folder.
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Undoes the newest commit with another one.
    pub(crate) fn revert(&self) {
        self.git(&["revert", "--no-edit", "HEAD"]);
    }

    /// Runs Git with an identity of its own and nobody's configuration.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .args(["-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([("GIT_AUTHOR_NAME", "Platform"), ("GIT_AUTHOR_EMAIL", "platform@harbour.example")])
            .envs([("GIT_COMMITTER_NAME", "Platform"), ("GIT_COMMITTER_EMAIL", "platform@harbour.example")])
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .output()
            .expect("git is installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {} failed: {stderr}", arguments.join(" "));
        String::from_utf8(output.stdout).expect("git prints UTF-8 here")
    }
}

fn paths(zero_separated: &str) -> Vec<String> {
    zero_separated.split_terminator('\0').map(str::to_owned).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder in the temporary folder");
    for entry in fs::read_dir(from).expect("the fixture is there") {
        let entry = entry.expect("the fixture is readable");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("the fixture is readable").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the temporary folder is writable");
        }
    }
}
