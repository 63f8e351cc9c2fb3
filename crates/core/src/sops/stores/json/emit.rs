//! From the tree to bytes, as Go's encoder and its indentation write it.

use std::io::Write as _;

use zeroize::Zeroizing;

use crate::sops::{Branch, Error, Item, Key, Tree, Value};

/// Writes the first document; comments have no place in JSON.
pub(in crate::sops::stores) fn emit(tree: &Tree, indent: i32) -> Result<Zeroizing<Vec<u8>>, Error> {
    let empty = Branch::new();
    let branch = tree.documents.first().unwrap_or(&empty);
    let mut writer = Writer::new(indent, |unit| size_of_branch(branch, 0, unit) + 1)?;
    writer.branch(branch)?;
    writer.out.push(b'\n');
    Ok(writer.out)
}

/// Writes one value, without a newline at its end.
pub(in crate::sops::stores) fn emit_value(value: &Value, indent: i32) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut writer = Writer::new(indent, |unit| size(value, 0, unit))?;
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer {
    out: Zeroizing<Vec<u8>>,
    unit: Vec<u8>,
    depth: usize,
}

impl Writer {
    fn new(indent: i32, size: impl FnOnce(usize) -> usize) -> Result<Self, Error> {
        let unit = match indent {
            -1 => vec![b'\t'],
            // Nobody indents by more; memory is bounded by it.
            0..=64 => vec![b' '; indent as usize],
            ..-1 => {
                return Err(Error::Unwritable("JSON Indentation parameter smaller than -1 is not accepted".to_owned()));
            }
            _ => return Err(Error::Unwritable("JSON is indented by at most 64 spaces".to_owned())),
        };
        let size = size(unit.len());
        // Room for all of it, so that plaintext is not left behind by a buffer that grows.
        Ok(Self { out: Zeroizing::new(Vec::with_capacity(size)), unit, depth: 0 })
    }

    fn branch(&mut self, branch: &Branch) -> Result<(), Error> {
        let items = branch.iter().filter(|item| !matches!(item.key, Key::Comment(_)));
        self.container(b'{', b'}', items, |writer, item| {
            let Key::Name(name) = &item.key else {
                return Err(Error::Unwritable("JSON has no keys but text".to_owned()));
            };
            writer.string(name.as_bytes());
            writer.out.extend_from_slice(b": ");
            writer.value(&item.value)
        })
    }

    fn value(&mut self, value: &Value) -> Result<(), Error> {
        match value {
            Value::Map(branch) => return self.branch(branch),
            Value::List(items) => {
                let items = items.iter().filter(|item| !matches!(item, Value::Comment(_)));
                return self.container(b'[', b']', items, |writer, item| writer.value(item));
            }
            Value::Text(text) => self.string(text),
            Value::Comment(comment) => self.string(&comment.text),
            Value::Int(number) => self.print(format_args!("{number}")),
            Value::Uint(number) => self.print(format_args!("{number}")),
            Value::Float(number) => {
                if !number.is_finite() {
                    return Err(Error::Unwritable("JSON has no infinity and no not-a-number".to_owned()));
                }
                self.out.extend_from_slice(float(*number).as_bytes());
            }
            Value::Bool(value) => self.print(format_args!("{value}")),
            Value::Time(time) => self.string(time.as_str().as_bytes()),
            Value::Null => self.out.extend_from_slice(b"null"),
        }
        Ok(())
    }

    fn container<T>(
        &mut self,
        open: u8,
        close: u8,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        self.depth += 1;
        let mut is_empty = true;
        for item in items {
            if !is_empty {
                self.out.push(b',');
            }
            is_empty = false;
            self.line();
            write(self, item)?;
        }
        self.depth -= 1;
        if !is_empty {
            self.line();
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self) {
        self.out.push(b'\n');
        for _ in 0..self.depth {
            self.out.extend_from_slice(&self.unit);
        }
    }

    fn print(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(text);
    }

    /// As encoding/json writes text: HTML's three characters and the line separators escaped, invalid UTF-8 replaced.
    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for chunk in text.utf8_chunks() {
            self.escaped(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                self.out.extend_from_slice(b"\\ufffd");
            }
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: &[u8]) {
        let mut rest = text;
        loop {
            let special = |byte: &u8| matches!(byte, ..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2);
            let plain = rest.iter().position(special).unwrap_or(rest.len());
            self.out.extend_from_slice(&rest[..plain]);
            let Some(byte) = rest.get(plain) else { return };
            let mut length = 1;
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                0x08 => self.out.extend_from_slice(b"\\b"),
                0x0c => self.out.extend_from_slice(b"\\f"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                0xe2 => match &rest[plain..] {
                    [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => {
                        length = 3;
                        self.print(format_args!("\\u20{:02x}", last - 0x80));
                    }
                    _ => self.out.push(0xe2),
                },
                byte => self.print(format_args!("\\u{byte:04x}")),
            }
            rest = &rest[plain + length..];
        }
    }
}

/// As encoding/json writes a float64: shortest digits, with an exponent below 1e-6 and from 1e21 on.
pub(in crate::sops::stores) fn float(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent}"),
            None => format!("{digits}e+{exponent}"),
        };
    }
    number.to_string()
}

/// At least the bytes that a value takes at this depth, if a level is indented by `unit`.
fn size(value: &Value, depth: usize, unit: usize) -> usize {
    let line = 2 + depth * unit;
    match value {
        Value::Map(branch) => size_of_branch(branch, depth, unit),
        Value::List(items) => {
            items.iter().map(|item| line + unit + size(item, depth + 1, unit)).sum::<usize>() + line + 2
        }
        Value::Text(text) => size_of_text(text),
        Value::Comment(comment) => size_of_text(&comment.text),
        _ => 32,
    }
}

fn size_of_branch(branch: &Branch, depth: usize, unit: usize) -> usize {
    let line = 2 + depth * unit;
    let of = |item: &Item| {
        item.name()
            .map_or(0, |name| line + unit + size_of_text(name.as_bytes()) + 2 + size(&item.value, depth + 1, unit))
    };
    branch.iter().map(of).sum::<usize>() + line + 2
}

/// An escape has six bytes at most, for one byte or more.
fn size_of_text(text: &[u8]) -> usize {
    let escaped =
        text.iter().filter(|byte| matches!(byte, ..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0x80..)).count();
    text.len() + escaped * 5 + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::Comment;

    fn write(value: Value) -> String {
        String::from_utf8(emit_value(&value, -1).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn text_and_numbers_are_written_as_go_writes_them() {
        for (value, expected) in [
            (
                Value::text("a\"\\\n\u{1}\u{7f}<>&\u{2028}\u{20ac}ä"),
                "\"a\\\"\\\\\\n\\u0001\u{7f}\\u003c\\u003e\\u0026\\u2028\u{20ac}ä\"",
            ),
            (Value::text(b"a\xff".to_vec()), "\"a\\ufffd\""),
            (Value::Float(1.0), "1"),
            (Value::Float(1e21), "1e+21"),
            (Value::Float(1e20), "100000000000000000000"),
            (Value::Float(1.5e-7), "1.5e-7"),
            (Value::Float(0.000001), "0.000001"),
            (Value::Null, "null"),
            (Value::Map(vec![]), "{}"),
            (Value::List(vec![Value::Comment(Comment::new("c"))]), "[]"),
        ] {
            assert_eq!(write(value), expected);
        }
        assert!(emit_value(&Value::Float(f64::NAN), -1).is_err());
        assert!(emit_value(&Value::Null, -2).is_err());
    }

    #[test]
    fn levels_are_indented_by_tabs_or_spaces() {
        let tree = Tree {
            documents: vec![vec![
                Item::comment(Comment::new("c")),
                Item::new("a", Value::Map(vec![Item::new("b", Value::List(vec![Value::Int(1), Value::Int(2)]))])),
            ]],
        };
        let text = |indent| String::from_utf8(emit(&tree, indent).unwrap().to_vec()).unwrap();
        assert_eq!(text(-1), "{\n\t\"a\": {\n\t\t\"b\": [\n\t\t\t1,\n\t\t\t2\n\t\t]\n\t}\n}\n");
        assert_eq!(text(2), "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ]\n  }\n}\n");
        assert_eq!(text(0), "{\n\"a\": {\n\"b\": [\n1,\n2\n]\n}\n}\n");
    }
}
