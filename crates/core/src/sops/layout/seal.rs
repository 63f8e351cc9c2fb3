//! Encrypting in place, for the first time and again.

use super::edits::Edits;
use super::edits::scan;
use super::leaves::{self, Leaf};
use super::locate::{Parts, Places, locate};
use super::token::{Source, Spellings, put};
use super::{Error, entry};
use crate::sops::second_seal::{self, Context};
use crate::sops::{DataKey, Format, Indents, Metadata, Nonces, Tree, encrypt};

/// What a file is encrypted with.
pub struct Sealing<'a> {
    /// The file's data key.
    pub key: &'a DataKey,
    /// Of the values that were decrypted from the file before: what did not change keeps its ciphertext.
    pub nonces: &'a Nonces,
    /// Now, RFC 3339 in UTC with seconds; `None` leaves the time that the file has, if it has one.
    pub now: Option<&'a str>,
    /// What the second seal is bound to.
    pub context: Context<'a>,
}

/// An encrypted file that a new one takes the place of, and what it holds.
pub struct Before<'a> {
    /// Its bytes.
    pub text: &'a [u8],
    /// Its values.
    pub plain: &'a Tree,
}

/// Encrypts a plain file. With `before`, what has not changed is kept as it is there: ciphertexts, the `sops` entry, and if nothing has
/// changed, the time too.
///
/// # Errors
/// [`Error`]; then there is nothing to be written.
pub fn add(
    format: Format,
    text: &[u8],
    metadata: &mut Metadata,
    sealing: &Sealing<'_>,
    before: Option<&Before<'_>>,
) -> Result<Vec<u8>, Error> {
    let places = locate(format, text)?;
    if places.entries.iter().any(Option::is_some) {
        return Err(Error::Taken { path: "sops".to_owned() });
    }
    // How they are written is settled by the first draft of the entry.
    if metadata.mac.is_empty() {
        "ENC[AES256_GCM]".clone_into(&mut metadata.mac);
    }
    if let (true, Some(now)) = (metadata.last_modified.is_empty(), sealing.now) {
        now.clone_into(&mut metadata.last_modified);
    }
    let old = before.map(|before| locate(format, before.text).map(|places| (before, places))).transpose()?;
    let raw = old.as_ref().and_then(|(before, places)| entry::raw(before.text, places));
    let spellings = old.as_ref().map(|(before, places)| Spellings::of(format, before.text, places));
    let text = entry::insert(format, text, &places, metadata, raw)?;
    let indent = old.as_ref().map_or(places.indent, |(_, places)| places.indent);

    // Comments may belong elsewhere now that there is an entry behind them: what is encrypted is what sops will read.
    let places = locate(format, &text)?;
    let parts = places.parts(format);
    let plain = parts.body.clone();
    let unchanged = before.is_some_and(|before| same(before.plain, &plain));
    let source = Source { format, text: &text, indent, spellings: spellings.as_ref() };
    finish(source, &places, &parts, &plain, metadata, sealing, unchanged)
}

/// Encrypts a file that is encrypted, with other values: `plain` has the shape of the tree in `text`, and what does not
/// change there keeps its ciphertext.
///
/// # Errors
/// [`Error`]; then there is nothing to be written.
pub fn again(
    format: Format,
    text: &[u8],
    plain: &Tree,
    metadata: &mut Metadata,
    sealing: &Sealing<'_>,
) -> Result<Vec<u8>, Error> {
    let places = locate(format, text)?;
    let parts = places.parts(format);
    let spellings = Spellings::of(format, text, &places);
    let source = Source { format, text, indent: places.indent, spellings: Some(&spellings) };
    finish(source, &places, &parts, plain, metadata, sealing, false)
}

/// Puts other metadata into an encrypted file, in the place of its own: lines that say the same stay as they are.
///
/// # Errors
/// [`Error`]; then there is nothing to be written.
pub fn replace_metadata(bytes: &[u8], format: Format, metadata: &Metadata) -> Result<Vec<u8>, Error> {
    let (tree, _) = format.load_encrypted(bytes)?;
    if format == Format::Binary {
        return Ok(format.emit_encrypted(tree, metadata, Indents::default())?);
    }
    let places = locate(format, bytes)?;
    let parts = places.parts(format);
    let source = Source { format, text: bytes, indent: places.indent, spellings: None };
    let mut edits = Edits::default();
    entry::update(source, &places, &parts, metadata, &mut edits)?;
    let result = entry::apply(bytes, edits)?;
    verify(format, &result, &tree, metadata)?;
    Ok(result.to_vec())
}

/// Whether two trees are the same.
fn same(a: &Tree, b: &Tree) -> bool {
    a.documents.len() == b.documents.len() && a.documents.iter().zip(&b.documents).all(|(a, b)| leaves::same(a, b))
}

pub(super) fn finish(
    source: Source<'_>,
    places: &Places,
    parts: &Parts,
    plain: &Tree,
    metadata: &mut Metadata,
    sealing: &Sealing<'_>,
    unchanged: bool,
) -> Result<Vec<u8>, Error> {
    let Source { format, text, .. } = source;
    let mut sealed: Tree = plain.clone();
    let mac = encrypt(&mut sealed, sealing.key, metadata, sealing.nonces)?;
    if !(unchanged && metadata.check_mac(sealing.key, &mac).is_ok()) {
        if let Some(now) = sealing.now {
            now.clone_into(&mut metadata.last_modified);
        }
        metadata.set_mac(sealing.key, &mac)?;
    }
    second_seal::renew(plain, metadata, sealing.key, sealing.context)?;

    let mut edits = Edits::default();
    let mut encrypted = Vec::new();
    put_leaves(source, places, parts, &sealed, &mut edits, &mut encrypted)?;
    refuse_aliases(text, places, &edits)?;
    refuse_lost_comments(text, places, &encrypted)?;
    entry::update(source, places, parts, metadata, &mut edits)?;
    let result = entry::apply(text, edits)?;
    verify(format, &result, &sealed, metadata)?;
    Ok(result.to_vec())
}

/// The edits for the leaves that differ. `encrypted` gets the places of those that are encrypted afterwards.
fn put_leaves(
    source: Source<'_>,
    places: &Places,
    parts: &Parts,
    sealed: &Tree,
    edits: &mut Edits,
    encrypted: &mut Vec<usize>,
) -> Result<(), Error> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    parts.body.documents.iter().for_each(|document| leaves::of_branch(document, &mut old));
    sealed.documents.iter().for_each(|document| leaves::of_branch(document, &mut new));
    if old.len() != new.len() {
        return Err(Error::Differs(String::new()));
    }
    for ((old, new), index) in old.iter().zip(&new).zip(&parts.body_leaves) {
        let place = &places.leaves[*index];
        if new.text().is_some_and(crate::sops::is_sealed) {
            encrypted.push(*index);
        }
        if !old.is_same(new) {
            if place.through_alias {
                return Err(Error::Alias { line: scan::line(source.text, place.span.start) });
            }
            let new = match new {
                // In a map, an encrypted comment is a comment; in a list, sops has it as a text.
                Leaf::Value(value) if place.is_comment => Leaf::Value(value),
                other => *other,
            };
            put(source, place, &new, edits)?;
        }
    }
    Ok(())
}

/// An anchored value that changes here would change wherever its alias stands.
fn refuse_aliases(text: &[u8], places: &Places, edits: &Edits) -> Result<(), Error> {
    if edits.is_empty() {
        return Ok(());
    }
    match places.leaves.iter().find(|place| place.through_alias && edits.touch(&place.span)) {
        Some(place) => Err(Error::Alias { line: scan::line(text, place.span.start) }),
        None => Ok(()),
    }
}

/// A comment that is not in the tree is not encrypted; among encrypted values it may be meant to be.
fn refuse_lost_comments(text: &[u8], places: &Places, encrypted: &[usize]) -> Result<(), Error> {
    for lost in &places.lost {
        let before = places.leaves.iter().enumerate().filter(|(_, place)| place.span.end <= lost.start);
        let after = places.leaves.iter().enumerate().filter(|(_, place)| place.span.start >= lost.end);
        let before = before.max_by_key(|(_, place)| place.span.end);
        let after = after.min_by_key(|(_, place)| place.span.start);
        if [before, after].into_iter().flatten().any(|(index, _)| encrypted.contains(&index)) {
            return Err(Error::LostComment { line: scan::line(text, lost.start) });
        }
    }
    Ok(())
}

/// Reads the result as anybody will, and compares.
fn verify(format: Format, result: &[u8], sealed: &Tree, metadata: &Metadata) -> Result<(), Error> {
    let differs = |why: &str| Error::Differs(format!(" ({why})"));
    let (tree, read) = format.load_encrypted(result).map_err(|_| differs("it could not be read"))?;
    if read.to_branch() != metadata.to_branch() {
        return Err(differs("in the sops entry"));
    }
    if !same(&tree, sealed) {
        return Err(differs(&first_difference(&tree, sealed)));
    }
    Ok(())
}

/// The number of the first leaf that differs, for people who report it.
fn first_difference(a: &Tree, b: &Tree) -> String {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    a.documents.iter().for_each(|document| leaves::of_branch(document, &mut old));
    b.documents.iter().for_each(|document| leaves::of_branch(document, &mut new));
    let at = old.iter().zip(&new).position(|(a, b)| !a.is_same(b));
    at.map_or_else(|| "in its shape".to_owned(), |at| format!("at value {} of the file", at + 1))
}
