//! encoding/json: Marshal and Unmarshal into `interface{}`.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{Elem, Text, Value, float};
use crate::budget::{Buffer, Meter};
use crate::error::Fail;
use crate::parse::literal::parse_float;
use crate::unicode::{is_invalid, runes};

/// How JSON is laid out.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// Two spaces for each level.
    pub(crate) pretty: bool,
    /// `<`, `>` and `&` as escapes.
    pub(crate) escape_html: bool,
}

/// json.Marshal
pub(crate) fn encode(value: &Value, style: Style, meter: &Meter) -> Result<Text, Fail> {
    let mut out = meter.buffer();
    write(value, style, 0, &mut out)?;
    Ok(out.into_text())
}

fn write(value: &Value, style: Style, level: usize, out: &mut Buffer<'_>) -> Result<(), Fail> {
    out.meter().step()?;
    match value {
        Value::Invalid | Value::Nil => out.push(b"null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) | Value::Int64(number) | Value::Named(_, number) => out.push_str(&number.to_string()),
        Value::Uint8(number) => out.push_str(&number.to_string()),
        Value::Uint64(number) => out.push_str(&number.to_string()),
        Value::Float(number) if number.is_finite() => out.push_str(&float::json(*number)),
        Value::Float(_) => Err(Fail::new("json: unsupported value")),
        Value::Complex(..) => Err(Fail::new("json: unsupported type: complex128")),
        Value::Text(text) => string(text, style, out),
        Value::Time(time) => match time.rfc3339() {
            Some(text) => string(text.as_bytes(), style, out),
            None => Err(Fail::new("json: year outside of range [0,9999]")),
        },
        Value::Version(version) => string(version.to_string().as_bytes(), style, out),
        Value::List(list) if list.nil => out.push(b"null"),
        Value::Map(map) if map.nil => out.push(b"null"),
        Value::List(list) => {
            let _depth = out.meter().nest()?;
            let items = list.to_vec();
            out.push(b"[")?;
            for (index, item) in items.iter().enumerate() {
                separate(index, style, level + 1, out)?;
                write(item, style, level + 1, out)?;
            }
            close(items.is_empty(), style, level, b"]", out)
        }
        Value::Map(map) => {
            let _depth = out.meter().nest()?;
            let entries = map.to_vec();
            out.push(b"{")?;
            for (index, (key, item)) in entries.iter().enumerate() {
                separate(index, style, level + 1, out)?;
                string(key, style, out)?;
                out.push_str(if style.pretty { ": " } else { ":" })?;
                write(item, style, level + 1, out)?;
            }
            close(entries.is_empty(), style, level, b"}", out)
        }
        Value::Certificate(pair) => {
            out.push(b"{")?;
            for (index, (name, text)) in [("Cert", &pair.cert), ("Key", &pair.key)].into_iter().enumerate() {
                separate(index, style, level + 1, out)?;
                string(name.as_bytes(), style, out)?;
                out.push_str(if style.pretty { ": " } else { ":" })?;
                string(text, style, out)?;
            }
            close(false, style, level, b"}", out)
        }
    }
}

fn separate(index: usize, style: Style, level: usize, out: &mut Buffer<'_>) -> Result<(), Fail> {
    if index > 0 {
        out.push(b",")?;
    }
    if style.pretty {
        out.push(b"\n")?;
        out.repeat(b' ', level * 2)?;
    }
    Ok(())
}

fn close(empty: bool, style: Style, level: usize, bracket: &[u8], out: &mut Buffer<'_>) -> Result<(), Fail> {
    if style.pretty && !empty {
        out.push(b"\n")?;
        out.repeat(b' ', level * 2)?;
    }
    out.push(bracket)
}

fn string(bytes: &[u8], style: Style, out: &mut Buffer<'_>) -> Result<(), Fail> {
    out.push(b"\"")?;
    for (_, rune, width) in runes(bytes) {
        match rune {
            _ if is_invalid(rune, width) => out.push(b"\\ufffd")?,
            '"' => out.push(b"\\\"")?,
            '\\' => out.push(b"\\\\")?,
            '\x08' => out.push(b"\\b")?,
            '\x0c' => out.push(b"\\f")?,
            '\n' => out.push(b"\\n")?,
            '\r' => out.push(b"\\r")?,
            '\t' => out.push(b"\\t")?,
            '<' | '>' | '&' if style.escape_html => out.push_str(&format!("\\u{:04x}", rune as u32))?,
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", rune as u32))?,
            _ if rune < ' ' => out.push_str(&format!("\\u{:04x}", rune as u32))?,
            _ => out.push_char(rune)?,
        }
    }
    out.push(b"\"")
}

/// json.Unmarshal into an empty interface.
pub(crate) fn decode(bytes: &[u8], meter: &Meter) -> Result<Value, Fail> {
    let mut reader = Reader { bytes, at: 0, meter };
    let value = reader.value()?;
    reader.space();
    if reader.at < bytes.len() { Err(INVALID) } else { Ok(value) }
}

const INVALID: Fail = Fail::new("invalid JSON");

struct Reader<'j> {
    bytes: &'j [u8],
    at: usize,
    meter: &'j Meter,
}

impl Reader<'_> {
    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Value, Fail> {
        self.meter.step()?;
        self.space();
        match self.peek().ok_or(INVALID)? {
            b'n' => self.word(b"null", Value::Nil),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'"' => Ok(Value::Text(self.string()?)),
            b'[' => self.array(),
            b'{' => self.object(),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Fail> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(INVALID);
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Fail> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') && !self.digits() {
            return Err(INVALID);
        }
        if self.eat(b'.') && !self.digits() {
            return Err(INVALID);
        }
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            if !self.digits() {
                return Err(INVALID);
            }
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).map_err(|_| INVALID)?;
        parse_float(text).map(Value::Float).ok_or(Fail::new("json: number out of range"))
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn array(&mut self) -> Result<Value, Fail> {
        let _depth = self.meter.nest()?;
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return self.meter.list(items);
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.eat(b']') {
                return self.meter.list(items);
            }
            if !self.eat(b',') {
                return Err(INVALID);
            }
        }
    }

    fn object(&mut self) -> Result<Value, Fail> {
        let _depth = self.meter.nest()?;
        self.at += 1;
        let mut entries = BTreeMap::new();
        self.space();
        if self.eat(b'}') {
            return self.meter.map(Elem::Any, entries);
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(INVALID);
            }
            let key = self.string()?;
            self.space();
            if !self.eat(b':') {
                return Err(INVALID);
            }
            let value = self.value()?;
            entries.insert(key, value);
            self.space();
            if self.eat(b'}') {
                return self.meter.map(Elem::Any, entries);
            }
            if !self.eat(b',') {
                return Err(INVALID);
            }
        }
    }

    fn string(&mut self) -> Result<Text, Fail> {
        self.at += 1;
        let rest = &self.bytes[self.at..];
        let mut out = Zeroizing::new(Vec::with_capacity(rest.len().min(64)));
        self.meter.charge(64)?;
        loop {
            let (rune, width) = crate::unicode::decode(&self.bytes[self.at..]).ok_or(INVALID)?;
            self.at += width;
            let rune = match rune {
                '"' => {
                    self.meter.charge(out.len())?;
                    return Ok(Text::from(out));
                }
                '\\' => self.escape()?,
                _ if rune < ' ' => return Err(INVALID),
                _ => rune,
            };
            crate::budget::grow(&mut out, rune.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn escape(&mut self) -> Result<char, Fail> {
        let byte = self.peek().ok_or(INVALID)?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                if !(0xd800..0xe000).contains(&first) {
                    return Ok(char::from_u32(first).unwrap_or(crate::unicode::REPLACEMENT));
                }
                let mark = self.at;
                if self.bytes[self.at..].starts_with(b"\\u") {
                    self.at += 2;
                    let second = self.hex4()?;
                    if first < 0xdc00 && (0xdc00..0xe000).contains(&second) {
                        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(crate::unicode::REPLACEMENT));
                    }
                    self.at = mark;
                }
                crate::unicode::REPLACEMENT
            }
            _ => return Err(INVALID),
        })
    }

    fn hex4(&mut self) -> Result<u32, Fail> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(INVALID)?;
        self.at += 4;
        let text = std::str::from_utf8(digits).map_err(|_| INVALID)?;
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(INVALID);
        }
        u32::from_str_radix(text, 16).map_err(|_| INVALID)
    }
}
