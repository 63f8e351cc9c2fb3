//! go-yaml v2's timestamps. Their value is never used (Kubernetes manifests keep the text), but whether a text *is* one
//! decides whether the writer quotes it and whether `!!timestamp` is accepted.

/// Whether go-yaml v2's `parseTimestamp` succeeds: Go's `time.Parse` with the layouts `2006-1-2T15:4:5.999999999Z07:00`
/// (also with a small `t`), `2006-1-2 15:4:5.999999999` and `2006-1-2`.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 5 || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return false;
    }
    parse(bytes).is_some()
}

fn parse(bytes: &[u8]) -> Option<()> {
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
    match rest.next() {
        None => return Some(()),
        Some(b'T' | b't') => {
            rest.time()?;
            rest.zone()?;
        }
        Some(b' ') => {
            // Go skips every space of the input where the layout has one.
            while rest.0.first() == Some(&b' ') {
                rest.next();
            }
            rest.time()?;
        }
        Some(_) => return None,
    }
    rest.0.is_empty().then_some(())
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

    fn time(&mut self) -> Option<()> {
        if self.one_or_two()? >= 24 {
            return None;
        }
        self.expect(b':')?;
        if self.one_or_two()? >= 60 {
            return None;
        }
        self.expect(b':')?;
        if self.one_or_two()? >= 60 {
            return None;
        }
        if let [b'.' | b',', digit, ..] = self.0
            && digit.is_ascii_digit()
        {
            self.next();
            while self.0.first().is_some_and(u8::is_ascii_digit) {
                self.next();
            }
        }
        Some(())
    }

    fn zone(&mut self) -> Option<()> {
        match self.next()? {
            b'Z' => Some(()),
            b'+' | b'-' => {
                // Go allows an offset of 24 hours and of 60 minutes.
                let hours = self.two()?;
                self.expect(b':')?;
                let minutes = self.two()?;
                (hours <= 24 && minutes <= 60).then_some(())
            }
            _ => None,
        }
    }
}
