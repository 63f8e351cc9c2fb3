//! Raw flags of `bulla edit`, its help text, and their resolution.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::cert_args::CertificateArgs;
use super::update_args::LiveArgs;
use crate::edit;
use crate::io::Source;

/// `bulla edit --help`
pub(super) const EDIT: &str = "\
Example:
  bulla edit db.sealed.yaml                      values cannot be read, and can be replaced
  bulla edit --from-cluster db.sealed.yaml       with the values that the cluster has
  bulla edit --key keys.yaml db.sealed.yaml      with the values that a recovery key opens
  EDITOR='code --wait' bulla edit db.sealed.yaml

The text lies in memory (a tmpfs), in a folder that is removed when the editor ends, however it ends.
Editors may be told to keep copies elsewhere: EDITOR='vim -n -i NONE' keeps none.";

/// `bulla edit`
#[derive(Debug, ClapArgs)]
pub(crate) struct EditArgs {
    /// The sealed file, YAML or JSON
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Private key in PEM, or a backup of key Secrets, that opens values; may be given several times
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    certificate: CertificateArgs,
}

impl EditArgs {
    pub(super) fn resolve(self) -> edit::Options {
        let certificate = self.certificate.choice();
        edit::Options {
            file: self.file,
            keys: self.keys.iter().map(|path| Source::from_arg(path)).collect(),
            cluster: self.live.resolve(&certificate),
            certificate,
        }
    }
}
