//! `sops publish`

use std::path::PathBuf;

use super::super::failure::Failure;
use super::Opening;

/// What the command line says.
pub(crate) struct Options {
    /// The file or folder, as given.
    pub(crate) path: PathBuf,
    /// `--config` or `SOPS_CONFIG`; `None`: it is looked for, and missing it is an error (`config file not found`).
    pub(crate) config: Option<PathBuf>,
    /// How the files are opened.
    pub(crate) opening: Opening,
    /// `--yes`
    pub(crate) yes: bool,
    /// `--omit-extensions`
    pub(crate) omit_extensions: bool,
    /// `--recursive`
    pub(crate) recursive: bool,
}

/// Publishes the file, or each file of the folder. The formats of the files come from their names.
pub(crate) fn run(_options: Options) -> Result<u8, Failure> {
    Err(Failure::generic("publish: not there yet"))
}
