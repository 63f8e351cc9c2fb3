//! Raw flags of `seal --update` and of every verb that may ask the cluster for values, and their resolution.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cert::CertificateChoice;
use crate::memory::live::Ask;
use crate::update;

/// Flags of `bulla seal` about a file that is sealed already.
#[derive(Debug, ClapArgs)]
pub(crate) struct UpdateArgs {
    /// Seal into this sealed file: values that are known to be the same keep their bytes, everything else in it stays
    #[arg(long, value_name = "FILE", conflicts_with = "write")]
    update: Option<PathBuf>,
    /// Ask the cluster for values, too: one counts if the live SealedSecret is Synced and holds the same ciphertext
    #[arg(long, requires = "update")]
    from_cluster: bool,
}

/// Whether the cluster may be asked for values.
#[derive(Debug, ClapArgs)]
pub(crate) struct LiveArgs {
    /// Ask the cluster for values: one counts if the live SealedSecret is Synced and holds the same ciphertext
    #[arg(long)]
    from_cluster: bool,
}

impl UpdateArgs {
    /// `certificate` names the cluster.
    pub(super) fn resolve(self, certificate: &CertificateChoice) -> Option<update::Options> {
        let cluster = LiveArgs { from_cluster: self.from_cluster }.resolve(certificate);
        self.update.map(|file| update::Options { file, cluster })
    }
}

impl LiveArgs {
    /// The cluster that the command's other flags name, if it may be asked.
    pub(super) fn resolve(self, certificate: &CertificateChoice) -> Option<Ask> {
        let CertificateChoice { cluster: choice, cluster_name: name, .. } = certificate;
        self.from_cluster.then(|| Ask { choice: choice.clone(), name: name.clone() })
    }
}
