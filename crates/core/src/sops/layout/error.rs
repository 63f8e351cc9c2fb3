//! What keeps a file from being written in its own layout. Messages name lines and keys, never values.

/// A file cannot be changed in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The format's own reasons.
    #[error(transparent)]
    Sops(#[from] crate::sops::Error),
    /// An alias or merge key in an encrypted branch, or an anchor whose value would be encrypted once and used twice.
    #[error("line {line}: an alias or merge key reaches a value that is to be encrypted")]
    Alias {
        /// Where.
        line: usize,
    },
    /// A comment that sops loses stands among encrypted values: it would stay readable, and go with the next write of sops.
    #[error("line {line}: a comment stands where sops loses it, among values that are to be encrypted")]
    LostComment {
        /// Where.
        line: usize,
    },
    /// A layout that the rules do not know.
    #[error("line {line}: {what} cannot be edited in place")]
    Layout {
        /// Where.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// The result reads differently from what was asked for.
    #[error("the file cannot be edited in place: the result would read differently{0}")]
    Differs(String),
    /// A path that leads nowhere.
    #[error("there is no {path}")]
    NoSuchPath {
        /// As far as it was followed.
        path: String,
    },
    /// A path through something that is neither a map nor a list.
    #[error("{path} is {found}, and has nothing below it")]
    NotAContainer {
        /// What it is the path of.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// A key of this name is there already.
    #[error("{path} is there already")]
    Taken {
        /// The path.
        path: String,
    },
    /// A place in a list cannot be given another name, say.
    #[error("{0}")]
    Refused(String),
}
