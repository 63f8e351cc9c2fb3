//! `sops groups add`, `sops groups delete`: the same data key, other groups. Values, MAC and time stay as they are.

use bulla_core::sops::{Group, Metadata};

use super::super::close;
use super::super::failure::Failure;
use super::super::keys::KeyServices;
use super::super::open;
use super::super::place::{Destination, Input};
use super::Formats;

/// What the command line says.
pub(crate) struct Options {
    /// What is read.
    pub(crate) input: Input,
    /// Where the file goes.
    pub(crate) destination: Destination,
    /// The formats.
    pub(crate) formats: Formats,
    /// What is done.
    pub(crate) change: Change,
    /// `--shamir-secret-sharing-threshold`; 0: unchanged.
    pub(crate) threshold: u32,
    /// Who is asked.
    pub(crate) services: KeyServices,
}

/// A change.
pub(crate) enum Change {
    /// A group more.
    Add(Group),
    /// One less, by its index.
    Delete(u32),
}

/// Changes the groups of a file.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let bytes = options.input.read()?;
    let (tree, mut metadata) =
        options.formats.input.load_encrypted(&bytes).map_err(|error| Failure::fatal(error.to_string()))?;
    let key = open::recover(&metadata, &options.services, &open::OpenOptions::default().order)
        .map_err(|unrecovered| Failure::fatal(super::super::unrecovered::brief(&unrecovered)))?;
    change(&mut metadata, options)?;
    close::wrap_data_key(&mut metadata, &key, &options.services).map_err(|errors| {
        Failure::fatal(format!("the file is unchanged, since keys could not be wrapped: [{}]", errors.join(" ")))
    })?;
    let text = options
        .formats
        .output
        .emit_encrypted(tree, &metadata, options.formats.indents)
        .map_err(|error| Failure::fatal(error.to_string()))?;
    options.destination.write(&text)?;
    Ok(0)
}

fn change(metadata: &mut Metadata, options: &Options) -> Result<(), Failure> {
    match &options.change {
        Change::Add(group) => metadata.groups.push(group.clone()),
        Change::Delete(index) => {
            let count = metadata.groups.len();
            let at = usize::try_from(*index).ok().filter(|at| *at < count).ok_or_else(|| {
                Failure::fatal(format!("there is no key group {index}: the file has {count}, counted from 0"))
            })?;
            metadata.groups.remove(at);
        }
    }
    if options.threshold != 0 {
        metadata.shamir_threshold = options.threshold;
    }
    let count = metadata.groups.len();
    if u32::try_from(count).unwrap_or(u32::MAX) < metadata.shamir_threshold {
        return Err(Failure::fatal(format!(
            "removing this key group will make the Shamir threshold impossible to satisfy: Shamir threshold is {}, but we only \
             have {count} key groups",
            metadata.shamir_threshold
        )));
    }
    if count == 0 {
        return Err(Failure::fatal("this is the last key group; without it nobody could open the file"));
    }
    Ok(())
}
