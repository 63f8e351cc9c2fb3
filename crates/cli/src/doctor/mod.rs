//! `bulla doctor`: what is wrong here, and its cure.
//!
//! Each area has its module, which looks and returns findings: `tools` on the PATH, `machine` for what lies outside of the
//! repository, `repository` for what is in it, `cluster` for what answers. `finding` puts them into words. Nothing is changed, and
//! nothing secret is read.

mod cluster;
mod finding;
mod machine;
mod repository;
mod tools;

use std::path::PathBuf;

use self::finding::{Finding, Level};
use crate::cluster::Choice;
use crate::config::Config;
use crate::init;
use crate::io::Target;
use crate::report::{Exit, Result};

/// `bulla doctor`
#[derive(Debug)]
pub(crate) struct Options {
    /// The repository, or a folder in it.
    pub(crate) folder: PathBuf,
    /// Which cluster; empty: those that `.bulla.yaml` names, else the current one.
    pub(crate) choice: Choice,
    /// Ask no cluster.
    pub(crate) offline: bool,
    /// Print JSON.
    pub(crate) json: bool,
}

/// Looks at everything, prints the findings, and ends with [`Exit::Attention`] if something must be done.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let root = init::root_of(&options.folder)?;
    let survey = init::look::at(&root)?;
    let mut findings = tools::look();
    findings.extend(machine::look());
    let config = match Config::find(&options.folder) {
        Ok(config) => config,
        Err(report) => {
            findings.push(Finding::of(repository::AREA, &report));
            None
        }
    };
    findings.extend(repository::look(config.as_ref(), &survey));
    if options.offline {
        findings.push(Finding::ok(cluster::AREA, "not asked, because of --offline"));
    } else {
        findings.extend(cluster::look(&options.choice, config.as_ref()));
    }
    let text = if options.json { format!("{:#}\n", finding::json(&findings)) } else { finding::text(&findings) };
    Target::Stdout.write(text.as_bytes())?;
    let attention = findings.iter().any(|finding| finding.level == Level::Todo);
    Ok(if attention { Exit::Attention } else { Exit::Done })
}
