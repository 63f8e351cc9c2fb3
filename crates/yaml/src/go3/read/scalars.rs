//! Scalars: plain, quoted, block.

use super::super::ScalarStyle;
use super::scan::{Scanned, Scanner};
use super::source::{Mark, Text};
use super::token::{Kind, Token};

/// Line breaks inside a scalar: the first one folds into a space, further ones stay.
#[derive(Default)]
struct Folds {
    first: &'static str,
    more: Text,
    blanks: Text,
    /// Whether a break was seen: blanks before it and behind it are nothing then.
    broken: bool,
}

impl Folds {
    fn flush(&mut self, text: &mut Text) {
        if self.broken {
            if self.first == "\n" {
                text.push(if self.more.is_empty() { " " } else { self.more.as_str() });
            } else {
                text.push(self.first);
                text.push(self.more.as_str());
            }
            self.more.clear();
            self.first = "";
        } else {
            text.push(self.blanks.as_str());
            self.blanks.clear();
        }
    }

    fn is_empty(&self) -> bool {
        !self.broken && self.blanks.is_empty()
    }
}

impl Scanner<'_> {
    pub(super) fn scan_plain(&mut self) -> Scanned<Token> {
        let start = self.source.mark;
        let mut end = start;
        let indent = self.indent + 1;
        let mut text = Text::default();
        let mut folds = Folds::default();
        loop {
            if self.source.is_document_indicator() || self.source.at(0) == b'#' {
                break;
            }
            let from = self.source.mark.byte;
            while !self.source.is_space_or_end(0) && !self.ends_plain() {
                self.source.skip();
            }
            if self.source.mark.byte > from {
                if !folds.is_empty() {
                    folds.flush(&mut text);
                    folds.broken = false;
                }
                text.push(self.source.slice(from));
                end = self.source.mark;
            }
            if !self.source.is_blank(0) && !self.source.is_break(0) {
                break;
            }
            while self.source.is_blank(0) || self.source.is_break(0) {
                if folds.broken && self.source.at(0) == b'\t' && self.source.mark.column < indent {
                    return self.fault(start, "found a tab character that violates indentation");
                }
                self.blank_or_break(&mut folds);
            }
            if self.flow_level == 0 && self.source.mark.column < indent {
                break;
            }
        }
        if folds.broken {
            self.simple_key_allowed = true;
        }
        Ok(self.scalar(start, end, end.byte, text, ScalarStyle::Plain))
    }

    fn ends_plain(&self) -> bool {
        match self.source.at(0) {
            b':' => self.source.is_space_or_end(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow_level > 0,
            _ => false,
        }
    }

    fn blank_or_break(&mut self, folds: &mut Folds) {
        if self.source.is_blank(0) {
            let blank = if self.source.at(0) == b' ' { " " } else { "\t" };
            if !folds.broken {
                folds.blanks.push(blank);
            }
            self.source.skip();
        } else if folds.broken {
            let meaning = self.source.skip_break();
            folds.more.push(meaning);
        } else {
            folds.blanks.clear();
            folds.first = self.source.skip_break();
            folds.broken = true;
        }
    }

    pub(super) fn scan_quoted(&mut self, single: bool) -> Scanned<Token> {
        let start = self.source.mark;
        let quote = if single { b'\'' } else { b'"' };
        self.source.skip();
        let mut text = Text::default();
        let mut folds = Folds::default();
        loop {
            if self.source.is_document_indicator() {
                return self.fault(start, "found unexpected document indicator");
            }
            if self.source.is_end(0) {
                return self.fault(start, "found unexpected end of stream");
            }
            folds.broken = false;
            while !self.source.is_space_or_end(0) {
                let from = self.source.mark.byte;
                while !self.source.is_space_or_end(0) && !matches!(self.source.at(0), b'\'' | b'"' | b'\\') {
                    self.source.skip();
                }
                text.push(self.source.slice(from));
                match self.source.at(0) {
                    b'\'' if single && self.source.at(1) == b'\'' => {
                        text.push("'");
                        self.source.skip();
                        self.source.skip();
                    }
                    byte if byte == quote => break,
                    b'\\' if !single && self.source.is_break(1) => {
                        self.source.skip();
                        self.source.skip_break();
                        folds.broken = true;
                        break;
                    }
                    b'\\' if !single => self.scan_escape(start, &mut text)?,
                    b'\'' => self.take_byte("'", &mut text),
                    b'"' => self.take_byte("\"", &mut text),
                    b'\\' => self.take_byte("\\", &mut text),
                    _ => {}
                }
            }
            if self.source.at(0) == quote {
                break;
            }
            while self.source.is_blank(0) || self.source.is_break(0) {
                // An escaped line break leaves `first` empty, so that nothing is folded in its place.
                self.blank_or_break(&mut folds);
            }
            folds.flush(&mut text);
        }
        self.source.skip();
        let end = self.source.mark;
        let style = if single { ScalarStyle::SingleQuoted } else { ScalarStyle::DoubleQuoted };
        Ok(self.scalar(start, end, end.byte, text, style))
    }

    fn take_byte(&mut self, byte: &str, text: &mut Text) {
        text.push(byte);
        self.source.skip();
    }

    fn scan_escape(&mut self, start: Mark, text: &mut Text) -> Scanned<()> {
        let mut digits = 0;
        match self.source.at(1) {
            b'0' => text.push("\0"),
            b'a' => text.push("\x07"),
            b'b' => text.push("\x08"),
            b't' | b'\t' => text.push("\t"),
            b'n' => text.push("\n"),
            b'v' => text.push("\x0B"),
            b'f' => text.push("\x0C"),
            b'r' => text.push("\r"),
            b'e' => text.push("\x1B"),
            b' ' => text.push(" "),
            b'"' => text.push("\""),
            b'\'' => text.push("'"),
            b'\\' => text.push("\\"),
            b'N' => text.push("\u{85}"),
            b'_' => text.push("\u{A0}"),
            b'L' => text.push("\u{2028}"),
            b'P' => text.push("\u{2029}"),
            b'x' => digits = 2,
            b'u' => digits = 4,
            b'U' => digits = 8,
            _ => return self.fault(start, "found unknown escape character"),
        }
        self.source.skip();
        self.source.skip();
        if digits == 0 {
            return Ok(());
        }
        let mut code: u64 = 0;
        for ahead in 0..digits {
            let Some(digit) = self.source.hex(ahead) else {
                return self.fault(start, "did not find expected hexdecimal number");
            };
            code = code * 16 + u64::from(digit);
        }
        let Some(character) = u32::try_from(code).ok().and_then(char::from_u32) else {
            return self.fault(start, "found invalid Unicode character escape code");
        };
        text.push_char(character);
        for _ in 0..digits {
            self.source.skip();
        }
        Ok(())
    }

    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Scanned<Token> {
        let start = self.source.mark;
        self.source.skip();
        let (keep, increment) = self.block_header(start)?;
        let mut end_byte = self.source.mark.byte;
        self.source.skip_blanks();
        if self.source.at(0) == b'#' {
            self.scan_line_comment(start);
            end_byte = self.source.mark.byte;
        }
        if !self.source.is_break_or_end(0) {
            return self.fault(start, "did not find expected comment or line break");
        }
        self.source.skip_break();

        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
        let mut text = Text::default();
        let mut first = "";
        let mut more = Text::default();
        let mut end = self.block_breaks(&mut indent, &mut more, start)?;
        let mut after_blank = false;
        while self.source.mark.column == indent && !self.source.is_end(0) {
            let blank = self.source.is_blank(0);
            if !literal && !after_blank && !blank && first == "\n" {
                if more.is_empty() {
                    text.push(" ");
                }
            } else {
                text.push(first);
            }
            text.push(more.as_str());
            more.clear();
            after_blank = blank;
            text.push(self.source.rest_of_line());
            end_byte = self.source.mark.byte;
            first = self.source.skip_break();
            end = self.block_breaks(&mut indent, &mut more, start)?;
        }
        if keep != Some(false) {
            text.push(first);
        }
        if keep == Some(true) {
            text.push(more.as_str());
        }
        let style = if literal { ScalarStyle::Literal } else { ScalarStyle::Folded };
        Ok(self.scalar(start, end, end_byte, text, style))
    }

    /// Whether line breaks at the end are kept, and how far the text is indented; in either order.
    fn block_header(&mut self, start: Mark) -> Scanned<(Option<bool>, isize)> {
        let mut keep = None;
        let mut increment = 0;
        for _ in 0..2 {
            match self.source.at(0) {
                sign @ (b'+' | b'-') if keep.is_none() => keep = Some(sign == b'+'),
                b'0' if increment == 0 => return self.fault(start, "found an indentation indicator equal to 0"),
                digit @ b'1'..=b'9' if increment == 0 => increment = isize::from(digit - b'0'),
                _ => break,
            }
            self.source.skip();
        }
        Ok((keep, increment))
    }

    /// Over indentation and empty lines; finds the indentation if it is not known yet. Gives the place behind the last line break.
    fn block_breaks(&mut self, indent: &mut isize, breaks: &mut Text, start: Mark) -> Scanned<Mark> {
        let mut end = self.source.mark;
        let mut widest = 0;
        loop {
            while (*indent == 0 || self.source.mark.column < *indent) && self.source.at(0) == b' ' {
                self.source.skip();
            }
            widest = widest.max(self.source.mark.column);
            if (*indent == 0 || self.source.mark.column < *indent) && self.source.at(0) == b'\t' {
                return self.fault(start, "found a tab character where an indentation space is expected");
            }
            if !self.source.is_break(0) {
                break;
            }
            breaks.push(self.source.skip_break());
            end = self.source.mark;
        }
        if *indent == 0 {
            *indent = widest.max(self.indent + 1).max(1);
        }
        Ok(end)
    }

    fn scalar(&self, start: Mark, end: Mark, end_byte: usize, text: Text, style: ScalarStyle) -> Token {
        let mut token = Token::new(Kind::Scalar, start, end);
        token.end_byte = end_byte;
        token.text = text.into_inner();
        token.style = style;
        token
    }
}
