//! Decrypting in place: values return to where their ciphertexts stand, and the `sops` entry goes.

use zeroize::Zeroizing;

use super::edits::Edits;
use super::leaves;
use super::locate::locate;
use super::token::{Source, put};
use super::{Error, entry};
use crate::sops::{Format, Tree};

/// The plain file behind an encrypted one: `plain` are its values, decrypted from the tree that the store reads from `text`.
///
/// # Errors
/// [`Error`]: then the layout of sops ([`Format::emit_plain`]) is the way out.
pub fn open(format: Format, text: &[u8], plain: &Tree) -> Result<Zeroizing<Vec<u8>>, Error> {
    let places = locate(format, text)?;
    let parts = places.parts(format);
    let mut edits = Edits::default();
    let source = Source { format, text, indent: places.indent, spellings: None };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    parts.body.documents.iter().for_each(|document| leaves::of_branch(document, &mut old));
    plain.documents.iter().for_each(|document| leaves::of_branch(document, &mut new));
    if old.len() != new.len() {
        return Err(Error::Differs(String::new()));
    }
    for ((old, new), index) in old.iter().zip(&new).zip(&parts.body_leaves) {
        if !old.is_same(new) {
            put(source, &places.leaves[*index], new, &mut edits)?;
        }
    }
    entry::remove(&places, &mut edits);
    let result = entry::apply(text, edits)?;

    let again = format.load_plain(&result);
    let same = |tree: &Tree| {
        tree.documents.len() == plain.documents.len()
            && tree.documents.iter().zip(&plain.documents).all(|(a, b)| leaves::same_but_comments(a, b))
    };
    match again {
        Ok(tree) if same(&tree) => Ok(result),
        // A file with nothing but the entry.
        Err(crate::sops::Error::Empty) if plain.documents.iter().all(Vec::is_empty) => Ok(result),
        _ => Err(Error::Differs(String::new())),
    }
}
