//! The way back: a data key for everybody who is to open the file, encrypted values, a MAC, and the text of the file.

use bulla_core::sops::{DataKey, Error, Format, Indents, Metadata, Nonces, Tree};

use super::allow::Allow;
use super::failure::{Failure, code};
use super::keys::KeyServices;
use super::wrap::wrap;
use super::{audit, log};

const ALREADY_ENCRYPTED: &str = "The file you have provided contains a top-level entry called 'sops', or for flat file formats top-level entries starting with \
     'sops_'. This is generally due to the file already being encrypted. SOPS uses a top-level entry called 'sops' to store the \
     metadata required to decrypt the file. For this reason, SOPS can not encrypt files that already contain such an entry.\n\n\
     If this is an unencrypted file, rename the 'sops' entry.\n\n\
     If this is an encrypted file and you want to edit it, use the editor mode, for example: `sops edit my_file.yaml`";
const TEXT_WIDTH: usize = 75;

/// Refuses what cannot be encrypted: no document, or one that has the entry that the metadata needs.
pub(crate) fn check_plain(tree: &Tree, output: Format) -> Result<(), Failure> {
    let Some(first) = tree.documents.first() else {
        return Err(Failure::new(code::NO_DOCUMENT, Error::Empty.to_string()));
    };
    if output.has_metadata(first) {
        return Err(Failure::new(code::ALREADY_ENCRYPTED, wrap(ALREADY_ENCRYPTED, TEXT_WIDTH)));
    }
    Ok(())
}

/// A new data key, wrapped for everybody in the metadata.
pub(crate) fn new_data_key(metadata: &mut Metadata, services: &KeyServices) -> Result<DataKey, Failure> {
    let failed = |errors: &str| Failure::generic(format!("Could not generate data key: [{errors}]"));
    let key = DataKey::generate().map_err(|error| failed(&format!("Could not generate random key: {error}")))?;
    wrap_data_key(metadata, &key, services).map_err(|errors| failed(&errors.join(" ")))?;
    Ok(key)
}

/// Wraps a data key for everybody in the metadata. The errors are the real tool's texts.
pub(crate) fn wrap_data_key(metadata: &mut Metadata, key: &DataKey, services: &KeyServices) -> Result<(), Vec<String>> {
    if services.is_empty() {
        return Err(vec!["no key services provided, cannot update master keys".to_owned()]);
    }
    if metadata.groups.len() > 1 {
        let threshold = if metadata.shamir_threshold == 0 {
            metadata.groups.len().to_string()
        } else {
            metadata.shamir_threshold.to_string()
        };
        let parts = metadata.groups.len().to_string();
        let fields = [("quorum", threshold.as_str()), ("parts", parts.as_str())];
        log::entry(log::Level::Info, "SOPS", "Splitting data key with Shamir Secret Sharing", &fields);
    }
    metadata.wrap(key, &now(), &mut |source, part| services.wrap(source, part))
}

/// Encrypts the values and puts time and MAC into the metadata.
pub(crate) fn encrypt(tree: &mut Tree, metadata: &mut Metadata, key: &DataKey, nonces: &Nonces) -> Result<(), Failure> {
    encrypt_allowing(tree, metadata, key, nonces, Allow::default())
}

/// [`encrypt`], for a command with flags that let something pass.
pub(crate) fn encrypt_allowing(
    tree: &mut Tree,
    metadata: &mut Metadata,
    key: &DataKey,
    nonces: &Nonces,
    allow: Allow,
) -> Result<(), Failure> {
    audit::record(audit::Action::Encrypt)?;
    let usable = allow.usable(metadata);
    let mac =
        bulla_core::sops::encrypt(tree, key, usable.as_ref().unwrap_or(metadata), nonces).map_err(
            |error| match error {
                Error::InvalidRegex { .. } => invalid_regex(&error),
                // The real tool's first line; where it is stands behind.
                Error::Unsealable { path, reason } => Failure::new(
                    code::ENCRYPT_TREE,
                    format!("Error encrypting tree: Error walking tree: {reason}\nThe value is at {path}"),
                ),
                other => {
                    Failure::new(code::ENCRYPT_TREE, format!("Error encrypting tree: Error walking tree: {other}"))
                }
            },
        )?;
    metadata.last_modified = now();
    metadata
        .set_mac(key, &mac)
        .map_err(|error| Failure::new(code::ENCRYPT_MAC, format!("Could not encrypt MAC: {error}")))
}

/// sops takes such a selector for one that matches nothing, and may leave everything in clear text.
pub(crate) fn invalid_regex(error: &Error) -> Failure {
    Failure::generic(format!("{error}\nTo let it match nothing, as sops does: --allow-invalid-regex"))
}

/// The text of the encrypted file.
pub(crate) fn emit(format: Format, tree: Tree, metadata: &Metadata, indents: Indents) -> Result<Vec<u8>, Failure> {
    format
        .emit_encrypted(tree, metadata, indents)
        .map_err(|error| Failure::new(code::DUMP, format!("Could not marshal tree: {error}")))
}

/// Now, in UTC, to the second.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_already_is_refused_in_lines_of_75_columns() {
        let lines: Vec<String> = wrap(ALREADY_ENCRYPTED, TEXT_WIDTH).lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "The file you have provided contains a top-level entry called 'sops', or for");
        assert_eq!(lines[4], "this reason, SOPS can not encrypt files that already contain such an entry.");
        assert_eq!(lines.last().unwrap(), "for example: `sops edit my_file.yaml`");
        assert_eq!(lines.len(), 10);
    }
}
