//! The `sops` entry among a file's items: taken out when it is read, put in when it is written.

use zeroize::Zeroizing;

use crate::sops::metadata::flat;
use crate::sops::{Branch, Error, Item, Metadata, Tree, Value};

/// How a format nests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flatness {
    /// Maps and lists as they are.
    Nested,
    /// The entry is a section of flat names (INI); newlines in values are written as `\n`.
    BelowEntry,
    /// Flat names with the prefix `sops_` (dotenv).
    Full,
}

const NAME: &str = "sops";
const PREFIX: &str = "sops_";

/// Takes the entry out of every document and reads that of the first.
pub(super) fn extract(tree: &mut Tree, flatness: Flatness) -> Result<Metadata, Error> {
    let entry = match flatness {
        Flatness::Full => prefixed(tree),
        _ => named(tree)?,
    };
    let entry = entry.ok_or(Error::MetadataNotFound)?;
    Metadata::from_branch(&match flatness {
        Flatness::Nested => entry,
        Flatness::BelowEntry => flat::unflatten(with_newlines(entry, b"\\n", b"\n"))?,
        Flatness::Full => flat::unflatten(entry)?,
    })
}

fn named(tree: &mut Tree) -> Result<Option<Branch>, Error> {
    let mut entry = None;
    for (index, document) in tree.documents.iter_mut().enumerate() {
        for item in document.extract_if(.., |item| item.name() == Some(NAME)) {
            if index > 0 {
                continue;
            }
            let Value::Map(branch) = item.value else {
                return Err(Error::Metadata("Found sops entry that is not a mapping".to_owned()));
            };
            if entry.replace(branch).is_some() {
                return Err(Error::Metadata("Found duplicate sops entry".to_owned()));
            }
        }
    }
    Ok(entry)
}

fn prefixed(tree: &mut Tree) -> Option<Branch> {
    let document = tree.documents.first_mut()?;
    let is_ours = |item: &mut Item| item.name().is_some_and(|name| name.starts_with(PREFIX));
    let entry: Branch = document
        .extract_if(.., is_ours)
        .map(|item| {
            let name = item.name().map_or("", |name| &name[PREFIX.len()..]).to_owned();
            Item::new(name, item.value)
        })
        .collect();
    (!entry.is_empty()).then_some(entry)
}

/// Puts the entry behind the items of every document.
pub(super) fn embed(tree: &mut Tree, metadata: &Metadata, flatness: Flatness) -> Result<(), Error> {
    let entry = metadata.to_branch();
    let entry = match flatness {
        Flatness::Nested => vec![Item::new(NAME, Value::Map(entry))],
        Flatness::BelowEntry => {
            vec![Item::new(NAME, Value::Map(with_newlines(flat::flatten(entry), b"\n", b"\\n")))]
        }
        Flatness::Full => flat::flatten(entry)
            .into_iter()
            .map(|item| {
                let name = format!("{PREFIX}{}", item.name().unwrap_or_default());
                Item::new(name, item.value)
            })
            .collect(),
    };
    for document in &mut tree.documents {
        for name in document.iter().filter_map(Item::name) {
            if flatness == Flatness::Full && name.starts_with(PREFIX) {
                let text = format!(
                    "Error marshaling metadata: Found key {name:?} in encrypted data, which starts with the reserved key prefix {PREFIX:?} for SOPS metadata"
                );
                return Err(Error::Unwritable(text));
            }
            if flatness != Flatness::Full && name == NAME {
                let text = format!(
                    "Error marshaling metadata: Found key {NAME:?} in encrypted data, which is a reserved key used for SOPS metadata"
                );
                return Err(Error::Unwritable(text));
            }
        }
        document.extend(entry.iter().cloned());
    }
    Ok(())
}

/// Replaces newlines in texts by their escape or the other way round.
fn with_newlines(branch: Branch, from: &[u8], to: &[u8]) -> Branch {
    let mut branch = branch;
    for item in &mut branch {
        if let Value::Text(text) = &mut item.value {
            let mut replaced = Zeroizing::new(Vec::with_capacity(text.len() * 2));
            let mut rest = text.as_slice();
            while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
                replaced.extend_from_slice(&rest[..at]);
                replaced.extend_from_slice(to);
                rest = &rest[at + from.len()..];
            }
            replaced.extend_from_slice(rest);
            *text = replaced;
        }
    }
    branch
}
