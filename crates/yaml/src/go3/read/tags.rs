//! Directives, tags, anchors and aliases.

use super::scan::{Scanned, Scanner};
use super::source::{Mark, width};
use super::token::{Kind, Token};

impl Scanner<'_> {
    /// `%YAML` and `%TAG`, with the line break behind them.
    pub(super) fn scan_directive(&mut self) -> Scanned<Token> {
        let start = self.source.mark;
        self.source.skip();
        let from = self.source.mark.byte;
        while self.source.is_word() {
            self.source.skip();
        }
        let name = self.source.slice(from);
        if name.is_empty() {
            return self.fault(start, "could not find expected directive name");
        }
        if !self.source.is_space_or_end(0) {
            return self.fault(start, "found unexpected non-alphabetical character");
        }
        let token = match name {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return self.fault(start, "found unknown directive name"),
        };
        self.source.skip_blanks();
        if self.source.at(0) == b'#' {
            let from = self.source.mark.byte;
            self.source.rest_of_line();
            self.all_comments.push(from..self.source.mark.byte);
        }
        if !self.source.is_break_or_end(0) {
            return self.fault(start, "did not find expected comment or line break");
        }
        self.source.skip_break();
        Ok(token)
    }

    fn version(&mut self, start: Mark) -> Scanned<Token> {
        self.source.skip_blanks();
        let major = self.version_number(start)?;
        if self.source.at(0) != b'.' {
            return self.fault(start, "did not find expected digit or '.' character");
        }
        self.source.skip();
        let minor = self.version_number(start)?;
        let mut token = Token::new(Kind::Version, start, self.source.mark);
        token.version = (major, minor);
        Ok(token)
    }

    fn version_number(&mut self, start: Mark) -> Scanned<u8> {
        let mut number = 0;
        let mut length = 0;
        while self.source.at(0).is_ascii_digit() {
            length += 1;
            if length > 2 {
                return self.fault(start, "found extremely long version number");
            }
            number = number * 10 + (self.source.at(0) - b'0');
            self.source.skip();
        }
        if length == 0 {
            return self.fault(start, "did not find expected version number");
        }
        Ok(number)
    }

    fn tag_directive(&mut self, start: Mark) -> Scanned<Token> {
        self.source.skip_blanks();
        let handle = self.tag_handle(true, start)?;
        if !self.source.is_blank(0) {
            return self.fault(start, "did not find expected whitespace");
        }
        self.source.skip_blanks();
        let prefix = self.tag_uri(&[], start)?;
        if !self.source.is_space_or_end(0) {
            return self.fault(start, "did not find expected whitespace or line break");
        }
        let mut token = Token::new(Kind::TagDirective, start, self.source.mark);
        token.text = lossy(handle).into();
        token.suffix = lossy(prefix);
        Ok(token)
    }

    pub(super) fn scan_anchor(&mut self, kind: Kind) -> Scanned<Token> {
        let start = self.source.mark;
        self.source.skip();
        let from = self.source.mark.byte;
        while self.source.is_word() {
            self.source.skip();
        }
        let name = self.source.slice(from);
        let ends = self.source.is_space_or_end(0)
            || matches!(self.source.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return self.fault(start, "did not find expected alphabetic or numeric character");
        }
        let mut token = Token::new(kind, start, self.source.mark);
        token.text = name.to_owned().into();
        Ok(token)
    }

    pub(super) fn scan_tag(&mut self) -> Scanned<Token> {
        let start = self.source.mark;
        let (handle, suffix) = if self.source.at(1) == b'<' {
            self.source.skip();
            self.source.skip();
            let suffix = self.tag_uri(&[], start)?;
            if self.source.at(0) != b'>' {
                return self.fault(start, "did not find the expected '>'");
            }
            self.source.skip();
            (Vec::new(), suffix)
        } else {
            let handle = self.tag_handle(false, start)?;
            if handle.len() > 1 && handle.ends_with(b"!") {
                let suffix = self.tag_uri(&[], start)?;
                (handle, suffix)
            } else {
                match self.tag_uri(&handle, start)? {
                    suffix if suffix.is_empty() => (suffix, b"!".to_vec()),
                    suffix => (b"!".to_vec(), suffix),
                }
            }
        };
        if !self.source.is_space_or_end(0) {
            return self.fault(start, "did not find expected whitespace or line break");
        }
        let mut token = Token::new(Kind::Tag, start, self.source.mark);
        token.text = lossy(handle).into();
        token.suffix = lossy(suffix);
        Ok(token)
    }

    /// `!`, `!!` or `!name!`; for a tag also `!name`, which is the begin of its suffix.
    fn tag_handle(&mut self, directive: bool, start: Mark) -> Scanned<Vec<u8>> {
        if self.source.at(0) != b'!' {
            return self.fault(start, "did not find expected '!'");
        }
        let from = self.source.mark.byte;
        self.source.skip();
        while self.source.is_word() {
            self.source.skip();
        }
        if self.source.at(0) == b'!' {
            self.source.skip();
        } else if directive && self.source.slice(from) != "!" {
            return self.fault(start, "did not find expected '!'");
        }
        Ok(self.source.slice(from).as_bytes().to_vec())
    }

    /// The characters of a URI, `%` escapes decoded, behind those that were read as a handle.
    fn tag_uri(&mut self, head: &[u8], start: Mark) -> Scanned<Vec<u8>> {
        let mut uri = head.get(1..).unwrap_or_default().to_vec();
        let mut found = !head.is_empty();
        loop {
            match self.source.at(0) {
                b'%' => self.uri_escape(&mut uri, start)?,
                byte if self.source.is_word() || b";/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(byte);
                    self.source.skip();
                }
                _ => break,
            }
            found = true;
        }
        if !found {
            return self.fault(start, "did not find expected tag URI");
        }
        Ok(uri)
    }

    fn uri_escape(&mut self, uri: &mut Vec<u8>, start: Mark) -> Scanned<()> {
        let mut left = None;
        while left != Some(0) {
            let octet = match (self.source.at(0), self.source.hex(1), self.source.hex(2)) {
                (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or_default(),
                _ => return self.fault(start, "did not find URI escaped octet"),
            };
            left = match left {
                None if matches!(octet, 0x80..=0xBF | 0xF8..) => {
                    return self.fault(start, "found an incorrect leading UTF-8 octet");
                }
                None => Some(width(octet) - 1),
                Some(_) if octet & 0xC0 != 0x80 => {
                    return self.fault(start, "found an incorrect trailing UTF-8 octet");
                }
                Some(left) => Some(left - 1),
            };
            uri.push(octet);
            for _ in 0..3 {
                self.source.skip();
            }
        }
        Ok(())
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
