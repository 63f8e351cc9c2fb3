//! The failures of one object's items, in upstream's form and in words.

use std::collections::BTreeMap;
use std::fmt;

use crate::sealed::failure::Failure;

/// The items of one object that did not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemErrors(BTreeMap<String, Failure>);

impl ItemErrors {
    pub(crate) fn insert(&mut self, item: &str, failure: Failure) {
        self.0.insert(item.to_owned(), failure);
    }

    /// Whether every item opened.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The failures by item, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Failure)> {
        self.0.iter().map(|(item, failure)| (item.as_str(), failure))
    }

    /// Each distinct cause in words, with the items that it concerns: `a, b: sealed for …`. Of the items of one cause at most
    /// `shown` are named, `a, b and 3 more: …`, so that where space is short the cause is not lost behind a thousand names.
    pub fn explanations(&self, shown: usize) -> Vec<String> {
        let mut grouped: Vec<(String, Vec<&str>)> = Vec::new();
        for (item, failure) in self.iter() {
            let words = failure.to_string();
            match grouped.iter_mut().find(|(known, _)| *known == words) {
                Some((_, items)) => items.push(item),
                None => grouped.push((words, vec![item])),
            }
        }
        let named = |items: &[&str]| match items.len().checked_sub(shown) {
            Some(more @ 1..) => format!("{} and {more} more", items[..shown].join(", ")),
            _ => items.join(", "),
        };
        grouped.into_iter().map(|(words, items)| format!("{}: {words}", named(&items))).collect()
    }
}

/// Upstream's form: equal messages are grouped, the items follow in parentheses, messages are separated by line breaks.
/// Items and messages are sorted, where upstream's order varies (sealed-secrets 4.2).
impl fmt::Display for ItemErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut grouped: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (item, failure) in self.iter() {
            grouped.entry(failure.compatible_message()).or_default().push(item);
        }
        // The most common message comes first, as in the specification's example; then by text.
        let mut lines: Vec<_> = grouped.into_iter().collect();
        lines.sort_by(|a, b| {
            (a.0 != "no key could decrypt secret", &a.0).cmp(&(b.0 != "no key could decrypt secret", &b.0))
        });
        for (index, (message, items)) in lines.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{message} ({})", items.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go_base64::InvalidBase64;

    #[test]
    fn groups_equal_messages_and_sorts_items() {
        let mut errors = ItemErrors::default();
        errors.insert("foo", Failure::NoKey { tried: Vec::new() });
        errors.insert("bad2", Failure::Base64(InvalidBase64 { offset: 0 }));
        errors.insert("bar", Failure::TooShort { length: 1, needed: 2 });
        assert_eq!(
            errors.to_string(),
            "no key could decrypt secret (bar, foo)\nillegal base64 data at input byte 0 (bad2)"
        );
        assert_eq!(errors.explanations(usize::MAX).len(), 3);
    }

    #[test]
    fn a_cause_is_named_with_as_many_items_as_asked_for() {
        let mut errors = ItemErrors::default();
        for item in ["a", "b", "c"] {
            errors.insert(item, Failure::NoKey { tried: Vec::new() });
        }
        for (shown, expected) in [(1, "a and 2 more"), (2, "a, b and 1 more"), (3, "a, b, c"), (usize::MAX, "a, b, c")]
        {
            assert_eq!(errors.explanations(shown), [format!("{expected}: there is no sealing key to try")]);
        }
    }
}
