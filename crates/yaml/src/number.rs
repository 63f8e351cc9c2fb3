//! Numbers as Go's `strconv` reads and writes them.

/// An integer of at most 64 bits, or nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// go-yaml v2's integers: `ParseInt(s, 0, 64)`, then `ParseUint(s, 0, 64)`, underscores already removed.
pub(crate) fn parse_go_integer(text: &str) -> Option<Integer> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let signed = digits.len() != text.len();
    let (base, digits) = split_base(digits)?;
    // Rust's parser accepts a sign of its own.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    // Go: the octal prefix `0` alone is zero.
    let magnitude = if digits.is_empty() { 0 } else { u64::from_str_radix(digits, base).ok()? };
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Integer::Signed);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Integer::Signed(value)),
        Err(_) if !signed => Some(Integer::Unsigned(magnitude)),
        Err(_) => None,
    }
}

fn split_base(digits: &str) -> Option<(u32, &str)> {
    let bytes = digits.as_bytes();
    match bytes {
        [] => None,
        [b'0', letter, _, ..] if letter.is_ascii_alphabetic() => match letter.to_ascii_lowercase() {
            b'x' => Some((16, &digits[2..])),
            b'o' => Some((8, &digits[2..])),
            b'b' => Some((2, &digits[2..])),
            _ => None,
        },
        [b'0', ..] => Some((8, &digits[1..])),
        _ => Some((10, digits)),
    }
}

/// go-yaml v2's second look at `0b…`, which lets a sign stand after the prefix (`0b-101` is -5).
pub(crate) fn parse_binary_fallback(text: &str) -> Option<Integer> {
    if let Some(digits) = text.strip_prefix("0b") {
        if let Ok(value) = i64::from_str_radix(digits, 2) {
            return Some(Integer::Signed(value));
        }
        return u64::from_str_radix(digits, 2).ok().filter(|_| !digits.starts_with('+')).map(Integer::Unsigned);
    }
    let digits = text.strip_prefix("-0b")?;
    if !digits.bytes().all(|byte| matches!(byte, b'0' | b'1')) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, 2).ok()?;
    0i64.checked_sub_unsigned(magnitude).map(Integer::Signed)
}

/// go-yaml v2's floats that begin with a sign or a digit, underscores already removed:
/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`, and within the range of 64 bits.
pub(crate) fn parse_yaml_float(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let digits = |at: &mut usize| {
        let start = *at;
        while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
            *at += 1;
        }
        *at - start
    };
    let whole = digits(&mut at);
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        if digits(&mut at) == 0 && whole == 0 {
            return None;
        }
    } else if whole == 0 {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
        if digits(&mut at) == 0 {
            return None;
        }
    }
    if at != bytes.len() {
        return None;
    }
    in_range(text)
}

/// go-yaml v2's floats that begin with a point: Go's `ParseFloat`, which takes underscores between digits.
pub(crate) fn parse_point_float(text: &str) -> Option<f64> {
    let mut previous_digit = false;
    let mut open_underscore = false;
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => (previous_digit, open_underscore) = (true, false),
            b'_' if previous_digit => (previous_digit, open_underscore) = (false, true),
            b'.' | b'e' | b'E' | b'+' | b'-' if !open_underscore => previous_digit = false,
            _ => return None,
        }
    }
    if open_underscore {
        return None;
    }
    if text.contains('_') { in_range(&zeroize::Zeroizing::new(text.replace('_', ""))) } else { in_range(text) }
}

/// The integer that a float becomes on its way through JSON text.
pub(crate) fn as_integer(value: f64) -> Option<Integer> {
    if value.fract() != 0.0 || value.abs() >= 1e21 {
        return None;
    }
    parse_go_integer(&format_json(value))
}

/// Go reports a range error where Rust gives infinity.
fn in_range(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Go's `FormatFloat(value, 'g', -1, 32)`.
pub(crate) fn format_g32(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "sigs.k8s.io/yaml passes floats through 32 bits")]
    let narrow = value as f32;
    if narrow.is_finite() { format_g(&format!("{narrow:e}")) } else { format_special(f64::from(narrow)) }
}

/// Go's `FormatFloat(value, 'g', -1, 64)`.
pub(crate) fn format_g64(value: f64) -> String {
    if value.is_finite() { format_g(&format!("{value:e}")) } else { format_special(value) }
}

fn format_special(value: f64) -> String {
    let name = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    name.to_owned()
}

/// Shortest digits in Rust's `{:e}` form to Go's `%g` with shortest precision, which writes an exponent below -4 and
/// from 6 on (`FormatFloat`'s rule; `fmt`'s `%v` begins at 21).
fn format_g(scientific: &str) -> String {
    let (mantissa, exponent) = split_scientific(scientific);
    let (sign, digits) = split_sign(mantissa);
    let digits: String = digits.chars().filter(|c| *c != '.').collect();
    if !(-4..6).contains(&exponent) {
        return format!("{sign}{}", with_exponent(&digits, exponent));
    }
    let body = if exponent < 0 {
        format!("0.{}{digits}", "0".repeat((-exponent - 1).unsigned_abs() as usize))
    } else {
        let whole = exponent.unsigned_abs() as usize + 1;
        if digits.len() <= whole {
            format!("{digits}{}", "0".repeat(whole - digits.len()))
        } else {
            format!("{}.{}", &digits[..whole], &digits[whole..])
        }
    };
    format!("{sign}{body}")
}

/// A finite number as Go's `encoding/json` writes a `float64`.
pub(crate) fn format_json(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let scientific = format!("{value:e}");
        let (mantissa, exponent) = split_scientific(&scientific);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{}", exponent.unsigned_abs());
    }
    format!("{value}")
}

fn split_scientific(text: &str) -> (&str, i32) {
    // Rust's `{:e}` always writes the `e` and a decimal exponent.
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa, exponent.parse().unwrap_or(0))
}

fn split_sign(mantissa: &str) -> (&str, &str) {
    mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest))
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}
