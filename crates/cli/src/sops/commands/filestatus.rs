//! `sops filestatus`

use bulla_core::sops::{Error, Format};

use super::super::failure::Failure;
use super::super::place::Input;
use crate::io::output;

/// What the command line says.
pub(crate) struct Options {
    /// The file.
    pub(crate) input: Input,
    /// Its format.
    pub(crate) format: Format,
}

/// Says whether a file is encrypted, as JSON on standard output.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let encrypted = is_encrypted(options)
        .map_err(|failure| failure.into_fatal("cannot check file status: cannot load encrypted file: "))?;
    output::write_stdout(format!("{{\"encrypted\":{encrypted}}}\n").as_bytes())
        .map_err(|error| Failure::fatal(super::super::go::path_error("write", "/dev/stdout".as_ref(), &error)))?;
    Ok(0)
}

fn is_encrypted(options: &Options) -> Result<bool, Failure> {
    match options.format.load_encrypted(&options.input.read()?) {
        Ok((_, metadata)) => Ok(!metadata.version.is_empty() && !metadata.mac.is_empty()),
        Err(Error::MetadataNotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
