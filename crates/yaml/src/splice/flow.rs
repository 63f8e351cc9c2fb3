//! Entries of maps in braces, of YAML and JSON.

use zeroize::Zeroizing;

use super::SpliceError;
use super::outline::{Kind, Pair, Place};
use super::plan::{Edit, MapChange, Source};
use super::text::{json_token, yaml};
use crate::node::Style;
use crate::writer::Out;
use crate::writer::buffer::Buffer;

/// How entries of one map are written.
struct Layout<'s> {
    json: bool,
    quoted: bool,
    /// Between two entries: a comma and white space.
    separator: String,
    /// Between key and value.
    colon: &'s str,
    /// The entries' indentation and one level of it, if each has its own line.
    indent: Option<(String, String)>,
}

/// The edits that take keys out of a map in braces and put others behind its last entry.
pub(super) fn change(source: Source<'_>, place: &Place, change: &MapChange<'_>) -> Result<Vec<Edit>, SpliceError> {
    let scan = source.scan;
    if scan.byte(place.start) != Some(b'{') || scan.byte(place.end - 1) != Some(b'}') {
        return Err(source.layout(place));
    }
    let (open, close) = (place.start + 1, place.end - 1);
    let goes = |index: &usize| change.removed.contains(index);
    let pairs = &place.pairs;
    let layout = layout(source, place);
    let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else {
        let blank = scan.skip_white(open) == close;
        return Ok(vec![fill(source, place, change, open, if blank { close } else { open })]);
    };
    let Some(last_kept) = (0..pairs.len()).rev().find(|index| !goes(index)) else {
        if change.inserted.is_empty() {
            // A comment stays, and then the braces as well.
            let end = after_comma(source, last.end);
            let bare =
                |start, end| scan.slice(start, end).bytes().all(|byte| byte == b',' || byte.is_ascii_whitespace());
            let all = bare(open, first.start) && bare(last.end, close);
            let (start, end) = if all { (open, close) } else { (first.start, end.min(close)) };
            return Ok(vec![Edit::new(place, start, end, "")]);
        }
        let text = entries(change, &layout, false);
        return Ok(vec![Edit { start: first.start, end: last.end, text, depth: place.depth }]);
    };
    let mut edits = Vec::new();
    for pair in (0..last_kept).filter(goes).map(|index| &pairs[index]) {
        edits.push(Edit::new(place, pair.start, after_comma(source, pair.end), ""));
    }
    let kept_end = pairs[last_kept].end;
    if kept_end < last.end {
        edits.push(Edit::new(place, kept_end, last.end, ""));
    }
    if !change.inserted.is_empty() {
        let text = entries(change, &layout, true);
        edits.push(Edit { start: kept_end, end: kept_end, text, depth: place.depth });
    }
    Ok(edits)
}

/// The edit that puts a map in braces in the place of a null.
pub(super) fn from_null(source: Source<'_>, place: &Place, change: &MapChange<'_>) -> Result<Vec<Edit>, SpliceError> {
    let mut edit = fill(source, place, change, place.start, place.end);
    let lead = match place.holder {
        _ if place.start < place.end => "{",
        super::outline::Holder::FlowBare => ": {",
        super::outline::Holder::FlowColon | super::outline::Holder::Dash => " {",
        _ => return Err(source.layout(place)),
    };
    let mut buffer = Buffer::with_capacity(edit.text.len() + 4);
    buffer.push_str(lead);
    buffer.push_str(&edit.text);
    buffer.push_str("}");
    edit.text = buffer.into_text();
    Ok(vec![edit])
}

/// The text between the braces of a map that has been empty.
fn fill(source: Source<'_>, place: &Place, change: &MapChange<'_>, start: usize, end: usize) -> Edit {
    let layout = layout(source, place);
    let text = entries(change, &layout, false);
    let Some((indent, unit)) = &layout.indent else {
        return Edit { start, end, text, depth: place.depth };
    };
    let line_break = source.scan.line_break(place.start);
    let mut buffer = Buffer::with_capacity(text.len() + 64);
    buffer.push_str(line_break);
    buffer.push_str(indent);
    buffer.push_str(&text);
    buffer.push_str(line_break);
    buffer.push_str(indent.strip_suffix(unit.as_str()).unwrap_or_default());
    Edit { start, end, text: buffer.into_text(), depth: place.depth }
}

fn entries(change: &MapChange<'_>, layout: &Layout<'_>, lead: bool) -> Zeroizing<String> {
    let mut buffer = Buffer::with_capacity(64);
    for (index, (key, value)) in change.inserted.iter().enumerate() {
        if lead || index > 0 {
            buffer.push_str(&layout.separator);
        }
        let style = if layout.quoted { Style::DoubleQuoted } else { Style::Plain };
        buffer.push_str(&if layout.json { json_token(key) } else { yaml(key, style, true, true) });
        buffer.push_str(layout.colon);
        buffer.push_str(&value_text(value, layout, style));
    }
    buffer.into_text()
}

fn value_text(value: &Out<'_>, layout: &Layout<'_>, style: Style) -> Zeroizing<String> {
    match (value, &layout.indent) {
        (Out::Str(text), _) if !layout.json => yaml(text, style, true, false),
        (Out::Secret(text), _) if !layout.json => yaml(text, style, true, false),
        (Out::Sequence(_) | Out::Mapping(_), Some((indent, unit))) => {
            let text = value.to_json();
            let mut buffer = Buffer::with_capacity(text.len() * 2);
            for (index, line) in text.lines().enumerate() {
                let content = line.trim_start_matches(' ');
                if index > 0 {
                    buffer.push_str("\n");
                    buffer.push_str(indent);
                    (0..(line.len() - content.len()) / 2).for_each(|_| buffer.push_str(unit));
                }
                buffer.push_str(content);
            }
            buffer.into_text()
        }
        _ => value.to_json_compact(),
    }
}

/// As the entries that are there are written, or those around.
fn layout<'s>(source: Source<'s>, place: &Place) -> Layout<'s> {
    let scan = source.scan;
    let json = place.json;
    let Some(last) = place.pairs.last() else {
        let indent = if json { indent_inside(source, place) } else { None };
        let compact = json && indent.is_none() && model(source, place).is_some_and(|pair| colon(source, pair) == ":");
        let separator = match &indent {
            Some((indent, _)) => format!(",{}{indent}", scan.line_break(place.start)),
            None if compact => ",".to_owned(),
            None => ", ".to_owned(),
        };
        return Layout { json, quoted: json, separator, colon: if compact { ":" } else { ": " }, indent };
    };
    let quoted = json || source.place(last.key).style == Style::DoubleQuoted;
    let colon = if quoted { colon(source, last) } else { ": " };
    let before = match place.pairs.len().checked_sub(2) {
        Some(previous) => scan.slice(place.pairs[previous].end, last.start),
        None => scan.slice(place.start + 1, last.start),
    };
    let space = before.trim_start_matches([' ', '\t']).strip_prefix(',').unwrap_or(before);
    let plain = space.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let own_lines = plain && space.contains('\n');
    let separator = match place.pairs.len() {
        _ if own_lines => format!(",{space}"),
        2.. if plain => format!(",{space}"),
        _ if colon == ":" => ",".to_owned(),
        _ => ", ".to_owned(),
    };
    let indent = own_lines.then(|| {
        let indent = scan.indent(last.start);
        let unit = indent.strip_prefix(scan.indent(place.start)).unwrap_or_default();
        (indent.to_owned(), unit.to_owned())
    });
    Layout { json, quoted, separator, colon, indent }
}

/// White space and a colon as they stand between a key and its value.
fn colon<'s>(source: Source<'s>, pair: &Pair) -> &'s str {
    let between = source.scan.slice(source.place(pair.key).end, source.place(pair.value).start);
    let usual = between.trim_matches([' ', '\t']) == ":";
    if usual { between } else { ": " }
}

/// An entry of a map around this one.
fn model<'s>(source: Source<'s>, place: &Place) -> Option<&'s Pair> {
    let parent = source.parent(place)?;
    if parent.kind == Kind::Mapping { parent.pairs.last() } else { model(source, parent) }
}

/// The indentation of entries that do not exist yet, and one level of it, if the map around has a line for each entry.
fn indent_inside(source: Source<'_>, place: &Place) -> Option<(String, String)> {
    let scan = source.scan;
    let parent = source.parent(place)?;
    let pair = parent.pairs.iter().find(|pair| pair.end == place.end)?;
    if !scan.begins_line(pair.start) || scan.line_start(pair.start) == scan.line_start(parent.start) {
        return None;
    }
    let indent = scan.indent(pair.start);
    let unit = indent.strip_prefix(scan.indent(parent.start))?;
    Some((format!("{indent}{unit}"), unit.to_owned()))
}

/// After the comma behind an entry and the white space up to the next one; a comment goes with its line.
fn after_comma(source: Source<'_>, end: usize) -> usize {
    let scan = source.scan;
    let comma = scan.skip_comments(end);
    if scan.byte(comma) != Some(b',') {
        return end;
    }
    let after = scan.skip_blanks(comma + 1);
    let at = if scan.byte(after) == Some(b'#') { scan.line_end(after) } else { after };
    scan.skip_white(at)
}
