//! The file as it is written: one struct per map, every key of them in docs/bulla.schema.json.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bulla_core::sealed::{Fingerprint, Scope};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use super::rules::{self, Rule};
use super::{Cluster, Config, Format, PlainSecrets, Policy, nearest};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct File {
    clusters: Option<BTreeMap<String, Spanned<ClusterEntry>>>,
    rules: Option<Vec<RuleEntry>>,
    policy: Option<PolicyEntry>,
}

/// One of `clusters`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ClusterEntry {
    certificate: Option<Spanned<String>>,
    fingerprint: Option<Spanned<String>>,
    context: Option<String>,
}

/// One of `rules`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleEntry {
    path: Spanned<String>,
    #[serde(default)]
    format: Option<FormatWord>,
    clusters: Option<Vec<Spanned<String>>>,
    out: Option<Spanned<String>>,
    scope: Option<ScopeWord>,
}

/// `policy`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PolicyEntry {
    plain_secrets: Option<PlainSecretsWord>,
    certificate_max_age: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatWord {
    SealedSecret,
    Sops,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ScopeWord {
    Strict,
    NamespaceWide,
    ClusterWide,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PlainSecretsWord {
    Deny,
    Warn,
    Allow,
}

/// A value that is of the right type and cannot be meant.
#[derive(Debug)]
pub(super) struct Fault {
    /// Where.
    pub(super) location: Location,
    /// The key: `rules[2].out`.
    pub(super) key: String,
    /// What is wrong with it.
    pub(super) problem: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// Reads the file. An empty one says nothing.
pub(super) fn parse(text: &str) -> Result<File, serde_saphyr::Error> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options::<Option<File>>(text, options).map(Option::unwrap_or_default)
}

impl File {
    /// Checks what types cannot: names, globs, fingerprints, ages.
    pub(super) fn check(self, folder: PathBuf) -> Result<Config, Fault> {
        let entries = self.clusters.unwrap_or_default();
        let clusters: Vec<Cluster> = entries
            .into_iter()
            .map(|(name, entry)| entry.value.check(name, entry.referenced, &folder))
            .collect::<Result<_, _>>()?;
        let rules = self.rules.unwrap_or_default().into_iter().enumerate();
        let rules = rules.map(|(index, rule)| rule.check(index, &clusters)).collect::<Result<_, _>>()?;
        let policy = self.policy.map(PolicyEntry::check).transpose()?.unwrap_or_default();
        Ok(Config { folder, clusters, rules, policy })
    }
}

impl ClusterEntry {
    fn check(self, name: String, location: Location, folder: &std::path::Path) -> Result<Cluster, Fault> {
        let key = format!("clusters.{name}");
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(allowed) {
            return Err(Fault {
                location,
                key,
                problem: "the name of a cluster becomes part of file names".to_owned(),
                hint: "use letters, digits, `-`, `_` and `.`".to_owned(),
            });
        }
        if self.certificate.is_none() && self.fingerprint.is_none() && self.context.is_none() {
            return Err(Fault {
                location,
                key,
                problem: "nothing is said about the cluster".to_owned(),
                hint: "give it a `certificate` (a file beside this one), a `fingerprint`, or a `context` of the kubeconfig".to_owned(),
            });
        }
        let fingerprint = self.fingerprint.map(|text| {
            Fingerprint::parse(&text.value).map_err(|_| Fault {
                location: text.referenced,
                key: format!("{key}.fingerprint"),
                problem: "not a fingerprint".to_owned(),
                hint: "it is `SHA256:` and 43 characters; bulla cert show FILE prints it".to_owned(),
            })
        });
        Ok(Cluster {
            certificate: self.certificate.map(|path| folder.join(path.value)),
            fingerprint: fingerprint.transpose()?,
            context: self.context,
            name,
        })
    }
}

impl RuleEntry {
    fn check(self, index: usize, known: &[Cluster]) -> Result<Rule, Fault> {
        let key = |field: &str| format!("rules[{index}].{field}");
        let Spanned { value: pattern, referenced: location, .. } = self.path;
        let glob = rules::glob(&pattern).map_err(|problem| Fault {
            location,
            key: key("path"),
            problem,
            hint: "`*` is part of one name, `**` any number of folders, `{a,b}` one of several: apps/*/secrets/*.yaml"
                .to_owned(),
        })?;
        let mut clusters = Vec::new();
        for Spanned { value: name, referenced: location, .. } in self.clusters.unwrap_or_default() {
            let names: Vec<&str> = known.iter().map(|cluster| cluster.name.as_str()).collect();
            if !names.contains(&name.as_str()) {
                let hint = match (nearest(&name, &names), names.is_empty()) {
                    (Some(near), _) => format!("did you mean {near}?"),
                    (None, true) => "describe it under `clusters:` first".to_owned(),
                    (None, false) => format!("`clusters:` knows {}", names.join(", ")),
                };
                let problem = format!("there is no cluster {name}");
                return Err(Fault { location, key: key("clusters"), problem, hint });
            }
            if !clusters.contains(&name) {
                clusters.push(name);
            }
        }
        let out = self.out.as_ref().map(|out| (out.value.as_str(), out.referenced));
        let out_location = out.map_or(location, |(_, location)| location);
        let out = rules::template(out.map(|(text, _)| text), clusters.len()).map_err(|problem| Fault {
            location: out_location,
            key: key("out"),
            problem,
            hint: "for example: out: \"{dir}/{stem}.{cluster}.yaml\"; {dir} is the folder of the plain file, {stem} its name \
                   without the ending"
                .to_owned(),
        })?;
        let format = match self.format {
            None | Some(FormatWord::SealedSecret) => Format::SealedSecret,
            Some(FormatWord::Sops) => Format::Sops,
        };
        let scope = self.scope.map(|word| match word {
            ScopeWord::Strict => Scope::Strict,
            ScopeWord::NamespaceWide => Scope::NamespaceWide,
            ScopeWord::ClusterWide => Scope::ClusterWide,
        });
        Ok(Rule::new(glob, format, clusters, out, scope))
    }
}

impl PolicyEntry {
    fn check(self) -> Result<Policy, Fault> {
        let certificate_max_age = self.certificate_max_age.map(|text| {
            days(&text.value).ok_or_else(|| Fault {
                location: text.referenced,
                key: "policy.certificate-max-age".to_owned(),
                problem: "not a length of time".to_owned(),
                hint: "write a number of hours, days or weeks: 36h, 90d, 12w".to_owned(),
            })
        });
        let plain_secrets = match self.plain_secrets {
            None | Some(PlainSecretsWord::Deny) => PlainSecrets::Deny,
            Some(PlainSecretsWord::Warn) => PlainSecrets::Warn,
            Some(PlainSecretsWord::Allow) => PlainSecrets::Allow,
        };
        Ok(Policy { plain_secrets, certificate_max_age: certificate_max_age.transpose()? })
    }
}

/// `36h`, `90d`, `12w`.
pub(crate) fn days(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return None,
    };
    let digits = !number.is_empty() && number.len() <= 6 && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = number.parse().ok().filter(|number| digits && *number > 0)?;
    Some(SignedDuration::from_hours(number * hours))
}
