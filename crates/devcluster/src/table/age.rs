//! How long ago a time was, as `kubectl` shows it: two units at most, and fewer the longer it is.

use jiff::Timestamp;

/// `90s`, `5m30s`, `3h`, `2d4h`, `400d`; `<unknown>` without a time, `<invalid>` for what is no time.
pub(super) fn since(time: Option<&str>, now: Timestamp) -> String {
    match time {
        None | Some("") => "<unknown>".to_owned(),
        Some(text) => match text.parse::<Timestamp>() {
            Ok(time) => duration(now.as_second() - time.as_second()),
            Err(_) => "<invalid>".to_owned(),
        },
    }
}

fn duration(seconds: i64) -> String {
    let two = |number: i64, unit: char, rest: i64, smaller: char| {
        if rest == 0 { format!("{number}{unit}") } else { format!("{number}{unit}{rest}{smaller}") }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, 'm', seconds % 60, 's'),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, 'h', minutes % 60, 'm'),
        _ if hours < 48 => format!("{hours}h"),
        _ if hours < 192 => two(days, 'd', hours % 24, 'h'),
        _ if years < 2 => format!("{days}d"),
        _ if years < 8 => two(years, 'y', days % 365, 'd'),
        _ => format!("{years}y"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_get_coarser() {
        for (seconds, expected) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (330, "5m30s"),
            (600, "10m"),
            (10_799, "179m"),
            (3 * 3600, "3h"),
            (4 * 3600 + 26 * 60, "4h26m"),
            (8 * 3600, "8h"),
            (28 * 3600, "28h"),
            (52 * 3600, "2d4h"),
            (8 * 86_400, "8d"),
            (400 * 86_400, "400d"),
            (800 * 86_400, "2y70d"),
            (9 * 365 * 86_400, "9y"),
        ] {
            assert_eq!(duration(seconds), expected, "{seconds} s");
        }
        assert_eq!(since(None, Timestamp::UNIX_EPOCH), "<unknown>");
        assert_eq!(since(Some("yesterday"), Timestamp::UNIX_EPOCH), "<invalid>");
    }
}
