//! Where everything stands in the source: what the typed tree does not say, such as aliases, merge keys, colons, anchors
//! and the true end of a block.

use std::collections::HashMap;

use super::scan::Scan;
use crate::compose::{Graph, RawKind};
use crate::node::{Node, Style, Value};
use crate::position::Span;

/// All nodes of a text that stand in the source. Children come after their parents.
#[derive(Default)]
pub(super) struct Outline {
    pub(super) places: Vec<Place>,
    by_identity: HashMap<Identity, Found>,
}

/// What tells a node from all others: its span as the reader reports it, and what kind it is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    start: usize,
    end: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Scalar,
    Sequence,
    Mapping,
    Alias,
}

/// The place of an identity, if there is only one.
#[derive(Clone, Copy)]
enum Found {
    One(usize),
    Several,
}

/// Where a node stands.
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) style: Style,
    /// The text of the node, without its properties; for block scalars the content without its last line break. Of
    /// a null that is not written, both are `content`.
    pub(super) start: usize,
    pub(super) end: usize,
    /// After the properties, or after the indicator if there are none.
    pub(super) content: usize,
    pub(super) holder: Holder,
    pub(super) parent: Option<usize>,
    pub(super) depth: usize,
    /// The text is JSON, not YAML.
    pub(super) json: bool,
    /// Where the node with the anchor stands, if aliases repeat this node or one around it.
    pub(super) anchor: Option<usize>,
    /// Of a map, in the order of the source; merge keys included.
    pub(super) pairs: Vec<Pair>,
}

/// What a node hangs on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    Root,
    /// The colon of a block map.
    Colon,
    /// The dash of a block list.
    Dash,
    /// The colon of a map in braces.
    FlowColon,
    /// A key of a map in braces that has no colon.
    FlowBare,
    /// Anything else: an element in brackets, a key, a key of a block map that has no colon.
    Other,
}

/// One key of a map and its value.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// Before the key's `?` and properties.
    pub(super) start: usize,
    /// After the value, a comment behind it not counted.
    pub(super) end: usize,
    /// The key's place.
    pub(super) key: usize,
    /// The value's place.
    pub(super) value: usize,
    /// Where the reader says that the key begins: tells which pair an entry of the typed map is.
    pub(super) key_at: usize,
}

impl Identity {
    fn new(span: Span, kind: Kind) -> Self {
        Self { start: span.start, end: span.end, kind }
    }

    pub(super) fn of(node: &Node) -> Self {
        let kind = match node.value {
            Value::Sequence(_) => Kind::Sequence,
            Value::Mapping(_) => Kind::Mapping,
            _ => Kind::Scalar,
        };
        Self::new(node.span, kind)
    }
}

impl Outline {
    /// The place of a node; `None` if there is none or more than one.
    pub(super) fn find(&self, identity: Identity) -> Option<usize> {
        match self.by_identity.get(&identity)? {
            Found::One(place) => Some(*place),
            Found::Several => None,
        }
    }

    /// Adds a YAML document.
    pub(super) fn add_graph(&mut self, graph: &Graph<'_>, scan: Scan<'_>) {
        let first = self.places.len();
        let mut walk = Walk { outline: self, graph, scan, raw_to_place: vec![None; graph.nodes.len()] };
        let start = graph.nodes[Graph::ROOT].span.start;
        walk.node(Graph::ROOT, start, Holder::Root, None);
        let raw_to_place = walk.raw_to_place;
        for raw in &graph.nodes {
            if let RawKind::Alias { target } = raw.kind
                && let Some(place) = raw_to_place[target]
            {
                // The properties of a node may stand on a line before it.
                self.places[place].anchor = Some(self.places[place].content);
            }
        }
        for index in first..self.places.len() {
            if let Some(parent) = self.places[index].parent
                && let Some(anchor) = self.places[parent].anchor
            {
                self.places[index].anchor.get_or_insert(anchor);
            }
        }
    }

    /// Adds a JSON document.
    pub(super) fn add_json(&mut self, root: &Node, scan: Scan<'_>) {
        self.json_node(root, root.span.start, Holder::Root, None, scan);
    }

    fn json_node(
        &mut self,
        node: &Node,
        content: usize,
        holder: Holder,
        parent: Option<usize>,
        scan: Scan<'_>,
    ) -> usize {
        let identity = Identity::of(node);
        let index = self.push(identity, node.style, content, holder, parent);
        self.places[index].json = true;
        for item in node.items().unwrap_or_default() {
            self.json_node(item, item.span.start, Holder::Other, Some(index), scan);
        }
        for entry in node.entries().unwrap_or_default() {
            let key_span = entry.key_span;
            let key = Identity::new(key_span, Kind::Scalar);
            let key = self.push(key, Style::DoubleQuoted, key_span.start, Holder::Other, Some(index));
            self.places[key].json = true;
            let content = scan.after_colon(key_span.end).unwrap_or(key_span.end);
            let value = self.json_node(&entry.value, content, Holder::FlowColon, Some(index), scan);
            let pair = Pair { start: key_span.start, end: entry.value.span.end, key, value, key_at: key_span.start };
            self.places[index].pairs.push(pair);
        }
        // The reader puts the last of duplicate keys at the place of the first.
        self.places[index].pairs.sort_by_key(|pair| pair.start);
        index
    }

    fn push(
        &mut self,
        identity: Identity,
        style: Style,
        content: usize,
        holder: Holder,
        parent: Option<usize>,
    ) -> usize {
        let index = self.places.len();
        self.by_identity.entry(identity).and_modify(|found| *found = Found::Several).or_insert(Found::One(index));
        self.places.push(Place {
            kind: identity.kind,
            style,
            start: identity.start,
            end: identity.end,
            content,
            holder,
            parent,
            depth: parent.map_or(0, |parent| self.places[parent].depth + 1),
            json: false,
            anchor: None,
            pairs: Vec::new(),
        });
        index
    }
}

struct Walk<'o, 'g, 'a> {
    outline: &'o mut Outline,
    graph: &'g Graph<'a>,
    scan: Scan<'a>,
    raw_to_place: Vec<Option<usize>>,
}

impl Walk<'_, '_, '_> {
    /// Adds a node that stands after `slot`. As deep as the reader goes.
    fn node(&mut self, raw_index: usize, slot: usize, holder: Holder, parent: Option<usize>) -> usize {
        let raw = &self.graph.nodes[raw_index];
        let kind = match raw.kind {
            RawKind::Scalar { .. } => Kind::Scalar,
            RawKind::Sequence(_) => Kind::Sequence,
            RawKind::Mapping(_) => Kind::Mapping,
            RawKind::Alias { .. } => Kind::Alias,
        };
        let unwritten = kind == Kind::Scalar && raw.style == Style::Plain && raw.span.start == raw.span.end;
        let content =
            if unwritten { raw.span.start.max(slot) } else { self.scan.after_properties(slot, raw.span.start) };
        let index = self.outline.push(Identity::new(raw.span, kind), raw.style, content, holder, parent);
        self.raw_to_place[raw_index] = Some(index);
        let end = match &raw.kind {
            RawKind::Scalar { .. } | RawKind::Alias { .. } if unwritten => {
                self.outline.places[index].start = content;
                content
            }
            RawKind::Scalar { .. } if matches!(raw.style, Style::Literal | Style::Folded) => {
                self.block_scalar_end(content, raw.span)
            }
            RawKind::Scalar { .. } | RawKind::Alias { .. } => raw.span.end,
            RawKind::Sequence(children) => self.sequence(index, children, content, raw.style).unwrap_or(raw.span.end),
            RawKind::Mapping(children) => self.mapping(index, children, raw.style).unwrap_or(raw.span.end),
        };
        self.outline.places[index].end = end;
        index
    }

    /// Adds the children of a list. Where a block list ends; brackets end where they are said to.
    fn sequence(&mut self, index: usize, children: &[usize], content: usize, style: Style) -> Option<usize> {
        let mut end = content;
        for &child in children {
            let (slot, holder) = match self.scan.skip_comments(end) {
                dash if style == Style::Block && self.scan.byte(dash) == Some(b'-') => (dash + 1, Holder::Dash),
                _ => (self.graph.nodes[child].span.start, Holder::Other),
            };
            let place = self.node(child, slot, holder, Some(index));
            end = self.outline.places[place].end;
        }
        (style == Style::Block).then_some(end)
    }

    /// Adds the pairs of a map. Where a block map ends; braces end where they are said to.
    fn mapping(&mut self, index: usize, children: &[usize], style: Style) -> Option<usize> {
        for pair in children.chunks_exact(2) {
            let key_at = self.graph.nodes[pair[0]].span.start;
            let key = self.node(pair[0], key_at, Holder::Other, Some(index));
            let key_end = self.outline.places[key].end;
            let (slot, holder) = match (self.scan.after_colon(key_end), style) {
                (Some(slot), Style::Block) => (slot, Holder::Colon),
                (Some(slot), _) => (slot, Holder::FlowColon),
                (None, Style::Block) => (key_end, Holder::Other),
                (None, _) => (key_end, Holder::FlowBare),
            };
            let value = self.node(pair[1], slot, holder, Some(index));
            let start = self.scan.entry_start(self.outline.places[key].start);
            let end = self.outline.places[value].end;
            self.outline.places[index].pairs.push(Pair { start, end, key, value, key_at });
        }
        let end = self.outline.places[index].pairs.last()?.end;
        (style == Style::Block).then_some(end)
    }

    /// The end of the content, before its last line break. Blank lines behind it belong to it only with `+`.
    fn block_scalar_end(&self, content: usize, span: Span) -> usize {
        let (from, keep) = match self.scan.block_header(content) {
            Some((start, end)) => (end, self.scan.slice(start, end).contains('+')),
            None => (span.start, false),
        };
        let text = self.scan.slice(from, span.end.max(from));
        let blank = [' ', '\t', '\n', '\r'];
        let trimmed = from + text.trim_end_matches(blank).len();
        if !keep {
            return trimmed;
        }
        // The blanks of a line that is indented less may be counted in.
        let end = from + text.trim_end_matches([' ', '\t']).len();
        match self.scan.slice(from, end) {
            lines if lines.ends_with("\r\n") => end - 2,
            lines if lines.ends_with(['\n', '\r']) => end - 1,
            _ => span.end.max(from),
        }
    }
}
