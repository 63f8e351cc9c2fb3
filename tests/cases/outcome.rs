//! What goes into a run, and what comes out of it.

use std::collections::BTreeMap;

/// What a process is given. A stand-in may change it.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) args: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) input: Vec<u8>,
}

/// What a process left behind. A stand-in may change it.
#[derive(Clone)]
pub(crate) struct Left {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Each with its mode.
    pub(crate) files: BTreeMap<String, (u32, Vec<u8>)>,
    pub(crate) asked: Vec<String>,
}

/// The same, to be compared: texts, with ciphertexts opened, and without what differs from run to run.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) asked: Vec<String>,
}
