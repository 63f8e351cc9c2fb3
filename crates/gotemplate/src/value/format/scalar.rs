//! Strings, integers and floats under fmt's flags.

use super::Printer;
use crate::error::Fail;
use crate::parse::literal::quote_bytes;
use crate::unicode::{REPLACEMENT, is_print, runes};
use crate::value::{Value, float};

impl Printer<'_> {
    /// Padded to the width, in runes.
    pub(super) fn pad(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        let missing = self.flags.width.unwrap_or(0).saturating_sub(runes(bytes).count());
        if self.flags.minus {
            self.out.push(bytes)?;
            return self.out.repeat(b' ', missing);
        }
        self.padding(missing)?;
        self.out.push(bytes)
    }

    fn padding(&mut self, count: usize) -> Result<(), Fail> {
        let zero = self.flags.zero && !self.flags.minus;
        self.out.repeat(if zero { b'0' } else { b' ' }, count)
    }

    fn pad_with_spaces(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        let zero = std::mem::take(&mut self.flags.zero);
        let result = self.pad(bytes);
        self.flags.zero = zero;
        result
    }

    /// A string under `%s`, `%q`, `%x` or `%X`.
    pub(super) fn text(&mut self, bytes: &[u8], verb: char) -> Result<(), Fail> {
        let end = self.flags.precision.and_then(|count| runes(bytes).nth(count)).map_or(bytes.len(), |(at, ..)| at);
        match verb {
            'x' | 'X' => self.hex(bytes, verb == 'X'),
            'q' => {
                let bytes = &bytes[..end];
                let raw = self.flags.sharp;
                if raw && can_backquote(bytes) {
                    let quoted = [b"`", bytes, b"`"].concat();
                    return self.pad(&quoted);
                }
                let quoted = zeroize::Zeroizing::new(quote_bytes(bytes, b'"', self.flags.plus));
                self.pad(&quoted)
            }
            _ => self.pad(&bytes[..end]),
        }
    }

    fn hex(&mut self, bytes: &[u8], upper: bool) -> Result<(), Fail> {
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let prefix = if upper { "0X" } else { "0x" };
        let mut out = zeroize::Zeroizing::new(Vec::with_capacity(bytes.len() * 5 + 2));
        for (index, byte) in bytes.iter().enumerate() {
            if self.flags.space && index > 0 {
                out.push(b' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                out.extend_from_slice(prefix.as_bytes());
            }
            let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
            out.extend_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        self.pad(&out)
    }

    pub(super) fn integer(
        &mut self,
        value: &Value,
        magnitude: u64,
        negative: bool,
        signed: bool,
        verb: char,
    ) -> Result<(), Fail> {
        match verb {
            'v' if self.flags.sharp_v && !signed => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                let result = self.digits(magnitude, negative, 16, 'v');
                self.flags.sharp = sharp;
                result
            }
            'v' | 'd' => self.digits(magnitude, negative, 10, verb),
            'b' => self.digits(magnitude, negative, 2, verb),
            'o' | 'O' => self.digits(magnitude, negative, 8, verb),
            'x' | 'X' => self.digits(magnitude, negative, 16, verb),
            'c' => self.pad(code(magnitude, negative).encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => {
                let rune = code(magnitude, negative);
                let quoted = quote_bytes(rune.encode_utf8(&mut [0; 4]).as_bytes(), b'\'', self.flags.plus);
                self.pad(&quoted)
            }
            'U' => {
                let number = if negative { magnitude.wrapping_neg() } else { magnitude };
                let precision = self.flags.precision.unwrap_or(0).max(4);
                self.out.meter().charge(precision)?;
                let mut text = format!("U+{number:0precision$X}");
                let rune = u32::try_from(number).ok().and_then(char::from_u32);
                if let Some(rune) = rune.filter(|rune| self.flags.sharp && is_print(*rune)) {
                    text.push_str(&format!(" '{rune}'"));
                }
                self.pad_with_spaces(text.as_bytes())
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn digits(&mut self, magnitude: u64, negative: bool, base: u32, verb: char) -> Result<(), Fail> {
        let flags = self.flags;
        let mut least = 0;
        if let Some(precision) = flags.precision {
            if precision == 0 && magnitude == 0 {
                return self.out.repeat(b' ', flags.width.unwrap_or(0));
            }
            least = precision;
        } else if let Some(width) = flags.width.filter(|_| flags.zero && !flags.minus) {
            least = width.saturating_sub(usize::from(negative || flags.plus || flags.space));
        }
        let digits = match (base, verb) {
            (2, _) => format!("{magnitude:b}"),
            (8, _) => format!("{magnitude:o}"),
            (16, 'X') => format!("{magnitude:X}"),
            (16, _) => format!("{magnitude:x}"),
            _ => magnitude.to_string(),
        };
        self.out.meter().charge(least)?;
        let mut text = String::new();
        text.push_str(if negative {
            "-"
        } else if flags.plus {
            "+"
        } else if flags.space {
            " "
        } else {
            ""
        });
        if verb == 'O' {
            text.push_str("0o");
        }
        if flags.sharp {
            match base {
                2 => text.push_str("0b"),
                8 if !(digits.starts_with('0') || digits.len() < least) => text.push('0'),
                16 => text.push_str(if verb == 'X' { "0X" } else { "0x" }),
                _ => {}
            }
        }
        text.push_str(&"0".repeat(least.saturating_sub(digits.len())));
        text.push_str(&digits);
        self.pad_with_spaces(text.as_bytes())
    }

    pub(super) fn float(&mut self, value: &Value, number: f64, verb: char) -> Result<(), Fail> {
        let (form, default) = match verb {
            'v' => (b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb as u8, None),
            'f' | 'e' | 'E' => (verb as u8, Some(6)),
            'F' => (b'f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(default);
        self.out.meter().charge(precision.unwrap_or(0))?;
        let text = float::format(number, form, precision);
        let (sign, digits) = match text.strip_prefix(['+', '-']) {
            Some(rest) => (if text.starts_with('-') { "-" } else { "+" }, rest),
            None => ("+", text.as_str()),
        };
        let flags = self.flags;
        let sign = if sign == "+" && flags.space && !flags.plus { " " } else { sign };
        if number.is_nan() || number.is_infinite() {
            let hide = number.is_nan() && !flags.space && !flags.plus || sign == "+" && !flags.plus;
            let text = if hide { digits.to_owned() } else { format!("{sign}{digits}") };
            // Go keeps the sign of an infinity.
            let text = if number.is_infinite() && hide { format!("+{digits}") } else { text };
            return self.pad_with_spaces(text.as_bytes());
        }
        let digits = if flags.sharp && verb != 'b' { with_point(digits, form, precision) } else { digits.to_owned() };
        if !flags.plus && sign == "+" {
            return self.pad(digits.as_bytes());
        }
        let width = flags.width.unwrap_or(0);
        if flags.zero && !flags.minus && width > digits.len() + 1 {
            self.out.push_str(sign)?;
            self.out.repeat(b'0', width - digits.len() - 1)?;
            return self.out.push_str(&digits);
        }
        self.pad(format!("{sign}{digits}").as_bytes())
    }

    pub(super) fn complex(&mut self, value: &Value, real: f64, imaginary: f64, verb: char) -> Result<(), Fail> {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        self.out.push(b"(")?;
        self.float(value, real, verb)?;
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(value, imaginary, verb)?;
        self.flags.plus = plus;
        self.out.push(b"i)")
    }
}

/// The `#` flag: always a decimal point, and trailing zeros up to the precision.
fn with_point(digits: &str, form: u8, precision: Option<usize>) -> String {
    let split = if form.eq_ignore_ascii_case(&b'x') { digits.find(['p', 'P']) } else { digits.find(['e', 'E']) };
    let (mantissa, tail) = digits.split_at(split.unwrap_or(digits.len()));
    let mut wanted = if matches!(form, b'g' | b'G' | b'x') { precision.unwrap_or(6) } else { 0 };
    let significant = mantissa.trim_start_matches(['0', '.']).bytes().filter(|byte| *byte != b'.').count();
    wanted = wanted.saturating_sub(significant);
    let mut text = mantissa.to_owned();
    if !mantissa.contains('.') {
        if mantissa == "0" {
            wanted = wanted.saturating_sub(1);
        }
        text.push('.');
    }
    text.push_str(&"0".repeat(wanted));
    text + tail
}

fn code(magnitude: u64, negative: bool) -> char {
    if negative {
        return REPLACEMENT;
    }
    u32::try_from(magnitude).ok().and_then(char::from_u32).unwrap_or(REPLACEMENT)
}

fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|rune| rune != '\u{feff}' && rune != '`' && rune != '\x7f' && (rune >= ' ' || rune == '\t'))
    })
}
