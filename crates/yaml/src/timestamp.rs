//! go-yaml's timestamps, the same in v2 and v3. Kubernetes manifests keep the text, but whether a text *is* one decides whether the
//! writer quotes it and whether `!!timestamp` is accepted; sops files keep the value.

/// A point in time as it is written.
struct Stamp {
    date: [u32; 3],
    clock: [u8; 3],
    nanoseconds: u32,
    /// Minutes east of Greenwich.
    offset: i32,
}

/// Whether go-yaml v2's `parseTimestamp` succeeds: Go's `time.Parse` with the layouts `2006-1-2T15:4:5.999999999Z07:00`
/// (also with a small `t`), `2006-1-2 15:4:5.999999999` and `2006-1-2`.
pub(crate) fn is_timestamp(text: &str) -> bool {
    parse(text).is_some()
}

/// The timestamp as Go's RFC 3339 with nanoseconds prints it, or nothing if it is none.
pub(crate) fn normalise(text: &str) -> Option<String> {
    let Stamp { date: [year, month, day], clock: [hour, minute, second], nanoseconds, offset } = parse(text)?;
    let mut fraction = format!(".{nanoseconds:09}");
    fraction.truncate(fraction.trim_end_matches(['0', '.']).len());
    let zone = match offset {
        0 => "Z".to_owned(),
        _ => {
            let sign = if offset < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
        }
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

fn parse(text: &str) -> Option<Stamp> {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let year = bytes[..4].iter().fold(0u32, |year, digit| year * 10 + u32::from(digit - b'0'));
    let mut rest = Cursor(&bytes[4..]);
    rest.expect(b'-')?;
    let month = rest.one_or_two()?;
    rest.expect(b'-')?;
    let day = rest.one_or_two()?;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > days {
        return None;
    }
    let mut stamp = Stamp { date: [year, u32::from(month), u32::from(day)], clock: [0; 3], nanoseconds: 0, offset: 0 };
    match rest.next() {
        None => return Some(stamp),
        Some(b'T' | b't') => {
            rest.time(&mut stamp)?;
            stamp.offset = rest.zone()?;
        }
        Some(b' ') => {
            // Go skips every space of the input where the layout has one.
            while rest.0.first() == Some(&b' ') {
                rest.next();
            }
            rest.time(&mut stamp)?;
        }
        Some(_) => return None,
    }
    rest.0.is_empty().then_some(stamp)
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn one_or_two(&mut self) -> Option<u8> {
        let first = self.next().filter(u8::is_ascii_digit)? - b'0';
        match self.0.first() {
            Some(digit) if digit.is_ascii_digit() => {
                let second = digit - b'0';
                self.next();
                Some(first * 10 + second)
            }
            _ => Some(first),
        }
    }

    fn two(&mut self) -> Option<u8> {
        let tens = self.next().filter(u8::is_ascii_digit)? - b'0';
        let ones = self.next().filter(u8::is_ascii_digit)? - b'0';
        Some(tens * 10 + ones)
    }

    fn time(&mut self, stamp: &mut Stamp) -> Option<()> {
        let hour = self.one_or_two().filter(|&hour| hour < 24)?;
        self.expect(b':')?;
        let minute = self.one_or_two().filter(|&minute| minute < 60)?;
        self.expect(b':')?;
        let second = self.one_or_two().filter(|&second| second < 60)?;
        stamp.clock = [hour, minute, second];
        if let [b'.' | b',', digit, ..] = self.0
            && digit.is_ascii_digit()
        {
            self.next();
            let mut unit = 100_000_000;
            while let Some(digit) = self.0.first().filter(|byte| byte.is_ascii_digit()) {
                // Digits beyond the ninth count for nothing.
                stamp.nanoseconds += u32::from(digit - b'0') * unit;
                unit /= 10;
                self.next();
            }
        }
        Some(())
    }

    fn zone(&mut self) -> Option<i32> {
        match self.next()? {
            b'Z' => Some(0),
            sign @ (b'+' | b'-') => {
                // Go allows an offset of 24 hours and of 60 minutes.
                let hours = self.two()?;
                self.expect(b':')?;
                let minutes = self.two()?;
                let offset = i32::from(hours) * 60 + i32::from(minutes);
                (hours <= 24 && minutes <= 60).then_some(if sign == b'-' { -offset } else { offset })
            }
            _ => None,
        }
    }
}
