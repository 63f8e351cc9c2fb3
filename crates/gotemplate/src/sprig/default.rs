//! Defaults, emptiness, types, and JSON.

use super::text;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::compare::deep_equal;
use crate::value::json::{Style, decode, encode};
use crate::value::{Text, Value};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("default", "aa*", |_, args| Ok(args.get(1).filter(|given| given.truth()).unwrap_or(&args[0]).clone())),
    function("empty", "a", |_, args| Ok(Value::Bool(!args[0].truth()))),
    function("coalesce", "a*", |_, args| Ok(args.iter().find(|arg| arg.truth()).cloned().unwrap_or(Value::Nil))),
    function("all", "a*", |_, args| Ok(Value::Bool(args.iter().all(Value::truth)))),
    function("any", "a*", |_, args| Ok(Value::Bool(args.iter().any(Value::truth)))),
    function("ternary", "aab", |_, args| Ok(args[usize::from(!matches!(args[2], Value::Bool(true)))].clone())),
    function("typeOf", "a", |_, args| Ok(Value::text(args[0].type_name()))),
    function("typeIs", "sa", |_, args| Ok(Value::Bool(text(&args[0])?[..] == *args[1].type_name().as_bytes()))),
    function("typeIsLike", "sa", |_, args| {
        let (wanted, name) = (text(&args[0])?, args[1].type_name());
        Ok(Value::Bool(wanted[..] == *name.as_bytes() || [b"*", &wanted[..]].concat() == name.as_bytes()))
    }),
    function("kindOf", "a", |_, args| Ok(Value::text(args[0].kind_name()))),
    function("kindIs", "sa", |_, args| Ok(Value::Bool(text(&args[0])?[..] == *args[1].kind_name().as_bytes()))),
    function("deepEqual", "aa", |meter, args| Ok(Value::Bool(deep_equal(&args[0], &args[1], meter)?))),
    function("toJson", "a", |meter, args| lenient(encode(&args[0], COMPACT, meter))),
    function("mustToJson", "a", |meter, args| encode(&args[0], COMPACT, meter).map(Value::Text)),
    function("toPrettyJson", "a", |meter, args| lenient(encode(&args[0], PRETTY, meter))),
    function("mustToPrettyJson", "a", |meter, args| encode(&args[0], PRETTY, meter).map(Value::Text)),
    function("toRawJson", "a", |meter, args| encode(&args[0], RAW, meter).map(Value::Text)),
    function("mustToRawJson", "a", |meter, args| encode(&args[0], RAW, meter).map(Value::Text)),
    function("fromJson", "s", |meter, args| match decode(text(&args[0])?, meter) {
        Err(Fail::Reason(_)) => Ok(Value::Nil),
        other => other,
    }),
    function("mustFromJson", "s", |meter, args| decode(text(&args[0])?, meter)),
];

const COMPACT: Style = Style { pretty: false, escape_html: true };
const PRETTY: Style = Style { pretty: true, escape_html: true };
const RAW: Style = Style { pretty: false, escape_html: false };

/// What cannot be encoded is an empty string; an exhausted budget is an error all the same.
fn lenient(encoded: Result<Text, Fail>) -> Result<Value, Fail> {
    match encoded {
        Err(Fail::Reason(_)) => Ok(Value::Text(Text::empty())),
        other => other.map(Value::Text),
    }
}
