//! time.Time: an instant with a zone's offset and name, printed by Go's layouts.

use std::fmt;
use std::sync::LazyLock;

use jiff::tz::TimeZoneDatabase;

use crate::budget::Meter;
use crate::error::Fail;

/// An instant, and the offset at which it is shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct GoTime {
    /// Since 1970 in UTC.
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
    /// Seconds east of UTC.
    pub(crate) offset: i64,
    /// The zone's abbreviation; empty if it has none.
    pub(crate) zone: String,
}

/// The calendar's parts, in Go's numbering: months from 1, weekdays from Sunday = 0.
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) year_day: i64,
    pub(crate) weekday: i64,
}

/// January 1 of the year 1, which is Go's zero.
const ZERO: i64 = -62_135_596_800;

const DAY: i64 = 86_400;

static MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

static WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The time zones that are compiled in: no file is read.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

pub(crate) fn month_name(month: i64) -> String {
    let name = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index));
    name.map_or_else(|| format!("%!Month({month})"), |name| (*name).to_owned())
}

pub(crate) fn weekday_name(day: i64) -> String {
    let name = usize::try_from(day).ok().and_then(|index| WEEKDAYS.get(index));
    name.map_or_else(|| format!("%!Weekday({day})"), |name| (*name).to_owned())
}

/// The index of the name that `text` begins with, whatever its case, and the length of that name.
pub(super) fn month_at(text: &str, long: bool) -> Option<(i64, usize)> {
    find_name(&MONTHS, text, long).map(|(index, len)| (index + 1, len))
}

pub(super) fn weekday_at(text: &str, long: bool) -> Option<usize> {
    find_name(&WEEKDAYS, text, long).map(|(_, len)| len)
}

fn find_name(names: &[&str], text: &str, long: bool) -> Option<(i64, usize)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let name = if long { name } else { &name[..3] };
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then_some((index as i64, name.len()))
    })
}

/// Days since 1970 of a date, by Howard Hinnant's algorithm.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `time` in the zone of that name; UTC if there is none.
pub(super) fn zone_at(time: GoTime, name: &str) -> GoTime {
    if matches!(name, "" | "UTC" | "Local") {
        return time.in_utc();
    }
    let found = ZONES.get(name).ok().zip(jiff::Timestamp::from_second(time.seconds).ok());
    let Some((zone, timestamp)) = found else { return time.in_utc() };
    let info = zone.to_offset_info(timestamp);
    GoTime { offset: i64::from(info.offset().seconds()), zone: info.abbreviation().to_owned(), ..time }
}

impl GoTime {
    pub(crate) fn now(meter: &Meter) -> Self {
        meter.vary();
        let now = jiff::Timestamp::now();
        Self { nanoseconds: now.subsec_nanosecond().unsigned_abs(), ..Self::unix(now.as_second()) }
    }

    pub(crate) fn unix(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0, offset: 0, zone: "UTC".to_owned() }
    }

    pub(crate) fn zero() -> Self {
        Self::unix(ZERO)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.seconds == ZERO && self.nanoseconds == 0
    }

    pub(crate) fn in_utc(&self) -> Self {
        Self { nanoseconds: self.nanoseconds, ..Self::unix(self.seconds) }
    }

    pub(crate) fn instant(&self) -> (i64, u32) {
        (self.seconds, self.nanoseconds)
    }

    pub(crate) fn add(&self, nanoseconds: i64) -> Self {
        let total = i64::from(self.nanoseconds) + nanoseconds % 1_000_000_000;
        let seconds =
            self.seconds.wrapping_add(nanoseconds / 1_000_000_000).wrapping_add(total.div_euclid(1_000_000_000));
        Self { seconds, nanoseconds: total.rem_euclid(1_000_000_000) as u32, ..self.clone() }
    }

    pub(crate) fn add_date(&self, years: i64, months: i64, by_days: i64) -> Self {
        // Far beyond any calendar, and far from an overflow.
        let limit = |number: i64| number.clamp(-10_000_000, 10_000_000);
        let civil = self.civil();
        let month = civil.month - 1 + limit(months);
        let year = civil.year + limit(years) + month.div_euclid(12);
        let date = days(year, month.rem_euclid(12) + 1, 1) + civil.day - 1 + limit(by_days);
        let clock = civil.hour * 3600 + civil.minute * 60 + civil.second;
        Self { seconds: date.wrapping_mul(DAY).wrapping_add(clock - self.offset), ..self.clone() }
    }

    /// The duration since `earlier`, as far as a duration reaches.
    pub(crate) fn since(&self, earlier: &Self) -> i64 {
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds);
        let total = seconds * 1_000_000_000 + i128::from(self.nanoseconds) - i128::from(earlier.nanoseconds);
        i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
    }

    pub(crate) fn civil(&self) -> Civil {
        let local = self.seconds.saturating_add(self.offset);
        let day_number = local.div_euclid(DAY);
        let clock = local.rem_euclid(DAY);
        let shifted = day_number + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day,
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            year_day: day_number - days(year, 1, 1) + 1,
            weekday: (day_number + 4).rem_euclid(7),
        }
    }

    /// As JSON has it: RFC 3339, if the year fits.
    pub(crate) fn rfc3339(&self) -> Option<String> {
        let civil = self.civil();
        if !(0..10_000).contains(&civil.year) {
            return None;
        }
        let zone = if self.offset == 0 { "Z".to_owned() } else { offset_text(self.offset, true, false) };
        Some(format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{zone}",
            civil.year,
            civil.month,
            civil.day,
            civil.hour,
            civil.minute,
            civil.second,
            fraction(self.nanoseconds, 9, true, '.'),
        ))
    }

    fn zone_name(&self) -> String {
        if self.zone.is_empty() { offset_text(self.offset, false, false) } else { self.zone.clone() }
    }

    /// Time.Format
    pub(crate) fn format(&self, layout: &[u8], meter: &Meter) -> Result<Vec<u8>, Fail> {
        let layout = String::from_utf8_lossy(layout);
        let mut rest = &layout[..];
        let mut out = String::new();
        let civil = self.civil();
        while !rest.is_empty() {
            meter.step()?;
            let Some((at, part, len)) = next_part(rest) else { break };
            out.push_str(&rest[..at]);
            self.write(&mut out, part, &civil);
            rest = &rest[at + len..];
        }
        out.push_str(rest);
        meter.charge(out.len())?;
        Ok(out.into_bytes())
    }

    fn write(&self, out: &mut String, part: Part, civil: &Civil) {
        let twelve = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
        let text = match part {
            Part::Year => padded_year(civil.year),
            Part::ShortYear => format!("{:02}", civil.year.rem_euclid(100)),
            Part::LongMonth => month_name(civil.month),
            Part::ShortMonth => month_name(civil.month)[..3].to_owned(),
            Part::Month => civil.month.to_string(),
            Part::ZeroMonth => format!("{:02}", civil.month),
            Part::LongWeekday => weekday_name(civil.weekday),
            Part::ShortWeekday => weekday_name(civil.weekday)[..3].to_owned(),
            Part::Day => civil.day.to_string(),
            Part::SpaceDay => format!("{:2}", civil.day),
            Part::ZeroDay => format!("{:02}", civil.day),
            Part::SpaceYearDay => format!("{:3}", civil.year_day),
            Part::ZeroYearDay => format!("{:03}", civil.year_day),
            Part::Hour => format!("{:02}", civil.hour),
            Part::Hour12 => twelve.to_string(),
            Part::ZeroHour12 => format!("{twelve:02}"),
            Part::Minute => civil.minute.to_string(),
            Part::ZeroMinute => format!("{:02}", civil.minute),
            Part::Second => civil.second.to_string(),
            Part::ZeroSecond => format!("{:02}", civil.second),
            Part::Upper => (if civil.hour >= 12 { "PM" } else { "AM" }).to_owned(),
            Part::Lower => (if civil.hour >= 12 { "pm" } else { "am" }).to_owned(),
            Part::Zone => self.zone_name(),
            Part::Offset { colon, seconds, z, hours } => {
                if z && self.offset == 0 {
                    "Z".to_owned()
                } else if hours {
                    let sign = if self.offset < 0 { '-' } else { '+' };
                    format!("{sign}{:02}", self.offset.abs() / 3600)
                } else {
                    offset_text(self.offset, colon, seconds)
                }
            }
            Part::Fraction { digits, trim, separator } => fraction(self.nanoseconds, digits, trim, separator),
        };
        out.push_str(&text);
    }
}

/// Go pads years to four digits, and puts the sign in front.
fn padded_year(year: i64) -> String {
    if year < 0 { format!("-{:04}", -year) } else { format!("{year:04}") }
}

fn offset_text(offset: i64, colon: bool, seconds: bool) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60;
    let separator = if colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60);
    if seconds {
        text.push_str(&format!("{separator}{:02}", offset.abs() % 60));
    }
    text
}

fn fraction(nanoseconds: u32, digits: usize, trim: bool, separator: char) -> String {
    let all = format!("{nanoseconds:09}");
    let mut text: String = all.chars().chain(std::iter::repeat('0')).take(digits).collect();
    if trim {
        text.truncate(text.trim_end_matches('0').len());
        if text.is_empty() {
            return text;
        }
    }
    format!("{separator}{text}")
}

/// Time.String
impl fmt::Display for GoTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = self.civil();
        write!(
            f,
            "{}-{:02}-{:02} {:02}:{:02}:{:02}{} {} {}",
            padded_year(civil.year),
            civil.month,
            civil.day,
            civil.hour,
            civil.minute,
            civil.second,
            fraction(self.nanoseconds, 9, true, '.'),
            offset_text(self.offset, false, false),
            self.zone_name(),
        )
    }
}

/// One element of a layout.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Year,
    ShortYear,
    LongMonth,
    ShortMonth,
    Month,
    ZeroMonth,
    LongWeekday,
    ShortWeekday,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    Upper,
    Lower,
    Zone,
    Offset { colon: bool, seconds: bool, z: bool, hours: bool },
    Fraction { digits: usize, trim: bool, separator: char },
}

/// The elements that are fixed texts, the longer before their beginnings.
static PARTS: &[(&str, Part)] = &[
    ("January", Part::LongMonth),
    ("Monday", Part::LongWeekday),
    ("MST", Part::Zone),
    ("002", Part::ZeroYearDay),
    ("01", Part::ZeroMonth),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("1", Part::Month),
    ("2006", Part::Year),
    ("2", Part::Day),
    ("__2", Part::SpaceYearDay),
    ("_2", Part::SpaceDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::Upper),
    ("pm", Part::Lower),
    ("-070000", Part::Offset { colon: false, seconds: true, z: false, hours: false }),
    ("-07:00:00", Part::Offset { colon: true, seconds: true, z: false, hours: false }),
    ("-0700", Part::Offset { colon: false, seconds: false, z: false, hours: false }),
    ("-07:00", Part::Offset { colon: true, seconds: false, z: false, hours: false }),
    ("-07", Part::Offset { colon: false, seconds: false, z: false, hours: true }),
    ("Z070000", Part::Offset { colon: false, seconds: true, z: true, hours: false }),
    ("Z07:00:00", Part::Offset { colon: true, seconds: true, z: true, hours: false }),
    ("Z0700", Part::Offset { colon: false, seconds: false, z: true, hours: false }),
    ("Z07:00", Part::Offset { colon: true, seconds: false, z: true, hours: false }),
    ("Z07", Part::Offset { colon: false, seconds: false, z: true, hours: true }),
];

/// The next element of a layout: where it starts, what it is, how long it is.
pub(super) fn next_part(layout: &str) -> Option<(usize, Part, usize)> {
    layout.char_indices().find_map(|(at, _)| part_at(&layout[at..]).map(|(skip, part, len)| (at + skip, part, len)))
}

fn part_at(rest: &str) -> Option<(usize, Part, usize)> {
    // "_2006" is an underscore and a year, not a day.
    if rest.starts_with("_2006") {
        return Some((1, Part::Year, 4));
    }
    for (short, part) in [("Jan", Part::ShortMonth), ("Mon", Part::ShortWeekday)] {
        let long = if short == "Jan" { "January" } else { "Monday" };
        if rest.starts_with(short) && !rest.starts_with(long) {
            let followed = rest[3..].starts_with(|next: char| next.is_ascii_lowercase());
            return (!followed).then_some((0, part, 3));
        }
    }
    if let Some((text, part)) = PARTS.iter().find(|(text, _)| rest.starts_with(text)) {
        return Some((0, *part, text.len()));
    }
    let separator = rest.chars().next().filter(|first| matches!(first, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = rest[1..].len() - rest[1..].trim_start_matches(digit).len();
    // More digits would make it another number.
    if rest[1 + digits..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    Some((0, Part::Fraction { digits, trim: digit == '9', separator }, 1 + digits))
}
