//! `sops set`

use std::path::PathBuf;

use bulla_core::sops::{Branch, Format, Value};
use zeroize::Zeroizing;

use super::super::close;
use super::super::failure::{Failure, code};
use super::super::open::open_allowing;
use super::super::place::{Input, write_in_place};
use super::super::tree_path::{self, Step};
use super::super::{go, log};
use super::{Formats, Opening};

/// What the command line says.
pub(crate) struct Options {
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// The formats.
    pub(crate) formats: Formats,
    /// Where the value goes.
    pub(crate) at: Vec<Step>,
    /// The value.
    pub(crate) value: Value,
    /// `--idempotent`
    pub(crate) idempotent: bool,
    /// How the file is opened.
    pub(crate) opening: Opening,
}

/// Sets a value, in place.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let (text, changed) = set(options)?;
    if !changed && options.idempotent {
        log::info("CMD", "File not written due to no change");
    } else {
        write_in_place(&options.path, &text)?;
    }
    Ok(0)
}

/// The file with the value, and whether the value is another one than before.
pub(crate) fn set(options: &Options) -> Result<(Vec<u8>, bool), Failure> {
    change(&options.path, options.formats, &options.opening, |branch| {
        tree_path::set(branch, &options.at, options.value.clone()).map_err(Failure::generic)
    })
}

/// Opens a file, changes its first document, and encrypts it again under the same key: what did not change keeps its ciphertext.
pub(super) fn change<T>(
    path: &std::path::Path,
    formats: Formats,
    opening: &Opening,
    change: impl FnOnce(&mut Branch) -> Result<T, Failure>,
) -> Result<(Vec<u8>, T), Failure> {
    let bytes = Input::at(path).read()?;
    let mut opened = open_allowing(formats.input, &bytes, &opening.services, &opening.how, formats.allow)?;
    let first = opened.tree.documents.first_mut();
    let done =
        change(first.ok_or_else(|| Failure::new(code::NO_DOCUMENT, bulla_core::sops::Error::Empty.to_string()))?)?;
    close::check_plain(&opened.tree, formats.output)?;
    close::encrypt_allowing(&mut opened.tree, &mut opened.metadata, &opened.key, &opened.nonces, formats.allow)?;
    Ok((close::emit(formats.output, opened.tree, &opened.metadata, formats.indents)?, done))
}

/// A value of the command line: JSON. A number by itself is a float, as it is to Go; inside of an object it may be an integer. A list by
/// itself is refused (#1133 of the real tool).
pub(crate) fn value(json: &[u8]) -> Result<Value, Failure> {
    let invalid = || Failure::new(code::SET_FORMAT, "Value for --set is not valid JSON");
    // The JSON store reads objects only, and reads them as Go does. What is not one value does not come out as one item.
    let mut wrapped = Zeroizing::new(Vec::with_capacity(json.len() + 6));
    wrapped.extend_from_slice(b"{\"v\":");
    wrapped.extend_from_slice(json);
    wrapped.push(b'}');
    let tree = Format::Json.load_plain(&wrapped).map_err(|_| invalid())?;
    let mut items = tree.documents.into_iter().next().ok_or_else(invalid)?;
    let item = items.pop().filter(|item| item.name() == Some("v") && items.is_empty()).ok_or_else(invalid)?;
    match item.value {
        Value::List(_) => Err(Failure::new(code::SET_FORMAT, "Invalid --set value format")),
        #[allow(clippy::cast_precision_loss, reason = "Go reads a number by itself as a float, too")]
        Value::Int(number) => Ok(Value::Float(number as f64)),
        value => Ok(value),
    }
}

/// `--set`: path and value, with `] ` between them.
pub(crate) fn legacy(text: &str) -> Result<(Vec<Step>, Value), Failure> {
    let invalid = || Failure::new(code::SET_FORMAT, "Invalid --set format");
    let (path, json) = text.split_once("] ").ok_or_else(invalid)?;
    let value = value(json.as_bytes())?;
    let steps = tree_path::parse(&format!("{path}]")).map_err(|_| invalid())?;
    Ok((steps, value))
}

/// The value from where the command line says: the word itself, a file of this name, or standard input.
pub(crate) enum ValueFrom {
    Word(std::ffi::OsString),
    File(PathBuf),
    Stdin,
}

impl ValueFrom {
    /// Reads and parses it.
    pub(crate) fn read(&self) -> Result<Value, Failure> {
        match self {
            Self::Word(word) => value(word.as_encoded_bytes()),
            Self::File(path) => {
                let bytes = crate::io::input::read_file(path)
                    .map_err(|error| Failure::generic(go::path_error("open", path, &error)))?;
                value(&bytes)
            }
            Self::Stdin => {
                let bytes = Input::Stdin.read().map_err(|failure| Failure::generic(failure.text))?;
                value(&bytes)
            }
        }
    }
}
