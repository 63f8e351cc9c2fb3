//! mergo's Merge and MergeWithOverwrite on dictionaries, as sprig calls them.

use std::rc::Rc;

use super::dict;
use super::dict::insert;
use crate::budget::Meter;
use crate::error::Fail;
use crate::value::{Map, Value};

/// Merges the sources into the first dictionary, which changes. A nil dictionary is replaced by a new one.
pub(super) fn merge(meter: &Meter, args: &[Value], overwrite: bool) -> Result<Value, Fail> {
    let mut target = args[0].clone();
    if dict(&target)?.nil {
        target = meter.map(crate::value::Elem::Any, std::collections::BTreeMap::new())?;
    }
    let into = dict(&target)?.clone();
    for source in &args[1..] {
        merge_maps(meter, &into, dict(source)?, overwrite)?;
    }
    Ok(target)
}

fn merge_maps(meter: &Meter, into: &Rc<Map>, from: &Rc<Map>, overwrite: bool) -> Result<(), Fail> {
    let _depth = meter.nest()?;
    if Rc::ptr_eq(into, from) {
        return Ok(());
    }
    for (key, value) in from.to_vec() {
        meter.step()?;
        if matches!(value, Value::Nil | Value::Invalid) {
            if overwrite {
                insert(meter, into, key, Value::Nil)?;
            }
            continue;
        }
        let old = into.get(&key);
        if let (Value::Map(from), Some(Value::Map(into))) = (&value, &old)
            && !into.nil
        {
            if into.elem != from.elem {
                return Err(Fail::new("maps of different types"));
            }
            merge_maps(meter, into, from, overwrite)?;
        }
        let old_is_full = old.as_ref().is_some_and(|old| !is_empty(old));
        let keeps = match (&value, &old) {
            // A list is taken over whole, if at all.
            (Value::List(_), _) => old_is_full && !overwrite,
            (Value::Map(_), Some(Value::Map(_))) => old_is_full,
            _ => false,
        };
        if !keeps && (overwrite || !old_is_full) {
            insert(meter, into, key, value)?;
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    !value.truth()
}
