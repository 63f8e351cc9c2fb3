//! The flags of `bulla diff`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::trust_args::TrustArgs;
use crate::sops::diff::Options;

/// `bulla diff --help`
pub(crate) const DIFF: &str = "\
Examples:
  bulla diff HEAD:secrets.yaml secrets.yaml      what is about to be committed
  bulla diff staging.yaml prod.yaml --offline    which keys differ; no key is asked for
  bulla diff old.yaml new.yaml --show-values     with the values; nothing else prints one

With a key, values are compared. Without one, two ciphertexts that differ are \"changed or re-encrypted
(unknown)\". Exit code 0 whether there are differences or not.";

/// `bulla diff`
#[derive(Debug, ClapArgs)]
pub(crate) struct DiffArgs {
    /// A file that sops or bulla seal encrypted, or REVISION:FILE for a version that git has
    #[arg(value_name = "A")]
    one: PathBuf,
    /// The other one
    #[arg(value_name = "B")]
    two: PathBuf,
    /// Print the values that differ
    #[arg(long)]
    show_values: bool,
    /// Ask for no key
    #[arg(long, conflicts_with = "show_values")]
    offline: bool,
    /// List what is unchanged, too
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

impl DiffArgs {
    pub(crate) fn resolve(self) -> Options {
        Options {
            sides: [self.one, self.two],
            show_values: self.show_values,
            offline: self.offline,
            all: self.all,
            json: self.json,
            trust: self.trust.resolve(),
        }
    }
}
