//! Errors of the personality `sops`: an exit code and the text that goes to standard error, as the real tool has them.

use bulla_core::sops::Error;

use super::log;

/// Exit codes of the real tool that scripts know (docs/sops.md lists them with their meanings).
pub(crate) mod code {
    pub(crate) const GENERIC: u8 = 1;
    pub(crate) const READ: u8 = 2;
    pub(crate) const WRITE: u8 = 3;
    pub(crate) const DUMP: u8 = 4;
    pub(crate) const SET_FORMAT: u8 = 7;
    pub(crate) const CONFLICT: u8 = 8;
    pub(crate) const ENCRYPT_MAC: u8 = 21;
    pub(crate) const ENCRYPT_TREE: u8 = 23;
    pub(crate) const DECRYPT_TREE: u8 = 25;
    pub(crate) const KEYS_OF_MISSING_FILE: u8 = 49;
    pub(crate) const MAC_MISMATCH: u8 = 51;
    pub(crate) const TREE_PATH: u8 = 91;
    pub(crate) const NO_DOCUMENT: u8 = 92;
    pub(crate) const NO_FILE: u8 = 100;
    pub(crate) const DUPLICATE_KIND: u8 = 112;
    pub(crate) const NO_DATA_KEY: u8 = 128;
    pub(crate) const ALREADY_ENCRYPTED: u8 = 203;
}

/// An error, ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code (specified by the real tool; docs/sops.md lists them).
    pub(crate) code: u8,
    /// The text. Scripts match on its first line. Empty: nothing is printed.
    pub(crate) text: String,
    /// Whether the text is shown as a line of the log, `[CMD]<TAB> time="…" level=fatal msg="…"`. The real tool does so for errors that
    /// it did not expect, with exit code 1.
    pub(crate) fatal: bool,
}

impl Failure {
    /// An error with its exit code.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), fatal: false }
    }

    /// The exit code 1.
    pub(crate) fn generic(text: impl Into<String>) -> Self {
        Self::new(code::GENERIC, text)
    }

    /// The exit code 1, shown as a line of the log.
    pub(crate) fn fatal(text: impl Into<String>) -> Self {
        Self { code: code::GENERIC, text: text.into(), fatal: true }
    }

    /// The same error as a line of the log with exit code 1, behind a prefix.
    pub(crate) fn into_fatal(self, prefix: &str) -> Self {
        Self::fatal(format!("{prefix}{}", self.text))
    }

    /// Shows it and gives the exit code.
    pub(crate) fn report(&self) -> u8 {
        if self.fatal {
            log::entry(log::Level::Fatal, "CMD", &self.text, &[]);
        } else if !self.text.is_empty() {
            log::plain(&self.text);
        }
        self.code
    }
}

/// A file that does not load: the store's own words, exit code 1.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::generic(error.to_string())
    }
}
