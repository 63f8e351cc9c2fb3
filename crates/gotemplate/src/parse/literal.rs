//! Go literals: quoted strings, character constants and numbers, and quoting for messages.

use crate::unicode::{is_invalid, is_print, runes};

/// strconv.Unquote for the two kinds of strings that templates have.
pub(crate) fn unquote(quoted: &str) -> Option<Vec<u8>> {
    if let Some(raw) = quoted.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        return Some(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let (unit, tail) = unquote_char(rest, '"')?;
        match unit {
            Unit::Byte(byte) => out.push(byte),
            Unit::Rune(rune) => out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = tail;
    }
    Some(out)
}

/// What one escape or character stands for.
enum Unit {
    Byte(u8),
    Rune(char),
}

fn unquote_char(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut runes = text.chars();
    let first = runes.next()?;
    if first == quote || first == '\n' {
        return None;
    }
    if first != '\\' {
        return Some((Unit::Rune(first), runes.as_str()));
    }
    let escape = runes.next()?;
    let rest = runes.as_str();
    let simple = match escape {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        '\'' | '"' if escape == quote => quote,
        'x' => return Some((Unit::Byte(u8::try_from(digits(rest, 2, 16)?).ok()?), rest.get(2..)?)),
        'u' => return Some((Unit::Rune(char::from_u32(digits(rest, 4, 16)?)?), rest.get(4..)?)),
        'U' => return Some((Unit::Rune(char::from_u32(digits(rest, 8, 16)?)?), rest.get(8..)?)),
        '0'..='7' => {
            let octal = text.get(1..)?;
            return Some((Unit::Byte(u8::try_from(digits(octal, 3, 8)?).ok()?), octal.get(3..)?));
        }
        _ => return None,
    };
    Some((Unit::Rune(simple), rest))
}

fn digits(text: &str, count: usize, radix: u32) -> Option<u32> {
    let text = text.get(..count)?;
    if !text.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(text, radix).ok()
}

/// A number as Go's ideal constants are: under every type that can hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Number {
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    pub(crate) text: String,
}

/// `'x'`: a number that is the code point.
pub(crate) fn character(text: &str) -> Result<Number, String> {
    let inner = text.strip_prefix('\'').unwrap_or(text);
    let Some((unit, tail)) = unquote_char(inner, '\'') else { return Err("invalid syntax".to_owned()) };
    if tail != "'" {
        return Err(format!("malformed character constant: {text}"));
    }
    let code = match unit {
        Unit::Byte(byte) => u32::from(byte),
        Unit::Rune(rune) => rune as u32,
    };
    Ok(Number {
        int: Some(i64::from(code)),
        uint: Some(u64::from(code)),
        float: Some(f64::from(code)),
        complex: None,
        text: text.to_owned(),
    })
}

/// `1+2i`
pub(crate) fn complex(text: &str) -> Result<Number, String> {
    let split = text
        .char_indices()
        .skip(1)
        .filter(|(at, sign)| matches!(sign, '+' | '-') && !text[..*at].ends_with(['e', 'E', 'p', 'P']))
        .map(|(at, _)| at)
        .last();
    let parts = split.and_then(|at| Some((parse_float(&text[..at])?, parse_float(text[at..].strip_suffix('i')?)?)));
    let Some((real, imaginary)) = parts else { return Err("syntax error scanning complex number".to_owned()) };
    Ok(simplify(text, real, imaginary))
}

fn simplify(text: &str, real: f64, imaginary: f64) -> Number {
    let mut number = Number { complex: Some((real, imaginary)), text: text.to_owned(), ..Number::default() };
    if imaginary == 0.0 {
        number.float = Some(real);
        number.int = exact_int(real);
        number.uint = exact_uint(real);
    }
    number
}

fn exact_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (int as f64 == float && float < 9.3e18).then_some(int)
}

fn exact_uint(float: f64) -> Option<u64> {
    let int = float as u64;
    (int as f64 == float && float < 1.9e19).then_some(int)
}

/// Everything else: `1`, `0x1F`, `1_000`, `1e3`, `0x1p-2`, `2i`.
pub(crate) fn number(text: &str) -> Result<Number, String> {
    if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
        return Ok(simplify(text, 0.0, imaginary));
    }
    let mut number = Number { text: text.to_owned(), ..Number::default() };
    number.uint = parse_uint(text, 0);
    number.int = parse_int(text, 0);
    if number.int == Some(0) {
        number.uint = Some(0);
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote(text)));
        }
        number.float = Some(float);
        number.int = exact_int(float);
        number.uint = exact_uint(float);
    }
    if number.float.is_none() {
        return Err(format!("illegal number syntax: {}", quote(text)));
    }
    Ok(number)
}

/// strconv.ParseUint; base 0 reads the prefixes `0x`, `0o`, `0`, `0b` and underscores between digits.
pub(crate) fn parse_uint(text: &str, base: u32) -> Option<u64> {
    let (digits, radix, prefixed) = match base {
        0 => {
            let lower = text.get(..2).map(str::to_ascii_lowercase);
            match lower.as_deref() {
                Some("0x") => (&text[2..], 16, true),
                Some("0o") => (&text[2..], 8, true),
                Some("0b") => (&text[2..], 2, true),
                _ if text.len() > 1 && text.starts_with('0') => (&text[1..], 8, true),
                _ => (text, 10, false),
            }
        }
        base => (text, base, false),
    };
    let clean = if base == 0 { without_underscores(digits, prefixed)? } else { digits.to_owned() };
    if clean.is_empty() || !clean.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(&clean, radix).ok()
}

/// strconv.ParseInt
pub(crate) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (negative, magnitude) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let magnitude = i128::from(parse_uint(magnitude, base)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Underscores are allowed between digits, and after a prefix.
fn without_underscores(digits: &str, prefixed: bool) -> Option<String> {
    let bytes = digits.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'_' {
            let before = at == 0 && prefixed || at > 0 && bytes[at - 1].is_ascii_hexdigit();
            if !before || !bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit) {
                return None;
            }
        }
    }
    Some(digits.replace('_', ""))
}

/// strconv.ParseFloat with 64 bits: an overflow is an error.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (sign, magnitude) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (if text.starts_with('-') { -1.0 } else { 1.0 }, rest),
        None => (1.0, text),
    };
    let lower = magnitude.to_ascii_lowercase();
    match lower.as_str() {
        "inf" | "infinity" => return Some(sign * f64::INFINITY),
        "nan" => return (text.len() == magnitude.len()).then_some(f64::NAN),
        _ => {}
    }
    if let Some(hex) = lower.strip_prefix("0x") {
        return hex_float(&without_underscores(hex, true)?).map(|float| sign * float);
    }
    let lower = decimal_without_underscores(&lower)?;
    let mut parts = lower.splitn(2, 'e');
    let mantissa = parts.next()?;
    let well_formed = mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && mantissa.bytes().any(|byte| byte.is_ascii_digit());
    if !well_formed {
        return None;
    }
    lower.parse::<f64>().ok().filter(|float| float.is_finite()).map(|float| sign * float)
}

/// Underscores are allowed between digits.
fn decimal_without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let lone = |(at, byte): (usize, &u8)| *byte == b'_' && !(digit(at.checked_sub(1)) && digit(Some(at + 1)));
    if bytes.iter().enumerate().any(lone) { None } else { Some(text.replace('_', "")) }
}

/// `1.8p-3` after its prefix: the exponent is required.
fn hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()? * 4)?;
    let float = u64::from_str_radix(&digits, 16).ok()? as f64 * 2f64.powi(shift);
    float.is_finite().then_some(float)
}

/// strconv.Quote
pub(crate) fn quote(text: &str) -> String {
    String::from_utf8_lossy(&quote_bytes(text.as_bytes(), b'"', false)).into_owned()
}

/// The quoted first `count` characters, as `%.10q` prints.
pub(crate) fn quote_prefix(text: &str, count: usize) -> String {
    quote(&text.chars().take(count).collect::<String>())
}

/// strconv.AppendQuoteWith: `ascii` escapes whatever is not ASCII.
pub(crate) fn quote_bytes(bytes: &[u8], quote: u8, ascii: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    out.push(quote);
    for (at, rune, width) in runes(bytes) {
        if is_invalid(rune, width) {
            out.extend_from_slice(format!("\\x{:02x}", bytes[at]).as_bytes());
        } else {
            escape_rune(&mut out, rune, quote, ascii);
        }
    }
    out.push(quote);
    out
}

fn escape_rune(out: &mut Vec<u8>, rune: char, quote: u8, ascii: bool) {
    if rune == char::from(quote) || rune == '\\' {
        out.extend_from_slice(&[b'\\', rune as u8]);
        return;
    }
    if is_print(rune) && (rune.is_ascii() || !ascii) {
        out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
        return;
    }
    let escape = match rune {
        '\x07' => "\\a".to_owned(),
        '\x08' => "\\b".to_owned(),
        '\x0c' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\x0b' => "\\v".to_owned(),
        _ if (rune as u32) < 0x20 || rune as u32 == 0x7f => format!("\\x{:02x}", rune as u32),
        _ if (rune as u32) < 0x10000 => format!("\\u{:04x}", rune as u32),
        _ => format!("\\U{:08x}", rune as u32),
    };
    out.extend_from_slice(escape.as_bytes());
}
