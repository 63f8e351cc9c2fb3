//! Flags of `bulla cert`, and those by which every sealing command chooses its certificate.

use std::path::{Path, PathBuf};

use bulla_core::sealed::Fingerprint;
use clap::{Args as ClapArgs, Subcommand};

use super::args::ClusterArgs;
use crate::cert::{CertificateChoice, Given, Wanted, fetch, pin};
use crate::io::{Source, Target};

const SHOW: &str = "\
Example:
  bulla cert show cert.pem
  bulla cert show                                the one that bulla seal would use here
  bulla cert show --json cert.pem | jq -r .fingerprint";

const FETCH: &str = "\
Example:
  bulla cert fetch > cert.pem
  bulla cert fetch --context prod --controller-name sealed-secrets -w prod.pem
  bulla cert fetch --url https://sealed.example.com/v1/cert.pem -w prod.pem

The controller is looked for under upstream's name, then by its labels in all namespaces. The right to
read services/proxy in its namespace is needed. Compare the fingerprint with what your administrator
says, then commit the file, or pin it: bulla cert pin SHA256:…";

const PIN: &str = "\
Example:
  bulla cert fetch | bulla cert show -           compare the fingerprint with your team's, then
  bulla cert pin SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
  bulla cert pin --cert prod.pem --context prod  without asking the cluster

From then on bulla seal takes no other certificate from this cluster. Pins are kept under
$XDG_STATE_HOME/bulla (~/.local/state/bulla), for you only.";

/// `bulla cert …`
#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    /// Show fingerprint, size, validity and age of a certificate
    #[command(after_help = SHOW)]
    Show(ShowArgs),
    /// Fetch the sealing certificate of a cluster; fingerprint and age go to standard error
    #[command(after_help = FETCH)]
    Fetch(FetchArgs),
    /// Trust this certificate of a cluster, and no other, until it is pinned anew
    #[command(after_help = PIN)]
    Pin(PinArgs),
}

/// `bulla cert show`
#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// PEM file; - is standard input [default: the certificate that `bulla seal` would use here]
    #[arg(conflicts_with = "cert")]
    file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    certificate: CertificateArgs,
}

/// `bulla cert fetch`
#[derive(Debug, ClapArgs)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    controller: ControllerPlaceArgs,
    /// Fetch from this http://, https:// or file:// URL instead
    #[arg(long, value_name = "URL", conflicts_with_all = ["kubeconfig", "context"])]
    url: Option<String>,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// `bulla cert pin`
#[derive(Debug, ClapArgs)]
#[group(id = "what", required = true, multiple = true, args = ["fingerprint", "cert"])]
pub(crate) struct PinArgs {
    /// The fingerprint that the certificate must have, as you compared it
    #[arg(value_name = "SHA256:…", value_parser = fingerprint)]
    fingerprint: Option<Fingerprint>,
    /// Pin the certificate in this file, without asking the cluster for its own
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    controller: ControllerPlaceArgs,
}

/// Which certificate to seal with.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Certificate")]
pub(crate) struct CertificateArgs {
    /// The cluster's sealing certificate, PEM: a file, - for standard input, or an http://, https:// or file:// URL
    /// [default: what .bulla.yaml says, else the pinned one, else the cluster's own]
    #[arg(long, value_name = "FILE|URL")]
    cert: Option<PathBuf>,
    /// Seal for this cluster of .bulla.yaml [default: the one of the file's rule]
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Take this certificate and no other, even if another one is pinned
    #[arg(long, value_name = "SHA256:…", value_parser = fingerprint)]
    accept_fingerprint: Option<Fingerprint>,
    #[command(flatten)]
    reach: ClusterArgs,
    #[command(flatten)]
    controller: ControllerPlaceArgs,
}

/// Where the controller is in its cluster.
#[derive(Debug, ClapArgs)]
pub(crate) struct ControllerPlaceArgs {
    /// Namespace of the controller [default: kube-system, then any]
    #[arg(long, value_name = "NAMESPACE", env = "SEALED_SECRETS_CONTROLLER_NAMESPACE", hide_env_values = true)]
    controller_namespace: Option<String>,
    /// Name of the controller's Service [default: sealed-secrets-controller, then any with its labels]
    #[arg(long, value_name = "NAME", env = "SEALED_SECRETS_CONTROLLER_NAME", hide_env_values = true)]
    controller_name: Option<String>,
}

/// The value of `--cert`.
pub(super) fn given(path: &Path) -> Given {
    match path.to_str() {
        Some(url) if is_url(url) => Given::Url(url.to_owned()),
        _ => Given::File(Source::from_arg(path)),
    }
}

impl CertificateArgs {
    pub(crate) fn choice(self) -> CertificateChoice {
        CertificateChoice {
            given: self.cert.as_deref().map(given),
            cluster_name: self.cluster,
            accept: self.accept_fingerprint,
            cluster: self.reach.choice(),
            controller: self.controller.wanted(),
        }
    }
}

impl ControllerPlaceArgs {
    pub(crate) fn wanted(self) -> Wanted {
        Wanted { namespace: self.controller_namespace, name: self.controller_name }
    }
}

impl ShowArgs {
    /// The file to show, the choice without one, and whether as JSON.
    pub(crate) fn resolve(self) -> (Option<Source>, CertificateChoice, bool) {
        (self.file.as_deref().map(Source::from_arg), self.certificate.choice(), self.json)
    }
}

impl FetchArgs {
    pub(crate) fn resolve(self) -> fetch::Options {
        fetch::Options {
            url: self.url,
            cluster: self.cluster.choice(),
            controller: self.controller.wanted(),
            target: Target::from_arg(self.write),
        }
    }
}

impl PinArgs {
    pub(crate) fn resolve(self) -> pin::Options {
        pin::Options {
            fingerprint: self.fingerprint,
            file: self.cert.as_deref().map(Source::from_arg),
            cluster: self.cluster.choice(),
            controller: self.controller.wanted(),
        }
    }
}

fn is_url(text: &str) -> bool {
    ["http://", "https://", "file://"].iter().any(|scheme| text.starts_with(scheme))
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    Fingerprint::parse(text)
        .map_err(|_| "a fingerprint is `SHA256:` and 43 characters; bulla cert show FILE prints it".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::cert::fetch::{CONTROLLER_NAME, CONTROLLER_NAMESPACE};

    #[test]
    fn the_help_names_upstreams_place() {
        assert_eq!((CONTROLLER_NAMESPACE, CONTROLLER_NAME), ("kube-system", "sealed-secrets-controller"));
    }
}
