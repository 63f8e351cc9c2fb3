//! Opening an encrypted file: its data key, its values, its MAC. Every command that reads one goes through here.

use bulla_core::sops::{DataKey, Error, Format, KeyKind, Metadata, Nonces, Tree, Unrecovered};

use super::failure::{Failure, code};
use super::keys::KeyServices;
use super::{log, unrecovered, version};

/// How a file is opened.
pub(crate) struct OpenOptions {
    /// `--ignore-mac`: the MAC is not looked at.
    pub(crate) ignore_mac: bool,
    /// `--decryption-order`: which kinds of keys are asked first.
    pub(crate) order: Vec<KeyKind>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { ignore_mac: false, order: vec![KeyKind::Age, KeyKind::Pgp] }
    }
}

/// A file whose values are in the clear.
pub(crate) struct Opened {
    /// The values. Plaintext.
    pub(crate) tree: Tree,
    /// The metadata, as the file has it.
    pub(crate) metadata: Metadata,
    /// The data key.
    pub(crate) key: DataKey,
    /// What keeps the ciphertext of unchanged values when the tree is encrypted again.
    pub(crate) nonces: Nonces,
}

/// Reads an encrypted file and opens it.
pub(crate) fn open(
    format: Format,
    bytes: &[u8],
    services: &KeyServices,
    options: &OpenOptions,
) -> Result<Opened, Failure> {
    let (tree, metadata) = format.load_encrypted(bytes)?;
    version::check(&metadata.version)?;
    open_loaded(tree, metadata, services, options)
}

/// Opens what was loaded.
pub(crate) fn open_loaded(
    mut tree: Tree,
    metadata: Metadata,
    services: &KeyServices,
    options: &OpenOptions,
) -> Result<Opened, Failure> {
    let key = data_key(&metadata, services, &options.order)?;
    log::debug("SOPS", "Decrypting tree");
    let decrypted = bulla_core::sops::decrypt(&mut tree, &key, &metadata).map_err(|error| not_decrypted(&error))?;
    for path in &decrypted.clear_comments {
        let message = "Found possibly unencrypted comment in file. This is to be expected if the file being decrypted was \
                       created with an older version of SOPS.";
        log::entry(log::Level::Warning, "SOPS", message, &[("path", path)]);
    }
    if !options.ignore_mac {
        metadata
            .check_mac(&key, &decrypted.mac)
            .map_err(|error| Failure::new(code::MAC_MISMATCH, error.to_string()))?;
    }
    Ok(Opened { tree, metadata, key, nonces: decrypted.nonces })
}

/// The data key, from whoever gives it.
pub(crate) fn data_key(metadata: &Metadata, services: &KeyServices, order: &[KeyKind]) -> Result<DataKey, Failure> {
    recover(metadata, services, order)
        .map_err(|unrecovered| Failure::new(code::NO_DATA_KEY, unrecovered::text(&unrecovered)))
}

/// The data key, for a caller that words the failure.
pub(crate) fn recover(
    metadata: &Metadata,
    services: &KeyServices,
    order: &[KeyKind],
) -> Result<DataKey, Box<Unrecovered>> {
    let key = metadata.recover(order, &mut |key| services.unwrap(key))?;
    log::info("SOPS", "Data key recovered successfully");
    Ok(key)
}

fn not_decrypted(error: &Error) -> Failure {
    let reason = match error {
        // The first line is the real tool's; the second says where.
        Error::Sealed { path, reason } => format!("Could not decrypt value: {reason}\nThe value is at {path}"),
        other => other.to_string(),
    };
    Failure::new(code::DECRYPT_TREE, format!("Error decrypting tree: Error walking tree: {reason}"))
}
