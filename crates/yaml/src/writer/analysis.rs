//! How a scalar may be written: go-yaml v2's `stringv`, `yaml_emitter_analyze_scalar` and
//! `yaml_emitter_select_scalar_style`, for block context.

use crate::scalar::Schema;

/// How a scalar will be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    Plain,
    Single,
    Double,
    Literal,
}

/// A line break by YAML 1.1.
pub(crate) fn is_break(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// go-yaml v2's idea of printable leaves out everything above U+FFFF, so an emoji is escaped. Unlike go-yaml we leave out
/// U+2028 and U+2029 too: unescaped they are line breaks for some readers and text for others.
pub(crate) fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether a key can stand before its colon without `? `.
pub(crate) fn is_simple_key(key: &str) -> bool {
    key.len() <= 128 && !key.contains(is_break)
}

/// The style of a string. `simple_key` is set for keys that stand before their colon.
pub(crate) fn quoting(text: &str, simple_key: bool) -> Quoting {
    let allowed = Allowed::of(text);
    if text.contains('\n') {
        return if allowed.block && !simple_key { Quoting::Literal } else { Quoting::Double };
    }
    if !Schema::GoYaml2.is_text_when_plain(text) || is_base_60(text) {
        return Quoting::Double;
    }
    match allowed {
        Allowed { plain: true, .. } => Quoting::Plain,
        Allowed { single: true, .. } => Quoting::Single,
        _ => Quoting::Double,
    }
}

/// Whether the text can stand in single quotes on one line.
pub(crate) fn fits_single_quotes(text: &str) -> bool {
    !text.contains(is_break) && Allowed::of(text).single
}

/// Whether the text can be a line of a block scalar whose indentation is found by its first line.
pub(crate) fn fits_block_line(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| is_printable(character) && character != '\n')
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

struct Allowed {
    plain: bool,
    single: bool,
    block: bool,
}

impl Allowed {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { plain: true, single: true, block: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut line_breaks, mut special) = (false, false);
        let (mut break_space, mut space_break) = (false, false);
        let (mut after_space, mut after_break, mut after_blank) = (false, false, true);
        let mut characters = text.chars().enumerate().peekable();
        while let Some((index, character)) = characters.next() {
            let before_blank = characters.peek().is_none_or(|&(_, next)| matches!(next, ' ' | '\t'));
            indicators |= match character {
                '#' => index == 0 || after_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => index == 0,
                ':' => before_blank,
                '?' | '-' => index == 0 && before_blank,
                _ => false,
            };
            special |= !is_printable(character);
            let (space, line_break) = (character == ' ', is_break(character));
            break_space |= space && after_break;
            space_break |= line_break && after_space;
            line_breaks |= line_break;
            (after_space, after_break) = (space, line_break);
            after_blank = space || line_break || matches!(character, '\t' | '\0');
        }
        let blank = |character: char| character == ' ' || is_break(character);
        let bare_ends = !text.starts_with(blank) && !text.ends_with(blank);
        let unescaped = !space_break && !special;
        Self {
            plain: bare_ends && !break_space && unescaped && !line_breaks && !indicators,
            single: !break_space && unescaped,
            block: !text.ends_with(' ') && unescaped,
        }
    }
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`: a base 60 number of YAML 1.1, which go-yaml does not read but
/// quotes for the sake of others.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = match unsigned.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') => whole,
        Some(_) => return false,
        None => unsigned,
    };
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
        && rest.peek().is_some()
        && rest.all(|part| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}
