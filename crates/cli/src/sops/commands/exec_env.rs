//! `sops exec-env`

use std::ffi::OsString;
use std::path::PathBuf;

use bulla_core::sops::Format;

use super::super::failure::Failure;
use super::Opening;

/// What the command line says.
pub(crate) struct Options {
    /// The encrypted file, as given.
    pub(crate) path: PathBuf,
    /// Its format.
    pub(crate) input: Format,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// What the shell runs.
    pub(crate) command: OsString,
    /// `--background` (deprecated; the warning is the command's)
    pub(crate) background: bool,
    /// `--pristine`: nothing of our own environment.
    pub(crate) pristine: bool,
    /// `--user`, empty if it was not given
    pub(crate) user: String,
    /// `--same-process`
    pub(crate) same_process: bool,
}

/// Runs the command with the values in its environment, and returns its exit code.
pub(crate) fn run(_options: Options) -> Result<u8, Failure> {
    Err(Failure::generic("exec-env: not there yet"))
}
