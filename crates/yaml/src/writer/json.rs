//! JSON as Go's `encoding/json` writes it.

use super::Out;
use super::buffer::Buffer;
use crate::number;

/// `json.MarshalIndent(value, "", "  ")`
pub(crate) fn write_indented(value: &Out<'_>, buffer: &mut Buffer) {
    write(value, Some(0), buffer);
}

/// `json.Marshal(value)`
pub(crate) fn write_compact(value: &Out<'_>, buffer: &mut Buffer) {
    write(value, None, buffer);
}

fn write(value: &Out<'_>, level: Option<usize>, buffer: &mut Buffer) {
    match value {
        Out::Null => buffer.push_str("null"),
        Out::Bool(value) => buffer.push_str(if *value { "true" } else { "false" }),
        Out::Int(value) => buffer.push_str(&value.to_string()),
        Out::Uint(value) => buffer.push_str(&value.to_string()),
        Out::Float(value) if value.is_finite() => buffer.push_str(&number::format_json(*value)),
        Out::Float(_) => buffer.push_str("null"),
        Out::Str(text) => string(text, buffer),
        Out::Secret(text) => string(text, buffer),
        Out::Sequence(items) if items.is_empty() => buffer.push_str("[]"),
        Out::Mapping(entries) if entries.is_empty() => buffer.push_str("{}"),
        Out::Sequence(items) => {
            buffer.push('[');
            for (index, item) in items.iter().enumerate() {
                next_item(index, level, buffer);
                write(item, level.map(|level| level + 1), buffer);
            }
            line(level, buffer);
            buffer.push(']');
        }
        Out::Mapping(entries) => {
            buffer.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                next_item(index, level, buffer);
                string(key, buffer);
                buffer.push_str(if level.is_some() { ": " } else { ":" });
                write(value, level.map(|level| level + 1), buffer);
            }
            line(level, buffer);
            buffer.push('}');
        }
    }
}

fn next_item(index: usize, level: Option<usize>, buffer: &mut Buffer) {
    if index > 0 {
        buffer.push(',');
    }
    line(level.map(|level| level + 1), buffer);
}

fn line(level: Option<usize>, buffer: &mut Buffer) {
    if let Some(level) = level {
        buffer.push('\n');
        for _ in 0..level {
            buffer.push_str("  ");
        }
    }
}

fn string(text: &str, buffer: &mut Buffer) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    buffer.push('"');
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        if !matches!(character, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
            continue;
        }
        buffer.push_str(&text[plain..at]);
        plain = at + character.len_utf8();
        match character {
            '"' => buffer.push_str("\\\""),
            '\\' => buffer.push_str("\\\\"),
            '\u{8}' => buffer.push_str("\\b"),
            '\u{c}' => buffer.push_str("\\f"),
            '\n' => buffer.push_str("\\n"),
            '\r' => buffer.push_str("\\r"),
            '\t' => buffer.push_str("\\t"),
            other => {
                let code = u32::from(other) as usize;
                buffer.push_str("\\u");
                for shift in [12, 8, 4, 0] {
                    buffer.push(HEX[code >> shift & 0xF]);
                }
            }
        }
    }
    buffer.push_str(&text[plain..]);
    buffer.push('"');
}
