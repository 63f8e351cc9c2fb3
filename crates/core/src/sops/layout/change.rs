//! Setting, taking out and renaming: first the text gets the shape that is asked for, with placeholders for new values; then it is
//! encrypted again, and everything that did not change keeps its ciphertext.

mod flat;
mod nested;

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::edits::Edits;
use super::leaves::{self, LeafMut};
use super::locate::{Places, locate};
use super::path::{Path, Step};
use super::seal::{Before, Sealing, finish};
use super::token::{Source, Spellings};
use super::{Error, entry};
use crate::sops::{Branch, Format, Key, Metadata, Tree, Value};

/// What becomes of what stands at a path.
pub struct Change {
    /// The document, from 0.
    pub document: usize,
    /// Where.
    pub path: Path,
    /// What.
    pub op: Op,
}

/// What becomes of it.
pub enum Op {
    /// It is this from now on. Parents that are missing are made; a place behind the end of a list is its next one.
    Set(Value),
    /// It goes.
    Unset,
    /// Its key gets another name.
    Rename(String),
}

/// A new value for a place that is there.
struct NewValue {
    document: usize,
    path: Path,
    value: Value,
}

/// Makes the changes in an encrypted file. `None`: everything is as it should be already.
///
/// # Errors
/// [`Error`]; then there is nothing to be written.
pub fn change(
    format: Format,
    before: &Before<'_>,
    changes: Vec<Change>,
    metadata: &mut Metadata,
    sealing: &Sealing<'_>,
) -> Result<Option<Vec<u8>>, Error> {
    let old = locate(format, before.text)?;
    let spellings = Spellings::of(format, before.text, &old);
    let known = plaintexts(&old, format, before.plain)?;

    let mut shape = Shape::new(format, before.text, &old)?;
    let mut values = Vec::new();
    for change in changes {
        shape.make(change, &mut values)?;
    }
    let (text, is_reshaped) = shape.into_text(format, before.text, &old, metadata)?;

    let places = locate(format, &text)?;
    let parts = places.parts(format);
    let mut plain = parts.body.clone();
    for document in &mut plain.documents {
        leaves::each_mut(document, &mut |leaf| substitute(leaf, &known));
    }
    let mut is_changed = is_reshaped;
    for NewValue { document, path, value } in values {
        let place = plain.documents.get_mut(document).and_then(|document| find_mut(document, &path.0));
        let place = place.ok_or_else(|| Error::NoSuchPath { path: path.to_string() })?;
        if *place != value {
            is_changed = true;
            *place = value;
        }
    }
    if !is_changed {
        return Ok(None);
    }
    let source = Source { format, text: &text, indent: old.indent, spellings: Some(&spellings) };
    finish(source, &places, &parts, &plain, metadata, sealing, false).map(Some)
}

/// What each ciphertext stands for.
fn plaintexts<'p>(old: &Places, format: Format, plain: &'p Tree) -> Result<HashMap<Vec<u8>, leaves::Leaf<'p>>, Error> {
    let parts = old.parts(format);
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    parts.body.documents.iter().for_each(|document| leaves::of_branch(document, &mut sealed));
    plain.documents.iter().for_each(|document| leaves::of_branch(document, &mut opened));
    if sealed.len() != opened.len() {
        return Err(Error::Differs(String::new()));
    }
    let pairs = sealed.iter().zip(opened).filter(|(sealed, opened)| !sealed.is_same(opened));
    Ok(pairs.filter_map(|(sealed, opened)| Some((sealed.text()?.to_vec(), opened))).collect())
}

fn substitute(leaf: LeafMut<'_>, known: &HashMap<Vec<u8>, leaves::Leaf<'_>>) {
    match leaf {
        LeafMut::Comment(comment) => {
            if let Some(text) = known.get(comment.text.as_slice()).and_then(leaves::Leaf::text) {
                comment.text = Zeroizing::new(text.to_vec());
            }
        }
        LeafMut::Value(value) => {
            let text = match &*value {
                Value::Text(text) => text,
                Value::Comment(comment) => &comment.text,
                _ => return,
            };
            match known.get(text.as_slice()) {
                Some(leaves::Leaf::Value(plain)) => *value = (*plain).clone(),
                Some(leaves::Leaf::Comment(comment)) => *value = Value::Comment((*comment).clone()),
                None => {}
            }
        }
    }
}

fn find_mut<'a>(branch: &'a mut Branch, steps: &[Step]) -> Option<&'a mut Value> {
    let (first, rest) = steps.split_first()?;
    let Step::Key(key) = first else { return None };
    let item = branch.iter_mut().find(|item| item.key == Key::Name(key.clone()))?;
    find_value_mut(&mut item.value, rest)
}

fn find_value_mut<'a>(value: &'a mut Value, steps: &[Step]) -> Option<&'a mut Value> {
    match (steps.split_first(), value) {
        (None, value) => Some(value),
        (Some((Step::Key(_), _)), Value::Map(branch)) => find_mut(branch, steps),
        (Some((Step::Index(index), rest)), Value::List(items)) => {
            let item = items.iter_mut().filter(|item| !matches!(item, Value::Comment(_))).nth(*index)?;
            find_value_mut(item, rest)
        }
        _ => None,
    }
}

/// A text whose shape is being changed, without its `sops` entries as soon as there is a change.
struct Shape {
    format: Format,
    text: Zeroizing<Vec<u8>>,
    tree: Tree,
    is_changed: bool,
}

impl Shape {
    fn new(format: Format, text: &[u8], places: &Places) -> Result<Self, Error> {
        let mut edits = Edits::default();
        entry::remove(places, &mut edits);
        let text = entry::apply(text, edits)?;
        Ok(Self { format, text, tree: places.parts(format).body, is_changed: false })
    }

    fn make(&mut self, change: Change, values: &mut Vec<NewValue>) -> Result<(), Error> {
        let Change { document, path, op } = change;
        if document >= self.tree.documents.len() {
            return Err(Error::Refused(format!("there are only {} documents", self.tree.documents.len())));
        }
        match op {
            Op::Set(value) => self.set(document, path, value, values),
            Op::Unset => {
                self.need(document, &path)?;
                self.unset(document, &path)
            }
            Op::Rename(name) => {
                self.need(document, &path)?;
                let Some((Step::Key(old), above)) = path.0.split_last() else {
                    return Err(Error::Refused("a place in a list has no name".to_owned()));
                };
                if *old == name {
                    return Ok(());
                }
                let mut taken = Path(above.to_vec());
                taken.0.push(Step::Key(name.clone()));
                if self.found(document, &taken).is_some() {
                    return Err(Error::Taken { path: taken.to_string() });
                }
                let text = match self.format {
                    Format::Yaml | Format::Json => nested::rename(&self.text, document, above, old, &name)?,
                    _ => flat::rename(self.format, &self.text, &path, &name)?,
                };
                self.take(text)
            }
        }
    }

    fn set(&mut self, document: usize, path: Path, value: Value, values: &mut Vec<NewValue>) -> Result<(), Error> {
        let below = |step: Step| {
            let mut path = path.clone();
            path.0.push(step);
            path
        };
        match (self.found(document, &path).cloned(), value) {
            (Some(Value::Map(old)), Value::Map(new)) => {
                for item in &old {
                    if let Some(name) = item.name().filter(|name| !new.iter().any(|item| item.name() == Some(*name))) {
                        self.unset(document, &below(Step::Key(name.to_owned())))?;
                    }
                }
                for item in new {
                    let Some(name) = item.name().map(str::to_owned) else { continue };
                    self.set(document, below(Step::Key(name)), item.value, values)?;
                }
                Ok(())
            }
            (Some(Value::List(old)), Value::List(new)) => {
                let count = old.iter().filter(|item| !matches!(item, Value::Comment(_))).count();
                for index in (new.len()..count).rev() {
                    self.unset(document, &below(Step::Index(index)))?;
                }
                for (index, item) in new.into_iter().enumerate() {
                    self.set(document, below(Step::Index(index)), item, values)?;
                }
                Ok(())
            }
            (Some(old), new) => {
                if old.is_complex() || new.is_complex() {
                    let text = match self.format {
                        Format::Yaml | Format::Json => nested::replace(self.format, &self.text, document, &path, &new)?,
                        _ => return Err(Error::Refused("lists and maps have no place in this format".to_owned())),
                    };
                    self.take(text)?;
                }
                note(document, path, new, values);
                Ok(())
            }
            (None, new) => {
                let text = match self.format {
                    Format::Yaml | Format::Json => {
                        nested::insert(self.format, &self.text, &self.tree, document, &path, &new)?
                    }
                    _ => flat::insert(self.format, &self.text, &path, &new)?,
                };
                self.take(text)?;
                let path = self.landed(document, path)?;
                note(document, path, new, values);
                Ok(())
            }
        }
    }

    /// Where a new value stands: a place behind the end of a list is its last one now.
    fn landed(&self, document: usize, mut path: Path) -> Result<Path, Error> {
        for length in 1..=path.0.len() {
            if let Step::Index(_) = path.0[length - 1] {
                let list = Path(path.0[..length - 1].to_vec());
                let count = match self.found(document, &list) {
                    Some(Value::List(items)) => items.iter().filter(|item| !matches!(item, Value::Comment(_))).count(),
                    _ => 0,
                };
                if let Step::Index(index) = &mut path.0[length - 1]
                    && *index >= count
                {
                    *index = count.saturating_sub(1);
                }
            }
        }
        self.need(document, &path)?;
        Ok(path)
    }

    fn unset(&mut self, document: usize, path: &Path) -> Result<(), Error> {
        let text = match self.format {
            Format::Yaml | Format::Json => nested::remove(&self.text, document, path)?,
            _ => flat::remove(self.format, &self.text, path)?,
        };
        self.take(text)
    }

    fn found(&self, document: usize, path: &Path) -> Option<&Value> {
        path.find(self.tree.documents.get(document)?)
    }

    fn need(&self, document: usize, path: &Path) -> Result<(), Error> {
        match self.found(document, path) {
            Some(_) => Ok(()),
            None => Err(Error::NoSuchPath { path: path.to_string() }),
        }
    }

    /// The text after a step, read again.
    fn take(&mut self, text: Zeroizing<Vec<u8>>) -> Result<(), Error> {
        self.tree = self.format.load_plain(&text)?;
        self.text = text;
        self.is_changed = true;
        Ok(())
    }

    /// The text with its entries again, and whether its shape has changed.
    fn into_text(
        self,
        format: Format,
        before: &[u8],
        old: &Places,
        metadata: &Metadata,
    ) -> Result<(Zeroizing<Vec<u8>>, bool), Error> {
        if !self.is_changed {
            return Ok((Zeroizing::new(before.to_vec()), false));
        }
        let places = locate(format, &self.text)?;
        let raw = entry::raw(before, old);
        Ok((entry::insert(format, &self.text, &places, metadata, raw)?, true))
    }
}

/// The scalars of a new value, each with its path. The shape is there already.
fn note(document: usize, path: Path, value: Value, values: &mut Vec<NewValue>) {
    let below = |step: Step| {
        let mut path = path.clone();
        path.0.push(step);
        path
    };
    match value {
        Value::Map(branch) => {
            for item in branch {
                if let Some(name) = item.name().map(str::to_owned) {
                    note(document, below(Step::Key(name)), item.value, values);
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.into_iter().enumerate() {
                note(document, below(Step::Index(index)), item, values);
            }
        }
        value => values.push(NewValue { document, path, value }),
    }
}
