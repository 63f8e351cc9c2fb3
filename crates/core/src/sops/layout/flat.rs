//! Where the values of dotenv and INI files stand.

use std::ops::Range;

use bulla_yaml::go3::ScalarStyle;

use super::Error;
use super::edits::scan;
use super::leaves::{self, Leaf};
use super::locate::{Entry, Place, Places, Slot, SlotKind};
use crate::sops::Format;

/// Lines `KEY=value`, comments from the first column, empty lines.
pub(super) fn dotenv(text: &[u8]) -> Result<Places, Error> {
    let tree = Format::Dotenv.load_plain(text)?;
    let (mut leaves, mut pieces) = (Vec::new(), Vec::<Range<usize>>::new());
    for line in lines(text) {
        let content = &text[line.clone()];
        if content.first() == Some(&b'#') {
            leaves.push(Place::of_comment(line.start + 1..line.end));
        } else if let Some(equals) = content.iter().position(|byte| *byte == b'=') {
            let value = line.start + equals + 1..line.end;
            leaves.push(Place { key: Some(line.start), ..Place::of_token(value, ScalarStyle::Plain) });
            if content.starts_with(b"sops_") {
                pieces.push(line.start..(line.end + 1).min(text.len()));
            }
        }
    }
    Ok(flat(tree, leaves, pieces, text))
}

fn flat(tree: crate::sops::Tree, leaves: Vec<Place>, lines: Vec<Range<usize>>, text: &[u8]) -> Places {
    let mut pieces: Vec<Range<usize>> = Vec::new();
    for line in lines {
        match pieces.last_mut() {
            Some(last) if last.end == line.start => last.end = line.end,
            _ => pieces.push(line),
        }
    }
    let raw = pieces.first().map_or(0, |piece| piece.start)..pieces.last().map_or(0, |piece| piece.end);
    // The last line of a file that does not end in a line break: the line break before goes with it.
    if text.last() != Some(&b'\n')
        && let Some(last) = pieces.last_mut()
        && last.end == text.len()
        && last.start > 0
    {
        last.start -= 1;
    }
    let entry = (!pieces.is_empty()).then_some(Entry { pieces, raw, slot: SlotKind::Lines });
    let slot = Slot { at: text.len(), kind: SlotKind::Lines };
    Places { tree, leaves, entries: vec![entry], slots: vec![slot], lost: Vec::new(), indent: 0 }
}

/// The lines of a text without their `\n`.
fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= text.len() {
            return None;
        }
        let end = text[start..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| start + length);
        let line = start..end;
        start = end + 1;
        Some(line)
    })
}

/// What an INI file has in the order of the tree: the comment before a section stands in it first, that of a key behind the key.
enum Found {
    Comment(Range<usize>),
    Value(Range<usize>, usize),
}

/// Sections of `key = value` lines. Values over several lines, and comments behind values, are beyond these rules.
pub(super) fn ini(text: &[u8]) -> Result<Places, Error> {
    let tree = Format::Ini.load_plain(text)?;
    let (mut found, mut lost, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
    let mut comment: Option<Range<usize>> = None;
    let (mut in_sops, mut sops_from) = (false, 0);
    for line in lines(text) {
        let content = &text[line.clone()];
        let start = line.start + content.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let trimmed = text[line.clone()].trim_ascii();
        let here = start..start + trimmed.len();
        match trimmed.first() {
            None => {}
            Some(b'#' | b';') => {
                comment = Some(comment.map_or(here.start, |comment| comment.start)..here.end);
            }
            Some(b'[') => {
                if in_sops {
                    pieces.push(sops_from..line.start);
                }
                in_sops = trimmed == b"[sops]";
                sops_from = line.start;
                found.extend(comment.take().map(Found::Comment));
            }
            Some(_) => {
                let delimiter = trimmed.iter().position(|byte| matches!(byte, b'=' | b':'));
                let beyond = || Error::Layout { line: scan::line(text, line.start), what: "this line" };
                let delimiter = delimiter.ok_or_else(beyond)?;
                let value = &trimmed[delimiter + 1..];
                let from =
                    here.start + delimiter + 1 + value.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                found.push(Found::Value(from.min(here.end)..here.end, here.start));
                found.extend(comment.take().map(Found::Comment));
            }
        }
    }
    if in_sops {
        pieces.push(sops_from..text.len());
    }
    lost.extend(comment);
    let leaves = match_leaves(text, &tree, found)?;
    Ok(Places { lost, ..flat(tree, leaves, pieces, text) })
}

/// Holds what was found against what the store has read, and finds quotes that it has taken off.
fn match_leaves(text: &[u8], tree: &crate::sops::Tree, found: Vec<Found>) -> Result<Vec<Place>, Error> {
    let mut read = Vec::new();
    tree.documents.iter().for_each(|document| leaves::of_branch(document, &mut read));
    let beyond = |at: usize, what| Error::Layout { line: scan::line(text, at), what };
    if read.len() != found.len() {
        return Err(beyond(0, "an INI file with comments behind values, or with values over several lines,"));
    }
    let mut places = Vec::new();
    for (leaf, found) in read.iter().zip(found) {
        places.push(match (leaf, found) {
            (Leaf::Comment(comment), Found::Comment(span)) => {
                // The signs before a comment are not part of its text.
                let raw = &text[span.clone()];
                let start = raw.len().checked_sub(comment.text.len()).filter(|at| raw[*at..] == **comment.text);
                let start = start.ok_or_else(|| beyond(span.start, "this comment"))?;
                Place::of_comment(span.start + start..span.end)
            }
            (Leaf::Value(value), Found::Value(span, key)) => {
                let crate::sops::Value::Text(read) = value else { return Err(beyond(span.start, "this value")) };
                let raw = &text[span.clone()];
                let inner = (raw.len() >= 2).then(|| span.start + 1..span.end - 1);
                let span = match inner {
                    _ if raw == read.as_slice() => span,
                    Some(inner) if text[inner.clone()] == ***read => inner,
                    _ => return Err(beyond(span.start, "this value")),
                };
                Place { key: Some(key), ..Place::of_token(span, ScalarStyle::Plain) }
            }
            (_, Found::Comment(span) | Found::Value(span, _)) => return Err(beyond(span.start, "this line")),
        });
    }
    Ok(places)
}
