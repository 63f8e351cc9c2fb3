//! The parser: tokens to nodes, with the comments that were waiting when each node's token came up.
//!
//! One function for each production, in the order in which go-yaml looks at tokens: looking at a token takes the comments that belong to
//! it, so the order decides who gets them.

use std::collections::HashMap;
use std::ops::Range;

use super::super::{Comments, Document, Kind as NodeKind, Node, ScalarStyle};
use super::Reading;
use super::comments::{Lines, Place};
use super::error::ReadError;
use super::scan::{Fault, Scanned, Scanner};
use super::source::Mark;
use super::token::{Kind, Token};
use crate::{Limits, Position};

pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    limits: &'a Limits,
    /// Comments that wait for a node.
    head: Lines,
    line: Lines,
    foot: Lines,
    /// The head of an element that is a list or map itself.
    stem: Option<Lines>,
    /// Handles and prefixes of `%TAG`.
    tags: Vec<(String, String)>,
    anchors: HashMap<String, Anchor>,
    next_anchor: usize,
    /// Nodes that aliases made, in this document.
    alias_nodes: usize,
    /// Lists and maps that are open.
    depth: usize,
    /// Where the last token that was taken begins and ends.
    last: (Mark, Mark),
    last_byte: usize,
}

/// What an anchor stands for. `&a [*a]` finds its own anchor open.
struct Anchor {
    number: usize,
    node: Option<Node>,
    size: usize,
    height: usize,
}

/// Tag and anchor in front of a node.
struct Properties {
    tag: String,
    anchor: String,
    start: Mark,
    span: Range<usize>,
}

/// What a subtree costs when it is copied.
#[derive(Clone, Copy, Default)]
struct Extent {
    size: usize,
    height: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Self {
        Self {
            scanner: Scanner::new(text),
            limits,
            head: Lines::default(),
            line: Lines::default(),
            foot: Lines::default(),
            stem: None,
            tags: Vec::new(),
            anchors: HashMap::new(),
            next_anchor: 0,
            alias_nodes: 0,
            depth: 0,
            last: (Mark::default(), Mark::default()),
            last_byte: 0,
        }
    }

    pub(super) fn documents(mut self) -> (Reading, Option<ReadError>) {
        let mut documents = Vec::new();
        let error = loop {
            let next = if documents.len() > self.limits.max_documents {
                self.limit(format!("more than {} documents", self.limits.max_documents))
            } else {
                self.document(documents.is_empty())
            };
            match next {
                Ok(Some(document)) => documents.push(document),
                Ok(None) => break None,
                Err(fault) => break Some(fault.into_error(documents.len())),
            }
        };
        (Reading { documents, comment_lines: self.scanner.all_comments }, error)
    }

    fn document(&mut self, first: bool) -> Scanned<Option<Document>> {
        if first {
            self.peek()?;
            self.skip();
        }
        let mut kind = self.peek()?;
        while !first && kind == Kind::DocumentEnd {
            self.skip();
            kind = self.peek()?;
        }
        if kind == Kind::StreamEnd {
            return Ok(None);
        }
        self.alias_nodes = 0;
        let explicit = !first || matches!(kind, Kind::Version | Kind::TagDirective | Kind::DocumentStart);
        let mut head = Lines::default();
        let root = if explicit {
            self.directives()?;
            if self.peek()? != Kind::DocumentStart {
                return self.fault(None, "did not find expected <document start>");
            }
            self.skip();
            match self.peek()? {
                Kind::Version | Kind::TagDirective | Kind::DocumentStart | Kind::DocumentEnd | Kind::StreamEnd => {
                    self.empty_node(self.front_mark())
                }
                _ => *self.node(true, false)?.0,
            }
        } else {
            self.directives()?;
            if let Some(empty_line) = self.head.last_empty_line() {
                (head, self.head) = std::mem::take(&mut self.head).split_out(empty_line);
            }
            *self.node(true, false)?.0
        };
        if self.peek()? == Kind::DocumentEnd {
            self.skip();
        }
        self.tags.clear();
        let mut end = self.take_comments();
        if end.foot.is_empty() {
            end.foot = std::mem::take(&mut end.head);
            end.foot_spans = std::mem::take(&mut end.head_spans);
        }
        let (head, head_spans) = head.into_parts();
        let comments = Comments { head, head_spans, foot: end.foot, foot_spans: end.foot_spans, ..Comments::default() };
        Ok(Some(Document { root: Some(root), comments }))
    }

    fn directives(&mut self) -> Scanned<()> {
        let mut versions = 0;
        loop {
            match self.peek()? {
                Kind::Version => {
                    versions += 1;
                    if versions > 1 {
                        return self.fault(None, "found duplicate %YAML directive");
                    }
                    if self.scanner.queue.front().is_some_and(|token| token.version != (1, 1)) {
                        return self.fault(None, "found incompatible YAML document");
                    }
                    self.skip();
                }
                Kind::TagDirective => {
                    let (handle, prefix) = self
                        .scanner
                        .queue
                        .front()
                        .map(|token| (token.text.to_string(), token.suffix.clone()))
                        .unwrap_or_default();
                    if self.tags.iter().any(|(known, _)| *known == handle) {
                        return self.fault(None, "found duplicate %TAG directive");
                    }
                    self.tags.push((handle, prefix));
                    self.skip();
                }
                _ => break,
            }
        }
        for (handle, prefix) in [("!", "!"), ("!!", super::super::resolve::TAG_PREFIX)] {
            if !self.tags.iter().any(|(known, _)| known == handle) {
                self.tags.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    /// A node, and what it costs to copy it. Small, as is what it calls for lists and maps: they nest on the stack.
    fn node(&mut self, block: bool, indentless: bool) -> Scanned<(Box<Node>, Extent)> {
        if self.peek()? == Kind::Alias {
            return self.alias();
        }
        let properties = self.properties()?;
        let container = match self.peek()? {
            Kind::Scalar => return self.scalar(properties),
            Kind::FlowSequenceStart | Kind::FlowMappingStart => true,
            Kind::BlockEntry => indentless,
            Kind::BlockSequenceStart | Kind::BlockMappingStart => block,
            _ => false,
        };
        if container { self.container(properties) } else { self.no_content(properties) }
    }

    fn scalar(&mut self, properties: Properties) -> Scanned<(Box<Node>, Extent)> {
        let comments = self.take_comments();
        let Some(token) = self.take() else { return self.fault(None, "did not find expected node content") };
        let span = token.start.byte..token.end_byte;
        Ok(self.leaf(NodeKind::Scalar { text: token.text, style: token.style }, properties, comments, span))
    }

    /// Tag or anchor alone make a null.
    fn no_content(&mut self, properties: Properties) -> Scanned<(Box<Node>, Extent)> {
        if properties.span.is_empty() {
            return self.fault(Some(properties.start), "did not find expected node content");
        }
        let span = properties.span.end..properties.span.end;
        Ok(self.leaf(empty_scalar(), properties, Comments::default(), span))
    }

    fn leaf(
        &mut self,
        kind: NodeKind,
        properties: Properties,
        comments: Comments,
        span: Range<usize>,
    ) -> (Box<Node>, Extent) {
        let anchor = self.open_anchor(&properties.anchor);
        let node = Box::new(made(kind, properties, comments, span));
        let extent = Extent { size: 1, height: 0 };
        self.close_anchor(anchor, &node, extent);
        (node, extent)
    }

    fn container(&mut self, properties: Properties) -> Scanned<(Box<Node>, Extent)> {
        let kind = self.peek()?;
        let flow = matches!(kind, Kind::FlowSequenceStart | Kind::FlowMappingStart);
        let mut comments = self.comments_of_begin(kind, flow);
        self.depth += 1;
        if self.depth > self.max_depth() {
            return self.too_deep();
        }
        let anchor = self.open_anchor(&properties.anchor);
        let from = self.front_mark().byte;
        let mut extent = Extent::default();
        let kind = match kind {
            Kind::FlowSequenceStart => self.flow_sequence(&mut comments, &mut extent)?,
            Kind::FlowMappingStart => self.flow_mapping(&mut comments, &mut extent)?,
            Kind::BlockMappingStart => self.block_mapping(&mut comments, &mut extent)?,
            Kind::BlockEntry => self.indentless_sequence(&mut extent)?,
            _ => self.block_sequence(&mut extent)?,
        };
        self.depth -= 1;
        let to = if flow { self.last_byte } else { last_byte(&kind).max(from) };
        let extent = Extent { size: extent.size + 1, height: extent.height + 1 };
        let node = boxed(kind, properties, &mut comments, from..to);
        self.close_anchor(anchor, &node, extent);
        Ok((node, extent))
    }

    fn comments_of_begin(&mut self, kind: Kind, flow: bool) -> Box<Comments> {
        let mut comments = Box::<Comments>::default();
        if flow {
            *comments = self.take_comments();
        } else if kind != Kind::BlockEntry
            && let Some(stem) = self.stem.take()
        {
            (comments.head, comments.head_spans) = stem.into_parts();
        }
        comments
    }

    fn properties(&mut self) -> Scanned<Properties> {
        let start = self.front_mark();
        let mut anchor = String::new();
        let mut tag: Option<Token> = None;
        let mut span = 0..0;
        loop {
            match self.peek()? {
                Kind::Anchor if anchor.is_empty() => {
                    if let Some(token) = self.take() {
                        anchor = token.text.to_string();
                        span = if span.is_empty() { token.start.byte } else { span.start }..token.end_byte;
                    }
                }
                Kind::Tag if tag.is_none() => {
                    if let Some(token) = self.take() {
                        span = if span.is_empty() { token.start.byte } else { span.start }..token.end_byte;
                        tag = Some(token);
                    }
                }
                _ => break,
            }
        }
        let tag = match tag {
            None => String::new(),
            Some(token) if token.text.is_empty() => token.suffix,
            Some(token) => match self.tags.iter().find(|(handle, _)| handle == token.text.as_str()) {
                Some((_, prefix)) => format!("{prefix}{}", token.suffix),
                None => {
                    let line = if start.line == 0 { token.start.line } else { start.line };
                    let problem = "found undefined tag handle".to_owned();
                    return Err(Box::new(Fault { problem, line, from_one: false, at: token.start }));
                }
            },
        };
        Ok(Properties { tag: super::super::resolve::short_tag(&tag), anchor, start, span })
    }

    fn alias(&mut self) -> Scanned<(Box<Node>, Extent)> {
        let comments = self.take_comments();
        let at = self.front_mark();
        let Some(token) = self.take() else { return self.fault(None, "did not find expected node content") };
        let name = token.text.to_string();
        let problem = match self.anchors.get(&name) {
            None => format!("unknown anchor '{name}' referenced"),
            Some(Anchor { node: None, .. }) => format!("anchor '{name}' value contains itself"),
            Some(Anchor { node: Some(node), size, height, .. }) => {
                self.alias_nodes += size;
                if self.alias_nodes > self.limits.max_alias_nodes {
                    "document contains excessive aliasing".to_owned()
                } else if self.depth + height > self.max_depth() {
                    return self.too_deep();
                } else {
                    let target = Box::new(node.clone());
                    let extent = Extent { size: size + 1, height: *height };
                    let span = token.start.byte..token.end_byte;
                    let properties =
                        Properties { tag: String::new(), anchor: String::new(), start: token.start, span: 0..0 };
                    return Ok((Box::new(made(NodeKind::Alias { name, target }, properties, comments, span)), extent));
                }
            }
        };
        Err(Box::new(Fault { problem, line: 0, from_one: false, at }))
    }

    fn block_sequence(&mut self, extent: &mut Extent) -> Scanned<NodeKind> {
        let context = self.front_mark();
        self.skip();
        let mut items = Vec::new();
        loop {
            match self.peek()? {
                Kind::BlockEntry => {
                    let next = self.dash()?;
                    if matches!(next, Kind::BlockEntry | Kind::BlockEnd) {
                        push(&mut items, self.counted_empty(self.last.1, extent));
                    } else {
                        let item = self.node(true, false)?;
                        push(&mut items, extent.add(item));
                    }
                }
                Kind::BlockEnd => break,
                _ => return self.fault(Some(context), "did not find expected '-' indicator"),
            }
        }
        self.skip();
        Ok(NodeKind::Sequence { items, flow: false })
    }

    /// Dashes at the column of the key that they belong to.
    fn indentless_sequence(&mut self, extent: &mut Extent) -> Scanned<NodeKind> {
        let mut items = Vec::new();
        while self.peek()? == Kind::BlockEntry {
            let next = self.dash()?;
            if matches!(next, Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd) {
                push(&mut items, self.counted_empty(self.last.1, extent));
            } else {
                let item = self.node(true, false)?;
                push(&mut items, extent.add(item));
            }
        }
        Ok(NodeKind::Sequence { items, flow: false })
    }

    /// Takes a dash. A head that was there before it belongs to the element as a whole, if that is a list or map.
    fn dash(&mut self) -> Scanned<Kind> {
        let before = self.head.len();
        self.skip();
        let next = self.peek()?;
        if before > 0 && matches!(next, Kind::BlockSequenceStart | Kind::BlockMappingStart) {
            let (stem, rest) = std::mem::take(&mut self.head).split(before);
            self.stem = Some(stem);
            self.head = rest;
        }
        Ok(next)
    }

    fn block_mapping(&mut self, comments: &mut Comments, extent: &mut Extent) -> Scanned<NodeKind> {
        let context = self.front_mark();
        self.skip();
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            match self.peek()? {
                Kind::Key => {}
                Kind::BlockEnd => break,
                // An explicit value without a key is not what go-yaml expects here.
                _ => return self.fault(Some(context), "did not find expected key"),
            }
            self.skip();
            let mut key = match self.peek()? {
                Kind::Key | Kind::Value | Kind::BlockEnd => self.counted_empty(self.last.1, extent),
                _ => {
                    let key = self.node(true, true)?;
                    extent.add(key)
                }
            };
            if let Some((previous, _)) = entries.last_mut() {
                move_foot(&mut key, previous, true);
            }
            let mut value = if self.peek()? == Kind::Value {
                self.skip();
                match self.peek()? {
                    Kind::Key | Kind::Value | Kind::BlockEnd => self.counted_empty(self.last.1, extent),
                    _ => {
                        let value = self.node(true, true)?;
                        extent.add(value)
                    }
                }
            } else {
                self.counted_empty(self.front_mark(), extent)
            };
            move_foot(&mut value, &mut key, false);
            self.foot_moved(&value);
            push_entry(&mut entries, key, value);
        }
        let end = self.take_comments();
        self.skip();
        (comments.line, comments.line_spans) = (end.line, end.line_spans);
        match entries.last_mut() {
            Some((key, _)) if !end.foot.is_empty() => {
                (key.comments.foot, key.comments.foot_spans) = (end.foot, end.foot_spans);
            }
            _ => (comments.foot, comments.foot_spans) = (end.foot, end.foot_spans),
        }
        Ok(NodeKind::Mapping { entries, flow: false })
    }

    fn flow_sequence(&mut self, comments: &mut Comments, extent: &mut Extent) -> Scanned<NodeKind> {
        let context = self.front_mark();
        self.skip();
        let mut items = Vec::new();
        loop {
            let mut kind = self.peek()?;
            if kind != Kind::FlowSequenceEnd && !items.is_empty() {
                if kind != Kind::FlowEntry {
                    return self.fault(Some(context), "did not find expected ',' or ']'");
                }
                self.skip();
                kind = self.peek()?;
            }
            match kind {
                Kind::FlowSequenceEnd => break,
                Kind::Key => push(&mut items, self.single_pair(extent)?),
                _ => {
                    let item = self.node(false, false)?;
                    push(&mut items, extent.add(item));
                }
            }
        }
        self.flow_end(comments);
        Ok(NodeKind::Sequence { items, flow: true })
    }

    /// `[key: value]`: a map of one entry.
    fn single_pair(&mut self, extent: &mut Extent) -> Scanned<Box<Node>> {
        let start = self.front_mark();
        self.skip();
        self.depth += 1;
        if self.depth > self.max_depth() {
            return self.too_deep();
        }
        let mut inner = Extent::default();
        let key = match self.peek()? {
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd => {
                // go-yaml takes this token, whatever it is.
                let place = self.last_byte..self.last_byte;
                self.skip();
                let mut node = self.counted_empty(self.last.1, &mut inner);
                node.span = place;
                node
            }
            _ => {
                let key = self.node(false, false)?;
                inner.add(key)
            }
        };
        let value = if self.peek()? == Kind::Value {
            self.skip();
            match self.peek()? {
                Kind::FlowEntry | Kind::FlowSequenceEnd => self.counted_empty(self.last.0, &mut inner),
                _ => {
                    let value = self.node(false, false)?;
                    inner.add(value)
                }
            }
        } else {
            self.counted_empty(self.front_mark(), &mut inner)
        };
        self.peek()?;
        self.depth -= 1;
        let (mut key, mut value) = (key, value);
        move_foot(&mut value, &mut key, false);
        self.foot_moved(&value);
        let span = start.byte..value.span.end.max(key.span.end).max(start.byte);
        let properties = Properties { tag: String::new(), anchor: String::new(), start, span: 0..0 };
        let mut entries = Vec::with_capacity(1);
        push_entry(&mut entries, key, value);
        let kind = NodeKind::Mapping { entries, flow: true };
        let node = Box::new(made(kind, properties, Comments::default(), span));
        Ok(extent.add((node, Extent { size: inner.size + 1, height: inner.height + 1 })))
    }

    fn flow_mapping(&mut self, comments: &mut Comments, extent: &mut Extent) -> Scanned<NodeKind> {
        let context = self.front_mark();
        self.skip();
        let mut entries = Vec::new();
        loop {
            let mut kind = self.peek()?;
            if kind != Kind::FlowMappingEnd && !entries.is_empty() {
                if kind != Kind::FlowEntry {
                    return self.fault(Some(context), "did not find expected ',' or '}'");
                }
                self.skip();
                kind = self.peek()?;
            }
            if kind == Kind::FlowMappingEnd {
                break;
            }
            let mut key;
            let mut value = None;
            if kind == Kind::Key {
                self.skip();
                key = match self.peek()? {
                    Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd => {
                        self.counted_empty(self.front_mark(), extent)
                    }
                    _ => {
                        let key = self.node(false, false)?;
                        extent.add(key)
                    }
                };
                if self.peek()? == Kind::Value {
                    self.skip();
                    if !matches!(self.peek()?, Kind::FlowEntry | Kind::FlowMappingEnd) {
                        let node = self.node(false, false)?;
                        value = Some(extent.add(node));
                    }
                }
            } else {
                let node = self.node(false, false)?;
                key = extent.add(node);
                self.peek()?;
            }
            let mut value = match value {
                Some(value) => value,
                None => self.counted_empty(self.front_mark(), extent),
            };
            move_foot(&mut value, &mut key, false);
            self.foot_moved(&value);
            push_entry(&mut entries, key, value);
        }
        self.flow_end(comments);
        Ok(NodeKind::Mapping { entries, flow: true })
    }

    /// The closing bracket: its comments take the place of those of the opening one, but for the head.
    fn flow_end(&mut self, comments: &mut Comments) {
        let end = self.take_comments();
        self.skip();
        (comments.line, comments.line_spans) = (end.line, end.line_spans);
        (comments.foot, comments.foot_spans) = (end.foot, end.foot_spans);
    }

    /// What comes next. Takes the comments that belong to it.
    fn peek(&mut self) -> Scanned<Kind> {
        self.scanner.fill()?;
        let Some(token) = self.scanner.queue.front() else { return Ok(Kind::StreamEnd) };
        let (kind, index) = (token.kind, token.start.index);
        while let Some(comment) = self.scanner.comments.front() {
            // Nothing is below the end of a block, so heads wait for what follows.
            if index < comment.token.index || comment.place == Place::Head && kind == Kind::BlockEnd {
                break;
            }
            if let Some(comment) = self.scanner.comments.pop_front() {
                match comment.place {
                    Place::Head => self.head.join(comment.lines),
                    Place::Line => self.line.join(comment.lines),
                    Place::Foot => self.foot.join(comment.lines),
                }
            }
        }
        Ok(kind)
    }

    fn skip(&mut self) {
        self.take();
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.scanner.take()?;
        self.last = (token.start, token.end);
        self.last_byte = token.end_byte;
        Some(token)
    }

    fn front_mark(&self) -> Mark {
        self.scanner.queue.front().map_or(self.scanner.source.mark, |token| token.start)
    }

    fn take_comments(&mut self) -> Comments {
        self.stem = None;
        let (head, head_spans) = std::mem::take(&mut self.head).into_parts();
        let (line, line_spans) = std::mem::take(&mut self.line).into_parts();
        let (foot, foot_spans) = std::mem::take(&mut self.foot).into_parts();
        Comments { head, line, foot, head_spans, line_spans, foot_spans }
    }

    /// A null that is not written: its bytes are behind the last token, its line and column where go-yaml says.
    fn empty_node(&self, start: Mark) -> Node {
        let properties = Properties { tag: String::new(), anchor: String::new(), start, span: 0..0 };
        made(empty_scalar(), properties, Comments::default(), self.last_byte..self.last_byte)
    }

    fn counted_empty(&self, start: Mark, extent: &mut Extent) -> Box<Node> {
        extent.size += 1;
        Box::new(self.empty_node(start))
    }

    fn open_anchor(&mut self, name: &str) -> Option<(String, usize)> {
        if name.is_empty() {
            return None;
        }
        self.next_anchor += 1;
        let number = self.next_anchor;
        self.anchors.insert(name.to_owned(), Anchor { number, node: None, size: 0, height: 0 });
        Some((name.to_owned(), number))
    }

    /// An anchor that was given again inside of the node stays with the inner one.
    fn close_anchor(&mut self, anchor: Option<(String, usize)>, node: &Node, extent: Extent) {
        let Some((name, number)) = anchor else { return };
        if let Some(anchor) = self.anchors.get_mut(&name).filter(|anchor| anchor.number == number) {
            anchor.node = Some(node.clone());
            anchor.size = extent.size;
            anchor.height = extent.height;
        }
    }

    /// What an alias stands for has lost its foot, too.
    fn foot_moved(&mut self, node: &Node) {
        if node.anchor.is_empty() || !node.comments.foot.is_empty() {
            return;
        }
        if let Some(Anchor { node: Some(known), .. }) = self.anchors.get_mut(&node.anchor)
            && known.span == node.span
        {
            known.comments.foot.clear();
            known.comments.foot_spans.clear();
        }
    }

    fn fault<T>(&self, context: Option<Mark>, problem: &str) -> Scanned<T> {
        let at = self.front_mark();
        let line = context.map_or(0, |mark| mark.line);
        let line = if line == 0 { at.line } else { line };
        Err(Box::new(Fault { problem: problem.to_owned(), line, from_one: false, at }))
    }

    /// What nests is on the stack of a thread.
    fn max_depth(&self) -> usize {
        self.limits.depth().min(255)
    }

    fn too_deep<T>(&self) -> Scanned<T> {
        self.limit(format!("lists and maps are nested more than {} deep", self.max_depth()))
    }

    fn limit<T>(&self, problem: String) -> Scanned<T> {
        let at = self.front_mark();
        Err(Box::new(Fault { problem, line: at.line, from_one: true, at }))
    }
}

impl Extent {
    fn add(&mut self, (node, extent): (Box<Node>, Self)) -> Box<Node> {
        self.size += extent.size;
        self.height = self.height.max(extent.height);
        node
    }
}

impl Fault {
    pub(super) fn into_error(self, document: usize) -> ReadError {
        let count = |number: isize| usize::try_from(number).unwrap_or(0);
        let go_line = if self.line == 0 { 0 } else { count(self.line) + usize::from(self.from_one) };
        let position = Position { line: count(self.at.line) + 1, column: count(self.at.column) + 1 };
        ReadError { problem: self.problem, go_line, position: Some(position), document }
    }
}

fn made(kind: NodeKind, properties: Properties, comments: Comments, span: Range<usize>) -> Node {
    let count = |number: isize| usize::try_from(number).unwrap_or(0) + 1;
    Node {
        kind,
        tag: properties.tag,
        anchor: properties.anchor,
        comments,
        span,
        properties: properties.span,
        line: count(properties.start.line),
        column: count(properties.start.column),
    }
}

fn boxed(kind: NodeKind, properties: Properties, comments: &mut Comments, span: Range<usize>) -> Box<Node> {
    Box::new(made(kind, properties, std::mem::take(comments), span))
}

fn empty_scalar() -> NodeKind {
    NodeKind::Scalar { text: String::new().into(), style: ScalarStyle::Plain }
}

/// The foot of a node is rather that of the key before it: of the previous key (in place of its own), or of a value's key.
fn move_foot(from: &mut Node, to: &mut Node, replace: bool) {
    if !from.comments.foot.is_empty() && (replace || to.comments.foot.is_empty()) {
        to.comments.foot = std::mem::take(&mut from.comments.foot);
        to.comments.foot_spans = std::mem::take(&mut from.comments.foot_spans);
    }
}

/// Nodes are in boxes while they are read, and go where they belong here: the functions that nest keep small frames.
fn push(items: &mut Vec<Node>, item: Box<Node>) {
    items.push(*item);
}

fn push_entry(entries: &mut Vec<(Node, Node)>, key: Box<Node>, value: Box<Node>) {
    entries.push((*key, *value));
}

/// Where the last node inside ends.
fn last_byte(kind: &NodeKind) -> usize {
    match kind {
        NodeKind::Sequence { items, .. } => items.last().map_or(0, |item| item.span.end),
        NodeKind::Mapping { entries, .. } => entries.last().map_or(0, |(key, value)| value.span.end.max(key.span.end)),
        _ => 0,
    }
}
