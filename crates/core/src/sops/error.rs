//! What can go wrong with a sops file. Messages say what the real tool says where scripts match on it, and never hold a value.

/// An operation on a sops file failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input does not parse as what it should be. Holds position and reason.
    #[error("{0}")]
    Unreadable(String),
    /// The tree cannot be written in this format.
    #[error("{0}")]
    Unwritable(String),
    /// There is no document.
    #[error("File cannot be completely empty, it must contain at least one document")]
    Empty,
    /// The file is not encrypted.
    #[error("sops metadata not found")]
    MetadataNotFound,
    /// The metadata cannot be used.
    #[error("{0}")]
    Metadata(String),
    /// A key that is a number, say.
    #[error(
        "Tree contains a non-string key (type {go_type}): {}. Only string keys are supported",
        as_go_text(go_type, text)
    )]
    NonTextKey {
        /// The type, as Go calls it.
        go_type: &'static str,
        /// The key.
        text: String,
    },
    /// A value in an encrypted position does not open.
    #[error("Could not decrypt value at {path}: {reason}")]
    Sealed {
        /// Where, `a:b:` as in the additional data.
        path: String,
        /// Why, without any part of the value.
        reason: String,
    },
    /// A value cannot be encrypted.
    #[error("Could not encrypt value at {path}: {reason}")]
    Unsealable {
        /// Where.
        path: String,
        /// Why.
        reason: String,
    },
    /// The values are not those that were encrypted.
    #[error("MAC mismatch. File has {stored}, computed {computed}")]
    MacMismatch {
        /// What the file says, `no MAC` if nothing.
        stored: String,
        /// What the values give.
        computed: String,
    },
    /// The MAC itself does not open.
    #[error("Cannot decrypt MAC: {0}")]
    MacUnreadable(String),
    /// A selector is not a regular expression.
    #[error("{selector} is not a regular expression: {reason}")]
    InvalidRegex {
        /// `encrypted_regex` and so on.
        selector: &'static str,
        /// Why, with the place in the pattern.
        reason: String,
    },
    /// More than one selector in one file.
    #[error(
        "Cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex in the same file"
    )]
    SeveralSelectors,
    /// The shares of the data key do not fit together.
    #[error("{0}")]
    Shamir(String),
    /// No random bytes.
    #[error("draw random bytes from the operating system")]
    RandomGenerator,
}

/// How Go prints a value where it wants text.
fn as_go_text(go_type: &str, text: &str) -> String {
    match go_type {
        "<nil>" => "%!s(<nil>)".to_owned(),
        "time.Time" => text.to_owned(),
        _ => format!("%!s({go_type}={text})"),
    }
}
