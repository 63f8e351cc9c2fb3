//! Go's fmt: Sprint, Sprintln and Sprintf, as far as the values of templates go.

mod printf;
mod scalar;

pub(crate) use printf::sprintf;

use super::{Elem, Named, Value};
use crate::budget::{Buffer, Meter};
use crate::error::Fail;
use crate::sprig::{duration, gotime};
use crate::value::Text;

/// The flags of one verb.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    sharp: bool,
    zero: bool,
    plus: bool,
    minus: bool,
    space: bool,
    /// `%#v`
    sharp_v: bool,
    /// `%+v`
    plus_v: bool,
}

pub(crate) struct Printer<'m> {
    out: Buffer<'m>,
    flags: Flags,
    /// Inside the report of a bad verb, where methods are not called.
    erroring: bool,
}

/// fmt.Sprint: a space between two operands when neither is a string.
pub(crate) fn sprint(args: &[Value], meter: &Meter) -> Result<Text, Fail> {
    let mut printer = Printer::new(meter);
    let mut previous_text = false;
    for (index, arg) in args.iter().enumerate() {
        let is_text = matches!(arg, Value::Text(_));
        if index > 0 && !is_text && !previous_text {
            printer.out.push(b" ")?;
        }
        printer.print(arg, 'v')?;
        previous_text = is_text;
    }
    Ok(printer.out.into_text())
}

/// fmt.Sprintln: always spaces, and a newline.
pub(crate) fn sprintln(args: &[Value], meter: &Meter) -> Result<Text, Fail> {
    let mut printer = Printer::new(meter);
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            printer.out.push(b" ")?;
        }
        printer.print(arg, 'v')?;
    }
    printer.out.push(b"\n")?;
    Ok(printer.out.into_text())
}

/// `%v` of one value, which is also sprig's `strval`.
pub(crate) fn sprint_one(arg: &Value, meter: &Meter) -> Result<Text, Fail> {
    match arg {
        Value::Text(text) => Ok(text.clone()),
        _ => sprint(std::slice::from_ref(arg), meter),
    }
}

/// What the String method of a type gives, for those that have one.
pub(crate) fn stringer(value: &Value) -> Option<String> {
    match value {
        Value::Time(time) => Some(time.to_string()),
        Value::Version(version) => Some(version.to_string()),
        Value::Named(Named::Duration, nanoseconds) => Some(duration::format(*nanoseconds)),
        Value::Named(Named::Month, month) => Some(gotime::month_name(*month)),
        Value::Named(Named::Weekday, day) => Some(gotime::weekday_name(*day)),
        _ => None,
    }
}

impl<'m> Printer<'m> {
    fn new(meter: &'m Meter) -> Self {
        Self { out: meter.buffer(), flags: Flags::default(), erroring: false }
    }

    /// One operand.
    fn print(&mut self, value: &Value, verb: char) -> Result<(), Fail> {
        if matches!(value, Value::Nil | Value::Invalid) {
            return match verb {
                'T' | 'v' => self.pad(b"<nil>"),
                _ => self.bad_verb(value, verb),
            };
        }
        if verb == 'T' {
            return self.text(value.type_name().as_bytes(), 's');
        }
        if verb == 'p' {
            return self.pointer(value);
        }
        self.value(value, verb)
    }

    fn pointer(&mut self, value: &Value) -> Result<(), Fail> {
        match value {
            // An address would tell two renders apart, and means nothing.
            Value::List(_) | Value::Map(_) | Value::Version(_) => self.pad(b"0xc000000000"),
            _ => self.bad_verb(value, 'p'),
        }
    }

    fn value(&mut self, value: &Value, verb: char) -> Result<(), Fail> {
        self.out.meter().step()?;
        if !self.erroring
            && let Some(text) = stringer(value)
        {
            if self.flags.sharp_v && matches!(value, Value::Time(_)) {
                return self.text(text.as_bytes(), 's');
            }
            if !self.flags.sharp_v && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
                return self.text(text.as_bytes(), verb);
            }
        }
        match value {
            Value::Invalid | Value::Nil => self.out.push(b"<nil>"),
            Value::Bool(flag) => match verb {
                't' | 'v' => self.pad(if *flag { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(number) | Value::Int64(number) | Value::Named(_, number) => {
                self.integer(value, number.unsigned_abs(), *number < 0, true, verb)
            }
            Value::Uint8(number) => self.integer(value, u64::from(*number), false, false, verb),
            Value::Uint64(number) => self.integer(value, *number, false, false, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::Complex(real, imaginary) => self.complex(value, *real, *imaginary, verb),
            Value::Text(text) => match verb {
                'v' if self.flags.sharp_v => self.text(text, 'q'),
                'v' | 's' | 'x' | 'X' | 'q' => self.text(text, verb),
                _ => self.bad_verb(value, verb),
            },
            Value::List(list) => self.list(list, value, verb),
            Value::Map(map) => self.map(map, value, verb),
            Value::Certificate(pair) => {
                if self.flags.sharp_v {
                    self.out.push(b"sprig.certificate")?;
                }
                self.out.push(b"{")?;
                let names = self.flags.sharp_v || self.flags.plus_v;
                self.out.push_str(if names { "Cert:" } else { "" })?;
                self.value(&Value::Text(pair.cert.clone()), verb)?;
                self.out.push_str(if self.flags.sharp_v { ", " } else { " " })?;
                self.out.push_str(if names { "Key:" } else { "" })?;
                self.value(&Value::Text(pair.key.clone()), verb)?;
                self.out.push(b"}")
            }
            // Go prints the fields of its struct.
            Value::Time(_) | Value::Version(_) => self.text(stringer(value).unwrap_or_default().as_bytes(), 's'),
        }
    }

    fn element(&mut self, value: &Value, elem: Elem, verb: char) -> Result<(), Fail> {
        if value.is_nil() && matches!(value, Value::Nil | Value::Invalid) && elem == Elem::Any && self.flags.sharp_v {
            return self.out.push(b"interface {}(nil)");
        }
        self.value(value, verb)
    }

    fn list(&mut self, list: &super::List, value: &Value, verb: char) -> Result<(), Fail> {
        let _depth = self.out.meter().nest()?;
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.push_str(value.type_name())?;
            if list.nil {
                return self.out.push(b"(nil)");
            }
        }
        self.out.push(if sharp { b"{" } else { b"[" })?;
        for (index, item) in list.to_vec().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " })?;
            }
            self.element(item, list.elem, verb)?;
        }
        self.out.push(if sharp { b"}" } else { b"]" })
    }

    fn map(&mut self, map: &super::Map, value: &Value, verb: char) -> Result<(), Fail> {
        let _depth = self.out.meter().nest()?;
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.push_str(value.type_name())?;
            if map.nil {
                return self.out.push(b"(nil)");
            }
        }
        self.out.push_str(if sharp { "{" } else { "map[" })?;
        for (index, (key, item)) in map.to_vec().into_iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " })?;
            }
            self.value(&Value::Text(key), verb)?;
            self.out.push(b":")?;
            self.element(&item, map.elem, verb)?;
        }
        self.out.push(if sharp { b"}" } else { b"]" })
    }

    /// `%!d(string=…)`
    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), Fail> {
        self.erroring = true;
        self.out.push(b"%!")?;
        self.out.push_char(verb)?;
        self.out.push(b"(")?;
        if matches!(value, Value::Nil | Value::Invalid) {
            self.out.push(b"<nil>")?;
        } else {
            self.out.push_str(value.type_name())?;
            self.out.push(b"=")?;
            self.value(value, 'v')?;
        }
        self.out.push(b")")?;
        self.erroring = false;
        Ok(())
    }
}
