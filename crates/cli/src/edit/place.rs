//! A private folder in memory, for the one moment in which plaintext has to be a file: while an editor has it open.
//!
//! The folder lies on a tmpfs (or ramfs), which is checked, not believed from the path; it is nobody else's, and goes as a whole,
//! with whatever the editor left in it (swap and backup files). Files are overwritten before they are removed. A run that was
//! killed leaves its folder behind; each run holds a lock on its own, so the next one knows which are left over and removes
//! them. (What is in memory may be swapped out; the threat model says so.)

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::report::{Code, Report, Result, os_error};

const PREFIX: &str = "bulla-edit-";

/// The folder; dropping it removes everything in it.
pub(crate) struct Private {
    folder: PathBuf,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl Private {
    /// Makes the folder, and removes those of runs that were killed.
    pub(crate) fn new() -> Result<Self> {
        let candidates = candidates();
        for base in candidates.iter().filter(|base| is_memory(base)) {
            remove_left_over(base);
        }
        let Some(base) = choose(&candidates, is_memory) else {
            return Err(Report::new(
                Code::NoMemoryPlace,
                format!("there is no folder in memory for the plain text: {} is no tmpfs", named(&candidates)),
            )
            .hint(
                "point XDG_RUNTIME_DIR at a folder on a tmpfs, or change one value without an editor: \
                 bulla set FILE KEY --stdin",
            ));
        };
        Self::within(&base).map_err(|error| {
            let base = base.display().to_string();
            Report::new(Code::NoMemoryPlace, format!("{}: {}", base.escape_debug(), os_error(&error)))
                .hint("make room there, or point XDG_RUNTIME_DIR at another folder on a tmpfs")
        })
    }

    /// In a folder that is in memory, or, for a personality whose tool knows no better, in the system's temporary folder.
    pub(crate) fn new_somewhere() -> Result<Self> {
        Self::new().or_else(|report| Self::within(&std::env::temp_dir()).map_err(|_| report))
    }

    fn within(base: &Path) -> io::Result<Self> {
        // Another run may take a new folder for a left-over one before it is locked; it is gone then.
        const ATTEMPTS: usize = 16;
        for _ in 0..ATTEMPTS {
            let mut builder = tempfile::Builder::new();
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
            let folder = builder.prefix(PREFIX).tempdir_in(base)?.keep();
            let lock = File::open(&folder)?;
            lock.lock()?;
            if is_at(&lock, &folder) {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::other("the folder is removed again and again"))
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a new file that its owner alone may read, and returns its path.
    pub(crate) fn write(&self, name: &str, data: &[u8]) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let written = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)?.write_all(data)
        };
        match written() {
            Ok(()) => Ok(path),
            Err(error) => {
                Err(Report::new(Code::NoMemoryPlace, format!("write the text to be edited: {}", os_error(&error)))
                    .hint("make room in the memory-backed folder (df -h /dev/shm), and try again"))
            }
        }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        wipe(&self.folder);
    }
}

/// Overwrites and removes all that is in a folder of ours, and the folder. Best effort: it is called when all else has failed.
pub(crate) fn wipe(folder: &Path) {
    overwrite(folder, 0);
    let _ = fs::remove_dir_all(folder);
}

fn overwrite(folder: &Path, depth: usize) {
    const DEEPEST: usize = 8;
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() && depth < DEEPEST {
            overwrite(&path, depth + 1);
        } else if metadata.is_file()
            && let Ok(mut file) = OpenOptions::new().write(true).open(&path)
        {
            let mut left = metadata.len();
            let zeros = [0; 4096];
            while left > 0 {
                let count = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
                if file.write_all(&zeros[..count]).is_err() {
                    break;
                }
                left -= count as u64;
            }
        }
    }
}

/// Where folders in memory are looked for, the user's own first.
fn candidates() -> Vec<PathBuf> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let mut found: Vec<PathBuf> = own.into_iter().collect();
    if cfg!(any(target_os = "linux", target_os = "android")) {
        found.push("/dev/shm".into());
    } else {
        // Systems without such a folder; the manual says what that means.
        found.push(std::env::temp_dir());
    }
    found
}

/// The first that is in memory and may be written to.
fn choose(candidates: &[PathBuf], is_memory: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    candidates.iter().find(|path| is_memory(path)).cloned()
}

fn named(candidates: &[PathBuf]) -> String {
    let names: Vec<String> =
        candidates.iter().map(|path| path.display().to_string().escape_debug().to_string()).collect();
    names.join(", ")
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_memory(path: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    let kind = rustix::fs::statfs(path).map(|found| u64::try_from(found.f_type).unwrap_or_default() & 0xffff_ffff);
    let writable = rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok();
    matches!(kind, Ok(TMPFS | RAMFS)) && writable
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_memory(path: &Path) -> bool {
    path.is_dir()
}

/// Removes folders of runs that no longer live: ours, and locked by nobody.
fn remove_left_over(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX) && is_own_folder(&path);
        if ours
            && let Ok(lock) = File::open(&path)
            && lock.try_lock().is_ok()
        {
            wipe(&path);
        }
    }
}

#[cfg(unix)]
fn is_own_folder(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == user)
}

#[cfg(not(unix))]
fn is_own_folder(path: &Path) -> bool {
    path.is_dir()
}

#[cfg(unix)]
fn is_at(lock: &File, folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (lock.metadata(), fs::symlink_metadata(folder)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_lock: &File, folder: &Path) -> bool {
    folder.is_dir()
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn the_first_place_in_memory_is_taken_and_no_other() {
        let places: Vec<PathBuf> = ["/a", "/b", "/c"].map(PathBuf::from).to_vec();
        assert_eq!(choose(&places, |path| path != Path::new("/a")), Some("/b".into()));
        assert_eq!(choose(&places, |_| false), None);
        assert!(!is_memory(Path::new("/proc")), "/proc is no tmpfs");
        assert!(!is_memory(Path::new("/nowhere")));
    }

    #[test]
    fn all_that_an_editor_leaves_goes_with_the_folder() {
        let base = tempfile::tempdir().unwrap();
        let private = Private::within(base.path()).unwrap();
        let path = private.write("secret.yaml", b"plain").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(private.folder()), mode(&path)), (0o700, 0o600));
        fs::write(private.folder().join(".secret.yaml.swp"), "plain").unwrap();
        fs::create_dir(private.folder().join("undo")).unwrap();
        fs::write(private.folder().join("undo/1"), "plain").unwrap();
        // A second name for a file tells that it was overwritten before it was removed.
        let kept = base.path().join("kept");
        fs::hard_link(&path, &kept).unwrap();
        drop(private);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1);
        assert_eq!(fs::read(&kept).unwrap(), [0; 5]);
    }

    #[test]
    fn left_over_folders_go_and_those_in_use_stay() {
        let base = tempfile::tempdir().unwrap();
        let used = Private::within(base.path()).unwrap();
        let left = base.path().join("bulla-edit-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("secret.yaml"), "plain").unwrap();
        fs::create_dir(base.path().join("somebody-elses")).unwrap();
        remove_left_over(base.path());
        assert!(!left.exists());
        assert!(used.folder().exists() && base.path().join("somebody-elses").exists());
    }
}
