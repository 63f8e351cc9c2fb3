//! What can be said of a sops file without any key, and what Git knows of it.

use std::path::Path;

use bulla_core::sops::second_seal;
use bulla_core::sops::strict::{self, Allow, Rule as Strict};
use jiff::Timestamp;

use super::finding::Finding;
use super::rules::Rule;
use crate::report::harmless;
use crate::sops::files::{SopsFile, detect};
use crate::sops::git;
use crate::sops::trust::expected::{Rules, shown as source};
use crate::sops::trust::path::in_repository;
use crate::tree::shown;

/// What is demanded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    /// A second seal in every file.
    pub(crate) seal: bool,
    /// Every file where it was sealed.
    pub(crate) path: bool,
    /// What passes.
    pub(crate) allow: Allow,
    /// The branch that this one goes to.
    pub(crate) base: Option<String>,
}

/// Looks at a file.
pub(super) fn check(path: &Path, bytes: zeroize::Zeroizing<Vec<u8>>, demand: &Demand) -> Vec<Finding> {
    let name = shown(path);
    let found = |rule, message: String| Finding::new(rule, &name, None, harmless(&message).into_owned());
    let Some(format) = detect(path, &bytes) else { return Vec::new() };
    let file = match SopsFile::parse(path, bytes, format) {
        Ok(file) => file,
        Err(report) => {
            let words = report.message().trim_start_matches(&format!("{name}: ")).to_owned();
            return vec![found(Rule::SopsUnreadable, words)];
        }
    };
    let mut findings = Vec::new();
    match strict::check(&file.tree, &file.metadata, demand.allow) {
        Ok(violations) => findings.extend(violations.iter().map(|violation| {
            let rule = match violation.rule {
                Strict::ClearValue | Strict::ClearComment => Rule::SopsClear,
                _ => Rule::SopsManipulated,
            };
            found(rule, violation.to_string())
        })),
        Err(error) => findings.push(found(Rule::SopsManipulated, error.to_string())),
    }
    if matches!(strict::encrypts_nothing(&file.tree, &file.metadata), Ok(true)) {
        let selector = &file.metadata.selector;
        let message = format!("{}: {} matches nothing, so nothing is encrypted", selector.name(), selector.text());
        findings.push(found(Rule::SopsSelector, message));
    }
    if file.metadata.mac.is_empty() {
        findings.push(found(Rule::SopsManipulated, "it has no MAC".to_owned()));
    }
    findings.extend(against_rules(&file).into_iter().map(|(rule, message)| found(rule, message)));
    findings.extend(against_history(&file, demand).into_iter().map(|(rule, message)| found(rule, message)));
    findings
}

fn against_rules(file: &SopsFile) -> Vec<(Rule, String)> {
    let rules = match Rules::of(&file.path) {
        Ok(rules) => rules,
        Err(report) => return vec![(Rule::SopsUnruled, report.message().to_owned())],
    };
    let mut found = Vec::new();
    if let Rules::NoRule { config, subject } = &rules {
        found.push((Rule::SopsUnruled, format!("none of the rules in {} is for {subject}", config.display())));
    }
    if let Rules::Rule(rule) = &rules
        && let Some(selector) = rule.creation.selector.as_ref().filter(|selector| **selector != file.metadata.selector)
    {
        let is = &file.metadata.selector;
        let (name, text) = (selector.name(), selector.text());
        found.push((
            Rule::SopsSelector,
            format!("{} says {name}: {text}, the file says {}: {}", rule.name(), is.name(), is.text()),
        ));
    }
    if let Some(rule) = rules.with_keys() {
        let difference = rule.difference(&file.metadata);
        let name = rule.name();
        found.extend(
            difference.missing.iter().map(|key| (Rule::SopsMissing, format!("{} is named by {name}", source(key)))),
        );
        found.extend(
            difference.unlisted.iter().map(|key| (Rule::SopsUnlisted, format!("{} is not in {name}", source(key)))),
        );
        if difference.regrouped {
            found
                .push((Rule::SopsGroups, format!("the keys are those of {name}, the groups or the threshold are not")));
        }
    }
    found
}

fn against_history(file: &SopsFile, demand: &Demand) -> Vec<(Rule, String)> {
    let mut found = Vec::new();
    let sealed = second_seal::is_there(&file.metadata);
    if demand.seal && !sealed {
        found.push((Rule::SopsNotSealed, "not sealed by bulla".to_owned()));
    }
    if let Some(recorded) = second_seal::recorded_path(&file.metadata).filter(|_| demand.path)
        && in_repository(&file.path).as_deref() != Some(recorded.as_str())
    {
        found.push((Rule::SopsMoved, format!("it was sealed as {recorded}")));
    }
    let folder = file.path.parent().unwrap_or_else(|| Path::new("."));
    let Some(name) = file.path.file_name().and_then(|name| name.to_str()) else { return found };
    let Some(base) = git::merge_base(folder, demand.base.as_deref()) else { return found };
    let before = git::show(folder, &format!("{base}:./{name}"))
        .and_then(|bytes| SopsFile::parse(&file.path, bytes.into(), file.format).ok());
    let Some(before) = before else { return found };
    let commit = base.get(..8).unwrap_or(&base);
    if second_seal::is_there(&before.metadata) && !sealed && !demand.seal {
        found.push((Rule::SopsSealLost, format!("it was sealed in {commit}; sops drops the seal when it writes")));
    }
    let generations = (second_seal::generation(&before.metadata), second_seal::generation(&file.metadata));
    if let (Some(then), Some(now)) = generations
        && now < then
    {
        found.push((Rule::SopsWentBack, format!("the generation of its second seal is before that of {commit}")));
        return found;
    }
    let time = |text: &str| text.parse::<Timestamp>().ok();
    if let (Some(then), Some(now)) = (time(&before.metadata.last_modified), time(&file.metadata.last_modified))
        && now < then
    {
        found.push((Rule::SopsWentBack, format!("lastmodified is before that of {commit}")));
    }
    found
}
