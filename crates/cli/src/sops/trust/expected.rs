//! Who should be able to open a file, by `.sops.yaml`, and who can.

use std::path::{Path, PathBuf};

use bulla_core::sops::{Group, KeySource, MasterKey, Metadata};

use super::keys::short;
use crate::report::{Code, Report, Result};
use crate::sops::config::{Config, Creation, Matched};

/// What `.sops.yaml` says of a file.
pub(crate) enum Rules {
    /// There is none, or it has no creation rules.
    NoConfig,
    /// None of its rules is for the file.
    NoRule {
        /// The file with the rules.
        config: PathBuf,
        /// The path as the patterns see it.
        subject: String,
    },
    /// This one.
    Rule(Box<Rule>),
}

/// A rule that is for the file.
pub(crate) struct Rule {
    /// The file with the rules.
    pub(crate) config: PathBuf,
    /// Its place among the rules, from 1.
    pub(crate) number: usize,
    /// The line that it begins on.
    pub(crate) line: usize,
    /// Its pattern; none matches everything.
    pub(crate) pattern: Option<String>,
    /// What it says.
    pub(crate) creation: Creation,
}

/// How a file differs from its rule.
#[derive(Default)]
pub(crate) struct Difference {
    /// Named by the rule, and cannot open the file.
    pub(crate) missing: Vec<KeySource>,
    /// Can open the file, and the rule does not name them.
    pub(crate) unlisted: Vec<KeySource>,
    /// The same keys, in other groups; or another threshold.
    pub(crate) regrouped: bool,
}

impl Rules {
    /// For a file. `.sops.yaml` is read strictly: a fault in it is an error.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let Some(config) = Config::for_file(path)? else { return Ok(Self::NoConfig) };
        let (number, line, pattern) = match config.rule_of(path) {
            Matched::NoRules => return Ok(Self::NoConfig),
            Matched::None { subject, .. } => return Ok(Self::NoRule { config: config.path().to_owned(), subject }),
            Matched::Broken { line, reason } => {
                let message = format!("{}: line {line}: {reason}", config.path().display());
                return Err(
                    Report::new(Code::NoCreationRule, message).hint("write a regular expression of Go's syntax")
                );
            }
            Matched::Rule { number, line, pattern, .. } => (number, line, pattern),
        };
        let creation = config.creation_for(path, &[]).map_err(|failure| {
            Report::new(Code::NoCreationRule, format!("{}: {}", config.path().display(), failure.text))
                .hint("correct the rule; bulla why FILE names it")
        })?;
        Ok(match creation {
            Some(creation) => {
                Self::Rule(Box::new(Rule { config: config.path().to_owned(), number, line, pattern, creation }))
            }
            None => Self::NoConfig,
        })
    }

    /// The rule, if it names keys.
    pub(crate) fn with_keys(&self) -> Option<&Rule> {
        match self {
            Self::Rule(rule) => Some(&**rule).filter(|rule| rule.creation.keys().next().is_some()),
            _ => None,
        }
    }
}

impl Rule {
    /// `rule 2 of .sops.yaml (line 7)`
    pub(crate) fn name(&self) -> String {
        format!("rule {} of {} (line {})", self.number, near(&self.config), self.line)
    }

    /// How a file differs from what the rule names.
    pub(crate) fn difference(&self, metadata: &Metadata) -> Difference {
        let wanted: Vec<Vec<&KeySource>> = sources(&self.creation.groups);
        let there: Vec<Vec<&KeySource>> = sources(&metadata.groups);
        let is_in =
            |groups: &[Vec<&KeySource>], source: &KeySource| groups.iter().flatten().any(|other| same(other, source));
        let lacking = |from: &[Vec<&KeySource>], groups: &[Vec<&KeySource>]| -> Vec<KeySource> {
            let mut found: Vec<KeySource> = Vec::new();
            for source in from.iter().flatten().filter(|source| !is_in(groups, source)) {
                if !found.iter().any(|other| same(other, source)) {
                    found.push((*source).clone());
                }
            }
            found
        };
        let grouped = |groups: &[Vec<&KeySource>]| -> Vec<Vec<String>> {
            let names = |group: &Vec<&KeySource>| {
                let mut names: Vec<String> = group.iter().map(|source| name(source)).collect();
                names.sort();
                names.dedup();
                names
            };
            groups.iter().map(names).collect()
        };
        let (missing, unlisted) = (lacking(&wanted, &there), lacking(&there, &wanted));
        let needed = |threshold: usize, groups: usize| {
            if groups < 2 {
                1
            } else if threshold == 0 {
                groups
            } else {
                threshold
            }
        };
        let regrouped = missing.is_empty()
            && unlisted.is_empty()
            && (grouped(&wanted) != grouped(&there)
                || needed(self.creation.shamir_threshold, wanted.len())
                    != needed(metadata.shamir_threshold as usize, there.len()));
        Difference { missing, unlisted, regrouped }
    }
}

impl Difference {
    /// Whether the file is as its rule says.
    pub(crate) fn is_none(&self) -> bool {
        self.missing.is_empty() && self.unlisted.is_empty() && !self.regrouped
    }

    /// `+ age age1…`, `- age age1…`, one line each.
    pub(crate) fn lines(&self, keep_unlisted: bool) -> Vec<String> {
        let mut lines: Vec<String> = self.missing.iter().map(|source| format!("+ {}", shown(source))).collect();
        let sign = if keep_unlisted { "=" } else { "-" };
        lines.extend(self.unlisted.iter().map(|source| format!("{sign} {}", shown(source))));
        if self.regrouped {
            lines.push("~ key groups or shamir_threshold".to_owned());
        }
        lines
    }
}

/// A path as messages show it: from here, if it is below here.
pub(crate) fn near(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    crate::tree::shown(path.strip_prefix(&here).unwrap_or(path))
}

/// Whether two keys are the same key.
pub(crate) fn same(a: &KeySource, b: &KeySource) -> bool {
    a.kind() == b.kind() && a.identity() == b.identity()
}

/// `age age1…`, cut if it is long.
pub(crate) fn shown(source: &KeySource) -> String {
    format!("{} {}", source.kind().name(), short(&source.identity()))
}

fn name(source: &KeySource) -> String {
    format!("{} {}", source.kind().name(), source.identity())
}

fn sources(groups: &[Group]) -> Vec<Vec<&KeySource>> {
    groups.iter().map(|group| group.keys.iter().map(|key| &key.source).collect()).collect()
}

/// The groups of a rule, with what the file has wrapped already; and, if they are kept, the keys that only the file has.
pub(crate) fn groups_of(rule: &Rule, metadata: &Metadata, keep_unlisted: bool) -> Vec<Group> {
    let known = |source: &KeySource| {
        metadata.groups.iter().flat_map(|group| &group.keys).find(|key| same(&key.source, source)).cloned()
    };
    let mut groups = rule.creation.groups.clone();
    for key in groups.iter_mut().flat_map(|group| &mut group.keys) {
        *key = known(&key.source).unwrap_or_else(|| MasterKey::new(key.source.clone()));
    }
    if keep_unlisted {
        for (index, group) in metadata.groups.iter().enumerate() {
            for key in &group.keys {
                if !groups.iter().flat_map(|group| &group.keys).any(|other| same(&other.source, &key.source)) {
                    let last = groups.len().saturating_sub(1);
                    if let Some(group) = groups.get_mut(index.min(last)) {
                        group.keys.push(key.clone());
                    }
                }
            }
        }
    }
    groups
}
