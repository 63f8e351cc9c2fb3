//! A node of a document, with everything that is needed to write it again.

use std::ops::Range;

use zeroize::Zeroizing;

/// A value or key with its comments. Not `Debug`: it may hold plaintext.
#[derive(Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// The tag in short form (`!custom`, `!!binary`), empty if none is written.
    pub tag: String,
    /// The name of an anchor (`&name`), empty if there is none.
    pub anchor: String,
    /// The comments around it.
    pub comments: Comments,
    /// The source bytes: of a scalar exactly the token, quotes and the header of a block scalar included (it ends before the line break of
    /// its last line with text); of a list or map from its first to its last byte. Empty for nodes that were not read, and for a null
    /// that is not written.
    pub span: Range<usize>,
    /// The bytes of its tag and anchor, without the space behind them; empty if there are none.
    pub properties: Range<usize>,
    /// Line in the source, from 1; 0 for nodes that were not read.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What a node is.
#[derive(Clone)]
pub enum Kind {
    /// Text in some style.
    Scalar {
        /// The text, escapes and folding done.
        text: Zeroizing<String>,
        /// How it is written.
        style: ScalarStyle,
    },
    /// A list.
    Sequence {
        /// Its elements.
        items: Vec<Node>,
        /// Whether it stands in brackets.
        flow: bool,
    },
    /// A map. Duplicate keys and merge keys (`<<`) are entries like any other.
    Mapping {
        /// Keys and values.
        entries: Vec<(Node, Node)>,
        /// Whether it stands in braces.
        flow: bool,
    },
    /// `*name`: the node that the anchor names, copied (its comments with it; the alias's own are in this node).
    Alias {
        /// The name.
        name: String,
        /// What it stands for.
        target: Box<Node>,
    },
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarStyle {
    /// Without quotes: the only style whose type is guessed.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// The comments that belong to a node, by go-yaml v3's rules of attachment. Each text is one or more lines with their `#`, empty lines
/// between them where the source has any; empty if there is none.
#[derive(Clone, Default)]
pub struct Comments {
    /// Above the node.
    pub head: Zeroizing<String>,
    /// Behind it on its line.
    pub line: Zeroizing<String>,
    /// Below it.
    pub foot: Zeroizing<String>,
    /// Where the lines of `head` stand in the source, from `#` to before the line's end; one for each line that is not empty.
    pub head_spans: Vec<Range<usize>>,
    /// The same for `line`.
    pub line_spans: Vec<Range<usize>>,
    /// The same for `foot`.
    pub foot_spans: Vec<Range<usize>>,
}
