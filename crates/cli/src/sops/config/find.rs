//! Where `.sops.yaml` is.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::super::go;
use super::FILE;

/// A name that people use and that does not count.
const OTHER: &str = ".sops.yml";
/// How many folders are looked into.
const LEVELS: usize = 100;
/// Larger files are refused.
const MAX_BYTES: u64 = 4 << 20;

/// The first file in `folder` or above it. Its path is relative if `folder` is, as the real tool's is: it stands in messages.
pub(super) fn upward(folder: &Path, warn: &mut dyn FnMut(&str)) -> Option<PathBuf> {
    let mut folder = clean(folder);
    let mut other: Option<PathBuf> = None;
    for _ in 0..LEVELS {
        let path = folder.join(FILE);
        if path.exists() {
            if let Some(other) = &other {
                warn(&ignored(other, &format!("; using {} instead", quoted(&path))));
            }
            return Some(path);
        }
        if other.is_none() {
            other = Some(folder.join(OTHER)).filter(|path| path.exists());
        }
        folder = clean(&folder.join(".."));
    }
    if let Some(other) = &other {
        warn(&ignored(other, ""));
    }
    None
}

fn ignored(other: &Path, instead: &str) -> String {
    let other = quoted(other);
    format!("ignoring {other} when searching for config file; the config file must be called {FILE:?}{instead}")
}

fn quoted(path: &Path) -> String {
    go::quote(&path.to_string_lossy())
}

/// The file for a file that is worked on.
pub(super) fn for_file(file: &Path) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("SOPS_CONFIG").filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| absolute(folder));
    let none = &mut |_: &str| {};
    upward(&folder, none).or_else(|| upward(&absolute(Path::new(".")), none))
}

/// The bytes of a file, or why not, in Go's words.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| go::path_error("open", path, &error))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| go::path_error("read", path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("read {}: the file is too large", path.display()));
    }
    Ok(bytes)
}

/// The absolute path, by the working directory as the shell names it (with symbolic links).
pub(super) fn absolute(path: &Path) -> PathBuf {
    // Without a working directory nothing relative can be read, either.
    go::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Without `.`, doubled slashes and, as far as names go, `..`.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match clean.components().next_back() {
                Some(Component::Normal(_)) => {
                    clean.pop();
                }
                Some(Component::RootDir) => {}
                _ => clean.push(".."),
            },
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_names() {
        for (path, expected) in
            [("a/./b//c", "a/b/c"), ("a/../../b", "../b"), ("/../x/..", "/"), ("./a", "a"), ("../../x", "../../x")]
        {
            assert_eq!(clean(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn the_nearest_file_wins_and_another_name_is_pointed_out() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let mut said = Vec::new();
        let mut warn = |text: &str| said.push(text.to_owned());
        std::fs::write(root.path().join(FILE), "").unwrap();
        assert_eq!(upward(&inner, &mut warn), Some(root.path().join(FILE)));
        std::fs::write(root.path().join("a").join(OTHER), "").unwrap();
        assert_eq!(upward(&inner, &mut warn), Some(root.path().join(FILE)));
        std::fs::write(inner.join(FILE), "").unwrap();
        assert_eq!(upward(&inner, &mut warn), Some(inner.join(FILE)));
        let (other, file) = (root.path().join("a").join(OTHER), root.path().join(FILE));
        assert_eq!(
            said,
            [format!(
                "ignoring {other:?} when searching for config file; the config file must be called \".sops.yaml\"; using {file:?} instead"
            )]
        );
    }
}
