//! From Go's regular expressions (RE2) to those of the `regex` crate: the same engine family with another surface.
//!
//! `\d`, `\s`, `\w` and `\b` are ASCII in Go; `\Q…\E` and octal escapes are Go's alone; a brace that is no repetition is
//! literal in Go; set operations, nested classes and the flags `x`, `u` and `R` are Rust's alone.

use crate::Invalid;

const INVALID: Invalid = Invalid;

/// Go's limit on a repetition.
const MAX_REPEAT: u32 = 1000;

struct Translator<'p> {
    rest: &'p str,
    out: String,
    /// Whether a repetition may follow, and whether one has just been.
    repeatable: bool,
    repeated: bool,
}

/// The pattern in Rust's syntax.
pub(crate) fn translate(pattern: &str) -> Result<String, Invalid> {
    let mut translator = Translator { rest: pattern, out: String::new(), repeatable: false, repeated: false };
    while let Some(next) = translator.next() {
        translator.element(next)?;
    }
    Ok(translator.out)
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = &self.rest[next.len_utf8()..];
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.repeatable = true;
        self.repeated = false;
    }

    fn literal(&mut self, literal: char) {
        self.atom(&regex::escape(literal.encode_utf8(&mut [0; 4])));
    }

    fn element(&mut self, next: char) -> Result<(), Invalid> {
        match next {
            '*' | '+' | '?' => self.repetition(&next.to_string()),
            '{' => match bounds(self.rest) {
                Some((text, least, most)) => {
                    if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT || most < least) {
                        return Err(INVALID);
                    }
                    self.rest = &self.rest[text.len()..];
                    self.repetition(&format!("{{{text}"))
                }
                None => {
                    self.literal('{');
                    Ok(())
                }
            },
            '}' => {
                self.literal('}');
                Ok(())
            }
            '(' => self.group(),
            ')' => {
                self.atom(")");
                Ok(())
            }
            '|' => {
                self.out.push('|');
                self.repeatable = false;
                Ok(())
            }
            '[' => self.class(),
            '\\' => self.escape(),
            '^' | '$' | '.' => {
                self.atom(next.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            _ => {
                self.literal(next);
                Ok(())
            }
        }
    }

    fn repetition(&mut self, text: &str) -> Result<(), Invalid> {
        // Go has no repetition of a repetition, and none of nothing.
        if !self.repeatable || self.repeated {
            return Err(INVALID);
        }
        self.out.push_str(text);
        if self.eat("?") {
            self.out.push('?');
        }
        self.repeated = true;
        Ok(())
    }

    fn group(&mut self) -> Result<(), Invalid> {
        self.out.push('(');
        self.repeatable = false;
        self.repeated = false;
        if !self.eat("?") {
            return Ok(());
        }
        self.out.push('?');
        if self.eat("P<") || self.rest.starts_with('<') && self.eat("<") {
            self.out.push_str("P<");
            let end = self.rest.find('>').ok_or(INVALID)?;
            let name = &self.rest[..end];
            if name.is_empty() || !name.chars().all(|next| next == '_' || next.is_ascii_alphanumeric()) {
                return Err(INVALID);
            }
            // Rust wants a letter first; Go does not.
            if name.starts_with(|first: char| first.is_ascii_digit()) {
                self.out.push('_');
            }
            self.out.push_str(name);
            self.out.push('>');
            self.rest = &self.rest[end + 1..];
            return Ok(());
        }
        loop {
            match self.next().ok_or(INVALID)? {
                flag @ ('i' | 'm' | 's' | 'U' | '-') => self.out.push(flag),
                end @ (':' | ')') => {
                    self.out.push(end);
                    return Ok(());
                }
                _ => return Err(INVALID),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let next = self.next().ok_or(INVALID)?;
        match next {
            'Q' => {
                let end = self.rest.find("\\E").unwrap_or(self.rest.len());
                let literal = &self.rest[..end];
                self.rest = &self.rest[end..];
                self.eat("\\E");
                for character in literal.chars() {
                    self.literal(character);
                }
            }
            'E' => {}
            'A' => self.atom("\\A"),
            'z' => self.atom("\\z"),
            'b' => self.atom("(?-u:\\b)"),
            'B' => self.atom("(?-u:\\B)"),
            'C' => return Err(INVALID),
            _ => {
                let text = self.class_escape(next)?;
                self.atom(&text);
            }
        }
        Ok(())
    }

    /// An escape that means the same inside and outside of a class.
    fn class_escape(&mut self, next: char) -> Result<String, Invalid> {
        Ok(match next {
            'd' => "[0-9]".to_owned(),
            'D' => "[^0-9]".to_owned(),
            's' => "[\\t\\n\\x0C\\r ]".to_owned(),
            'S' => "[^\\t\\n\\x0C\\r ]".to_owned(),
            'w' => "[0-9A-Za-z_]".to_owned(),
            'W' => "[^0-9A-Za-z_]".to_owned(),
            'p' | 'P' => {
                let mut negated = next == 'P';
                let name = if self.eat("{") {
                    let end = self.rest.find('}').ok_or(INVALID)?;
                    let name = self.rest[..end].to_owned();
                    self.rest = &self.rest[end + 1..];
                    name
                } else {
                    self.next().ok_or(INVALID)?.to_string()
                };
                let name = match name.strip_prefix('^') {
                    Some(name) => {
                        negated = !negated;
                        name.to_owned()
                    }
                    None => name,
                };
                if !name.chars().all(|next| next.is_ascii_alphabetic() || next == '_') {
                    return Err(INVALID);
                }
                format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' })
            }
            _ => code(self.escaped(next)?),
        })
    }

    /// The one character that an escape stands for.
    fn escaped(&mut self, next: char) -> Result<char, Invalid> {
        Ok(match next {
            'a' => '\x07',
            'f' => '\x0c',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\x0b',
            'x' => {
                let digits = if self.eat("{") {
                    let end = self.rest.find('}').ok_or(INVALID)?;
                    let digits = &self.rest[..end];
                    self.rest = &self.rest[end + 1..];
                    digits
                } else {
                    let digits = self.rest.get(..2).ok_or(INVALID)?;
                    self.rest = &self.rest[2..];
                    digits
                };
                if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return Err(INVALID);
                }
                u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or(INVALID)?
            }
            '0'..='7' => {
                // A single digit other than 0 would be a back-reference.
                if next != '0' && !self.rest.starts_with(|next: char| ('0'..='7').contains(&next)) {
                    return Err(INVALID);
                }
                let mut number = next as u32 - '0' as u32;
                for _ in 0..2 {
                    match self.rest.chars().next() {
                        Some(digit @ '0'..='7') => {
                            number = number * 8 + (digit as u32 - '0' as u32);
                            self.rest = &self.rest[1..];
                        }
                        _ => break,
                    }
                }
                char::from_u32(number).ok_or(INVALID)?
            }
            _ if next.is_ascii_punctuation() => next,
            _ => return Err(INVALID),
        })
    }

    fn class(&mut self) -> Result<(), Invalid> {
        let mut class = String::from("[");
        if self.eat("^") {
            class.push('^');
        }
        let mut first = true;
        loop {
            let next = self.next().ok_or(INVALID)?;
            if next == ']' && !first {
                break;
            }
            // Go wants a bare hyphen first or last.
            if next == '-' && !first && !self.rest.starts_with(']') {
                return Err(INVALID);
            }
            first = false;
            if next == '[' && self.rest.starts_with(':') && self.rest[1..].contains(":]") {
                let end = self.rest.find(":]").ok_or(INVALID)?;
                class.push_str(&format!("[{}:]", &self.rest[..end]));
                self.rest = &self.rest[end + 2..];
                continue;
            }
            let low = if next == '\\' {
                let escape = self.next().ok_or(INVALID)?;
                if matches!(escape, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P') {
                    class.push_str(&self.class_escape(escape)?);
                    continue;
                }
                self.escaped(escape)?
            } else {
                next
            };
            class.push_str(&code(low));
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.eat("-");
                let next = self.next().ok_or(INVALID)?;
                let high = if next == '\\' {
                    let escape = self.next().ok_or(INVALID)?;
                    self.escaped(escape)?
                } else {
                    next
                };
                if high < low {
                    return Err(INVALID);
                }
                class.push('-');
                class.push_str(&code(high));
            }
        }
        class.push(']');
        self.atom(&class);
        Ok(())
    }
}

/// A character as a code point, which means itself everywhere.
fn code(character: char) -> String {
    if character.is_ascii_alphanumeric() { character.to_string() } else { format!("\\x{{{:X}}}", character as u32) }
}

/// `2,5}`: the text up to the brace, and the bounds.
fn bounds(text: &str) -> Option<(&str, u32, Option<u32>)> {
    let end = text.find('}')?;
    let number = |digits: &str| {
        let fits = !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
        // Go reads no number with a leading zero here.
        (fits && (digits == "0" || !digits.starts_with('0'))).then(|| digits.parse().ok()).flatten()
    };
    let (least, most) = match text[..end].split_once(',') {
        None => (number(&text[..end])?, None),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((&text[..=end], least, most))
}
