//! `bulla seal` on files that a rule wants encrypted as sops files: in their own layout, for the recipients that the rule names.
//!
//! Which files: those that a rule of `.bulla.yaml` gives the format `sops`, and those without such a rule that a creation rule of
//! `.sops.yaml` matches. Flags that are about certificates say that SealedSecrets are meant.

mod tree;

use std::path::{Path, PathBuf};

use bulla_core::sops::layout::{self, Sealing};
use bulla_core::sops::second_seal::Context;
use bulla_core::sops::{Branch, DataKey, Format, Metadata, Nonces, Selector, Tree, Value};

pub(crate) use self::tree::{Rest, run as run_tree};
use super::{SopsFile, detect, explain, work};
use crate::config::{self, Config as BullaConfig};
use crate::io::{Console, Source, Target, read};
use crate::report::{Code, Report, Result};
use crate::seal::{Layout, Options};
use crate::sops::config::{Config, Creation, Matched};
use crate::sops::trust::{self, Keys, Trust, path};
use crate::tree::shown;

/// Runs the command, if what is named is to become a sops file; whether it is.
pub(crate) fn run(options: &Options, console: Console) -> Result<bool> {
    let target = match (&options.update, &options.target) {
        (Some(update), _) => Some(&update.file),
        (None, Target::File(path)) => Some(path),
        (None, Target::Stdout) => None,
    };
    let rule_path = |source: &Source| match source {
        Source::File(path) => Some(path.clone()),
        Source::Stdin => target.cloned(),
    };
    if !options.inputs.is_empty() || options.is_about_certificates() {
        return Ok(false);
    }
    let paths: Vec<Option<PathBuf>> = options.sources.iter().map(rule_path).collect();
    let mut are_sops = Vec::new();
    for path in &paths {
        are_sops.push(match path {
            Some(path) => is_for_sops(path)?,
            None => false,
        });
    }
    match (are_sops.as_slice(), options.sources.as_slice(), paths.as_slice()) {
        (all, ..) if !all.contains(&true) => Ok(false),
        ([true], [source], [Some(path)]) => {
            let text = read(source)?;
            let before = match target.filter(|target| target.is_file() && **target != *path) {
                Some(target) => super::read(target)?,
                None => None,
            };
            let job = Job { name: source.to_string(), path, output: target.map_or(path, PathBuf::as_path), text: &text, before: before.as_ref() };
            let keys = Keys::new()?;
            let sealed = job.seal(&keys, options.layout, console)?;
            match (&before, target) {
                (Some(before), Some(_)) => before.replace(&sealed)?,
                (None, Some(target)) => Target::File(target.clone()).write(&sealed)?,
                (_, None) => Target::Stdout.write(&sealed)?,
            }
            Ok(true)
        }
        _ => Err(Report::new(Code::SopsMixed, "several files are named, and a sops file is made of one".to_owned())
            .hint("seal them one by one; or each into a file of its own: bulla seal -r PATH..., bulla seal --in-place FILE...")),
    }
}

/// Whether a rule wants the plain file at `path` encrypted as a sops file.
pub(super) fn is_for_sops(path: &Path) -> Result<bool> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    if let Some(rule) = BullaConfig::find(folder)?.as_ref().and_then(|config| config.rule(path)) {
        return Ok(rule.format == config::Format::Sops);
    }
    Ok(match Config::for_file(path)? {
        Some(config) => matches!(config.rule_of(path), Matched::Rule { .. } | Matched::Broken { .. }),
        None => false,
    })
}

/// A file to be sealed.
pub(super) struct Job<'a> {
    /// As messages show it.
    pub(super) name: String,
    /// What the rules see.
    pub(super) path: &'a Path,
    /// Where the result goes; the second seal records it.
    pub(super) output: &'a Path,
    pub(super) text: &'a [u8],
    /// The sealed file that it takes the place of.
    pub(super) before: Option<&'a SopsFile>,
}

impl Job<'_> {
    /// The bytes of the sealed file.
    pub(super) fn seal(&self, keys: &Keys, how: Layout, console: Console) -> Result<Vec<u8>> {
        let name = &self.name;
        let format = Format::of_path(&self.path.to_string_lossy());
        if detect(self.path, self.text).is_some() {
            return Err(explain::already_sealed(name));
        }
        let creation = self.creation()?;
        let mut tree = format.load_plain(self.text).map_err(|error| explain::sops(name, &error))?;
        if format != Format::Binary {
            refuse_duplicates(name, &tree)?;
            if tree.documents.iter().any(|document| format.has_metadata(document)) {
                return Err(explain::already_sealed(name));
            }
        }
        let mut metadata = metadata(format, creation);
        refuse_idle_selector(name, format, &mut tree, &metadata)?;

        let repository = path::in_repository(self.output);
        let context = Context { path: repository.as_deref(), ..Context::default() };
        if let Some((file, opened)) = self.same_recipients(&metadata, keys, console)? {
            if how == Layout::Preserve || format == Format::Binary {
                let plain = work::plain_text(file, &opened, Console::new(true))?;
                if *plain == self.text {
                    console.note(&format!("{}: nothing has changed", file.name()));
                    return Ok(file.bytes.to_vec());
                }
                return work::with_text(file, &opened, self.text);
            }
            let now = work::now();
            let sealing = Sealing { key: &opened.key, nonces: &opened.nonces, now: Some(&now), context };
            let mut metadata = opened.metadata.clone();
            return work::in_layout_of_sops(format, tree, &mut metadata, &sealing)
                .map_err(|error| explain::sops(name, &error));
        }
        let key = DataKey::generate().map_err(|error| Report::new(Code::Internal, error.to_string()))?;
        let now = work::now();
        metadata.wrap(&key, &now, &mut |source, part| keys.wrap(source, part)).map_err(|errors| {
            Report::new(Code::NotWrapped, format!("{name}: a recipient cannot be encrypted to: {}", errors.join("; ")))
                .hint("check the recipients of the rule in .sops.yaml: bulla why FILE")
        })?;
        let nonces = Nonces::default();
        let sealing = Sealing { key: &key, nonces: &nonces, now: Some(&now), context };
        match (format, how) {
            (Format::Binary, _) => {
                work::whole(self.text, &mut metadata, &sealing).map_err(|error| explain::sops(name, &error))
            }
            (_, Layout::Sops) => work::in_layout_of_sops(format, tree, &mut metadata, &sealing)
                .map_err(|error| explain::sops(name, &error)),
            (_, Layout::Preserve) => layout::add(format, self.text, &mut metadata, &sealing, None)
                .map_err(|error| explain::layout(name, &error)),
        }
    }

    /// What the rules say.
    fn creation(&self) -> Result<Creation> {
        let none = |hint: &str| {
            Report::new(Code::SopsNoRecipients, format!("{}: no rule of .sops.yaml says who may open it", self.name))
                .hint(hint.to_owned())
        };
        let config = Config::for_file(self.path)?
            .ok_or_else(|| none("write a .sops.yaml beside the file or above it: creation_rules: [{age: age1…}]"))?;
        let creation = config
            .creation_for(self.path, &[])
            .map_err(|failure| none(&format!("{}: {}", shown(config.path()), failure.text)))?
            .ok_or_else(|| none("add creation_rules to .sops.yaml: [{path_regex: …, age: age1…}]"))?;
        if creation.keys().next().is_none() {
            return Err(none("the rule that matches names no recipient: add age, pgp or another kind of key to it"));
        }
        Ok(creation)
    }

    /// The file that the result takes the place of, opened, if it is for the same recipients: then only what changed is encrypted anew.
    fn same_recipients(
        &self,
        metadata: &Metadata,
        keys: &Keys,
        console: Console,
    ) -> Result<Option<(&SopsFile, trust::Opened)>> {
        let Some(file) = self.before else { return Ok(None) };
        let recipients = |metadata: &Metadata| -> Vec<Vec<String>> {
            let mut groups: Vec<Vec<String>> = metadata
                .groups
                .iter()
                .map(|group| {
                    let mut keys: Vec<String> = group.keys.iter().map(|key| key.source.identity()).collect();
                    keys.sort();
                    keys
                })
                .collect();
            groups.sort();
            groups
        };
        let old = &file.metadata;
        let is_same = recipients(old) == recipients(metadata)
            && old.selector == metadata.selector
            && old.mac_only_encrypted == metadata.mac_only_encrypted;
        if !is_same {
            console.note(&format!(
                "{}: for other recipients or by another selector than before: every value is encrypted anew",
                file.name()
            ));
            return Ok(None);
        }
        match trust::open(file, keys, Trust::default()) {
            Ok(opened) => Ok(Some((file, opened))),
            Err(report) if report.code() == Code::SopsLocked => {
                console.note(&format!(
                    "{}: no key here opens the file as it was: every value is encrypted anew",
                    file.name()
                ));
                Ok(None)
            }
            Err(report) => Err(report),
        }
    }
}

/// The metadata of a new file, without wrapped keys.
fn metadata(format: Format, creation: Creation) -> Metadata {
    let binary = format == Format::Binary;
    let default = || {
        if binary {
            Selector::none()
        } else {
            Selector::UnencryptedSuffix(bulla_core::sops::DEFAULT_UNENCRYPTED_SUFFIX.to_owned())
        }
    };
    let selector = creation.selector.filter(|_| !binary).unwrap_or_else(default);
    Metadata {
        groups: creation.groups,
        shamir_threshold: u32::try_from(creation.shamir_threshold).unwrap_or(u32::MAX),
        mac_only_encrypted: creation.mac_only_encrypted && !binary,
        version: VERSION.to_owned(),
        ..Metadata::new(selector)
    }
}

/// The version of sops whose format this is.
const VERSION: &str = "3.13.3";

/// A selector that selects nothing is a mistake: the file would be written in the clear.
fn refuse_idle_selector(name: &str, format: Format, tree: &mut Tree, metadata: &Metadata) -> Result<()> {
    let count = bulla_core::sops::selected(tree, metadata).map_err(|error| explain::sops(name, &error))?;
    let only = matches!(
        metadata.selector,
        Selector::EncryptedRegex(_) | Selector::EncryptedSuffix(_) | Selector::EncryptedCommentRegex(_)
    );
    if count > 0 || format == Format::Binary || !only {
        return Ok(());
    }
    let selector = &metadata.selector;
    Err(Report::new(
        Code::SopsSelector,
        format!(
            "{name}: {} {:?} selects nothing: the file would be written in the clear",
            selector.name(),
            selector.text()
        ),
    )
    .hint("mend the selector of the rule in .sops.yaml; bulla why FILE says which rule it is"))
}

/// A key that stands twice in one map.
fn refuse_duplicates(name: &str, tree: &Tree) -> Result<()> {
    fn twice(branch: &Branch) -> Option<String> {
        let mut seen = std::collections::HashSet::new();
        branch.iter().find_map(|item| {
            let key = item.name()?;
            if seen.insert(key) { in_value(&item.value) } else { Some(key.to_owned()) }
        })
    }
    fn in_value(value: &Value) -> Option<String> {
        match value {
            Value::Map(branch) => twice(branch),
            Value::List(items) => items.iter().find_map(in_value),
            _ => None,
        }
    }
    match tree.documents.iter().find_map(twice) {
        Some(key) => Err(Report::new(Code::DuplicateKey, format!("{name}: the key {key:?} stands twice in one map"))
            .hint("readers differ in which of the two they take; remove the one that is not meant")),
        None => Ok(()),
    }
}
