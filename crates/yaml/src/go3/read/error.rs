//! Why a text was refused, in go-yaml's words and with its line numbers, and with the true position beside them.

use std::fmt;

use crate::Position;

/// go-yaml's error. `Display` is its text: `yaml: line 3: did not find expected key`. Its line numbers are often one too low, which
/// [`ReadError::position`] is not. No message repeats a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    pub(super) problem: String,
    /// The line that go-yaml prints; 0 if it prints none.
    pub(super) go_line: usize,
    pub(super) position: Option<Position>,
    /// The document, from 0, in which it was found.
    pub document: usize,
}

impl ReadError {
    /// What is wrong, without the place.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Where.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.position
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.go_line {
            0 => write!(f, "yaml: {}", self.problem),
            line => write!(f, "yaml: line {line}: {}", self.problem),
        }
    }
}

impl std::error::Error for ReadError {}
