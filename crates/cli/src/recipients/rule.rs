//! A creation rule with one recipient more or less, every other byte of `.sops.yaml` kept.

use std::path::{Path, PathBuf};

use bulla_core::sops::{KeyKind, KeySource};
use bulla_yaml::{Limits, Node, Style};

use super::{Options, What};
use crate::io::{Source, Target, input};
use crate::report::{Code, Report, Result, bad_manifest};
use crate::sops::trust::expected::{Rules, near, shown};

/// A `.sops.yaml` that is to be written.
pub(super) struct Edit {
    path: PathBuf,
    /// The line of the first rule that changes.
    pub(super) line: usize,
    before: Vec<u8>,
    text: Vec<u8>,
}

impl Edit {
    pub(super) fn name(&self) -> String {
        near(&self.path)
    }

    pub(super) fn write(&self) -> Result<()> {
        if **input::read(&Source::File(self.path.clone()))? != *self.before {
            let message = format!("{}: the file changed while it was worked on; nothing was written", self.name());
            return Err(Report::new(Code::ChangedMeanwhile, message).hint("run the command again"));
        }
        Target::File(self.path.clone()).write(&self.text)
    }
}

/// The edits that the rules of these files need; each rule is edited once.
pub(super) fn edits(files: &[PathBuf], options: &Options) -> Result<Vec<Edit>> {
    let mut rules: Vec<(PathBuf, usize, usize)> = Vec::new();
    for file in files {
        match Rules::of(file)? {
            Rules::Rule(rule) => {
                let rule = (rule.config.clone(), rule.number, rule.line);
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
            Rules::NoConfig | Rules::NoRule { .. } => {
                let message = format!("{}: no creation rule is for it", crate::tree::shown(file));
                return Err(
                    Report::new(Code::NoCreationRule, message).hint("add a rule to .sops.yaml, or leave --rule away")
                );
            }
        }
    }
    let mut edits: Vec<Edit> = Vec::new();
    for (path, number, line) in rules {
        let index = match edits.iter().position(|edit| edit.path == path) {
            Some(index) => index,
            None => {
                let before = input::read(&Source::File(path.clone()))?.to_vec();
                edits.push(Edit { path: path.clone(), line, text: before.clone(), before });
                edits.len() - 1
            }
        };
        edits[index].text = edited(&edits[index].text, number, options, &path)?;
    }
    edits.retain(|edit| edit.text != edit.before);
    Ok(edits)
}

/// The text with one rule changed.
fn edited(text: &[u8], number: usize, options: &Options, path: &Path) -> Result<Vec<u8>> {
    let name = crate::tree::shown(path);
    let by_hand = |why: &str| {
        Report::new(Code::RuleByHand, format!("{name}: rule {number}: {why}"))
            .hint(format!("edit the rule by hand ({}), then: bulla reseal", shown(&options.recipient)))
    };
    let read =
        |text: &[u8]| bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| bad_manifest(&name, &error));
    let documents = read(text)?;
    let rule = rule_of(&documents, number).ok_or_else(|| by_hand("it is not found again"))?;
    let wanted =
        written(&options.recipient).ok_or_else(|| by_hand("keys with a context or a profile are not edited"))?;
    let place = place(rule, options, &wanted).map_err(&by_hand)?;
    let before = names(place.node);
    let is_there = before.contains(&wanted);
    let edited = match options.what {
        What::Add if is_there => return Ok(text.to_vec()),
        What::Remove { .. } if !is_there => return Ok(text.to_vec()),
        What::Add => added(text, place.node, &wanted),
        What::Remove { .. } if before.len() == 1 => {
            return Err(by_hand("the recipient is the only one of its kind there"));
        }
        What::Remove { .. } => removed(text, place.node, &wanted),
    };
    let edited = edited.ok_or_else(|| by_hand("its layout is not one that is edited in place"))?;
    // Whatever the steps above overlook: the names must be those that were asked for.
    let expected: Vec<String> = match options.what {
        What::Add => before.iter().cloned().chain([wanted.clone()]).collect(),
        What::Remove { .. } => before.iter().filter(|name| **name != wanted).cloned().collect(),
    };
    let again = read(&edited)?;
    let found = rule_of(&again, number).and_then(|rule| place.again(rule)).map(names);
    if found.as_ref() != Some(&expected) {
        return Err(by_hand("its layout is not one that is edited in place"));
    }
    Ok(edited)
}

fn rule_of(documents: &[bulla_yaml::Document], number: usize) -> Option<&Node> {
    documents.first()?.root.get("creation_rules")?.items()?.get(number - 1)
}

/// How a recipient is written in a rule; `None` if it needs more than one text.
fn written(source: &KeySource) -> Option<String> {
    match source {
        KeySource::AwsKms { context, profile, .. } if !context.is_empty() || !profile.is_empty() => None,
        other => Some(other.identity()),
    }
}

/// Where in a rule the recipients of a kind stand.
struct Place<'a> {
    node: &'a Node,
    group: Option<usize>,
    key: &'static str,
}

impl Place<'_> {
    fn again<'n>(&self, rule: &'n Node) -> Option<&'n Node> {
        match self.group {
            Some(group) => rule.get("key_groups")?.items()?.get(group)?.get(self.key),
            None => rule.get(self.key),
        }
    }
}

fn place<'a>(rule: &'a Node, options: &Options, wanted: &str) -> std::result::Result<Place<'a>, &'static str> {
    let kind = options.recipient.kind();
    if let Some(groups) = rule.get("key_groups").and_then(Node::items) {
        let key = match kind {
            KeyKind::Age => "age",
            KeyKind::Pgp => "pgp",
            KeyKind::Vault => "hc_vault",
            _ => return Err("keys of this kind in key_groups are maps, which are not edited"),
        };
        let holds = |group: &Node| group.get(key).is_some_and(|node| names(node).iter().any(|name| name == wanted));
        let index = match (options.group, options.what) {
            (Some(number), _) => number.wrapping_sub(1),
            (None, What::Remove { .. }) => groups.iter().position(holds).unwrap_or(0),
            (None, What::Add) if groups.len() == 1 => 0,
            (None, What::Add) => return Err("it has several key groups: say which with --group"),
        };
        let node = groups.get(index).ok_or("it has no such group")?.get(key);
        let node = node.ok_or("its group has no list of this kind yet")?;
        return Ok(Place { node, group: Some(index), key });
    }
    let key = match kind {
        KeyKind::Age => "age",
        KeyKind::Pgp => "pgp",
        KeyKind::AwsKms => "kms",
        KeyKind::GcpKms => "gcp_kms",
        KeyKind::AzureKeyVault => "azure_keyvault",
        KeyKind::Vault => "hc_vault_transit_uri",
        KeyKind::HuaweiKms => "hckms",
    };
    let node = rule.get(key).ok_or("it has no recipient of this kind yet")?;
    Ok(Place { node, group: None, key })
}

/// The names in a list, or in a text with commas.
fn names(node: &Node) -> Vec<String> {
    match (node.as_str(), node.items()) {
        (Some(text), _) => text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect(),
        (None, Some(items)) => items.iter().filter_map(Node::as_str).map(|name| name.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn added(text: &[u8], node: &Node, name: &str) -> Option<Vec<u8>> {
    let Some(items) = node.items() else {
        // Behind the last name of the text, wherever it stands.
        let last = names(node).pop()?;
        let end = node.span.start + rfind(text.get(node.span.start..node.span.end)?, last.as_bytes())? + last.len();
        return Some(spliced(text, end..end, format!(",{name}").as_bytes()));
    };
    let last = items.last()?;
    let name = if name.contains(' ') || name.contains(": ") { format!("\"{name}\"") } else { name.to_owned() };
    if node.style == Style::Flow {
        return Some(spliced(text, last.span.end..last.span.end, format!(", {name}").as_bytes()));
    }
    let start = text[..last.span.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let before = std::str::from_utf8(text.get(start..last.span.start)?).ok()?;
    // The dash with its indentation; in front of it may stand nothing else.
    if !before.trim_start().starts_with('-') || !before.trim_start()[1..].trim().is_empty() {
        return None;
    }
    let end = text[last.span.end..].iter().position(|byte| *byte == b'\n').map(|at| last.span.end + at + 1);
    Some(match end {
        Some(end) => spliced(text, end..end, format!("{before}{name}\n").as_bytes()),
        None => spliced(text, text.len()..text.len(), format!("\n{before}{name}").as_bytes()),
    })
}

fn removed(text: &[u8], node: &Node, name: &str) -> Option<Vec<u8>> {
    let Some(items) = node.items() else {
        let inside = text.get(node.span.start..node.span.end)?;
        let at = node.span.start + find(inside, name.as_bytes())?;
        let end = at + name.len();
        // With the comma behind it and the space up to the next name; the last one with the comma before it.
        let behind = text[end..node.span.end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if text.get(end + behind) == Some(&b',') && end + behind < node.span.end {
            let from = end + behind + 1;
            let space = text[from..node.span.end].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            return Some(spliced(text, at..from + space, b""));
        }
        let comma = node.span.start + text[node.span.start..at].iter().rposition(|byte| *byte == b',')?;
        return Some(spliced(text, comma..end, b""));
    };
    let index = items.iter().position(|item| item.as_str().is_some_and(|text| text.trim() == name))?;
    let item = &items[index];
    if node.style == Style::Flow {
        return Some(match items.get(index + 1) {
            Some(next) => spliced(text, item.span.start..next.span.start, b""),
            None => spliced(text, items.get(index.checked_sub(1)?)?.span.end..item.span.end, b""),
        });
    }
    let start = text[..item.span.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let before = std::str::from_utf8(text.get(start..item.span.start)?).ok()?;
    if before.trim() != "-" {
        return None;
    }
    let end =
        text[item.span.end..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| item.span.end + at + 1);
    Some(spliced(text, start..end, b""))
}

fn spliced(text: &[u8], range: std::ops::Range<usize>, with: &[u8]) -> Vec<u8> {
    [&text[..range.start], with, &text[range.end..]].concat()
}

fn find(text: &[u8], name: &[u8]) -> Option<usize> {
    text.windows(name.len()).position(|window| window == name)
}

fn rfind(text: &[u8], name: &[u8]) -> Option<usize> {
    text.windows(name.len()).rposition(|window| window == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::trust::Trust;

    fn options(what: What, recipient: &str) -> Options {
        Options {
            what,
            recipient: KeySource::Age { recipient: recipient.to_owned() },
            paths: Vec::new(),
            group: None,
            rule: true,
            keep_unlisted: false,
            dry_run: false,
            json: false,
            trust: Trust::default(),
        }
    }

    fn told(text: &str, what: What, recipient: &str) -> std::result::Result<String, String> {
        let edited = edited(text.as_bytes(), 1, &options(what, recipient), Path::new(".sops.yaml"));
        edited.map(|text| String::from_utf8(text).unwrap()).map_err(|report| report.message().to_owned())
    }

    const RM: What = What::Remove { keep_data_key: false };

    #[test]
    fn a_rule_gets_a_recipient_in_each_layout_and_keeps_its_comments() {
        for (before, after) in [
            ("age: age1a,age1b # who\n", "age: age1a,age1b,age1c # who\n"),
            ("age: \"age1a, age1b\"\n", "age: \"age1a, age1b,age1c\"\n"),
            ("age: [age1a, age1b] # x\n", "age: [age1a, age1b, age1c] # x\n"),
            (
                "age:\n      - age1a # Ann\n      - age1b # Bob\n    # end\n",
                "age:\n      - age1a # Ann\n      - age1b # Bob\n      - age1c\n    # end\n",
            ),
            ("age: >-\n      age1a,\n      age1b\n", "age: >-\n      age1a,\n      age1b,age1c\n"),
            ("key_groups:\n      - age: [age1a]\n", "key_groups:\n      - age: [age1a, age1c]\n"),
        ] {
            let rule = |keys: &str| format!("# rules\ncreation_rules:\n  - path_regex: x # y\n    {keys}");
            assert_eq!(told(&rule(before), What::Add, "age1c").unwrap(), rule(after));
            assert_eq!(told(&rule(after), RM, "age1c").unwrap(), rule(before), "{after}");
        }
    }

    #[test]
    fn recipients_go_from_the_front_and_the_middle_and_the_last_one_stays() {
        for (before, after) in [
            ("age: age1a, age1b\n", "age: age1b\n"),
            ("age: [age1a, age1b]\n", "age: [age1b]\n"),
            ("age:\n  - age1a # Ann\n  - age1b\n", "age:\n  - age1b\n"),
            ("age: >-\n  age1a,\n  age1b\n", "age: >-\n  age1b\n"),
        ] {
            let rule = |keys: &str| format!("creation_rules:\n- {}", keys.replace("\n  ", "\n    "));
            assert_eq!(told(&rule(before), RM, "age1a").unwrap(), rule(after));
            assert!(told(&rule(after), RM, "age1b").unwrap_err().contains("the only one"), "{after}");
        }
    }
}
