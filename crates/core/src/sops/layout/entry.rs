//! The `sops` entry as text: made, put into a document, taken out, and brought up to date.

use zeroize::Zeroizing;

use super::Error;
use super::edits::{Edits, scan};
use super::leaves;
use super::locate::{Parts, Places, SlotKind};
use super::token::{Source, put};
use crate::sops::{Branch, Format, Indents, Item, Metadata, Tree, Value};

/// How many spaces a level has where a file does not show it: as sops writes it.
const INDENT: usize = 4;

/// The entry in the layout of a slot, without what separates it from the entry before.
pub(super) fn text(format: Format, metadata: &Metadata, kind: &SlotKind, indent: usize) -> Result<String, Error> {
    let empty = Tree { documents: vec![Branch::new()] };
    let indent = if indent == 0 { INDENT } else { indent };
    match kind {
        SlotKind::Lines => {
            let indents = Indents { yaml: indent, ..Indents::default() };
            let text = format.emit_encrypted(empty, metadata, indents)?;
            Ok(String::from_utf8_lossy(&text).trim_start_matches('\n').to_owned())
        }
        SlotKind::Braces { separator, .. } => {
            let level: String = separator.rsplit('\n').next().unwrap_or_default().to_owned();
            let tabs = format == Format::Json && level.starts_with('\t');
            let json = if tabs { -1 } else { i32::try_from(level.len().clamp(1, 16)).unwrap_or(2) };
            let whole = Format::Json.emit_encrypted(empty, metadata, Indents { json, ..Indents::default() })?;
            let whole = String::from_utf8_lossy(&whole).into_owned();
            let entry = whole.trim().strip_prefix('{').and_then(|inside| inside.strip_suffix('}')).unwrap_or_default();
            let entry = entry.trim().to_owned();
            Ok(if separator.is_empty() { compact(&entry) } else { entry })
        }
    }
}

/// How the lines of an entry end. To dotenv, a carriage return is part of a value.
fn line_break(format: Format, text: &[u8]) -> &'static str {
    if format == Format::Dotenv { "\n" } else { scan::line_break(text) }
}

/// JSON on one line: no string of ours has a line break in it.
fn compact(entry: &str) -> String {
    entry.lines().map(str::trim).collect()
}

/// Puts an entry into every document that has none. `raw`: as it stands in another file.
pub(super) fn insert(
    format: Format,
    text: &[u8],
    places: &Places,
    metadata: &Metadata,
    raw: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut edits = Edits::default();
    let line_break = line_break(format, text);
    for (slot, entry) in places.slots.iter().zip(&places.entries) {
        if entry.is_some() {
            continue;
        }
        let entry = match raw {
            Some(raw) => String::from_utf8_lossy(raw).into_owned(),
            None => scan::with_breaks(&self::text(format, metadata, &slot.kind, places.indent)?, line_break),
        };
        let entry = match &slot.kind {
            SlotKind::Lines => {
                let before = text[..slot.at].last().copied();
                if before.is_none_or(|byte| byte == b'\n') {
                    // Whatever follows begins on a line of its own.
                    if entry.ends_with('\n') { entry } else { entry + line_break }
                } else {
                    // A file without a line break at its end has none afterwards either, so that the way back is the same.
                    format!("{line_break}{}", entry.trim_end_matches(['\n', '\r']))
                }
            }
            SlotKind::Braces { separator, first: true } => format!("{separator}{entry}"),
            SlotKind::Braces { separator, first: false } => format!(",{separator}{entry}"),
        };
        edits.replace(slot.at..slot.at, entry);
    }
    apply(text, edits)
}

/// Takes the entries out.
pub(super) fn remove(places: &Places, edits: &mut Edits) {
    for piece in places.entries.iter().flatten().flat_map(|entry| &entry.pieces) {
        edits.remove(piece.clone());
    }
}

/// Brings the entries up to date: value by value where only those have changed that change with every write, else as a whole.
pub(super) fn update(
    source: Source<'_>,
    places: &Places,
    parts: &Parts,
    metadata: &Metadata,
    edits: &mut Edits,
) -> Result<(), Error> {
    let wanted = entry_items(source.format, metadata)?;
    let all: Vec<&Branch> = parts.metadata.iter().collect();
    let targets: Option<Vec<Branch>> = all.iter().map(|old| patched(source.format, old, metadata, &wanted)).collect();
    let Some(targets) = targets else { return rewrite(source, places, metadata, edits) };
    let (mut old, mut new) = (Vec::new(), Vec::new());
    all.iter().for_each(|branch| leaves::of_branch(branch, &mut old));
    targets.iter().for_each(|branch| leaves::of_branch(branch, &mut new));
    for ((old, new), index) in old.iter().zip(&new).zip(&parts.metadata_leaves) {
        if !old.is_same(new) {
            put(source, &places.leaves[*index], new, edits)?;
        }
    }
    Ok(())
}

/// The items that carry the metadata, as the store reads them.
fn entry_items(format: Format, metadata: &Metadata) -> Result<Branch, Error> {
    let empty = Tree { documents: vec![Branch::new()] };
    let text = format.emit_encrypted(empty, metadata, Indents::default())?;
    let tree = format.load_plain(&text)?;
    let first = tree.documents.into_iter().next().unwrap_or_default();
    Ok(first.into_iter().filter(|item| super::locate::is_metadata(format, item)).collect())
}

/// The items of a document with the values that change with every write; `None` if more than those differ.
fn patched(format: Format, old: &Branch, metadata: &Metadata, wanted: &Branch) -> Option<Branch> {
    let mut patched = old.clone();
    match format {
        Format::Yaml | Format::Json => {
            let Value::Map(entry) = &mut patched.first_mut()?.value else { return None };
            let before = Metadata::from_branch(entry).ok()?;
            let Value::Map(new) = &wanted.first()?.value else { return None };
            let rest_is_same = Metadata {
                last_modified: metadata.last_modified.clone(),
                mac: metadata.mac.clone(),
                extension: metadata.extension.clone(),
                ..before
            }
            .to_branch()
                == metadata.to_branch();
            if !rest_is_same || !before_unknown(entry, new) {
                return None;
            }
            for item in entry.iter_mut() {
                let Some(name) = item.name() else { continue };
                if ["lastmodified", "mac", "bulla"].contains(&name) {
                    let value = &new.iter().find(|new| new.name() == Some(name))?.value;
                    if !same_shape(&item.value, value) {
                        return None;
                    }
                    item.value = value.clone();
                }
            }
        }
        Format::Dotenv | Format::Ini | Format::Binary => {
            let mut flat: Vec<&mut Item> = Vec::new();
            for item in &mut patched {
                if item.value.is_complex() {
                    let Value::Map(branch) = &mut item.value else { return None };
                    flat.extend(branch.iter_mut());
                } else {
                    flat.push(item);
                }
            }
            let mut new: Vec<&Item> = Vec::new();
            for item in wanted {
                match &item.value {
                    Value::Map(branch) => new.extend(branch),
                    _ => new.push(item),
                }
            }
            if flat.len() != new.len() {
                return None;
            }
            for item in flat {
                item.value = new.iter().find(|new| new.key == item.key)?.value.clone();
            }
        }
    }
    Some(patched)
}

/// Whether the entry has the extension key exactly if the new one has it.
fn before_unknown(old: &Branch, new: &Branch) -> bool {
    let has = |branch: &Branch| branch.iter().any(|item| item.name() == Some("bulla"));
    has(old) == has(new)
}

/// Whether one value can take the place of the other leaf by leaf.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && same_shape(&a.value, &b.value))
        }
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        (Value::Map(_) | Value::List(_), _) | (_, Value::Map(_) | Value::List(_)) => false,
        _ => true,
    }
}

fn rewrite(source: Source<'_>, places: &Places, metadata: &Metadata, edits: &mut Edits) -> Result<(), Error> {
    let line_break = line_break(source.format, source.text);
    for entry in places.entries.iter().flatten() {
        let new = scan::with_breaks(&text(source.format, metadata, &entry.slot, source.indent)?, line_break);
        let new = match source.text[entry.raw.clone()].last() {
            Some(b'\n') => new,
            _ => new.trim_end_matches(['\n', '\r']).to_owned(),
        };
        // Only the first of several pieces is replaced; the others go.
        match entry.pieces.as_slice() {
            [first, rest @ ..] if !rest.is_empty() => {
                edits.replace(entry.raw.start..first.end, new);
                rest.iter().for_each(|piece| edits.remove(piece.clone()));
            }
            _ => edits.replace(entry.raw.clone(), new),
        }
    }
    Ok(())
}

pub(super) fn apply(text: &[u8], edits: Edits) -> Result<Zeroizing<Vec<u8>>, Error> {
    edits.apply(text).ok_or_else(|| Error::Differs(String::new()))
}

/// The raw text of the first document's entry, to be put into another text.
pub(super) fn raw<'t>(text: &'t [u8], places: &Places) -> Option<&'t [u8]> {
    let entry = places.entries.iter().flatten().next()?;
    (entry.pieces.len() == 1).then(|| &text[entry.raw.clone()])
}
