//! Which values of a file are encrypted: at most one of six selectors.

use super::Error;

/// What decides, with its pattern compiled. RE2 as Go has it, unanchored.
pub struct Selection {
    selector: Selector,
}

/// A selector and its text, as `.sops.yaml`, flags and metadata have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Everything but what stands below a key with this ending. The default, with `_unencrypted`.
    UnencryptedSuffix(String),
    /// Only what stands below a key with this ending.
    EncryptedSuffix(String),
    /// Everything but what stands below a key that matches.
    UnencryptedRegex(String),
    /// Only what stands below a key that matches.
    EncryptedRegex(String),
    /// Everything but what follows a comment that matches.
    UnencryptedCommentRegex(String),
    /// Only what follows a comment that matches.
    EncryptedCommentRegex(String),
}
