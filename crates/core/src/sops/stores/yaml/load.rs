//! From bytes to the tree, comments and all, in the order in which sops puts them.

use std::ops::Range;

use bulla_yaml::go3::{Document, ScalarStyle};

use crate::sops::{Error, Tree};

/// A file with the place of each leaf, for edits that keep everything else of the file.
pub struct Located {
    /// What [`Format::load_plain`](crate::sops::Format::load_plain) gives.
    pub tree: Tree,
    /// One for each leaf of `tree`, in the order of the walk: values (nulls too) and comments. Empty lists and maps have none.
    pub leaves: Vec<Leaf>,
    /// The nodes that the tree was made from, with the places of keys, lists and maps.
    pub documents: Vec<Document>,
    /// Comment lines of the file that go-yaml loses, and that are therefore not in the tree. In no order that matters.
    pub lost_comments: Vec<Range<usize>>,
}

/// Where a leaf stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The document, from 0.
    pub document: usize,
    /// The bytes of the token: quotes and the header of a block scalar included; a block scalar ends before the line break of its last line
    /// with text. A comment begins at its `#` and ends before the line break. Empty, at the place where it would stand, for a null
    /// that is not written.
    pub span: Range<usize>,
    /// The bytes of tag and anchor in front of the token (`!!str &a`), without the space behind them; empty if there are none.
    pub properties: Range<usize>,
    /// Whether it is a line of a comment.
    pub is_comment: bool,
    /// How the scalar is written. [`ScalarStyle::Plain`] for comments.
    pub style: ScalarStyle,
    /// Whether it stands in brackets or braces, where `,` `[` `]` `{` `}` end plain text.
    pub in_flow: bool,
    /// Whether it comes from an alias or merge key: its bytes are those of the anchored node, where the leaf stands for the first time.
    pub through_alias: bool,
    /// The bytes of the key that it is the value of; empty in lists and for comments.
    pub key: Range<usize>,
}

pub(in crate::sops::stores) fn load(bytes: &[u8]) -> Result<Tree, Error> {
    load_located(bytes).map(|located| located.tree)
}

/// Reads a file and remembers where everything stands.
///
/// # Errors
/// [`Error::Unreadable`] with the line, worded as go-yaml words it; [`Error::Empty`].
pub fn load_located(_bytes: &[u8]) -> Result<Located, Error> {
    Err(Error::Empty)
}
