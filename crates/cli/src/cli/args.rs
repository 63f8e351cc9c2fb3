//! Raw flags of bulla's own commands, and their resolution. What a flag means is decided here, and nowhere else.

use std::path::PathBuf;

use bulla_core::sealed::Scope;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::cert_args::CertCommand;
use super::edit_args::{EDIT, EditArgs};
use super::init_args::{self, CompletionArgs, InitArgs, ManArgs};
use super::keys_args::KeysCommand;
use super::reseal_args::{RESEAL, ResealArgs};
use super::seal_args::{self, SealArgs};
use super::serve_args::{ControllerArgs, DevclusterArgs};
use super::update_args::LiveArgs;
use super::verify_args::{VERIFY, VerifyArgs};
use super::why_args::{WHY, WhyArgs};
use super::{change_args, help};
use crate::cert::CertificateChoice;
use crate::cluster::Choice;
use crate::io::{Source, Target};
use crate::manifest::Format;
use crate::report::Result;
use crate::unseal;

/// Secrets that can be committed: seal them before a commit, let the controller turn them into native Secrets.
#[derive(Debug, Parser)]
#[command(name = "bulla", version, after_help = help::TOP, arg_required_else_help = true)]
pub(crate) struct Args {
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    pub(crate) color: Color,
    /// Leave out notes; warnings and errors stay
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it all happen in a few seconds: cluster in memory, controller, sealing, repair, key renewal
    #[command(after_help = help::QUICKSTART)]
    Quickstart {
        /// Leave the cluster running until Ctrl-C, and print its kubeconfig
        #[arg(long)]
        keep: bool,
        /// Print one JSON object per step
        #[arg(long)]
        json: bool,
    },
    /// Seal plain Secrets, so that they can be committed
    #[command(after_help = seal_args::AFTER)]
    Seal(Box<SealArgs>),
    /// Print the plain Secrets behind SealedSecrets, with private keys at hand, or as the cluster knows them
    #[command(after_help = help::UNSEAL)]
    Unseal(UnsealArgs),
    /// Change the values of sealed files in your editor; only what you change is sealed anew
    #[command(after_help = EDIT)]
    Edit(Box<EditArgs>),
    /// Seal a new value into a file, in place
    #[command(after_help = change_args::SET)]
    Set(change_args::SetArgs),
    /// Take keys out of a sealed file, in place
    #[command(after_help = change_args::UNSET)]
    Unset(change_args::UnsetArgs),
    /// Give a key of a sealed file another name, in place and without any key
    #[command(after_help = change_args::RENAME)]
    Rename(change_args::RenameArgs),
    /// Show what is in sealed files: keys, scope, sizes, age; never a value
    #[command(after_help = change_args::VIEW)]
    View(change_args::ViewArgs),
    /// Seal values again with the newest key: everything in a tree that an older key sealed
    #[command(after_help = RESEAL)]
    Reseal(Box<ResealArgs>),
    /// Explain why a SealedSecret does not open, and what mends it
    #[command(after_help = WHY)]
    Why(WhyArgs),
    /// Check sealed files without any private key: well-formed, bound, fresh, complete; and no plain Secret beside them
    #[command(after_help = VERIFY)]
    Verify(Box<VerifyArgs>),
    /// Show, fetch or pin sealing certificates
    #[command(arg_required_else_help = true)]
    Cert {
        #[command(subcommand)]
        command: CertCommand,
    },
    /// Sealing keys of a cluster: list, back up, restore, retire
    #[command(arg_required_else_help = true)]
    Keys {
        #[command(subcommand)]
        command: Box<KeysCommand>,
    },
    /// Run the controller, which turns SealedSecrets into native Secrets
    #[command(after_help = help::CONTROLLER)]
    Controller(Box<ControllerArgs>),
    /// Serve the Kubernetes API from memory, for kubectl and for tests
    #[command(after_help = help::DEVCLUSTER)]
    Devcluster(DevclusterArgs),
    /// Look at a repository, say what is there, and write its .bulla.yaml
    #[command(after_help = init_args::INIT)]
    Init(InitArgs),
    /// Check tools, keys, certificates and cluster; each finding with its cure
    #[command(after_help = init_args::DOCTOR)]
    Doctor(init_args::DoctorArgs),
    /// Print a completion script for a shell
    #[command(after_help = init_args::COMPLETION)]
    Completion(CompletionArgs),
    /// Print the manual page of a command
    #[command(after_help = init_args::MAN)]
    Man(ManArgs),
}

/// `bulla unseal`
#[derive(Debug, ClapArgs)]
pub(crate) struct UnsealArgs {
    /// Manifests with SealedSecrets, YAML or JSON; none or - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Private key in PEM, or a backup of key Secrets (YAML or JSON); may be given several times
    #[arg(long = "key", value_name = "FILE", conflicts_with = "from_cluster")]
    keys: Vec<PathBuf>,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where data goes, and in which form.
#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Format of the output [default: that of the input, or of the name given to --write]
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Write to FILE instead of standard output; the file is replaced as a whole, or left as it is
    #[arg(short, long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
}

/// Which cluster.
#[derive(Debug, ClapArgs)]
pub(crate) struct ClusterArgs {
    /// Kubeconfig file [default: KUBECONFIG, ~/.kube/config, then the cluster that this runs in]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

/// `--scope`, with one line of help per value.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ScopeArg {
    /// Only in the SealedSecret with this name and namespace
    Strict,
    /// In any SealedSecret of this namespace
    NamespaceWide,
    /// Anywhere in the cluster
    ClusterWide,
}

/// `--color`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Makes the choice for everything that is printed from now on.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => {}
            Self::Always => anstream::ColorChoice::AlwaysAnsi.write_global(),
            Self::Never => anstream::ColorChoice::Never.write_global(),
        }
    }
}

impl From<ScopeArg> for Scope {
    fn from(arg: ScopeArg) -> Self {
        match arg {
            ScopeArg::Strict => Self::Strict,
            ScopeArg::NamespaceWide => Self::NamespaceWide,
            ScopeArg::ClusterWide => Self::ClusterWide,
        }
    }
}

impl UnsealArgs {
    pub(crate) fn resolve(self) -> Result<unseal::Options> {
        Ok(unseal::Options {
            sources: Source::from_args(&self.files)?,
            keys: self.keys.iter().map(|path| Source::from_arg(path)).collect(),
            cluster: self
                .live
                .resolve(&CertificateChoice { cluster: self.cluster.choice(), ..CertificateChoice::default() }),
            format: self.output.output,
            target: Target::from_arg(self.output.write),
        })
    }
}

impl ClusterArgs {
    pub(crate) fn choice(self) -> Choice {
        Choice { kubeconfig: self.kubeconfig, context: self.context, ..Choice::default() }
    }
}
