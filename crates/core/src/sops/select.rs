//! Which values of a file are encrypted: at most one of six selectors.

use regex::bytes::Regex;

use super::Error;

/// What a pattern may take up when it is compiled: more than any rule that a person writes.
const MAX_PROGRAM: usize = 1 << 20;

/// The ending that switches encryption off where a file says nothing else.
pub const DEFAULT_UNENCRYPTED_SUFFIX: &str = "_unencrypted";

/// A selector and its text, as `.sops.yaml`, flags and metadata have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Everything but what stands below a key with this ending. The default, with `_unencrypted`.
    UnencryptedSuffix(String),
    /// Only what stands below a key with this ending.
    EncryptedSuffix(String),
    /// Everything but what stands below a key that matches.
    UnencryptedRegex(String),
    /// Only what stands below a key that matches.
    EncryptedRegex(String),
    /// Everything but what follows a comment that matches.
    UnencryptedCommentRegex(String),
    /// Only what follows a comment that matches.
    EncryptedCommentRegex(String),
}

impl Default for Selector {
    fn default() -> Self {
        Self::UnencryptedSuffix(DEFAULT_UNENCRYPTED_SUFFIX.to_owned())
    }
}

impl Selector {
    /// No selector: everything is encrypted, and the metadata says nothing about it (the binary format).
    #[must_use]
    pub fn none() -> Self {
        Self::UnencryptedSuffix(String::new())
    }

    /// The names in the metadata and in `.sops.yaml`, in the order of the metadata.
    pub const NAMES: [&str; 6] = [
        "encrypted_comment_regex",
        "encrypted_regex",
        "encrypted_suffix",
        "unencrypted_comment_regex",
        "unencrypted_regex",
        "unencrypted_suffix",
    ];

    /// The selector of a name.
    #[must_use]
    pub fn new(name: &str, text: String) -> Option<Self> {
        Some(match name {
            "encrypted_comment_regex" => Self::EncryptedCommentRegex(text),
            "encrypted_regex" => Self::EncryptedRegex(text),
            "encrypted_suffix" => Self::EncryptedSuffix(text),
            "unencrypted_comment_regex" => Self::UnencryptedCommentRegex(text),
            "unencrypted_regex" => Self::UnencryptedRegex(text),
            "unencrypted_suffix" => Self::UnencryptedSuffix(text),
            _ => return None,
        })
    }

    /// Its name in the metadata and in `.sops.yaml`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::EncryptedCommentRegex(_) => "encrypted_comment_regex",
            Self::EncryptedRegex(_) => "encrypted_regex",
            Self::EncryptedSuffix(_) => "encrypted_suffix",
            Self::UnencryptedCommentRegex(_) => "unencrypted_comment_regex",
            Self::UnencryptedRegex(_) => "unencrypted_regex",
            Self::UnencryptedSuffix(_) => "unencrypted_suffix",
        }
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::EncryptedCommentRegex(text)
            | Self::EncryptedRegex(text)
            | Self::EncryptedSuffix(text)
            | Self::UnencryptedCommentRegex(text)
            | Self::UnencryptedRegex(text)
            | Self::UnencryptedSuffix(text) => text,
        }
    }

    /// Compiles the pattern, if there is one.
    ///
    /// # Errors
    /// [`Error::InvalidRegex`]: an invalid pattern never means "no match".
    pub fn compile(&self) -> Result<Selection, Error> {
        let pattern = match self {
            Self::UnencryptedSuffix(_) | Self::EncryptedSuffix(_) => None,
            _ if self.text().is_empty() => None,
            _ => Some(go_regex(self.text()).map_err(|reason| Error::InvalidRegex { selector: self.name(), reason })?),
        };
        Ok(Selection { selector: self.clone(), pattern })
    }
}

/// Compiles a regular expression of Go's syntax, as `.sops.yaml` and the metadata have them: unanchored.
///
/// # Errors
/// A text that says what is wrong with it.
pub fn go_regex(pattern: &str) -> Result<Regex, String> {
    bulla_goregex::compile(pattern, MAX_PROGRAM).map_err(|error| error.to_string())
}

/// A selector with its pattern compiled. RE2 as Go has it, unanchored.
pub struct Selection {
    selector: Selector,
    pattern: Option<Regex>,
}

/// Where a walk stands: what was matched on the way down.
#[derive(Default)]
pub(super) struct Place {
    /// How many keys on the path match.
    matching_keys: usize,
    /// For each list or map on the way, whether each comment since the last item matches.
    comments: Vec<Vec<bool>>,
}

impl Selection {
    /// Whether a key of the path is one that the selector names.
    fn names(&self, key: &str) -> bool {
        match (&self.selector, &self.pattern) {
            (Selector::UnencryptedSuffix(suffix) | Selector::EncryptedSuffix(suffix), _) => {
                key.ends_with(suffix.as_str())
            }
            (Selector::UnencryptedRegex(_) | Selector::EncryptedRegex(_), Some(pattern)) => {
                pattern.is_match(key.as_bytes())
            }
            _ => false,
        }
    }

    /// Whether comments decide.
    pub(super) fn is_by_comment(&self) -> bool {
        matches!(self.selector, Selector::UnencryptedCommentRegex(_) | Selector::EncryptedCommentRegex(_))
    }

    /// Whether `comment` is one that the selector names.
    fn names_comment(&self, comment: &[u8]) -> bool {
        self.is_by_comment() && self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(comment))
    }

    /// Whether an encrypted comment would look like one that switches encryption off.
    pub(super) fn would_switch_off(&self, sealed: &[u8]) -> bool {
        matches!(self.selector, Selector::UnencryptedCommentRegex(_)) && self.names_comment(sealed)
    }

    pub(super) fn enter_key(&self, place: &mut Place, key: &str) -> bool {
        let matches = self.names(key);
        place.matching_keys += usize::from(matches);
        matches
    }

    pub(super) fn leave_key(place: &mut Place, matched: bool) {
        place.matching_keys -= usize::from(matched);
    }

    pub(super) fn enter_container(place: &mut Place) {
        place.comments.push(Vec::new());
    }

    pub(super) fn leave_container(place: &mut Place) {
        place.comments.pop();
    }

    /// A comment comes: it counts for what follows it in this container.
    pub(super) fn comment(&self, place: &mut Place, text: &[u8]) {
        if self.is_by_comment()
            && let Some(level) = place.comments.last_mut()
        {
            level.push(self.names_comment(text));
        }
    }

    /// An item that is no comment is over: its comments no longer count.
    pub(super) fn item_is_over(place: &mut Place) {
        if let Some(level) = place.comments.last_mut() {
            level.clear();
        }
    }

    /// Whether the leaf at this place is encrypted.
    pub(super) fn selects(&self, place: &Place, is_comment: bool) -> bool {
        // Whatever its kind, an empty selector is none: nothing stays clear by accident.
        if self.selector.text().is_empty() {
            return true;
        }
        match self.selector {
            Selector::UnencryptedSuffix(_) | Selector::UnencryptedRegex(_) => place.matching_keys == 0,
            Selector::EncryptedSuffix(_) | Selector::EncryptedRegex(_) => place.matching_keys > 0,
            Selector::UnencryptedCommentRegex(_) => !place.comments.iter().flatten().any(|matches| *matches),
            Selector::EncryptedCommentRegex(_) => {
                // A comment does not select itself, only what comes after it.
                let levels = place.comments.len();
                place.comments.iter().enumerate().any(|(index, level)| {
                    let own = usize::from(is_comment && index + 1 == levels);
                    level[..level.len().saturating_sub(own)].iter().any(|matches| *matches)
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_pattern_is_an_error_and_a_suffix_is_none() {
        for name in Selector::NAMES {
            let selector = Selector::new(name, "(".to_owned()).unwrap();
            assert_eq!(selector.name(), name);
            assert_eq!(selector.compile().is_err(), name.ends_with("regex"), "{name}");
        }
    }
}
