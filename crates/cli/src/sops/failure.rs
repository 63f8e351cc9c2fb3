//! Errors of the personality `sops`: an exit code and the text that goes to standard error, as the real tool has them.

/// An error, ready to be shown.
pub(crate) struct Failure {
    /// The exit code (specified by the real tool; docs/sops.md lists them).
    pub(crate) code: u8,
    /// The text. Scripts match on its first line.
    pub(crate) text: String,
}

impl Failure {
    /// An error with its exit code.
    pub(crate) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The exit code 1.
    pub(crate) fn generic(text: impl Into<String>) -> Self {
        Self::new(1, text)
    }
}
