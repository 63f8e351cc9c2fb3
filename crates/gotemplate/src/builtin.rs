//! The functions of text/template itself.

use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::unicode::{is_print, runes};
use crate::value::{Text, Value, compare, format};

/// `and`, `or` and `call` are known to the evaluator; their rows hold their parameters.
pub(crate) const FUNCTIONS: &[Function] = &[
    function("and", "vv*", |_, args| Ok(args.last().cloned().unwrap_or(Value::Invalid))),
    function("or", "vv*", |_, args| Ok(args.last().cloned().unwrap_or(Value::Invalid))),
    function("call", "vv*", call),
    function("html", "a*", html),
    function("js", "a*", js),
    function("urlquery", "a*", url_query),
    function("index", "vv*", index),
    function("len", "v", len),
    function("not", "v", |_, args| Ok(Value::Bool(!args[0].truth()))),
    function("print", "a*", |meter, args| format::sprint(args, meter).map(Value::Text)),
    function("println", "a*", |meter, args| format::sprintln(args, meter).map(Value::Text)),
    function("printf", "sa*", printf),
    function("slice", "vv*", |_, _| Err(Fail::new("replaced by sprig's"))),
    function("eq", "vv*", eq),
    function("ne", "vv", |_, args| Ok(Value::Bool(!compare::equal(&args[0], &args[1])?))),
    function("lt", "vv", |_, args| Ok(Value::Bool(compare::less(&args[0], &args[1])?))),
    function("le", "vv", |_, args| Ok(Value::Bool(less_or_equal(args)?))),
    function("gt", "vv", |_, args| Ok(Value::Bool(!less_or_equal(args)?))),
    function("ge", "vv", |_, args| Ok(Value::Bool(!compare::less(&args[0], &args[1])?))),
];

/// There are no function values in a template's data.
fn call(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    if matches!(args[0], Value::Invalid | Value::Nil) {
        return Err(Fail::new("call of nil"));
    }
    Err(Fail::reason(format!("non-function of type {}", args[0].type_name())))
}

fn eq(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let (first, others) = args.split_first().ok_or(Fail::new("missing argument for comparison"))?;
    if others.is_empty() {
        return Err(Fail::new("missing argument for comparison"));
    }
    for other in others {
        if compare::equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn less_or_equal(args: &[Value]) -> Result<bool, Fail> {
    Ok(compare::less(&args[0], &args[1])? || compare::equal(&args[0], &args[1])?)
}

fn len(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let length = match &args[0] {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Nil => return Err(Fail::new("len of nil pointer")),
        other => return Err(Fail::reason(format!("len of type {}", other.type_name()))),
    };
    Ok(Value::Int(length as i64))
}

fn index(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut item = args[0].clone();
    if matches!(item, Value::Invalid | Value::Nil) {
        return Err(Fail::new("index of untyped nil"));
    }
    for key in &args[1..] {
        item = match &item {
            Value::Text(text) => {
                let at = position(key, text.len())?;
                Value::Uint8(*text.get(at).ok_or(OUT_OF_RANGE)?)
            }
            Value::List(list) => {
                let at = position(key, list.len())?;
                list.items.borrow().get(at).cloned().ok_or(OUT_OF_RANGE)?
            }
            Value::Map(map) => match key {
                Value::Text(key) => map.get(key).unwrap_or_else(|| {
                    if map.elem == crate::value::Elem::Text { Value::Text(Text::empty()) } else { Value::Nil }
                }),
                Value::Invalid | Value::Nil => return Err(Fail::new("value is nil; should be of type string")),
                other => {
                    return Err(Fail::reason(format!("value has type {}; should be string", other.type_name())));
                }
            },
            Value::Nil | Value::Invalid => return Err(Fail::new("index of nil pointer")),
            other => return Err(Fail::reason(format!("can't index item of type {}", other.type_name()))),
        };
    }
    Ok(item)
}

const OUT_OF_RANGE: Fail = Fail::new("index out of range");

fn position(key: &Value, len: usize) -> Result<usize, Fail> {
    let number = match (key.signed(), key.unsigned()) {
        (Some(number), _) => usize::try_from(number).ok(),
        (_, Some(number)) => usize::try_from(number).ok(),
        _ if matches!(key, Value::Invalid | Value::Nil) => {
            return Err(Fail::new("cannot index slice/array with nil"));
        }
        _ => return Err(Fail::reason(format!("cannot index slice/array with type {}", key.type_name()))),
    };
    number.filter(|number| *number <= len).ok_or(OUT_OF_RANGE)
}

fn printf(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let Some((Value::Text(format), rest)) = args.split_first() else { return Err(Fail::new("no format")) };
    format::sprintf(format, rest, meter).map(Value::Text)
}

/// The text of the arguments: a lone string as it is, everything else as `print` does.
fn text_of(meter: &Meter, args: &[Value]) -> Result<Text, Fail> {
    if args.iter().any(|arg| matches!(arg, Value::Nil | Value::Invalid)) {
        // A nil prints as what a missing value prints.
        let args: Vec<_> = args
            .iter()
            .map(|arg| match arg {
                Value::Nil | Value::Invalid => Value::text("<no value>"),
                _ => arg.clone(),
            })
            .collect();
        return format::sprint(&args, meter);
    }
    format::sprint(args, meter)
}

fn html(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let text = text_of(meter, args)?;
    let mut out = meter.buffer();
    for byte in text.iter() {
        match byte {
            0 => out.push_str("\u{fffd}")?,
            b'"' => out.push(b"&#34;")?,
            b'\'' => out.push(b"&#39;")?,
            b'&' => out.push(b"&amp;")?,
            b'<' => out.push(b"&lt;")?,
            b'>' => out.push(b"&gt;")?,
            _ => out.push(&[*byte])?,
        }
    }
    Ok(out.into_value())
}

fn js(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let text = text_of(meter, args)?;
    let mut out = meter.buffer();
    for (at, rune, width) in runes(&text) {
        match rune {
            '\\' => out.push(b"\\\\")?,
            '\'' => out.push(b"\\'")?,
            '"' => out.push(b"\\\"")?,
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", rune as u32))?,
            _ if rune < ' ' => out.push_str(&format!("\\u{:04X}", rune as u32))?,
            _ if rune.is_ascii() || is_print(rune) => out.push(&text[at..at + width])?,
            _ => out.push_str(&format!("\\u{:04X}", rune as u32))?,
        }
    }
    Ok(out.into_value())
}

fn url_query(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let text = text_of(meter, args)?;
    let mut out = meter.buffer();
    for byte in text.iter() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(&[*byte])?,
            b' ' => out.push(b"+")?,
            _ => out.push_str(&format!("%{byte:02X}"))?,
        }
    }
    Ok(out.into_value())
}
