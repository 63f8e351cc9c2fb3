//! `sops unset`

use std::path::PathBuf;

use super::super::failure::Failure;
use super::super::place::write_in_place;
use super::super::tree_path::{self, Missing, Step};
use super::{Formats, Opening};

/// What the command line says.
pub(crate) struct Options {
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// The formats.
    pub(crate) formats: Formats,
    /// What is taken out.
    pub(crate) at: Vec<Step>,
    /// `--idempotent`: what is not there is no error.
    pub(crate) idempotent: bool,
    /// How the file is opened.
    pub(crate) opening: Opening,
}

/// Takes a value out, in place.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let mut nothing_to_do = false;
    let changed = super::set::change(&options.path, options.formats, &options.opening, |branch| {
        tree_path::unset(branch, &options.at).map_err(|missing| match missing {
            Missing::NotFound(text) => {
                nothing_to_do = options.idempotent;
                Failure::generic(text)
            }
            Missing::Other(text) => Failure::generic(text),
        })
    });
    match changed {
        Err(_) if nothing_to_do => Ok(0),
        changed => {
            let (text, ()) = changed?;
            write_in_place(&options.path, &text)?;
            Ok(0)
        }
    }
}
