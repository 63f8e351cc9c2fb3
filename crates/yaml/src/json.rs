//! JSON read as Go's `encoding/json` reads it, with spans and limits, into the same nodes as YAML.
//!
//! serde_json gives neither spans nor duplicate keys, and its strings are not cleared; the grammar is small.

use zeroize::Zeroizing;

use crate::decode::MapBuilder;
use crate::error::{Error, Warning};
use crate::node::{Entry, Node, Style, Value};
use crate::position::{Locator, Position, Span};

/// Reads JSON values one after the other from a text.
pub(crate) struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    /// Bytes of the input before the text.
    origin: usize,
    locator: Locator<'a>,
    max_depth: usize,
    warnings: Vec<Warning>,
}

impl<'a> JsonReader<'a> {
    pub(crate) fn new(text: &'a str, origin: usize, max_depth: usize) -> Self {
        Self { text, at: 0, origin, locator: Locator::new(text), max_depth, warnings: Vec::new() }
    }

    /// Offset of the next byte that is not white space.
    pub(crate) fn skip_space(&mut self) -> usize {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.at
    }

    /// Position of the current byte.
    pub(crate) fn position(&mut self) -> Position {
        self.locator.at(self.at)
    }

    /// One value, and what is odd about it.
    pub(crate) fn value(&mut self) -> Result<(Node, Vec<Warning>), Error> {
        self.skip_space();
        let node = self.node(0)?;
        Ok((node, std::mem::take(&mut self.warnings)))
    }

    fn node(&mut self, depth: usize) -> Result<Node, Error> {
        let start = self.at;
        let position = self.position();
        let (value, style) = match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                if depth >= self.max_depth {
                    return Err(Error::TooDeep { position, limit: self.max_depth });
                }
                self.at += 1;
                let value = if open == b'{' { self.object(depth)? } else { self.array(depth)? };
                (value, Style::Flow)
            }
            Some(b'"') => (Value::String(self.string()?), Style::DoubleQuoted),
            Some(b'-' | b'0'..=b'9') => (self.number()?, Style::Plain),
            Some(b't') => (self.word("true", Value::Bool(true))?, Style::Plain),
            Some(b'f') => (self.word("false", Value::Bool(false))?, Style::Plain),
            Some(b'n') => (self.word("null", Value::Null)?, Style::Plain),
            _ => return Err(self.problem("expected a JSON value")),
        };
        let span = Span { start: self.origin + start, end: self.origin + self.at, position };
        Ok(Node { value, span, style })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        let mut map = MapBuilder::default();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Mapping(Vec::new()));
        }
        loop {
            self.skip_space();
            let start = self.at;
            let position = self.position();
            if self.peek() != Some(b'"') {
                return Err(self.problem("expected a key in double quotes"));
            }
            let key = self.string()?.to_string();
            let key_span = Span { start: self.origin + start, end: self.origin + self.at, position };
            self.skip_space();
            if !self.take(b':') {
                return Err(self.problem("expected `:` after a key"));
            }
            self.skip_space();
            let value = self.node(depth + 1)?;
            self.warnings.extend(map.insert(Entry { key, key_span, key_is_coerced: false, value }, false));
            self.skip_space();
            if self.take(b'}') {
                return Ok(Value::Mapping(map.entries));
            }
            if !self.take(b',') {
                return Err(self.problem("expected `,` or `}` in an object"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::Sequence(items));
        }
        loop {
            self.skip_space();
            items.push(self.node(depth + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::Sequence(items));
            }
            if !self.take(b',') {
                return Err(self.problem("expected `,` or `]` in an array"));
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.problem("expected a JSON value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err(self.problem("expected a digit"));
        }
        let mut integer = true;
        if self.take(b'.') {
            integer = false;
            if self.digits() == 0 {
                return Err(self.problem("expected a digit after the decimal point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if !self.take(b'-') {
                self.take(b'+');
            }
            if self.digits() == 0 {
                return Err(self.problem("expected a digit in the exponent"));
            }
        }
        let text = &self.text[start..self.at];
        if integer {
            if let Ok(value) = text.parse() {
                return Ok(Value::Int(value));
            }
            if let Ok(value) = text.parse() {
                return Ok(Value::Uint(value));
            }
        }
        Ok(match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Value::Float(value),
            // Out of range: kubeseal falls back to YAML, where this is text.
            _ => Value::String(Zeroizing::new(text.to_owned())),
        })
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string, the current byte being its opening quote.
    fn string(&mut self) -> Result<Zeroizing<String>, Error> {
        let open = self.at;
        self.at += 1;
        // The value is never longer than its spelling, so one allocation does and no copy is left behind.
        let Some(length) = self.length_to_quote() else {
            self.at = open;
            return Err(self.problem("the string is not closed"));
        };
        let mut value = Zeroizing::new(String::with_capacity(length));
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1F)) {
                self.at += 1;
            }
            value.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => value.push(self.escape()?),
                _ => return Err(self.problem("a control character in a string must be escaped")),
            }
        }
    }

    fn length_to_quote(&self) -> Option<usize> {
        let mut bytes = self.text.as_bytes()[self.at..].iter().enumerate();
        while let Some((index, byte)) = bytes.next() {
            match byte {
                b'"' => return Some(index),
                b'\\' => {
                    bytes.next();
                }
                _ => {}
            }
        }
        None
    }

    fn escape(&mut self) -> Result<char, Error> {
        let escape = self.text.as_bytes().get(self.at + 1).copied();
        let simple = match escape {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.problem("unknown escape in a string")),
        };
        self.at += 2;
        Ok(simple)
    }

    fn unicode_escape(&mut self) -> Result<char, Error> {
        let Some(first) = self.hex_at(self.at) else {
            return Err(self.problem("expected four hexadecimal digits after `\\u`"));
        };
        if let Some(character) = char::from_u32(first) {
            self.at += 6;
            return Ok(character);
        }
        // Go would put U+FFFD for half a surrogate pair; a secret that changes in silence is worse than an error.
        let pair = match self.hex_at(self.at + 6) {
            Some(second @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
                char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            }
            _ => None,
        };
        let Some(character) = pair else {
            return Err(self.problem("half of a surrogate pair in a string"));
        };
        self.at += 12;
        Ok(character)
    }

    /// The value of `\uXXXX` at an offset.
    fn hex_at(&self, at: usize) -> Option<u32> {
        let escape = self.text.as_bytes().get(at..at + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |value, &byte| Some(value << 4 | char::from(byte).to_digit(16)?))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn problem(&mut self, problem: &'static str) -> Error {
        let problem = if self.at >= self.text.len() { "the JSON text ends too early" } else { problem };
        Error::Json { position: self.position(), problem }
    }
}
