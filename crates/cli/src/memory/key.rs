//! The key of the memory: 32 bytes in `$XDG_STATE_HOME/bulla/memory.key` (by default under `~/.local/state`), mode 0600, in a
//! folder of mode 0700. It never leaves the machine and is in no repository.
//!
//! It is made by whoever needs it first. The complete file is put in its place by a link that fails where one is already,
//! and then read back, so that two processes at once end with the same key.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use bulla_core::mac::{MAC_BYTES, MacKey};
use zeroize::Zeroizing;

use crate::io::dirs;
use crate::report::{Code, Report, Result};

const NAME: &str = "memory.key";

/// The key, made if it is not there. `None` where there is no folder for it.
///
/// # Errors
/// A key or folder that is not the user's alone, or is damaged.
pub(crate) fn load() -> Result<Option<MacKey>> {
    match dirs::state() {
        Some(folder) => load_from(&folder),
        None => Ok(None),
    }
}

pub(super) fn load_from(folder: &Path) -> Result<Option<MacKey>> {
    let path = folder.join(NAME);
    match read(folder, &path) {
        Err(Trouble::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(trouble) => return trouble.into_result(),
        Ok(key) => return Ok(Some(key)),
    }
    match make(folder, &path).and_then(|()| read(folder, &path)) {
        Ok(key) => Ok(Some(key)),
        Err(trouble) => trouble.into_result(),
    }
}

/// Why there is no key.
enum Trouble {
    /// The machine has no place for it.
    Io(io::Error),
    /// It is not to be used.
    Refused(Report),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Trouble {
    fn into_result(self) -> Result<Option<MacKey>> {
        match self {
            Self::Io(_) => Ok(None),
            Self::Refused(report) => Err(report),
        }
    }
}

fn read(folder: &Path, path: &Path) -> std::result::Result<MacKey, Trouble> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = match options.open(path) {
        Ok(file) => file,
        // A symlink is a loop to O_NOFOLLOW; a key without rights for its owner was made by nobody's bulla.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(error.into());
        }
        Err(error) => return Err(refused(path, &crate::report::os_error(&error))),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused(path, "it is no regular file"));
    }
    #[cfg(unix)]
    {
        private(path, &metadata, 0o077)?;
        private(folder, &fs::metadata(folder)?, 0o022)?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    let mut bytes = Zeroizing::new([0; MAC_BYTES]);
    let length = metadata.len();
    let complete = length == MAC_BYTES as u64 && (&file).read_exact(bytes.as_mut_slice()).is_ok();
    if !complete {
        return Err(refused(path, &format!("it has {length} bytes instead of {MAC_BYTES}")));
    }
    Ok(MacKey::new(&bytes))
}

/// Owned by this user, and without any of these rights for others.
#[cfg(unix)]
fn private(path: &Path, metadata: &fs::Metadata, rights: u32) -> std::result::Result<(), Trouble> {
    use std::os::unix::fs::MetadataExt as _;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(path, "it belongs to another user"));
    }
    if metadata.mode() & rights != 0 {
        return Err(refused(path, &format!("others have rights to it (mode {:03o})", metadata.mode() & 0o777)));
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> Trouble {
    let shown = path.display().to_string();
    let shown = shown.escape_debug();
    Trouble::Refused(Report::new(Code::MemoryKey, format!("{shown}: the key of the memory is not used: {why}")).hint(
        format!(
            "if nobody else can have read it: chmod 700 \"$(dirname {shown})\"; chmod 600 {shown}\n\
             otherwise: rm {shown}; a new one is made, and values are sealed anew once"
        ),
    ))
}

/// Makes a key, unless somebody is faster.
fn make(folder: &Path, path: &Path) -> std::result::Result<(), Trouble> {
    dirs::make_private(folder)?;
    let bytes = MacKey::random_bytes().map_err(io::Error::other)?;
    // tempfile creates with O_EXCL and 0600.
    let mut file = tempfile::Builder::new().prefix(".memory.key-").tempfile_in(folder)?;
    file.write_all(bytes.as_slice())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error.into()),
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_only() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("state/bulla");
        let digest = || load_from(&folder).unwrap().unwrap().digest("test", &[]);
        // Eight at once, as parallel runs would.
        let digests: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(digest)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(digests.iter().all(|other| *other == digests[0]), "all have one key");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(NAME))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file is left");
        assert_eq!(fs::read(folder.join(NAME)).unwrap().len(), 32);
    }

    #[test]
    fn a_key_that_others_may_have_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("bulla");
        let path = folder.join(NAME);
        let refused = |what: &str, words: &str| {
            let Err(report) = load_from(&folder) else { panic!("{what} is used") };
            assert_eq!(report.code(), Code::MemoryKey, "{what}");
            assert!(report.message().contains(words), "{what}: {}", report.message());
        };
        load_from(&folder).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            set_mode(&path, mode);
            refused("a key with rights for others", "others have rights");
        }
        set_mode(&path, 0o600);
        set_mode(&folder, 0o770);
        refused("a folder that others may write to", "others have rights");
        set_mode(&folder, 0o755);
        load_from(&folder).unwrap().unwrap();

        fs::write(&path, [0; 31]).unwrap();
        refused("a short key", "31 bytes");
        fs::write(&path, [0; 33]).unwrap();
        refused("a long key", "33 bytes");
        fs::rename(&path, folder.join("real")).unwrap();
        symlink("real", &path).unwrap();
        refused("a symlink", "");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused("a folder in the key's place", "no regular file");
    }

    #[test]
    fn a_machine_without_a_place_for_it_has_no_key() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        assert!(load_from(&root.path().join("file/bulla")).unwrap().is_none());
    }
}
