//! The lexer: text, delimiters with trim markers, comments, and the words inside actions.

use crate::unicode::{decode, is_digit, is_letter, is_print};

/// The kind of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A piece of the template. For an error, `text` is the message.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) position: usize,
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Item {
    /// As Go's error messages show it.
    pub(crate) fn describe(&self) -> String {
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => self.text.clone(),
            kind if kind as u8 >= Kind::Block as u8 => format!("<{}>", self.text),
            _ if self.text.len() > 10 => format!("{}...", super::literal::quote_prefix(&self.text, 10)),
            _ => super::literal::quote(&self.text),
        }
    }
}

/// The scanner. It is asked for one item at a time.
pub(crate) struct Lexer<'t> {
    input: &'t str,
    position: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    inside: bool,
    failed: bool,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(input: &'t str) -> Self {
        Self { input, position: 0, start: 0, line: 1, start_line: 1, parens: 0, inside: false, failed: false }
    }

    pub(crate) fn next_item(&mut self) -> Item {
        if self.failed {
            return Item { kind: Kind::Eof, position: 0, text: "EOF".to_owned(), line: self.start_line };
        }
        if self.inside { self.inside_action() } else { self.text() }
    }

    fn rest(&self) -> &'t str {
        &self.input[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let rune = self.peek()?;
        self.position += rune.len_utf8();
        if rune == '\n' {
            self.line += 1;
        }
        Some(rune)
    }

    fn item(&mut self, kind: Kind) -> Item {
        let text = self.input[self.start..self.position].to_owned();
        let item = Item { kind, position: self.start, text, line: self.start_line };
        self.start = self.position;
        self.start_line = self.line;
        item
    }

    fn ignore(&mut self) {
        self.line += newlines(&self.input[self.start..self.position]);
        self.start = self.position;
        self.start_line = self.line;
    }

    fn error(&mut self, message: impl Into<String>) -> Item {
        self.failed = true;
        Item { kind: Kind::Error, position: self.start, text: message.into(), line: self.start_line }
    }

    fn text(&mut self) -> Item {
        loop {
            let Some(found) = self.rest().find("{{") else {
                self.position = self.input.len();
                if self.position > self.start {
                    self.line += newlines(&self.input[self.start..]);
                    return self.item(Kind::Text);
                }
                let mut item = self.item(Kind::Eof);
                "EOF".clone_into(&mut item.text);
                return item;
            };
            if found > 0 {
                let delimiter = self.position + found;
                self.position = delimiter;
                if has_left_trim(&self.input[delimiter + 2..]) {
                    self.position = self.start + trim_end(&self.input[self.start..delimiter]).len();
                }
                self.line += newlines(&self.input[self.start..self.position]);
                let item = self.item(Kind::Text);
                self.position = delimiter;
                self.ignore();
                if !item.text.is_empty() {
                    return item;
                }
            }
            self.position += 2;
            let after = if has_left_trim(self.rest()) { 2 } else { 0 };
            if !self.rest()[after..].starts_with("/*") {
                let item = self.item(Kind::LeftDelim);
                self.inside = true;
                self.position += after;
                self.ignore();
                self.parens = 0;
                return item;
            }
            self.position += after;
            self.ignore();
            if let Some(error) = self.comment() {
                return error;
            }
        }
    }

    fn comment(&mut self) -> Option<Item> {
        let Some(end) = self.rest()[2..].find("*/") else { return Some(self.error("unclosed comment")) };
        self.position += 2 + end + 2;
        let Some(trim) = self.at_right_delim() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.line += newlines(&self.input[self.start..self.position]);
        let _ = self.item(Kind::Text);
        self.position += if trim { 4 } else { 2 };
        if trim {
            self.position += self.rest().len() - trim_start(self.rest()).len();
        }
        self.ignore();
        None
    }

    /// Whether the right delimiter is here, and if it has a trim marker.
    fn at_right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest[2..].starts_with("}}") {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    fn right_delim(&mut self) -> Item {
        let trim = self.at_right_delim() == Some(true);
        if trim {
            self.position += 2;
            self.ignore();
        }
        self.position += 2;
        let item = self.item(Kind::RightDelim);
        if trim {
            self.position += self.rest().len() - trim_start(self.rest()).len();
            self.ignore();
        }
        self.inside = false;
        item
    }

    fn inside_action(&mut self) -> Item {
        if self.at_right_delim().is_some() {
            return if self.parens == 0 { self.right_delim() } else { self.error("unclosed left paren") };
        }
        let Some(rune) = self.advance() else { return self.error("unclosed action") };
        match rune {
            _ if is_blank(rune) => self.space(),
            '=' => self.item(Kind::Assign),
            ':' => {
                if self.advance() == Some('=') {
                    self.item(Kind::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            '|' => self.item(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => match self.rest().find('`') {
                Some(end) => {
                    self.line += newlines(&self.rest()[..end]);
                    self.position += end + 1;
                    self.item(Kind::RawString)
                }
                None => self.error("unterminated raw quoted string"),
            },
            '$' => self.field_or_variable(Kind::Variable),
            '.' if !self.peek().is_some_and(|next| next.is_ascii_digit()) && !self.rest().is_empty() => {
                self.field_or_variable(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.position -= 1;
                self.number()
            }
            _ if is_alphanumeric(rune) => self.identifier(),
            '(' => {
                self.parens += 1;
                self.item(Kind::LeftParen)
            }
            ')' => {
                if self.parens == 0 {
                    return self.error("unexpected right paren");
                }
                self.parens -= 1;
                self.item(Kind::RightParen)
            }
            _ if rune.is_ascii() && is_print(rune) => self.item(Kind::Char),
            _ => self.error(format!("unrecognized character in action: {}", unicode_point(rune))),
        }
    }

    fn space(&mut self) -> Item {
        let mut count = 1;
        while self.peek().is_some_and(is_blank) {
            self.advance();
            count += 1;
        }
        // The last blank may belong to a right delimiter with a trim marker.
        let before = &self.input[self.position - 1..];
        if has_right_trim(before) && before[2..].starts_with("}}") {
            self.position -= 1;
            if before.starts_with('\n') {
                self.line -= 1;
            }
            if count == 1 {
                return self.right_delim();
            }
        }
        self.item(Kind::Space)
    }

    fn identifier(&mut self) -> Item {
        while self.peek().is_some_and(is_alphanumeric) {
            self.advance();
        }
        if !self.at_terminator() {
            let next = self.peek();
            return self.error(format!("bad character {}", point_or_eof(next)));
        }
        let kind = match &self.input[self.start..self.position] {
            "block" => Kind::Block,
            "break" => Kind::Break,
            "continue" => Kind::Continue,
            "define" => Kind::Define,
            "else" => Kind::Else,
            "end" => Kind::End,
            "if" => Kind::If,
            "range" => Kind::Range,
            "nil" => Kind::Nil,
            "template" => Kind::Template,
            "with" => Kind::With,
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        self.item(kind)
    }

    fn field_or_variable(&mut self, kind: Kind) -> Item {
        if self.at_terminator() {
            return self.item(if kind == Kind::Variable { Kind::Variable } else { Kind::Dot });
        }
        while self.peek().is_some_and(is_alphanumeric) {
            self.advance();
        }
        if !self.at_terminator() {
            let next = self.peek();
            return self.error(format!("bad character {}", point_or_eof(next)));
        }
        self.item(kind)
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(rune) => is_blank(rune) || self.rest().starts_with("}}"),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Item {
        loop {
            match self.advance() {
                Some('\\') if self.peek().is_some_and(|next| next != '\n') => {
                    self.advance();
                }
                None | Some('\n' | '\\') => return self.error(unterminated),
                Some(rune) if rune == quote => return self.item(kind),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Item {
        let mut kind = Kind::Number;
        let mut good = self.scan_number();
        if good && matches!(self.peek(), Some('+' | '-')) {
            kind = Kind::Complex;
            good = self.scan_number() && self.input[..self.position].ends_with('i');
        }
        if !good {
            let text = super::literal::quote(&self.input[self.start..self.position]);
            return self.error(format!("bad number syntax: {text}"));
        }
        self.item(kind)
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|rune| set.contains(rune));
        if found {
            self.advance();
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        let (mut decimal, mut hex) = (true, false);
        if self.accept("0") {
            if self.accept("xX") {
                (digits, decimal, hex) = ("0123456789abcdefABCDEF_", false, true);
            } else if self.accept("oO") {
                (digits, decimal) = ("01234567_", false);
            } else if self.accept("bB") {
                (digits, decimal) = ("01_", false);
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if decimal && self.accept("eE") || hex && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.advance();
            return false;
        }
        true
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn is_blank(rune: char) -> bool {
    matches!(rune, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(rune: char) -> bool {
    rune == '_' || is_letter(rune) || is_digit(rune)
}

fn has_left_trim(text: &str) -> bool {
    let mut runes = text.chars();
    runes.next() == Some('-') && runes.next().is_some_and(is_blank)
}

fn has_right_trim(text: &str) -> bool {
    let mut runes = text.chars();
    runes.next().is_some_and(is_blank) && runes.next() == Some('-')
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches(is_blank)
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

fn point_or_eof(rune: Option<char>) -> String {
    rune.map_or_else(|| "U+FFFFFFFFFFFFFFFF".to_owned(), unicode_point)
}

/// Go's `%#U`.
pub(crate) fn unicode_point(rune: char) -> String {
    let number = format!("U+{:04X}", rune as u32);
    let printable = decode(rune.encode_utf8(&mut [0; 4]).as_bytes()).is_some_and(|(rune, _)| is_print(rune));
    if printable { format!("{number} '{rune}'") } else { number }
}
