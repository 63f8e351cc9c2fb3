//! The flags of `bulla run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::trust_args::TrustArgs;
use crate::sops::run::{Null, Options};

/// `bulla run --help`
pub(crate) const RUN: &str = "\
Examples:
  bulla run secrets.yaml -- ./server
  bulla run common.yaml prod.env --upper -- sh -c 'echo \"$DATABASE_URL\" | wc -c'
  bulla run --pristine secrets.json -- env       only these variables, and nothing else

database: {user: …} becomes database_user, the first of a list hosts_0. The command takes bulla's place:
it gets the signals, and its exit code is the exit code. Two values with one name are an error.";

/// `bulla run`
#[derive(Debug, ClapArgs)]
pub(crate) struct RunArgs {
    /// Files that sops or bulla seal encrypted, of any format
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The command, behind --
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
    /// What becomes of null
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    null: Null,
    /// Write the names in capital letters
    #[arg(long)]
    upper: bool,
    /// Put this before every name
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: String,
    /// Give the command no other variables
    #[arg(long)]
    pristine: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

impl RunArgs {
    pub(crate) fn resolve(self) -> Options {
        Options {
            files: self.files,
            command: self.command,
            null: self.null,
            upper: self.upper,
            prefix: self.prefix,
            pristine: self.pristine,
            trust: self.trust.resolve(),
        }
    }
}
