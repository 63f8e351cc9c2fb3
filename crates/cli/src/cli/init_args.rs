//! Raw flags of `init`, `doctor`, `man` and `completion`, their help texts, and their resolution.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::args::ClusterArgs;
use crate::completion::Name;
use crate::{doctor, init, man};

/// `bulla init --help`
pub(super) const INIT: &str = "\
Example:
  bulla init --dry-run
  bulla init && git add .bulla.yaml

Looks for sealed files, plain Secrets, kustomizations, .sops.yaml and sealing certificates, and says
what it found. Writes one file at most, and never over one that is there. Asks nobody.";

/// `bulla doctor --help`
pub(super) const DOCTOR: &str = "\
Example:
  bulla doctor
  bulla doctor --offline
  bulla doctor --json | jq '.findings[] | select(.level == \"todo\")'

Changes nothing. Exit code 2 when something must be done; notes alone are 0. In a repository whose
.bulla.yaml names contexts, each of those clusters is asked, else the current one.";

/// `bulla man --help`
pub(super) const MAN: &str = "\
Example:
  bulla man seal | man -l -
  bulla man cert fetch | man -l -
  bulla man --write /usr/local/share/man/man1     then: man bulla-seal";

/// `bulla completion --help`
pub(super) const COMPLETION: &str = "\
Examples:
  bulla completion bash > /etc/bash_completion.d/bulla
  bulla completion zsh  > \"${fpath[1]}/_bulla\"
  bulla completion fish > ~/.config/fish/completions/bulla.fish
  bulla completion powershell >> $PROFILE
  bulla completion bash --for kubeseal > /etc/bash_completion.d/kubeseal";

/// `bulla init`
#[derive(Debug, ClapArgs)]
pub(crate) struct InitArgs {
    /// The repository, or a folder in it
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Print the file instead of writing it
    #[arg(long)]
    dry_run: bool,
}

/// `bulla doctor`
#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// The repository, or a folder in it
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Ask no cluster
    #[arg(long, conflicts_with_all = ["kubeconfig", "context"])]
    offline: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `bulla man`
#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// The command, word by word; none is bulla itself, kubeseal is the personality
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder instead
    #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
    write: Option<PathBuf>,
}

/// `bulla completion`
#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
    /// The name that is completed
    #[arg(long = "for", value_name = "NAME", default_value = "bulla")]
    pub(crate) name: Name,
}

impl InitArgs {
    pub(crate) fn resolve(self) -> init::Options {
        init::Options { folder: self.folder, dry_run: self.dry_run }
    }
}

impl DoctorArgs {
    pub(crate) fn resolve(self) -> doctor::Options {
        let Self { folder, cluster, offline, json } = self;
        doctor::Options { folder, choice: cluster.choice(), offline, json }
    }
}

impl ManArgs {
    pub(crate) fn resolve(self) -> man::Options {
        man::Options { command: self.command, folder: self.write }
    }
}
