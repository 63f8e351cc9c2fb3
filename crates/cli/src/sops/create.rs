//! The metadata of a new file: keys and selectors from flags, and from `.sops.yaml` where the flags say nothing.

use std::path::PathBuf;

use bulla_core::sops::{Format, Metadata};

use super::failure::Failure;

/// The flags that say how a new file is encrypted. Empty texts are flags that were not given.
#[derive(Clone, Debug, Default)]
pub(crate) struct CreationFlags {
    pub(crate) kms: String,
    pub(crate) gcp_kms: String,
    pub(crate) hckms: String,
    pub(crate) azure_kv: String,
    pub(crate) hc_vault_transit: String,
    pub(crate) pgp: String,
    pub(crate) age: String,
    pub(crate) aws_profile: String,
    pub(crate) encryption_context: String,
    pub(crate) unencrypted_suffix: String,
    pub(crate) encrypted_suffix: String,
    pub(crate) unencrypted_regex: String,
    pub(crate) encrypted_regex: String,
    pub(crate) unencrypted_comment_regex: String,
    pub(crate) encrypted_comment_regex: String,
    pub(crate) mac_only_encrypted: bool,
    pub(crate) shamir_threshold: i64,
}

/// A file that is to be made.
pub(crate) struct NewFile {
    /// The flags.
    pub(crate) flags: CreationFlags,
    /// `--config` or `SOPS_CONFIG`; `None`: it is looked for.
    pub(crate) config: Option<PathBuf>,
    /// The absolute path that the rules of the config are held against.
    pub(crate) path: PathBuf,
    /// The format that the plaintext is in.
    pub(crate) input: Format,
}

impl NewFile {
    /// The metadata, without wrapped keys, MAC and time.
    pub(crate) fn metadata(&self) -> Result<Metadata, Failure> {
        let _ = (&self.flags, &self.config, &self.path, self.input);
        Err(Failure::generic("new files: not there yet"))
    }
}
