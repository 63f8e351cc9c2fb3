//! Where something stands in the input: for people (line and column) and for splices (bytes).

use std::fmt;

/// A place in the input, as an editor shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters (Unicode scalar values), from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The source text of a node: half-open byte range in the input, a byte order mark counted.
///
/// For plain and quoted scalars and for flow collections it is exactly the token, quotes and brackets included. For
/// block scalars it begins at the first content character, after the header line. Block collections begin at their
/// first key or dash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line and column of `start`.
    pub position: Position,
}

/// Counts lines and columns while walking forward through a text, so that many lookups stay linear.
pub(crate) struct Locator<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, position: Position { line: 1, column: 1 } }
    }

    /// Offsets must not decrease between calls. `offset` is clamped to a character boundary at or before it.
    pub(crate) fn at(&mut self, offset: usize) -> Position {
        debug_assert!(offset >= self.offset, "offsets are asked for in order");
        let rest = &self.text.as_bytes()[self.offset..offset.clamp(self.offset, self.text.len())];
        for byte in rest {
            match byte {
                b'\n' => {
                    self.position.line += 1;
                    self.position.column = 1;
                }
                // Continuation bytes belong to a character that is already counted.
                0x80..=0xBF => {}
                _ => self.position.column += 1,
            }
        }
        self.offset += rest.len();
        self.position
    }
}

/// The position of a byte offset in text of which everything before the offset is valid UTF-8.
pub(crate) fn position_in_bytes(bytes: &[u8], offset: usize) -> Position {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column =
        before.iter().rev().take_while(|&&byte| byte != b'\n').filter(|&&byte| byte & 0xC0 != 0x80).count() + 1;
    Position { line, column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_line_feeds() {
        let text = "aé€b\r\n🔒x";
        let mut locator = Locator::new(text);
        for (offset, line, column) in [(0, 1, 1), (1, 1, 2), (3, 1, 3), (6, 1, 4), (9, 2, 1), (13, 2, 2)] {
            let expected = Position { line, column };
            assert_eq!(locator.at(offset), expected, "offset {offset}");
            assert_eq!(position_in_bytes(text.as_bytes(), offset), expected, "offset {offset}");
        }
    }
}
