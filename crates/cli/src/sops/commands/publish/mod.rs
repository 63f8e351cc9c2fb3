//! `sops publish`: files to the places that `destination_rules` of `.sops.yaml` names.
//!
//! `vault` talks to the key-value engines of Vault, which get the plaintext, as `json` writes it. Buckets get the encrypted file; the clients for them
//! are not in this build, which is said before anything is sent.

mod json;
mod vault;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bulla_core::sops::{Format, Group, Metadata};

use super::super::config::{Config, Creation, Destination, Place};
use super::super::failure::Failure;
use super::super::open::{open, open_loaded};
use super::super::place::Input;
use super::super::{close, go, log, version};
use super::Opening;

/// What the command line says.
pub(crate) struct Options {
    /// The file or folder, as given.
    pub(crate) path: PathBuf,
    /// `--config` or `SOPS_CONFIG`; `None`: it is looked for, and missing it is an error (`config file not found`).
    pub(crate) config: Option<PathBuf>,
    /// How the files are opened.
    pub(crate) opening: Opening,
    /// `--yes`
    pub(crate) yes: bool,
    /// `--omit-extensions`
    pub(crate) omit_extensions: bool,
    /// `--recursive`
    pub(crate) recursive: bool,
}

/// Publishes the file, or each file of the folder. The formats of the files come from their names.
pub(crate) fn run(options: Options) -> Result<u8, Failure> {
    let flag = options.config.as_deref().map(Path::to_string_lossy);
    // The command line has warned of another name already.
    let config = Config::load(flag.as_deref(), &mut |_| {})?;
    let config = config.ok_or_else(|| Failure::generic("config file not found"))?;
    let not_there = |error: &io::Error| Failure::generic(go::path_error("stat", &options.path, error));
    let found = std::fs::metadata(&options.path).map_err(|error| not_there(&error))?;
    if found.is_dir() && !options.recursive {
        return Err(Failure::fatal("can't operate on a directory without --recursive flag."));
    }
    let mut files = Vec::new();
    collect(&options.path, &mut files, 0)?;
    files.iter().try_for_each(|file| publish(file, &config, &options))?;
    Ok(0)
}

/// All files, by name; links are not followed into folders.
fn collect(path: &Path, files: &mut Vec<PathBuf>, depth: usize) -> Result<(), Failure> {
    const DEEPEST: usize = 200;
    let failed = |operation: &str, error: &io::Error| Failure::generic(go::path_error(operation, path, error));
    let is_folder =
        if depth == 0 { path.is_dir() } else { std::fs::symlink_metadata(path).is_ok_and(|it| it.is_dir()) };
    if !is_folder {
        files.push(path.to_owned());
        return Ok(());
    }
    if depth > DEEPEST {
        return Err(Failure::generic(format!("{}: folders lie too deep", path.display())));
    }
    let entries = std::fs::read_dir(path).map_err(|error| failed("open", &error))?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| failed("open", &error))?;
    names.sort();
    names.iter().try_for_each(|path| collect(path, files, depth + 1))
}

fn publish(file: &Path, config: &Config, options: &Options) -> Result<(), Failure> {
    let Destination { place, recreation, omit_extensions } = config.destination_for(file)?;
    let place = place.ok_or_else(|| Failure::generic("no destination configured for this file"))?;
    let absolute = go::absolute(file).map_err(|error| Failure::generic(crate::report::os_error(&error)))?;
    let name = published_name(file, &absolute, options, options.omit_extensions || omit_extensions);
    let format = Format::of_path(&file.to_string_lossy());
    let bytes = Input::File(file.to_owned()).read()?;
    let Opening { services, how } = &options.opening;
    match &place {
        Place::S3 { bucket, prefix } | Place::Gcs { bucket, prefix } => {
            let (metadata_tree, metadata) = format.load_encrypted(&bytes)?;
            let again = if recreation.keys().next().is_some() {
                let opened = open_loaded(metadata_tree, metadata, services, how)?;
                recreated(opened, &recreation, format, config, services)?
            } else {
                bytes.to_vec()
            };
            let (scheme, client) = match place {
                Place::S3 { .. } => ("s3", "AWS S3"),
                _ => ("gcs", "Google Cloud Storage"),
            };
            Err(Failure::generic(format!(
                "{}: cannot be sent to {scheme}://{bucket}/{prefix}{name}: this build of bulla has no client for {client}. Nothing was sent; \
                 the {} bytes can be copied there with the vendor's own tool",
                absolute.display(),
                again.len()
            )))
        }
        Place::Vault { address, path, mount, version } => {
            let opened = open(format, &bytes, services, how)?;
            let data = json::emit(&opened.tree).map_err(|error| Failure::generic(error.to_string()))?;
            let secret = vault::Secret::new(address, mount, path, &name, *version);
            if !options.yes && !agreed(&absolute, &secret.shown(), options.recursive)? {
                return Ok(());
            }
            vault::write(&secret, data)
        }
    }
}

/// The name at the destination: below the folder that is published, or the file's own.
fn published_name(file: &Path, absolute: &Path, options: &Options, omit_extension: bool) -> String {
    let own = || absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let below = file.strip_prefix(&options.path).ok().filter(|_| options.recursive);
    let name = match below.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => path.to_string_lossy().into_owned(),
        None => own(),
    };
    let base = own();
    match base.rfind('.').filter(|_| omit_extension) {
        Some(dot) => name.strip_suffix(&base[dot..]).unwrap_or(&name).to_owned(),
        None => name,
    }
}

/// Asks on standard output, as the real tool does, whether a terminal is there or not.
fn agreed(file: &Path, destination: &str, recursive: bool) -> Result<bool, Failure> {
    loop {
        let mut stdout = io::stdout().lock();
        let _ = write!(stdout, "uploading {} to {destination} ? (y/n): ", file.display());
        let _ = stdout.flush();
        let mut line = String::new();
        match io::stdin().read_line(&mut line) {
            Ok(0) => return Err(Failure::generic("EOF")),
            Err(error) => return Err(Failure::generic(crate::report::os_error(&error))),
            Ok(_) => {}
        }
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => return Err(Failure::generic("unexpected newline")),
            ["y"] => return Ok(true),
            ["n"] => {
                let text = format!("Publication of {} canceled", file.display());
                if !recursive {
                    return Err(Failure::generic(text));
                }
                let _ = writeln!(stdout, "{text}");
                return Ok(false);
            }
            [_] => {}
            _ => return Err(Failure::generic("expected newline")),
        }
    }
}

/// The file for other recipients: with a data key of its own.
fn recreated(
    opened: super::super::open::Opened,
    recreation: &Creation,
    format: Format,
    config: &Config,
    services: &super::super::keys::KeyServices,
) -> Result<Vec<u8>, Failure> {
    log::debug("PUBLISH", "Re-encrypting tree before publishing");
    let mut tree = opened.tree;
    let mut metadata = Metadata {
        groups: recreation.groups.iter().map(|group| Group { keys: group.keys.clone() }).collect(),
        shamir_threshold: u32::try_from(recreation.shamir_threshold).unwrap_or(u32::MAX),
        mac_only_encrypted: recreation.mac_only_encrypted,
        version: version::OURS.to_owned(),
        ..Metadata::new(recreation.selector.clone().unwrap_or_default())
    };
    let key = close::new_data_key(&mut metadata, services)?;
    close::encrypt(&mut tree, &mut metadata, &key, &bulla_core::sops::Nonces::default())?;
    close::emit(format, tree, &metadata, config.indents())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_the_destination() {
        let opening = || Opening {
            services: super::super::super::keys::KeyServices::new(false, Vec::new()),
            how: Default::default(),
        };
        let options = |path: &str, recursive| Options {
            path: path.into(),
            config: None,
            opening: opening(),
            yes: true,
            omit_extensions: false,
            recursive,
        };
        for (path, file, recursive, omit, expected) in [
            ("d/a.yaml", "d/a.yaml", false, false, "a.yaml"),
            ("d/a.b.yaml", "d/a.b.yaml", false, true, "a.b"),
            ("d", "d/e/a.yaml", true, false, "e/a.yaml"),
            ("d", "d/e.x/a", true, true, "e.x/a"),
            ("d/a.yaml", "d/a.yaml", true, true, "a"),
        ] {
            let absolute = Path::new("/w").join(file);
            let name = published_name(Path::new(file), &absolute, &options(path, recursive), omit);
            assert_eq!(name, expected, "{path} {file}");
        }
    }
}
