//! `.bulla.yaml`: what a repository says about its clusters, its sealed files and its policy.
//!
//! `file` is the file as it is written (strict: an unknown key is an error), `error` puts what is wrong into words with line,
//! key and the nearest key that exists, `rules` decides which rule a path has and where its output goes. Nothing here reads
//! a certificate or asks a cluster; `crate::cert` does.
//!
//! The file is found from the folder of what is worked on, upwards to the root of the git work tree and no further. Outside of a
//! work tree it is the folder that the command runs in, or the one that is worked on: above, in /tmp say, somebody else may
//! have put one.

mod error;
mod file;
mod rules;

use std::path::{Path, PathBuf};

use bulla_core::sealed::{Fingerprint, Scope};

use self::error::name_of;
use crate::report::{Code, Report, Result, os_error};

pub(crate) use self::error::nearest;
pub(crate) use self::file::days;
pub(crate) use self::rules::Rule;

/// The name of the file.
pub(crate) const FILE: &str = ".bulla.yaml";
/// Larger files are refused.
const MAX_BYTES: usize = 1 << 20;

/// A `.bulla.yaml` that was read and found to be right.
#[derive(Debug)]
pub(crate) struct Config {
    folder: PathBuf,
    /// By name.
    clusters: Vec<Cluster>,
    rules: Vec<Rule>,
    /// What must hold everywhere in the repository.
    pub(crate) policy: Policy,
}

/// A cluster that is sealed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// As rules and `--cluster` name it.
    pub(crate) name: String,
    /// A certificate that is kept in the repository.
    pub(crate) certificate: Option<PathBuf>,
    /// The only certificate that may be used.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// The context of the kubeconfig.
    pub(crate) context: Option<String>,
}

/// What must hold everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether plain Secrets may lie in the repository.
    pub(crate) plain_secrets: PlainSecrets,
    /// How old a sealing certificate may become before one is warned.
    pub(crate) certificate_max_age: Option<jiff::SignedDuration>,
}

/// `policy.plain-secrets`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PlainSecrets {
    /// A plain Secret is an error.
    #[default]
    Deny,
    /// A plain Secret is pointed out.
    Warn,
    /// Plain Secrets are nobody's business.
    Allow,
}

/// `rules[].format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// SealedSecrets.
    #[default]
    SealedSecret,
    /// sops files.
    Sops,
}

impl Config {
    /// The file that rules over `start`, a folder; none is no error.
    pub(crate) fn find(start: &Path) -> Result<Option<Self>> {
        match locate(start) {
            Some(path) => Self::read(&path).map(Some),
            None => Ok(None),
        }
    }

    /// Reads one file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = name_of(path);
        let text =
            read_text(path).map_err(|error| Report::new(Code::ReadFile, format!("{name}: {}", os_error(&error))))?;
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
        Self::parse(&name, folder, &text)
    }

    /// Whether the file could be `text`, which is not written yet.
    pub(crate) fn check(path: &Path, text: &str) -> Result<Self> {
        Self::parse(&name_of(path), path.parent().unwrap_or_else(|| Path::new("")).to_owned(), text)
    }

    /// The file's text. `folder` is what paths in it are relative to.
    fn parse(name: &str, folder: PathBuf, text: &str) -> Result<Self> {
        let file = file::parse(text).map_err(|error| error::bad_file(name, &error))?;
        file.check(folder).map_err(|fault| error::bad_value(name, &fault))
    }

    /// The folder that the file is in, which its paths are relative to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the file, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// All clusters, by name.
    pub(crate) fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    /// All rules, in their order.
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The cluster with this name.
    pub(crate) fn cluster(&self, name: &str) -> Result<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
            let hint = match (nearest(name, &known), known.is_empty()) {
                (Some(near), _) => format!("did you mean {near}?"),
                (None, true) => {
                    format!("the file names no clusters yet: add `clusters: {{{}: {{…}}}}`", name.escape_debug())
                }
                (None, false) => format!("the file knows {}", known.join(", ")),
            };
            Report::new(Code::UnknownCluster, format!("{}: there is no cluster {name}", name_of(&self.path())))
                .hint(hint)
        })
    }

    /// The rule for a file: the first that matches its path.
    pub(crate) fn rule(&self, path: &Path) -> Option<&Rule> {
        let relative = self.relative(path)?;
        self.rules.iter().find(|rule| rule.matches(&relative))
    }

    /// The one cluster that a sealed file is for: that of its rule, or, of a rule for several clusters, the one whose output has this
    /// name. Without a rule the only cluster that there is.
    pub(crate) fn cluster_of(&self, path: &Path) -> Option<&Cluster> {
        let by_name = |name: &String| self.clusters.iter().find(|cluster| cluster.name == *name);
        if let Some(relative) = self.relative(path) {
            for rule in &self.rules {
                if let Some(name) = rule.output_for(&relative) {
                    return by_name(name);
                }
            }
            if let Some(rule) = self.rules.iter().find(|rule| rule.matches(&relative)) {
                return match rule.clusters.as_slice() {
                    [name] => by_name(name),
                    _ => None,
                };
            }
        }
        match self.clusters.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The path as rules see it: relative to the file's folder. None for what lies outside.
    pub(crate) fn relative(&self, path: &Path) -> Option<PathBuf> {
        if let Ok(relative) = path.strip_prefix(&self.folder) {
            return Some(rules::tidy(relative));
        }
        let full = |path: &Path| match (path.canonicalize(), path.parent(), path.file_name()) {
            (Ok(path), ..) => Some(path),
            // A file that is not there yet.
            (Err(_), Some(folder), Some(name)) => {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                Some(folder.canonicalize().ok()?.join(name))
            }
            _ => None,
        };
        let (path, folder) = (full(path)?, self.folder.canonicalize().ok()?);
        path.strip_prefix(folder).ok().map(Path::to_owned)
    }
}

/// The file that rules over `start`.
fn locate(start: &Path) -> Option<PathBuf> {
    let start = if start.as_os_str().is_empty() { Path::new(".") } else { start };
    let start = start.canonicalize().unwrap_or_else(|_| start.to_owned());
    let root = start.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned);
    let here =
        || std::env::current_dir().and_then(|here| here.canonicalize()).ok().filter(|here| start.starts_with(here));
    let last = root.or_else(here).unwrap_or_else(|| start.clone());
    let folders = start.ancestors().take_while(|folder| folder.starts_with(&last));
    folders.map(|folder| folder.join(FILE)).find(|path| path.is_file())
}

fn read_text(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    std::fs::File::open(path)?.take(limit + 1).read_to_string(&mut text)?;
    if text.len() > MAX_BYTES {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

impl Rule {
    /// The scope that values are sealed with, if the rule says one.
    pub(crate) fn scope(&self) -> Option<Scope> {
        self.scope
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
