//! The leaves of a tree in the order of the walk: values (nulls too) and comments.

use crate::sops::{Branch, Comment, Item, Key, Value};

/// A leaf.
#[derive(Clone, Copy)]
pub(super) enum Leaf<'a> {
    Value(&'a Value),
    Comment(&'a Comment),
}

/// All leaves of a document.
pub(super) fn of_branch<'a>(branch: &'a Branch, leaves: &mut Vec<Leaf<'a>>) {
    for item in branch {
        of_item(item, leaves);
    }
}

/// The leaves of one item.
pub(super) fn of_item<'a>(item: &'a Item, leaves: &mut Vec<Leaf<'a>>) {
    match &item.key {
        Key::Comment(comment) => leaves.push(Leaf::Comment(comment)),
        _ => of_value(&item.value, leaves),
    }
}

/// The leaves of a value.
pub(super) fn of_value<'a>(value: &'a Value, leaves: &mut Vec<Leaf<'a>>) {
    match value {
        Value::Map(branch) => of_branch(branch, leaves),
        Value::List(items) => items.iter().for_each(|item| of_value(item, leaves)),
        Value::Comment(comment) => leaves.push(Leaf::Comment(comment)),
        value => leaves.push(Leaf::Value(value)),
    }
}

/// A leaf to be changed.
pub(super) enum LeafMut<'a> {
    Value(&'a mut Value),
    Comment(&'a mut Comment),
}

/// Calls `change` for each leaf.
pub(super) fn each_mut(branch: &mut Branch, change: &mut dyn FnMut(LeafMut<'_>)) {
    for item in branch {
        match &mut item.key {
            Key::Comment(comment) => change(LeafMut::Comment(comment)),
            _ => each_value_mut(&mut item.value, change),
        }
    }
}

fn each_value_mut(value: &mut Value, change: &mut dyn FnMut(LeafMut<'_>)) {
    match value {
        Value::Map(branch) => each_mut(branch, change),
        Value::List(items) => items.iter_mut().for_each(|item| each_value_mut(item, change)),
        value => change(LeafMut::Value(value)),
    }
}

impl<'a> Leaf<'a> {
    /// The text of a comment or of a text.
    pub(super) fn text(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Comment(comment) | Self::Value(Value::Comment(comment)) => Some(&comment.text),
            Self::Value(Value::Text(text)) => Some(text),
            Self::Value(_) => None,
        }
    }

    fn is_comment(&self) -> bool {
        matches!(self, Self::Comment(_) | Self::Value(Value::Comment(_)))
    }

    /// Whether both stand for the same. An encrypted comment in a list is a text for sops and a comment for us.
    pub(super) fn is_same(&self, other: &Leaf<'a>) -> bool {
        let (one, two): (Leaf<'_>, Leaf<'_>) = (*self, *other);
        match (one, two) {
            _ if self.is_comment() && other.is_comment() => self.text() == other.text(),
            _ if self.is_comment() || other.is_comment() => {
                self.text() == other.text() && self.text().is_some_and(is_sealed_comment)
            }
            (Self::Value(a), Self::Value(b)) => same_scalar(a, b),
            _ => false,
        }
    }
}

/// Whether a text is an encrypted comment.
pub(super) fn is_sealed_comment(text: &[u8]) -> bool {
    text.starts_with(b"ENC[") && text.ends_with(b",type:comment]")
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a == b || a.is_nan() && b.is_nan(),
        (a, b) => a == b,
    }
}

/// Whether two documents are the same, but for where a comment is said to stand behind a value.
pub(super) fn same(a: &Branch, b: &Branch) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match (&a.key, &b.key) {
            (Key::Comment(a), Key::Comment(b)) => a.text == b.text,
            (Key::Comment(_), _) | (_, Key::Comment(_)) => false,
            (a_key, b_key) => a_key == b_key && same_value(&a.value, &b.value),
        })
}

fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Map(a), Value::Map(b)) => same(a, b),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Value::Map(_) | Value::List(_), _) | (_, Value::Map(_) | Value::List(_)) => false,
        (a, b) => Leaf::Value(a).is_same(&Leaf::Value(b)),
    }
}

/// Whether two documents hold the same values, wherever their comments stand.
pub(super) fn same_but_comments(a: &Branch, b: &Branch) -> bool {
    let items = |branch: &Branch| -> Vec<Item> {
        branch.iter().filter(|item| !matches!(item.key, Key::Comment(_))).map(without_comments).collect()
    };
    same(&items(a), &items(b))
}

fn without_comments(item: &Item) -> Item {
    fn value(from: &Value) -> Value {
        match from {
            Value::Map(branch) => Value::Map(
                branch.iter().filter(|item| !matches!(item.key, Key::Comment(_))).map(without_comments).collect(),
            ),
            Value::List(items) => {
                Value::List(items.iter().filter(|item| !matches!(item, Value::Comment(_))).map(value).collect())
            }
            other => other.clone(),
        }
    }
    Item { key: item.key.clone(), value: value(&item.value) }
}
