//! Numbers: conversions that never fail, arithmetic, ranges.

use super::decimal::Decimal;
use super::{int, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::parse::literal::{parse_float, parse_int};
use crate::value::{Elem, Named, Value, format};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("atoi", "s", atoi),
    function("int64", "a", |_, args| Ok(Value::Int64(to_int(&args[0])))),
    function("int", "a", |_, args| Ok(Value::Int(to_int(&args[0])))),
    function("float64", "a", |_, args| Ok(Value::Float(to_float(&args[0])))),
    function("toDecimal", "a", to_decimal),
    function("seq", "i*", seq),
    function("until", "i", |meter, args| {
        let count = int(&args[0]);
        ints(meter, &steps(meter, 0, count, if count < 0 { -1 } else { 1 })?)
    }),
    function("untilStep", "iii", |meter, args| {
        ints(meter, &steps(meter, int(&args[0]), int(&args[1]), int(&args[2]))?)
    }),
    function("add1", "a", |_, args| Ok(Value::Int64(to_int(&args[0]).wrapping_add(1)))),
    function("add", "a*", |_, args| Ok(Value::Int64(args.iter().map(to_int).fold(0, i64::wrapping_add)))),
    function("sub", "aa", |_, args| Ok(Value::Int64(to_int(&args[0]).wrapping_sub(to_int(&args[1]))))),
    function("div", "aa", |_, args| match to_int(&args[1]) {
        0 => Err(Fail::new("runtime error: integer divide by zero")),
        divisor => Ok(Value::Int64(to_int(&args[0]).wrapping_div(divisor))),
    }),
    function("mod", "aa", |_, args| match to_int(&args[1]) {
        0 => Err(Fail::new("runtime error: integer divide by zero")),
        divisor => Ok(Value::Int64(to_int(&args[0]).wrapping_rem(divisor))),
    }),
    function("mul", "aa*", |_, args| Ok(Value::Int64(args.iter().map(to_int).fold(1, i64::wrapping_mul)))),
    function("add1f", "a", |_, args| decimals(&[args[0].clone(), Value::Int(1)], Decimal::add)),
    function("addf", "a*", |_, args| {
        let mut all = vec![Value::Int(0)];
        all.extend_from_slice(args);
        decimals(&all, Decimal::add)
    }),
    function("subf", "aa*", |_, args| decimals(args, Decimal::sub)),
    function("mulf", "aa*", |_, args| decimals(args, Decimal::mul)),
    function("divf", "aa*", |_, args| decimals(args, Decimal::div)),
    function("biggest", "aa*", max),
    function("max", "aa*", max),
    function("min", "aa*", |_, args| Ok(Value::Int64(args.iter().map(to_int).min().unwrap_or(0)))),
    function("maxf", "aa*", |_, args| Ok(Value::Float(extreme(args, |a, b| a > b, f64::INFINITY)))),
    function("minf", "aa*", |_, args| Ok(Value::Float(extreme(args, |a, b| a < b, f64::NEG_INFINITY)))),
    function("ceil", "a", |_, args| Ok(Value::Float(to_float(&args[0]).ceil()))),
    function("floor", "a", |_, args| Ok(Value::Float(to_float(&args[0]).floor()))),
    function("round", "aif*", round),
];

/// strconv.Atoi without its error: what is out of range is the nearest end of the range.
fn atoi(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let bytes = text(&args[0])?;
    let Ok(digits) = std::str::from_utf8(bytes) else { return Ok(Value::Int(0)) };
    let magnitude = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if magnitude.is_empty() || !magnitude.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Value::Int(0));
    }
    let overflow = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(Value::Int(digits.parse().unwrap_or(overflow)))
}

/// cast.ToInt64: whatever is not a number is 0.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(number) | Value::Int64(number) | Value::Named(Named::Month | Named::Weekday, number) => *number,
        Value::Uint8(number) => i64::from(*number),
        Value::Uint64(number) => *number as i64,
        Value::Float(number) if (i64::MIN as f64..-(i64::MIN as f64)).contains(number) => *number as i64,
        // What amd64 makes of a float that does not fit.
        Value::Float(_) => i64::MIN,
        Value::Text(text) => {
            let text = std::str::from_utf8(text).unwrap_or_default();
            parse_int(without_zero_fraction(text), 0).unwrap_or(0)
        }
        Value::Bool(flag) => i64::from(*flag),
        _ => 0,
    }
}

/// `1.00` is `1`.
fn without_zero_fraction(text: &str) -> &str {
    let trimmed = text.trim_end_matches('0');
    match trimmed.strip_suffix('.') {
        Some(whole) if trimmed.len() < text.len() => whole,
        _ => text,
    }
}

/// cast.ToFloat64: whatever is not a number is 0.
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(number) | Value::Int64(number) | Value::Named(Named::Month | Named::Weekday, number) => {
            *number as f64
        }
        Value::Uint8(number) => f64::from(*number),
        Value::Uint64(number) => *number as f64,
        Value::Float(number) => *number,
        Value::Text(text) => std::str::from_utf8(text).ok().and_then(parse_float).unwrap_or(0.0),
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        _ => 0.0,
    }
}

/// Octal to decimal.
fn to_decimal(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let digits = format::sprint_one(&args[0], meter)?;
    let number = std::str::from_utf8(&digits).ok().and_then(|digits| parse_int(digits, 8));
    Ok(Value::Int64(number.unwrap_or(0)))
}

/// The numbers of sprig's untilStep.
fn steps(meter: &Meter, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, Fail> {
    let mut numbers = Vec::new();
    if stop < start && step >= 0 || stop >= start && step <= 0 {
        return Ok(numbers);
    }
    let mut number = start;
    while if stop < start { number > stop } else { number < stop } {
        meter.step()?;
        meter.charge(size_of::<i64>())?;
        numbers.push(number);
        number = number.checked_add(step).ok_or(Fail::Budget("steps"))?;
    }
    Ok(numbers)
}

fn ints(meter: &Meter, numbers: &[i64]) -> Result<Value, Fail> {
    meter.typed_list(Elem::Int, numbers.iter().map(|number| Value::Int(*number)).collect())
}

fn seq(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let numbers: Vec<i64> = args.iter().map(int).collect();
    let (start, step, end) = match numbers.as_slice() {
        [end] => (1, if *end < 1 { -1 } else { 1 }, *end),
        [start, end] => (*start, if end < start { -1 } else { 1 }, *end),
        [start, step, end] => {
            if end < start && *step > 0 {
                return meter.text(Vec::new());
            }
            (*start, *step, *end)
        }
        _ => return meter.text(Vec::new()),
    };
    let one_more = end.wrapping_add(if end < start { -1 } else { 1 });
    let mut out = meter.buffer();
    for (index, number) in steps(meter, start, one_more, step)?.iter().enumerate() {
        if index > 0 {
            out.push(b" ")?;
        }
        out.push_str(&number.to_string())?;
    }
    Ok(out.into_value())
}

fn decimals(args: &[Value], operation: fn(&Decimal, &Decimal) -> Result<Decimal, Fail>) -> Result<Value, Fail> {
    let mut numbers = args.iter().map(|arg| Decimal::from_float(to_float(arg)));
    let mut result = numbers.next().ok_or(Fail::new("no number"))??;
    for number in numbers {
        result = operation(&result, &number?)?;
    }
    Ok(Value::Float(result.to_float()))
}

fn max(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    Ok(Value::Int64(args.iter().map(to_int).max().unwrap_or(0)))
}

/// math.Max and math.Min: an infinity of the right sign wins, then NaN.
fn extreme(args: &[Value], better: fn(f64, f64) -> bool, winner: f64) -> f64 {
    let mut numbers = args.iter().map(to_float);
    let first = numbers.next().unwrap_or(0.0);
    numbers.fold(first, |best, next| {
        if best == winner || next == winner {
            winner
        } else if best.is_nan() || next.is_nan() {
            f64::NAN
        } else if better(next, best) {
            next
        } else {
            best
        }
    })
}

fn round(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let round_on = match args.get(2) {
        Some(Value::Float(limit)) => *limit,
        _ => 0.5,
    };
    let power = power_of_ten(int(&args[1]));
    let digit = power * to_float(&args[0]);
    let rounded = if digit.fract() >= round_on { digit.ceil() } else { digit.floor() };
    Ok(Value::Float(rounded / power))
}

/// The nearest number to a power of ten.
fn power_of_ten(exponent: i64) -> f64 {
    match exponent {
        ..-330 => 0.0,
        330.. => f64::INFINITY,
        _ => format!("1e{exponent}").parse().unwrap_or(f64::INFINITY),
    }
}
