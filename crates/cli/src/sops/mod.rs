//! sops: the personality `sops` (argv[0], `bulla sops`), and what bulla's own verbs need for sops files.
//!
//! - `cli`: the command line of sops 3.13.3, both grammars, its help texts and its parser's habits
//! - `commands`: what each command of it does
//! - `config`: `.sops.yaml`
//! - `keys`: who answers for a wrapped data key: age, PGP, remote key services
//! - `keyservice`: the key service as a client and as a server
//! - `audit`: the log of who opened what
//! - `files`: sops files under bulla's own verbs
//! - `failure`: errors with the exit codes and the texts of the real tool; `unrecovered` and `wrap` lay out the longest of them
//! - `open`: opening a file, for everybody; `close`: the way back; `create`: the metadata of a new one
//! - `allow`: what bulla refuses and sops does not, and the flags that let it pass
//! - `place`: where files are read and written; `settings`: configuration and formats; `tree_path`: `["a"][0]`
//! - `log`: the lines on standard error; `go`: how Go quotes, counts and names paths; `version`: versions of files

pub(crate) mod allow;
pub(crate) mod audit;
mod cli;
pub(crate) mod close;
pub(crate) mod commands;
pub(crate) mod config;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod failure;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod go;
pub(crate) mod keys;
pub(crate) mod keyservice;
pub(crate) mod log;
pub(crate) mod open;
pub(crate) mod place;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod tree_path;
pub(crate) mod trust;
mod unrecovered;
pub(crate) mod version;
pub(crate) mod why;
mod wrap;

use std::ffi::OsString;

/// Runs `sops` with the arguments after its name and returns the exit code.
pub(crate) fn run(name: &str, args: Vec<OsString>) -> u8 {
    cli::run(name, args)
}
