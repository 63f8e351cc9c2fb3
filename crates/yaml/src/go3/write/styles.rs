//! A text in each of the five styles.

use super::lines::{Indicator, Page};
use super::scalar::{is_break, is_printable};

/// Text without a line break.
pub(super) fn plain(page: &mut Page, text: &str) {
    if !text.is_empty() {
        page.space();
        page.put_str(text);
        page.whitespace = false;
    }
    page.indention = false;
}

pub(super) fn single_quoted(page: &mut Page, text: &str) {
    page.indicator("'", Indicator::BEFORE);
    let mut breaks = false;
    for character in text.chars() {
        if is_break(character) {
            // The first line feed would be folded into a space.
            if !breaks && character == '\n' {
                page.new_line();
            }
            page.put_break(character);
            breaks = true;
            continue;
        }
        if character == ' ' {
            page.put(' ');
            continue;
        }
        if breaks {
            page.write_indent();
        }
        if character == '\'' {
            page.put('\'');
        }
        page.put(character);
        page.indention = false;
        breaks = false;
    }
    page.indicator("'", Indicator::AFTER);
    page.in_text();
}

pub(super) fn double_quoted(page: &mut Page, text: &str) {
    page.indicator("\"", Indicator::BEFORE);
    // go-yaml looks for the mark at the start of the text, whatever character it is at.
    let marked = text.starts_with('\u{feff}');
    for character in text.chars() {
        if marked || !is_printable(character) || is_break(character) || matches!(character, '"' | '\\') {
            escape(page, character);
        } else {
            page.put(character);
        }
    }
    page.indicator("\"", Indicator::AFTER);
    page.in_text();
}

fn escape(page: &mut Page, character: char) {
    let short = match character {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(character);
            let (letter, digits) = match code {
                ..=0xff => ('x', 2),
                0x100..=0xffff => ('u', 4),
                _ => ('U', 8),
            };
            page.put('\\');
            page.put(letter);
            for digit in (0..digits).rev() {
                page.put(char::from(b"0123456789ABCDEF"[(code >> (4 * digit)) as usize & 15]));
            }
            return;
        }
    };
    page.put('\\');
    page.put(short);
}

/// `|` or `>` with its indicators: the indentation where the first line does not show it, and what becomes of the last line breaks.
/// `depth` is how far the lines stand inside what holds the scalar.
pub(super) fn block_header(page: &mut Page, indicator: &str, text: &str, depth: usize) {
    page.indicator(indicator, Indicator::BEFORE);
    if text.starts_with(|first| matches!(first, ' ' | '\t') || is_break(first)) {
        page.indicator(&depth.to_string(), Indicator::AFTER);
    }
    let mut from_end = text.chars().rev();
    let last_breaks = from_end.next().is_some_and(is_break);
    if !last_breaks {
        page.indicator("-", Indicator::AFTER);
    } else if from_end.next().is_none_or(is_break) {
        page.indicator("+", Indicator::AFTER);
    }
}

pub(super) fn literal(page: &mut Page, text: &str) {
    page.whitespace = true;
    let mut rest = text;
    while let Some(end) = rest.find(is_break) {
        literal_line(page, &rest[..end]);
        let (line_break, after) = split_first(&rest[end..]);
        page.put_break(line_break);
        rest = after;
    }
    literal_line(page, rest);
}

fn literal_line(page: &mut Page, line: &str) {
    if !line.is_empty() {
        page.write_indent();
        page.put_str(line);
        page.indention = false;
    }
}

pub(super) fn folded(page: &mut Page, text: &str) {
    page.whitespace = true;
    let (mut breaks, mut leading_space) = (true, true);
    // go-yaml looks at the start of the text to see whether a break must be doubled.
    let begins_blank = text.trim_start_matches(is_break).starts_with([' ', '\t', '\0']);
    for character in text.chars() {
        if is_break(character) {
            if !breaks && !leading_space && character == '\n' && !begins_blank {
                page.new_line();
            }
            page.put_break(character);
            breaks = true;
            continue;
        }
        if breaks {
            page.write_indent();
            leading_space = matches!(character, ' ' | '\t');
        }
        page.put(character);
        page.indention = false;
        breaks = false;
    }
}

/// The first character, which there is, and the rest.
fn split_first(text: &str) -> (char, &str) {
    let mut characters = text.chars();
    let first = characters.next().unwrap_or('\n');
    (first, characters.as_str())
}
