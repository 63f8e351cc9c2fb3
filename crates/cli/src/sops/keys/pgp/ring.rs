//! Keyrings in the old format: files of keys, one after the other, binary or armoured.

use std::path::{Path, PathBuf};

use bulla_core::secret::SecretBytes;
use pgp::composed::{Deserializable as _, SignedPublicKey, SignedSecretKey};
use pgp::types::KeyDetails as _;
use zeroize::Zeroizing;

use super::message;
use crate::io::input::read_file;
use crate::report::os_error;
use crate::sops::keys::age::Variables;
use crate::sops::keys::agent::Agent;
use crate::sops::keys::terminal;

const PUBLIC: &str = "pubring.gpg";
const SECRET: &str = "secring.gpg";

/// The folder of GnuPG.
pub(super) fn home(variables: &Variables) -> PathBuf {
    match variables.get("GNUPGHOME").filter(|home| !home.is_empty()) {
        Some(home) => home.into(),
        None => Path::new(&variables.get("HOME").unwrap_or_default()).join(".gnupg"),
    }
}

/// Encrypts to the key with this fingerprint, if the public keyring has it.
pub(super) fn wrap(variables: &Variables, fingerprint: &str, part: &[u8]) -> Result<String, String> {
    let missing = || format!("key with fingerprint '{fingerprint}' is not available in keyring");
    let ring = read(&home(variables).join(PUBLIC)).map_err(|_| missing())?;
    let keys = public_keys(&ring);
    let key = keys.iter().find(|key| key.fingerprint().to_string().to_uppercase() == fingerprint);
    message::seal(key.ok_or_else(missing)?, part)
}

/// Opens a message with the keys of the secret keyring; where there is none, of the public one, as the real tool does.
pub(super) fn unwrap(variables: &Variables, enc: &str) -> Result<SecretBytes, String> {
    let secret = home(variables).join(SECRET);
    let path = match secret.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => home(variables).join(PUBLIC),
        _ => secret,
    };
    let ring = read(&path)?;
    let keys = secret_keys(&ring);
    let ask = |id: &str| match Agent::connect(variables) {
        Some(mut agent) => agent
            .passphrase(id, "Passphrase", &format!("Unlock key {id} to decrypt sops's key"))
            .map_err(|error| format!("gpg-agent passphrase request errored: {error}")),
        None => terminal::secret("Enter PGP key passphrase:"),
    };
    message::open(enc, &keys, &ask)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path).map_err(|error| format!("could not load secring: open {}: {}", path.display(), os_error(&error)))
}

/// Keys that cannot be read are passed over.
fn secret_keys(ring: &[u8]) -> Vec<SignedSecretKey> {
    if is_armoured(ring) {
        SignedSecretKey::from_armor_many(ring).into_iter().flat_map(|(keys, _)| keys.flatten()).collect()
    } else {
        SignedSecretKey::from_bytes_many(ring).into_iter().flat_map(Iterator::flatten).collect()
    }
}

fn public_keys(ring: &[u8]) -> Vec<SignedPublicKey> {
    if is_armoured(ring) {
        SignedPublicKey::from_armor_many(ring).into_iter().flat_map(|(keys, _)| keys.flatten()).collect()
    } else {
        SignedPublicKey::from_bytes_many(ring).into_iter().flat_map(Iterator::flatten).collect()
    }
}

fn is_armoured(ring: &[u8]) -> bool {
    ring.trim_ascii_start().starts_with(b"-----BEGIN PGP")
}
