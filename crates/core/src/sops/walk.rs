//! Encryption and decryption of a whole tree, in the order of the file, with the MAC over the plaintext.

use super::{DataKey, Error, Metadata, Nonces, Tree};

/// What decryption learned.
pub struct Decrypted {
    /// The MAC over the values, 128 upper-case hexadecimal digits, to be held against the file's ([`Metadata::check_mac`]).
    pub mac: String,
    /// For encrypting the same file again: what did not change keeps its ciphertext.
    pub nonces: Nonces,
    /// The paths of comments in encrypted positions that were not encrypted.
    pub clear_comments: Vec<String>,
}

/// Decrypts every value that the selector of the metadata selects, in place.
///
/// # Errors
/// [`Error::Sealed`] at the first value that does not open, [`Error::InvalidRegex`], [`Error::NonTextKey`].
pub fn decrypt(_tree: &mut Tree, _key: &DataKey, _metadata: &Metadata) -> Result<Decrypted, Error> {
    Err(Error::Empty)
}

/// Encrypts every value that the selector of the metadata selects, in place, and returns the MAC over the plaintext
/// ([`Metadata::set_mac`] puts it into the file).
///
/// # Errors
/// [`Error::Unsealable`], [`Error::NonTextKey`], [`Error::InvalidRegex`].
pub fn encrypt(_tree: &mut Tree, _key: &DataKey, _metadata: &Metadata, _nonces: &Nonces) -> Result<String, Error> {
    Err(Error::Empty)
}
