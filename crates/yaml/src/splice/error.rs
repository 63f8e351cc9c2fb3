//! Why an edit is refused. No message repeats a value; keys are named.

use crate::error::Error;

/// Why an edit was refused, and what to do. Lines are those of the text before the edit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpliceError {
    /// The text itself cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// The node comes from another text, or shares its place with another one.
    #[error("line {line}: the place of this value cannot be told, write it on a line of its own")]
    NoPlace {
        /// Line of the node.
        line: usize,
    },
    /// The node is shared by an anchor and its aliases: a change here would change the other places, too.
    #[error("line {line}: the value has an anchor that aliases share, write it out at each place first")]
    Aliased {
        /// Line of the anchor's node.
        line: usize,
    },
    /// The key comes out of a merge key `<<`.
    #[error("line {line}: the key `{}` comes out of a merge key `<<`, write it out here first", key.escape_debug())]
    Merged {
        /// Line of the map.
        line: usize,
        /// The key.
        key: String,
    },
    /// A text was to be set, and there is a list or a map.
    #[error("line {line}: {found} cannot become text, change it in an editor")]
    NotAScalar {
        /// Line of the node.
        line: usize,
        /// What is there.
        found: &'static str,
    },
    /// A key was to be changed in something that is no map.
    #[error("line {line}: {found} has no keys, write a map here first")]
    NotAMap {
        /// Line of the node.
        line: usize,
        /// What is there.
        found: &'static str,
    },
    /// The map has no such key.
    #[error("line {line}: there is no key `{}`", key.escape_debug())]
    NoSuchKey {
        /// Line of the map.
        line: usize,
        /// The key.
        key: String,
    },
    /// The map has this key already.
    #[error("line {line}: the key `{}` is there already", key.escape_debug())]
    KeyExists {
        /// Line of the map.
        line: usize,
        /// The key.
        key: String,
    },
    /// The key stands twice in its map: taking away one would bring back the other.
    #[error("line {line}: the key `{}` is there twice, remove one of the two in an editor", key.escape_debug())]
    DuplicateKey {
        /// Line of the later occurrence.
        line: usize,
        /// The key.
        key: String,
    },
    /// Two edits concern the same bytes.
    #[error("line {line}: two changes meet here, make them one after the other")]
    Overlap {
        /// Line of the later edit.
        line: usize,
    },
    /// Written in a way that splices do not know.
    #[error("line {line}: this is written in a way that cannot be edited in place, write one key per line first")]
    Layout {
        /// Line of the node.
        line: usize,
    },
    /// The edited text would read back as something else than what was asked for.
    #[error("line {line}: the edited text would read differently than asked for, change it in an editor")]
    Differs {
        /// Line of the first edit.
        line: usize,
    },
}
