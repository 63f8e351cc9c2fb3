//! Events to a flat tree of one document, aliases not yet expanded.

use std::cell::Cell;
use std::collections::HashMap;

use crate::error::Error;
use crate::event::{Event, Events, Text};
use crate::limits::Limits;
use crate::node::Style;
use crate::position::Span;
use crate::scalar::Tag;

/// A node of the flat tree; children are indices into [`Graph::nodes`].
pub(crate) struct Raw<'a> {
    pub(crate) kind: RawKind<'a>,
    pub(crate) style: Style,
    pub(crate) span: Span,
    /// Set while the node is being decoded, to find aliases inside their own anchor.
    pub(crate) open: Cell<bool>,
}

pub(crate) enum RawKind<'a> {
    Scalar {
        text: Text<'a>,
        tag: Option<Tag>,
    },
    Sequence(Vec<usize>),
    /// Keys and values in turn.
    Mapping(Vec<usize>),
    Alias {
        target: usize,
    },
}

/// One document.
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Raw<'a>>,
}

impl Graph<'_> {
    /// The first node is the root, because containers are stored before their children.
    pub(crate) const ROOT: usize = 0;
}

/// Reads the next document, `None` at the end of the stream. `index` is its number from 0.
pub(crate) fn next_document<'a>(
    events: &mut Events<'a>,
    index: usize,
    limits: &Limits,
) -> Result<Option<Graph<'a>>, Error> {
    let Some(first) = events.next() else { return Ok(None) };
    let (_, start) = first?;
    if index >= limits.max_documents {
        return Err(Error::TooManyDocuments { position: start.position, limit: limits.max_documents });
    }
    let mut graph = Graph { nodes: Vec::new() };
    let mut anchors = HashMap::new();
    let mut open: Vec<usize> = Vec::new();
    for next in events {
        let (event, span) = next?;
        let (kind, style, anchor) = match event {
            Event::DocumentStart => continue,
            Event::DocumentEnd => break,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(container) = open.pop() {
                    let node = &mut graph.nodes[container];
                    node.span.end = node.span.end.max(span.end);
                }
                continue;
            }
            Event::Alias { anchor } => {
                let Some(&target) = anchors.get(&anchor) else {
                    return Err(Error::Yaml {
                        position: span.position,
                        problem: "the alias refers to an anchor that is not defined before it".to_owned(),
                    });
                };
                (RawKind::Alias { target }, Style::Plain, 0)
            }
            Event::Scalar { text, style, tag, anchor } => (RawKind::Scalar { text, tag }, style, anchor),
            Event::SequenceStart { style, anchor } => (RawKind::Sequence(Vec::new()), style, anchor),
            Event::MappingStart { style, anchor } => (RawKind::Mapping(Vec::new()), style, anchor),
        };
        let index = graph.nodes.len();
        if anchor != 0 {
            anchors.insert(anchor, index);
        }
        if let Some(&parent) = open.last()
            && let RawKind::Sequence(children) | RawKind::Mapping(children) = &mut graph.nodes[parent].kind
        {
            children.push(index);
        }
        if matches!(kind, RawKind::Sequence(_) | RawKind::Mapping(_)) {
            if open.len() >= limits.depth() {
                return Err(Error::TooDeep { position: span.position, limit: limits.depth() });
            }
            open.push(index);
        }
        graph.nodes.push(Raw { kind, style, span, open: Cell::new(false) });
    }
    Ok(Some(graph))
}
