//! `.sops.yaml`: creation rules, destination rules, and the stores' settings.
//!
//! `find` looks for the file, `document` is its YAML, `model` what a lenient reader takes from it (with the real tool's texts when a type is wrong),
//! `rules` decides which rule a path has, `keys` reads the names of keys (in the file, in flags, in variables), and `check` is the strict
//! reading of bulla's own verbs: unknown keys, values that cannot be meant, with line and column.
//!
//! The personality `sops` uses [`Config::load`] and reads leniently; bulla's own verbs use [`Config::for_file`] and [`Config::check`].

mod check;
mod document;
mod find;
mod keys;
mod model;
mod recipient;
mod rules;
mod shape;

use std::path::{Path, PathBuf};

use bulla_core::sops::{Group, Indents, Selector};

use super::failure::Failure;
use crate::report;

use self::find::absolute;
pub(crate) use self::keys::{KeyFlags, kms_context};
pub(crate) use self::rules::Matched;

/// The name of the file.
pub(crate) const FILE: &str = ".sops.yaml";

/// A pair of the AWS KMS encryption context.
pub(crate) type Context = [(String, String)];

/// A `.sops.yaml` that was read.
pub(crate) struct Config {
    path: PathBuf,
    /// Absolute; what rules' paths are relative to.
    folder: PathBuf,
    document: document::Node,
    model: model::File,
}

/// What a new file is encrypted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Creation {
    /// Who can open it. One group, without Shamir shares, unless the rule has `key_groups`.
    pub(crate) groups: Vec<Group>,
    /// How many groups are needed; 0 if the rule does not say it (all of them).
    pub(crate) shamir_threshold: usize,
    /// Which values are encrypted; none if the rule does not say it.
    pub(crate) selector: Option<Selector>,
    /// Whether the MAC covers only what is encrypted.
    pub(crate) mac_only_encrypted: bool,
}

/// Where `publish` sends a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The place; none if the rule names none.
    pub(crate) place: Option<Place>,
    /// What the file is encrypted with on its way; without keys it is sent as it is.
    pub(crate) recreation: Creation,
    /// Whether the ending of the file's name is left away.
    pub(crate) omit_extensions: bool,
}

/// A kind of place that takes files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A bucket of AWS S3.
    S3 {
        /// Its name.
        bucket: String,
        /// What every name in it begins with.
        prefix: String,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// Its name.
        bucket: String,
        /// What every name in it begins with.
        prefix: String,
    },
    /// A key-value engine of Vault; it gets the plaintext.
    Vault {
        /// Where Vault is; empty for `VAULT_ADDR`.
        address: String,
        /// The folder inside of the engine.
        path: String,
        /// Where the engine is mounted, with a slash at its end.
        mount: String,
        /// 1 or 2.
        version: i64,
    },
}

impl Config {
    /// The file for a run of the personality: at `flag` (`--config`, SOPS_CONFIG; it must exist then), else the first `.sops.yaml` in
    /// the working directory or above. `warn` is told of a `.sops.yml`, which does not count.
    pub(crate) fn load(flag: Option<&str>, warn: &mut dyn FnMut(&str)) -> Result<Option<Self>, Failure> {
        match flag.filter(|flag| !flag.is_empty()) {
            Some(flag) => Self::read(Path::new(flag)).map(Some),
            None => match find::upward(Path::new("."), warn) {
                Some(path) => Self::read(&path).map(Some),
                None => Ok(None),
            },
        }
    }

    /// The file for one of bulla's own verbs, read strictly: SOPS_CONFIG if set, else the first `.sops.yaml` in the folder of `file` or
    /// above, else in the working directory or above.
    pub(crate) fn for_file(file: &Path) -> report::Result<Option<Self>> {
        let Some(path) = find::for_file(file) else { return Ok(None) };
        let config = check::read(&path)?;
        config.check()?;
        Ok(Some(config))
    }

    /// Reads one file, leniently.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes =
            find::read(path).map_err(|reason| Failure::generic(format!("could not read config file: {reason}")))?;
        Self::parse(path, &bytes)
            .map_err(|text| Failure::generic(format!("error loading config: Could not unmarshal config file: {text}")))
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, String> {
        Self::from_document(path, document::parse(bytes).map_err(|broken| broken.text)?)
    }

    fn from_document(path: &Path, document: document::Node) -> Result<Self, String> {
        let model = model::decode(&document)?;
        let folder = absolute(path.parent().unwrap_or_else(|| Path::new("")));
        Ok(Self { path: path.to_owned(), folder, document, model })
    }

    /// Everything in the file that cannot be meant is an error: unknown keys, patterns that are none, keys that are none, several
    /// selectors in one rule. The first that is found, with line and column.
    pub(crate) fn check(&self) -> report::Result<()> {
        check::check(self)
    }

    /// The path of the file, as it was given or found.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What a new file at `path` (made absolute if it is not) is encrypted with. None if the file has no `creation_rules`, which is as
    /// if it were not there. `context` is for the KMS keys of rules without `key_groups`.
    pub(crate) fn creation_for(&self, path: &Path, context: &Context) -> Result<Option<Creation>, Failure> {
        rules::creation(self, path, context)
    }

    /// Where a file is published, and how it is encrypted on the way; `path` as it was given.
    pub(crate) fn destination_for(&self, path: &Path) -> Result<Destination, Failure> {
        rules::destination(self, path)
    }

    /// Which creation rule a file has, and why: for people who ask.
    pub(crate) fn rule_of(&self, path: &Path) -> Matched {
        rules::matched(self, path)
    }

    /// The indents of the stores.
    pub(crate) fn indents(&self) -> Indents {
        self.model.indents
    }
}

impl Creation {
    /// All keys of all groups.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &bulla_core::sops::MasterKey> {
        self.groups.iter().flat_map(|group| &group.keys)
    }
}

#[cfg(test)]
mod tests;
