//! Text in the place of a scalar, in the style that the scalar has if the text allows that.

use zeroize::Zeroizing;

use super::SpliceError;
use super::outline::{Holder, Place};
use super::plan::{Edit, Source};
use crate::node::Style;
use crate::writer::analysis::{self, Quoting};
use crate::writer::buffer::Buffer;
use crate::writer::{Out, yaml_token};

/// The edits that put `text` in the place of a scalar.
pub(super) fn replace(source: Source<'_>, place: &Place, text: &str) -> Result<Vec<Edit>, SpliceError> {
    let flow = source.parent(place).is_some_and(|parent| parent.style == Style::Flow);
    if place.json {
        return Ok(vec![edit(place, place.start, place.end, json_token(text))]);
    }
    if matches!(place.style, Style::Literal | Style::Folded) {
        return block_scalar(source, place, text);
    }
    let token = yaml(text, place.style, flow, false);
    if place.start < place.end {
        return Ok(vec![edit(place, place.start, place.end, token)]);
    }
    let lead = match place.holder {
        Holder::Dash if source.scan.skip_blanks(place.content - 1) > place.content - 1 => "",
        Holder::Colon | Holder::Dash | Holder::FlowColon => " ",
        Holder::FlowBare => ": ",
        Holder::Root | Holder::Other => return Err(source.layout(place)),
    };
    let mut buffer = Buffer::with_capacity(lead.len() + token.len());
    buffer.push_str(lead);
    buffer.push_str(&token);
    Ok(vec![edit(place, place.content, place.content, buffer.into_text())])
}

/// The edit that gives a key another name.
pub(super) fn rename(source: Source<'_>, key: &Place, to: &str) -> Result<Edit, SpliceError> {
    let flow = source.parent(key).is_some_and(|parent| parent.style == Style::Flow);
    let token = match key.style {
        _ if key.json => json_token(to),
        Style::Plain | Style::SingleQuoted | Style::DoubleQuoted if key.start < key.end => {
            yaml(to, key.style, flow, true)
        }
        _ => return Err(source.layout(key)),
    };
    Ok(edit(key, key.start, key.end, token))
}

/// A JSON string.
pub(super) fn json_token(text: &str) -> Zeroizing<String> {
    Out::from(text).to_json_compact()
}

/// A YAML scalar on one line.
pub(super) fn yaml(text: &str, style: Style, flow: bool, key: bool) -> Zeroizing<String> {
    let quoting = match (style, analysis::quoting(text, true)) {
        (Style::DoubleQuoted, _) => Quoting::Double,
        (Style::SingleQuoted, _) if analysis::fits_single_quotes(text) => Quoting::Single,
        (Style::SingleQuoted, _) => Quoting::Double,
        (_, Quoting::Plain) if flow && !is_plain_in_flow(text) => Quoting::Double,
        (_, Quoting::Plain) if key && text == "<<" => Quoting::Double,
        (_, quoting) => quoting,
    };
    let mut buffer = Buffer::with_capacity(text.len() + text.len() / 8 + 2);
    yaml_token(text, quoting, &mut buffer);
    buffer.into_text()
}

/// Whether text that is plain on a line of its own is so in brackets and braces.
fn is_plain_in_flow(text: &str) -> bool {
    !text.contains(['[', ']', '{', '}', ',', ':', '?'])
}

/// A line of text stays in its block, whose header then says whether a line break ends it. Other text leaves the block.
fn block_scalar(source: Source<'_>, place: &Place, text: &str) -> Result<Vec<Edit>, SpliceError> {
    let scan = source.scan;
    let (header, header_end) = scan.block_header(place.content).ok_or_else(|| source.layout(place))?;
    let header_line_end = scan.line_end(header_end);
    let line = text.strip_suffix('\n').unwrap_or(text);
    let first = scan.skip_white(scan.after_break(header_line_end));
    if analysis::fits_block_line(line) && first < place.end && first > header_line_end {
        let mut indicators = scan.slice(header, header + 1).to_owned();
        if line.len() == text.len() {
            indicators.push('-');
        }
        let mut buffer = Buffer::with_capacity(place.end - header_line_end + text.len());
        buffer.push_str(scan.line_break(header));
        buffer.push_str(scan.indent(first));
        buffer.push_str(line);
        if line.len() < text.len() && place.end == scan.text.len() {
            buffer.push_str(scan.line_break(header));
        }
        return Ok(vec![
            Edit::new(place, header, header_end, indicators),
            edit(place, header_line_end, place.end, buffer.into_text()),
        ]);
    }
    let token = yaml(text, Style::Plain, false, false);
    let end = place.end.max(header_line_end);
    Ok(vec![edit(place, header, header_end, token), Edit::new(place, header_line_end, end, "")])
}

fn edit(place: &Place, start: usize, end: usize, text: Zeroizing<String>) -> Edit {
    Edit { start, end, text, depth: place.depth }
}
