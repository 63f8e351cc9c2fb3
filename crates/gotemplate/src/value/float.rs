//! Go's floating-point formatting (strconv.FormatFloat).

/// The decimal digits of a finite number and the position of its point: 0.`digits` × 10^`point`.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

/// `precision` digits in all, or as few as identify the number.
fn decimal(value: f64, precision: Option<usize>) -> Decimal {
    let text = match precision {
        Some(digits) => format!("{:.*e}", digits.max(1) - 1, value.abs()),
        None => format!("{:e}", value.abs()),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let mut point = exponent.parse::<i32>().unwrap_or(0) + 1;
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        point = 0;
    }
    Decimal { digits, point }
}

/// strconv.FormatFloat for the formats `e`, `f`, `g` (and their capitals), `b` and `x`; no precision is the shortest text
/// that reads back as the same number.
pub(crate) fn format(value: f64, verb: u8, precision: Option<usize>) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return if sign.is_empty() { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let text = match verb.to_ascii_lowercase() {
        b'f' => match precision {
            Some(precision) => format!("{:.*}", precision, value.abs()),
            None => fixed(&decimal(value, None), None),
        },
        b'e' => match precision {
            Some(precision) => exponent(&decimal(value, Some(precision + 1)), Some(precision)),
            None => exponent(&decimal(value, None), None),
        },
        b'b' => binary(value),
        b'x' => hexadecimal(value.abs(), precision),
        _ => general(value, precision),
    };
    let text = if verb.is_ascii_uppercase() { text.to_ascii_uppercase() } else { text };
    format!("{sign}{text}")
}

fn general(value: f64, precision: Option<usize>) -> String {
    let precision = precision.map(|digits| digits.max(1));
    let decimal = decimal(value, precision);
    let count = decimal.digits.len() as i32;
    let threshold = match precision {
        None => 6,
        Some(precision) if precision as i32 > count && count >= decimal.point => count,
        Some(precision) => precision as i32,
    };
    let exp = decimal.point - 1;
    if exp < -4 || exp >= threshold {
        return exponent(&decimal, None);
    }
    fixed(&decimal, None)
}

fn fixed(decimal: &Decimal, places: Option<usize>) -> String {
    let mut text = String::new();
    if decimal.point <= 0 {
        text.push('0');
    }
    for at in 0..decimal.point.max(0) as usize {
        text.push(char::from(decimal.digits.get(at).copied().unwrap_or(b'0')));
    }
    let fraction = places.unwrap_or_else(|| (decimal.digits.len() as i32 - decimal.point).max(0) as usize);
    if fraction > 0 {
        text.push('.');
        for at in 0..fraction as i32 {
            let index = decimal.point + at;
            let digit = usize::try_from(index).ok().and_then(|index| decimal.digits.get(index)).copied();
            text.push(char::from(digit.unwrap_or(b'0')));
        }
    }
    text
}

fn exponent(decimal: &Decimal, places: Option<usize>) -> String {
    let mut text = String::new();
    text.push(char::from(decimal.digits.first().copied().unwrap_or(b'0')));
    let places = places.unwrap_or_else(|| decimal.digits.len().saturating_sub(1));
    if places > 0 {
        text.push('.');
        for at in 1..=places {
            text.push(char::from(decimal.digits.get(at).copied().unwrap_or(b'0')));
        }
    }
    let exp = if decimal.digits.is_empty() { 0 } else { decimal.point - 1 };
    let sign = if exp < 0 { '-' } else { '+' };
    text.push_str(&format!("e{sign}{:02}", exp.abs()));
    text
}

/// `4503599627370496p-52`
fn binary(value: f64) -> String {
    let (mantissa, exponent) = split(value);
    format!("{mantissa}p{}{}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn split(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) }
}

/// `0x1.8p+01`
fn hexadecimal(value: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = split(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        exponent += 52;
        mantissa <<= 8;
        while mantissa & (1 << 60) == 0 {
            mantissa <<= 1;
            exponent -= 1;
        }
    }
    if let Some(digits) = precision.filter(|digits| *digits < 15) {
        let shift = 60 - digits * 4;
        let extra = mantissa & ((1 << shift) - 1);
        mantissa >>= shift;
        if extra | (mantissa & 1) > 1 << (shift - 1) {
            mantissa += 1;
        }
        mantissa <<= shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    match precision {
        None => digits.truncate(digits.trim_end_matches('0').len()),
        Some(places) => {
            digits.truncate(places);
            while digits.len() < places {
                digits.push('0');
            }
        }
    }
    let point = if digits.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x{}{point}{digits}p{sign}{:02}", mantissa >> 60, exponent.abs())
}

/// As encoding/json writes numbers: `e` notation only below 1e-6 and from 1e21, with the exponent's zero removed.
pub(crate) fn json(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format(value, b'e', None);
        return match text.strip_suffix(|digit: char| digit.is_ascii_digit()) {
            Some(rest) if rest.ends_with("e-0") => format!("{}{}", &rest[..rest.len() - 1], &text[rest.len()..]),
            _ => text,
        };
    }
    format(value, b'f', None)
}
