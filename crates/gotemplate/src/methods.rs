//! The methods that templates call on the values of sprig's functions: times, durations and versions.

use std::rc::Rc;

use crate::budget::Meter;
use crate::error::Fail;
use crate::sprig::gotime::GoTime;
use crate::value::{Named, Value, format};

/// A method bound to nothing yet.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    /// As in [`crate::function::function`].
    pub(crate) params: &'static str,
    pub(crate) call: fn(&Value, &Meter, &[Value]) -> Result<Value, Fail>,
}

const fn method(
    name: &'static str,
    params: &'static str,
    call: fn(&Value, &Meter, &[Value]) -> Result<Value, Fail>,
) -> Method {
    Method { name, params, call }
}

/// The method `name` of the type of `receiver`.
pub(crate) fn find(receiver: &Value, name: &str) -> Option<Method> {
    let all = match receiver {
        Value::Time(_) => time_methods(),
        Value::Named(Named::Duration, _) => duration_methods(),
        Value::Named(..) => vec![method("String", "", string)],
        Value::Version(_) => version_methods(),
        _ => return None,
    };
    all.into_iter().find(|method| method.name == name)
}

fn string(receiver: &Value, meter: &Meter, _: &[Value]) -> Result<Value, Fail> {
    meter.text(format::stringer(receiver).unwrap_or_default().into_bytes())
}

fn time(value: &Value) -> Result<&GoTime, Fail> {
    match value {
        Value::Time(time) => Ok(time),
        _ => Err(Fail::new("not a time")),
    }
}

fn time_methods() -> Vec<Method> {
    vec![
        method("String", "", string),
        method("Format", "s", |receiver, meter, args| match &args[0] {
            Value::Text(layout) => meter.text(time(receiver)?.format(layout, meter)?),
            _ => Err(Fail::new("not a layout")),
        }),
        method("Unix", "", |receiver, _, _| Ok(Value::Int64(time(receiver)?.seconds))),
        method("UnixMilli", "", |receiver, _, _| {
            let time = time(receiver)?;
            Ok(Value::Int64(time.seconds.wrapping_mul(1000).wrapping_add(i64::from(time.nanoseconds) / 1_000_000)))
        }),
        method("UnixMicro", "", |receiver, _, _| {
            let time = time(receiver)?;
            Ok(Value::Int64(time.seconds.wrapping_mul(1_000_000).wrapping_add(i64::from(time.nanoseconds) / 1000)))
        }),
        method("UnixNano", "", |receiver, _, _| {
            let time = time(receiver)?;
            Ok(Value::Int64(time.seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::from(time.nanoseconds))))
        }),
        method("Year", "", |receiver, _, _| Ok(Value::Int(time(receiver)?.civil().year))),
        method("Month", "", |receiver, _, _| Ok(Value::Named(Named::Month, time(receiver)?.civil().month))),
        method("Day", "", |receiver, _, _| Ok(Value::Int(time(receiver)?.civil().day))),
        method("Hour", "", |receiver, _, _| Ok(Value::Int(time(receiver)?.civil().hour))),
        method("Minute", "", |receiver, _, _| Ok(Value::Int(time(receiver)?.civil().minute))),
        method("Second", "", |receiver, _, _| Ok(Value::Int(time(receiver)?.civil().second))),
        method("Nanosecond", "", |receiver, _, _| Ok(Value::Int(i64::from(time(receiver)?.nanoseconds)))),
        method("YearDay", "", |receiver, _, _| Ok(Value::Int(time(receiver)?.civil().year_day))),
        method("Weekday", "", |receiver, _, _| Ok(Value::Named(Named::Weekday, time(receiver)?.civil().weekday))),
        method("IsZero", "", |receiver, _, _| Ok(Value::Bool(time(receiver)?.is_zero()))),
        method("UTC", "", |receiver, _, _| Ok(Value::Time(Rc::new(time(receiver)?.in_utc())))),
        method("Local", "", |receiver, _, _| Ok(Value::Time(Rc::new(time(receiver)?.in_utc())))),
        method("Add", "d", |receiver, _, args| {
            Ok(Value::Time(Rc::new(time(receiver)?.add(args[0].signed().unwrap_or(0)))))
        }),
        method("AddDate", "iii", |receiver, _, args| {
            let part = |index: usize| args[index].signed().unwrap_or(0);
            Ok(Value::Time(Rc::new(time(receiver)?.add_date(part(0), part(1), part(2)))))
        }),
        method("Sub", "t", |receiver, _, args| {
            Ok(Value::Named(Named::Duration, time(receiver)?.since(time(&args[0])?)))
        }),
        method("After", "t", |receiver, _, args| {
            Ok(Value::Bool(time(receiver)?.instant() > time(&args[0])?.instant()))
        }),
        method("Before", "t", |receiver, _, args| {
            Ok(Value::Bool(time(receiver)?.instant() < time(&args[0])?.instant()))
        }),
        method("Equal", "t", |receiver, _, args| {
            Ok(Value::Bool(time(receiver)?.instant() == time(&args[0])?.instant()))
        }),
    ]
}

fn duration_methods() -> Vec<Method> {
    fn nanoseconds(value: &Value) -> i64 {
        value.signed().unwrap_or(0)
    }
    fn parts(value: &Value, unit: i64) -> Value {
        let number = nanoseconds(value);
        Value::Float((number / unit) as f64 + (number % unit) as f64 / unit as f64)
    }
    vec![
        method("String", "", string),
        method("Hours", "", |receiver, _, _| Ok(parts(receiver, 3_600_000_000_000))),
        method("Minutes", "", |receiver, _, _| Ok(parts(receiver, 60_000_000_000))),
        method("Seconds", "", |receiver, _, _| Ok(parts(receiver, 1_000_000_000))),
        method("Milliseconds", "", |receiver, _, _| Ok(Value::Int64(nanoseconds(receiver) / 1_000_000))),
        method("Microseconds", "", |receiver, _, _| Ok(Value::Int64(nanoseconds(receiver) / 1000))),
        method("Nanoseconds", "", |receiver, _, _| Ok(Value::Int64(nanoseconds(receiver)))),
    ]
}

fn version_methods() -> Vec<Method> {
    fn version(value: &Value) -> Result<&crate::sprig::semver::Version, Fail> {
        match value {
            Value::Version(version) => Ok(version),
            _ => Err(Fail::new("not a version")),
        }
    }
    vec![
        method("String", "", string),
        method("Original", "", |receiver, meter, _| meter.text(version(receiver)?.original.clone().into_bytes())),
        method("Major", "", |receiver, _, _| Ok(Value::Uint64(version(receiver)?.major))),
        method("Minor", "", |receiver, _, _| Ok(Value::Uint64(version(receiver)?.minor))),
        method("Patch", "", |receiver, _, _| Ok(Value::Uint64(version(receiver)?.patch))),
        method("Prerelease", "", |receiver, meter, _| meter.text(version(receiver)?.pre.clone().into_bytes())),
        method("Metadata", "", |receiver, meter, _| meter.text(version(receiver)?.metadata.clone().into_bytes())),
        method("Compare", "V", |receiver, _, args| {
            Ok(Value::Int(version(receiver)?.compare(version(&args[0])?) as i64))
        }),
        method("LessThan", "V", |receiver, _, args| {
            Ok(Value::Bool(version(receiver)?.compare(version(&args[0])?).is_lt()))
        }),
        method("LessThanEqual", "V", |receiver, _, args| {
            Ok(Value::Bool(version(receiver)?.compare(version(&args[0])?).is_le()))
        }),
        method("GreaterThan", "V", |receiver, _, args| {
            Ok(Value::Bool(version(receiver)?.compare(version(&args[0])?).is_gt()))
        }),
        method("GreaterThanEqual", "V", |receiver, _, args| {
            Ok(Value::Bool(version(receiver)?.compare(version(&args[0])?).is_ge()))
        }),
        method("Equal", "V", |receiver, _, args| {
            Ok(Value::Bool(version(receiver)?.compare(version(&args[0])?).is_eq()))
        }),
        method("IncMajor", "", |receiver, _, _| Ok(Value::Version(Rc::new(version(receiver)?.increment(0))))),
        method("IncMinor", "", |receiver, _, _| Ok(Value::Version(Rc::new(version(receiver)?.increment(1))))),
        method("IncPatch", "", |receiver, _, _| Ok(Value::Version(Rc::new(version(receiver)?.increment(2))))),
    ]
}
