//! `sops exec-file`

use std::ffi::OsString;
use std::path::PathBuf;

use super::super::failure::Failure;
use super::{Formats, Opening};

/// What the command line says.
pub(crate) struct Options {
    /// The encrypted file, as given.
    pub(crate) path: PathBuf,
    /// How it is read and written.
    pub(crate) formats: Formats,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// What the shell runs; `{}` becomes the path of the decrypted file.
    pub(crate) command: OsString,
    /// `--background` (deprecated; the warning is the command's)
    pub(crate) background: bool,
    /// `--no-fifo`
    pub(crate) no_fifo: bool,
    /// `--user`, empty if it was not given
    pub(crate) user: String,
    /// `--filename`, empty if it was not given
    pub(crate) filename: String,
}

/// Runs the command with the decrypted file, and returns its exit code.
pub(crate) fn run(_options: Options) -> Result<u8, Failure> {
    Err(Failure::generic("exec-file: not there yet"))
}
