//! Lists. Each function has a `must` form; both are errors where Go's plain form panics.

use super::int;
use super::numeric::to_int;
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::compare::deep_equal;
use crate::value::{Elem, Value};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("list", "a*", |meter, args| meter.list(args.to_vec())),
    function("tuple", "a*", |meter, args| meter.list(args.to_vec())),
    function("append", "aa", push),
    function("push", "aa", push),
    function("mustAppend", "aa", push),
    function("mustPush", "aa", push),
    function("prepend", "aa", prepend),
    function("mustPrepend", "aa", prepend),
    function("first", "a", |_, args| Ok(items(&args[0])?.first().cloned().unwrap_or(Value::Nil))),
    function("mustFirst", "a", |_, args| Ok(items(&args[0])?.first().cloned().unwrap_or(Value::Nil))),
    function("last", "a", |_, args| Ok(items(&args[0])?.last().cloned().unwrap_or(Value::Nil))),
    function("mustLast", "a", |_, args| Ok(items(&args[0])?.last().cloned().unwrap_or(Value::Nil))),
    function("rest", "a", |meter, args| part(meter, args, 1, 0)),
    function("mustRest", "a", |meter, args| part(meter, args, 1, 0)),
    function("initial", "a", |meter, args| part(meter, args, 0, 1)),
    function("mustInitial", "a", |meter, args| part(meter, args, 0, 1)),
    function("reverse", "a", reverse),
    function("mustReverse", "a", reverse),
    function("uniq", "a", uniq),
    function("mustUniq", "a", uniq),
    function("without", "aa*", without),
    function("mustWithout", "aa*", without),
    function("has", "aa", has),
    function("mustHas", "aa", has),
    function("compact", "a", compact),
    function("mustCompact", "a", compact),
    function("slice", "aa*", slice),
    function("mustSlice", "aa*", slice),
    function("chunk", "ia", chunk),
    function("mustChunk", "ia", chunk),
    function("concat", "a*", concat),
];

fn items(value: &Value) -> Result<Vec<Value>, Fail> {
    match value {
        Value::List(list) => Ok(list.to_vec()),
        Value::Nil | Value::Invalid => {
            Err(Fail::new("runtime error: invalid memory address or nil pointer dereference"))
        }
        other => Err(Fail::reason(format!("not a list but {}", other.kind_name()))),
    }
}

fn push(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut all = items(&args[0])?;
    all.push(args[1].clone());
    meter.list(all)
}

fn prepend(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut all = items(&args[0])?;
    all.insert(0, args[1].clone());
    meter.list(all)
}

/// Less `front` items at the front and `back` at the back; a nil list if there is nothing to begin with.
fn part(meter: &Meter, args: &[Value], front: usize, back: usize) -> Result<Value, Fail> {
    let all = items(&args[0])?;
    if all.is_empty() {
        return meter.nil_list(Elem::Any);
    }
    meter.list(all[front..all.len() - back].to_vec())
}

fn reverse(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut all = items(&args[0])?;
    all.reverse();
    meter.list(all)
}

fn contains(meter: &Meter, haystack: &[Value], needle: &Value) -> Result<bool, Fail> {
    for item in haystack {
        if deep_equal(needle, item, meter)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(&args[0])? {
        if !contains(meter, &kept, &item)? {
            kept.push(item);
        }
    }
    meter.list(kept)
}

fn without(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut kept = Vec::new();
    for item in items(&args[0])? {
        if !contains(meter, &args[1..], &item)? {
            kept.push(item);
        }
    }
    meter.list(kept)
}

fn has(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    if matches!(args[1], Value::Nil | Value::Invalid) {
        return Ok(Value::Bool(false));
    }
    Ok(Value::Bool(contains(meter, &items(&args[1])?, &args[0])?))
}

fn compact(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    meter.list(items(&args[0])?.into_iter().filter(Value::truth).collect())
}

fn slice(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let all = items(&args[0])?;
    let Value::List(list) = &args[0] else { return Err(Fail::new("no list")) };
    if all.is_empty() {
        return Ok(Value::Nil);
    }
    let start = args.get(1).map_or(0, to_int);
    let end = args.get(2).map_or(all.len() as i64, to_int);
    if start < 0 || end < start || end > all.len() as i64 {
        return Err(Fail::new("slice bounds out of range"));
    }
    meter.typed_list(list.elem, all[start as usize..end as usize].to_vec())
}

/// sprig's arithmetic on floats, down to what it makes of sizes that are no sizes.
fn chunk(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let all = items(&args[1])?;
    let size = int(&args[0]);
    let len = all.len();
    let count = ((len as f64 - 1.0) / size as f64).floor() + 1.0;
    if !(0.0..=len as f64 + 1.0).contains(&count) {
        return Err(Fail::new("makeslice: len out of range"));
    }
    let count = count as i64;
    let mut chunks = Vec::new();
    for index in 0..count {
        let mut length = size;
        if index == count - 1 {
            length = (len as f64 % size as f64).floor() as i64;
            if length == 0 {
                length = size;
            }
        }
        let start = index.wrapping_mul(size);
        let range = usize::try_from(start).ok().zip(usize::try_from(start + length).ok());
        let items = range.filter(|_| length >= 0).and_then(|(start, end)| all.get(start..end));
        let Some(items) = items else { return Err(Fail::new("index out of range")) };
        chunks.push(meter.list(items.to_vec())?);
    }
    meter.typed_list(Elem::AnyList, chunks)
}

fn concat(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut all = Vec::new();
    for arg in args {
        let more = items(arg)?;
        meter.charge(more.len() * size_of::<Value>())?;
        all.extend(more);
    }
    if all.is_empty() { meter.nil_list(Elem::Any) } else { meter.list(all) }
}
