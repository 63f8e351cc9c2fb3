//! Values of flags as Go's tools read them.

use std::time::Duration;

/// `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// Go's `time.ParseDuration`, without signs: `87600h`, `1h30m`, `1.5s`, `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const EXAMPLE: &str = "expected a duration such as 720h, 90m or 1h30m; there is no unit for days";
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or(EXAMPLE)?;
        let number: f64 = rest[..digits].parse().map_err(|_| EXAMPLE)?;
        rest = &rest[digits..];
        let letters = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return Err(EXAMPLE.to_owned()),
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    if text.is_empty() {
        return Err(EXAMPLE.to_owned());
    }
    Duration::try_from_secs_f64(total).map_err(|_| "the duration is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_gos() {
        for (text, expected) in [("1", true), ("T", true), ("True", true), ("0", false), ("f", false), ("FALSE", false)]
        {
            assert_eq!(boolean(text), Ok(expected), "{text}");
        }
        for bad in ["", "yes", "on", "tRUE", " true"] {
            assert!(boolean(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_gos() {
        for (text, seconds) in [("87600h", 315_360_000.0), ("1h30m", 5400.0), ("1.5s", 1.5), ("0", 0.0), ("100ms", 0.1)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for bad in ["", "30d", "h", "5", "-1h", "1h ", "1..5h", "99999999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
