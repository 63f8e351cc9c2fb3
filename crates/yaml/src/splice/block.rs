//! Entries of maps that are written with one key per line.

use zeroize::Zeroizing;

use super::SpliceError;
use super::outline::{Holder, Outline, Place};
use super::plan::{Edit, MapChange, Source};
use crate::node::Style;
use crate::writer::buffer::Buffer;
use crate::writer::yaml_entry;

/// The edits that take keys out of a block map and put others behind its last entry.
pub(super) fn change(source: Source<'_>, place: &Place, change: &MapChange<'_>) -> Result<Vec<Edit>, SpliceError> {
    let scan = source.scan;
    let Some(first) = place.pairs.first() else { return Err(source.layout(place)) };
    let column = scan.column(first.start);
    let goes = |index: &usize| change.removed.contains(index);
    let last_kept = (0..place.pairs.len()).rev().find(|index| !goes(index));
    let mut edits = Vec::new();
    let Some(last_kept) = last_kept else {
        return empty(source, place, change, column);
    };
    // An entry behind a dash leaves its place to what comes after it.
    let mut next = 0;
    if !scan.begins_line(first.start) && goes(&0) {
        next = (0..place.pairs.len()).find(|index| !goes(index)).unwrap_or(last_kept);
        let end = scan.skip_white(scan.next_line(place.pairs[next - 1].end));
        edits.push(Edit::new(place, first.start, end, ""));
    }
    for pair in (next..place.pairs.len()).filter(goes).map(|index| &place.pairs[index]) {
        edits.push(Edit::new(place, scan.line_start(pair.start), scan.next_line(pair.end), ""));
    }
    if !change.inserted.is_empty() {
        edits.push(lines_after(source, place, place.pairs[last_kept].end, lines(source, place, change, column)));
    }
    Ok(edits)
}

/// The edits that give entries to a null or to `{}` under a key of a block map.
pub(super) fn grow(source: Source<'_>, place: &Place, change: &MapChange<'_>) -> Result<Vec<Edit>, SpliceError> {
    let scan = source.scan;
    let parent = source.parent(place).ok_or_else(|| source.layout(place))?;
    let first = parent.pairs.first().ok_or_else(|| source.layout(place))?;
    let column = scan.column(first.start) + step(source, parent);
    let mut edits = Vec::new();
    if place.start < place.end {
        edits.push(Edit::new(place, place.content, place.end, ""));
    }
    edits.push(lines_after(source, place, place.end, lines(source, place, change, column)));
    Ok(edits)
}

/// No entry is left: new ones, or `{}`.
fn empty(source: Source<'_>, place: &Place, change: &MapChange<'_>, column: usize) -> Result<Vec<Edit>, SpliceError> {
    let scan = source.scan;
    let Some((first, rest)) = place.pairs.split_first() else { return Err(source.layout(place)) };
    let whole_lines =
        |pair: &super::outline::Pair| Edit::new(place, scan.line_start(pair.start), scan.next_line(pair.end), "");
    let mut edits: Vec<_> = rest.iter().map(whole_lines).collect();
    if !change.inserted.is_empty() {
        let text = lines(source, place, change, column);
        let text = text.trim_start_matches(' ').trim_end_matches(['\r', '\n']);
        edits.push(Edit::new(place, first.start, first.end, text));
    } else if place.holder == Holder::Colon && scan.begins_line(first.start) {
        edits.push(Edit::new(place, place.content, place.content, " {}"));
        edits.push(whole_lines(first));
    } else {
        edits.push(Edit::new(place, first.start, first.end, "{}"));
    }
    Ok(edits)
}

/// The new entries as whole lines.
fn lines(source: Source<'_>, place: &Place, change: &MapChange<'_>, column: usize) -> Zeroizing<String> {
    let line_break = source.scan.line_break(place.end);
    let mut buffer = Buffer::with_capacity(64);
    for (key, value) in &change.inserted {
        for line in yaml_entry(key, value).lines() {
            if !line.is_empty() {
                (0..column).for_each(|_| buffer.push(' '));
                buffer.push_str(line);
            }
            buffer.push_str(line_break);
        }
    }
    buffer.into_text()
}

/// Puts whole lines behind the line that `end` is on.
fn lines_after(source: Source<'_>, place: &Place, end: usize, lines: Zeroizing<String>) -> Edit {
    let scan = source.scan;
    let line_end = scan.line_end(end);
    let at = scan.after_break(line_end);
    if at > line_end {
        return Edit { start: at, end: at, text: lines, depth: place.depth };
    }
    // The file ends without a line break, and goes on doing so.
    let line_break = scan.line_break(0);
    let mut buffer = Buffer::with_capacity(lines.len() + 2);
    buffer.push_str(line_break);
    buffer.push_str(lines.strip_suffix(line_break).unwrap_or(&lines));
    Edit { start: at, end: at, text: buffer.into_text(), depth: place.depth }
}

/// By how much the maps around here are indented.
fn step(source: Source<'_>, parent: &Place) -> usize {
    let column = |place: &Place| place.pairs.first().map(|pair| source.scan.column(pair.start));
    let between = |outer: &Place, inner: &Place| {
        let nested = inner.style == Style::Block && inner.holder == Holder::Colon;
        nested.then(|| column(inner)?.checked_sub(column(outer)?)).flatten().filter(|&step| step > 0)
    };
    let outward = source.parent(parent).and_then(|outer| between(outer, parent));
    let inward = || parent.pairs.iter().find_map(|pair| between(parent, source.place(pair.value)));
    let elsewhere = || {
        let Outline { places, .. } = source.outline;
        places.iter().find_map(|place| between(source.parent(place)?, place))
    };
    outward.or_else(inward).or_else(elsewhere).unwrap_or(2)
}
