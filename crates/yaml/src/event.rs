//! The YAML parser behind an event type of our own, so that another parser can take granit's place.
//!
//! granit's own buffers are out of reach: scalars that it has to build (escapes, folded lines) lie in `String`s that it
//! moves to us; the moved text is cleared when we drop it, but a buffer that it outgrew on the way is not.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event as Granit, Marker, Parser, ScalarStyle, StrInput, StructureStyle};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::limits::Limits;
use crate::node::Style;
use crate::position::{Position, Span};
use crate::scalar::Tag;

/// One step of a YAML stream. `anchor` is 0 for none.
pub(crate) enum Event<'a> {
    DocumentStart,
    DocumentEnd,
    Alias { anchor: usize },
    Scalar { text: Text<'a>, style: Style, tag: Option<Tag>, anchor: usize },
    SequenceStart { style: Style, anchor: usize },
    SequenceEnd,
    MappingStart { style: Style, anchor: usize },
    MappingEnd,
}

/// The text of a scalar after escapes and folding.
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Owned(Zeroizing<String>),
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Borrowed(text),
            Cow::Owned(text) => Self::Owned(Zeroizing::new(text)),
        }
    }
}

/// Where a text begins in the input: after a byte order mark, or after JSON objects.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin {
    /// Bytes before the text.
    pub(crate) bytes: usize,
    /// Lines before the text; it begins at the start of a line.
    pub(crate) lines: usize,
}

/// The events of a stream, positions counted from the start of the input.
pub(crate) struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    origin: Origin,
    limit: usize,
}

impl<'a> Events<'a> {
    pub(crate) fn new(text: &'a str, origin: Origin, limits: &Limits) -> Self {
        let limit = limits.depth();
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: limit,
            block_nesting_limit: limit,
        };
        Self { parser: Parser::new_from_str_with_options(text, options), text, origin, limit }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        Span {
            start: self.origin.bytes + range.start,
            end: self.origin.bytes + range.end.max(range.start),
            position: self.position(&span.start),
        }
    }

    fn position(&self, marker: &Marker) -> Position {
        Position { line: self.origin.lines + marker.line(), column: marker.col() + 1 }
    }

    fn error(&self, error: &granit_parser::ScanError) -> Error {
        let position = self.position(error.marker());
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => Error::TooDeep { position, limit: self.limit },
            kind => Error::Yaml { position, problem: describe(kind) },
        }
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<(Event<'a>, Span), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (event, span) = match self.parser.next()? {
                Ok(next) => next,
                Err(error) => return Some(Err(self.error(&error))),
            };
            let span = self.span(span);
            let event = match event {
                Granit::DocumentStart(..) => Event::DocumentStart,
                Granit::DocumentEnd => Event::DocumentEnd,
                Granit::Alias(anchor) => Event::Alias { anchor },
                Granit::Scalar(text, style, anchor, tag) => Event::Scalar {
                    text: text.into(),
                    style: scalar_style(style),
                    tag: tag.map(|tag| Tag::from_parts(tag.handle(), tag.suffix())),
                    anchor,
                },
                Granit::SequenceStart(style, anchor, _) => {
                    Event::SequenceStart { style: structure_style(style), anchor }
                }
                Granit::SequenceEnd => Event::SequenceEnd,
                Granit::MappingStart(style, anchor, _) => Event::MappingStart { style: structure_style(style), anchor },
                Granit::MappingEnd => Event::MappingEnd,
                // Presentation and stream bounds, which the manifest reader has no use for.
                _ => continue,
            };
            debug_assert!(span.end <= self.origin.bytes + self.text.len(), "spans lie inside the text");
            return Some(Ok((event, span)));
        }
    }
}

fn scalar_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn structure_style(style: StructureStyle) -> Style {
    match style {
        StructureStyle::Block => Style::Block,
        StructureStyle::Flow => Style::Flow,
    }
}

/// granit's message without any text of the input. Of its messages only those that name a character, an adapter's error
/// or an input source can carry some.
fn describe(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnexpectedCharacter { .. } => "unexpected character".to_owned(),
        ErrorKind::UnknownAnchor => "the alias refers to an anchor that is not defined before it".to_owned(),
        ErrorKind::Custom(_) | ErrorKind::InputIo { .. } | ErrorKind::InputDecoding { .. } => {
            "the text cannot be read".to_owned()
        }
        kind => {
            let mut message = kind.to_string();
            if message.ends_with('.') {
                message.pop();
            }
            message
        }
    }
}
