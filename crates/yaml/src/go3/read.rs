//! From bytes to documents.
//!
//! Which way the data goes: `source` (bytes, places) → `scan` with `scalars` and `tags` (tokens; `comments` beside them) → `parse`
//! (nodes, comments attached).

mod comments;
mod error;
mod parse;
mod scalars;
mod scan;
mod source;
mod tags;
mod token;

use std::ops::Range;

pub use error::ReadError;

use super::Node;
use crate::Limits;
use crate::position::position_in_bytes;

/// A document: the node at its root (`None` if it is empty), and the comments that go-yaml attaches to the document itself.
pub struct Document {
    /// The value.
    pub root: Option<Node>,
    /// Head and foot comments of the document node.
    pub comments: super::Comments,
}

/// A whole file.
pub struct Reading {
    /// Its documents. None if there is nothing but comments and empty lines.
    pub documents: Vec<Document>,
    /// Every line of a comment in the text, those that go-yaml attaches to nothing included, from `#` to before the line's end.
    pub comment_lines: Vec<Range<usize>>,
}

/// Reads all documents of a file.
///
/// # Errors
/// [`ReadError`], worded as go-yaml words it.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Vec<Document>, ReadError> {
    read_all(bytes, limits).map(|reading| reading.documents)
}

/// Reads all documents of a file, and where its comments are.
///
/// # Errors
/// [`ReadError`], worded as go-yaml words it.
pub fn read_all(bytes: &[u8], limits: &Limits) -> Result<Reading, ReadError> {
    match read_up_to_error(bytes, limits) {
        (reading, None) => Ok(reading),
        (_, Some(error)) => Err(error),
    }
}

/// The documents in front of the first error, and the error.
pub fn read_up_to_error(bytes: &[u8], limits: &Limits) -> (Reading, Option<ReadError>) {
    let refused = |problem: String, position| {
        let nothing = Reading { documents: Vec::new(), comment_lines: Vec::new() };
        (nothing, Some(ReadError { problem, go_line: 0, position, document: 0 }))
    };
    if bytes.len() > limits.max_bytes {
        let problem = format!("the input has {} bytes, the limit is {}", bytes.len(), limits.max_bytes);
        return refused(problem, None);
    }
    match decode(bytes) {
        Ok(text) => parse::Parser::new(text, limits).documents(),
        Err((offset, problem)) => refused(problem.to_owned(), Some(position_in_bytes(bytes, offset))),
    }
}

/// The text, if every character of it may stand in YAML; else the byte where that ends, and why.
fn decode(bytes: &[u8]) -> Result<&str, (usize, &'static str)> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err((0, "the input is UTF-16, only UTF-8 is read"));
    }
    let (text, fault) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).unwrap_or_default(), Some((valid.len(), utf8_problem(rest))))
        }
    };
    match text.char_indices().find(|&(_, character)| !is_allowed(character)) {
        Some((offset, _)) => Err((offset, "control characters are not allowed")),
        None => fault.map_or(Ok(text), Err),
    }
}

fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'..)
}

/// What go-yaml says of bytes that begin with something that is no character.
fn utf8_problem(bytes: &[u8]) -> &'static str {
    let first = bytes.first().copied().unwrap_or(0);
    let width = match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(character) = bytes.get(..width) else { return "incomplete UTF-8 octet sequence" };
    if character[1..].iter().any(|byte| byte & 0xC0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let bits =
        character[1..].iter().fold(u32::from(first) & (0x7F >> width), |bits, byte| bits << 6 | u32::from(byte & 0x3F));
    let least = [0x80, 0x800, 0x1_0000][width - 2];
    if bits < least { "invalid length of a UTF-8 sequence" } else { "invalid Unicode character" }
}
