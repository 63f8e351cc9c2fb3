//! The flags of `bulla verify`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use jiff::SignedDuration;

use super::reseal_args::{BatchArgs, or_here};
use crate::report::{Code, Report, Result};
use crate::verify::{Options, ReportFormat, Rule};

/// `bulla verify --help`
pub(crate) const VERIFY: &str = "\
Examples:
  bulla verify                                   everything below this folder
  bulla verify apps/ --cert cert.pem --max-age 90d
  bulla verify -o sarif > bulla.sarif            for code scanning; junit for CI servers
  bulla verify --online                          asks the controller whether each value opens
  bulla verify --require-seal secrets/           sops files: recipients, clear text, seals

No private key is needed. Exit code 0: nothing found, 2: something was, 1: it could not be done.
Rules have numbers (BV001 …) that stay; docs/verifying.md has the list. --ignore BV011 leaves one out.";

/// `bulla verify`
#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// Files and folders [default: the current folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The certificate that all should be sealed with [default: that of each file's cluster in .bulla.yaml]
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// How old a certificate may be: 36h, 90d, 12w [default: certificate-max-age of .bulla.yaml]
    #[arg(long, value_name = "AGE", value_parser = max_age)]
    max_age: Option<SignedDuration>,
    /// Leave out findings of this rule; may be given several times
    #[arg(long = "ignore", value_name = "RULE", value_delimiter = ',', value_parser = Rule::parse)]
    ignored: Vec<Rule>,
    /// The form of the report
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: ReportFormat,
    /// Print JSON; the same as -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
    /// sops files: demand a second seal in each
    #[arg(long)]
    require_seal: bool,
    /// sops files: demand that each lies where it was sealed
    #[arg(long)]
    require_path: bool,
    /// sops files: the branch that this one goes to [default: origin/HEAD, origin/main, origin/master, main or master]
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// sops files: let pass what strict reading refuses; may be given several times
    #[arg(long = "allow", value_name = "WHAT", value_delimiter = ',')]
    allowed: Vec<super::trust_args::Allowed>,
    /// Ask the controller whether each value opens
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    controller: BatchArgs,
}

impl VerifyArgs {
    pub(crate) fn resolve(self) -> Result<Options> {
        let (place, identity) = self.controller.resolve();
        if identity.is_some() && !self.online {
            return Err(Report::new(Code::Usage, "a token is given, and the controller is not to be asked")
                .hint("add --online"));
        }
        Ok(Options {
            paths: or_here(self.paths),
            certificate: self.cert.as_deref().map(super::cert_args::given),
            max_age: self.max_age,
            online: self.online.then_some((place, identity)),
            ignored: self.ignored,
            sops: crate::verify::Demand {
                seal: self.require_seal,
                path: self.require_path,
                allow: super::trust_args::allow(&self.allowed),
                base: self.base,
            },
            format: if self.json { ReportFormat::Json } else { self.output },
        })
    }
}

fn max_age(text: &str) -> std::result::Result<SignedDuration, String> {
    crate::config::days(text).ok_or_else(|| "write a number of hours, days or weeks: 36h, 90d, 12w".to_owned())
}
