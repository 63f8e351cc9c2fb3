//! A port of go-yaml v2's emitter (itself libyaml's) to a tree, for block style.

use super::Out;
use super::analysis::{self, Quoting};
use super::buffer::Buffer;
use super::order::sort_by_key;
use crate::number;

/// Spaces per level.
const INDENT: usize = 2;
/// Column after which a space may become a line break.
const WIDTH: usize = 80;

/// Writes one document, without a marker.
pub(crate) fn write(value: &Out<'_>, buffer: &mut Buffer) {
    let mut emitter = Emitter { buffer, column: 0, indent: None, whitespace: true, indention: true };
    emitter.node(value, Context::Root);
    emitter.write_indent();
}

/// Writes one entry of a map at column 0.
pub(crate) fn write_entry(key: &str, value: &Out<'_>, buffer: &mut Buffer) {
    let mut emitter = Emitter { buffer, column: 0, indent: Some(0), whitespace: true, indention: true };
    emitter.entry(key, value);
    emitter.write_indent();
}

/// Writes text on one line. A literal block needs more than one: it becomes double quotes.
pub(crate) fn write_token(text: &str, quoting: Quoting, buffer: &mut Buffer) {
    let mut emitter = Emitter { buffer, column: 0, indent: None, whitespace: true, indention: true };
    match quoting {
        Quoting::Plain => emitter.plain(text, false),
        Quoting::Single => emitter.single(text, false),
        Quoting::Double | Quoting::Literal => emitter.double(text, false),
    }
}

/// What a node stands in; decides whether a list indents and where text may be folded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Sequence,
    Mapping,
    SimpleKey,
}

struct Emitter<'b> {
    buffer: &'b mut Buffer,
    column: usize,
    /// Current indentation in columns; none outside the root.
    indent: Option<usize>,
    /// The last character was white space.
    whitespace: bool,
    /// The line so far is only indentation and indicators.
    indention: bool,
}

impl Emitter<'_> {
    fn node(&mut self, value: &Out<'_>, context: Context) {
        match value {
            Out::Null => self.plain_token("null"),
            Out::Bool(value) => self.plain_token(if *value { "true" } else { "false" }),
            Out::Int(value) => self.plain_token(&value.to_string()),
            Out::Uint(value) => self.plain_token(&value.to_string()),
            Out::Float(value) => self.plain_token(&float(*value)),
            Out::Str(text) => self.string(text, context),
            Out::Secret(text) => self.string(text, context),
            Out::Sequence(items) if items.is_empty() => self.empty("[", "]"),
            Out::Mapping(entries) if entries.is_empty() => self.empty("{", "}"),
            Out::Sequence(items) => self.sequence(items, context),
            Out::Mapping(entries) => self.mapping(entries),
        }
    }

    fn sequence(&mut self, items: &[Out<'_>], context: Context) {
        let outer = self.indent;
        let at_key = context == Context::Mapping && !self.indention;
        if !at_key {
            self.indent = Some(outer.map_or(0, |indent| indent + INDENT));
        }
        for item in items {
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(item, Context::Sequence);
        }
        self.indent = outer;
    }

    fn mapping(&mut self, entries: &[(std::borrow::Cow<'_, str>, Out<'_>)]) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(0, |indent| indent + INDENT));
        let mut sorted: Vec<_> = entries.iter().collect();
        sort_by_key(&mut sorted, |(key, _)| key);
        for (key, value) in sorted {
            self.entry(key, value);
        }
        self.indent = outer;
    }

    fn entry(&mut self, key: &str, value: &Out<'_>) {
        self.write_indent();
        if analysis::is_simple_key(key) {
            self.string(key, Context::SimpleKey);
            self.indicator(":", false, false, false);
        } else {
            self.indicator("?", true, false, true);
            self.string(key, Context::Mapping);
            self.write_indent();
            self.indicator(":", true, false, true);
        }
        self.node(value, Context::Mapping);
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn string(&mut self, text: &str, context: Context) {
        let outer = self.indent;
        self.indent = Some(outer.map_or(INDENT, |indent| indent + INDENT));
        let simple_key = context == Context::SimpleKey;
        match analysis::quoting(text, simple_key) {
            // Go writes the key `<<` plain and then reads a merge key.
            Quoting::Plain if simple_key && text == "<<" => self.double(text, false),
            Quoting::Plain => self.plain(text, !simple_key),
            Quoting::Single => self.single(text, !simple_key),
            Quoting::Double => self.double(text, !simple_key),
            Quoting::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    fn plain_token(&mut self, text: &str) {
        self.plain(text, false);
    }

    fn plain(&mut self, text: &str, fold: bool) {
        if !self.whitespace {
            self.put(' ');
        }
        let mut after_space = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let space = character == ' ';
            if space && fold && !after_space && self.column > WIDTH && characters.peek() != Some(&' ') {
                self.write_indent();
            } else {
                self.put(character);
            }
            if !space {
                self.indention = false;
            }
            after_space = space;
        }
        self.whitespace = false;
        self.indention = false;
    }

    /// Text in single quotes has no line breaks: those that have one are written in another style.
    fn single(&mut self, text: &str, fold: bool) {
        self.indicator("'", true, false, false);
        let mut after_space = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                let alone = !after_space && characters.peek().is_none_or(|&(_, next)| next != ' ');
                if fold && inside && alone && self.column > WIDTH {
                    self.write_indent();
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                if character == '\'' {
                    self.put('\'');
                }
                self.put(character);
                self.indention = false;
                after_space = false;
            }
        }
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double(&mut self, text: &str, fold: bool) {
        self.indicator("\"", true, false, false);
        // go-yaml looks for a byte order mark at the start of the text whichever character it is at.
        let escape_all = text.starts_with('\u{feff}');
        let mut after_space = false;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if escape_all
                || !analysis::is_printable(character)
                || analysis::is_break(character)
                || matches!(character, '"' | '\\')
            {
                self.escape(character);
                after_space = false;
            } else if character == ' ' {
                let inside = at > 0 && at + 1 < text.len();
                if fold && inside && !after_space && self.column > WIDTH {
                    self.write_indent();
                    if characters.peek().is_some_and(|&(_, next)| next == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                self.put(character);
                after_space = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn escape(&mut self, character: char) {
        self.put('\\');
        let letter = match character {
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
                    0..=0xFF => ('x', 2),
                    0x100..=0xFFFF => ('u', 4),
                    _ => ('U', 8),
                };
                self.put(letter);
                for place in (0..digits).rev() {
                    let digit = char::from_digit(code >> (4 * place) & 0xF, 16).unwrap_or('0');
                    self.put(digit.to_ascii_uppercase());
                }
                return;
            }
        };
        self.put(letter);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|first| first == ' ' || analysis::is_break(first)) {
            self.indicator("2", false, false, false);
        }
        let mut last = text.chars().rev();
        match (last.next().map(analysis::is_break), last.next().map(analysis::is_break)) {
            (Some(true), None | Some(true)) => self.indicator("+", false, false, false),
            (Some(true), Some(false)) => {}
            _ => self.indicator("-", false, false, false),
        }
        self.put_break('\n');
        self.whitespace = true;
        let mut after_break = true;
        for character in text.chars() {
            if analysis::is_break(character) {
                self.put_break(character);
                after_break = true;
            } else {
                if after_break {
                    self.write_indent();
                }
                self.put(character);
                self.indention = false;
                after_break = false;
            }
        }
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, need_whitespace: bool, is_whitespace: bool, is_indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(' ');
        }
        self.buffer.push_str(text);
        self.column += text.len();
        self.whitespace = is_whitespace;
        self.indention &= is_indention;
    }

    fn put(&mut self, character: char) {
        self.buffer.push(character);
        self.column += 1;
    }

    fn put_break(&mut self, character: char) {
        self.buffer.push(character);
        self.column = 0;
        self.indention = true;
    }
}

/// go-yaml gets floats by way of JSON: whole numbers come back as integers.
fn float(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    let json = number::format_json(value);
    match number::parse_go_integer(&json) {
        Some(number::Integer::Signed(value)) => value.to_string(),
        Some(number::Integer::Unsigned(value)) => value.to_string(),
        None => number::format_g64(value),
    }
}
