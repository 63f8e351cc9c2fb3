//! The git folder of a repository, found as git finds it, without calling git.
//!
//! `.git` is a folder, or in worktrees and submodules a file that names one (`gitdir: PATH`). The folder of a worktree names in
//! its file `commondir` the folder that all worktrees share, which is what `git rev-parse --git-common-dir` prints.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// No path is longer.
const MAX_BYTES: u64 = 8 << 10;

/// The common git folder of the repository in which `start` lies; `start` need not exist.
pub(crate) fn common_folder(start: &Path) -> Option<PathBuf> {
    let start = std::path::absolute(start).ok()?;
    // A file behind a symlink belongs to the repository that it lies in.
    let start = start.ancestors().find_map(|path| fs::canonicalize(path).ok())?;
    start.ancestors().find_map(|folder| {
        let git = git_folder(&folder.join(".git"))?;
        let common = match first_line(&git.join("commondir")) {
            Some(path) => git.join(path),
            None => git,
        };
        fs::canonicalize(common).ok().filter(|common| common.join("objects").is_dir())
    })
}

/// The folder behind `.git`, if it is one of git's.
fn git_folder(dot_git: &Path) -> Option<PathBuf> {
    let metadata = fs::metadata(dot_git).ok()?;
    let folder = if metadata.is_dir() {
        dot_git.to_owned()
    } else {
        let path = first_line(dot_git)?.strip_prefix("gitdir:")?.trim().to_owned();
        dot_git.parent()?.join(path)
    };
    folder.join("HEAD").exists().then_some(folder)
}

/// A file that holds one line.
fn first_line(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text.lines().next()?.trim().to_owned()).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(root: &Path, name: &str, content: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn repository(root: &Path, git: &str) {
        file(root, &format!("{git}/HEAD"), "ref: refs/heads/main\n");
        fs::create_dir_all(root.join(git).join("objects")).unwrap();
    }

    #[test]
    fn the_common_folder_is_found_from_anywhere_inside() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        assert_eq!(common_folder(&root.join("a")), None, "no repository");

        repository(&root, "a/.git");
        fs::create_dir_all(root.join("a/deep/er")).unwrap();
        for start in ["a", "a/deep/er", "a/deep/er/file.yaml", "a/not/there/yet.yaml"] {
            assert_eq!(common_folder(&root.join(start)), Some(root.join("a/.git")), "{start}");
        }

        // A worktree beside it, as `git worktree add ../b` makes it.
        file(&root, "a/.git/worktrees/b/HEAD", "ref: refs/heads/b\n");
        file(&root, "a/.git/worktrees/b/commondir", "../..\n");
        file(&root, "b/.git", &format!("gitdir: {}\n", root.join("a/.git/worktrees/b").display()));
        assert_eq!(common_folder(&root.join("b/x.yaml")), Some(root.join("a/.git")));

        // A submodule has a git folder of its own inside of the outer one.
        repository(&root, "a/.git/modules/sub");
        file(&root, "a/sub/.git", "gitdir: ../.git/modules/sub\n");
        assert_eq!(common_folder(&root.join("a/sub/x.yaml")), Some(root.join("a/.git/modules/sub")));
    }

    #[test]
    fn what_only_looks_like_a_git_folder_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        repository(&root, ".git");
        fs::create_dir_all(root.join("empty/.git")).unwrap();
        file(&root, "dangling/.git", "gitdir: /nowhere/at/all\n");
        file(&root, "garbage/.git", "\u{0}\u{1}");
        file(&root, "long/.git", &format!("gitdir: {}\n", "x/".repeat(100_000)));
        for start in ["empty", "dangling", "garbage", "long"] {
            assert_eq!(common_folder(&root.join(start)), Some(root.join(".git")), "{start}");
        }
    }
}
