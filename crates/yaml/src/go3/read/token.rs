//! What the scanner gives to the parser.

use zeroize::Zeroizing;

use super::super::ScalarStyle;
use super::source::Mark;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    StreamStart,
    StreamEnd,
    Version,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: Mark,
    /// Where the scanner stood when it had the token.
    pub(super) end: Mark,
    /// Where the token's own text ends: before the blank lines that a block scalar takes with it.
    pub(super) end_byte: usize,
    /// A scalar's text, an anchor's name, the handle of a tag.
    pub(super) text: Zeroizing<String>,
    /// The suffix of a tag, the prefix of a directive.
    pub(super) suffix: String,
    pub(super) style: ScalarStyle,
    /// Of `%YAML`.
    pub(super) version: (u8, u8),
}

impl Token {
    pub(super) fn new(kind: Kind, start: Mark, end: Mark) -> Self {
        Self {
            kind,
            start,
            end,
            end_byte: end.byte,
            text: Zeroizing::default(),
            suffix: String::new(),
            style: ScalarStyle::Plain,
            version: (0, 0),
        }
    }
}
