//! Upper, lower, title, camel, snake and kebab case, as Go's strings, goutils and xstrings do them.

use super::text;
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::unicode::{
    REPLACEMENT, decode, is_digit, is_letter, is_lower, is_number, is_punct, is_space, is_title, is_upper, map_runes,
    runes, to_lower, to_title, to_upper,
};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("upper", "s", |meter, args| meter.text(map_runes(text(&args[0])?, to_upper))),
    function("lower", "s", |meter, args| meter.text(map_runes(text(&args[0])?, to_lower))),
    function("title", "s", title),
    function("untitle", "s", untitle),
    function("swapcase", "s", swap_case),
    function("camelcase", "s", camel_case),
    function("snakecase", "s", |meter, args| meter.text(separated(text(&args[0])?, '_'))),
    function("kebabcase", "s", |meter, args| meter.text(separated(text(&args[0])?, '-'))),
];

fn push(out: &mut Vec<u8>, rune: char) {
    out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
}

/// strings.Title
fn title(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let separator = |rune: char| {
        if rune.is_ascii() {
            return !(rune.is_ascii_alphanumeric() || rune == '_');
        }
        !is_letter(rune) && !is_digit(rune) && is_space(rune)
    };
    let mut previous = ' ';
    let mut out = Vec::new();
    for (_, rune, _) in runes(text(&args[0])?) {
        push(&mut out, if separator(previous) { to_title(rune) } else { rune });
        previous = rune;
    }
    meter.text(out)
}

/// goutils.Uncapitalize: the first letter of each word.
fn untitle(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut first = true;
    let mut out = Vec::new();
    for (_, rune, _) in runes(text(&args[0])?) {
        if is_space(rune) {
            first = true;
            push(&mut out, rune);
        } else {
            push(&mut out, if first { to_lower(rune) } else { rune });
            first = false;
        }
    }
    meter.text(out)
}

/// goutils.SwapCase
fn swap_case(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut after_space = true;
    let mut out = Vec::new();
    for (_, rune, _) in runes(text(&args[0])?) {
        let swapped = if is_upper(rune) || is_title(rune) {
            after_space = false;
            to_lower(rune)
        } else if is_lower(rune) {
            if std::mem::take(&mut after_space) { to_title(rune) } else { to_upper(rune) }
        } else {
            after_space = is_space(rune);
            rune
        };
        push(&mut out, swapped);
    }
    meter.text(out)
}

fn is_connector(rune: char) -> bool {
    matches!(rune, '-' | '_') || is_space(rune)
}

/// xstrings.ToPascalCase
fn camel_case(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let all: Vec<char> = runes(text(&args[0])?).map(|(_, rune, _)| rune).collect();
    let mut out = Vec::new();
    let start = all.iter().position(|rune| !is_connector(*rune));
    let Some(start) = start.filter(|start| start + 1 < all.len()) else {
        // Connectors alone lose nothing but double their last; a lone last letter is raised.
        for (index, rune) in all.iter().enumerate() {
            push(&mut out, if start == Some(index) { to_upper(*rune) } else { *rune });
        }
        if start.is_none()
            && let Some(last) = all.last()
        {
            push(&mut out, *last);
        }
        return meter.text(out);
    };
    for rune in &all[..start] {
        push(&mut out, *rune);
    }
    let mut first_upper = is_upper(all[start]);
    let mut current = to_upper(all[start]);
    for rune in &all[start + 1..] {
        let previous = std::mem::replace(&mut current, *rune);
        if is_connector(current) && is_connector(previous) {
            push(&mut out, previous);
            continue;
        }
        if is_connector(previous) {
            first_upper = is_upper(current);
            current = to_upper(current);
        } else {
            if first_upper {
                if is_upper(current) {
                    current = to_lower(current);
                } else {
                    first_upper = false;
                }
            }
            push(&mut out, previous);
        }
    }
    push(&mut out, current);
    meter.text(out)
}

/// What a run of characters is to xstrings.
#[derive(Clone, Copy, PartialEq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

/// xstrings: letters, but not the ideographs.
fn is_alphabet(rune: char) -> bool {
    is_letter(rune) && !matches!(rune, '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4d85}' | '\u{20000}'..='\u{2b81d}')
}

/// The next rune that is valid, and the bytes up to its end; the previous one if there is none.
fn next_valid(bytes: &[u8], previous: char) -> (char, usize) {
    let mut size = 0;
    while let Some((rune, width)) = decode(&bytes[size..]) {
        size += width;
        if rune != REPLACEMENT {
            return (rune, size);
        }
    }
    (previous, size)
}

/// Takes runes while `test` holds; the offset after the last.
fn run(bytes: &[u8], mut offset: usize, mut rune: char, test: impl Fn(char) -> bool) -> usize {
    while offset < bytes.len() {
        let size;
        (rune, size) = next_valid(&bytes[offset..], rune);
        if !test(rune) {
            break;
        }
        offset += size;
    }
    offset
}

fn next_word(bytes: &[u8]) -> (Word, &[u8], &[u8]) {
    if bytes.is_empty() {
        return (Word::Invalid, bytes, bytes);
    }
    let (rune, size) = next_valid(bytes, REPLACEMENT);
    let (word, end) = if rune == REPLACEMENT {
        (Word::Invalid, size)
    } else if is_connector(rune) {
        (Word::Connector, run(bytes, size, rune, is_connector))
    } else if is_punct(rune) {
        (Word::Punct, run(bytes, size, rune, is_punct))
    } else if is_upper(rune) {
        (Word::Upper, upper_word(bytes, size, rune))
    } else if is_alphabet(rune) {
        (Word::Alphabet, run(bytes, size, rune, |rune| is_alphabet(rune) && !is_upper(rune)))
    } else if is_number(rune) {
        (Word::Number, run(bytes, size, rune, is_number))
    } else {
        let other = |rune| !(is_connector(rune) || is_alphabet(rune) || is_number(rune) || is_punct(rune));
        (Word::Other, run(bytes, size, rune, other))
    };
    (word, &bytes[..end], &bytes[end..])
}

/// `HTTPStatus` is `HTTP` and `Status`.
fn upper_word(bytes: &[u8], size: usize, first: char) -> usize {
    if size >= bytes.len() {
        return size;
    }
    let (mut rune, width) = next_valid(&bytes[size..], first);
    if is_upper(rune) {
        let mut offset = size + width;
        let mut previous = width;
        let mut remaining = offset < bytes.len();
        while remaining {
            let width;
            (rune, width) = next_valid(&bytes[offset..], rune);
            if !is_upper(rune) {
                break;
            }
            previous = width;
            offset += width;
            remaining = offset < bytes.len();
        }
        return if remaining && is_alphabet(rune) { offset - previous } else { offset };
    }
    if is_alphabet(rune) {
        return run(bytes, size + width, rune, |rune| is_alphabet(rune) && !is_upper(rune));
    }
    size
}

/// xstrings' camelCaseToLowerCase
fn separated(bytes: &[u8], connector: char) -> Vec<u8> {
    let mut out = Vec::new();
    if bytes.is_empty() {
        return out;
    }
    let (mut word, mut part, mut rest) = next_word(bytes);
    while !rest.is_empty() {
        if word != Word::Connector {
            lower(&mut out, word, part, connector);
        }
        let (previous, last) = (word, part);
        (word, part, rest) = next_word(rest);
        match previous {
            Word::Number => {
                letters_and_numbers(&mut out, &mut word, &mut part, &mut rest, connector);
                if !matches!(word, Word::Invalid | Word::Punct | Word::Connector) {
                    push(&mut out, connector);
                }
            }
            Word::Connector => lower(&mut out, previous, last, connector),
            Word::Punct => {}
            _ if word != Word::Number => {
                if !matches!(word, Word::Connector | Word::Punct) {
                    push(&mut out, connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = part;
                (word, part, rest) = next_word(rest);
                if word != Word::Alphabet {
                    // The number belongs to the word before it: bld4_floor.
                    lower(&mut out, Word::Number, number, connector);
                    if !matches!(word, Word::Connector | Word::Punct) {
                        push(&mut out, connector);
                    }
                } else {
                    // Or to the lower-case letters behind it: http_2xx.
                    push(&mut out, connector);
                    lower(&mut out, Word::Number, number, connector);
                    letters_and_numbers(&mut out, &mut word, &mut part, &mut rest, connector);
                    if !matches!(word, Word::Invalid | Word::Connector | Word::Punct) {
                        push(&mut out, connector);
                    }
                }
            }
        }
    }
    lower(&mut out, word, part, connector);
    out
}

fn letters_and_numbers<'b>(
    out: &mut Vec<u8>,
    word: &mut Word,
    part: &mut &'b [u8],
    rest: &mut &'b [u8],
    connector: char,
) {
    while matches!(word, Word::Alphabet | Word::Number) {
        lower(out, *word, part, connector);
        (*word, *part, *rest) = next_word(rest);
    }
}

fn lower(out: &mut Vec<u8>, word: Word, part: &[u8], connector: char) {
    if !matches!(word, Word::Upper | Word::Connector) {
        out.extend_from_slice(part);
        return;
    }
    for (_, rune, _) in runes(part) {
        push(
            out,
            if is_connector(rune) {
                connector
            } else if is_upper(rune) {
                to_lower(rune)
            } else {
                rune
            },
        );
    }
}
