//! Raw flags of bulla's own commands, and their resolution. What a flag means is decided here, and nowhere else.

use std::path::PathBuf;

use bulla_core::sealed::Scope;
use clap::{Args as ClapArgs, Parser, ValueEnum};

use super::cert_args::CertCommand;
use super::commands::commands;
use super::diff_args::{DIFF, DiffArgs};
use super::edit_args::{EDIT, EditArgs};
use super::init_args::{self, CompletionArgs, InitArgs, ManArgs};
use super::keys_args::KeysCommand;
use super::recipients_args::RecipientsArgs;
use super::reseal_args::{RESEAL, ResealArgs};
use super::run_args::{RUN, RunArgs};
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
pub(crate) struct Everywhere {
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Everywhere")]
    pub(crate) color: Color,
    /// Leave out notes; warnings and errors stay
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
}

commands! {
    /// See it all happen in a few seconds: cluster in memory, controller, sealing, repair, key renewal
    Quickstart(QuickstartArgs) = "quickstart", help::QUICKSTART;
    /// Seal plain Secrets, so that they can be committed
    Seal(SealArgs) = "seal", seal_args::AFTER;
    /// Print the plain Secrets behind SealedSecrets, with private keys at hand, or as the cluster knows them
    Unseal(UnsealArgs) = "unseal", help::UNSEAL;
    /// Change the values of sealed files in your editor; only what you change is sealed anew
    Edit(EditArgs) = "edit", EDIT;
    /// Seal a new value into a file, in place
    Set(change_args::SetArgs) = "set", change_args::SET;
    /// Take keys out of a sealed file, in place
    Unset(change_args::UnsetArgs) = "unset", change_args::UNSET;
    /// Give a key of a sealed file another name, in place and without any key
    Rename(change_args::RenameArgs) = "rename", change_args::RENAME;
    /// Show what is in sealed files: keys, scope, sizes, age; never a value
    View(change_args::ViewArgs) = "view", change_args::VIEW;
    /// Seal values again with the newest key: everything in a tree that an older key sealed
    Reseal(ResealArgs) = "reseal", RESEAL;
    /// Explain why a SealedSecret does not open, and what mends it
    Why(WhyArgs) = "why", WHY;
    /// Who can open sops files: list them, let one more in, shut one out
    Recipients(RecipientsArgs) = "recipients";
    /// Tell what became of each value between two sops files or versions; values stay hidden
    Diff(DiffArgs) = "diff", DIFF;
    /// Run a command with the values of sops files in its environment
    Run(RunArgs) = "run", RUN;
    /// Check sealed files without any private key: well-formed, bound, fresh, complete; and no plain Secret beside them
    Verify(VerifyArgs) = "verify", VERIFY;
    /// Show, fetch or pin sealing certificates
    Cert(CertArgs) = "cert";
    /// Sealing keys of a cluster: list, back up, restore, retire
    Keys(KeysArgs) = "keys";
    /// Run the controller, which turns SealedSecrets into native Secrets
    Controller(ControllerArgs) = "controller", help::CONTROLLER;
    /// Serve the Kubernetes API from memory, for kubectl and for tests
    Devcluster(DevclusterArgs) = "devcluster", help::DEVCLUSTER;
    /// Look at a repository, say what is there, and write its .bulla.yaml
    Init(InitArgs) = "init", init_args::INIT;
    /// Check tools, keys, certificates and cluster; each finding with its cure
    Doctor(init_args::DoctorArgs) = "doctor", init_args::DOCTOR;
    /// Print a completion script for a shell
    Completion(CompletionArgs) = "completion", init_args::COMPLETION;
    /// Print the manual page of a command
    Man(ManArgs) = "man", init_args::MAN;
}

/// `bulla quickstart`
#[derive(Debug, ClapArgs)]
pub(crate) struct QuickstartArgs {
    /// Leave the cluster running until Ctrl-C, and print its kubeconfig
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print one JSON object per step
    #[arg(long)]
    pub(crate) json: bool,
}

/// `bulla cert …`
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    pub(crate) command: CertCommand,
}

/// `bulla keys …`
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
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
