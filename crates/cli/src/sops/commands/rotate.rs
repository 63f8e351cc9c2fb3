//! `sops rotate`

use std::collections::HashSet;
use std::path::PathBuf;

use bulla_core::sops::{KeySource, MasterKey, Metadata};

use super::super::config::Config;
use super::super::failure::{Failure, code};
use super::super::open::{Opened, open_allowing};
use super::super::place::{Destination, Input};
use super::super::{audit, close};
use super::{Formats, Opening};

/// What the command line says.
pub(crate) struct Options {
    /// What is read.
    pub(crate) input: Input,
    /// Where the encrypted file goes.
    pub(crate) destination: Destination,
    /// The formats.
    pub(crate) formats: Formats,
    /// How the file is opened.
    pub(crate) opening: Opening,
    /// `--add-…`
    pub(crate) add: Vec<MasterKey>,
    /// `--rm-…`
    pub(crate) remove: Vec<MasterKey>,
    /// The configuration, whose recipients are held against the file's.
    pub(crate) config: Option<Config>,
    /// The absolute path that the rules of the config are held against.
    pub(crate) path: PathBuf,
    /// `--allow-unlisted-recipients`
    pub(crate) allow_unlisted: bool,
}

/// Encrypts a file again, under a new data key.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    let text = rotate(options)?;
    options.destination.write(&text)?;
    Ok(0)
}

/// The file under its new key.
pub(crate) fn rotate(options: &Options) -> Result<Vec<u8>, Failure> {
    let Formats { input, output, indents, allow } = options.formats;
    let bytes = options.input.read()?;
    audit::record(audit::Action::Rotate)?;
    let Opened { mut tree, mut metadata, .. } =
        open_allowing(input, &bytes, &options.opening.services, &options.opening.how, allow)?;
    if !options.allow_unlisted {
        refuse_unlisted(&metadata, options)?;
    }
    change(&mut metadata, &options.add, &options.remove);
    let key = close::new_data_key(&mut metadata, &options.opening.services)?;
    // A new key, so that no nonce may be used again.
    close::encrypt_allowing(&mut tree, &mut metadata, &key, &bulla_core::sops::Nonces::default(), allow)?;
    close::emit(output, tree, &metadata, indents)
}

/// Additions go to the first group; removals are looked for in all of them.
fn change(metadata: &mut Metadata, add: &[MasterKey], remove: &[MasterKey]) {
    if let Some(first) = metadata.groups.first_mut() {
        first.keys.extend_from_slice(add);
    }
    let removed: HashSet<String> = remove.iter().map(|key| key.source.identity()).collect();
    for group in &mut metadata.groups {
        group.keys.retain(|key| !removed.contains(&key.source.identity()));
    }
}

/// Whoever can write the file can put a recipient into it. A new data key would be given to them, too.
fn refuse_unlisted(metadata: &Metadata, options: &Options) -> Result<(), Failure> {
    let Some(config) = &options.config else { return Ok(()) };
    // A file that no rule is for has nothing to be held against.
    let Ok(Some(rule)) = config.creation_for(&options.path, &[]) else { return Ok(()) };
    let listed: HashSet<String> = rule.keys().map(|key| essence(&key.source)).collect();
    let removed: HashSet<String> = options.remove.iter().map(|key| key.source.identity()).collect();
    let unlisted: Vec<String> = metadata
        .groups
        .iter()
        .flat_map(|group| &group.keys)
        .filter(|key| !listed.contains(&essence(&key.source)) && !removed.contains(&key.source.identity()))
        .map(|key| format!("  {}", key.source.identity()))
        .collect();
    if unlisted.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        code::CONFLICT,
        format!(
            "Error: the file has recipients that {} does not have for it; they would get the new data key:\n{}\n\
             Run updatekeys first, remove them with --rm-…, or rotate for them with --allow-unlisted-recipients.",
            config.path().display(),
            unlisted.join("\n")
        ),
    ))
}

/// What makes a key another one: the context and the profile of a KMS key do not.
fn essence(source: &KeySource) -> String {
    match source {
        KeySource::AwsKms { arn, role, .. } => format!("{arn}+{}", role.as_deref().unwrap_or_default()),
        other => other.identity(),
    }
}
