//! Errors: key, position, function and a reason that is made of the template and of type names, never of a value.

use std::borrow::Cow;

/// Why a template did not parse or run.
///
/// The text begins as Go's: `template: KEY:LINE: …` for a parse error, and
/// `template: KEY:LINE:COL: executing "NAME" at <…>: error calling FUNCTION: …` for an execution error. What is between
/// `<` and `>` is the template's own text, which is as public as the manifest. Where Go would print a value, or the text
/// given to `fail`, there is a reason without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a template, or it names a function or a variable that does not exist.
    #[error("template: {key}:{line}: {reason}")]
    Parse {
        /// The key of the template.
        key: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong, in Go's words.
        reason: String,
    },
    /// An action failed while the template ran.
    #[error("template: {at}{}: {reason}", function.as_ref().map(|name| format!(": error calling {name}")).unwrap_or_default())]
    Execute {
        /// Where.
        at: Box<Position>,
        /// The function that failed, if it was one.
        function: Option<String>,
        /// What is wrong.
        reason: String,
    },
    /// The render used more than its [`crate::Budget`].
    #[error("template: {at}: the render is over its budget of {limit}")]
    Budget {
        /// Where.
        at: Box<Position>,
        /// Which limit: steps, time, memory, output, depth, password hashes, key generation.
        limit: &'static str,
    },
}

/// Where in a template an execution error happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The key of the template.
    pub key: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 0, as Go counts it.
    pub column: usize,
    /// The name of the template that was running: the key, or a name given by `define`.
    pub executing: String,
    /// The action or argument, as the template states it.
    pub context: String,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, line, column, executing, context } = self;
        let executing = crate::parse::literal::quote(executing);
        write!(f, "{key}:{line}:{column}: executing {executing} at <{context}>")
    }
}

impl Error {
    /// The key of the template.
    pub fn key(&self) -> &str {
        match self {
            Self::Parse { key, .. } => key,
            Self::Execute { at, .. } | Self::Budget { at, .. } => &at.key,
        }
    }

    /// The function that failed, if it was one.
    pub fn function(&self) -> Option<&str> {
        match self {
            Self::Execute { function, .. } => function.as_deref(),
            Self::Parse { .. } | Self::Budget { .. } => None,
        }
    }
}

/// Why a function failed, before it is known where. The reason is made of constants and type names only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fail {
    Reason(Cow<'static, str>),
    Budget(&'static str),
}

impl Fail {
    pub(crate) const fn new(reason: &'static str) -> Self {
        Self::Reason(Cow::Borrowed(reason))
    }

    /// A reason with type names in it. Not for values.
    pub(crate) fn reason(reason: String) -> Self {
        Self::Reason(Cow::Owned(reason))
    }
}
