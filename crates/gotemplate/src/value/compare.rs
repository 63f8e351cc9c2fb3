//! Go's comparisons: `==` and `<` of text/template, and `reflect.DeepEqual`.

use super::{Kind, Value};
use crate::budget::Meter;
use crate::error::Fail;

/// text/template's `eq` for one pair.
pub(crate) fn equal(left: &Value, right: &Value) -> Result<bool, Fail> {
    let left = unwrap(left);
    let right = unwrap(right);
    if let Some(answer) = mixed_integers(left, right, |order| order == std::cmp::Ordering::Equal) {
        return Ok(answer);
    }
    let (left_kind, right_kind) = (basic(left), basic(right));
    if left_kind != right_kind {
        if !matches!(left, Value::Invalid) && !matches!(right, Value::Invalid) {
            return Err(incompatible(left, right));
        }
        return Ok(false);
    }
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Text(left), Value::Text(right)) => left == right,
        _ => match (left.signed(), right.signed()) {
            (Some(left), Some(right)) => left == right,
            _ => match (left.unsigned(), right.unsigned()) {
                (Some(left), Some(right)) => left == right,
                _ => return equal_other(left, right),
            },
        },
    })
}

fn equal_other(left: &Value, right: &Value) -> Result<bool, Fail> {
    let invalid = matches!(left, Value::Invalid) || matches!(right, Value::Invalid);
    if left.kind() != right.kind() && !invalid {
        return Err(Fail::reason(format!("non-comparable types: {}, {}", left.type_name(), right.type_name())));
    }
    if left.is_nil() || right.is_nil() {
        return Ok(left.is_nil() == right.is_nil());
    }
    match (left, right) {
        (Value::Time(left), Value::Time(right)) => Ok(left == right),
        (Value::Version(left), Value::Version(right)) => Ok(std::rc::Rc::ptr_eq(left, right)),
        (Value::Certificate(left), Value::Certificate(right)) => Ok(left.cert == right.cert && left.key == right.key),
        (_, Value::List(_) | Value::Map(_)) => Err(Fail::reason(format!("non-comparable type: {}", right.type_name()))),
        _ => Ok(false),
    }
}

/// text/template's `lt`.
pub(crate) fn less(left: &Value, right: &Value) -> Result<bool, Fail> {
    let left = unwrap(left);
    let right = unwrap(right);
    for value in [left, right] {
        if basic(value).is_none() {
            return Err(Fail::new("invalid type for comparison"));
        }
    }
    if let Some(answer) = mixed_integers(left, right, |order| order == std::cmp::Ordering::Less) {
        return Ok(answer);
    }
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => Ok(left < right),
        (Value::Text(left), Value::Text(right)) => Ok(left < right),
        (Value::Bool(_), Value::Bool(_)) | (Value::Complex(..), Value::Complex(..)) => {
            Err(Fail::new("invalid type for comparison"))
        }
        _ => match (left.signed(), right.signed()) {
            (Some(left), Some(right)) => Ok(left < right),
            _ => match (left.unsigned(), right.unsigned()) {
                (Some(left), Some(right)) => Ok(left < right),
                _ => Err(incompatible(left, right)),
            },
        },
    }
}

/// An integer with a sign against one without: the one pair of different kinds that Go compares.
fn mixed_integers(left: &Value, right: &Value, test: impl Fn(std::cmp::Ordering) -> bool) -> Option<bool> {
    let order = match (left.signed(), left.unsigned(), right.signed(), right.unsigned()) {
        (Some(left), _, _, Some(right)) => i128::from(left).cmp(&i128::from(right)),
        (_, Some(left), Some(right), _) => i128::from(left).cmp(&i128::from(right)),
        _ => return None,
    };
    Some(test(order))
}

fn incompatible(left: &Value, right: &Value) -> Fail {
    Fail::reason(format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name()))
}

/// A nil interface compares as the invalid value.
fn unwrap(value: &Value) -> &Value {
    if matches!(value, Value::Nil) { &Value::Invalid } else { value }
}

fn basic(value: &Value) -> Option<Kind> {
    match value.kind() {
        kind @ (Kind::Bool | Kind::Int | Kind::Uint | Kind::Float | Kind::Complex | Kind::Text) => Some(kind),
        _ => None,
    }
}

/// Go's `reflect.DeepEqual` of two interfaces.
pub(crate) fn deep_equal(left: &Value, right: &Value, meter: &Meter) -> Result<bool, Fail> {
    meter.step()?;
    let _depth = meter.nest()?;
    if left.type_name() != right.type_name() {
        return Ok(false);
    }
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Time(left), Value::Time(right)) => left == right,
        (Value::Version(left), Value::Version(right)) => left == right,
        (Value::Certificate(left), Value::Certificate(right)) => left.cert == right.cert && left.key == right.key,
        (Value::List(left), Value::List(right)) => {
            if left.nil != right.nil || left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.to_vec().iter().zip(right.to_vec().iter()) {
                if !deep_equal(left, right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.nil != right.nil || left.len() != right.len() {
                return Ok(false);
            }
            for (key, left) in left.to_vec() {
                let Some(right) = right.get(&key) else { return Ok(false) };
                if !deep_equal(&left, &right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Invalid | Value::Nil, _) => true,
        _ => left.signed() == right.signed() && left.unsigned() == right.unsigned(),
    })
}
