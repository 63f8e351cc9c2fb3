//! The flags of `bulla reseal`, and how a controller that is asked in batches is named.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::args::ClusterArgs;
use crate::cert::fetch::{CONTROLLER_NAME, CONTROLLER_NAMESPACE};
use crate::io::Source;
use crate::report::Result;
use crate::reseal::online::{self, Identity};
use crate::reseal::{Opener, Options, ResealMode};
use crate::service_proxy::Place;

/// `bulla reseal --help`
pub(crate) const RESEAL: &str = "\
Examples:
  bulla reseal --key keys.yaml                   everything below this folder, offline
  bulla reseal --key keys.yaml apps/ --check     for CI: exit code 2 if something is stale
  bulla reseal --service-account ci/resealer     through the controller, which keeps its keys
  bulla reseal                                   sops files: the recipients that .sops.yaml names
  git diff --stat                                only the lines of resealed values differ

Who may read the cluster's keys makes the backup that --key takes with
  kubectl get secret -n kube-system -o yaml \\
      -l sealedsecrets.bitnami.com/sealed-secrets-key > keys.yaml

A value is sealed again for the scope, namespace and name that it has, and never for more. A file is
replaced as a whole or, if one of its values does not open, not at all. Killed? Run it again: it does
what is left. Files that .gitignore excludes are left out. docs/resealing.md has the whole story.";

/// `bulla reseal`
#[derive(Debug, ClapArgs)]
pub(crate) struct ResealArgs {
    /// Files and folders [default: the current folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Private key in PEM, or a backup of key Secrets (YAML or JSON); may be given several times
    #[arg(long = "key", value_name = "FILE", conflicts_with_all = ["token_file", "service_account"])]
    keys: Vec<PathBuf>,
    /// The certificate to seal with [default: that of the file's cluster in .bulla.yaml, else the newest among the keys]
    #[arg(long, value_name = "FILE|URL", requires = "keys")]
    cert: Option<PathBuf>,
    #[command(flatten)]
    controller: BatchArgs,
    /// Namespace for SealedSecrets that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Write nothing, and exit with 2 if a value is not on the newest key
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Do everything but replace files
    #[arg(long)]
    dry_run: bool,
    /// sops files: recipients that .sops.yaml does not name stay, and so does the data key
    #[arg(long)]
    keep_unlisted: bool,
    /// sops files: make a second seal where there is none, or where it does not hold
    #[arg(long)]
    seal: bool,
    #[command(flatten)]
    trust: super::trust_args::TrustArgs,
    /// Print a JSON report
    #[arg(long)]
    json: bool,
}

/// A controller that is asked in batches, by somebody it knows.
#[derive(Debug, ClapArgs)]
pub(crate) struct BatchArgs {
    /// Ask the controller, with the token in this file (audience bulla.dev/reseal)
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Ask the controller as this ServiceAccount; a token is made for it
    #[arg(long, value_name = "[NAMESPACE/]NAME", conflicts_with = "token_file")]
    service_account: Option<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Namespace of the controller
    #[arg(long, value_name = "NAMESPACE", default_value = CONTROLLER_NAMESPACE, env = "SEALED_SECRETS_CONTROLLER_NAMESPACE")]
    controller_namespace: String,
    /// Name of the controller's Service
    #[arg(long, value_name = "NAME", default_value = CONTROLLER_NAME, env = "SEALED_SECRETS_CONTROLLER_NAME")]
    controller_name: String,
}

impl BatchArgs {
    /// The controller, and who asks if that was said.
    pub(crate) fn resolve(self) -> (Place, Option<Identity>) {
        let place =
            Place { choice: self.cluster.choice(), namespace: self.controller_namespace, name: self.controller_name };
        let account = self.service_account.map(|account| match account.split_once('/') {
            Some((namespace, name)) => Identity::ServiceAccount(Some(namespace.to_owned()), name.to_owned()),
            None => Identity::ServiceAccount(None, account),
        });
        (place, account.or(self.token_file.map(Identity::TokenFile)))
    }
}

impl ResealArgs {
    pub(crate) fn resolve(self) -> Result<Options> {
        let (place, identity) = self.controller.resolve();
        let opener = match identity {
            Some(identity) => Some(Opener::Controller(online::Options { place, identity })),
            None if self.keys.is_empty() => None,
            None => Some(Opener::Keys {
                keys: self.keys.iter().map(|path| Source::from_arg(path)).collect(),
                certificate: self.cert.as_deref().map(super::cert_args::given),
            }),
        };
        let mode = match (self.check, self.dry_run) {
            (true, _) => ResealMode::Check,
            (_, true) => ResealMode::DryRun,
            _ => ResealMode::Write,
        };
        let sops = crate::sops::trust::reseal::Options {
            keep_unlisted: self.keep_unlisted,
            seal: self.seal,
            only_look: mode == ResealMode::Check,
            trust: self.trust.resolve(),
        };
        Ok(Options { paths: or_here(self.paths), opener, sops, namespace: self.namespace, mode, json: self.json })
    }
}

/// The current folder, if no path is named.
pub(crate) fn or_here(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if paths.is_empty() { vec![PathBuf::from(".")] } else { paths }
}
