//! From sections to bytes: `key = value`, aligned in each section, comments above what they belong to, an empty line between sections.

use zeroize::Zeroizing;

use super::super::scalar_text;
use super::{DEFAULT, DELIMITERS, trim};
use crate::sops::{Error, Item, Key, Tree, Value};

type Bytes = Zeroizing<Vec<u8>>;

pub(in crate::sops::stores) fn emit(tree: &Tree) -> Result<Bytes, Error> {
    let items = tree.documents.iter().flatten().filter(|item| !matches!(item.key, Key::Comment(_)));
    let sections = items.map(Section::of).collect::<Result<Vec<_>, _>>()?;
    // Measured first: growing would leave copies behind.
    let mut out = Out { bytes: None, size: 0 };
    write(&sections, &mut out);
    let mut out = Out { bytes: Some(Zeroizing::new(Vec::with_capacity(out.size))), size: 0 };
    write(&sections, &mut out);
    Ok(out.bytes.unwrap_or_default())
}

pub(in crate::sops::stores) fn emit_value(value: &Value) -> Result<Bytes, Error> {
    super::super::json::emit_value(value, 0).map(|text| Zeroizing::new(text.trim_ascii_end().to_vec()))
}

struct Section<'a> {
    name: &'a str,
    comment: &'a [u8],
    keys: Vec<Line<'a>>,
}

struct Line<'a> {
    name: &'a str,
    value: Bytes,
    comment: &'a [u8],
}

impl<'a> Section<'a> {
    fn of(item: &'a Item) -> Result<Self, Error> {
        let unwritable = |problem: String| Err(Error::Unwritable(format!("Error marshaling to INI: {problem}")));
        let (Key::Name(name) | Key::Other { text: name, .. }) = &item.key else { return unwritable(String::new()) };
        if name.is_empty() {
            return unwritable(format!("Error encoding section {name}: empty section name"));
        }
        let Value::Map(items) = &item.value else {
            return unwritable("Error encoding section: Section values should always be TreeBranches".to_owned());
        };
        let mut section = Self { name, comment: &[], keys: Vec::with_capacity(items.len()) };
        let mut places = std::collections::HashMap::new();
        let mut last = None;
        for (index, item) in items.iter().enumerate() {
            match &item.key {
                Key::Comment(comment) if index == 0 => section.comment = &comment.text,
                Key::Comment(comment) => {
                    if let Some(line) = last.and_then(|last: usize| section.keys.get_mut(last)) {
                        line.comment = &comment.text;
                    }
                }
                Key::Name(name) | Key::Other { text: name, .. } => {
                    if name.is_empty() {
                        return unwritable("Error encoding key: error creating new key: empty key name".to_owned());
                    }
                    if item.value.is_complex() {
                        return unwritable(format!("cannot use complex value in INI file; offending key {name}"));
                    }
                    let value = match &item.value {
                        Value::Text(text) => text.clone(),
                        other => Zeroizing::new(scalar_text(other).as_bytes().to_vec()),
                    };
                    let place = *places.entry(name.as_str()).or_insert(section.keys.len());
                    last = Some(place);
                    match section.keys.get_mut(place) {
                        Some(line) => line.value = value,
                        None => section.keys.push(Line { name, value, comment: &[] }),
                    }
                }
            }
        }
        Ok(section)
    }
}

/// Bytes, or only their number.
struct Out {
    bytes: Option<Bytes>,
    size: usize,
}

impl Out {
    fn put(&mut self, part: &[u8]) {
        self.size += part.len();
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(part);
        }
    }
}

fn write(sections: &[Section<'_>], out: &mut Out) {
    for (index, section) in sections.iter().enumerate() {
        comment(section.comment, false, out);
        if index > 0 || section.name.to_uppercase() != DEFAULT {
            out.put(b"[");
            out.put(section.name.as_bytes());
            out.put(b"]\n");
        } else if section.keys.is_empty() {
            continue;
        }
        let width = section.keys.iter().map(|line| width(line.name)).max().unwrap_or(0);
        for line in &section.keys {
            comment(line.comment, true, out);
            let quote = quote(line.name);
            out.put(quote);
            out.put(line.name.as_bytes());
            out.put(quote);
            for _ in self::width(line.name)..width {
                out.put(b" ");
            }
            out.put(b" = ");
            let quote = value_quote(&line.value);
            out.put(quote);
            out.put(&line.value);
            out.put(quote);
            out.put(b"\n");
        }
        if index + 1 < sections.len() {
            out.put(b"\n");
        }
    }
}

/// A line that is marked as a comment keeps its mark. `trimmed`: lines of a key's comment lose the spaces around them.
fn comment(text: &[u8], trimmed: bool, out: &mut Out) {
    if text.is_empty() {
        return;
    }
    for line in text.split(|byte| *byte == b'\n') {
        match line {
            [mark @ (b'#' | b';'), rest @ ..] => {
                out.put(&[*mark, b' ']);
                out.put(trim(rest));
            }
            _ => {
                out.put(b"; ");
                out.put(if trimmed { trim(line) } else { line });
            }
        }
        out.put(b"\n");
    }
}

fn quote(name: &str) -> &'static [u8] {
    match name.as_bytes() {
        bytes if bytes.iter().any(|byte| *byte == b'"' || DELIMITERS.contains(byte)) => b"`",
        bytes if bytes.contains(&b'`') => b"\"\"\"",
        _ => b"",
    }
}

/// Of a key with its quotes, in bytes.
fn width(name: &str) -> usize {
    name.len() + 2 * quote(name).len()
}

fn value_quote(value: &[u8]) -> &'static [u8] {
    if value.iter().any(|byte| matches!(byte, b'\n' | b'`')) {
        b"\"\"\""
    } else if value.iter().any(|byte| matches!(byte, b'#' | b';')) {
        b"`"
    } else if trim(value).len() != value.len() {
        b"\""
    } else {
        b""
    }
}
