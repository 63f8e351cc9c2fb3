//! `sops edit`

use std::path::PathBuf;

use super::super::create::NewFile;
use super::super::failure::Failure;
use super::{Formats, Opening};

/// What the command line says.
pub(crate) struct Options {
    /// The file, absolute. It may be missing: then an example is edited, and the file is made with `new`.
    pub(crate) path: PathBuf,
    /// How it is read and written.
    pub(crate) formats: Formats,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// The metadata of a file that is not there yet.
    pub(crate) new: NewFile,
    /// `--show-master-keys`: the metadata is edited, too.
    pub(crate) show_master_keys: bool,
}

/// Opens the file in an editor and encrypts what comes back, in place.
pub(crate) fn run(_options: Options) -> Result<u8, Failure> {
    Err(Failure::generic("edit: not there yet"))
}
