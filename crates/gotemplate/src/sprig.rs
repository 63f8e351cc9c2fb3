//! sprig v3.3.0's generic functions, less `env`, `expandenv` and `getHostByName`.
//!
//! A module for each group of sprig's documentation; each has a table of its functions. What a Go function answers with a
//! panic is an error here, as text/template makes one of it.

mod case;
mod certificate;
mod crypto;
mod date;
mod decimal;
mod default;
mod dict;
pub(crate) mod duration;
mod encoding;
pub(crate) mod gotime;
mod gotime_parse;
mod key;
mod list;
mod merge;
mod numeric;
mod path;
mod random;
mod regex;
pub(crate) mod semver;
mod strings;
mod url;
mod wrap;

use std::rc::Rc;

use crate::error::Fail;
use crate::function::Function;
use crate::value::{Map, Text, Value};

/// The tables, in no particular order.
pub(crate) static FUNCTIONS: &[&[Function]] = &[
    strings::FUNCTIONS,
    case::FUNCTIONS,
    wrap::FUNCTIONS,
    numeric::FUNCTIONS,
    dict::FUNCTIONS,
    list::FUNCTIONS,
    default::FUNCTIONS,
    date::FUNCTIONS,
    encoding::FUNCTIONS,
    crypto::FUNCTIONS,
    key::FUNCTIONS,
    certificate::FUNCTIONS,
    random::FUNCTIONS,
    regex::FUNCTIONS,
    semver::FUNCTIONS,
    path::FUNCTIONS,
    url::FUNCTIONS,
];

/// The evaluator has checked the types; these take them out again.
fn text(value: &Value) -> Result<&Text, Fail> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(Fail::new("expected string")),
    }
}

fn int(value: &Value) -> i64 {
    value.signed().unwrap_or(0)
}

fn dict(value: &Value) -> Result<&Rc<Map>, Fail> {
    match value {
        Value::Map(map) => Ok(map),
        _ => Err(Fail::new("expected map[string]interface {}")),
    }
}

/// As text, for what is ASCII or UTF-8 by nature; other bytes are replaced.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
