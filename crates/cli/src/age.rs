//! Spans of time for people.

use jiff::Timestamp;

/// How long ago `time` was: `12 days`. Days are what certificates are counted in.
pub(crate) fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(time).as_secs();
    let (count, unit) = match seconds.max(0) {
        seconds if seconds < 120 => (seconds, "second"),
        seconds if seconds < 2 * 3600 => (seconds / 60, "minute"),
        seconds if seconds < 2 * 86_400 => (seconds / 3600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// The day of `time` in UTC: `2026-01-31`.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded_down() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (time, expected) in [
            ("2026-03-01T11:59:59Z", "1 second"),
            ("2026-03-01T11:30:00Z", "30 minutes"),
            ("2026-03-01T01:00:00Z", "11 hours"),
            ("2026-02-01T00:00:00Z", "28 days"),
            ("2027-01-01T00:00:00Z", "0 seconds"),
        ] {
            assert_eq!(age(time.parse().unwrap(), now), expected);
        }
    }
}
