//! `sops decrypt`

use bulla_core::sops::{Format, Value};
use zeroize::Zeroizing;

use super::super::failure::{Failure, code};
use super::super::open::{Opened, open_and_drop};
use super::super::place::{Destination, Input};
use super::super::tree_path::{self, Step};
use super::{Formats, Opening};

const NOT_BINARY: &str = "This is likely not an encrypted binary file?";

/// What the command line says.
pub(crate) struct Options {
    /// What is read.
    pub(crate) input: Input,
    /// Where the plaintext goes.
    pub(crate) destination: Destination,
    /// The formats.
    pub(crate) formats: Formats,
    /// `--extract`; empty: everything.
    pub(crate) extract: Vec<Step>,
    /// How the file is opened.
    pub(crate) opening: Opening,
}

/// Decrypts a file.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let plain = decrypt(options)?;
    options.destination.write(&plain)?;
    Ok(0)
}

/// The plaintext, as it is to be written.
pub(crate) fn decrypt(options: &Options) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = options.input.read()?;
    let opened = open_and_drop(
        options.formats.input,
        bytes,
        &options.opening.services,
        &options.opening.how,
        options.formats.allow,
    )?;
    emit(opened, options)
}

fn emit(mut opened: Opened, options: &Options) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let Formats { output, indents, .. } = options.formats;
    let dumped = |what: &'static str| {
        move |error| Failure::new(code::DUMP, format!("Error dumping {what}: {error}{}", hint(&error, output)))
    };
    if options.extract.is_empty() {
        return output.into_plain(opened.tree, indents).map_err(dumped("file"));
    }
    let Some(first) = opened.tree.documents.first_mut() else {
        return output.into_plain(opened.tree, indents).map_err(dumped("file"));
    };
    let found = tree_path::get(first, &options.extract)
        .map_err(|reason| Failure::generic(format!("error truncating tree: {reason}")))?;
    match found {
        Value::Map(branch) => {
            *first = branch.clone();
            output.emit_plain(&opened.tree, indents).map_err(dumped("file"))
        }
        Value::Text(text) => Ok(text.clone()),
        value => output.emit_value(value, indents).map_err(dumped("tree")),
    }
}

/// Somebody took another file for a binary one.
fn hint(error: &bulla_core::sops::Error, output: Format) -> String {
    if output == Format::Binary && error.to_string().starts_with("error emitting binary store") {
        format!("\n\n{NOT_BINARY} If not, use --output-type to select the correct output type.")
    } else {
        String::new()
    }
}
