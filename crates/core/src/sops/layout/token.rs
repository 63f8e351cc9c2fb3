//! How a value is written in the place of another one.

use std::collections::HashMap;
use std::ops::Range;

use bulla_yaml::go3::{Scalar, ScalarStyle, resolve};
use zeroize::Zeroizing;

use super::Error;
use super::edits::{Edits, scan};
use super::leaves::{Leaf, is_sealed_comment};
use super::locate::{Place, Places};
use crate::sops::{Format, Indents, Value};

/// How ciphertexts are written in a file where that is not the usual way, by ciphertext: a file that is edited keeps it.
#[derive(Default)]
pub(super) struct Spellings(HashMap<Vec<u8>, Vec<u8>>);

/// A text, and what its values are written with.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) format: Format,
    pub(super) text: &'a [u8],
    /// Spaces per level.
    pub(super) indent: usize,
    pub(super) spellings: Option<&'a Spellings>,
}

impl Spellings {
    /// Of an encrypted file.
    pub(super) fn of(format: Format, text: &[u8], places: &Places) -> Self {
        let mut known = HashMap::new();
        if format == Format::Yaml {
            let mut leaves = Vec::new();
            places.tree.documents.iter().for_each(|document| super::leaves::of_branch(document, &mut leaves));
            for (leaf, place) in leaves.iter().zip(&places.leaves) {
                let Some(sealed) = leaf.text().filter(|text| text.starts_with(b"ENC[")) else { continue };
                let element = is_sealed_comment(sealed) && !place.is_comment;
                let span =
                    if element { dash(text, place.span.start).unwrap_or(place.span.start) } else { place.span.start };
                known.insert(sealed.to_vec(), text[span..place.span.end].to_vec());
            }
        }
        Self(known)
    }
}

/// The edits that put `leaf` in a place.
pub(super) fn put(source: Source<'_>, place: &Place, leaf: &Leaf<'_>, edits: &mut Edits) -> Result<(), Error> {
    let Source { format, text, spellings, .. } = source;
    let known = leaf.text().and_then(|text| spellings?.0.get(text));
    let layout = |what| Error::Layout { line: scan::line(text, place.span.start), what };
    if place.is_comment {
        let Some(comment) = leaf.text() else { return Err(layout("this comment")) };
        if format == Format::Yaml && comment.contains(&b'\n') {
            return Err(layout("a comment over several lines"));
        }
        match known.filter(|raw| raw.starts_with(b"-")) {
            Some(raw) => edits.replace(place.span.start - 1..place.span.end, raw.clone()),
            None => edits.replace(place.span.clone(), comment.to_vec()),
        }
        return Ok(());
    }
    if let Leaf::Comment(comment) | Leaf::Value(Value::Comment(comment)) = *leaf {
        // sops writes an encrypted comment of a list as an element.
        let from = dash(text, place.span.start).filter(|_| format == Format::Yaml && !place.in_flow);
        let from = from.ok_or_else(|| layout("an encrypted comment in the place of a value"))?;
        let mut line = b"#".to_vec();
        line.extend_from_slice(&comment.text);
        if line.contains(&b'\n') {
            return Err(layout("a comment over several lines"));
        }
        edits.replace(from..place.span.end, line);
        return Ok(());
    }
    let Leaf::Value(value) = leaf else { return Ok(()) };
    match format {
        Format::Yaml => yaml(source, place, value, known, edits),
        Format::Json => {
            edits.replace(place.span.clone(), json(value)?.to_vec());
            Ok(())
        }
        _ => {
            edits.replace(
                place.span.clone(),
                flat(format, value).ok_or_else(|| layout("a value of this kind"))?.to_vec(),
            );
            Ok(())
        }
    }
}

/// The dash of the list element that the token at `at` is, on the same line.
fn dash(text: &[u8], at: usize) -> Option<usize> {
    let line = scan::line_start(text, at);
    let before = text[line..at].trim_ascii_end();
    (before.last() == Some(&b'-')).then(|| line + before.len() - 1)
}

/// What sops writes for a value that is no text, without the line break.
fn plain(format: Format, value: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut text = format.emit_value(value, Indents::default())?;
    while text.last() == Some(&b'\n') {
        text.pop();
    }
    Ok(text)
}

fn json(value: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    match value {
        Value::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(double_quoted(text)),
            Err(_) => plain(Format::Json, value),
        },
        value => plain(Format::Json, value),
    }
}

/// dotenv and INI: everything is text.
fn flat(format: Format, value: &Value) -> Option<Zeroizing<Vec<u8>>> {
    match value {
        Value::Text(text) if format == Format::Dotenv => {
            let mut line = Zeroizing::new(Vec::with_capacity(text.len() * 2));
            for byte in text.iter() {
                match byte {
                    b'\n' => line.extend_from_slice(b"\\n"),
                    byte => line.push(*byte),
                }
            }
            Some(line)
        }
        Value::Text(text) if !text.contains(&b'\n') => Some(text.clone()),
        Value::Text(_) | Value::Map(_) | Value::List(_) | Value::Comment(_) => None,
        value => plain(Format::Yaml, value).ok(),
    }
}

fn yaml(
    source: Source<'_>,
    place: &Place,
    value: &Value,
    known: Option<&Vec<u8>>,
    edits: &mut Edits,
) -> Result<(), Error> {
    let text = source.text;
    // A tag says what the old value was, and goes; an anchor stays.
    let mut properties = Vec::new();
    for word in text[place.properties.clone()].split(u8::is_ascii_whitespace).filter(|word| word.starts_with(b"&")) {
        properties.extend_from_slice(word);
        properties.push(b' ');
    }
    let from = if place.properties.is_empty() { place.span.start } else { place.properties.start };
    let put = |range: Range<usize>, token: &[u8], edits: &mut Edits| {
        let mut whole = Zeroizing::new(Vec::with_capacity(properties.len() + token.len() + 1));
        if range.is_empty() && range.start > 0 && !text[range.start - 1].is_ascii_whitespace() {
            whole.push(b' ');
        }
        whole.extend_from_slice(&properties);
        whole.extend_from_slice(token);
        edits.replace(range, whole.to_vec());
    };
    let is_block = matches!(place.style, ScalarStyle::Literal | ScalarStyle::Folded);
    let end = if is_block { header(text, place.span.start) } else { place.span.end };
    let header_line_end = scan::line_end(text, end);
    let rest = header_line_end..place.span.end.max(header_line_end);
    if let Some(raw) = known.filter(|raw| !place.in_flow || raw.starts_with(b"\"") || raw.starts_with(b"'")) {
        put(from..end, raw, edits);
    } else if let (Value::Text(value), false) = (value, place.in_flow)
        && matches!(place.style, ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded)
        && let Some((indicators, lines)) = literal(source, place, value)
    {
        put(from..end, indicators.as_bytes(), edits);
        if is_block {
            edits.replace(rest, lines.to_vec());
        } else {
            edits.replace(header_line_end..header_line_end, lines.to_vec());
        }
        return Ok(());
    } else {
        put(from..end, &scalar(value, place)?, edits);
    }
    if is_block {
        edits.remove(rest);
    }
    Ok(())
}

/// The end of the indicators of a block scalar.
fn header(text: &[u8], start: usize) -> usize {
    start + 1 + text[start + 1..].iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-')).count()
}

/// A value on one line.
fn scalar(value: &Value, place: &Place) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Value::Text(bytes) = value else { return plain(Format::Yaml, value) };
    let Ok(text) = std::str::from_utf8(bytes) else { return plain(Format::Yaml, value) };
    let printable = text.chars().all(is_printable);
    Ok(match place.style {
        // In brackets, ciphertext needs quotes; single ones stand for none.
        ScalarStyle::SingleQuoted if place.in_flow && is_plain(text, true) => bytes.clone(),
        ScalarStyle::Plain if place.in_flow && text.starts_with("ENC[") && !text.contains('\'') => {
            Zeroizing::new(format!("'{text}'").into_bytes())
        }
        ScalarStyle::SingleQuoted if printable => {
            let mut quoted = Zeroizing::new(Vec::with_capacity(text.len() * 2 + 2));
            quoted.push(b'\'');
            for byte in text.bytes() {
                quoted.push(byte);
                if byte == b'\'' {
                    quoted.push(byte);
                }
            }
            quoted.push(b'\'');
            quoted
        }
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => double_quoted(text),
        _ if is_plain(text, place.in_flow) => bytes.clone(),
        _ => double_quoted(text),
    })
}

/// Whether text may stand without quotes and is text then, for readers of YAML 1.1 as for those of 1.2.
fn is_plain(text: &str, in_flow: bool) -> bool {
    if text.starts_with("ENC[") && text.ends_with(']') {
        return !in_flow && !text.contains(": ") && !text.contains(" #");
    }
    let Some(first) = text.chars().next() else { return false };
    let starts_well =
        first.is_alphanumeric() || matches!(first, '/' | '_' | '.' | '$' | '(' | '+' | '^' | ';' | '\\' | '<');
    let harmless = text.chars().all(is_printable)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && text != "<<";
    let fits_flow = !in_flow || !text.contains(['[', ']', '{', '}', ',', ':', '?']);
    starts_well && harmless && fits_flow && resolve(text) == Scalar::Text && !is_word_or_number_of_yaml_1_1(text)
}

fn is_word_or_number_of_yaml_1_1(text: &str) -> bool {
    const WORDS: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan"];
    let lower = text.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) {
        return true;
    }
    let numeric = lower.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '.'));
    // What is an address or a version has two dots, or a letter that no number has.
    numeric
        && lower.matches('.').count() < 2
        && !lower.contains(|letter: char| {
            !letter.is_ascii_hexdigit() && !matches!(letter, '+' | '-' | '.' | ':' | '_' | 'x' | 'o' | 't' | 'z' | ' ')
        })
}

fn is_printable(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// In double quotes, as both YAML and JSON read it.
fn double_quoted(text: &str) -> Zeroizing<Vec<u8>> {
    let mut quoted = Zeroizing::new(Vec::with_capacity(text.len() * 6 + 2));
    quoted.push(b'"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.extend_from_slice(b"\\\""),
            '\\' => quoted.extend_from_slice(b"\\\\"),
            '\n' => quoted.extend_from_slice(b"\\n"),
            '\r' => quoted.extend_from_slice(b"\\r"),
            '\t' => quoted.extend_from_slice(b"\\t"),
            letter if is_printable(letter) => quoted.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            letter => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    quoted.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    quoted.push(b'"');
    quoted
}

/// Text of several lines as a block: its indicators, and its lines with a line break before each.
fn literal(source: Source<'_>, place: &Place, value: &[u8]) -> Option<(&'static str, Zeroizing<Vec<u8>>)> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.contains('\n'))?;
    if text.starts_with([' ', '\n', '\t'])
        || text.chars().any(|letter| !is_printable(letter) && !matches!(letter, '\n' | '\t'))
    {
        return None;
    }
    let column = |at: usize| at - scan::line_start(source.text, at);
    let parent = match (place.key, dash(source.text, place.span.start)) {
        (Some(key), _) => column(key),
        (None, Some(dash)) => column(dash),
        (None, None) => return None,
    };
    // Line breaks at the end beyond the first are the empty lines that follow: exactly as many must be there.
    let ends = text.len() - text.trim_end_matches('\n').len();
    let text = if ends > 1 {
        let after = scan::next_line(source.text, place.span.end);
        let blank = source.text[after..].split(|byte| *byte == b'\n').take_while(|line| line.trim_ascii().is_empty());
        let at_end = source.text[after..].trim_ascii().is_empty();
        if blank.count() - usize::from(at_end) != ends - 1 {
            return None;
        }
        &text[..text.len() - ends + 1]
    } else {
        text
    };
    let body = text.strip_suffix('\n');
    let indicators = match body {
        None => "|-",
        Some(_) if ends > 1 => "|+",
        Some(_) => "|",
    };
    let line_break = scan::line_break(source.text);
    let mut lines = Zeroizing::new(Vec::with_capacity(value.len() * 2 + 64));
    for line in body.unwrap_or(text).split('\n') {
        lines.extend_from_slice(line_break.as_bytes());
        if !line.is_empty() {
            let length = lines.len() + parent + source.indent.max(1);
            lines.resize(length, b' ');
            lines.extend_from_slice(line.as_bytes());
        }
    }
    if body.is_some() && scan::line_end(source.text, place.span.end) == source.text.len() {
        lines.extend_from_slice(line_break.as_bytes());
    }
    Some((indicators, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_plain_only_where_every_reader_takes_it_as_text() {
        for text in [
            "a",
            "a b",
            "/usr/bin",
            "p@ss:word",
            "10.0.0.1",
            "a#b",
            "v1.2",
            "über",
            "host:80",
            "ENC[AES256_GCM,data:a,type:str]",
        ] {
            assert!(is_plain(text, false), "{text}");
        }
        for text in [
            "",
            "yes",
            "No",
            "on",
            "y",
            "1",
            "1.5",
            "0x1f",
            "1_000",
            "1:30",
            "2024-01-02",
            ".5",
            "+1",
            "1e3",
            "~",
            "null",
            "a: b",
            "a #b",
            " a",
            "a ",
            "a:",
            "- a",
            "*a",
            "&a",
            "!a",
            "'a",
            "\"a",
            "#a",
            "%a",
            "@a",
            "`a",
            "a\nb",
            "a\tb",
            "...",
            "<<",
            "[a]",
        ] {
            assert!(!is_plain(text, false), "{text}");
        }
        for text in ["a,b", "a]", "ENC[AES256_GCM,data:a,type:str]"] {
            assert!(!is_plain(text, true), "{text}");
        }
        assert_eq!(*double_quoted("a\"\\\n\u{1}😀é"), *"\"a\\\"\\\\\\n\\u0001\\ud83d\\ude00é\"".as_bytes());
    }
}
