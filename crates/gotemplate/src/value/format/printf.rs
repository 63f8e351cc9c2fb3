//! The format string of Sprintf: flags, widths, precisions, argument indexes, and the reports of what does not fit.

use super::{Flags, Printer};
use crate::budget::Meter;
use crate::error::Fail;
use crate::unicode::decode;
use crate::value::{Text, Value};

/// Go's limit on widths and precisions.
const TOO_LARGE: i64 = 1_000_000;

struct Format<'f> {
    text: &'f [u8],
    at: usize,
    arg: usize,
    args: &'f [Value],
    reordered: bool,
    good_index: bool,
}

/// fmt.Sprintf
pub(crate) fn sprintf(format: &[u8], args: &[Value], meter: &Meter) -> Result<Text, Fail> {
    let mut printer = Printer::new(meter);
    let mut format = Format { text: format, at: 0, arg: 0, args, reordered: false, good_index: true };
    while format.at < format.text.len() {
        meter.step()?;
        let rest = &format.text[format.at..];
        let literal = rest.iter().position(|byte| *byte == b'%').unwrap_or(rest.len());
        printer.out.push(&rest[..literal])?;
        format.at += literal;
        if format.at >= format.text.len() {
            break;
        }
        format.at += 1;
        format.verb(&mut printer)?;
    }
    format.extra(&mut printer)?;
    Ok(printer.out.into_text())
}

impl Format<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn verb(&mut self, printer: &mut Printer<'_>) -> Result<(), Fail> {
        self.good_index = true;
        printer.flags = Flags::default();
        let flags = &mut printer.flags;
        loop {
            match self.peek() {
                Some(b'#') => flags.sharp = true,
                Some(b'0') => flags.zero = true,
                Some(b'+') => flags.plus = true,
                Some(b'-') => flags.minus = true,
                Some(b' ') => flags.space = true,
                _ => break,
            }
            self.at += 1;
        }
        let mut after_index = self.index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.int_arg() {
                Some(width) => {
                    flags.width = Some(width.unsigned_abs() as usize);
                    if width < 0 {
                        flags.minus = true;
                        flags.zero = false;
                    }
                }
                None => printer.out.push(b"%!(BADWIDTH)")?,
            }
            after_index = false;
        } else {
            flags.width = self.number();
            if after_index && flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.peek() == Some(b'.') && self.at + 1 < self.text.len() {
            self.at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.peek() == Some(b'*') {
                self.at += 1;
                let precision = self.int_arg().and_then(|number| usize::try_from(number).ok());
                printer.flags.precision = precision;
                if precision.is_none() {
                    printer.out.push(b"%!(BADPREC)")?;
                }
                after_index = false;
            } else {
                printer.flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        let Some((verb, width)) = decode(&self.text[self.at.min(self.text.len())..]) else {
            return printer.out.push(b"%!(NOVERB)");
        };
        self.at += width;
        self.apply(printer, verb)
    }

    fn apply(&mut self, printer: &mut Printer<'_>, verb: char) -> Result<(), Fail> {
        if verb == '%' {
            return printer.out.push(b"%");
        }
        let problem = if !self.good_index {
            "(BADINDEX)"
        } else if self.arg >= self.args.len() {
            "(MISSING)"
        } else {
            if verb == 'v' {
                printer.flags.sharp_v = std::mem::take(&mut printer.flags.sharp);
                printer.flags.plus_v = std::mem::take(&mut printer.flags.plus);
            }
            let arg = &self.args[self.arg];
            self.arg += 1;
            // %w is for errors, which templates do not have.
            return if verb == 'w' { printer.bad_verb(arg, verb) } else { printer.print(arg, verb) };
        };
        printer.out.push(b"%!")?;
        printer.out.push_char(verb)?;
        printer.out.push_str(problem)
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        let mut number = 0i64;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if number > TOO_LARGE {
                // Go gives up here and reads the rest as a verb.
                self.at = self.text.len();
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        if self.at == start { None } else { usize::try_from(number).ok() }
    }

    fn int_arg(&mut self) -> Option<i64> {
        let arg = self.args.get(self.arg)?;
        self.arg += 1;
        let number = arg.signed().or_else(|| arg.unsigned().and_then(|number| i64::try_from(number).ok()))?;
        (-TOO_LARGE..=TOO_LARGE).contains(&number).then_some(number)
    }

    /// `[3]`: whether there was one.
    fn index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.text[self.at..];
        let Some(close) = rest.iter().position(|byte| *byte == b']').filter(|_| rest.len() >= 3) else {
            self.at += 1;
            self.good_index = false;
            return false;
        };
        self.at += close + 1;
        let inner =
            std::str::from_utf8(&rest[1..close]).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = inner.and_then(|text| text.parse::<usize>().ok()).filter(|number| *number <= TOO_LARGE as usize);
        match number {
            Some(number) if (1..=self.args.len()).contains(&number) => {
                self.arg = number - 1;
                true
            }
            Some(_) => {
                self.good_index = false;
                true
            }
            None => {
                self.good_index = false;
                false
            }
        }
    }

    fn extra(&self, printer: &mut Printer<'_>) -> Result<(), Fail> {
        if self.reordered || self.arg >= self.args.len() {
            return Ok(());
        }
        printer.flags = Flags::default();
        printer.out.push(b"%!(EXTRA ")?;
        for (index, arg) in self.args[self.arg..].iter().enumerate() {
            if index > 0 {
                printer.out.push(b", ")?;
            }
            if matches!(arg, Value::Nil | Value::Invalid) {
                printer.out.push(b"<nil>")?;
            } else {
                printer.out.push_str(arg.type_name())?;
                printer.out.push(b"=")?;
                printer.print(arg, 'v')?;
            }
        }
        printer.out.push(b")")
    }
}
