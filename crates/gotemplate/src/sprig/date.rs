//! Dates. `Local` is UTC, as in the controller's image.

use std::rc::Rc;

use super::gotime::{GoTime, zone_at};
use super::{duration, gotime_parse, lossy, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("now", "", |meter, _| Ok(Value::Time(Rc::new(GoTime::now(meter))))),
    function("ago", "a", |meter, args| {
        let time = match &args[0] {
            Value::Time(time) => (**time).clone(),
            Value::Int(seconds) | Value::Int64(seconds) => GoTime::unix(*seconds),
            _ => GoTime::now(meter),
        };
        let age = duration::round_to_seconds(GoTime::now(meter).since(&time));
        meter.text(duration::format(age).into_bytes())
    }),
    function("date", "sa", |meter, args| in_zone(meter, text(&args[0])?, &args[1], "Local")),
    function("htmlDate", "a", |meter, args| in_zone(meter, b"2006-01-02", &args[0], "Local")),
    function("htmlDateInZone", "as", |meter, args| in_zone(meter, b"2006-01-02", &args[0], &lossy(text(&args[1])?))),
    function("dateInZone", "sas", date_in_zone),
    function("date_in_zone", "sas", date_in_zone),
    function("dateModify", "st", |_, args| Ok(modified(args)?.unwrap_or_else(|| args[1].clone()))),
    function("date_modify", "st", |_, args| Ok(modified(args)?.unwrap_or_else(|| args[1].clone()))),
    function("mustDateModify", "st", |_, args| modified(args)?.ok_or(Fail::new("invalid duration"))),
    function("must_date_modify", "st", |_, args| modified(args)?.ok_or(Fail::new("invalid duration"))),
    function("toDate", "ss", |_, args| Ok(Value::Time(Rc::new(parsed(args)?.unwrap_or_else(GoTime::zero))))),
    function("mustToDate", "ss", |_, args| {
        parsed(args)?.map(|time| Value::Time(Rc::new(time))).ok_or(Fail::new("the text does not fit the layout"))
    }),
    function("unixEpoch", "t", |meter, args| match &args[0] {
        Value::Time(time) => meter.text(time.seconds.to_string().into_bytes()),
        _ => Err(Fail::new("expected time.Time")),
    }),
    function("duration", "a", |meter, args| {
        let seconds = match &args[0] {
            Value::Int64(seconds) => *seconds,
            Value::Text(digits) => parse_seconds(digits),
            _ => 0,
        };
        meter.text(duration::format(seconds.wrapping_mul(1_000_000_000)).into_bytes())
    }),
    function("durationRound", "a", |meter, args| meter.text(duration::largest_unit(meter, &args[0]).into_bytes())),
];

/// strconv.ParseInt without its error: what is out of range is the nearest end of the range.
fn parse_seconds(digits: &[u8]) -> i64 {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    let magnitude = text.strip_prefix(['+', '-']).unwrap_or(text);
    if magnitude.is_empty() || !magnitude.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })
}

fn date_in_zone(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    in_zone(meter, text(&args[0])?, &args[1], &lossy(text(&args[2])?))
}

fn in_zone(meter: &Meter, layout: &[u8], date: &Value, zone: &str) -> Result<Value, Fail> {
    let time = match date {
        Value::Time(time) => (**time).clone(),
        Value::Int(seconds) | Value::Int64(seconds) => GoTime::unix(*seconds),
        _ => GoTime::now(meter),
    };
    meter.text(zone_at(time, zone).format(layout, meter)?)
}

fn modified(args: &[Value]) -> Result<Option<Value>, Fail> {
    let Value::Time(time) = &args[1] else { return Err(Fail::new("expected time.Time")) };
    let by = std::str::from_utf8(text(&args[0])?).ok().and_then(duration::parse);
    Ok(by.map(|nanoseconds| Value::Time(Rc::new(time.add(nanoseconds)))))
}

fn parsed(args: &[Value]) -> Result<Option<GoTime>, Fail> {
    let layout = lossy(text(&args[0])?);
    let Ok(value) = std::str::from_utf8(text(&args[1])?) else { return Ok(None) };
    Ok(gotime_parse::parse(&layout, value))
}
