//! time.ParseInLocation with UTC as the location.

use super::gotime::{GoTime, Part, days, month_at, next_part, weekday_at};

/// What a text has given so far.
#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanoseconds: u32,
    pm: bool,
    am: bool,
    offset: Option<i64>,
    zone: Option<String>,
}

/// The time that `value` gives in `layout`.
pub(super) fn parse(layout: &str, value: &str) -> Option<GoTime> {
    let mut layout = layout;
    let mut value = value;
    let mut fields = Fields::default();
    loop {
        let (prefix, part) = match next_part(layout) {
            Some((at, part, len)) => {
                let prefix = &layout[..at];
                layout = &layout[at + len..];
                (prefix, Some(part))
            }
            None => (layout, None),
        };
        value = skip(value, prefix)?;
        let Some(part) = part else {
            return value.is_empty().then(|| fields.finish())?;
        };
        value = fields.read(part, layout, value)?;
    }
}

/// Go's skip: spaces of the layout match any number of spaces.
fn skip<'v>(mut value: &'v str, mut prefix: &str) -> Option<&'v str> {
    while let Some(first) = prefix.chars().next() {
        if first == ' ' {
            if value.chars().next().is_some_and(|next| next != ' ') {
                return None;
            }
            prefix = prefix.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
            continue;
        }
        value = value.strip_prefix(first)?;
        prefix = &prefix[first.len_utf8()..];
    }
    Some(value)
}

/// One or two digits; exactly two if `fixed`.
fn number(value: &str, fixed: bool) -> Option<(i64, &str)> {
    let digit =
        |at: usize| value.as_bytes().get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    let first = digit(0)?;
    match digit(1) {
        Some(second) => Some((first * 10 + second, &value[2..])),
        None if fixed => None,
        None => Some((first, &value[1..])),
    }
}

fn exactly(value: &str, digits: usize) -> Option<(i64, &str)> {
    let head = value.get(..digits)?;
    if !head.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((head.parse().ok()?, &value[digits..]))
}

fn within(number: i64, least: i64, most: i64) -> Option<i64> {
    (least..=most).contains(&number).then_some(number)
}

impl Fields {
    fn read<'v>(&mut self, part: Part, layout: &str, value: &'v str) -> Option<&'v str> {
        let mut rest = value;
        match part {
            Part::Year => (self.year, rest) = exactly(value, 4)?,
            Part::ShortYear => {
                let (year, after) = exactly(value, 2)?;
                self.year = if year >= 69 { year + 1900 } else { year + 2000 };
                rest = after;
            }
            Part::LongMonth | Part::ShortMonth => {
                let (month, len) = month_at(value, part == Part::LongMonth)?;
                self.month = Some(month);
                rest = &value[len..];
            }
            Part::LongWeekday | Part::ShortWeekday => {
                rest = &value[weekday_at(value, part == Part::LongWeekday)?..];
            }
            Part::Month | Part::ZeroMonth => {
                let (month, after) = number(value, part == Part::ZeroMonth)?;
                self.month = Some(within(month, 1, 12)?);
                rest = after;
            }
            Part::Day | Part::SpaceDay | Part::ZeroDay => {
                let value = if part == Part::SpaceDay { value.strip_prefix(' ').unwrap_or(value) } else { value };
                let (day, after) = number(value, part == Part::ZeroDay)?;
                self.day = Some(day);
                rest = after;
            }
            Part::SpaceYearDay | Part::ZeroYearDay => {
                let mut value = value;
                let mut digits = 3;
                while part == Part::SpaceYearDay && digits > 1 && value.starts_with(' ') {
                    value = &value[1..];
                    digits -= 1;
                }
                let (day, after) = exactly(value, digits)?;
                self.year_day = Some(day);
                rest = after;
            }
            Part::Hour => {
                (self.hour, rest) = number(value, false)?;
                within(self.hour, 0, 23)?;
            }
            Part::Hour12 | Part::ZeroHour12 => {
                (self.hour, rest) = number(value, part == Part::ZeroHour12)?;
                within(self.hour, 0, 12)?;
            }
            Part::Minute | Part::ZeroMinute => {
                (self.minute, rest) = number(value, part == Part::ZeroMinute)?;
                within(self.minute, 0, 59)?;
            }
            Part::Second | Part::ZeroSecond => {
                (self.second, rest) = number(value, part == Part::ZeroSecond)?;
                within(self.second, 0, 59)?;
                // A fraction is read even where the layout has none.
                let wanted = matches!(next_part(layout), Some((0, Part::Fraction { .. }, _)));
                if !wanted && rest.starts_with(['.', ',']) && rest[1..].starts_with(|next: char| next.is_ascii_digit())
                {
                    rest = self.fraction(rest, None)?;
                }
            }
            Part::Upper | Part::Lower => {
                let head = value.get(..2)?;
                let (am, pm) = if part == Part::Upper { ("AM", "PM") } else { ("am", "pm") };
                self.pm = head == pm;
                self.am = head == am;
                if !self.pm && !self.am {
                    return None;
                }
                rest = &value[2..];
            }
            Part::Offset { colon, seconds, z, hours } => rest = self.offset(value, colon, seconds, z, hours)?,
            Part::Zone => rest = self.zone(value)?,
            Part::Fraction { digits, trim, .. } => {
                if !trim {
                    rest = self.fraction(value, Some(digits))?;
                } else if value.starts_with(['.', ',']) && value[1..].starts_with(|next: char| next.is_ascii_digit()) {
                    rest = self.fraction(value, None)?;
                }
            }
        }
        Some(rest)
    }

    fn fraction<'v>(&mut self, value: &'v str, digits: Option<usize>) -> Option<&'v str> {
        let text = value.strip_prefix(['.', ','])?;
        let len =
            digits.unwrap_or_else(|| text.len() - text.trim_start_matches(|next: char| next.is_ascii_digit()).len());
        let head = text.get(..len)?;
        if !head.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let nine: String = head.chars().chain(std::iter::repeat('0')).take(9).collect();
        self.nanoseconds = nine.parse().ok()?;
        Some(&text[len..])
    }

    fn offset<'v>(&mut self, value: &'v str, colon: bool, seconds: bool, z: bool, hours: bool) -> Option<&'v str> {
        if z && let Some(rest) = value.strip_prefix('Z') {
            self.offset = Some(0);
            return Some(rest);
        }
        let sign = match value.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hour, mut rest) = exactly(&value[1..], 2)?;
        let mut total = within(hour, 0, 24)? * 3600;
        let mut units = vec![];
        if !hours {
            units.push(60);
        }
        if seconds {
            units.push(1);
        }
        for unit in units {
            if colon {
                rest = rest.strip_prefix(':')?;
            }
            let (part, after) = exactly(rest, 2)?;
            total += within(part, 0, 60)? * unit;
            rest = after;
        }
        self.offset = Some(sign * total);
        Some(rest)
    }

    /// Three letters, or four that end in T, or GMT with hours.
    fn zone<'v>(&mut self, value: &'v str) -> Option<&'v str> {
        if let Some(rest) = value.strip_prefix("UTC") {
            self.offset = Some(0);
            return Some(rest);
        }
        let letters = value.len() - value.trim_start_matches(|next: char| next.is_ascii_uppercase()).len();
        let mut len = match letters {
            3 => 3,
            4 if value[..4].ends_with('T') || value.starts_with("WITA") => 4,
            5 if value[..5].ends_with('T') => 5,
            _ => return None,
        };
        let mut offset = 0;
        if value.starts_with("GMT") && value[3..].starts_with(['+', '-']) {
            let digits = value[4..].len() - value[4..].trim_start_matches(|next: char| next.is_ascii_digit()).len();
            let hours: i64 = value[4..4 + digits].parse().ok().filter(|hours| *hours <= 23).unwrap_or(0);
            if digits > 0 && hours <= 23 {
                len = 4 + digits;
                offset = if value[3..].starts_with('-') { -hours } else { hours } * 3600;
            }
        }
        self.zone = Some(value[..len].to_owned());
        self.offset = self.offset.or(Some(offset));
        Some(&value[len..])
    }

    fn finish(self) -> Option<GoTime> {
        let mut hour = self.hour;
        if self.pm && hour < 12 {
            hour += 12;
        } else if self.am && hour == 12 {
            hour = 0;
        }
        let year = self.year;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (month, day) = match self.year_day {
            None => (self.month.unwrap_or(1), self.day.unwrap_or(1)),
            Some(number) => {
                within(number, 1, if leap { 366 } else { 365 })?;
                let date = GoTime::unix((days(year, 1, 1) + number - 1) * 86_400).civil();
                if self.month.is_some_and(|month| month != date.month) || self.day.is_some_and(|day| day != date.day) {
                    return None;
                }
                (date.month, date.day)
            }
        };
        let length = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        within(day, 1, length)?;
        let offset = self.offset.unwrap_or(0);
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + self.minute * 60 + self.second - offset;
        let zone = match (self.zone, offset) {
            (Some(zone), _) => zone,
            (None, 0) => "UTC".to_owned(),
            (None, _) => String::new(),
        };
        Some(GoTime { seconds, nanoseconds: self.nanoseconds, offset, zone })
    }
}
