//! Dictionaries.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{dict, merge, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::{Elem, Map, Text, Value, format};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("dict", "a*", new),
    function("get", "ms", |_, args| Ok(dict(&args[0])?.get(text(&args[1])?).unwrap_or(Value::Text(Text::empty())))),
    function("set", "msa", set),
    function("unset", "ms", |_, args| {
        dict(&args[0])?.entries.borrow_mut().remove(&text(&args[1])?[..]);
        Ok(args[0].clone())
    }),
    function("hasKey", "ms", |_, args| Ok(Value::Bool(dict(&args[0])?.get(text(&args[1])?).is_some()))),
    function("pluck", "sm*", pluck),
    function("keys", "m*", keys),
    function("values", "m", |meter, args| {
        let values = dict(&args[0])?.to_vec().into_iter().map(|(_, value)| value).collect();
        meter.list(values)
    }),
    function("pick", "ms*", |meter, args| filtered(meter, args, true)),
    function("omit", "ms*", |meter, args| filtered(meter, args, false)),
    function("merge", "mm*", |meter, args| merge::merge(meter, args, false)),
    function("mustMerge", "mm*", |meter, args| merge::merge(meter, args, false)),
    function("mergeOverwrite", "mm*", |meter, args| merge::merge(meter, args, true)),
    function("mustMergeOverwrite", "mm*", |meter, args| merge::merge(meter, args, true)),
    function("dig", "a*", dig),
    function("deepCopy", "a", copy),
    function("mustDeepCopy", "a", copy),
];

fn new(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut entries = BTreeMap::new();
    for pair in args.chunks(2) {
        let key = format::sprint_one(&pair[0], meter)?;
        entries.insert(key, pair.get(1).cloned().unwrap_or(Value::Text(Text::empty())));
    }
    meter.map(Elem::Any, entries)
}

/// Puts a value under a key, which Go refuses for a nil map.
pub(super) fn insert(meter: &Meter, map: &Map, key: Text, value: Value) -> Result<(), Fail> {
    if map.nil {
        return Err(Fail::new("assignment to entry in nil map"));
    }
    meter.charge(size_of::<Value>() * 3)?;
    map.entries.borrow_mut().insert(key, value);
    Ok(())
}

fn set(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    insert(meter, dict(&args[0])?, text(&args[1])?.clone(), args[2].clone())?;
    Ok(args[0].clone())
}

fn pluck(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let key = text(&args[0])?;
    let mut found = Vec::new();
    for arg in &args[1..] {
        found.extend(dict(arg)?.get(key));
    }
    meter.list(found)
}

/// In order; Go's order changes from run to run.
fn keys(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut keys = Vec::new();
    for arg in args {
        keys.extend(dict(arg)?.to_vec().into_iter().map(|(key, _)| key));
    }
    meter.texts(keys)
}

fn filtered(meter: &Meter, args: &[Value], keep: bool) -> Result<Value, Fail> {
    let mut entries = BTreeMap::new();
    for (key, value) in dict(&args[0])?.to_vec() {
        let mut named = false;
        for name in &args[1..] {
            meter.step()?;
            named |= *text(name)? == key;
        }
        if named == keep {
            entries.insert(key, value);
        }
    }
    meter.map(Elem::Any, entries)
}

fn dig(_: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let [keys @ .., default, Value::Map(map)] = args else {
        return Err(Fail::new("dig needs keys, a default and a map[string]interface {}"));
    };
    if keys.is_empty() || map.elem != Elem::Any {
        return Err(Fail::new("dig needs at least three arguments, the last a map[string]interface {}"));
    }
    for key in keys {
        text(key)?;
    }
    let mut map: Rc<Map> = map.clone();
    for (index, key) in keys.iter().enumerate() {
        let Some(value) = map.get(text(key)?) else { return Ok(default.clone()) };
        if index + 1 == keys.len() {
            return Ok(value);
        }
        match value {
            Value::Map(next) if next.elem == Elem::Any => map = next,
            _ => return Err(Fail::new("interface conversion: not a map[string]interface {}")),
        }
    }
    Ok(default.clone())
}

fn copy(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    if matches!(args[0], Value::Nil | Value::Invalid) {
        return Err(Fail::new("reflect: call of reflect.Value.Type on zero Value"));
    }
    deep_copy(&args[0], meter)
}

/// copystructure.Copy
fn deep_copy(value: &Value, meter: &Meter) -> Result<Value, Fail> {
    meter.step()?;
    let _depth = meter.nest()?;
    match value {
        Value::List(list) if !list.nil => {
            let items = list.to_vec();
            let copies: Result<Vec<_>, _> = items.iter().map(|item| deep_copy(item, meter)).collect();
            meter.typed_list(list.elem, copies?)
        }
        Value::Map(map) if !map.nil => {
            let mut entries = BTreeMap::new();
            for (key, value) in map.to_vec() {
                entries.insert(key, deep_copy(&value, meter)?);
            }
            meter.map(map.elem, entries)
        }
        _ => Ok(value.clone()),
    }
}
