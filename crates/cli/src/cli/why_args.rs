//! The flags of `bulla why`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::args::ClusterArgs;
use crate::io::Source;
use crate::report::Result;
use crate::why::Options;

/// `bulla why --help`
pub(crate) const WHY: &str = "\
Examples:
  bulla why db.sealed.yaml --key keys.yaml       which key, scope, name or namespace it was sealed for
  bulla why db.sealed.yaml --from-cluster        what the controller says of it
  bulla why db.sealed.yaml --cert cert.pem       what form and size tell, without any key
  bulla why secrets.enc.yaml                     a sops file: its rule, its keys, its seal

With keys the names of the file's history and of the repository's other objects are tried as well. Exit
code 0: it opens, or nothing speaks against it; 2: it does not, and the lines tell what mends it.";

/// `bulla why`
#[derive(Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    /// Files with SealedSecrets, or sops files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Private key in PEM, or a backup of key Secrets (YAML or JSON); may be given several times
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// A certificate; values that a key of another size sealed are another cluster's
    #[arg(long, value_name = "FILE|URL")]
    cert: Option<PathBuf>,
    /// Namespace for SealedSecrets that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Ask the cluster what its controller says of the live object
    #[arg(long)]
    from_cluster: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl WhyArgs {
    pub(crate) fn resolve(self) -> Result<Options> {
        let keys: Vec<Source> = self.keys.iter().map(|path| Source::from_arg(path)).collect();
        crate::io::input::refuse_stdin_twice(keys.iter())?;
        Ok(Options {
            files: self.files,
            keys,
            certificate: self.cert.as_deref().map(super::cert_args::given),
            namespace: self.namespace,
            cluster: self.from_cluster.then(|| self.cluster.choice()),
            json: self.json,
        })
    }
}
