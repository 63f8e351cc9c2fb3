//! The second seal: digests in the extension key `bulla` of the metadata, over what the MAC does not cover. docs/second-seal.md has the
//! format, and what it is good for.
//!
//! Which way the data goes: `lines` makes a tree and its metadata into lines, `object` a document into what an API server keeps of
//! it; `digest` makes both into digests under a key derived from the data key; `text` is how they stand in the file; `compare` finds
//! the place that differs.

mod compare;
mod digest;
mod lines;
mod object;
mod text;

use self::digest::SealKey;
use self::lines::Covered;
use self::text::{Read, Seal};
use super::{Branch, DataKey, Error, Metadata, Tree, Value};

/// What the seal of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is none: the file was written by sops, or by bulla and then by sops.
    NotSealed,
    /// It is of a version that this bulla does not know.
    Unknown,
    /// The file is as it was sealed.
    Intact,
    /// It is not. At least one breach.
    Broken(Vec<Breach>),
}

/// Where a file differs from what was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What differs, in words: `clear value changed`.
    pub rule: &'static str,
    /// Where; empty if it is the file as a whole, or cannot be told.
    pub path: String,
}

/// What a seal states beside its digests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The path of the file in the repository, with `/`; recorded, and enforced only on request.
    pub path: Option<&'a str>,
    /// Whether comments in encrypted positions are clear on purpose.
    pub clear_comments: bool,
}

/// Whether a file has a second seal of a version that is known here. Whoever opens it checks it.
#[must_use]
pub fn is_there(metadata: &Metadata) -> bool {
    matches!(read(metadata), Some(Read::Seal(_) | Read::Malformed))
}

/// Whether the file states that its comments are clear on purpose. Only a seal that is intact makes that true.
#[must_use]
pub fn states_clear_comments(metadata: &Metadata) -> bool {
    matches!(read(metadata), Some(Read::Seal(seal)) if seal.clear_comments)
}

/// The path that was recorded when the file was sealed.
#[must_use]
pub fn recorded_path(metadata: &Metadata) -> Option<String> {
    match read(metadata) {
        Some(Read::Seal(seal)) => seal.path,
        _ => None,
    }
}

/// The generation of a file's seal: a file with a lower one is older. Only a seal that is intact makes that true.
#[must_use]
pub fn generation(metadata: &Metadata) -> Option<u64> {
    match read(metadata) {
        Some(Read::Seal(seal)) => Some(seal.generation),
        _ => None,
    }
}

/// Puts a new seal into the metadata. `tree` and the metadata are the plaintext as it is read back from the bytes that are to be
/// written: what a store does to comments and numbers on the way is not a change.
///
/// # Errors
/// [`Error::RandomGenerator`], [`Error::InvalidRegex`].
pub fn renew(tree: &Tree, metadata: &mut Metadata, key: &DataKey, context: Context<'_>) -> Result<(), Error> {
    let mut salt = [0; text::SALT_BYTES];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| Error::RandomGenerator)?;
    let seal_key = SealKey::derive(key, &salt);
    let selection = metadata.selector.compile()?;
    let Context { path, clear_comments } = context;
    let generation = next_generation(metadata);
    let covered = Covered { tree, metadata, selection: &selection, generation, clear_comments, path };
    let seal = Seal {
        salt,
        generation,
        objects: tree.documents.iter().map(|document| object::digest(document, &seal_key)).collect(),
        file: covered.digest(&seal_key),
        tags: covered.tags(&seal_key),
        clear_comments,
        path: path.map(str::to_owned),
    };
    metadata.extension = Some(Value::text(seal.print()));
    Ok(())
}

/// Holds a decrypted tree against the seal.
///
/// # Errors
/// [`Error::InvalidRegex`] if the selector is none.
pub fn check(tree: &Tree, metadata: &Metadata, key: &DataKey) -> Result<Verdict, Error> {
    let seal = match read(metadata) {
        None => return Ok(Verdict::NotSealed),
        Some(Read::Unknown) => return Ok(Verdict::Unknown),
        Some(Read::Malformed) => {
            return Ok(Verdict::Broken(vec![Breach { rule: "the seal itself is damaged", path: String::new() }]));
        }
        Some(Read::Seal(seal)) => seal,
    };
    let seal_key = SealKey::derive(key, &seal.salt);
    let selection = metadata.selector.compile()?;
    let (clear_comments, path) = (seal.clear_comments, seal.path.as_deref());
    let generation = seal.generation;
    let covered = Covered { tree, metadata, selection: &selection, generation, clear_comments, path };
    let file = digest::equal(&covered.digest(&seal_key), &seal.file);
    let objects = seal.objects.len() == tree.documents.len()
        && tree
            .documents
            .iter()
            .zip(&seal.objects)
            .all(|(document, sealed)| digest::equal(&object::digest(document, &seal_key), sealed));
    if file && objects {
        return Ok(Verdict::Intact);
    }
    if file {
        // Nobody without the data key makes one digest right and the other wrong.
        return Ok(Verdict::Broken(vec![Breach { rule: "the seal itself is damaged", path: String::new() }]));
    }
    Ok(Verdict::Broken(match &seal.tags {
        Some(tags) => compare::breaches(&covered, &seal_key, tags),
        None => vec![Breach { rule: "structure or a clear value changed", path: String::new() }],
    }))
}

/// Whether one decrypted document is an object that was sealed in this file, whatever happened to its comments, its order, and what an
/// API server owns: for those who get a manifest and not a file.
#[must_use]
pub fn holds_object(document: &Branch, metadata: &Metadata, key: &DataKey) -> bool {
    let Some(Read::Seal(seal)) = read(metadata) else { return false };
    let is = object::digest(document, &SealKey::derive(key, &seal.salt));
    seal.objects.iter().any(|sealed| digest::equal(sealed, &is))
}

/// One more than before, and at least the seconds of `lastmodified`: so it goes on where sops dropped the seal and set the time.
fn next_generation(metadata: &Metadata) -> u64 {
    let modified = metadata.last_modified.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
    let next = generation(metadata).map_or(0, |generation| generation.saturating_add(1));
    next.max(u64::try_from(modified).unwrap_or(0))
}

fn read(metadata: &Metadata) -> Option<Read> {
    Some(match metadata.extension.as_ref()? {
        Value::Text(text) => std::str::from_utf8(text).map_or(Read::Unknown, Seal::read),
        _ => Read::Unknown,
    })
}

#[cfg(test)]
mod tests;
