//! From arguments to files: a file is taken as it is named, a folder is walked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use crate::report::{Code, Report, Result, chain, os_error};

/// The files that `paths` mean, in the order of the arguments, those of a folder by name, each once.
///
/// A file that is named is taken whatever it is called. Of a folder the files `*.yaml`, `*.yml` and `*.json` are taken, but
/// none that `.gitignore` (or `.git/info/exclude`, or the user's own list) excludes, none that is hidden or lies in a hidden
/// folder, and no symlink: what it points to is in the tree under its own name, or not part of it. Verbs for trees
/// pass `recursive`; for the others a folder needs `-r`.
pub(crate) fn files(paths: &[PathBuf], recursive: bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path)
            .map_err(|error| Report::new(Code::ReadFile, format!("{}: {}", shown(path), os_error(&error))))?;
        if !metadata.is_dir() {
            found.push(path.clone());
        } else if recursive {
            walk(path, &mut found)?;
        } else {
            return Err(Report::new(Code::ReadFile, format!("{}: is a folder", shown(path)))
                .hint("add -r to take every YAML and JSON file in it"));
        }
    }
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let walk = WalkBuilder::new(folder)
        // A tree that was exported without its .git still has its .gitignore; an .ignore file is another tool's.
        .require_git(false)
        .ignore(false)
        .sort_by_file_name(|a, b| a.cmp(b))
        .build();
    for entry in walk {
        let entry = entry.map_err(|error| {
            Report::new(Code::ReadFile, format!("{}: {}", shown(folder), chain(&error)))
                .hint("every folder of the tree must be readable; name the parts that are meant instead")
        })?;
        if is_manifest(&entry) {
            let path = entry.into_path();
            // `.` was not asked for by name.
            found.push(if folder == Path::new(".") {
                path.strip_prefix(".").map_or(path.clone(), PathBuf::from)
            } else {
                path
            });
        }
    }
    Ok(())
}

fn is_manifest(entry: &DirEntry) -> bool {
    let ending = entry.path().extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    entry.file_type().is_some_and(|kind| kind.is_file()) && matches!(ending.as_deref(), Some("yaml" | "yml" | "json"))
}

/// A path as messages show it.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    fn names(folder: &Path, found: Vec<PathBuf>) -> Vec<String> {
        found.iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_folder_gives_its_manifests_in_order_and_nothing_that_git_ignores() {
        let folder = tree(&[
            ("b/two.yml", ""),
            ("b/one.YAML", ""),
            ("a.json", ""),
            ("b.txt", ""),
            (".gitignore", "vendor/\n*.gen.yaml\n"),
            ("vendor/x.yaml", ""),
            ("b/x.gen.yaml", ""),
            (".hidden/x.yaml", ""),
            (".git/x.yaml", ""),
            (".x.yaml", ""),
            (".ignore", "a.json"),
        ]);
        #[cfg(unix)]
        std::os::unix::fs::symlink("two.yml", folder.path().join("b/link.yaml")).unwrap();
        let found = files(&[folder.path().to_owned()], true).unwrap();
        assert_eq!(names(folder.path(), found), ["a.json", "b/one.YAML", "b/two.yml"]);
    }

    #[test]
    fn what_is_named_is_taken_once_and_a_folder_only_with_leave() {
        let folder = tree(&[("x/a.yaml", ""), ("x/ignored.txt", ""), (".gitignore", "x\n")]);
        let at = |name: &str| folder.path().join(name);
        let found = files(&[at("x/ignored.txt"), at("x/a.yaml"), at("x/a.yaml")], false).unwrap();
        assert_eq!(names(folder.path(), found), ["x/ignored.txt", "x/a.yaml"]);
        let refused = files(&[at("x")], false).unwrap_err();
        assert!(refused.message().ends_with("/x: is a folder"), "{}", refused.message());
        assert!(files(&[at("none")], true).unwrap_err().message().ends_with("/none: no such file or directory"));
    }
}
