//! From bytes to sections.
//!
//! Rules that surprise: a value ends at the first `#` or `;` unless it begins with a backtick or three double quotes; a backslash at the end of a
//! line joins the next one; the comment above a key comes *after* it in the tree, one above a header is the first item of the section.

use zeroize::Zeroizing;

use super::{DEFAULT, DELIMITERS, trim, trim_start};
use crate::sops::{Branch, Comment, Error, Item, Tree, Value};

type Bytes = Zeroizing<Vec<u8>>;

pub(in crate::sops::stores) fn load(bytes: &[u8]) -> Result<Tree, Error> {
    let mut lines = Lines { rest: without_mark(bytes), number: 0, comment: Bytes::default() };
    let mut sections = vec![Section::new(DEFAULT.to_owned(), &[])];
    // Names of keys without a name are counted.
    let mut unnamed = 0;
    while let Some(line) = lines.next() {
        let line = trim_start(line);
        match line.first() {
            None => {}
            Some(b'#' | b';') => append(&mut lines.comment, line),
            Some(b'[') => {
                let Some(end) = line.iter().rposition(|byte| *byte == b']') else {
                    return lines.refuse("unclosed section");
                };
                let name = lines.name(&line[1..end])?;
                if name.is_empty() {
                    return Err(unreadable("empty section name".to_owned()));
                }
                lines.comment_in(&line[end + 1..]);
                sections.push(Section::new(name, &lines.take_comment()));
                unnamed = 0;
            }
            Some(_) => {
                let (name, rest) = lines.key(line)?;
                let name = if name == "-" {
                    unnamed += 1;
                    format!("#{unnamed}")
                } else {
                    name
                };
                let value = lines.value(rest)?;
                let comment = lines.take_comment();
                if name.is_empty() {
                    return Err(unreadable("error creating new key: empty key name".to_owned()));
                }
                if let Some(section) = sections.last_mut() {
                    section.set(name, value, comment);
                }
            }
        }
    }
    Ok(Tree { documents: vec![sections.into_iter().map(Section::into_item).collect()] })
}

/// A byte order mark is skipped; that of UTF-16 too, although nothing is decoded.
fn without_mark(bytes: &[u8]) -> &[u8] {
    [&b"\xEF\xBB\xBF"[..], b"\xFE\xFF", b"\xFF\xFE"].iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes)
}

struct Section {
    name: String,
    comment: Bytes,
    keys: Vec<(String, Bytes, Bytes)>,
    /// Where each key is in `keys`.
    places: std::collections::HashMap<String, usize>,
}

impl Section {
    fn new(name: String, comment: &[u8]) -> Self {
        let comment = Zeroizing::new(comment.to_vec());
        Self { name, comment, keys: Vec::new(), places: std::collections::HashMap::new() }
    }

    /// A key that is there already stays where it is, with the new value and comment.
    fn set(&mut self, name: String, value: Bytes, comment: Bytes) {
        match self.places.get(&name) {
            Some(&place) => (self.keys[place].1, self.keys[place].2) = (value, comment),
            None => {
                self.places.insert(name.clone(), self.keys.len());
                self.keys.push((name, value, comment));
            }
        }
    }

    fn into_item(self) -> Item {
        let mut items = Branch::with_capacity(self.keys.len());
        items.extend(comment_item(&self.comment));
        for (name, value, comment) in self.keys {
            items.push(Item::new(name, Value::Text(value)));
            items.extend(comment_item(&comment));
        }
        Item::new(self.name, Value::Map(items))
    }
}

/// Its first line loses its marks and the spaces around them.
fn comment_item(comment: &[u8]) -> Option<Item> {
    let mark = *comment.first()?;
    let text = match mark {
        b'#' | b';' => {
            let start = comment.iter().position(|byte| *byte != mark && *byte != b' ').unwrap_or(comment.len());
            &comment[start..]
        }
        _ => comment,
    };
    Some(Item::comment(Comment::new(text)))
}

struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
    /// Comments that wait for a header or key.
    comment: Bytes,
}

impl<'a> Lines<'a> {
    /// The next line with its line break; nothing at the end.
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(line)
    }

    /// What stands behind the closing quote of a value, or behind a header.
    fn comment_in(&mut self, rest: &[u8]) {
        if let Some(start) = rest.iter().position(|byte| matches!(byte, b'#' | b';')) {
            append(&mut self.comment, &rest[start..]);
        }
    }

    fn take_comment(&mut self) -> Bytes {
        let comment = std::mem::take(&mut self.comment);
        Zeroizing::new(trim(&comment).to_vec())
    }

    /// The key of a line, and what stands behind the delimiter.
    fn key<'l>(&self, line: &'l [u8]) -> Result<(String, &'l [u8]), Error> {
        let quote: &[u8] = match line.first() {
            Some(b'"') if line.len() > 6 && line.starts_with(b"\"\"\"") => b"\"\"\"",
            Some(b'"') => b"\"",
            Some(b'`') => b"`",
            _ => b"",
        };
        let delimiter = |part: &[u8]| part.iter().position(|byte| DELIMITERS.contains(byte));
        if quote.is_empty() {
            return match delimiter(line) {
                None => self.refuse("key-value delimiter not found"),
                Some(0) => self.refuse("empty key name"),
                Some(end) => Ok((self.name(trim(&line[..end]))?, &line[end + 1..])),
            };
        }
        let inner = &line[quote.len()..];
        let Some(end) = find(inner, quote) else { return self.refuse("missing closing key quote") };
        let behind = inner.get(end + quote.len()..).unwrap_or_default();
        let Some(at) = delimiter(behind) else { return self.refuse("key-value delimiter not found") };
        Ok((self.name(trim(&inner[..end]))?, &behind[at + 1..]))
    }

    /// The value that begins on this line.
    fn value(&mut self, rest: &[u8]) -> Result<Bytes, Error> {
        let line = trim_start(rest);
        let quote: &[u8] = match line {
            [b'"', b'"', b'"', _, ..] => b"\"\"\"",
            [b'`', ..] => b"`",
            _ => b"",
        };
        if !quote.is_empty() {
            let inner = &line[quote.len()..];
            return match rfind(inner, quote) {
                Some(end) => Ok(Zeroizing::new(inner[..end].to_vec())),
                None => self.further_lines(inner, quote),
            };
        }
        let line = trim(line);
        if let Some(begin) = line.strip_suffix(b"\\") {
            return Ok(self.joined_lines(begin));
        }
        let mut value = line;
        if let Some(start) = line.iter().position(|byte| matches!(byte, b'#' | b';')) {
            append(&mut self.comment, &line[start..]);
            value = trim(&line[..start]);
        }
        if let [first @ (b'\'' | b'"'), inner @ .., last] = value
            && first == last
            && !inner.contains(first)
        {
            value = inner;
        }
        Ok(Zeroizing::new(value.to_vec()))
    }

    /// A quoted value up to the line with its closing quote; a backslash behind that quote makes it go on.
    fn further_lines(&mut self, begin: &[u8], quote: &[u8]) -> Result<Bytes, Error> {
        let mut value = Zeroizing::new(begin.to_vec());
        loop {
            let at_end = !self.rest.contains(&b'\n');
            let next = self.next().unwrap_or_default();
            if let Some(end) = rfind(next, quote) {
                if trim(&next[end + quote.len()..]).ends_with(b"\\") {
                    append(&mut value, next);
                    continue;
                }
                append(&mut value, &next[..end]);
                if let Some(start) = next[end..].iter().position(|byte| matches!(byte, b'#' | b';')) {
                    append(&mut self.comment, trim(&next[end + start..]));
                }
                return Ok(value);
            }
            append(&mut value, next);
            if at_end {
                return self.refuse("missing closing key quote");
            }
        }
    }

    /// A value of which each line but the last ends in a backslash.
    fn joined_lines(&mut self, begin: &[u8]) -> Bytes {
        let mut value = Zeroizing::new(begin.to_vec());
        loop {
            let next = trim(self.next().unwrap_or_default());
            if next.is_empty() {
                return value;
            }
            append(&mut value, next);
            if value.pop_if(|last| *last == b'\\').is_none() {
                return value;
            }
        }
    }

    fn name(&self, bytes: &[u8]) -> Result<String, Error> {
        match std::str::from_utf8(bytes) {
            Ok(name) => Ok(name.to_owned()),
            Err(_) => self.refuse("the name is no UTF-8"),
        }
    }

    /// The real tool repeats the line, which may be a secret.
    fn refuse<T>(&self, problem: &str) -> Result<T, Error> {
        Err(unreadable(format!("{problem}: line {}", self.number)))
    }
}

fn unreadable(problem: String) -> Error {
    Error::Unreadable(format!("Could not unmarshal input data: {problem}"))
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn rfind(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).rposition(|window| window == part)
}

/// Grows without leaving copies behind.
fn append(to: &mut Bytes, more: &[u8]) {
    let needed = to.len() + more.len();
    if needed > to.capacity() {
        let mut wider = Zeroizing::new(Vec::with_capacity(needed * 2));
        wider.extend_from_slice(to);
        *to = wider;
    }
    to.extend_from_slice(more);
}
