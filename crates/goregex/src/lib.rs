//! Go's regular expressions (RE2) on the `regex` crate: the syntax of Go 1.26's regexp/syntax, translated.
//!
//! Templates (sprig's functions) and sops files (selectors, rules) mean Go's syntax when they say regular expression.
//!
//! ```
//! let digits = bulla_goregex::compile(r"^\d+$", 1 << 20)?;
//! assert!(digits.is_match(b"42") && !digits.is_match("\u{664}".as_bytes()));
//! # Ok::<(), bulla_goregex::Error>(())
//! ```

mod translate;

use regex::bytes::{Regex, RegexBuilder};

/// The pattern is not Go's syntax. Go names the place; this does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp")]
pub struct Invalid;

/// Why a pattern was not compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not Go's syntax.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Its program is larger than the limit.
    #[error("regular expression is too large")]
    TooLarge,
}

/// What a search may cost beside the program: the limit of the lazy automaton.
const MAX_AUTOMATON: usize = 512 << 10;

/// Compiles a pattern whose program has at most `limit` bytes. A search takes at most the program's size times the text's length.
///
/// # Errors
/// [`Error`], for hostile patterns within bounded time.
pub fn compile(pattern: &str, limit: usize) -> Result<Regex, Error> {
    let pattern = translate::translate(pattern)?;
    RegexBuilder::new(&pattern).size_limit(limit).dfa_size_limit(MAX_AUTOMATON).nest_limit(100).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(_) => Error::TooLarge,
            _ => Error::Invalid(Invalid),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_classes_are_ascii() {
        for (pattern, text, matches) in [
            (r"^(data|stringData)$", "data", true),
            (r"^(data|stringData)$", "metadata", false),
            (r"\bkey\b", "a key here", true),
            (r"\w", "\u{e4}", false),
            (r"(?i)TOKEN", "myToken", true),
            (r"\Qa.b\E", "a.b", true),
            (r"\Qa.b\E", "axb", false),
            ("[[:alpha:]]", "x", true),
            (".", "\n", false),
        ] {
            assert_eq!(compile(pattern, 1 << 20).unwrap().is_match(text.as_bytes()), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in ["(", "[a", "a**", "*", r"\C", r"\8", "(?x)a", "a{2000}", "[z-a]", r"(?P<>a)"] {
            assert_eq!(compile(pattern, 1 << 20).err(), Some(Error::Invalid(Invalid)), "{pattern}");
        }
        assert_eq!(compile(r"(\pL{500}){500}", 1 << 20).err(), Some(Error::TooLarge));
    }
}
