//! Edits of a manifest that leave every other byte as it is.
//!
//! Edits name nodes of the tree that [`read_manifests`](crate::read_manifests) gave for the same bytes. They are collected
//! and made at once; then the result is read again and compared with the tree that was asked for. Whatever the heuristics
//! below overlook, an edit that would change anything else is refused, never written.
//!
//! Which way the data goes: the text → `outline` (where everything stands) → `text`, `block`, `flow` (bytes to be
//! replaced, a [`plan`]) → the new text → `compare`. `scan` has the small steps over the text.

mod block;
mod compare;
mod error;
mod flow;
mod outline;
mod plan;
mod scan;
mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use zeroize::Zeroizing;

pub use self::error::SpliceError;
use self::outline::{Holder, Identity, Kind, Outline, Place};
use self::plan::{Edit, MapChange, Source};
use self::scan::Scan;
use crate::error::Warning;
use crate::limits::Limits;
use crate::node::{Document, Node, Style};
use crate::reader::{Seen, read_and_see};
use crate::writer::Out;
use crate::writer::buffer::Buffer;

/// Edits to be made to one text.
///
/// ```
/// let text = b"a: 1  # one\nb: two\n";
/// let manifests = bulla_yaml::read_manifests(text, &bulla_yaml::Limits::default())?;
/// let mut splices = bulla_yaml::Splices::new(text);
/// splices.set_text(manifests[0].root.get("a").expect("it is there"), "yes")?;
/// splices.insert(&manifests[0].root, "c", &"three".into())?;
/// assert_eq!(*splices.apply()?, b"a: \"yes\"  # one\nb: two\nc: three\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Splices<'a> {
    text: &'a [u8],
    /// Read when the first edit comes.
    read: Option<Read>,
    changes: Vec<Change>,
    /// The places that they concern.
    changed: HashSet<usize>,
}

/// The text before the edits.
struct Read {
    documents: Vec<Document>,
    outline: Outline,
}

struct Change {
    place: usize,
    identity: Identity,
    line: usize,
    what: What,
}

/// One edit. `pair` is the index in [`Place::pairs`].
enum What {
    SetText(Zeroizing<String>),
    Insert { key: String, value: Out<'static> },
    Remove { pair: usize, key: String },
    Rename { pair: usize, key: String, to: String },
}

impl<'a> Splices<'a> {
    /// No edits yet. `text` is the whole input, all documents of it.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, read: None, changes: Vec::new(), changed: HashSet::new() }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Puts text in the place of a scalar. Without quotes if that is how the scalar is written and the text stays text so;
    /// otherwise in the quotes that it has, or in double quotes. A line of text stays in a block scalar.
    ///
    /// # Errors
    /// [`SpliceError`]; the edits so far are not lost.
    pub fn set_text(&mut self, node: &Node, text: &str) -> Result<(), SpliceError> {
        let line = node.span.position.line;
        if node.items().is_some() || node.entries().is_some() {
            return Err(SpliceError::NotAScalar { line, found: node.kind() });
        }
        let place = self.place(node)?;
        if self.changed.contains(&place) {
            return Err(SpliceError::Overlap { line });
        }
        self.add(place, node, What::SetText(Zeroizing::new(text.to_owned())));
        Ok(())
    }

    /// Puts a new key behind the last entry of a map, in the layout of the entries around. A null becomes a map.
    ///
    /// # Errors
    /// [`SpliceError`]; the edits so far are not lost.
    pub fn insert(&mut self, map: &Node, key: &str, value: &Out<'_>) -> Result<(), SpliceError> {
        let line = map.span.position.line;
        if !map.is_null() && map.entries().is_none() {
            return Err(SpliceError::NotAMap { line, found: map.kind() });
        }
        let place = self.place(map)?;
        if self.changes.iter().any(|change| change.place == place && matches!(change.what, What::SetText(_))) {
            return Err(SpliceError::Overlap { line });
        }
        if self.will_have(place, map, key) {
            return Err(SpliceError::KeyExists { line, key: key.to_owned() });
        }
        self.add(place, map, What::Insert { key: key.to_owned(), value: owned(value) });
        Ok(())
    }

    /// Takes a key out of a map, its value and its line with it. A map that has no keys left is written `{}`.
    ///
    /// # Errors
    /// [`SpliceError`]; the edits so far are not lost.
    pub fn remove(&mut self, map: &Node, key: &str) -> Result<(), SpliceError> {
        let (place, pair) = self.pair(map, key)?;
        self.add(place, map, What::Remove { pair, key: key.to_owned() });
        Ok(())
    }

    /// Gives a key of a map another name.
    ///
    /// # Errors
    /// [`SpliceError`]; the edits so far are not lost.
    pub fn rename(&mut self, map: &Node, key: &str, to: &str) -> Result<(), SpliceError> {
        let (place, pair) = self.pair(map, key)?;
        if self.will_have(place, map, to) {
            return Err(SpliceError::KeyExists { line: map.span.position.line, key: to.to_owned() });
        }
        let places = &self.read()?.outline.places;
        if let Some(anchor) = places[places[place].pairs[pair].key].anchor {
            return Err(SpliceError::Aliased { line: self.line(anchor) });
        }
        self.add(place, map, What::Rename { pair, key: key.to_owned(), to: to.to_owned() });
        Ok(())
    }

    /// Makes all edits, reads the result, and compares it with what was asked for.
    ///
    /// # Errors
    /// [`SpliceError`].
    pub fn apply(self) -> Result<Zeroizing<Vec<u8>>, SpliceError> {
        let Some(read) = &self.read else { return Ok(Zeroizing::new(self.text.to_vec())) };
        // The text has been read, so it is UTF-8.
        let text = std::str::from_utf8(self.text).unwrap_or_default();
        let source = Source { scan: Scan { text }, outline: &read.outline };
        let edited = edited(text, self.edits(source)?)?;
        let line = self.changes.iter().map(|change| change.line).min().unwrap_or(1);
        let differs = SpliceError::Differs { line };
        let limits = Limits { max_bytes: usize::MAX, ..limits() };
        let again = crate::read_manifests(edited.as_bytes(), &limits).map_err(|_| differs.clone())?;
        let mut wanted = compare::Wanted::new();
        for change in &self.changes {
            wanted.entry(change.identity).or_default().push(&change.what);
        }
        if !compare::is_as_wanted(&read.documents, &again, &wanted) {
            return Err(differs);
        }
        let mut edited = edited;
        Ok(Zeroizing::new(std::mem::take(&mut *edited).into_bytes()))
    }

    fn edits(&self, source: Source<'_>) -> Result<Vec<Edit>, SpliceError> {
        let mut edits = Vec::new();
        let mut maps: BTreeMap<usize, MapChange<'_>> = BTreeMap::new();
        for change in &self.changes {
            let place = source.place(change.place);
            match &change.what {
                What::SetText(text) => edits.extend(text::replace(source, place, text)?),
                What::Insert { key, value } => maps.entry(change.place).or_default().inserted.push((key, value)),
                What::Remove { pair, .. } => maps.entry(change.place).or_default().removed.push(*pair),
                What::Rename { pair, to, .. } => {
                    edits.push(text::rename(source, source.place(place.pairs[*pair].key), to)?);
                }
            }
        }
        for (place, change) in maps {
            edits.extend(map_edits(source, source.place(place), &change)?);
        }
        Ok(edits)
    }

    fn read(&mut self) -> Result<&Read, SpliceError> {
        if self.read.is_none() {
            let mut outline = Outline::default();
            // If this is not UTF-8, reading says so.
            let scan = Scan { text: std::str::from_utf8(self.text).unwrap_or_default() };
            let documents = read_and_see(self.text, &limits(), &mut |seen| match seen {
                Seen::Yaml(graph) => outline.add_graph(graph, scan),
                Seen::Json(root) => outline.add_json(root, scan),
            })?;
            return Ok(self.read.insert(Read { documents, outline }));
        }
        // Just looked at.
        self.read.as_ref().ok_or(SpliceError::NoPlace { line: 1 })
    }

    fn place(&mut self, node: &Node) -> Result<usize, SpliceError> {
        let line = node.span.position.line;
        let read = self.read()?;
        let index = read.outline.find(Identity::of(node)).ok_or(SpliceError::NoPlace { line })?;
        match read.outline.places[index].anchor {
            Some(anchor) => Err(SpliceError::Aliased { line: self.line(anchor) }),
            None => Ok(index),
        }
    }

    fn pair(&mut self, map: &Node, key: &str) -> Result<(usize, usize), SpliceError> {
        let line = map.span.position.line;
        let Some(entries) = map.entries() else { return Err(SpliceError::NotAMap { line, found: map.kind() }) };
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            return Err(SpliceError::NoSuchKey { line, key: key.to_owned() });
        };
        let place = self.place(map)?;
        let read = self.read()?;
        let pairs = &read.outline.places[place].pairs;
        let Some(pair) = pairs.iter().position(|pair| pair.key_at == entry.key_span.start) else {
            return Err(SpliceError::Merged { line, key: key.to_owned() });
        };
        let position = entry.key_span.position;
        let twice = |warning: &Warning| matches!(warning, Warning::DuplicateKey { position: later, key: name, .. } if *later == position && name == key);
        if read.documents.iter().any(|document| document.warnings.iter().any(twice)) {
            return Err(SpliceError::DuplicateKey { line: position.line, key: key.to_owned() });
        }
        let again = self.changes.iter().any(|change| {
            change.place == place
                && matches!(&change.what, What::Remove { pair: other, .. } | What::Rename { pair: other, .. } if *other == pair)
        });
        if again { Err(SpliceError::Overlap { line: position.line }) } else { Ok((place, pair)) }
    }

    /// Whether a map has a key once the edits so far are made.
    fn will_have(&self, place: usize, map: &Node, key: &str) -> bool {
        let mut has = map.get(key).is_some();
        for change in self.changes.iter().filter(|change| change.place == place) {
            match &change.what {
                What::Insert { key: new, .. } | What::Rename { to: new, .. } if new == key => has = true,
                What::Remove { key: old, .. } | What::Rename { key: old, .. } if old == key => has = false,
                _ => {}
            }
        }
        has
    }

    fn line(&self, at: usize) -> usize {
        Scan { text: std::str::from_utf8(self.text).unwrap_or_default() }.line(at)
    }

    fn add(&mut self, place: usize, node: &Node, what: What) {
        let identity = Identity::of(node);
        self.changed.insert(place);
        self.changes.push(Change { place, identity, line: node.span.position.line, what });
    }
}

fn limits() -> Limits {
    Limits { max_depth: usize::MAX, ..Limits::default() }
}

fn map_edits(source: Source<'_>, place: &Place, change: &MapChange<'_>) -> Result<Vec<Edit>, SpliceError> {
    let scan = source.scan;
    let blank = place.kind == Kind::Mapping
        && place.style == Style::Flow
        && scan.slice(place.start, place.end).bytes().all(|byte| matches!(byte, b'{' | b'}' | b' '));
    match place.kind {
        Kind::Scalar if place.holder == Holder::Colon && !place.json => block::grow(source, place, change),
        Kind::Scalar => flow::from_null(source, place, change),
        _ if blank && place.holder == Holder::Colon && !place.json => block::grow(source, place, change),
        _ if place.style == Style::Flow => flow::change(source, place, change),
        _ => block::change(source, place, change),
    }
}

/// The text with its edits.
fn edited(text: &str, mut edits: Vec<Edit>) -> Result<Zeroizing<String>, SpliceError> {
    // Stable: of insertions at one offset the deeper one comes first, then the one that was asked for first.
    edits.sort_by(|a, b| (a.start, a.end).cmp(&(b.start, b.end)).then(b.depth.cmp(&a.depth)));
    let added: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut buffer = Buffer::with_capacity(text.len() + added);
    let mut at = 0;
    for edit in &edits {
        let Some(between) = text.get(at..edit.start) else {
            let line = Scan { text }.line(edit.start);
            return Err(SpliceError::Overlap { line });
        };
        buffer.push_str(between);
        buffer.push_str(&edit.text);
        at = edit.end;
    }
    buffer.push_str(text.get(at..).unwrap_or_default());
    Ok(buffer.into_text())
}

fn owned(value: &Out<'_>) -> Out<'static> {
    match value {
        Out::Null => Out::Null,
        Out::Bool(value) => Out::Bool(*value),
        Out::Int(value) => Out::Int(*value),
        Out::Uint(value) => Out::Uint(*value),
        Out::Float(value) => Out::Float(*value),
        // Borrowed text may be secret.
        Out::Str(text) => Out::Secret(Zeroizing::new(text.clone().into_owned())),
        Out::Secret(text) => Out::Secret(text.clone()),
        Out::Sequence(items) => Out::Sequence(items.iter().map(owned).collect()),
        Out::Mapping(entries) => Out::Mapping(
            entries.iter().map(|(key, value)| (Cow::Owned(key.clone().into_owned()), owned(value))).collect(),
        ),
    }
}
