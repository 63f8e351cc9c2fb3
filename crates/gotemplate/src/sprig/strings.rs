//! Strings: cutting, joining, replacing, quoting.

use super::{int, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::parse::literal::quote_bytes;
use crate::unicode::{decode, is_space, trim};
use crate::value::{Elem, Text, Value, format};
use memchr::memmem;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("hello", "", |meter, _| meter.text(b"Hello!".to_vec())),
    function("abbrev", "is", abbrev),
    function("abbrevboth", "iis", abbrevboth),
    function("trunc", "is", trunc),
    function("trim", "s", |meter, args| meter.text(trim(text(&args[0])?, is_space).to_vec())),
    function("trimall", "ss", trim_all),
    function("trimAll", "ss", trim_all),
    function("trimSuffix", "ss", |meter, args| {
        let whole = text(&args[1])?;
        meter.text(whole.strip_suffix(&text(&args[0])?[..]).unwrap_or(whole).to_vec())
    }),
    function("trimPrefix", "ss", |meter, args| {
        let whole = text(&args[1])?;
        meter.text(whole.strip_prefix(&text(&args[0])?[..]).unwrap_or(whole).to_vec())
    }),
    function("substr", "iis", substr),
    function("repeat", "is", repeat),
    function("nospace", "s", nospace),
    function("initials", "s", initials),
    function("contains", "ss", |_, args| Ok(Value::Bool(memmem::find(text(&args[1])?, text(&args[0])?).is_some()))),
    function("hasPrefix", "ss", |_, args| Ok(Value::Bool(text(&args[1])?.starts_with(text(&args[0])?)))),
    function("hasSuffix", "ss", |_, args| Ok(Value::Bool(text(&args[1])?.ends_with(text(&args[0])?)))),
    function("quote", "a*", quote),
    function("squote", "a*", squote),
    function("cat", "a*", cat),
    function("indent", "is", |meter, args| indent(meter, args, "")),
    function("nindent", "is", |meter, args| indent(meter, args, "\n")),
    function("replace", "sss", replace),
    function("plural", "ssi", |_, args| Ok(args[usize::from(int(&args[2]) != 1)].clone())),
    function("toString", "a", |meter, args| format::sprint_one(&args[0], meter).map(Value::Text)),
    function("toStrings", "a", |meter, args| strings_of(meter, &args[0])),
    function("join", "sa", join),
    function("sortAlpha", "a", sort_alpha),
    function("split", "ss", |meter, args| numbered(meter, split_n(meter, text(&args[1])?, text(&args[0])?, -1)?)),
    function("splitn", "sis", |meter, args| {
        numbered(meter, split_n(meter, text(&args[2])?, text(&args[0])?, int(&args[1]))?)
    }),
    function("splitList", "ss", |meter, args| {
        let parts = split_n(meter, text(&args[1])?, text(&args[0])?, -1)?;
        meter.texts(parts)
    }),
    function("fail", "s", |_, _| Err(Fail::new("the template called fail; its text is not shown"))),
];

fn abbrev(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let whole = text(&args[1])?;
    let width = int(&args[0]);
    if width < 4 { Ok(args[1].clone()) } else { meter.text(abbreviate(whole, 0, width)) }
}

fn abbrevboth(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let (left, right) = (int(&args[0]), int(&args[1]));
    if right < 4 || left > 0 && right < 7 {
        return Ok(args[2].clone());
    }
    meter.text(abbreviate(text(&args[2])?, left, right))
}

/// goutils.AbbreviateFull, which counts bytes.
fn abbreviate(whole: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let len = whole.len() as i64;
    if len <= width {
        return whole.to_vec();
    }
    let mut offset = offset.min(len);
    if len.wrapping_sub(offset) < width - 3 {
        offset = len - (width - 3);
    }
    let slice = |from: i64, to: i64| &whole[from.clamp(0, len) as usize..to.clamp(0, len) as usize];
    if offset <= 4 {
        return [slice(0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < len {
        return [b"...", &abbreviate(slice(offset, len), 0, width - 3)[..]].concat();
    }
    [b"...", slice(len - (width - 3), len)].concat()
}

fn trunc(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let whole = text(&args[1])?;
    let (count, len) = (int(&args[0]), whole.len() as i64);
    if count < 0 && count > -len {
        return meter.text(whole[(len + count) as usize..].to_vec());
    }
    if count >= 0 && len > count {
        return meter.text(whole[..count as usize].to_vec());
    }
    Ok(args[1].clone())
}

fn trim_all(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let set: std::collections::HashSet<char> =
        crate::unicode::runes(text(&args[0])?).map(|(_, rune, _)| rune).collect();
    meter.text(trim(text(&args[1])?, |rune| set.contains(&rune)).to_vec())
}

fn substr(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let whole = text(&args[2])?;
    let (start, end, len) = (int(&args[0]), int(&args[1]), whole.len() as i64);
    let (from, to) = if start < 0 {
        (0, end)
    } else if end < 0 || end > len {
        (start, len)
    } else {
        (start, end)
    };
    if from > to || to > len || to < 0 {
        return Err(Fail::new("slice bounds out of range"));
    }
    meter.text(whole[from as usize..to as usize].to_vec())
}

fn repeat(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let unit = text(&args[1])?;
    let count = usize::try_from(int(&args[0])).map_err(|_| Fail::new("negative Repeat count"))?;
    meter.charge(unit.len().saturating_mul(count))?;
    Ok(Value::text(unit.repeat(count)))
}

/// goutils.DeleteWhiteSpace: it takes each byte for a rune, and so reads everything as Latin-1 once there is a space.
fn nospace(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let whole = text(&args[0])?;
    if !whole.iter().any(|byte| is_space(char::from(*byte))) {
        return Ok(args[0].clone());
    }
    let kept = whole.iter().map(|byte| char::from(*byte)).filter(|rune| !is_space(*rune));
    latin1(meter, kept)
}

/// goutils.Initials, which takes each byte for a rune, too.
fn initials(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut gap = true;
    let kept = text(&args[0])?.iter().map(|byte| char::from(*byte)).filter(move |rune| {
        let space = is_space(*rune);
        let first = gap && !space;
        gap = space;
        first
    });
    latin1(meter, kept)
}

fn latin1(meter: &Meter, runes: impl Iterator<Item = char>) -> Result<Value, Fail> {
    let mut out = meter.buffer();
    for rune in runes {
        out.push_char(rune)?;
    }
    Ok(out.into_value())
}

fn quote(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    each(meter, args, |text, out| out.push(&quote_bytes(text, b'"', false)))
}

fn squote(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    each(meter, args, |text, out| {
        out.push(b"'")?;
        out.push(text)?;
        out.push(b"'")
    })
}

fn cat(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    each(meter, args, |text, out| out.push(text))
}

/// The arguments that are not nil, each written by `write`, with spaces between.
fn each(
    meter: &Meter,
    args: &[Value],
    write: fn(&Text, &mut crate::budget::Buffer<'_>) -> Result<(), Fail>,
) -> Result<Value, Fail> {
    let mut out = meter.buffer();
    for (index, arg) in args.iter().filter(|arg| !matches!(arg, Value::Nil | Value::Invalid)).enumerate() {
        if index > 0 {
            out.push(b" ")?;
        }
        write(&format::sprint_one(arg, meter)?, &mut out)?;
    }
    Ok(out.into_value())
}

fn indent(meter: &Meter, args: &[Value], before: &str) -> Result<Value, Fail> {
    let spaces = usize::try_from(int(&args[0])).map_err(|_| Fail::new("negative Repeat count"))?;
    let mut out = meter.buffer();
    out.push_str(before)?;
    out.repeat(b' ', spaces)?;
    for line in text(&args[1])?.split_inclusive(|byte| *byte == b'\n') {
        out.push(line)?;
        if line.ends_with(b"\n") {
            out.repeat(b' ', spaces)?;
        }
    }
    Ok(out.into_value())
}

fn replace(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let (old, new, whole) = (text(&args[0])?, text(&args[1])?, text(&args[2])?);
    let mut out = meter.buffer();
    if old.is_empty() {
        // strings.Replace puts the new text before each rune and at the end.
        let mut rest = &whole[..];
        while let Some((_, width)) = decode(rest) {
            out.push(new)?;
            out.push(&rest[..width])?;
            rest = &rest[width..];
        }
        out.push(new)?;
        return Ok(out.into_value());
    }
    let mut from = 0;
    for at in memmem::find_iter(whole, &old[..]) {
        out.push(&whole[from..at])?;
        out.push(new)?;
        from = at + old.len();
    }
    out.push(&whole[from..])?;
    Ok(out.into_value())
}

/// sprig's strslice: anything as a list of strings.
pub(super) fn strings_of(meter: &Meter, value: &Value) -> Result<Value, Fail> {
    match value {
        Value::List(list) if list.elem == Elem::Text => Ok(value.clone()),
        Value::List(list) => {
            let mut texts = Vec::new();
            for item in list.to_vec() {
                meter.step()?;
                if !matches!(item, Value::Nil | Value::Invalid) {
                    texts.push(format::sprint_one(&item, meter)?);
                }
            }
            meter.texts(texts)
        }
        Value::Nil | Value::Invalid => meter.texts([]),
        _ => meter.texts([format::sprint_one(value, meter)?]),
    }
}

fn join(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let separator = text(&args[0])?;
    let Value::List(list) = strings_of(meter, &args[1])? else { return Err(Fail::new("no list")) };
    let mut out = meter.buffer();
    for (index, item) in list.to_vec().iter().enumerate() {
        if index > 0 {
            out.push(separator)?;
        }
        out.push(text(item)?)?;
    }
    Ok(out.into_value())
}

/// Sorts a list of strings in place, as Go's does.
fn sort_alpha(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    if !matches!(args[0], Value::List(_)) {
        let only = format::sprint_one(&args[0], meter)?;
        return meter.texts([only]);
    }
    let sorted = strings_of(meter, &args[0])?;
    if let Value::List(list) = &sorted {
        list.items.borrow_mut().sort_by(|left, right| match (left, right) {
            (Value::Text(left), Value::Text(right)) => left.cmp(right),
            _ => std::cmp::Ordering::Equal,
        });
    }
    Ok(sorted)
}

/// strings.SplitN; a negative count is no limit, and no separator splits into runes.
pub(super) fn split_n(meter: &Meter, whole: &[u8], separator: &[u8], count: i64) -> Result<Vec<Text>, Fail> {
    let limit = if count < 0 { usize::MAX } else { count as usize };
    let mut parts = Vec::new();
    if limit == 0 {
        return Ok(parts);
    }
    let mut rest = whole;
    while parts.len() + 1 < limit {
        let (at, skip) = if separator.is_empty() {
            match decode(rest) {
                Some((_, width)) if width < rest.len() => (width, 0),
                _ => break,
            }
        } else {
            match memmem::find(rest, separator) {
                Some(at) => (at, separator.len()),
                None => break,
            }
        };
        meter.charge(at + size_of::<Value>() * 2)?;
        parts.push(Text::from(&rest[..at]));
        rest = &rest[at + skip..];
    }
    if !(separator.is_empty() && rest.is_empty()) {
        parts.push(Text::from(rest));
    }
    Ok(parts)
}

/// `_0`, `_1`, …
fn numbered(meter: &Meter, parts: Vec<Text>) -> Result<Value, Fail> {
    let entries =
        parts.into_iter().enumerate().map(|(index, part)| (Text::from(format!("_{index}")), Value::Text(part)));
    meter.map(Elem::Text, entries.collect())
}
