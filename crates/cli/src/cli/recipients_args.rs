//! The flags of `bulla recipients`.

use std::path::PathBuf;

use bulla_core::sops::KeySource;
use clap::{Args as ClapArgs, Subcommand};

use super::reseal_args::or_here;
use super::trust_args::TrustArgs;
use crate::recipients::{Options, What};
use crate::report::{Code, Report, Result};

const LIST: &str = "\
Examples:
  bulla recipients list                          every sops file below this folder
  bulla recipients list secrets.yaml --json
";

const ADD: &str = "\
Examples:
  bulla recipients add age1… secrets.yaml        one file
  bulla recipients add age1… . --rule            the whole tree, and the rules in .sops.yaml
  bulla recipients add 467000AD… prod/ --group 2 a PGP fingerprint, into the second key group

The values stay as they are: the data key is wrapped for one more. Somebody who can open the files must
run it.";

const RM: &str = "\
Examples:
  bulla recipients rm age1… .                    everywhere below this folder, with new data keys
  bulla recipients rm age1… . --rule             and in the rules of .sops.yaml
  bulla recipients rm age1… a.yaml --dry-run     only says which values were seen

Every file gets a new data key, so that an old copy of it opens nothing new. What was seen was seen: the
list on standard output names the values that are to be changed at their source.";

/// `bulla recipients …`
#[derive(Debug, ClapArgs)]
#[command(arg_required_else_help = true)]
pub(crate) struct RecipientsArgs {
    #[command(subcommand)]
    pub(crate) command: RecipientsCommand,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum RecipientsCommand {
    /// Show who can open which sops file, and whether .sops.yaml names them
    #[command(after_help = LIST)]
    List(ListArgs),
    /// Let somebody open sops files
    #[command(after_help = ADD)]
    Add(AddArgs),
    /// Shut somebody out of sops files, with a new data key for each
    #[command(after_help = RM)]
    Rm(RmArgs),
}

/// `bulla recipients list`
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Files and folders [default: the current folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What both have in common.
#[derive(Debug, ClapArgs)]
struct Common {
    /// Who: age1…, ssh-…, a PGP fingerprint, an ARN, a resource name or URL of a cloud key
    #[arg(value_name = "RECIPIENT")]
    recipient: String,
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Edit the rules of .sops.yaml, too
    #[arg(long)]
    rule: bool,
    /// Go on where a file has recipients that .sops.yaml does not name, and leave them in
    #[arg(long)]
    keep_unlisted: bool,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

/// `bulla recipients add`
#[derive(Debug, ClapArgs)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    common: Common,
    /// The key group, from 1, where there are several
    #[arg(long, value_name = "NUMBER")]
    group: Option<usize>,
}

/// `bulla recipients rm`
#[derive(Debug, ClapArgs)]
pub(crate) struct RmArgs {
    #[command(flatten)]
    common: Common,
    /// Leave data keys and values as they are; whoever kept a data key can go on using it
    #[arg(long)]
    keep_data_key: bool,
}

impl ListArgs {
    pub(crate) fn resolve(self) -> (Vec<PathBuf>, bool) {
        (or_here(self.paths), self.json)
    }
}

impl AddArgs {
    pub(crate) fn resolve(self) -> Result<Options> {
        self.common.resolve(What::Add, self.group)
    }
}

impl RmArgs {
    pub(crate) fn resolve(self) -> Result<Options> {
        self.common.resolve(What::Remove { keep_data_key: self.keep_data_key }, None)
    }
}

impl Common {
    fn resolve(self, what: What, group: Option<usize>) -> Result<Options> {
        let recipient: KeySource = crate::recipients::parse(&self.recipient).map_err(|known| {
            Report::new(Code::BadRecipient, "this is no recipient".to_owned()).hint(format!("write one of: {known}"))
        })?;
        Ok(Options {
            what,
            recipient,
            paths: self.paths,
            group,
            rule: self.rule,
            keep_unlisted: self.keep_unlisted,
            dry_run: self.dry_run,
            json: self.json,
            trust: self.trust.resolve(),
        })
    }
}
