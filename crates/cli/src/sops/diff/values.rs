//! The values of a file by place, and what became of them.

use std::collections::{HashMap, HashSet};

use bulla_core::sops::{Metadata, Tree, each_value};
use zeroize::Zeroizing;

use crate::report::Result;
use crate::sops::trust::not_open;

/// One side of a comparison.
pub(super) struct Side {
    rows: Vec<Row>,
    /// Whether the texts are those of the values, and not of ciphertexts.
    plain: bool,
}

struct Row {
    place: String,
    /// The value, with its type in front; or the ciphertext.
    text: Zeroizing<String>,
    /// Whether the text is a ciphertext.
    sealed: bool,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Added,
    Removed,
    Renamed,
    Changed,
    /// The ciphertext is another one.
    Unknown,
    Unchanged,
}

/// A value, and what became of it.
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) place: String,
    /// The place before, if it has another one.
    pub(super) from: Option<String>,
    pub(super) before: Option<Zeroizing<String>>,
    pub(super) after: Option<Zeroizing<String>>,
}

impl Kind {
    pub(super) fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Renamed => '>',
            Self::Changed => '~',
            Self::Unknown => '?',
            Self::Unchanged => '=',
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Unknown => "changed or re-encrypted (unknown)",
            Self::Unchanged => "unchanged",
        }
    }

    pub(super) fn name(self) -> &'static str {
        if self == Self::Unknown { "unknown" } else { self.words() }
    }
}

impl Side {
    /// With the plaintext.
    pub(super) fn opened(plain: &Tree, metadata: &Metadata) -> Result<Self> {
        Ok(Self { plain: true, ..Self::sealed(plain, metadata)? })
    }

    /// As it stands in the file.
    pub(super) fn sealed(tree: &Tree, metadata: &Metadata) -> Result<Self> {
        let mut rows = Vec::new();
        each_value(tree, metadata, &mut |place, selected, kind, text| {
            let sealed = selected && !text.is_empty();
            let text = Zeroizing::new(format!("{kind}:{}", String::from_utf8_lossy(text)));
            rows.push(Row { place: place.to_owned(), text, sealed });
        })
        .map_err(|error| not_open("the file", &error))?;
        Ok(Self { rows, plain: false })
    }
}

/// The differences, in the order of the second side; what was removed comes behind.
pub(super) fn changes(one: &Side, two: &Side) -> Vec<Change> {
    let plain = one.plain && two.plain;
    let shown = |row: &Row| {
        let value = row.text.split_once(':').map_or("", |(_, value)| value);
        plain.then(|| Zeroizing::new(value.to_owned()))
    };
    let by_place: HashMap<&str, usize> =
        one.rows.iter().enumerate().map(|(index, row)| (row.place.as_str(), index)).collect();
    let mut partners: Vec<Option<usize>> =
        two.rows.iter().map(|row| by_place.get(row.place.as_str()).copied()).collect();
    let kept: HashSet<usize> = partners.iter().flatten().copied().collect();
    let mut gone: Vec<usize> = (0..one.rows.len()).filter(|index| !kept.contains(index)).collect();
    // Renamed: the same text at another place. Ciphertexts are bound to their places, so this needs the plaintext, or a clear value.
    let mut renamed = vec![false; two.rows.len()];
    for (index, row) in two.rows.iter().enumerate().filter(|(_, row)| plain || !row.sealed) {
        let is_same = |other: &usize| one.rows[*other].text == row.text && row.text.len() > 2;
        if partners[index].is_none()
            && let Some(at) = gone.iter().position(is_same)
        {
            partners[index] = Some(gone.remove(at));
            renamed[index] = true;
        }
    }
    let mut changes: Vec<Change> = two
        .rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let before = partners[index].map(|partner| &one.rows[partner]);
            let kind = match before {
                None => Kind::Added,
                Some(_) if renamed[index] => Kind::Renamed,
                Some(before) if before.text == row.text => Kind::Unchanged,
                Some(before) if !plain && before.sealed && row.sealed => Kind::Unknown,
                Some(_) => Kind::Changed,
            };
            let from = before.filter(|_| renamed[index]).map(|before| before.place.clone());
            let place = row.place.clone();
            Change { kind, place, from, before: before.and_then(shown), after: shown(row) }
        })
        .collect();
    changes.extend(gone.iter().map(|index| {
        let row = &one.rows[*index];
        Change { kind: Kind::Removed, place: row.place.clone(), from: None, before: shown(row), after: None }
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(rows: &[(&str, &str)], plain: bool) -> Side {
        let row = |(place, text): &(&str, &str)| Row {
            place: (*place).to_owned(),
            text: Zeroizing::new(format!("str:{text}")),
            sealed: true,
        };
        Side { rows: rows.iter().map(row).collect(), plain }
    }

    fn told(one: &Side, two: &Side) -> Vec<String> {
        let words = |change: &Change| format!("{} {}", change.kind.sign(), change.place);
        changes(one, two).iter().map(words).collect()
    }

    #[test]
    fn values_are_told_apart_by_place_and_by_what_they_are() {
        let one = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
        let two = [("a", "1"), ("b", "x"), ("e", "3"), ("f", "6")];
        assert_eq!(told(&side(&one, true), &side(&two, true)), ["= a", "~ b", "> e", "+ f", "- d"]);
        assert_eq!(told(&side(&one, false), &side(&two, false)), ["= a", "? b", "+ e", "+ f", "- c", "- d"]);
    }
}
