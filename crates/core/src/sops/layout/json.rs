//! Where the values of a JSON object stand. The store has read the text before, so it is known to be well-formed.

use std::ops::Range;

use bulla_yaml::go3::ScalarStyle;

use super::Error;
use super::locate::{Place, Places, in_braces};
use crate::sops::Format;

pub(super) fn locate(text: &[u8]) -> Result<Places, Error> {
    let tree = Format::Json.load_plain(text)?;
    let mut scanner = Scanner { text, at: 0, leaves: Vec::new() };
    let broken = || Error::Layout { line: 1, what: "this JSON" };
    let (braces, pairs) = scanner.root().ok_or_else(broken)?;
    let index = pairs.iter().position(|(key, _)| &text[key.clone()] == b"\"sops\"");
    let indent = scanner.indent(braces.start);
    let (slot, entry) = in_braces(text, braces, &pairs, index);
    Ok(Places { tree, leaves: scanner.leaves, entries: vec![entry], slots: vec![slot], lost: Vec::new(), indent })
}

type Pair = (Range<usize>, Range<usize>);

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    leaves: Vec<Place>,
}

impl Scanner<'_> {
    /// The object: its braces, and its entries.
    fn root(&mut self) -> Option<(Range<usize>, Vec<Pair>)> {
        if self.text.starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
        }
        self.white();
        let start = self.at;
        let mut pairs = Vec::new();
        // Deeper levels are walked with a stack of our own: a text may be nested as deep as it likes.
        let mut open: Vec<u8> = Vec::new();
        let mut key: Option<Range<usize>> = None;
        loop {
            self.white();
            let byte = *self.text.get(self.at)?;
            let from = self.at;
            match byte {
                b'{' | b'[' => {
                    open.push(byte);
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    open.pop()?;
                    self.at += 1;
                    if open.is_empty() {
                        return Some((start..self.at, pairs));
                    }
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    let token = self.token()?;
                    self.white();
                    if open.last() == Some(&b'{') && byte == b'"' && self.text.get(self.at) == Some(&b':') {
                        if open.len() == 1 {
                            key = Some(token);
                        }
                        continue;
                    }
                    let style = if byte == b'"' { ScalarStyle::DoubleQuoted } else { ScalarStyle::Plain };
                    self.leaves.push(Place { in_flow: true, ..Place::of_token(token.clone(), style) });
                    self.at = token.end;
                }
            }
            // A value has ended; at the first level it belongs to the last key, and it began behind it.
            if open.len() == 1
                && let Some(key) = key.take()
            {
                let value = self.after_colon(key.end)?.min(from)..self.at;
                pairs.push((key, value));
            }
        }
    }

    fn after_colon(&self, key_end: usize) -> Option<usize> {
        Some(key_end + self.text.get(key_end..)?.iter().position(|byte| *byte == b':')? + 1)
    }

    fn white(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A string, a number or a word.
    fn token(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if self.text[start] != b'"' {
            while self.text.get(self.at).is_some_and(|byte| !b" \t\r\n,:]}".contains(byte)) {
                self.at += 1;
            }
            return (self.at > start).then_some(start..self.at);
        }
        self.at += 1;
        loop {
            match self.text.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(start..self.at)
    }

    /// How far the first entry is indented; 0 if it is on the same line.
    fn indent(&self, start: usize) -> usize {
        let inside = &self.text[(start + 1).min(self.text.len())..];
        let white = inside.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let blanks = inside[..white].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        if inside[..white].contains(&b'\n') && blanks.iter().all(|byte| *byte == b' ') { blanks.len() } else { 0 }
    }
}
