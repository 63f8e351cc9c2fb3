//! Private SSH keys as identities: files, with the passphrase asked for when a file turns out to be for them, and what commands print.

use std::path::{Path, PathBuf};

use bulla_core::age::ssh::{self, KeyFile, PublicKey, SshKeyError};
use bulla_core::age::{Identity, LockedSshKey};

use super::go;
use crate::io::input::read_file;
use crate::sops::keys::terminal;

/// The key of a file.
///
/// # Errors
/// The real tool's words.
pub(crate) fn key(path: &Path) -> Result<Identity, String> {
    let text =
        read_file(path).map_err(|error| format!("failed to open file: {}", go::path_error("open", path, &error)))?;
    let malformed = |error: SshKeyError| format!("malformed SSH identity in {path:?}: {}", words(&error));
    let file = KeyFile::parse(&text).map_err(malformed)?;
    if !file.is_protected() {
        return open(file).map_err(malformed);
    }
    let public = match file.public() {
        Some(_) => None,
        None => Some(public_half(path)?),
    };
    let shown = format!("{path:?}");
    let ask = move || {
        terminal::secret(&format!("Enter passphrase for {shown}:"))
            .map_err(|error| format!("could not read passphrase for {shown}: {error}"))
    };
    LockedSshKey::new(file, public, Box::new(ask))
        .map(Identity::from_locked_ssh)
        .map_err(|error| format!("could not create encrypted SSH identity: {error}"))
}

/// The key that a command printed. Nobody is asked for its passphrase.
///
/// # Errors
/// The real tool's words.
pub(super) fn printed(text: &[u8], command: &str) -> Result<Identity, String> {
    let malformed = |error: SshKeyError| match error {
        SshKeyError::PassphraseMissing => {
            format!(
                "the SSH key returned by running {command} is password protected, which is unsupported. ({:?})",
                error.to_string()
            )
        }
        error => format!("malformed SSH identity returned by running {command}: {:?}", words(&error)),
    };
    KeyFile::parse(text).and_then(open).map_err(malformed)
}

fn open(file: KeyFile) -> Result<Identity, SshKeyError> {
    file.open().and_then(|key| ssh::Identity::new(&key)).map(Identity::from_ssh)
}

/// The file beside a key: the same name with `.pub`.
fn public_half(path: &Path) -> Result<PublicKey, String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    let beside = PathBuf::from(beside);
    let text = read_file(&beside).map_err(|error| {
        let error = go::path_error("open", &beside, &error);
        format!("failed to obtain public {beside:?} key for {path:?} SSH key: {error}")
    })?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    PublicKey::from_line(line).map_err(|error| format!("failed to parse {beside:?}: {error}"))
}

/// An unsupported kind is named after Go's type, as far as that is known.
fn words(error: &SshKeyError) -> String {
    match error {
        SshKeyError::UnsupportedKind(kind) if kind.starts_with("ecdsa-") => {
            "unsupported SSH identity type: *ecdsa.PrivateKey".to_owned()
        }
        other => other.to_string(),
    }
}
