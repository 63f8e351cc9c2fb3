//! The second seal: two digests in the extension key `bulla` of the metadata, over what the MAC does not cover.
//!
//! docs/second-seal.md has the format.

use super::{DataKey, Error, Metadata, Tree};

/// What the seal of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is none: the file was written by sops, or by bulla and then by sops.
    NotSealed,
    /// It is of a version that this bulla does not know.
    Unknown,
    /// The file is as it was sealed.
    Intact,
    /// It is not.
    Broken(Vec<Breach>),
}

/// Where a file differs from what was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What differs, in words: `clear value changed`.
    pub rule: &'static str,
    /// Where; empty if it is the file as a whole, or cannot be told.
    pub path: String,
}

/// What a file is besides its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Its path in the repository, with `/`; recorded, and enforced only on request.
    pub path: Option<&'a str>,
}

/// Whether a file has a second seal, of whatever version.
#[must_use]
pub fn is_there(metadata: &Metadata) -> bool {
    metadata.extension.is_some()
}

/// Puts a new seal into the metadata. `tree` is the plaintext as it is read back from the bytes that are to be written, for what a store
/// does to comments and numbers on the way is not a change.
///
/// # Errors
/// [`Error::RandomGenerator`].
pub fn renew(_tree: &Tree, _metadata: &mut Metadata, _key: &DataKey, _context: Context<'_>) -> Result<(), Error> {
    Ok(())
}

/// Holds a decrypted tree against the seal.
#[must_use]
pub fn check(_tree: &Tree, _metadata: &Metadata, _key: &DataKey) -> Verdict {
    Verdict::NotSealed
}
