//! Regular expressions. Those without `must` return nothing or panic in Go; a panic is an error here.

use regex::bytes::{Captures, Regex};

use super::{int, text};
use crate::budget::{Buffer, Meter};
use crate::error::Fail;
use crate::function::{Function, function};
use crate::unicode::{is_digit, is_letter};
use crate::value::{Elem, Text, Value};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("regexMatch", "ss", |meter, args| match compile(meter, args, 1) {
        Ok(regex) => Ok(Value::Bool(regex.is_match(text(&args[1])?))),
        Err(Fail::Reason(_)) => Ok(Value::Bool(false)),
        Err(fail) => Err(fail),
    }),
    function("mustRegexMatch", "ss", |meter, args| Ok(Value::Bool(compile(meter, args, 1)?.is_match(text(&args[1])?)))),
    function("regexFind", "ss", find),
    function("mustRegexFind", "ss", find),
    function("regexFindAll", "ssi", find_all),
    function("mustRegexFindAll", "ssi", find_all),
    function("regexReplaceAll", "sss", |meter, args| replace(meter, args, expand)),
    function("mustRegexReplaceAll", "sss", |meter, args| replace(meter, args, expand)),
    function("regexReplaceAllLiteral", "sss", |meter, args| replace(meter, args, |_, _, new, out| out.push(new))),
    function("mustRegexReplaceAllLiteral", "sss", |meter, args| replace(meter, args, |_, _, new, out| out.push(new))),
    function("regexSplit", "ssi", split),
    function("mustRegexSplit", "ssi", split),
    function("regexQuoteMeta", "s", |meter, args| {
        let mut out = Vec::new();
        for byte in text(&args[0])?.iter() {
            if b"\\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        meter.text(out)
    }),
];

/// The longest pattern.
const MAX_PATTERN: usize = 4096;
/// What a compiled pattern may take up: a search takes at most this times the text's length.
const MAX_PROGRAM: usize = 512 << 10;
/// A pattern that stays below this may search any text; a larger one only texts up to [`MAX_TEXT`].
const SMALL_PROGRAM: usize = 64 << 10;
const MAX_TEXT: usize = 64 << 10;

fn compile(meter: &Meter, args: &[Value], haystack: usize) -> Result<Regex, Fail> {
    let pattern = text(&args[0])?;
    let haystack = text(&args[haystack])?;
    meter.check_time()?;
    if pattern.len() > MAX_PATTERN {
        return Err(Fail::Budget("regular expression size"));
    }
    meter.charge(SMALL_PROGRAM)?;
    let pattern = std::str::from_utf8(pattern).map_err(|_| Fail::new("error parsing regexp: invalid UTF-8"))?;
    let limit = if haystack.len() > MAX_TEXT { SMALL_PROGRAM } else { MAX_PROGRAM };
    bulla_goregex::compile(pattern, limit).map_err(|error| match error {
        bulla_goregex::Error::TooLarge => Fail::Budget("regular expression size"),
        bulla_goregex::Error::Invalid(_) => Fail::new("error parsing regexp"),
    })
}

fn find(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let regex = compile(meter, args, 1)?;
    let found = regex.find(text(&args[1])?).map(|found| found.as_bytes().to_vec());
    meter.text(found.unwrap_or_default())
}

/// The first match from `from` on. Go sees no empty match inside of a rune.
fn match_at<'t>(regex: &Regex, text: &'t [u8], mut from: usize) -> Option<Captures<'t>> {
    loop {
        let captures = regex.captures_at(text, from)?;
        let all = captures.get(0)?;
        let inside = text.get(all.start()).is_some_and(|byte| byte & 0xc0 == 0x80) && all.start() > from;
        if !all.is_empty() || !inside {
            return Some(captures);
        }
        from = all.start() + width_at(text, all.start());
    }
}

/// The width of the rune at `at`; 1 in the middle of one.
fn width_at(text: &[u8], at: usize) -> usize {
    text.get(at..).and_then(crate::unicode::decode).map_or(1, |(_, width)| width)
}

/// The matches, with a look at the clock before each: a search is linear, all searches together need not be.
fn matches(meter: &Meter, regex: &Regex, text: &[u8], limit: i64) -> Result<Vec<(usize, usize)>, Fail> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut previous_end = None;
    while from <= text.len() && (limit < 0 || (found.len() as i64) < limit) {
        meter.step()?;
        meter.check_time()?;
        let Some(all) = match_at(regex, text, from).and_then(|captures| captures.get(0)) else { break };
        // No empty match right behind a match.
        let accept = all.end() != from || previous_end != Some(all.start());
        from = if all.end() == from { from + width_at(text, from) } else { all.end() };
        previous_end = Some(all.end());
        if accept {
            meter.charge(size_of::<(usize, usize)>())?;
            found.push((all.start(), all.end()));
        }
    }
    Ok(found)
}

fn find_all(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let regex = compile(meter, args, 1)?;
    let whole = text(&args[1])?;
    let found = matches(meter, &regex, whole, int(&args[2]))?;
    if found.is_empty() {
        return meter.nil_list(Elem::Text);
    }
    meter.charge(whole.len())?;
    meter.texts(found.into_iter().map(|(start, end)| Text::from(&whole[start..end])))
}

type Replacement = fn(&Regex, &Captures<'_>, &[u8], &mut Buffer<'_>) -> Result<(), Fail>;

fn replace(meter: &Meter, args: &[Value], replacement: Replacement) -> Result<Value, Fail> {
    let regex = compile(meter, args, 1)?;
    let (whole, new) = (text(&args[1])?, text(&args[2])?);
    let mut out = meter.buffer();
    let (mut from, mut last_end) = (0, 0);
    while from <= whole.len() {
        meter.step()?;
        meter.check_time()?;
        let Some(captures) = match_at(&regex, whole, from) else { break };
        let Some(all) = captures.get(0) else { break };
        out.push(&whole[last_end..all.start()])?;
        // No empty match right behind a match.
        if all.end() > last_end || all.start() == 0 {
            replacement(&regex, &captures, new, &mut out)?;
        }
        last_end = all.end();
        from = (from + width_at(whole, from)).max(all.end());
    }
    out.push(&whole[last_end..])?;
    Ok(out.into_value())
}

/// regexp.Expand: `$1`, `${1}`, `$name`, `${name}`, `$$`.
fn expand(regex: &Regex, captures: &Captures<'_>, template: &[u8], out: &mut Buffer<'_>) -> Result<(), Fail> {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.push(&rest[..at])?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(b"$") {
            out.push(b"$")?;
            rest = after;
            continue;
        }
        let Some((name, len)) = reference(rest) else {
            out.push(b"$")?;
            continue;
        };
        rest = &rest[len..];
        let group = if name.bytes().all(|byte| byte.is_ascii_digit()) {
            name.parse().ok().and_then(|number| captures.get(number))
        } else {
            // The last group of a name counts in Go, but names are unique here.
            regex.capture_names().flatten().any(|known| known == name).then(|| captures.name(&name)).flatten()
        };
        if let Some(group) = group {
            out.push(group.as_bytes())?;
        }
    }
    out.push(rest)
}

/// The name behind a `$`, and the length of it with its braces.
fn reference(rest: &[u8]) -> Option<(String, usize)> {
    let brace = rest.first() == Some(&b'{');
    let inner = &rest[usize::from(brace)..];
    let word = |rune: char| rune == '_' || is_letter(rune) || is_digit(rune);
    let len = crate::unicode::runes(inner).find(|(_, rune, _)| !word(*rune)).map_or(inner.len(), |(at, ..)| at);
    let name = std::str::from_utf8(inner.get(..len)?).ok().filter(|name| !name.is_empty())?.to_owned();
    if !brace {
        return Some((name, len));
    }
    (inner.get(len) == Some(&b'}')).then(|| (name, len + 2))
}

/// Regexp.Split
fn split(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let regex = compile(meter, args, 1)?;
    let (whole, limit) = (text(&args[1])?, int(&args[2]));
    if limit == 0 {
        return meter.nil_list(Elem::Text);
    }
    if !text(&args[0])?.is_empty() && whole.is_empty() {
        return meter.texts([Text::empty()]);
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for (start, stop) in matches(meter, &regex, whole, limit)? {
        if limit > 0 && parts.len() as i64 == limit - 1 {
            break;
        }
        end = start;
        if stop != 0 {
            parts.push(Text::from(&whole[begin..end]));
        }
        begin = stop;
    }
    if end != whole.len() {
        parts.push(Text::from(&whole[begin..]));
    }
    meter.charge(whole.len())?;
    meter.texts(parts)
}
