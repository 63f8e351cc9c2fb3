//! `sops encrypt`

use super::super::close;
use super::super::create::NewFile;
use super::super::failure::{Failure, code};
use super::super::keys::KeyServices;
use super::super::place::{Destination, Input};
use super::Formats;

/// What the command line says.
pub(crate) struct Options {
    /// What is read.
    pub(crate) input: Input,
    /// Where the encrypted file goes.
    pub(crate) destination: Destination,
    /// The formats.
    pub(crate) formats: Formats,
    /// Keys and selectors.
    pub(crate) new: NewFile,
    /// Who wraps the data key.
    pub(crate) services: KeyServices,
}

/// Encrypts a file.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let text = encrypt(options)?;
    options.destination.write(&text)?;
    Ok(0)
}

/// The encrypted file.
pub(crate) fn encrypt(options: &Options) -> Result<Vec<u8>, Failure> {
    let mut metadata = options.new.metadata()?;
    let bytes = options.input.read()?;
    let Formats { input, output, indents, allow } = options.formats;
    let mut tree = allow.load_plain(input, &bytes).map_err(|error| match error {
        bulla_core::sops::Error::Empty => Failure::new(code::NO_DOCUMENT, error.to_string()),
        error => Failure::new(code::READ, format!("Error unmarshalling file: {error}")),
    })?;
    // A large file is not kept twice.
    drop(bytes);
    close::check_plain(&tree, output)?;
    let key = close::new_data_key(&mut metadata, &options.services)?;
    close::encrypt_allowing(&mut tree, &mut metadata, &key, &bulla_core::sops::Nonces::default(), allow)?;
    close::emit(output, tree, &metadata, indents)
}
