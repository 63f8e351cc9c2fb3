//! The sops files of a tree.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use bulla_core::sops::Format;
use ignore::{DirEntry, WalkBuilder};

use super::detect::detect;
use crate::io::{Source, input};
use crate::parallel;
use crate::report::{Code, Report, Result, chain, os_error};
use crate::tree::shown;

/// The sops files among `paths`, in order: a file that is named, if it is one; of a folder every file of whatever name, but none that
/// `.gitignore` excludes, none in a hidden folder, none that is hidden itself unless it is called `.env`, and no symlink.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut candidates = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path)
            .map_err(|error| Report::new(Code::ReadFile, format!("{}: {}", shown(path), os_error(&error))))?;
        if metadata.is_dir() { walk(path, &mut candidates)? } else { candidates.push(path.clone()) }
    }
    let mut seen = std::collections::HashSet::new();
    candidates.retain(|path| seen.insert(path.clone()));
    let found = parallel::in_order(&candidates, |path| is_sops(path))?;
    Ok(candidates.into_iter().zip(found).filter_map(|(path, is)| is.then_some(path)).collect())
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let wanted = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        entry.depth() == 0 || !name.starts_with('.') || (!is_folder && name.ends_with(".env"))
    };
    let walk = WalkBuilder::new(folder)
        .require_git(false)
        .ignore(false)
        .hidden(false)
        .filter_entry(wanted)
        .sort_by_file_name(|a, b| a.cmp(b))
        .build();
    for entry in walk {
        let entry = entry.map_err(|error| {
            Report::new(Code::ReadFile, format!("{}: {}", shown(folder), chain(&error)))
                .hint("every folder of the tree must be readable; name the parts that are meant instead")
        })?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            let path = entry.into_path();
            found.push(if folder == Path::new(".") {
                path.strip_prefix(".").map_or(path.clone(), PathBuf::from)
            } else {
                path
            });
        }
    }
    Ok(())
}

/// Whether a file is one; what cannot be read is left to those who read it.
fn is_sops(path: &Path) -> bool {
    if Format::of_path(&path.to_string_lossy()) == Format::Binary && !begins_like_an_envelope(path) {
        return false;
    }
    input::read(&Source::File(path.to_owned())).is_ok_and(|bytes| detect(path, &bytes).is_some())
}

/// Spares reading every picture of a repository.
fn begins_like_an_envelope(path: &Path) -> bool {
    let mut first = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut first));
    read.is_ok_and(|count| first[..count].trim_ascii_start().starts_with(b"{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_gives_its_sops_files_of_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let yaml = "a: b\nsops:\n    mac: x\n";
        for (name, text) in [
            ("a.yaml", yaml),
            ("plain.yaml", "a: b\n"),
            ("b/c.json", "{\"sops\": {}}"),
            ("b/.env", "A=1\nsops_mac=x\n"),
            ("b/key.bin", "{\"data\": \"\", \"sops\": {}}"),
            ("b/picture", "\u{1}\u{2}"),
            (".hidden/a.yaml", yaml),
            ("vendor/a.yaml", yaml),
            (".gitignore", "vendor\n"),
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = find(&[folder.path().to_owned()]).unwrap();
        let names: Vec<_> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a.yaml", "b/.env", "b/c.json", "b/key.bin"]);
    }
}
