//! The folder of backups: `NAME-FINGERPRINT.age`, written whole or not at all, and counted only once it has been read back.
//!
//! The bytes go into a temporary file beside it (0600), which takes the name by a rename; file and folder are flushed. No link is
//! followed, neither one that has the name nor one that is found in the folder. Nothing but encrypted bytes ever gets here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bulla_core::age::is_age_file;
use bulla_core::sealed::Fingerprint;
use rustix::fs::OFlags;

/// No key Secret is larger, encrypted or not.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// File systems take names of 255 bytes; the temporary file's is longer by some.
const MAX_NAME: usize = 200;

/// Whether a key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A file with its fingerprint that is an age file.
    Whole,
    Nothing,
}

pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Looks for the key, whatever its Secret is called.
    pub(super) fn find(&self, fingerprint: &Fingerprint) -> Result<Found, String> {
        let end = format!("-{}.age", short(fingerprint));
        let entries = fs::read_dir(&self.path).map_err(|error| self.failed("list", &self.path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.failed("list", &self.path, &error))?;
            let named_so =
                entry.file_name().to_str().is_some_and(|name| name.ends_with(&end) && !name.starts_with('.'));
            if named_so && read(&entry.path()).is_ok_and(|file| is_age_file(&file)) {
                return Ok(Found::Whole);
            }
        }
        Ok(Found::Nothing)
    }

    /// Writes `file` and reads it back.
    pub(super) fn write(&self, secret: &str, fingerprint: &Fingerprint, file: &[u8]) -> Result<(), String> {
        if !is_age_file(file) {
            return Err("only encrypted bytes are written into the folder of backups".to_owned());
        }
        let target = self.path.join(backup_file_name(secret, fingerprint));
        self.replace(&target, file).map_err(|error| self.failed("write", &target, &error))?;
        let found = read(&target).map_err(|error| self.failed("read back", &target, &error))?;
        if found != file || !is_age_file(&found) {
            return Err(format!("{}: what was read back is not what was written", target.display()));
        }
        Ok(())
    }

    fn replace(&self, target: &Path, file: &[u8]) -> io::Result<()> {
        // tempfile creates with 0600 and O_EXCL, and removes what is not persisted.
        let mut temporary = tempfile::Builder::new().prefix(".bulla-backup-").tempfile_in(&self.path)?;
        temporary.write_all(file)?;
        temporary.as_file().sync_all()?;
        temporary.persist(target).map_err(|error| error.error)?;
        match File::open(&self.path).and_then(|folder| folder.sync_all()) {
            // Some file systems cannot flush a folder, and need not.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            flushed => flushed,
        }
    }

    fn failed(&self, what: &str, path: &Path, error: &io::Error) -> String {
        format!("{what} {}: {error}", path.display())
    }
}

/// A regular file, and not through a link.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the backup of a key is called.
pub fn backup_file_name(secret: &str, fingerprint: &Fingerprint) -> String {
    let legal = |letter: char| if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.') { letter } else { '-' };
    let secret: String = secret.trim_start_matches('.').chars().map(legal).take(MAX_NAME).collect();
    format!("{secret}-{}.age", short(fingerprint))
}

/// The first 8 bytes of the fingerprint in hexadecimal: its own text has characters that file names must not have.
fn short(fingerprint: &Fingerprint) -> String {
    let digest = fingerprint.as_str().strip_prefix("SHA256:").and_then(|text| STANDARD_NO_PAD.decode(text).ok());
    digest.unwrap_or_default().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use bulla_core::age::{Recipient, Recipients};

    use super::*;

    /// Somebody's recipient; nobody has to open anything here.
    const RECIPIENT: &str = "age1haazd5mwjahez62mza89z4pdr70kk99m6q2f5npegh46lhxhyfusnp0zhp";

    fn fingerprint() -> Fingerprint {
        Fingerprint::parse("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU").unwrap()
    }

    fn file() -> Vec<u8> {
        Recipients::new(vec![Recipient::parse(RECIPIENT).unwrap()]).unwrap().encrypt(b"{}").unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_key_is_written_for_its_owner_only_and_found_under_any_name_of_its_secret() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned());
        assert_eq!(folder.find(&fingerprint()), Ok(Found::Nothing));
        folder.write("key-abc", &fingerprint(), &file()).unwrap();
        assert_eq!(names(place.path()), ["key-abc-e3b0c44298fc1c14.age"]);
        let path = place.path().join("key-abc-e3b0c44298fc1c14.age");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.find(&fingerprint()), Ok(Found::Whole));
        fs::rename(&path, place.path().join("restored-e3b0c44298fc1c14.age")).unwrap();
        assert_eq!(folder.find(&fingerprint()), Ok(Found::Whole));
        let other = Fingerprint::parse("SHA256:57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU").unwrap();
        assert_eq!(folder.find(&other), Ok(Found::Nothing));
    }

    #[test]
    fn what_only_looks_like_a_backup_is_none() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned());
        let path = place.path().join("key-e3b0c44298fc1c14.age");
        for content in [&b""[..], b"age-encryption.org/v1\n", &file()[..60]] {
            fs::write(&path, content).unwrap();
            assert_eq!(folder.find(&fingerprint()), Ok(Found::Nothing));
        }
        fs::remove_file(&path).unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        fs::write(elsewhere.path(), file()).unwrap();
        symlink(elsewhere.path(), &path).unwrap();
        assert_eq!(folder.find(&fingerprint()), Ok(Found::Nothing), "a link may point to what goes away");
        // Writing replaces the link and leaves what it points to alone.
        fs::write(elsewhere.path(), "somebody's").unwrap();
        folder.write("key", &fingerprint(), &file()).unwrap();
        assert_eq!(fs::read(elsewhere.path()).unwrap(), b"somebody's");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_owned());
        fs::create_dir(place.path().join("key-e3b0c44298fc1c14.age")).unwrap();
        assert!(folder.write("key", &fingerprint(), &file()).unwrap_err().starts_with("write "));
        assert_eq!(names(place.path()), ["key-e3b0c44298fc1c14.age"], "the folder that was in the way");
        let gone = Folder::new(place.path().join("missing"));
        assert!(gone.find(&fingerprint()).unwrap_err().starts_with("list "));
        assert!(gone.write("key", &fingerprint(), &file()).is_err());
        assert!(folder.write("other", &fingerprint(), b"{\"kind\":\"Secret\"}").is_err(), "not an age file");
        assert_eq!(names(place.path()).len(), 1);
    }

    #[test]
    fn a_name_stays_in_the_folder_and_is_not_too_long() {
        for (secret, expected) in [
            ("../../etc/passwd", "-..-etc-passwd-e3b0c44298fc1c14.age"),
            ("..", "-e3b0c44298fc1c14.age"),
            ("a\0b/ü", "a-b---e3b0c44298fc1c14.age"),
        ] {
            let name = backup_file_name(secret, &fingerprint());
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
            assert_eq!(name, expected);
        }
        assert!(backup_file_name(&"a".repeat(253), &fingerprint()).len() < 255);
    }
}
