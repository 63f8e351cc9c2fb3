//! The shape of YAML and JSON files: keys and elements come, go, and get other names.

use std::ops::Range;

use bulla_yaml::{Document, Limits, Node, Out, SpliceError, Splices, Style, read_manifests};
use zeroize::Zeroizing;

use crate::sops::layout::edits::{Edits, scan};
use crate::sops::layout::locate::{in_braces, locate};
use crate::sops::layout::{Error, Path, Step, entry};
use crate::sops::{Format, Key, Tree, Value};

/// What stands for a new value until it is encrypted.
const PLACEHOLDER: &str = "x";

pub(super) fn rename(
    text: &[u8],
    document: usize,
    above: &[Step],
    old: &str,
    new: &str,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let documents = read(text)?;
    let map = follow(root(&documents, document)?, above)?;
    let mut splices = Splices::new(text);
    splices.rename(map, old, new).map_err(refused)?;
    splices.apply().map_err(refused)
}

pub(super) fn remove(text: &[u8], document: usize, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let documents = read(text)?;
    let missing = || Error::NoSuchPath { path: path.to_string() };
    let (last, above) = path.0.split_last().ok_or_else(missing)?;
    let holder = follow(root(&documents, document)?, above)?;
    match last {
        Step::Key(key) => {
            let mut splices = Splices::new(text);
            splices.remove(holder, key).map_err(refused)?;
            splices.apply().map_err(refused)
        }
        Step::Index(index) => {
            let items = holder.items().ok_or_else(missing)?;
            let mut edits = Edits::default();
            edits.replace(element(text, holder, items, *index)?, if items.len() == 1 { "[]" } else { "" });
            entry::apply(text, edits)
        }
    }
}

/// The bytes that go with an element of a list.
fn element(text: &[u8], list: &Node, items: &[Node], index: usize) -> Result<Range<usize>, Error> {
    let layout = || Error::Layout { line: scan::line(text, list.span.start), what: "this list" };
    let item = items.get(index).ok_or_else(layout)?;
    let whole = start_of(text, list)..end_of(list);
    if list.style == Style::Flow {
        if items.len() == 1 {
            return Ok(whole);
        }
        let pairs: Vec<_> =
            items.iter().map(|item| (item.span.start..item.span.start, item.span.start..item.span.end)).collect();
        let (_, entry) = in_braces(text, whole, &pairs, Some(index));
        return entry.and_then(|entry| entry.pieces.into_iter().next()).ok_or_else(layout);
    }
    if items.len() == 1 {
        return Ok(whole);
    }
    let dash = |item: &Node| {
        let line = scan::line_start(text, item.span.start);
        (text[line..item.span.start].trim_ascii() == b"-").then_some(line).ok_or_else(layout)
    };
    let start = dash(item)?;
    let end = match items.get(index + 1) {
        Some(next) => dash(next)?,
        None => scan::next_line(text, whole.end),
    };
    Ok(start..end)
}

/// Where a node begins: of a block list the reader may say its first element.
fn start_of(text: &[u8], node: &Node) -> usize {
    match node.items().and_then(<[Node]>::first) {
        Some(first) if node.style == Style::Block => {
            let before = text[..start_of(text, first)].trim_ascii_end();
            if before.last() == Some(&b'-') { before.len() - 1 } else { node.span.start }
        }
        _ => node.span.start,
    }
}

/// Where a node ends: of block collections the reader may count in what follows.
fn end_of(node: &Node) -> usize {
    if node.style == Style::Flow {
        return node.span.end;
    }
    let last = node.items().and_then(<[Node]>::last);
    let last = last.or_else(|| node.entries()?.last().map(|entry| &entry.value));
    last.map_or(node.span.end, end_of)
}

/// Another kind of value in the place of one: lists and maps in brackets.
pub(super) fn replace(
    format: Format,
    text: &[u8],
    document: usize,
    path: &Path,
    value: &Value,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let documents = read(text)?;
    let node = follow(root(&documents, document)?, &path.0)?;
    let mut span = start_of(text, node)..end_of(node);
    if matches!(node.style, Style::Literal | Style::Folded) || span.is_empty() {
        let places = locate(format, text)?;
        let index =
            leaf_index(&places.tree, document, path).ok_or_else(|| Error::NoSuchPath { path: path.to_string() })?;
        span = places.leaves[index].span.clone();
    }
    let mut token = in_brackets(value).to_json_compact().to_string();
    if span.is_empty() && span.start > 0 && !text[span.start - 1].is_ascii_whitespace() {
        token.insert(0, ' ');
    }
    let mut edits = Edits::default();
    edits.replace(span, token);
    entry::apply(text, edits)
}

/// A value where there is none, with the parents that it needs.
pub(super) fn insert(
    format: Format,
    text: &[u8],
    tree: &Tree,
    document: usize,
    path: &Path,
    value: &Value,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let branch = &tree.documents[document];
    // The longest part of the path that is there.
    let there =
        (0..path.0.len()).rev().find(|length| *length == 0 || Path(path.0[..*length].to_vec()).find(branch).is_some());
    let there = there.unwrap_or(0);
    let (above, missing) = path.0.split_at(there);
    let holder = if there == 0 { None } else { Path(above.to_vec()).find(branch) };
    let shown = || Path(above.to_vec()).to_string();
    let (first, rest) = missing.split_first().ok_or_else(|| Error::NoSuchPath { path: path.to_string() })?;
    let documents = read(text)?;
    match (holder, first) {
        (None | Some(Value::Map(_) | Value::Null), Step::Key(key)) => {
            if branch.is_empty() && documents.get(document).is_none_or(|found| found.root.is_null()) {
                return Err(Error::Refused("an empty document cannot be added to: use edit".to_owned()));
            }
            let map = follow(root(&documents, document)?, above)?;
            let mut splices = Splices::new(text);
            splices.insert(map, key, &nested(rest, value)).map_err(refused)?;
            splices.apply().map_err(refused)
        }
        (Some(Value::List(_)), Step::Index(_)) => {
            let list = follow(root(&documents, document)?, above)?;
            append(format, text, list, &nested(rest, value))
        }
        (Some(Value::List(_)), Step::Key(_)) => {
            Err(Error::Refused(format!("{} is a list: its elements have numbers, {}[0]", shown(), shown())))
        }
        (Some(Value::Null | Value::Map(_)) | None, Step::Index(_)) => {
            Err(Error::Refused(format!("{} is no list", if there == 0 { "the document".to_owned() } else { shown() })))
        }
        (Some(other), _) => Err(Error::NotAContainer { path: shown(), found: other.go_type() }),
    }
}

/// A new element at the end of a list.
fn append(format: Format, text: &[u8], list: &Node, value: &Out<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let token = value.to_json_compact();
    let items = list.items().unwrap_or_default();
    let mut edits = Edits::default();
    let Some(last) = items.last() else {
        let span = list.span.start..list.span.end;
        edits.replace(span, format!("[{}]", *token));
        return entry::apply(text, edits);
    };
    if list.style == Style::Flow || format == Format::Json {
        let white = match items {
            [first, second, ..] => {
                let between = &text[first.span.end..second.span.start];
                let comma = between.iter().position(|byte| *byte == b',').map_or(0, |at| at + 1);
                String::from_utf8_lossy(&between[comma..]).into_owned()
            }
            [only] => {
                let before = String::from_utf8_lossy(&text[list.span.start + 1..only.span.start]).into_owned();
                if before.contains('\n') { before } else { " ".to_owned() }
            }
            [] => String::new(),
        };
        let white = if white.trim().is_empty() { white } else { " ".to_owned() };
        edits.replace(last.span.end..last.span.end, format!(",{white}{}", *token));
    } else {
        let start = start_of(text, list);
        let column = start - scan::line_start(text, start);
        let at = scan::line_end(text, end_of(list));
        let token = if matches!(value, Out::Str(_)) { PLACEHOLDER.to_owned() } else { token.to_string() };
        edits.replace(at..at, format!("{}{:column$}- {token}", scan::line_break(text), ""));
    }
    entry::apply(text, edits)
}

/// A value below parents that are made for it.
fn nested(steps: &[Step], value: &Value) -> Out<'static> {
    match steps.split_first() {
        None => in_brackets(value),
        Some((Step::Key(key), rest)) => Out::Mapping(vec![(key.clone().into(), nested(rest, value))]),
        Some((Step::Index(_), rest)) => Out::Sequence(vec![nested(rest, value)]),
    }
}

/// The shape of a value.
fn in_brackets(value: &Value) -> Out<'static> {
    match value {
        Value::Map(branch) => Out::Mapping(
            branch
                .iter()
                .filter_map(|item| match &item.key {
                    Key::Name(name) => Some((name.clone().into(), in_brackets(&item.value))),
                    _ => None,
                })
                .collect(),
        ),
        Value::List(items) => Out::Sequence(items.iter().map(in_brackets).collect()),
        Value::Null => Out::Null,
        _ => Out::from(PLACEHOLDER),
    }
}

fn leaf_index(tree: &Tree, document: usize, path: &Path) -> Option<usize> {
    let value = path.find(tree.documents.get(document)?)?;
    let mut leaves = Vec::new();
    tree.documents.iter().for_each(|document| crate::sops::layout::leaves::of_branch(document, &mut leaves));
    leaves
        .iter()
        .position(|leaf| matches!(leaf, crate::sops::layout::leaves::Leaf::Value(found) if std::ptr::eq(*found, value)))
}

fn read(text: &[u8]) -> Result<Vec<Document>, Error> {
    let limits = Limits { max_bytes: usize::MAX, ..Limits::default() };
    read_manifests(text, &limits).map_err(|error| Error::Refused(error.to_string()))
}

fn root(documents: &[Document], document: usize) -> Result<&Node, Error> {
    let found = documents.get(document).map(|document| &document.root);
    found.ok_or_else(|| Error::Refused("an empty document cannot be added to: use edit".to_owned()))
}

fn follow<'n>(mut node: &'n Node, steps: &[Step]) -> Result<&'n Node, Error> {
    for (index, step) in steps.iter().enumerate() {
        let next = match step {
            Step::Key(key) => node.get(key),
            Step::Index(place) => node.items().and_then(|items| items.get(*place)),
        };
        node = next.ok_or_else(|| Error::NoSuchPath { path: Path(steps[..=index].to_vec()).to_string() })?;
    }
    Ok(node)
}

fn refused(error: SpliceError) -> Error {
    Error::Refused(error.to_string())
}
