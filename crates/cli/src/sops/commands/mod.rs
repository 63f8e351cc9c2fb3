//! The commands of sops, one file each: `Options` from the command line, and `run`.

pub(crate) mod completion;
pub(crate) mod decrypt;
pub(crate) mod edit;
pub(crate) mod encrypt;
pub(crate) mod exec_env;
pub(crate) mod exec_file;
pub(crate) mod filestatus;
pub(crate) mod groups;
pub(crate) mod keyservice;
pub(crate) mod publish;
pub(crate) mod rotate;
pub(crate) mod set;
mod shell;
pub(crate) mod unset;
pub(crate) mod updatekeys;

use bulla_core::sops::{Format, Indents};

use super::allow::Allow;
use super::keys::KeyServices;
use super::open::OpenOptions;

/// The formats that a command reads and writes: from `--input-type`, `--output-type`, or the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Formats {
    /// What is read.
    pub(crate) input: Format,
    /// What is written.
    pub(crate) output: Format,
    /// From `stores` of `.sops.yaml` and `--indent`.
    pub(crate) indents: Indents,
    /// `--allow-…`: what is read although it is refused otherwise.
    pub(crate) allow: Allow,
}

/// What every command that opens a file is told.
pub(crate) struct Opening {
    /// Who is asked for the data key.
    pub(crate) services: KeyServices,
    /// `--ignore-mac`, `--decryption-order`
    pub(crate) how: OpenOptions,
}
