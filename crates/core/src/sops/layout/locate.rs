//! Where everything stands: one answer for all formats.

use std::ops::Range;

use bulla_yaml::go3::{Document, Kind, Node, ScalarStyle};

use super::edits::scan;
use super::{Error, flat, json, leaves};
use crate::sops::{Branch, Format, Item, Tree, load_located};

/// A file that has been read. It may hold plaintext.
pub(super) struct Places {
    /// Everything, the `sops` entry included.
    pub(super) tree: Tree,
    /// One for each leaf of the tree, in the order of the walk.
    pub(super) leaves: Vec<Place>,
    /// For each document, the place of its `sops` entry.
    pub(super) entries: Vec<Option<Entry>>,
    /// For each document, where an entry would be put.
    pub(super) slots: Vec<Slot>,
    /// Comments that are not in the tree.
    pub(super) lost: Vec<Range<usize>>,
    /// How far a level is indented; 0 if the file does not show it.
    pub(super) indent: usize,
}

/// Where a leaf stands.
#[derive(Clone)]
pub(super) struct Place {
    /// The token; of a comment its text, without the `#`.
    pub(super) span: Range<usize>,
    /// Tag and anchor before it.
    pub(super) properties: Range<usize>,
    /// How it is written.
    pub(super) style: ScalarStyle,
    /// Whether it stands in brackets or braces.
    pub(super) in_flow: bool,
    /// Whether it comes from an alias or a merge key.
    pub(super) through_alias: bool,
    /// Whether it is a comment.
    pub(super) is_comment: bool,
    /// Where the key begins whose value it is; none in lists.
    pub(super) key: Option<usize>,
}

/// Where the `sops` entry of a document stands.
pub(super) struct Entry {
    /// What goes when the entry goes.
    pub(super) pieces: Vec<Range<usize>>,
    /// The entry itself.
    pub(super) raw: Range<usize>,
    /// How it is laid out.
    pub(super) slot: SlotKind,
}

/// Where an entry would be put.
pub(super) struct Slot {
    pub(super) at: usize,
    pub(super) kind: SlotKind,
}

/// How an entry is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SlotKind {
    /// Lines of their own: YAML, dotenv, INI.
    Lines,
    /// In braces; what separates entries there (`\n  `, or nothing), and whether there is an entry before it.
    Braces { separator: String, first: bool },
}

impl Place {
    pub(super) fn of_token(span: Range<usize>, style: ScalarStyle) -> Self {
        Self { span, properties: 0..0, style, in_flow: false, through_alias: false, is_comment: false, key: None }
    }

    /// Of a comment's text.
    pub(super) fn of_comment(span: Range<usize>) -> Self {
        Self { is_comment: true, ..Self::of_token(span, ScalarStyle::Plain) }
    }
}

/// Reads a file in a format that has a layout.
pub(super) fn locate(format: Format, text: &[u8]) -> Result<Places, Error> {
    let places = match format {
        Format::Yaml => yaml(text)?,
        Format::Json => json::locate(text)?,
        Format::Dotenv => flat::dotenv(text)?,
        Format::Ini => flat::ini(text)?,
        Format::Binary => {
            return Err(Error::Refused("a file of this format is encrypted as a whole and has no layout".to_owned()));
        }
    };
    let mut count = Vec::new();
    places.tree.documents.iter().for_each(|document| leaves::of_branch(document, &mut count));
    if count.len() != places.leaves.len() {
        return Err(Error::Layout { line: 1, what: "this layout" });
    }
    Ok(places)
}

/// Whether an item belongs to the metadata.
pub(super) fn is_metadata(format: Format, item: &Item) -> bool {
    item.name().is_some_and(|name| match format {
        Format::Dotenv => name.starts_with("sops_"),
        _ => name == "sops",
    })
}

/// A file without its `sops` entries, and its metadata apart: each with the indices of its leaves in [`Places::leaves`].
pub(super) struct Parts {
    pub(super) body: Tree,
    pub(super) body_leaves: Vec<usize>,
    /// For each document.
    pub(super) metadata: Vec<Branch>,
    pub(super) metadata_leaves: Vec<usize>,
}

impl Places {
    pub(super) fn parts(&self, format: Format) -> Parts {
        let mut parts =
            Parts { body: Tree::default(), body_leaves: Vec::new(), metadata: Vec::new(), metadata_leaves: Vec::new() };
        let mut next = 0;
        for document in &self.tree.documents {
            let (mut body, mut metadata) = (Branch::new(), Branch::new());
            for item in document {
                let mut found = Vec::new();
                leaves::of_item(item, &mut found);
                let indices = next..next + found.len();
                next = indices.end;
                let (branch, list) = if is_metadata(format, item) {
                    (&mut metadata, &mut parts.metadata_leaves)
                } else {
                    (&mut body, &mut parts.body_leaves)
                };
                branch.push(item.clone());
                list.extend(indices);
            }
            parts.body.documents.push(body);
            parts.metadata.push(metadata);
        }
        parts
    }
}

fn yaml(text: &[u8]) -> Result<Places, Error> {
    let located = load_located(text)?;
    let leaves = located
        .leaves
        .iter()
        .map(|leaf| Place {
            // Without the `#`.
            span: leaf.span.start + usize::from(leaf.is_comment)..leaf.span.end,
            properties: leaf.properties.clone(),
            style: leaf.style,
            in_flow: leaf.in_flow,
            through_alias: leaf.through_alias,
            is_comment: leaf.is_comment,
            key: (!leaf.key.is_empty()).then_some(leaf.key.start),
        })
        .collect();
    let (mut entries, mut slots) = (Vec::new(), Vec::new());
    let mut at = 0;
    for document in &located.documents {
        let (slot, entry) = yaml_document(text, document, &mut at)?;
        slots.push(slot);
        entries.push(entry);
    }
    let indent =
        located.documents.iter().filter_map(|document| document.root.as_ref()).find_map(|root| indent(text, root));
    Ok(Places { tree: located.tree, leaves, entries, slots, lost: located.lost_comments, indent: indent.unwrap_or(0) })
}

/// The slot and the entry of a document that begins at or behind `at`, which is moved to its end.
fn yaml_document(text: &[u8], document: &Document, at: &mut usize) -> Result<(Slot, Option<Entry>), Error> {
    let content_end = match &document.root {
        Some(root) => root.span.end.max(*at),
        None => separator(text, *at).map_or(*at, |line| scan::next_line(text, line)),
    };
    let end = separator(text, content_end).unwrap_or(text.len());
    *at = end;
    let Some(root) = &document.root else { return Ok((Slot { at: end, kind: SlotKind::Lines }, None)) };
    match &root.kind {
        Kind::Mapping { entries, flow: false } => {
            let found = entries.iter().find(|(key, _)| is_sops(key));
            let entry = found.map(|(key, value)| block_entry(text, key.span.start, value.span.end.max(key.span.end)));
            Ok((Slot { at: end, kind: SlotKind::Lines }, entry))
        }
        Kind::Mapping { entries, flow: true } => {
            let spans: Vec<_> = entries.iter().map(|(key, value)| (key.span.clone(), value.span.clone())).collect();
            let index = entries.iter().position(|(key, _)| is_sops(key));
            let (slot, entry) = in_braces(text, root.span.clone(), &spans, index);
            Ok((slot, entry))
        }
        // A document with nothing in it, or with comments only.
        Kind::Scalar { .. } if root.span.is_empty() => Ok((Slot { at: end, kind: SlotKind::Lines }, None)),
        _ => Err(Error::Layout { line: root.line, what: "a document that is not a map" }),
    }
}

fn is_sops(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar { text, .. } if **text == "sops")
}

/// Whole lines, from the key to the end of the value.
fn block_entry(text: &[u8], key: usize, value_end: usize) -> Entry {
    let start = scan::line_start(text, key);
    let end = scan::next_line(text, value_end.saturating_sub(1).max(key));
    let mut piece = start..end;
    // The last line of a file that does not end in a line break: the line break before goes with it.
    if end == text.len() && text.last() != Some(&b'\n') && start > 0 {
        piece.start -= 1;
        if piece.start > 0 && text[piece.start - 1] == b'\r' {
            piece.start -= 1;
        }
    }
    Entry { pieces: vec![piece], raw: start..end, slot: SlotKind::Lines }
}

/// In braces: `pairs` are the entries there, `index` is that of the `sops` entry.
pub(super) fn in_braces(
    text: &[u8],
    braces: Range<usize>,
    pairs: &[(Range<usize>, Range<usize>)],
    index: Option<usize>,
) -> (Slot, Option<Entry>) {
    let inside = braces.start + 1;
    let first = pairs.first().map_or(inside, |(key, _)| key.start);
    let separator = String::from_utf8_lossy(&text[inside..first.max(inside)]).into_owned();
    let separator = if separator.contains('\n') && separator.trim().is_empty() { separator } else { String::new() };
    let end_of = |pair: &(Range<usize>, Range<usize>)| pair.1.end.max(pair.0.end);
    let at = pairs.last().map_or(inside, end_of);
    let slot = Slot { at, kind: SlotKind::Braces { separator: separator.clone(), first: pairs.is_empty() } };
    let entry = index.map(|index| {
        let raw = pairs[index].0.start..end_of(&pairs[index]);
        let piece = match (index.checked_sub(1), pairs.get(index + 1)) {
            (Some(before), _) => end_of(&pairs[before])..raw.end,
            (None, Some(after)) => raw.start..after.0.start,
            (None, None) => raw.clone(),
        };
        Entry { pieces: vec![piece], raw, slot: SlotKind::Braces { separator, first: pairs.len() == 1 } }
    });
    (slot, entry)
}

/// The next line at or behind `at` that separates documents.
fn separator(text: &[u8], at: usize) -> Option<usize> {
    let mut line = if at == 0 || text.get(at - 1) == Some(&b'\n') { at } else { scan::next_line(text, at) };
    while line < text.len() {
        let rest = &text[line..];
        let marked = rest.starts_with(b"---") || rest.starts_with(b"...");
        if marked && rest.get(3).is_none_or(u8::is_ascii_whitespace) {
            return Some(line);
        }
        line = scan::next_line(text, line);
    }
    None
}

/// How far the first nested map or block scalar is indented.
fn indent(text: &[u8], root: &Node) -> Option<usize> {
    let column = |at: usize| at - scan::line_start(text, at);
    let Kind::Mapping { entries, flow: false } = &root.kind else { return None };
    let below = |key: &Node, value: &Node| match &value.kind {
        Kind::Mapping { flow: false, .. } => column(value.span.start).checked_sub(column(key.span.start)),
        Kind::Scalar { style: ScalarStyle::Literal | ScalarStyle::Folded, .. } => {
            let line = scan::next_line(text, value.span.start);
            let blanks = text[line.min(text.len())..].iter().take_while(|byte| **byte == b' ').count();
            blanks.checked_sub(column(key.span.start))
        }
        _ => None,
    };
    let maps_first = |(_, value): &&(Node, Node)| matches!(value.kind, Kind::Mapping { .. });
    let nested = entries.iter().filter(maps_first).chain(entries.iter().filter(|pair| !maps_first(pair)));
    nested.filter_map(|(key, value)| below(key, value).filter(|indent| (1..=16).contains(indent))).next()
}
