//! time.Duration: parsing, printing, rounding.

use crate::budget::Meter;
use crate::sprig::gotime::GoTime;
use crate::value::Value;

const SECOND: i64 = 1_000_000_000;

/// Duration.String: `1h2m3.5s`.
pub(crate) fn format(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    if total < SECOND as u64 {
        let (unit, name) = match total {
            0..1000 => (1, "ns"),
            1000..1_000_000 => (1000, "µs"),
            _ => (1_000_000, "ms"),
        };
        return format!("{sign}{}{}{name}", total / unit, fraction(total % unit, unit));
    }
    let seconds = total / SECOND as u64;
    let rest = fraction(total % SECOND as u64, SECOND as u64);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let seconds = seconds % 60;
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}{rest}s"),
    }
}

fn fraction(part: u64, unit: u64) -> String {
    if part == 0 {
        return String::new();
    }
    let places = unit.ilog10() as usize;
    format!(".{part:0places$}").trim_end_matches('0').to_owned()
}

/// time.ParseDuration
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit() || digit == '.').len();
        let (digits, tail) = rest.split_at(number);
        let unit_len =
            tail.find(|character: char| character == '.' || character.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let unit: u128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1000,
            "ms" => 1_000_000,
            "s" => SECOND as u128,
            "m" => 60 * SECOND as u128,
            "h" => 3600 * SECOND as u128,
            _ => return None,
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && part.is_empty() || part.contains('.') {
            return None;
        }
        let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        if !part.is_empty() {
            // As many digits as a float of Go's holds exactly.
            let scale = part.len().min(18);
            let value: u128 = part[..scale].parse().ok()?;
            total = total.checked_add((value as f64 * (unit as f64 / 10f64.powi(scale as i32))) as u128)?;
        }
        rest = tail;
    }
    let limit = i64::MAX as u128 + u128::from(negative);
    if total > limit {
        return None;
    }
    Some(if negative { (total as i128).wrapping_neg() as i64 } else { total as i64 })
}

/// Duration.Round to seconds.
pub(super) fn round_to_seconds(nanoseconds: i64) -> i64 {
    let rest = nanoseconds % SECOND;
    if rest.abs() * 2 < SECOND {
        return nanoseconds - rest;
    }
    nanoseconds.saturating_add(if nanoseconds < 0 { -SECOND - rest } else { SECOND - rest })
}

/// sprig's durationRound: the largest unit alone.
pub(super) fn largest_unit(meter: &Meter, value: &Value) -> String {
    let nanoseconds = match value {
        Value::Text(text) => std::str::from_utf8(text).ok().and_then(parse).unwrap_or(0),
        Value::Int64(number) => *number,
        Value::Time(time) => GoTime::now(meter).since(time),
        _ => 0,
    };
    let seconds = nanoseconds.unsigned_abs();
    let second = SECOND as u64;
    let units = [
        (second * 86400 * 365, "y"),
        (second * 86400 * 30, "mo"),
        (second * 86400, "d"),
        (second * 3600, "h"),
        (second * 60, "m"),
        (second, "s"),
    ];
    for (unit, name) in units {
        if seconds > unit {
            return format!("{}{name}", seconds / unit);
        }
    }
    "0s".to_owned()
}
