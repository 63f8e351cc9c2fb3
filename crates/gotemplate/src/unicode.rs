//! Runes as Go reads them out of bytes, and Go's character classes and simple case mappings.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// What Go puts in the place of a byte that is not UTF-8.
pub(crate) const REPLACEMENT: char = '\u{fffd}';

/// The first rune and its width; a byte that is not UTF-8 is U+FFFD of width 1. `None` at the end.
pub(crate) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let width = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((REPLACEMENT, 1)),
    };
    let rune =
        bytes.get(..width).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.chars().next());
    Some(rune.map_or((REPLACEMENT, 1), |rune| (rune, width)))
}

/// The runes of `bytes` with their offsets and widths.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let (rune, width) = decode(bytes.get(offset..)?)?;
        let start = offset;
        offset += width;
        Some((start, rune, width))
    })
}

/// Whether the rune at this place is a byte that is not UTF-8.
pub(crate) fn is_invalid(rune: char, width: usize) -> bool {
    rune == REPLACEMENT && width == 1
}

macro_rules! class {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $ascii:expr) => {
        $(#[$doc])*
        pub(crate) fn $name(rune: char) -> bool {
            // The pattern is a constant that a test compiles.
            static CLASS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
            if rune.is_ascii() {
                let ascii: fn(u8) -> bool = $ascii;
                return ascii(rune as u8);
            }
            CLASS.as_ref().is_some_and(|class| class.is_match(rune.encode_utf8(&mut [0; 4]).as_bytes()))
        }
    };
}

class!(/** unicode.IsLetter */ is_letter, r"^\p{L}$", |byte| byte.is_ascii_alphabetic());
class!(/** unicode.IsDigit */ is_digit, r"^\p{Nd}$", |byte| byte.is_ascii_digit());
class!(/** unicode.IsNumber */ is_number, r"^\p{N}$", |byte| byte.is_ascii_digit());
class!(/** unicode.IsUpper */ is_upper, r"^\p{Lu}$", |byte| byte.is_ascii_uppercase());
class!(/** unicode.IsLower */ is_lower, r"^\p{Ll}$", |byte| byte.is_ascii_lowercase());
class!(/** unicode.IsTitle */ is_title, r"^\p{Lt}$", |_| false);
class!(/** unicode.IsPunct */ is_punct, r"^\p{P}$", |byte| byte.is_ascii_punctuation() && !b"$+<=>^`|~".contains(&byte));
class!(
    /// unicode.IsPrint
    is_print, r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$", |byte| (0x20..0x7f).contains(&byte)
);

/// unicode.IsSpace
pub(crate) fn is_space(rune: char) -> bool {
    matches!(
        rune,
        '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// unicode.ToUpper: one rune for one, where Rust's mapping may give several.
pub(crate) fn to_upper(rune: char) -> char {
    let mut mapped = rune.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(upper), None) => upper,
        _ => match rune {
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => offset(rune, 8),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => offset(rune, 9),
            _ => rune,
        },
    }
}

/// unicode.ToLower
pub(crate) fn to_lower(rune: char) -> char {
    let mut mapped = rune.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(lower), None) => lower,
        (Some(first), _) if rune == '\u{130}' => first,
        _ => rune,
    }
}

/// unicode.ToTitle
pub(crate) fn to_title(rune: char) -> char {
    match rune {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10ff}' => rune,
        _ => to_upper(rune),
    }
}

fn offset(rune: char, by: u32) -> char {
    char::from_u32(rune as u32 + by).unwrap_or(rune)
}

/// strings.Map: each rune through `map`; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn map_runes(bytes: &[u8], map: impl Fn(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    for (_, rune, _) in runes(bytes) {
        out.extend_from_slice(map(rune).encode_utf8(&mut [0; 4]).as_bytes());
    }
    out
}

/// strings.TrimFunc
pub(crate) fn trim(bytes: &[u8], test: impl Fn(char) -> bool) -> &[u8] {
    let start = runes(bytes).find(|(_, rune, _)| !test(*rune)).map_or(bytes.len(), |(start, ..)| start);
    let end = runes(bytes).filter(|(_, rune, _)| !test(*rune)).last().map_or(start, |(at, _, width)| at + width);
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_classes_compile_and_know_more_than_ascii() {
        for (class, member) in [
            (is_letter as fn(char) -> bool, 'é'),
            (is_digit, '٣'),
            (is_number, '½'),
            (is_upper, 'É'),
            (is_lower, 'é'),
            (is_title, 'ǅ'),
            (is_punct, '¿'),
            (is_print, '世'),
        ] {
            assert!(class(member), "{member}");
        }
        assert!(!is_print('\u{200b}') && !is_letter('٣'));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_one_by_one() {
        let found: Vec<_> = runes(b"a\xff\xe4\xb8\xadb\xe4\xb8").map(|(_, rune, _)| rune).collect();
        assert_eq!(found, ['a', REPLACEMENT, '中', 'b', REPLACEMENT, REPLACEMENT]);
    }
}
