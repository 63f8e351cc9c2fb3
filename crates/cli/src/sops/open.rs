//! Opening an encrypted file: its data key, its values, its MAC. Every command that reads one goes through here.

use std::collections::BTreeSet;

use bulla_core::sops::{DataKey, Error, Format, KeyKind, KeySource, Metadata, Nonces, Tree, Unrecovered};

use super::allow::Allow;
use zeroize::Zeroizing;

use super::failure::{Failure, code};
use super::keys::KeyServices;
use super::{audit, close, log, unrecovered, version};

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
    open_allowing(format, bytes, services, options, Allow::default())
}

/// [`open`], for a command with flags that let something pass.
pub(crate) fn open_allowing(
    format: Format,
    bytes: &[u8],
    services: &KeyServices,
    options: &OpenOptions,
    allow: Allow,
) -> Result<Opened, Failure> {
    let (tree, metadata) = allow.load_encrypted(format, bytes)?;
    version::check(&metadata.version)?;
    decrypt(tree, metadata, services, options, allow)
}

/// [`open_allowing`], for a file whose bytes are not needed any more: a large one is not kept twice.
pub(crate) fn open_and_drop(
    format: Format,
    bytes: Zeroizing<Vec<u8>>,
    services: &KeyServices,
    options: &OpenOptions,
    allow: Allow,
) -> Result<Opened, Failure> {
    let (tree, metadata) = allow.load_encrypted(format, &bytes)?;
    drop(bytes);
    version::check(&metadata.version)?;
    decrypt(tree, metadata, services, options, allow)
}

/// Opens what was loaded, whatever its version.
pub(crate) fn open_loaded(
    tree: Tree,
    metadata: Metadata,
    services: &KeyServices,
    options: &OpenOptions,
) -> Result<Opened, Failure> {
    decrypt(tree, metadata, services, options, Allow::default())
}

fn decrypt(
    mut tree: Tree,
    metadata: Metadata,
    services: &KeyServices,
    options: &OpenOptions,
    allow: Allow,
) -> Result<Opened, Failure> {
    let key = match data_key(&metadata, services, &options.order) {
        Err(failure) => key_of_wrong_contexts(&metadata, services, &options.order).ok_or(failure)?,
        found => found?,
    };
    log::debug("SOPS", "Decrypting tree");
    audit::record(audit::Action::Decrypt)?;
    let usable = allow.usable(&metadata);
    let decrypted = bulla_core::sops::decrypt(&mut tree, &key, usable.as_ref().unwrap_or(&metadata))
        .map_err(|error| not_decrypted(&error))?;
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

/// Files before 3.3.0 may have wrapped their data key under another KMS encryption context than they state: each key with the value of one,
/// whichever came last. All of them are tried.
fn key_of_wrong_contexts(metadata: &Metadata, services: &KeyServices, order: &[KeyKind]) -> Option<DataKey> {
    if !version::has_context_bug(&metadata.version) {
        return None;
    }
    let key = wrong_contexts(metadata).iter().find_map(|metadata| recover(metadata, services, order).ok())?;
    log::warn(
        "SOPS",
        "The file was written by a version before 3.3.0, with a KMS encryption context that is not the one it states \
         (https://github.com/mozilla/sops/pull/435). It was opened nevertheless; rotate it to have that mended.",
    );
    Some(key)
}

/// The metadata with each value of the first such context in the place of all others.
fn wrong_contexts(metadata: &Metadata) -> Vec<Metadata> {
    let mut keys = metadata
        .groups
        .iter()
        .enumerate()
        .flat_map(|(group, keys)| keys.keys.iter().enumerate().map(move |(at, key)| (group, at, &key.source)));
    let affected = keys.find_map(|(group, at, source)| {
        let KeySource::AwsKms { context, .. } = source else { return None };
        let values: BTreeSet<&String> = context.iter().map(|(_, value)| value).collect();
        (values.len() > 1).then_some((group, at, values))
    });
    let Some((group, at, values)) = affected else { return Vec::new() };
    values
        .into_iter()
        .map(|value| {
            let mut changed = metadata.clone();
            if let KeySource::AwsKms { context, .. } = &mut changed.groups[group].keys[at].source {
                context.iter_mut().for_each(|(_, other)| other.clone_from(value));
            }
            changed
        })
        .collect()
}

fn not_decrypted(error: &Error) -> Failure {
    const CHANGED: &str = "Could not decrypt with AES_GCM: cipher: message authentication failed";
    // The first line is the real tool's; the others say where, and what can be done.
    let reason = match error {
        Error::InvalidRegex { .. } => return close::invalid_regex(error),
        Error::Sealed { path, reason } if reason.starts_with("it was changed") => {
            format!("Could not decrypt value: {CHANGED}\nThe value is at {path}")
        }
        Error::Sealed { path, reason } if reason.starts_with("text follows") => {
            format!(
                "Could not decrypt value: text follows after the ] of the value at {path}\n\
                 To ignore it, as sops does: --allow-trailing-text"
            )
        }
        Error::Sealed { path, reason } if reason.contains("does not match sops' data format") => {
            format!("Could not decrypt value: Input string at {path} does not match sops' data format")
        }
        Error::Sealed { path, reason } => format!("Could not decrypt value: {reason}\nThe value is at {path}"),
        other => other.to_string(),
    };
    Failure::new(code::DECRYPT_TREE, format!("Error decrypting tree: Error walking tree: {reason}"))
}

#[cfg(test)]
mod tests {
    use bulla_core::sops::{Group, MasterKey, Selector};

    use super::*;

    #[test]
    fn wrong_contexts_are_each_value_for_all() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let key = |context: Vec<(String, String)>| {
            MasterKey::new(KeySource::AwsKms { arn: "arn".to_owned(), role: None, context, profile: String::new() })
        };
        let mut metadata = Metadata::new(Selector::default());
        metadata.groups =
            vec![Group { keys: vec![key(vec![pair("a", "1")]), key(vec![pair("a", "1"), pair("b", "2")])] }];
        let identities: Vec<String> =
            wrong_contexts(&metadata).iter().map(|metadata| metadata.groups[0].keys[1].source.identity()).collect();
        assert_eq!(identities, ["arn|a:1,b:1", "arn|a:2,b:2"]);
        metadata.groups[0].keys.pop();
        assert!(wrong_contexts(&metadata).is_empty());
    }
}
