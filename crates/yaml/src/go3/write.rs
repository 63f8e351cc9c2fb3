//! From nodes to bytes, as go-yaml v3's encoder writes them.
//!
//! Which way the data goes: nodes ([`write()`]) or a caller's own tree → `encoder` (what stands where: levels, indicators, comments) →
//! `scalar` (which quotes a text needs) and `styles` (how it looks in them) → `lines` (columns, indentation, line breaks).
//!
//! In three places the output differs from go-yaml on purpose, each time because go-yaml's own reader refuses what go-yaml writes, or reads
//! another text: the digit of a block scalar inside a list is its real indentation; text that begins with a tab gets that digit too (sops
//! prints `null` for such a value); a text with two lines of comment behind it is quoted (the second line would become part of a block).

mod encoder;
mod lines;
mod scalar;
mod styles;

use zeroize::Zeroizing;

pub use self::encoder::{Encoder, Notes};
pub use self::scalar::plain_or_quoted;
use super::{Comments, Document, Kind, Node, ScalarStyle};

/// Writes documents, `---` between them, `indent` spaces for each level (2 to 9; anything else is 2), lists indented under their key,
/// lines never folded.
///
/// # Errors
/// A text that says what cannot be written: the name of an anchor.
pub fn write(documents: &[Document], indent: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let size = documents.iter().filter_map(|document| document.root.as_ref()).map(size_hint).sum();
    let mut encoder = Encoder::new(indent, size);
    for document in documents {
        encoder.begin_document(document.comments.head.clone());
        match &document.root {
            Some(root) => node(&mut encoder, root)?,
            None => encoder.plain("", Notes::default()),
        }
        encoder.end_document(document.comments.foot.clone());
    }
    Ok(encoder.finish())
}

fn node(encoder: &mut Encoder, node: &Node) -> Result<(), String> {
    let notes = Notes::from(&node.comments);
    let mark = encoder::Mark { tag: tag(node), anchor: name(&node.anchor)? };
    match &node.kind {
        Kind::Scalar { text, style } => encoder.scalar(text, *style, mark, notes),
        Kind::Alias { name: alias, .. } => encoder.alias(name(alias)?, notes),
        Kind::Sequence { items, flow } => {
            encoder.begin_sequence(encoder::Shape { flow: *flow, empty: items.is_empty() }, mark, notes);
            for item in items {
                self::node(encoder, item)?;
            }
            encoder.end();
        }
        Kind::Mapping { entries, flow } => {
            encoder.begin_mapping(encoder::Shape { flow: *flow, empty: entries.is_empty() }, mark, notes);
            for (key, value) in entries {
                self::node(encoder, key)?;
                self::node(encoder, value)?;
            }
            encoder.end();
        }
    }
    Ok(())
}

/// What is written before a node. A lone `!` says nothing that the quotes do not say; a plain `<<` is a merge key wherever it stands.
fn tag(node: &Node) -> &str {
    match &node.kind {
        Kind::Scalar { text, style: ScalarStyle::Plain }
            if node.tag.trim_start_matches('!').is_empty() && **text == "<<" =>
        {
            scalar::MERGE
        }
        _ if node.tag == "!" => "",
        _ => &node.tag,
    }
}

fn name(name: &str) -> Result<&str, String> {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        Ok(name)
    } else {
        Err("the name of an anchor may hold letters, digits, - and _ only".to_owned())
    }
}

/// A guess at the written size in bytes, so that the buffer seldom grows.
fn size_hint(node: &Node) -> usize {
    let comments = node.comments.head.len() + node.comments.line.len() + node.comments.foot.len();
    16 + comments
        + match &node.kind {
            Kind::Scalar { text, .. } => text.len() + text.len() / 8,
            Kind::Alias { name, .. } => name.len(),
            Kind::Sequence { items, .. } => items.iter().map(size_hint).sum(),
            Kind::Mapping { entries, .. } => entries.iter().map(|(key, value)| size_hint(key) + size_hint(value)).sum(),
        }
}

impl From<&Comments> for Notes {
    fn from(comments: &Comments) -> Self {
        Self { head: comments.head.clone(), line: comments.line.clone(), foot: comments.foot.clone() }
    }
}
