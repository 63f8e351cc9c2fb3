//! From bytes to documents.

use super::Node;
use crate::{Error, Limits};

/// A document: the node at its root (`None` if it is empty), and the comments that go-yaml attaches to the document itself.
pub struct Document {
    /// The value.
    pub root: Option<Node>,
    /// Head and foot comments of the document node.
    pub comments: super::Comments,
}

/// Reads all documents of a file.
///
/// # Errors
/// [`Error`] with line and column.
pub fn read(_bytes: &[u8], _limits: &Limits) -> Result<Vec<Document>, Error> {
    Ok(Vec::new())
}
