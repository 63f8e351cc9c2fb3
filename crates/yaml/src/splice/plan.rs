//! What all plans share: edits of bytes, and the changes that are asked of one map.

use zeroize::Zeroizing;

use super::SpliceError;
use super::outline::{Outline, Place};
use super::scan::Scan;
use crate::writer::Out;

/// Bytes that are replaced.
pub(super) struct Edit {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: Zeroizing<String>,
    /// Of edits that insert at the same offset, the deeper one comes first.
    pub(super) depth: usize,
}

/// Everything that a plan looks at.
#[derive(Clone, Copy)]
pub(super) struct Source<'s> {
    pub(super) scan: Scan<'s>,
    pub(super) outline: &'s Outline,
}

/// What is asked of one map: indices of pairs that go, and entries that come.
#[derive(Default)]
pub(super) struct MapChange<'o> {
    pub(super) removed: Vec<usize>,
    pub(super) inserted: Vec<(&'o str, &'o Out<'static>)>,
}

impl Edit {
    pub(super) fn new(place: &Place, start: usize, end: usize, text: impl Into<String>) -> Self {
        Self { start, end, text: Zeroizing::new(text.into()), depth: place.depth }
    }
}

impl<'s> Source<'s> {
    pub(super) fn place(self, index: usize) -> &'s Place {
        &self.outline.places[index]
    }

    pub(super) fn parent(self, place: &Place) -> Option<&'s Place> {
        place.parent.map(|parent| self.place(parent))
    }

    /// Cannot be edited in place.
    pub(super) fn layout(self, place: &Place) -> SpliceError {
        SpliceError::Layout { line: self.scan.line(place.start) }
    }
}
