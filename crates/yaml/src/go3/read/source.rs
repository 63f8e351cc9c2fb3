//! The bytes under the scanner: where it stands, what comes next, and what counts as a space or as the end of a line.
//!
//! Past the end every byte is zero, which YAML text cannot contain.

use zeroize::Zeroizing;

/// A place in the input. All numbers count from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// In characters; a CRLF is two.
    pub(super) index: isize,
    pub(super) line: isize,
    /// In characters.
    pub(super) column: isize,
    pub(super) byte: usize,
}

pub(super) struct Source<'a> {
    text: &'a str,
    pub(super) mark: Mark,
    /// Line breaks since the last character that is not blank.
    pub(super) newlines: isize,
}

impl<'a> Source<'a> {
    /// A byte order mark at the start belongs to the encoding: it has bytes and no column.
    pub(super) fn new(text: &'a str) -> Self {
        let byte = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
        Self { text, mark: Mark { byte, ..Mark::default() }, newlines: 0 }
    }

    /// The byte `ahead` bytes further on.
    pub(super) fn at(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.mark.byte + ahead).copied().unwrap_or(0)
    }

    pub(super) fn slice(&self, from: usize) -> &'a str {
        self.text.get(from..self.mark.byte).unwrap_or_default()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.at(ahead), b' ' | b'\t')
    }

    pub(super) fn is_end(&self, ahead: usize) -> bool {
        self.at(ahead) == 0
    }

    /// CR, LF, and YAML 1.1's NEL, LS and PS.
    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.at(ahead) {
            b'\r' | b'\n' => true,
            0xC2 => self.at(ahead + 1) == 0x85,
            0xE2 => self.at(ahead + 1) == 0x80 && matches!(self.at(ahead + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.is_end(ahead) || self.is_break(ahead)
    }

    pub(super) fn is_space_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// Letters, digits, `_` and `-`: what names are made of.
    pub(super) fn is_word(&self) -> bool {
        matches!(self.at(0), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-')
    }

    pub(super) fn hex(&self, ahead: usize) -> Option<u32> {
        char::from(self.at(ahead)).to_digit(16)
    }

    /// `---` or `...` alone at the start of a line.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.is_indicator(b'-') || self.is_indicator(b'.')
    }

    /// Three times `byte`, alone at the start of a line.
    pub(super) fn is_indicator(&self, byte: u8) -> bool {
        self.mark.column == 0
            && self.at(0) == byte
            && self.at(1) == byte
            && self.at(2) == byte
            && self.is_space_or_end(3)
    }

    /// Over one character, which is no line break.
    pub(super) fn skip(&mut self) {
        if !self.is_blank(0) {
            self.newlines = 0;
        }
        self.mark.index += 1;
        self.mark.column += 1;
        self.mark.byte = (self.mark.byte + width(self.at(0))).min(self.text.len());
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Up to the end of the line, and gives what it went over.
    pub(super) fn rest_of_line(&mut self) -> &'a str {
        let from = self.mark.byte;
        while !self.is_break_or_end(0) {
            self.skip();
        }
        self.slice(from)
    }

    /// Over a line break; nothing if there is none. Gives what the break means in a scalar: a line feed, or LS or PS themselves.
    pub(super) fn skip_break(&mut self) -> &'static str {
        let (bytes, meaning) = match (self.at(0), self.at(1), self.at(2)) {
            (b'\r', b'\n', _) => (2, "\n"),
            (b'\r' | b'\n', ..) => (1, "\n"),
            (0xC2, 0x85, _) => (2, "\n"),
            (0xE2, 0x80, 0xA8) => (3, "\u{2028}"),
            (0xE2, 0x80, 0xA9) => (3, "\u{2029}"),
            _ => return "",
        };
        self.mark.index += if self.at(0) == b'\r' && bytes == 2 { 2 } else { 1 };
        self.mark.column = 0;
        self.mark.line += 1;
        self.mark.byte += bytes;
        self.newlines += 1;
        meaning
    }

    /// The mark that many bytes ahead, of which each is a character of its own.
    pub(super) fn ahead(&self, bytes: usize, line: isize, column: isize) -> Mark {
        Mark { index: self.mark.index + bytes.cast_signed(), line, column, byte: self.mark.byte + bytes }
    }
}

/// Bytes of the character that begins with this byte.
pub(super) fn width(first: u8) -> usize {
    match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    }
}

/// Text that may be secret: memory that it outgrows is cleared.
#[derive(Clone, Default)]
pub(super) struct Text(Zeroizing<String>);

impl Text {
    pub(super) fn push(&mut self, text: &str) {
        let needed = self.0.len() + text.len();
        if needed > self.0.capacity() {
            let mut wider = Zeroizing::new(String::with_capacity(if self.0.is_empty() { needed } else { needed * 2 }));
            wider.push_str(&self.0);
            self.0 = wider;
        }
        self.0.push_str(text);
    }

    pub(super) fn push_char(&mut self, character: char) {
        self.push(character.encode_utf8(&mut [0; 4]));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn into_inner(self) -> Zeroizing<String> {
        self.0
    }
}
