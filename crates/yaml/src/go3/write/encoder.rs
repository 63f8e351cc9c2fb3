//! What stands where: documents, lists, maps, their indicators, and the comments between them.
//!
//! Comments wait ([`Waiting`]) until there is a place for them, as in go-yaml: what a map leaves behind may come out with the key that
//! follows it. That is why the order of the steps here matters to the byte.

use zeroize::Zeroizing;

use super::lines::{Indicator, Page};
use super::scalar::{self, Fits, Spot};
use super::styles;
use crate::go3::ScalarStyle;

/// Writes documents piece by piece, for trees that are no [`Node`](crate::go3::Node)s. The caller says what begins and ends; a map gets
/// its keys and values in turn.
///
/// ```
/// use bulla_yaml::go3::{Encoder, Notes};
///
/// let mut encoder = Encoder::new(4, 100);
/// encoder.begin_document(Default::default());
/// encoder.begin_map(false, Notes { head: "# who".to_owned().into(), ..Notes::default() });
/// encoder.text(b"user", Notes::default());
/// encoder.text(b"yes", Notes { line: "# really".to_owned().into(), ..Notes::default() });
/// encoder.end();
/// encoder.end_document(Default::default());
/// assert_eq!(encoder.finish().as_slice(), b"# who\nuser: \"yes\" # really\n");
/// ```
pub struct Encoder {
    page: Page,
    step: usize,
    documents: usize,
    waiting: Waiting,
    /// A comment behind a key, for the line of its value.
    key_line: Zeroizing<String>,
    levels: Vec<Level>,
    /// How many of the levels are in brackets or braces.
    flow: usize,
}

/// The comments of a node, each of one or more lines with their `#`.
#[derive(Clone, Default)]
pub struct Notes {
    /// Above it.
    pub head: Zeroizing<String>,
    /// Behind it.
    pub line: Zeroizing<String>,
    /// Below it.
    pub foot: Zeroizing<String>,
}

/// What stands in front of a node; empty where there is nothing.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark<'a> {
    pub(super) tag: &'a str,
    pub(super) anchor: &'a str,
}

/// How a list or map is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) flow: bool,
    pub(super) empty: bool,
}

/// Comments that have no place yet. Empty ones never replace others.
#[derive(Default)]
struct Waiting {
    head: Zeroizing<String>,
    line: Zeroizing<String>,
    foot: Zeroizing<String>,
    /// The foot of the key before: it stands below that key's value.
    tail: Zeroizing<String>,
}

/// A list or map that is open, or the document itself.
struct Level {
    kind: LevelKind,
    flow: bool,
    turn: Turn,
    /// Indentation outside of it.
    outer: Option<usize>,
    /// The foot of the last key.
    tail: Zeroizing<String>,
    line: Zeroizing<String>,
    foot: Zeroizing<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LevelKind {
    Document,
    Sequence,
    Mapping,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing was written.
    First,
    /// An item or key comes; in brackets the comma is still to be written.
    Next,
    /// The same, and the comma stands already: comments had to go behind it.
    NextAfterComma,
    /// The value of a key comes.
    Value { simple: bool },
}

/// A node without what is in it.
struct Part<'a> {
    kind: PartKind,
    mark: Mark<'a>,
    /// Bytes of the text.
    len: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Scalar { multiline: bool },
    Alias,
    Sequence(Shape),
    Mapping(Shape),
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Place {
    kind: LevelKind,
    flow: bool,
    is_key: bool,
    simple_key: bool,
}

impl Encoder {
    /// `indent` spaces for each level; `size` is a guess at the bytes that will be written.
    #[must_use]
    pub fn new(indent: usize, size: usize) -> Self {
        Self {
            page: Page::new(size),
            step: if (2..10).contains(&indent) { indent } else { 2 },
            documents: 0,
            waiting: Waiting::default(),
            key_line: Zeroizing::default(),
            levels: Vec::new(),
            flow: 0,
        }
    }

    /// Begins a document, with the comment that stands apart above it.
    pub fn begin_document(&mut self, head: Zeroizing<String>) {
        replace(&mut self.waiting.head, head);
        if self.documents > 0 {
            self.page.write_indent();
            self.page.indicator("---", Indicator::BEFORE);
            self.page.write_indent();
        }
        self.documents += 1;
        if !self.waiting.head.is_empty() {
            self.head_comment();
            self.page.new_line();
        }
        self.levels.push(Level::new(LevelKind::Document, false, self.page.indent));
    }

    /// Ends it, with the comment that stands apart below it.
    pub fn end_document(&mut self, foot: Zeroizing<String>) {
        self.levels.pop();
        replace(&mut self.waiting.foot, foot);
        self.page.foot_indent = Some(0);
        self.foot_comment();
        self.page.foot_indent = None;
        self.page.write_indent();
    }

    /// A Go string: in the style that it needs, as base64 if it is no text.
    pub fn text(&mut self, bytes: &[u8], notes: Notes) {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let tag = if text == "<<" { scalar::MERGE } else { "" };
                self.scalar(text, scalar::wanted(text), Mark { tag, anchor: "" }, notes);
            }
            Err(_) => {
                let text = Zeroizing::new(crate::base64::encode_folded(bytes));
                self.scalar(&text, ScalarStyle::Plain, Mark { tag: scalar::BINARY, anchor: "" }, notes);
            }
        }
    }

    /// Numbers, truth values, times and null, as they are.
    pub fn plain(&mut self, text: &str, notes: Notes) {
        self.scalar(text, ScalarStyle::Plain, Mark::default(), notes);
    }

    /// A number as Go writes a `float64`.
    pub fn float(&mut self, value: f64, notes: Notes) {
        let text = match value {
            f64::INFINITY => ".inf".to_owned(),
            f64::NEG_INFINITY => "-.inf".to_owned(),
            _ if value.is_nan() => ".nan".to_owned(),
            _ => crate::number::format_g64(value),
        };
        self.plain(&Zeroizing::new(text), notes);
    }

    /// Begins a list; `[]` if it is empty.
    pub fn begin_list(&mut self, empty: bool, notes: Notes) {
        self.begin_sequence(Shape { flow: false, empty }, Mark::default(), notes);
    }

    /// Begins a map; `{}` if it is empty.
    pub fn begin_map(&mut self, empty: bool, notes: Notes) {
        self.begin_mapping(Shape { flow: false, empty }, Mark::default(), notes);
    }

    /// Everything that was written.
    #[must_use]
    pub fn finish(self) -> Zeroizing<Vec<u8>> {
        self.page.into_bytes()
    }

    pub(super) fn scalar(&mut self, text: &str, style: ScalarStyle, mark: Mark<'_>, notes: Notes) {
        let wanted = if style == ScalarStyle::Plain && text.contains('\n') { ScalarStyle::Literal } else { style };
        let fits = Fits::of(text);
        let part = Part { kind: PartKind::Scalar { multiline: fits.multiline }, mark, len: text.len() };
        let place = self.before(&part, notes);
        let spot = Spot { flow: self.flow > 0, simple_key: place.simple_key };
        let mut style = fits.choose(text, wanted, spot);
        // The second line of a comment behind the header of a block would be text of the block.
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) && self.waiting.line.contains(scalar::is_break) {
            style = ScalarStyle::DoubleQuoted;
        }
        self.mark(mark);
        let outer = self.indent(true, place);
        match style {
            ScalarStyle::Plain => styles::plain(&mut self.page, text),
            ScalarStyle::SingleQuoted => styles::single_quoted(&mut self.page, text),
            ScalarStyle::DoubleQuoted => styles::double_quoted(&mut self.page, text),
            ScalarStyle::Literal | ScalarStyle::Folded => {
                // Line breaks alone have no indentation: go-yaml's digit does no harm.
                let depth = match text.contains(|character| !scalar::is_break(character)) {
                    true => self.page.indent.unwrap_or(0) - outer.unwrap_or(0),
                    false => self.step,
                };
                let literal = style == ScalarStyle::Literal;
                styles::block_header(&mut self.page, if literal { "|" } else { ">" }, text, depth);
                if self.waiting.line.is_empty() {
                    self.page.new_line();
                } else {
                    self.line_comment();
                }
                let lines = if literal { styles::literal } else { styles::folded };
                lines(&mut self.page, text);
            }
        }
        self.page.indent = outer;
        self.after(place);
    }

    pub(super) fn alias(&mut self, name: &str, notes: Notes) {
        let part = Part { kind: PartKind::Alias, mark: Mark::default(), len: name.len() };
        let place = self.before(&part, notes);
        self.page.indicator("*", Indicator::BEFORE);
        self.page.put_str(name);
        self.page.in_text();
        self.after(place);
    }

    pub(super) fn begin_sequence(&mut self, shape: Shape, mark: Mark<'_>, notes: Notes) {
        self.begin(LevelKind::Sequence, PartKind::Sequence(shape), shape, mark, notes);
    }

    pub(super) fn begin_mapping(&mut self, shape: Shape, mark: Mark<'_>, notes: Notes) {
        self.begin(LevelKind::Mapping, PartKind::Mapping(shape), shape, mark, notes);
    }

    fn begin(&mut self, kind: LevelKind, part: PartKind, shape: Shape, mark: Mark<'_>, mut notes: Notes) {
        // These two come when it ends.
        let (line, foot) = (std::mem::take(&mut notes.line), std::mem::take(&mut notes.foot));
        let is_key = self.expects_key();
        let (own_foot, key_foot) = if is_key { (Zeroizing::default(), foot) } else { (foot, Zeroizing::default()) };
        notes.foot = key_foot;
        let place = self.before(&Part { kind: part, mark, len: 0 }, notes);
        self.mark(mark);
        self.after(place);
        let flow = self.flow > 0 || shape.flow || shape.empty;
        if flow {
            self.page.indicator(if kind == LevelKind::Sequence { "[" } else { "{" }, Indicator::OPENING);
            self.flow += 1;
        }
        let outer = self.indent(flow, place);
        self.levels.push(Level { line, foot: own_foot, ..Level::new(kind, flow, outer) });
    }

    /// Ends the list or map that was begun last.
    pub fn end(&mut self) {
        let Some(level) = self.levels.pop() else { return };
        if level.kind == LevelKind::Mapping {
            replace(&mut self.waiting.tail, level.tail);
        }
        replace(&mut self.waiting.line, level.line);
        replace(&mut self.waiting.foot, level.foot);
        if level.kind == LevelKind::Mapping {
            let waiting = &self.waiting;
            let commented = !(waiting.head.is_empty() && waiting.foot.is_empty() && waiting.tail.is_empty());
            if level.flow && commented && level.turn == Turn::Next {
                self.page.indicator(",", Indicator::AFTER);
            }
            self.head_comment();
        }
        self.page.indent = level.outer;
        if level.flow {
            self.flow -= 1;
            if level.kind == LevelKind::Sequence && self.page.at_line_start() {
                self.page.write_indent();
            }
            self.page.indicator(if level.kind == LevelKind::Sequence { "]" } else { "}" }, Indicator::AFTER);
            self.line_comment();
            self.foot_comment();
        }
    }

    fn expects_key(&self) -> bool {
        self.levels
            .last()
            .is_some_and(|level| level.kind == LevelKind::Mapping && !matches!(level.turn, Turn::Value { .. }))
    }

    /// Everything that is written before a node. What it says about comments is taken over.
    fn before(&mut self, part: &Part<'_>, mut notes: Notes) -> Place {
        let (kind, flow, turn) = match self.levels.last() {
            Some(level) => (level.kind, level.flow, level.turn),
            None => (LevelKind::Document, false, Turn::First),
        };
        let is_key = self.expects_key();
        if is_key && let Some(level) = self.levels.last_mut() {
            let tail = std::mem::replace(&mut level.tail, std::mem::take(&mut notes.foot));
            // go-yaml loses the comment before a key that is a list.
            if matches!(part.kind, PartKind::Scalar { .. } | PartKind::Mapping(_)) {
                replace(&mut self.waiting.tail, tail);
            }
        }
        replace(&mut self.waiting.head, notes.head);
        replace(&mut self.waiting.line, notes.line);
        replace(&mut self.waiting.foot, notes.foot);
        let mut place = Place { kind, flow, is_key, simple_key: false };
        match (kind, turn) {
            (LevelKind::Document, _) => self.head_comment(),
            (LevelKind::Mapping, Turn::Value { simple }) => self.before_value(part, flow, simple),
            (LevelKind::Sequence, _) if !flow => {
                self.head_comment();
                self.page.write_indent();
                self.page.indicator("-", Indicator::ITEM);
            }
            _ => {
                if flow && turn == Turn::Next {
                    self.page.indicator(",", Indicator::AFTER);
                }
                self.head_comment();
                if !flow || self.page.at_line_start() {
                    self.page.write_indent();
                }
                if is_key {
                    if !flow && !self.waiting.line.is_empty() {
                        self.key_line = std::mem::take(&mut self.waiting.line);
                    }
                    place.simple_key = part.is_simple_key();
                    if !place.simple_key {
                        self.page.indicator("?", if flow { Indicator::BEFORE } else { Indicator::ITEM });
                    }
                }
            }
        }
        place
    }

    fn before_value(&mut self, part: &Part<'_>, flow: bool, simple: bool) {
        if simple {
            self.page.indicator(":", Indicator::AFTER);
        } else if flow {
            self.page.indicator(":", Indicator::BEFORE);
        } else {
            self.page.write_indent();
            self.page.indicator(":", Indicator::ITEM);
        }
        if flow || self.key_line.is_empty() {
            return;
        }
        match part.kind {
            PartKind::Scalar { .. } if self.waiting.line.is_empty() => {
                self.waiting.line = std::mem::take(&mut self.key_line);
            }
            PartKind::Sequence(Shape { flow: false, .. }) | PartKind::Mapping(Shape { flow: false, .. }) => {
                std::mem::swap(&mut self.waiting.line, &mut self.key_line);
                self.line_comment();
                std::mem::swap(&mut self.waiting.line, &mut self.key_line);
            }
            _ => {}
        }
    }

    /// What is written behind a node, or behind the beginning of a list or map.
    fn after(&mut self, place: Place) {
        let mut turn = Turn::Next;
        if place.is_key {
            turn = Turn::Value { simple: place.simple_key };
        } else {
            let waiting = &self.waiting;
            let commented = !(waiting.line.is_empty() && waiting.foot.is_empty() && waiting.tail.is_empty());
            if place.flow && commented {
                self.page.indicator(",", Indicator::AFTER);
                turn = Turn::NextAfterComma;
            }
            self.line_comment();
            self.foot_comment();
        }
        if let Some(level) = self.levels.last_mut() {
            level.turn = turn;
        }
    }

    fn mark(&mut self, mark: Mark<'_>) {
        if !mark.anchor.is_empty() {
            self.page.indicator("&", Indicator::BEFORE);
            self.page.put_str(mark.anchor);
            self.page.in_text();
        }
        if mark.tag.is_empty() {
            return;
        }
        self.page.space();
        let (handle, suffix) = split_tag(mark.tag);
        self.page.put_str(if handle.is_empty() { "!<" } else { handle });
        for byte in suffix.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_;/?:@&=+$,.~*'()[]".contains(&byte) {
                self.page.put(char::from(byte));
            } else {
                self.page.put_str(&format!("%{byte:02X}"));
            }
        }
        if handle.is_empty() {
            self.page.put('>');
        }
        self.page.in_text();
    }

    /// Goes one level deeper and gives the indentation of before.
    fn indent(&mut self, flow: bool, place: Place) -> Option<usize> {
        let outer = self.page.indent;
        let step = self.step;
        self.page.indent = Some(match outer {
            None if flow => step,
            None => 0,
            // Behind `- `.
            Some(outer) if place.kind == LevelKind::Sequence && !place.flow => outer + 2,
            Some(outer) => step * (outer / step + 1),
        });
        outer
    }

    fn head_comment(&mut self) {
        if !self.waiting.tail.is_empty() {
            self.page.write_indent();
            self.page.comment(&std::mem::take(&mut self.waiting.tail));
            self.page.foot_ends();
        }
        if !self.waiting.head.is_empty() {
            self.page.write_indent();
            self.page.comment(&std::mem::take(&mut self.waiting.head));
        }
    }

    fn line_comment(&mut self) {
        if !self.waiting.line.is_empty() {
            self.page.space();
            self.page.comment(&std::mem::take(&mut self.waiting.line));
        }
    }

    fn foot_comment(&mut self) {
        if !self.waiting.foot.is_empty() {
            self.page.write_indent();
            self.page.comment(&std::mem::take(&mut self.waiting.foot));
            self.page.foot_ends();
        }
    }
}

impl Level {
    fn new(kind: LevelKind, flow: bool, outer: Option<usize>) -> Self {
        let none = Zeroizing::<String>::default;
        Self { kind, flow, turn: Turn::First, outer, tail: none(), line: none(), foot: none() }
    }
}

impl Part<'_> {
    /// Whether it can stand before its colon without `? `.
    fn is_simple_key(&self) -> bool {
        let fits = match self.kind {
            PartKind::Scalar { multiline } => !multiline,
            PartKind::Alias => true,
            PartKind::Sequence(shape) | PartKind::Mapping(shape) => shape.empty,
        };
        let (handle, suffix) = split_tag(self.mark.tag);
        fits && self.len + self.mark.anchor.len() + handle.len() + suffix.len() <= 128
    }
}

/// `!!` or `!` and the rest; no handle for a tag that is written in full, `!<…>`.
fn split_tag(tag: &str) -> (&str, &str) {
    const CORE: &str = "tag:yaml.org,2002:";
    if let Some(suffix) = tag.strip_prefix(CORE).or_else(|| tag.strip_prefix("!!")) {
        ("!!", suffix)
    } else if let Some(suffix) = tag.strip_prefix('!') {
        ("!", suffix)
    } else {
        ("", tag)
    }
}

fn replace(comment: &mut Zeroizing<String>, by: Zeroizing<String>) {
    if !by.is_empty() {
        *comment = by;
    }
}
