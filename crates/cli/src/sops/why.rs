//! `bulla why` on a sops file: which rule is for it, which keys open it, what is missing, and the one command that mends it.

use bulla_core::sops::second_seal::{self, Verdict};
use bulla_core::sops::strict;
use serde_json::{Value as Json, json};

use super::files::SopsFile;
use super::trust::expected::{Rules, shown};
use super::trust::{self, Keys, Trust};
use crate::report::{Code, harmless};

/// What is said of a file.
pub(crate) struct Explained {
    file: String,
    format: &'static str,
    /// Headings and lines.
    lines: Vec<(&'static str, String)>,
    /// The one command, or nothing to be mended.
    mend: Option<String>,
}

/// Explains one file.
pub(crate) fn explain(file: &SopsFile, keys: &Keys) -> Explained {
    let name = file.name();
    let mut said = Explained { file: name.clone(), format: file.format.word(), lines: Vec::new(), mend: None };
    said.rule(file);
    said.strictness(file);
    said.recipients(file);
    for line in keys.found(&file.metadata) {
        said.say("here", line);
    }
    match trust::open(file, keys, Trust { accept_broken_seal: true, ..Trust::default() }) {
        Ok(opened) => {
            said.say("opens", "yes".to_owned());
            said.seal(file, &opened.seal);
        }
        Err(report) => {
            said.say("opens", format!("no: {}", report.message().trim_start_matches(&format!("{name}: "))));
            let reasons = report.cure().lines().filter(|line| !line.starts_with("bulla why "));
            for line in reasons.filter(|_| report.code() == Code::SopsLocked) {
                said.say("", line.to_owned());
            }
            let mend = match report.code() {
                Code::SopsLocked => keys.advice(&file.metadata),
                _ => format!("git log -p -- {name}"),
            };
            // What keeps the file shut comes before anything else.
            said.mend = Some(mend);
            if !second_seal::is_there(&file.metadata) {
                said.say("second seal", "none".to_owned());
            }
        }
    }
    said
}

impl Explained {
    fn say(&mut self, heading: &'static str, line: String) {
        self.lines.push((heading, line));
    }

    fn mend(&mut self, command: String) {
        self.mend.get_or_insert(command);
    }

    fn rule(&mut self, file: &SopsFile) {
        let rules = match Rules::of(&file.path) {
            Ok(rules) => rules,
            Err(report) => {
                self.say("rule", format!("{} ({})", report.message(), report.code().as_str()));
                return;
            }
        };
        match &rules {
            Rules::NoConfig => self.say("rule", "there is no .sops.yaml with creation rules above it".to_owned()),
            Rules::NoRule { config, subject } => {
                self.say("rule", format!("none of {} is for {subject}", config.display()));
            }
            Rules::Rule(rule) => {
                let pattern = rule
                    .pattern
                    .as_deref()
                    .map_or("matches everything".to_owned(), |pattern| format!("path_regex {pattern}"));
                self.say("rule", format!("{}: {pattern}", rule.name()));
            }
        }
        if let Some(rule) = rules.with_keys() {
            let difference = rule.difference(&file.metadata);
            if difference.is_none() {
                self.say("", "its recipients are those of the rule".to_owned());
            }
            for source in &difference.missing {
                self.say("", format!("missing: {}, which the rule names", shown(source)));
            }
            for source in &difference.unlisted {
                self.say("", format!("unlisted: {}, which the rule does not name", shown(source)));
            }
            if difference.regrouped {
                self.say("", "key groups or shamir_threshold are not those of the rule".to_owned());
            }
            if !difference.is_none() {
                self.mend(format!("bulla reseal {}", self.file));
            }
            if let Some(selector) =
                rule.creation.selector.as_ref().filter(|selector| **selector != file.metadata.selector)
            {
                let is = &file.metadata.selector;
                let (name, text) = (selector.name(), selector.text());
                self.say("", format!("the rule encrypts by {name}: {text}, the file by {}: {}", is.name(), is.text()));
            }
        }
    }

    fn strictness(&mut self, file: &SopsFile) {
        match strict::check(&file.tree, &file.metadata, strict::Allow::default()) {
            Ok(violations) => {
                for violation in violations.iter().take(8) {
                    self.say("refused", violation.to_string());
                }
                if let Some(word) = violations.first().and_then(|violation| violation.rule.allowance()) {
                    self.say("", format!("if it is meant: --allow {word}"));
                }
            }
            Err(error) => self.say("refused", error.to_string()),
        }
    }

    fn recipients(&mut self, file: &SopsFile) {
        let groups = &file.metadata.groups;
        for (index, group) in groups.iter().enumerate() {
            for key in &group.keys {
                let group = if groups.len() > 1 { format!("group {}: ", index + 1) } else { String::new() };
                self.say("wants", format!("{group}{}", shown(&key.source)));
            }
        }
        if groups.len() > 1 {
            let needed = if file.metadata.shamir_threshold == 0 {
                groups.len()
            } else {
                file.metadata.shamir_threshold as usize
            };
            self.say("", format!("{needed} of {} groups are needed", groups.len()));
        }
    }

    fn seal(&mut self, file: &SopsFile, verdict: &Verdict) {
        let words = match verdict {
            Verdict::NotSealed => "none: not sealed by bulla, so its structure is not covered".to_owned(),
            Verdict::Unknown => "of a version that this bulla does not know".to_owned(),
            Verdict::Intact => match second_seal::recorded_path(&file.metadata) {
                Some(path) => format!("intact, made at {path}"),
                None => "intact".to_owned(),
            },
            Verdict::Broken(breaches) => {
                let words: Vec<String> = breaches.iter().map(trust::in_words).collect();
                format!("broken: {}", words.join("; "))
            }
        };
        self.say("second seal", words);
        if matches!(verdict, Verdict::Broken(_)) {
            self.mend(format!("git log -p -- {}", self.file));
        }
    }

    /// Whether somebody must do something.
    pub(crate) fn is_finding(&self) -> bool {
        self.mend.is_some()
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}: {}, encrypted by sops\n", self.file, self.format);
        for (heading, line) in &self.lines {
            let heading = if heading.is_empty() { String::new() } else { format!("{heading}:") };
            text += &format!("  {heading:<13} {}\n", harmless(line));
        }
        match &self.mend {
            Some(mend) => text += &format!("  {:<13} {}\n", "mend it with:", harmless(mend)),
            None => text += "  nothing is to be mended\n",
        }
        text
    }

    /// For programs.
    pub(crate) fn json(&self) -> Json {
        let lines: Vec<Json> =
            self.lines.iter().map(|(heading, line)| json!({"about": heading, "text": line})).collect();
        json!({"file": self.file, "format": self.format, "lines": lines, "mend": self.mend})
    }
}
