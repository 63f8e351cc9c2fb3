//! Where something stands in a tree: documents, keys and list indices, unlike the additional data of a value, which has keys only.

use std::fmt;

use super::select::Place as State;
use super::{Branch, Comment, Error, Key, Metadata, Selection, Tree, Value, typed};

/// One step from the root of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A key of a map; one that is no text as Go prints it.
    Key(&'a str),
    /// An element of a list, comments not counted, from 0.
    Index(usize),
    /// A comment of a map or list, from 0.
    Comment(usize),
}

/// A place in a tree.
pub(super) struct Place<'p, 'a> {
    /// Index of the document.
    pub(super) document: usize,
    /// From the root of the document.
    pub(super) steps: &'p [Step<'a>],
    /// Whether the selector says that what stands here is encrypted; of maps and lists it says nothing.
    pub(super) selected: bool,
}

/// What stands there.
#[derive(Clone, Copy)]
pub(super) enum Found<'a> {
    /// A value; maps and lists come before what is in them.
    Value(&'a Value),
    /// A comment: between items, in a list, or where a value of type `comment` was decrypted.
    Comment(&'a Comment),
}

/// Shows every map, list, value and comment of a tree, in the order of the file.
pub(super) fn visit<'a>(tree: &'a Tree, selection: &Selection, see: &mut dyn FnMut(&Place<'_, 'a>, Found<'a>)) {
    for (document, branch) in tree.documents.iter().enumerate() {
        Walk { document, steps: Vec::new(), selection, state: State::default(), see }.branch(branch);
    }
}

/// Is shown the place, whether the value is encrypted, its type and its bytes.
type SeeValue<'f> = &'f mut dyn FnMut(&str, bool, &'static str, &[u8]);

/// Shows every value of a tree (maps, lists and comments are none): its place as messages have it, whether the selector says that it
/// is encrypted, its type (`str`, `int`, `float`, `bool`, `time`, `null`) and its bytes. The tree may be encrypted or not.
///
/// # Errors
/// [`Error::InvalidRegex`] if the selector is none.
pub fn each_value(tree: &Tree, metadata: &Metadata, see: SeeValue<'_>) -> Result<(), Error> {
    let selection = metadata.selector.compile()?;
    visit(tree, &selection, &mut |place, found| {
        let Found::Value(value) = found else { return };
        let kind = match value {
            Value::Map(_) | Value::List(_) | Value::Comment(_) => return,
            Value::Text(_) => "str",
            Value::Int(_) | Value::Uint(_) => "int",
            Value::Float(_) => "float",
            Value::Bool(_) => "bool",
            Value::Time(_) => "time",
            Value::Null => "null",
        };
        let bytes = typed::bytes(value).unwrap_or_default();
        see(&place.to_string(), place.selected, kind, &bytes);
    });
    Ok(())
}

struct Walk<'a, 's> {
    document: usize,
    steps: Vec<Step<'a>>,
    selection: &'s Selection,
    state: State,
    see: &'s mut dyn FnMut(&Place<'_, 'a>, Found<'a>),
}

impl<'a> Walk<'a, '_> {
    fn branch(&mut self, branch: &'a Branch) {
        Selection::enter_container(&mut self.state);
        let mut comments = 0;
        for item in branch {
            let name = match &item.key {
                Key::Comment(comment) => {
                    self.comment(comment, &mut comments);
                    continue;
                }
                Key::Name(name) => name,
                Key::Other { text, .. } => text,
            };
            if let Value::Comment(comment) = &item.value {
                self.selection.comment(&mut self.state, &comment.text);
            }
            let matched = self.selection.enter_key(&mut self.state, name);
            self.steps.push(Step::Key(name));
            self.value(&item.value);
            self.steps.pop();
            Selection::leave_key(&mut self.state, matched);
            if !matches!(item.value, Value::Comment(_)) {
                Selection::item_is_over(&mut self.state);
            }
        }
        Selection::leave_container(&mut self.state);
    }

    fn list(&mut self, list: &'a [Value]) {
        Selection::enter_container(&mut self.state);
        let (mut index, mut comments) = (0, 0);
        for value in list {
            if let Value::Comment(comment) = value {
                self.comment(comment, &mut comments);
                continue;
            }
            self.steps.push(Step::Index(index));
            self.value(value);
            self.steps.pop();
            Selection::item_is_over(&mut self.state);
            index += 1;
        }
        Selection::leave_container(&mut self.state);
    }

    fn value(&mut self, value: &'a Value) {
        match value {
            Value::Comment(comment) => self.show(Found::Comment(comment)),
            _ => self.show(Found::Value(value)),
        }
        match value {
            Value::Map(branch) => self.branch(branch),
            Value::List(list) => self.list(list),
            _ => {}
        }
    }

    fn comment(&mut self, comment: &'a Comment, number: &mut usize) {
        self.selection.comment(&mut self.state, &comment.text);
        self.steps.push(Step::Comment(*number));
        self.show(Found::Comment(comment));
        self.steps.pop();
        *number += 1;
    }

    fn show(&mut self, found: Found<'a>) {
        let selected = self.selection.selects(&self.state, matches!(found, Found::Comment(_)));
        (self.see)(&Place { document: self.document, steps: &self.steps, selected }, found);
    }
}

impl<'a> Place<'_, 'a> {
    /// The keys alone: what a selector looks at, and what the additional data is made of.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        let keys = self.steps.iter().filter_map(|step| match step {
            Step::Key(key) => Some(*key),
            Step::Index(_) | Step::Comment(_) => None,
        });
        keys.collect()
    }

    /// The place in bytes, such that no two places give the same, and that a place begins with the bytes of those above it: 4 for the
    /// document, then for each step 1 for its kind (`k`, `i`, `c`) and 8 for the number; for a key 8 for its length and then the key.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = u32::try_from(self.document).unwrap_or(u32::MAX).to_be_bytes().to_vec();
        for step in self.steps {
            let (kind, number, key) = match step {
                Step::Key(key) => (b'k', key.len(), *key),
                Step::Index(index) => (b'i', *index, ""),
                Step::Comment(number) => (b'c', *number, ""),
            };
            bytes.push(kind);
            bytes.extend((number as u64).to_be_bytes());
            bytes.extend(key.as_bytes());
        }
        bytes
    }
}

/// `database.users[2]."odd key"`, with `document 2: ` in front where it is not the first; the root is `.`.
impl fmt::Display for Place<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.document > 0 {
            write!(f, "document {}: ", self.document + 1)?;
        }
        let steps = match self.steps {
            [above @ .., Step::Comment(number)] => {
                write!(f, "comment {} of ", number + 1)?;
                above
            }
            steps => steps,
        };
        if steps.is_empty() {
            return f.write_str("the top level");
        }
        for (position, step) in steps.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Comment(_) => {}
                Step::Key(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-/".contains(letter);
                    if !key.is_empty() && key.chars().all(plain) {
                        write!(f, "{dot}{key}")?;
                    } else {
                        write!(f, "{dot}{key:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Item, Selector};
    use super::*;

    #[test]
    fn places_are_shown_with_indices_and_escaped_keys_and_comments_are_no_elements() {
        let tree = Tree {
            documents: vec![
                vec![
                    Item::comment(Comment::new("top")),
                    Item::new("a.b", Value::Map(vec![Item::new("c", Value::Null)])),
                    Item::new(
                        "l",
                        Value::List(vec![
                            Value::Comment(Comment::new("in")),
                            Value::List(vec![Value::text("x")]),
                            Value::Int(1),
                        ]),
                    ),
                ],
                vec![Item::new("", Value::Bool(true))],
            ],
        };
        let mut seen = Vec::new();
        let mut bytes = Vec::new();
        let selection = Selector::UnencryptedSuffix("_unencrypted".to_owned()).compile().unwrap();
        visit(&tree, &selection, &mut |place, _| {
            seen.push(place.to_string());
            bytes.push(place.bytes());
        });
        let expected = [
            "comment 1 of the top level",
            "\"a.b\"",
            "\"a.b\".c",
            "l",
            "comment 1 of l",
            "l[0]",
            "l[0][0]",
            "l[1]",
            "document 2: \"\"",
        ];
        assert_eq!(seen, expected);
        let mut unique = bytes.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), bytes.len(), "two places give the same bytes");
        assert!(bytes[2].starts_with(&bytes[1]) && !bytes[3].starts_with(&bytes[1]));
    }
}
