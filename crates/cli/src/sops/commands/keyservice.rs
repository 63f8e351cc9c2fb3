//! `sops keyservice`

use super::super::failure::Failure;

/// What the command line says.
pub(crate) struct Options {
    /// `--network`: `tcp` unless something else was given
    pub(crate) network: String,
    /// `--address`: `127.0.0.1:5000` unless something else was given
    pub(crate) address: String,
    /// `--prompt`: ask before each request
    pub(crate) prompt: bool,
}

/// Serves the keys of this machine until it is stopped.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    super::super::keyservice::serve(options).map(|()| 0)
}
