//! The `sops` entry of a file: who can open it, what is encrypted, and the MAC.

use super::{Branch, DataKey, Error, Group, Selector, Value};

/// Everything that the `sops` entry says.
#[derive(Clone)]
pub struct Metadata {
    /// Key groups, at least one. With one, any key opens the file; with more, `shamir_threshold` of them are needed.
    pub groups: Vec<Group>,
    /// How many groups are needed; 0 means that the file does not say, which is all of them.
    pub shamir_threshold: u32,
    /// When a value last changed, RFC 3339 in UTC with seconds; also the additional data of the MAC.
    pub last_modified: String,
    /// The encrypted MAC; empty if the file has none.
    pub mac: String,
    /// What is encrypted.
    pub selector: Selector,
    /// Whether the MAC covers the encrypted values only.
    pub mac_only_encrypted: bool,
    /// The version of the tool that wrote the file, empty if it does not say.
    pub version: String,
    /// The extension key `bulla`: the second seal, as it stands in the file. sops ignores it on read and drops it on write.
    pub extension: Option<Value>,
    /// Fields that nobody knows, by name; they are dropped by the next write.
    pub unknown: Vec<String>,
}

impl Metadata {
    /// Reads the entry. Types are taken weakly: numbers and truth values may be text, names may be in any case.
    ///
    /// # Errors
    /// [`Error::Metadata`] with what is wrong, [`Error::SeveralSelectors`].
    pub fn from_branch(_branch: &Branch) -> Result<Self, Error> {
        Err(Error::MetadataNotFound)
    }

    /// The entry in the order in which sops writes it (alphabetical).
    #[must_use]
    pub fn to_branch(&self) -> Branch {
        Branch::new()
    }

    /// Holds the MAC of the decrypted values against the file's.
    ///
    /// # Errors
    /// [`Error::MacMismatch`], [`Error::MacUnreadable`].
    pub fn check_mac(&self, _key: &DataKey, _computed: &str) -> Result<(), Error> {
        Err(Error::Empty)
    }

    /// Puts a MAC into the file, bound to `last_modified`.
    ///
    /// # Errors
    /// [`Error::RandomGenerator`].
    pub fn set_mac(&mut self, _key: &DataKey, _computed: &str) -> Result<(), Error> {
        Err(Error::Empty)
    }
}
