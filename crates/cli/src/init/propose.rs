//! The `.bulla.yaml` for what was found. Pure.
//!
//! Each certificate becomes a cluster. Files are put under rules by folder: folders that differ in one part only share a rule
//! (`apps/*/secrets/*.yaml`), and a folder that has a cluster's name in it is that cluster's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::{Component, Path};

use super::look::Survey;

/// More folders are not put into patterns one by one.
const MOST_FOLDERS: usize = 500;

/// The text of the file.
pub(super) fn file(survey: &Survey) -> String {
    let clusters = clusters(survey);
    let names: Vec<&str> = clusters.iter().map(|(name, ..)| name.as_str()).collect();
    let mut text =
        "# What bulla has to know about this repository: the clusters that it seals for, and which files are whose.\n\
                    # docs/bulla.schema.json describes every key; `bulla doctor` checks it all against what is there.\n"
            .to_owned();
    if clusters.is_empty() {
        text.push_str(
            "\n# clusters:\n#   prod:\n#     certificate: certs/prod.pem         # bulla cert fetch -w certs/prod.pem\n\
             #     context: prod                       # of the kubeconfig\n",
        );
    } else {
        text.push_str("\nclusters:\n");
        for (name, path, fingerprint) in &clusters {
            let _ = writeln!(text, "  {}:\n    certificate: {}\n    fingerprint: {fingerprint}", name, quoted(path));
        }
    }
    let rules = rules(survey, &names);
    if rules.is_empty() {
        text.push_str("\n# rules:                                  # first match wins; paths are relative to this file\n#   - path: apps/*/secrets/*.yaml\n#     scope: strict\n");
    } else {
        text.push_str("\nrules: # first match wins; paths are relative to this file\n");
        for (pattern, clusters) in rules {
            let _ = writeln!(text, "  - path: {}", quoted(&pattern));
            if !clusters.is_empty() {
                let _ = writeln!(text, "    clusters: [{}]", clusters.join(", "));
            }
        }
    }
    let (word, why) = if survey.plain.is_empty() {
        ("deny", "")
    } else {
        ("warn", " # there are some now; deny, as soon as they are sealed or ignored by git")
    };
    let _ = write!(text, "\npolicy:\n  plain-secrets: {word}{why}\n  certificate-max-age: 90d\n");
    text
}

/// A cluster for each certificate that can be sealed with: name, path, fingerprint.
fn clusters(survey: &Survey) -> Vec<(String, String, String)> {
    let mut taken = BTreeSet::new();
    let mut clusters = Vec::new();
    for certificate in survey.certificates.iter().filter(|certificate| !certificate.expired) {
        let Some(path) = certificate.path.to_str() else { continue };
        let base = cluster_name(&certificate.path);
        let mut name = base.clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}-{number}");
            number += 1;
        }
        clusters.push((name, path.replace('\\', "/"), certificate.fingerprint.to_string()));
    }
    clusters
}

/// `certs/prod-eu.pem` is of prod-eu; `clusters/dev/cert.pem` of dev.
fn cluster_name(path: &Path) -> String {
    const SAY_NOTHING: [&str; 9] =
        ["cert", "certs", "certificate", "public", "pub", "sealed-secrets", "sealing", "tls", "key"];
    let folder = path.parent().and_then(Path::file_name);
    for part in [path.file_stem(), folder].into_iter().flatten() {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let name: String =
            part.to_string_lossy().chars().map(|letter| if allowed(letter) { letter } else { '-' }).collect();
        let name = name.trim_matches('-').to_owned();
        // A word that YAML takes for something else than text is no name either.
        let plain = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let other_type = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
        let lower = name.to_lowercase();
        if plain && !other_type.contains(&lower.as_str()) && !SAY_NOTHING.contains(&lower.as_str()) {
            return name;
        }
    }
    "main".to_owned()
}

/// Patterns with the clusters that their files are for.
fn rules(survey: &Survey, names: &[&str]) -> Vec<(String, Vec<String>)> {
    let files = survey.sealed.iter().map(|(path, _)| path).chain(&survey.plain);
    let mut folders: BTreeMap<Vec<String>, BTreeSet<Vec<Part>>> = BTreeMap::new();
    let mut endings = BTreeSet::new();
    for path in files {
        let Some(text) = path.to_str() else { continue };
        endings.insert(path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default());
        let parts: Vec<Part> = Path::new(text)
            .parent()
            .into_iter()
            .flat_map(Path::components)
            .filter_map(|part| match part {
                Component::Normal(name) => Some(Part::Name(name.to_string_lossy().into_owned())),
                _ => None,
            })
            .collect();
        folders.entry(clusters_of(&parts, names)).or_default().insert(parts);
    }
    let ending = match endings.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [one] => format!("*.{one}"),
        several => format!("*.{{{}}}", several.join(",")),
    };
    let mut rules: Vec<(usize, String, Vec<String>)> = Vec::new();
    for (clusters, folders) in folders {
        if folders.len() > MOST_FOLDERS {
            rules.push((usize::MAX, format!("**/{ending}"), clusters));
            continue;
        }
        for folder in patterns(folders) {
            let wild = folder.iter().filter(|part| **part == Part::Any).count();
            let parts = folder.iter().map(|part| match part {
                Part::Name(name) => globset::escape(name),
                Part::Any => "*".to_owned(),
            });
            let pattern = parts.chain([ending.clone()]).collect::<Vec<_>>().join("/");
            rules.push((wild, pattern, clusters.clone()));
        }
    }
    // The narrow ones first, since the first that matches wins.
    rules.sort();
    rules.into_iter().map(|(_, pattern, clusters)| (pattern, clusters)).collect()
}

/// The only cluster that there is, or those whose name is in the path.
fn clusters_of(folder: &[Part], names: &[&str]) -> Vec<String> {
    match names {
        [only] => vec![(*only).to_owned()],
        names => {
            let named =
                names.iter().filter(|name| folder.iter().any(|part| matches!(part, Part::Name(part) if part == *name)));
            named.map(|name| (*name).to_owned()).take(1).collect()
        }
    }
}

/// A part of a folder's path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Part {
    Name(String),
    Any,
}

/// Puts folders together that differ in one part, the largest group first, until there are none.
fn patterns(mut folders: BTreeSet<Vec<Part>>) -> BTreeSet<Vec<Part>> {
    loop {
        let mut groups: HashMap<(usize, Vec<Part>), usize> = HashMap::new();
        for folder in &folders {
            for at in 0..folder.len() {
                *groups.entry((at, with_any(folder, at))).or_default() += 1;
            }
        }
        let groups = groups.into_iter().filter(|(_, count)| *count > 1);
        // Of equal groups the one whose part is nearest to the root, in a fixed order.
        let best = groups.max_by(|(a, many), (b, more)| many.cmp(more).then_with(|| b.cmp(a)));
        let Some(((at, pattern), _)) = best else { return folders };
        folders.retain(|folder| at >= folder.len() || with_any(folder, at) != pattern);
        folders.insert(pattern);
    }
}

fn with_any(folder: &[Part], at: usize) -> Vec<Part> {
    let mut pattern = folder.to_vec();
    pattern[at] = Part::Any;
    pattern
}

/// Text that YAML reads as that text, whatever is in it.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let safe = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.contains('/')
        && text.chars().all(|letter| plain(letter) || letter == '*');
    // A JSON string is a double-quoted one of YAML.
    if safe { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use std::path::PathBuf;

    use bulla_core::sealed::Fingerprint;

    use super::super::look::Certificate;
    use super::*;
    use crate::config::{Config, FILE};

    const FINGERPRINT: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn survey(certificates: &[&str], sealed: &[&str]) -> Survey {
        let certificate = |path: &&str| Certificate {
            path: PathBuf::from(path),
            fingerprint: Fingerprint::parse(FINGERPRINT).unwrap(),
            description: String::new(),
            expired: false,
        };
        Survey {
            sealed: sealed.iter().map(|path| (PathBuf::from(path), 1)).collect(),
            certificates: certificates.iter().map(certificate).collect(),
            ..Survey::default()
        }
    }

    fn rules_of(certificates: &[&str], sealed: &[&str]) -> Vec<String> {
        let survey = survey(certificates, sealed);
        let clusters = clusters(&survey);
        let names: Vec<&str> = clusters.iter().map(|(name, ..)| name.as_str()).collect();
        let rules = rules(&survey, &names).into_iter();
        rules.map(|(pattern, clusters)| format!("{pattern} {}", clusters.join(","))).collect()
    }

    #[test]
    fn folders_that_differ_in_one_part_share_a_rule() {
        assert_eq!(rules_of(&[], &["apps/a/secrets/x.yaml", "apps/b/secrets/y.yaml"]), ["apps/*/secrets/*.yaml "]);
        assert_eq!(
            rules_of(&["certs/prod.pem"], &["a.yaml", "x/b.yml", "apps/a/s/x.yaml", "apps/b/s/y.yaml"]),
            ["*.{yaml,yml} prod", "x/*.{yaml,yml} prod", "apps/*/s/*.{yaml,yml} prod"]
        );
        assert_eq!(
            rules_of(
                &["certs/dev.pem", "certs/prod.pem"],
                &["apps/a/dev/x.yaml", "apps/b/dev/x.yaml", "apps/a/prod/x.yaml", "infra/x.yaml"]
            ),
            ["apps/a/prod/*.yaml prod", "infra/*.yaml ", "apps/*/dev/*.yaml dev"]
        );
    }

    #[test]
    fn certificates_are_named_by_what_says_most() {
        for (path, name) in [
            ("certs/prod-eu.pem", "prod-eu"),
            ("clusters/dev/cert.pem", "dev"),
            ("cert.pem", "main"),
            ("certs/tls.crt", "main"),
            ("a b.pem", "a-b"),
            ("no.pem", "main"),
            ("1.pem", "main"),
        ] {
            assert_eq!(cluster_name(Path::new(path)), name, "{path}");
        }
        let survey = survey(&["a/prod.pem", "b/prod.pem"], &[]);
        assert_eq!(clusters(&survey).iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["prod", "prod-2"]);
    }

    #[test]
    fn the_reader_takes_whatever_is_proposed() {
        let odd = ["we ird/[x]{y}*?!/# : -/a.yaml", "ü/'\"/b.yaml", "-/x.json", "*/&a/x.yaml", "null/x.yml", "y.yaml"];
        let many: Vec<String> =
            (0..600).map(|number| format!("f{number}/{}/x.yaml", "d/".repeat(number % 3))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (certificates, sealed) in [
            (&[][..], &[][..]),
            (&["cert.pem"], &[]),
            (&[], &odd),
            (&["certs/prod.pem", "#/: x.pem", "ü.pem", "true.pem"], &odd),
            (&["a.pem"], &many),
        ] {
            let mut survey = survey(certificates, sealed);
            for plain in [false, true] {
                if plain {
                    survey.plain = vec![PathBuf::from("plain/x.yaml")];
                }
                let text = file(&survey);
                let config = Config::check(&Path::new("/r").join(FILE), &text);
                let config = config.unwrap_or_else(|report| panic!("{}\n{text}", report.message()));
                assert_eq!(config.clusters().len(), certificates.len(), "{text}");
                for (path, _) in &survey.sealed {
                    assert!(config.rule(&Path::new("/r").join(path)).is_some(), "{}:\n{text}", path.display());
                }
            }
        }
    }
}
