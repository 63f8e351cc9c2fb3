//! What was found, and where.

use bulla_yaml::Position;

use super::rules::{Rule, Severity};

/// One thing that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) severity: Severity,
    /// As it was named or found.
    pub(crate) file: String,
    /// None: the file as a whole.
    pub(crate) at: Option<Position>,
    /// `shop/db`, or nothing.
    pub(crate) object: String,
    /// The item's key, or nothing.
    pub(crate) key: String,
    /// Lower case, without a full stop, and without a byte of a value.
    pub(crate) message: String,
}

impl Finding {
    /// Of the rule's usual severity.
    pub(crate) fn new(rule: Rule, file: &str, at: Option<Position>, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: rule.severity(),
            file: file.to_owned(),
            at,
            object: String::new(),
            key: String::new(),
            message: message.into(),
        }
    }

    /// Whose finding it is.
    #[must_use]
    pub(crate) fn of(mut self, object: &str, key: &str) -> Self {
        (self.object, self.key) = (object.to_owned(), key.to_owned());
        self
    }

    /// `shop/db: password: cut`
    pub(crate) fn words(&self) -> String {
        let parts = [self.object.as_str(), self.key.as_str(), self.message.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }

    /// Line and column, the first character of the file if the whole file is meant.
    pub(crate) fn place(&self) -> (usize, usize) {
        self.at.map_or((1, 1), |at| (at.line, at.column))
    }
}
