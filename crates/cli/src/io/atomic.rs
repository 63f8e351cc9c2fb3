//! Replacing a file as a whole: at any moment, and after any kill, it is the old one or the new one.
//!
//! The new content goes into a temporary file in the same folder, is flushed to the disk, and takes the place of the old one
//! by a rename; then the folder is flushed. Mode and owner of an existing file are kept. A symlink stays a symlink: the file
//! that it points to is replaced. What is not a regular file (a pipe, /dev/stdout) is written to, not replaced.
//!
//! The temporary file is only as readable as the file that it replaces, and is removed on every error. A kill leaves it
//! behind, named `.NAME.bulla-XXXXXX`, mode 0600 (but for public content) until it is complete.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The mode of a file that was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewFile {
    /// 0600.
    OwnerOnly,
    /// What the umask lets through of 0666: for what is public.
    AnyoneMayRead,
}

/// A replacement that has been begun: space for the new content exists, the old file is untouched.
pub(crate) struct Replacement {
    target: PathBuf,
    state: State,
}

enum State {
    /// A temporary file beside the target, and what is known of the old file.
    Beside(tempfile::NamedTempFile, Box<Option<Metadata>>),
    /// The target itself, which is not a regular file.
    Through(File),
}

/// Folders whose renames are flushed to the disk together, when this is dropped: of a thousand files in one folder a power
/// failure may then leave some as the old ones, which a kill cannot.
#[derive(Default)]
pub(crate) struct Folders(Mutex<BTreeSet<PathBuf>>);

impl Folders {
    fn add(&self, folder: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).iter().for_each(|folder| flush(folder));
    }
}

/// The renames in it are done; a folder that cannot be flushed is no reason to call them failed.
fn flush(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// Replaces the content of `path` by `data`.
pub(crate) fn replace(path: &Path, data: &[u8], new_file: NewFile) -> io::Result<()> {
    Replacement::begin(path, new_file)?.finish(data)
}

/// [`replace`], for one of many files.
pub(crate) fn replace_among(path: &Path, data: &[u8], new_file: NewFile, folders: &Folders) -> io::Result<()> {
    if let Some(folder) = Replacement::begin(path, new_file)?.put(data)? {
        folders.add(&folder);
    }
    Ok(())
}

/// Makes the file `path` with `data`; one that is there already is an error ([`io::ErrorKind::AlreadyExists`]), also one that
/// comes at this very moment.
pub(crate) fn create(path: &Path, data: &[u8], new_file: NewFile) -> io::Result<()> {
    let mut file = beside(path, new_file)?;
    file.write_all(data)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    flush(&folder_of(path));
    Ok(())
}

/// The temporary file.
fn beside(target: &Path, new_file: NewFile) -> io::Result<tempfile::NamedTempFile> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let prefix = format!(".{name}.bulla-");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    if new_file == NewFile::AnyoneMayRead {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(target))
}

impl Replacement {
    /// Creates the temporary file, so that a folder without write permission is found out before any work is done.
    pub(crate) fn begin(path: &Path, new_file: NewFile) -> io::Result<Self> {
        let target = follow(path)?;
        let old = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(&target)?;
                return Ok(Self { target, state: State::Through(file) });
            }
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if old.is_some() {
            // A file that may not be written is not replaced either, although the folder's mode would allow it.
            OpenOptions::new().write(true).open(&target)?;
        }
        let file = beside(&target, new_file)?;
        Ok(Self { target, state: State::Beside(file, Box::new(old)) })
    }

    /// Writes `data` and puts it in the place of the old file.
    pub(crate) fn finish(self, data: &[u8]) -> io::Result<()> {
        if let Some(folder) = self.put(data)? {
            flush(&folder);
        }
        Ok(())
    }

    /// Gives the folder in which there was a rename.
    fn put(self, data: &[u8]) -> io::Result<Option<PathBuf>> {
        match self.state {
            State::Through(mut file) => file.write_all(data).map(|()| None),
            State::Beside(mut file, old) => {
                file.write_all(data)?;
                if let Some(old) = old.as_ref() {
                    keep_owner_and_mode(file.as_file(), old)?;
                }
                file.as_file().sync_all()?;
                file.persist(&self.target).map_err(|error| error.error)?;
                Ok(Some(folder_of(&self.target)))
            }
        }
    }
}

/// The file behind a chain of symlinks; it need not exist.
fn follow(path: &Path) -> io::Result<PathBuf> {
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let next = folder_of(&path).join(fs::read_link(&path)?);
                // The kernel's own links (/dev/stdout) may name what no path reaches: they are opened as they are.
                if !next.exists() && path.exists() {
                    return Ok(path);
                }
                path = next;
            }
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The owner first, because changing it clears bits of the mode. Only root may give files away; a file whose owner cannot be
/// kept is still written, as editors do it, but what the old group might do the new one may not.
#[cfg(unix)]
fn keep_owner_and_mode(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
    const GROUP_BITS: u32 = 0o070;
    let new = file.metadata()?;
    if new.uid() != old.uid() {
        let _ = fchown(file, Some(old.uid()), None);
    }
    let group_kept = new.gid() == old.gid() || fchown(file, None, Some(old.gid())).is_ok();
    let mode = if group_kept { old.mode() } else { old.mode() & !GROUP_BITS };
    file.set_permissions(fs::Permissions::from_mode(mode & 0o7777))
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_file: &File, _old: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        replace(&path, b"content", NewFile::OwnerOnly).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(folder.path()), ["new"]);
    }

    #[test]
    fn a_file_is_made_only_where_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        create(&path, b"content", NewFile::AnyoneMayRead).unwrap();
        assert_eq!(mode(&path) & 0o600, 0o600);
        assert_eq!(create(&path, b"other", NewFile::OwnerOnly).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert_eq!(names(folder.path()), ["new"]);
    }

    #[test]
    fn an_existing_file_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"new", NewFile::OwnerOnly).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"new".to_vec(), 0o640));
    }

    #[test]
    fn a_symlink_stays_and_its_target_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link, second) =
            (folder.path().join("sub/real"), folder.path().join("link"), folder.path().join("second"));
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(&real, "old").unwrap();
        symlink("sub/real", &link).unwrap();
        symlink("link", &second).unwrap();
        replace(&second, b"new", NewFile::OwnerOnly).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::symlink_metadata(&second).unwrap().is_symlink());

        let dangling = folder.path().join("dangling");
        symlink("made", &dangling).unwrap();
        replace(&dangling, b"new", NewFile::OwnerOnly).unwrap();
        assert_eq!(fs::read(folder.path().join("made")).unwrap(), b"new");
        symlink("loop", folder.path().join("loop")).unwrap();
        assert!(replace(&folder.path().join("loop"), b"new", NewFile::OwnerOnly).is_err());
    }

    #[test]
    fn an_abandoned_replacement_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old");
        fs::write(&path, "old").unwrap();
        drop(Replacement::begin(&path, NewFile::OwnerOnly).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["old"]);
    }

    #[test]
    fn a_folder_is_no_file_and_a_device_is_written_through() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(folder.path(), b"x", NewFile::OwnerOnly).is_err());
        replace(Path::new("/dev/null"), b"x", NewFile::OwnerOnly).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
