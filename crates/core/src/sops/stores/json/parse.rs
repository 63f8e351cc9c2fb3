//! From bytes to the tree, in time and memory linear in the input.

use zeroize::Zeroizing;

use crate::sops::{Branch, Error, Item, Tree, Value};

/// Lists and maps in each other; reading and dropping a tree is recursive.
const MAX_DEPTH: usize = 255;

/// Reads the one object of a file.
pub(in crate::sops::stores) fn load(bytes: &[u8]) -> Result<Tree, Error> {
    let mut reader = Reader { bytes, at: 0 };
    reader.skip_space();
    match reader.peek() {
        Some(b'{') => {}
        None => return Err(reader.fail("EOF")),
        Some(first) => {
            // The words that the real tool says, without the value.
            let found = match first {
                b'[' => {
                    "arrays or other types. Got delimiter [ instead. To encrypt this file, wrap it in an object, e.g., {\"data\": [...]}"
                }
                b'"' => "other JSON types. Got text instead",
                b'0'..=b'9' | b'-' => "other JSON types. Got a number instead",
                b't' | b'f' => "other JSON types. Got a truth value instead",
                b'n' => "other JSON types. Got null instead",
                _ => return Err(reader.unexpected("looking for beginning of value")),
            };
            let text =
                format!("SOPS only supports JSON files with a top-level object (starting with '{{'), not {found}");
            return Err(Error::Unreadable(format!("Could not unmarshal input data: {text}")));
        }
    }
    let branch = reader.object(0)?;
    reader.skip_space();
    if reader.peek().is_some() {
        return Err(reader.fail("text follows after the object"));
    }
    Ok(Tree { documents: vec![branch] })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(self.fail(&format!("more than {MAX_DEPTH} lists and maps in each other")));
        }
        match self.peek() {
            Some(b'{') => Ok(Value::Map(self.object(depth)?)),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Branch, Error> {
        self.at += 1;
        let mut branch = Branch::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(branch);
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            // What is no UTF-8 was replaced.
            let key = String::from_utf8_lossy(&self.string()?).into_owned();
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            self.skip_space();
            let value = self.value(depth + 1)?;
            branch.push(Item::new(key, value));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(branch);
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Error> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        for (offset, due) in word.bytes().enumerate() {
            if self.bytes.get(self.at + offset) != Some(&due) {
                self.at += offset;
                return Err(self.unexpected(&format!("in literal {word} (expecting {:?})", char::from(due))));
            }
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at > from
        };
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        // Nothing follows a leading zero but a fraction or an exponent.
        let whole = if self.peek() == Some(b'0') {
            self.at += 1;
            true
        } else {
            digits(self)
        };
        if !whole {
            return Err(self.unexpected("in numeric literal"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !digits(self) {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !digits(self) {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        if let Ok(number) = text.parse() {
            return Ok(Value::Int(number));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(self.fail("a number is out of range")),
        }
    }

    /// The text of a string, escapes done; invalid UTF-8 becomes U+FFFD, as do halves of surrogate pairs.
    fn string(&mut self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.at += 1;
        let start = self.at;
        // The most strings need nothing but a copy: find where this one ends.
        let plain = self.bytes[start..].iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
        let Some(plain) = plain else {
            self.at = self.bytes.len();
            return Err(self.unexpected("in string literal"));
        };
        let head = &self.bytes[start..start + plain];
        if self.bytes[start + plain] == b'"' {
            self.at = start + plain + 1;
            return Ok(valid(head));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(self.rest_of_string(start + plain).max(plain)));
        text.extend_from_slice(head);
        self.at = start + plain;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(if std::str::from_utf8(&text).is_ok() { text } else { valid(&text) });
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut text)?;
                }
                None | Some(..0x20) => return Err(self.unexpected("in string literal")),
                Some(_) => {
                    let rest = &self.bytes[self.at..];
                    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).unwrap_or(rest.len());
                    text.extend_from_slice(&rest[..end]);
                    self.at += end;
                }
            }
        }
    }

    /// An upper bound of the bytes up to the closing quote, so that the text never moves while it grows. Escapes only shrink, but
    /// for U+FFFD, which is shorter than any escape that gives it.
    fn rest_of_string(&self, from: usize) -> usize {
        let mut end = from;
        while let Some(byte) = self.bytes.get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        end.min(self.bytes.len()) - from + (from - self.at)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let plain = match self.peek() {
            Some(next @ (b'"' | b'\\' | b'/')) => next,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let mut code = u32::from(self.hex()?);
                if (0xd800..0xdc00).contains(&code) && self.bytes[self.at..].starts_with(b"\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = u32::from(self.hex()?);
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    } else {
                        self.at = back;
                    }
                }
                let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        text.push(plain);
        Ok(())
    }

    fn hex(&mut self) -> Result<u16, Error> {
        let mut number = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            number = number << 4 | digit as u16;
            self.at += 1;
        }
        Ok(number)
    }

    /// What stands here is wrong. The character is named only if it is punctuation, so that no value is.
    fn unexpected(&self, context: &str) -> Error {
        match self.peek() {
            None => self.fail("unexpected EOF"),
            Some(byte @ (b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"')) => {
                self.fail(&format!("invalid character '{}' {context}", char::from(byte)))
            }
            Some(_) => self.fail(&format!("invalid character {context}")),
        }
    }

    fn fail(&self, reason: &str) -> Error {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        Error::Unreadable(format!("Could not unmarshal input data: {reason} (line {line}, column {column})"))
    }
}

/// A copy in which each byte that is no UTF-8 is U+FFFD.
fn valid(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    if std::str::from_utf8(bytes).is_ok() {
        return Zeroizing::new(bytes.to_vec());
    }
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 3));
    for chunk in bytes.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            text.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        let mut tree = load(format!("{{\"k\":{text}}}").as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        tree.documents.remove(0).remove(0).value
    }

    #[test]
    fn values_are_typed_as_sops_types_them() {
        for (text, value) in [
            ("1", Value::Int(1)),
            ("-0", Value::Int(0)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("9223372036854775808", Value::Float(9223372036854775808.0)),
            ("1.0", Value::Float(1.0)),
            ("1e3", Value::Float(1000.0)),
            ("true", Value::Bool(true)),
            ("null", Value::Null),
            (r#""a\u0041\n\ud83d\ude00\ud83d""#, Value::text("aA\n\u{1f600}\u{fffd}")),
            (r#""\ud83dx\/""#, Value::text("\u{fffd}x/")),
            ("[]", Value::List(vec![])),
            ("[[1],{}]", Value::List(vec![Value::List(vec![Value::Int(1)]), Value::Map(vec![])])),
        ] {
            assert!(read(text) == value, "{text}");
        }
        assert!(
            matches!(load(b"{\"k\":\"a\xffb\"}").unwrap().documents[0][0].value, Value::Text(ref text) if text.as_slice() == "a\u{fffd}b".as_bytes())
        );
    }

    #[test]
    fn keys_keep_their_order_and_may_be_there_twice() {
        let tree = load(br#" { "b": 1 , "a": 2, "b": 3 } "#).unwrap();
        let names: Vec<_> = tree.documents[0].iter().filter_map(Item::name).collect();
        assert_eq!(names, ["b", "a", "b"]);
    }

    #[test]
    fn malformed_input_is_refused_with_its_place_and_no_value() {
        for (text, expected) in [
            ("", "EOF (line 1, column 1)"),
            ("{", "unexpected EOF (line 1, column 2)"),
            ("{\"a\":\n1", "unexpected EOF (line 2, column 2)"),
            ("{\"a\":1}}", "text follows after the object (line 1, column 8)"),
            ("{\"a\":1} canary", "text follows after the object (line 1, column 9)"),
            ("{\"a\":canary}", "invalid character looking for beginning of value (line 1, column 6)"),
            ("{\"a\":01}", "invalid character after object key:value pair (line 1, column 7)"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string (line 1, column 8)"),
            ("{\"a\":[1,]}", "invalid character ']' looking for beginning of value (line 1, column 9)"),
            ("{\"a\":\"x\ncanary\"}", "invalid character in string literal (line 1, column 8)"),
            ("{\"a\":\"\\x\"}", "invalid character in string escape code (line 1, column 8)"),
            ("{\"a\":\"\\u12\"}", "invalid character '\"' in \\u hexadecimal character escape (line 1, column 11)"),
            ("{\"a\":1e999}", "a number is out of range (line 1, column 11)"),
            ("{\"a\":truX}", "invalid character in literal true (expecting 'e') (line 1, column 9)"),
            ("[1]", "SOPS only supports JSON files with a top-level object"),
            ("7", "SOPS only supports JSON files with a top-level object"),
        ] {
            let error = load(text.as_bytes()).err().unwrap_or_else(|| panic!("{text}")).to_string();
            assert!(error.starts_with("Could not unmarshal input data: "), "{error}");
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("canary"), "{error}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(load(deep.as_bytes()).err().unwrap().to_string().contains("more than 255"));
    }
}
