//! From the tree to bytes: which comment goes where, and each value in the style of go-yaml.
//!
//! Comments before the first item belong to the list or map itself, later ones to the item that follows, those behind the last item to its
//! foot; inline ones stand behind the next value. With nothing but comments, all of them belong to the list or map.

use bulla_yaml::go3::{Encoder, Notes};
use zeroize::Zeroizing;

use crate::sops::{Comment, Error, Item, Key, Tree, Value};

pub(in crate::sops::stores) fn emit(tree: &Tree, indent: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let size = tree.documents.iter().flatten().map(|item| item_size(item, 1)).sum();
    let mut encoder = Encoder::new(indent, size);
    for document in &tree.documents {
        encoder.begin_document(Zeroizing::default());
        map(&mut encoder, document, Notes::default())?;
        encoder.end_document(Zeroizing::default());
    }
    Ok(encoder.finish())
}

/// One value. sops indents it by 4, whatever is asked for.
pub(in crate::sops::stores) fn emit_value(value: &Value, _indent: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut encoder = Encoder::new(4, value_size(value, 1));
    encoder.begin_document(Zeroizing::default());
    write_value(&mut encoder, value, Notes::default())?;
    encoder.end_document(Zeroizing::default());
    Ok(encoder.finish())
}

fn map(encoder: &mut Encoder, items: &[Item], notes: Notes) -> Result<(), Error> {
    fn comment(item: &Item) -> Option<&Comment> {
        match &item.key {
            Key::Comment(comment) => Some(comment),
            _ => None,
        }
    }
    each(encoder, items, notes, comment, Encoder::begin_map, |encoder, item, notes| {
        write_key(encoder, &item.key, Notes { head: notes.head, foot: notes.foot, ..Notes::default() })?;
        write_value(encoder, &item.value, Notes { line: notes.line, ..Notes::default() })
    })
}

fn list(encoder: &mut Encoder, items: &[Value], notes: Notes) -> Result<(), Error> {
    fn comment(item: &Value) -> Option<&Comment> {
        match item {
            Value::Comment(comment) => Some(comment),
            _ => None,
        }
    }
    each(encoder, items, notes, comment, Encoder::begin_list, write_value)
}

/// Writes the items of a list or map, each with the comments that belong to it.
fn each<T>(
    encoder: &mut Encoder,
    items: &[T],
    mut notes: Notes,
    comment: fn(&T) -> Option<&Comment>,
    begin: fn(&mut Encoder, bool, Notes),
    write: impl Fn(&mut Encoder, &T, Notes) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut waiting = Waiting::default();
    let first = items.iter().position(|item| comment(item).is_none());
    let after_last = items.iter().rposition(|item| comment(item).is_none()).map_or(0, |last| last + 1);
    let (items, trailing) = items.split_at(after_last);
    let (leading, items) = items.split_at(first.unwrap_or(0));

    leading.iter().filter_map(comment).for_each(|comment| waiting.push(comment));
    let mut foot = Waiting::default();
    trailing.iter().filter_map(comment).for_each(|comment| foot.push(comment));
    if items.is_empty() {
        notes.head = joined(&notes.head, &foot.all())?;
        begin(encoder, true, notes);
        encoder.end();
        return Ok(());
    }
    notes.head = joined(&notes.head, &std::mem::take(&mut waiting.own))?;
    begin(encoder, false, notes);
    let last = items.len() - 1;
    for (index, item) in items.iter().enumerate() {
        match comment(item) {
            Some(comment) => waiting.push(comment),
            None => {
                let mut notes = waiting.take()?;
                if index == last {
                    notes.foot = joined("", &foot.all())?;
                }
                write(encoder, item, notes)?;
            }
        }
    }
    encoder.end();
    Ok(())
}

fn write_key(encoder: &mut Encoder, key: &Key, notes: Notes) -> Result<(), Error> {
    match key {
        Key::Name(name) => encoder.text(name.as_bytes(), notes),
        Key::Other { go_type, text } => match (*go_type, text.parse()) {
            ("float64", Ok(number)) => encoder.float(number, notes),
            ("<nil>", _) => encoder.plain("null", notes),
            ("time.Time", _) => encoder.plain(&rfc_3339(text), notes),
            ("int" | "int64" | "uint64" | "bool", _) => encoder.plain(text, notes),
            _ => return Err(Error::Unwritable(format!("Error marshaling to YAML: a key is a {go_type}"))),
        },
        // Comments were taken out before.
        Key::Comment(_) => {}
    }
    Ok(())
}

fn write_value(encoder: &mut Encoder, value: &Value, notes: Notes) -> Result<(), Error> {
    match value {
        Value::Map(items) => map(encoder, items, notes)?,
        Value::List(items) => list(encoder, items, notes)?,
        Value::Text(text) => encoder.text(text, notes),
        Value::Int(number) => encoder.plain(&Zeroizing::new(number.to_string()), notes),
        Value::Uint(number) => encoder.plain(&Zeroizing::new(number.to_string()), notes),
        Value::Float(number) => encoder.float(*number, notes),
        Value::Bool(value) => encoder.plain(if *value { "true" } else { "false" }, notes),
        Value::Time(time) => encoder.plain(time.as_str(), notes),
        Value::Null => encoder.plain("null", notes),
        // The value of a key that was encrypted as a comment: sops writes its own structure.
        Value::Comment(comment) => {
            encoder.begin_map(false, notes);
            encoder.text(b"value", Notes::default());
            encoder.text(&comment.text, Notes::default());
            encoder.text(b"inline", Notes::default());
            encoder.plain(if comment.inline { "true" } else { "false" }, Notes::default());
            encoder.end();
        }
    }
    Ok(())
}

/// Comments whose item is still to come.
#[derive(Default)]
struct Waiting<'a> {
    own: Vec<&'a Comment>,
    inline: Vec<&'a Comment>,
}

impl<'a> Waiting<'a> {
    fn push(&mut self, comment: &'a Comment) {
        if comment.inline { &mut self.inline } else { &mut self.own }.push(comment);
    }

    fn take(&mut self) -> Result<Notes, Error> {
        let notes = Notes { head: joined("", &self.own)?, line: joined("", &self.inline)?, ..Notes::default() };
        self.own.clear();
        self.inline.clear();
        Ok(notes)
    }

    /// Those behind the last item: there is no value left for the inline ones.
    fn all(&self) -> Vec<&'a Comment> {
        self.own.iter().chain(&self.inline).copied().collect()
    }
}

/// Lines of comment below those that are there.
fn joined(above: &str, comments: &[&Comment]) -> Result<Zeroizing<String>, Error> {
    let size = comments.iter().map(|comment| comment.text.len() + 2).sum::<usize>();
    let mut text = Zeroizing::new(String::with_capacity(above.len() + size));
    text.push_str(above);
    for comment in comments {
        let line = std::str::from_utf8(&comment.text)
            .map_err(|_| Error::Unwritable("Error marshaling to YAML: a comment is not UTF-8".to_owned()))?;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push('#');
        text.push_str(line);
    }
    Ok(text)
}

/// A time as Go prints it (`2024-01-02 03:04:05.6 +0200 CEST`) to RFC 3339.
fn rfc_3339(printed: &str) -> String {
    let mut parts = printed.split(' ');
    let (Some(date), Some(clock), Some(zone)) = (parts.next(), parts.next(), parts.next()) else {
        return printed.to_owned();
    };
    match zone.split_at_checked(3) {
        Some(("+00", "00")) => format!("{date}T{clock}Z"),
        Some((hours, minutes)) => format!("{date}T{clock}{hours}:{minutes}"),
        None => printed.to_owned(),
    }
}

/// A guess at the written size in bytes, so that the buffer seldom grows.
fn value_size(value: &Value, depth: usize) -> usize {
    match value {
        Value::Map(items) => 4 + items.iter().map(|item| item_size(item, depth + 1)).sum::<usize>(),
        Value::List(items) => 4 + items.iter().map(|item| 4 * depth + 4 + value_size(item, depth + 1)).sum::<usize>(),
        Value::Text(text) => text.len() + text.len() / 16 + 8,
        Value::Comment(comment) => comment.text.len() + 16,
        _ => 24,
    }
}

fn item_size(item: &Item, depth: usize) -> usize {
    let key = match &item.key {
        Key::Name(name) => name.len(),
        Key::Comment(comment) => comment.text.len(),
        Key::Other { text, .. } => text.len(),
    };
    4 * depth + key + 4 + value_size(&item.value, depth)
}
