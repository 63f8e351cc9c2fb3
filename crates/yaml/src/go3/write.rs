//! From nodes to bytes, as go-yaml v3's encoder writes them.

use zeroize::Zeroizing;

use super::{Document, Node, ScalarStyle};

/// Writes documents, `---` between them, `indent` spaces for each level, lists indented under their key, lines never folded.
///
/// # Errors
/// A text that says what cannot be written.
pub fn write(_documents: &[Document], _indent: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    Ok(Zeroizing::default())
}

/// The style (and tag) that go-yaml v3 chooses when it encodes a Go string: plain where it reads back as text, else quoted or literal;
/// `!!binary` with base64 for bytes that are no UTF-8.
#[must_use]
pub fn plain_or_quoted(_text: &[u8]) -> (ScalarStyle, Option<&'static str>) {
    (ScalarStyle::Plain, None)
}

/// Keeps the signature of a scalar node in one place.
#[allow(dead_code, reason = "used by the writer when it stands")]
fn unused(_node: &Node) {}
