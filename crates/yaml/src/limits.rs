//! What a hostile input may cost.

/// Bounds on the work that one input can cause. Every bound that is crossed ends in an
/// [`Error`](crate::Error) that names it.
///
/// ```
/// let limits = bulla_yaml::Limits { max_documents: 1, ..Default::default() };
/// assert!(bulla_yaml::read_manifests(b"a: 1\n---\nb: 2\n", &limits).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the whole input in bytes. Checked before anything is read. Default: 64 MiB.
    pub max_bytes: usize,
    /// Nested lists and maps, aliases expanded. Default: 255; more than 400 is treated as 400, because reading and
    /// dropping a tree is recursive and has to fit the 2 MiB stack of a thread.
    pub max_depth: usize,
    /// Nodes made by expanding aliases and merge keys, per document. Default: 10,000.
    pub max_alias_nodes: usize,
    /// Documents in the input, empty ones included. Default: 100,000.
    pub max_documents: usize,
}

/// See [`Limits::max_depth`].
const MAX_DEPTH: usize = 400;

impl Limits {
    pub(crate) fn depth(&self) -> usize {
        self.max_depth.min(MAX_DEPTH)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_depth: 255, max_alias_nodes: 10_000, max_documents: 100_000 }
    }
}
