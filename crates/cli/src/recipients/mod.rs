//! `bulla recipients`: who can open the sops files of a tree; one more, or one fewer.
//!
//! Which way the data goes: paths → the sops files in them → for each, who is to open it from now on (`change`, pure but for the rules
//! that are read) → new bytes (`sops::trust::rewrap`) → the files, replaced one by one; and, if wanted, the rules in
//! `.sops.yaml` (`rule`), edited first: a file that its rule does not know is not silently made.

mod change;
mod list;
mod parse;
mod rule;

use std::path::PathBuf;

use bulla_core::sops::KeySource;

use crate::sops::trust::Trust;

pub(crate) use self::change::run as change;
pub(crate) use self::list::run as list;
pub(crate) use self::parse::parse;

/// `recipients add` and `recipients rm`.
#[derive(Debug)]
pub(crate) struct Options {
    /// One more, or one fewer.
    pub(crate) what: What,
    pub(crate) recipient: KeySource,
    /// Files and folders.
    pub(crate) paths: Vec<PathBuf>,
    /// The key group, from 1.
    pub(crate) group: Option<usize>,
    /// Whether the rules are edited, too.
    pub(crate) rule: bool,
    /// Whether recipients that the rules do not name are no reason to stop.
    pub(crate) keep_unlisted: bool,
    /// Whether nothing is written.
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
    pub(crate) trust: Trust,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Add,
    /// With a new data key, unless it is kept.
    Remove {
        keep_data_key: bool,
    },
}
