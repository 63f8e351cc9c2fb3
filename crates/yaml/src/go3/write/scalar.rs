//! Which style a text can be written in.

use std::iter::once;

use crate::go3::{Scalar, ScalarStyle, resolve};

pub(super) const BINARY: &str = "!!binary";
pub(super) const MERGE: &str = "!!merge";

/// The style (and tag) that go-yaml v3 chooses when it encodes a Go string: plain where it reads back as text, else quoted or literal;
/// `!!binary` with base64 for bytes that are no UTF-8. `<<` is plain and has a tag: go-yaml takes it for a merge key.
#[must_use]
pub fn plain_or_quoted(text: &[u8]) -> (ScalarStyle, Option<&'static str>) {
    let Ok(text) = std::str::from_utf8(text) else {
        let long = crate::base64::encoded_len(text.len()) >= crate::base64::LINE;
        return (if long { ScalarStyle::Literal } else { ScalarStyle::Plain }, Some(BINARY));
    };
    let style = Fits::of(text).choose(text, wanted(text), Spot::default());
    (style, (text == "<<").then_some(MERGE))
}

/// The style of a Go string, if it fits.
pub(super) fn wanted(text: &str) -> ScalarStyle {
    match text {
        _ if text.contains('\n') => ScalarStyle::Literal,
        _ if reads_as_text(text) => ScalarStyle::Plain,
        _ => ScalarStyle::DoubleQuoted,
    }
}

/// Whether plain text stays text, for go-yaml and for readers of YAML 1.1.
fn reads_as_text(text: &str) -> bool {
    matches!(resolve(text), Scalar::Text | Scalar::Merge) && !is_base_60(text) && !is_old_bool(text)
}

fn is_old_bool(text: &str) -> bool {
    const WORDS: [&str; 16] =
        ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF"];
    WORDS.contains(&text)
}

/// `-1:30.5`: a sign, digits and `_`, then `:` and up to 59 at least once, then perhaps a point.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let Some((first, sixtieths)) = whole.split_once(':') else { return false };
    first.starts_with(|first: char| first.is_ascii_digit())
        && is_digits(first)
        && is_digits(fraction)
        && sixtieths.split(':').all(|part| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}

/// Where a scalar stands, as far as its style depends on it.
#[derive(Clone, Copy, Default)]
pub(super) struct Spot {
    /// Inside brackets or braces.
    pub(super) flow: bool,
    /// Before the colon of a key.
    pub(super) simple_key: bool,
}

/// The styles that a text fits into.
#[allow(clippy::struct_excessive_bools, reason = "one answer for each style")]
pub(super) struct Fits {
    /// It has a line break.
    pub(super) multiline: bool,
    plain_in_flow: bool,
    plain: bool,
    single: bool,
    block: bool,
}

impl Fits {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain_in_flow: false, plain: true, single: true, block: false };
        }
        let document_mark = text.starts_with("---") || text.starts_with("...");
        let (mut in_block, mut in_flow) = (document_mark, document_mark);
        let (mut multiline, mut special, mut tabs) = (false, false, false);
        let (mut break_space, mut space_break) = (false, false);
        let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
        let nexts = text.chars().skip(1).map(Some).chain(once(None));
        for (index, (character, next)) in text.chars().zip(nexts).enumerate() {
            let before_blank = next.is_none_or(|next| matches!(next, ' ' | '\t'));
            match character {
                '#' if index > 0 => {
                    in_flow |= after_blank;
                    in_block |= after_blank;
                }
                ',' | '[' | ']' | '{' | '}' => {
                    in_flow = true;
                    in_block |= index == 0;
                }
                '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' if index == 0 => {
                    in_flow = true;
                    in_block = true;
                }
                ':' => {
                    in_flow = true;
                    in_block |= before_blank;
                }
                '?' => {
                    in_flow = true;
                    in_block |= index == 0 && before_blank;
                }
                '-' if index == 0 && before_blank => {
                    in_flow = true;
                    in_block = true;
                }
                '\t' => tabs = true,
                _ => {}
            }
            special |= character != '\t' && !is_printable(character);
            let (space, line_break) = (character == ' ', is_break(character));
            break_space |= space && after_break;
            space_break |= line_break && after_space;
            multiline |= line_break;
            (after_space, after_break) = (space, line_break);
            after_blank = space || line_break || matches!(character, '\t' | '\0');
        }
        let blank = |character: char| character == ' ' || is_break(character);
        let plain = !text.starts_with(blank)
            && !text.ends_with(blank)
            && !multiline
            && !break_space
            && !space_break
            && !tabs
            && !special;
        Self {
            multiline,
            plain_in_flow: plain && !in_flow,
            plain: plain && !in_block,
            single: !break_space && !space_break && !tabs && !special,
            block: !text.ends_with(' ') && !space_break && !special,
        }
    }

    /// The style that is written when another is wanted.
    pub(super) fn choose(&self, text: &str, wanted: ScalarStyle, spot: Spot) -> ScalarStyle {
        use ScalarStyle::{DoubleQuoted, Folded, Literal, Plain, SingleQuoted};
        let mut style = wanted;
        if spot.simple_key && self.multiline {
            style = DoubleQuoted;
        }
        let bare = if spot.flow { self.plain_in_flow } else { self.plain };
        if style == Plain && (!bare || (text.is_empty() && (spot.flow || spot.simple_key))) {
            style = SingleQuoted;
        }
        match style {
            SingleQuoted if !self.single => DoubleQuoted,
            Literal | Folded if !self.block || spot.flow || spot.simple_key => DoubleQuoted,
            _ => style,
        }
    }
}

/// A line break by YAML 1.1.
pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// go-yaml's idea of printable leaves out everything above U+FFFF: an emoji is escaped.
pub(super) fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_60_and_old_truth_values_are_not_text() {
        for text in ["1:30", "-1:30", "+1_0:5:59", "1:30.5", "1:2._", "190:20:30"] {
            assert!(is_base_60(text), "{text}");
        }
        for text in ["1:60", "1:", ":30", "a:30", "1", "1.5", "1:2:3:", "_1:30", "1:30.a", "-:30", ""] {
            assert!(!is_base_60(text), "{text}");
        }
        assert!(is_old_bool("Off") && !is_old_bool("oFF"));
    }
}
