//! Strict reading: what the format allows and only a manipulated or careless file has is refused, with the path and the rule.
//!
//! [`check`] looks at a file before anything is decrypted, and needs no key. What only a key can tell is left to the MAC and to the second
//! seal. A message names the place and the rule, and never a value.

use std::collections::HashSet;
use std::fmt;

use super::places::{Found, Place, Step, visit};
use super::{Error, Metadata, Tree, Value, second_seal};

/// What a person lets pass after all, one named flag each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// `--allow ambiguous-keys`: keys with `:` in encrypted positions, in a file without a second seal.
    pub ambiguous_keys: bool,
    /// `--allow clear-comments`: comments in encrypted positions that are not encrypted.
    pub clear_comments: bool,
    /// `--allow trailing-text`: text behind the `]` of a value, which is cut off.
    pub trailing_text: bool,
    /// `--allow duplicate-keys`: a key that stands twice in one map.
    pub duplicate_keys: bool,
}

/// A rule of strict reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Another path has the same additional data, so values can be exchanged between them.
    AmbiguousKey,
    /// A comment where comments are encrypted, in clear text.
    ClearComment,
    /// A value in an encrypted position that is not encrypted.
    ClearValue,
    /// What should be `ENC[…]` is not; text behind the `]` included.
    Malformed,
    /// A type of value that nobody knows.
    UnknownType,
    /// A key that stands twice in one map.
    DuplicateKey,
}

/// Where a file breaks which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// `database.users[2].name`, with `document 2: ` in front where it is not the first.
    pub path: String,
    /// The other path that is meant, for [`Rule::AmbiguousKey`].
    pub other: Option<String>,
}

/// Looks at an encrypted tree as it was read, and returns every rule that it breaks, in the order of the file. Empty: it may be opened.
///
/// Keys that are ambiguous are let pass in a file with a second seal, which covers its structure: whoever opens it checks the seal. Clear
/// comments are let pass where the seal states that they are meant.
///
/// # Errors
/// [`Error::InvalidRegex`] if the selector is none.
pub fn check(tree: &Tree, metadata: &Metadata, allow: Allow) -> Result<Vec<Violation>, Error> {
    let selection = metadata.selector.compile()?;
    let clear_comments = allow.clear_comments || second_seal::states_clear_comments(metadata);
    let ambiguous_keys = allow.ambiguous_keys || second_seal::is_there(metadata);
    let mut violations = Vec::new();
    let mut maps = Keys::default();
    visit(tree, &selection, &mut |place, found| {
        if !allow.duplicate_keys && maps.is_there_twice(place) {
            violations.push(Violation { rule: Rule::DuplicateKey, path: place.to_string(), other: None });
        }
        let rule = match found {
            Found::Value(Value::Map(_) | Value::List(_) | Value::Null) => None,
            _ if !place.selected => None,
            Found::Comment(comment) => of_text(&comment.text, allow).map(|rule| match rule {
                Rule::ClearValue => Rule::ClearComment,
                rule => rule,
            }),
            Found::Value(Value::Text(text)) => of_text(text, allow),
            Found::Value(_) => Some(Rule::ClearValue),
        };
        if let Some(rule) = rule.filter(|rule| !(clear_comments && *rule == Rule::ClearComment)) {
            violations.push(Violation { rule, path: place.to_string(), other: None });
        }
        let is_leaf = !matches!(found, Found::Value(Value::Map(_) | Value::List(_) | Value::Null));
        if is_leaf && place.selected && !ambiguous_keys {
            let keys = place.keys();
            if keys.iter().any(|key| key.contains(':')) {
                let other = keys.join(":").split(':').collect::<Vec<_>>().join(".");
                violations.push(Violation { rule: Rule::AmbiguousKey, path: place.to_string(), other: Some(other) });
            }
        }
    });
    Ok(violations)
}

/// Whether a tree has values, and its selector selects none of them: a file that looks encrypted and is not.
///
/// # Errors
/// [`Error::InvalidRegex`] if the selector is none.
pub fn encrypts_nothing(tree: &Tree, metadata: &Metadata) -> Result<bool, Error> {
    let selection = metadata.selector.compile()?;
    let (mut values, mut selected) = (0, 0);
    visit(tree, &selection, &mut |place, found| {
        if matches!(found, Found::Value(value) if !matches!(value, Value::Map(_) | Value::List(_) | Value::Null)) {
            values += 1;
            selected += usize::from(place.selected);
        }
    });
    Ok(values > 0 && selected == 0)
}

/// What is wrong with the text of an encrypted position.
fn of_text(text: &[u8], allow: Allow) -> Option<Rule> {
    if text.is_empty() {
        return None;
    }
    let Some(rest) = text.strip_prefix(b"ENC[") else { return Some(Rule::ClearValue) };
    let Some(end) = rest.iter().position(|byte| *byte == b']') else { return Some(Rule::Malformed) };
    let is_whole = end + 1 == rest.len() || allow.trailing_text;
    let Some(fields) = std::str::from_utf8(&rest[..end]).ok().filter(|_| is_whole) else {
        return Some(Rule::Malformed);
    };
    let mut fields = fields.split(',');
    let expected = ["AES256_GCM", "data:", "iv:", "tag:"];
    let is_base64 = |text: &str| {
        let digits = text.trim_end_matches('=');
        text.len().is_multiple_of(4)
            && text.len() - digits.len() <= 2
            && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
    };
    let begins = expected.iter().all(|expected| {
        let rest = fields.next().and_then(|field| field.strip_prefix(expected));
        rest.is_some_and(|rest| is_base64(rest) && (rest.is_empty() != expected.ends_with(':') || *expected == "data:"))
    });
    let kind = fields.next().and_then(|field| field.strip_prefix("type:"));
    match kind {
        Some(kind) if begins && fields.next().is_none() => (!TYPES.contains(&kind)).then_some(Rule::UnknownType),
        _ => Some(Rule::Malformed),
    }
}

/// The types of encrypted values.
const TYPES: [&str; 7] = ["str", "int", "float", "bool", "time", "bytes", "comment"];

/// The keys of the maps that a walk is in, to find those that stand twice.
#[derive(Default)]
struct Keys<'a> {
    document: usize,
    /// For each level the keys that were seen at it since it was entered.
    levels: Vec<HashSet<&'a str>>,
}

impl<'a> Keys<'a> {
    fn is_there_twice(&mut self, place: &Place<'_, 'a>) -> bool {
        if place.document != self.document {
            self.document = place.document;
            self.levels.clear();
        }
        // What comes after in a level that was left is another map.
        self.levels.truncate(place.steps.len());
        self.levels.resize_with(place.steps.len(), HashSet::new);
        match (place.steps.last(), self.levels.last_mut()) {
            (Some(Step::Key(key)), Some(level)) => !level.insert(key),
            _ => false,
        }
    }
}

impl Rule {
    /// What is wrong, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::AmbiguousKey => "ambiguous key",
            Self::ClearComment => "clear comment in an encrypted position",
            Self::ClearValue => "clear value in an encrypted position",
            Self::Malformed => "malformed value",
            Self::UnknownType => "unknown type",
            Self::DuplicateKey => "the key stands twice in its map",
        }
    }

    /// The word behind `--allow`, for rules that can be let pass.
    #[must_use]
    pub fn allowance(self) -> Option<&'static str> {
        match self {
            Self::AmbiguousKey => Some("ambiguous-keys"),
            Self::ClearComment => Some("clear-comments"),
            Self::Malformed => Some("trailing-text"),
            Self::DuplicateKey => Some("duplicate-keys"),
            Self::ClearValue | Self::UnknownType => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.rule.words(), self.path)?;
        match &self.other {
            Some(other) => write!(f, ", which reads like {other}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Comment, Item, Selector};
    use super::*;

    const VALUE: &str = "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]";

    fn metadata() -> Metadata {
        Metadata {
            groups: Vec::new(),
            shamir_threshold: 0,
            last_modified: String::new(),
            mac: String::new(),
            selector: Selector::UnencryptedSuffix("_unencrypted".to_owned()),
            mac_only_encrypted: false,
            version: String::new(),
            extension: None,
            unknown: Vec::new(),
        }
    }

    fn told(document: Vec<Item>, allow: Allow) -> Vec<String> {
        let tree = Tree { documents: vec![document] };
        check(&tree, &metadata(), allow).unwrap().iter().map(ToString::to_string).collect()
    }

    fn of(value: Value) -> Vec<String> {
        told(vec![Item::new("a", Value::Map(vec![Item::new("b", value)]))], Allow::default())
    }

    #[test]
    fn values_that_are_not_what_they_should_be_are_refused_with_their_place() {
        for (text, expected) in [
            (VALUE.to_owned(), None),
            (String::new(), None),
            (VALUE.replace("AAAA,iv", ",iv"), None),
            (VALUE.replace("str", "comment"), None),
            (format!("{VALUE} "), Some("malformed value")),
            (format!("{VALUE}ENC["), Some("malformed value")),
            (VALUE.replace(']', ""), Some("malformed value")),
            (VALUE.replace("AAAA,tag", "AAA,tag"), Some("malformed value")),
            (VALUE.replace("iv:AAAA", "iv:"), Some("malformed value")),
            (VALUE.replace("AES256_GCM", "AES128_GCM"), Some("malformed value")),
            (VALUE.replace(",type:str", ""), Some("malformed value")),
            (VALUE.replace(",type:str", ",type:str,x:y"), Some("malformed value")),
            (VALUE.replace("str", "string"), Some("unknown type")),
            ("hunter2".to_owned(), Some("clear value in an encrypted position")),
            (format!(" {VALUE}"), Some("clear value in an encrypted position")),
        ] {
            let expected: Vec<String> = expected.map(|rule| format!("{rule} at a.b")).into_iter().collect();
            assert_eq!(of(Value::text(text.clone())), expected, "{text}");
        }
        assert_eq!(of(Value::Int(5)), ["clear value in an encrypted position at a.b"]);
        assert_eq!(of(Value::Null), [""; 0]);
        assert_eq!(of(Value::List(vec![Value::text("x")])), ["clear value in an encrypted position at a.b[0]"]);
        let clear = told(vec![Item::new("a_unencrypted", Value::text("x"))], Allow::default());
        assert_eq!(clear, [""; 0]);
    }

    #[test]
    fn keys_comments_and_doublets_are_refused_unless_they_are_allowed() {
        let ambiguous = || vec![Item::new("a:b", Value::text(VALUE))];
        assert_eq!(told(ambiguous(), Allow::default()), ["ambiguous key at \"a:b\", which reads like a.b"]);
        assert_eq!(told(ambiguous(), Allow { ambiguous_keys: true, ..Allow::default() }), [""; 0]);
        let clear = vec![Item::new("a:b_unencrypted", Value::text("x"))];
        assert_eq!(told(clear, Allow::default()), [""; 0]);
        let comment = || vec![Item::comment(Comment::new(" plain"))];
        assert_eq!(
            told(comment(), Allow::default()),
            ["clear comment in an encrypted position at comment 1 of the top level"]
        );
        assert_eq!(told(comment(), Allow { clear_comments: true, ..Allow::default() }), [""; 0]);
        let twice = || {
            let inner = || Value::Map(vec![Item::new("x", Value::text(VALUE))]);
            vec![Item::new("a", inner()), Item::new("b", inner()), Item::new("a", inner())]
        };
        assert_eq!(told(twice(), Allow::default()), ["the key stands twice in its map at a"]);
        assert_eq!(told(twice(), Allow { duplicate_keys: true, ..Allow::default() }), [""; 0]);
        let trailing = || vec![Item::new("a", Value::text(format!("{VALUE}x")))];
        assert_eq!(told(trailing(), Allow { trailing_text: true, ..Allow::default() }), [""; 0]);
    }

    #[test]
    fn a_selector_that_selects_nothing_is_found() {
        let tree = Tree { documents: vec![vec![Item::new("a", Value::text("x"))]] };
        let with = |selector| encrypts_nothing(&tree, &Metadata { selector, ..metadata() }).unwrap();
        assert!(with(Selector::EncryptedRegex("^b$".to_owned())));
        assert!(!with(Selector::EncryptedRegex("^a$".to_owned())));
        assert!(!encrypts_nothing(&Tree::default(), &metadata()).unwrap());
    }
}
