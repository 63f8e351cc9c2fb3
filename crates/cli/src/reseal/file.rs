//! One file: its sealed values on the way out, the new texts on the way back.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use bulla_core::sealed::{Fingerprint, Place, Scope};
use bulla_yaml::{Node, Splices};

use super::outcome::{FileReport, FileState, Mode, ValueReport};
use crate::io::{Source, input};
use crate::report::{Code, Result, bad_splice};
use crate::tree::{self, Sealed, SealedFile};

/// What a path turned out to be.
pub(super) enum Loaded {
    /// A file without SealedSecrets.
    Nothing,
    /// A file that is no manifest yet: a template of Helm's, say.
    Template,
    /// A file with sealed values.
    Work(Work),
}

/// A file with the values in it.
pub(crate) struct Work {
    file: SealedFile,
    /// In the order of the file.
    pub(crate) values: Vec<Value>,
}

/// One sealed value, with all that it needs to be judged on its own.
pub(crate) struct Value {
    /// Index of the object in [`SealedFile::objects`].
    object: usize,
    /// Index of the item; none is the deprecated `spec.data`.
    item: Option<usize>,
    pub(crate) scope: Scope,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The sealed text.
    pub(crate) text: String,
    pub(crate) verdict: Verdict,
}

/// What was found out about a value.
pub(crate) enum Verdict {
    /// Nothing yet.
    Open,
    /// The newest key opens it.
    Fresh,
    /// A key opens it that is newer than the certificate.
    Newer(Fingerprint),
    /// None of the keys here opens it, and the newest one, which is not here, may.
    Unproven,
    /// Another key opens it, as far as is known this one; and this is the new text, if one was wanted.
    Stale(Option<Fingerprint>, Option<String>),
    /// It does not open, or may not be touched.
    Failed(String),
}

impl Value {
    /// What the value is bound to.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { scope: self.scope, namespace: &self.namespace, name: &self.name }
    }
}

/// Reads a file. Of a tree the files that cannot hold a SealedSecret are not looked at any further.
pub(super) fn load(path: &Path, named: bool, namespace: Option<&str>) -> Result<Loaded> {
    let text = input::read(&Source::File(path.to_owned()))?;
    if !named && !tree::mentions_sealed(&text) {
        return Ok(Loaded::Nothing);
    }
    let is_template = !named && text.windows(2).any(|pair| pair == b"{{");
    let file = match SealedFile::parse(path, text) {
        Err(report) if is_template && report.code() == Code::NotYaml => return Ok(Loaded::Template),
        file => file?,
    };
    let values = values(&file, namespace);
    Ok(if values.is_empty() { Loaded::Nothing } else { Loaded::Work(Work { file, values }) })
}

fn values(file: &SealedFile, namespace: Option<&str>) -> Vec<Value> {
    let mut values = Vec::new();
    for (object, sealed) in file.objects().iter().enumerate() {
        let Some(mut sealed) = sealed.sealed() else { continue };
        if let (true, Some(namespace)) = (sealed.namespace.is_empty(), namespace) {
            sealed.namespace = namespace;
        }
        let problem = problem(&sealed);
        let value = |item, node: &Node| {
            let failed = match (&problem, node.as_str()) {
                (Some(problem), _) => Some(problem.clone()),
                (None, None) => Some(format!("the value is {}, not text", node.kind())),
                (None, Some(_)) => None,
            };
            Value {
                object,
                item,
                scope: sealed.scope,
                namespace: sealed.namespace.to_owned(),
                name: sealed.name.to_owned(),
                text: node.as_str().unwrap_or_default().to_owned(),
                verdict: failed.map_or(Verdict::Open, Verdict::Failed),
            }
        };
        values.extend(sealed.items.iter().enumerate().map(|(index, item)| value(Some(index), item.node())));
        values.extend(sealed.deprecated.map(|node| value(None, node)));
    }
    values
}

/// Why no value of an object may be touched.
fn problem(sealed: &Sealed<'_>) -> Option<String> {
    if sealed.scope != Scope::ClusterWide && sealed.namespace.is_empty() {
        return Some(
            "the object has no namespace, which its values are bound to: say which with --namespace".to_owned(),
        );
    }
    if sealed.scope == Scope::Strict && sealed.name.is_empty() {
        return Some("the object has no name, which its values are bound to".to_owned());
    }
    if let Some(other) = sealed.template_scope().filter(|other| *other != sealed.scope) {
        return Some(format!(
            "the annotations say {}, those of spec.template say {other}: make them equal, then seal again",
            sealed.scope
        ));
    }
    if sealed.deprecated.is_some() && !sealed.items.is_empty() {
        return Some("spec.data and spec.encryptedData are both used, and the controller refuses that".to_owned());
    }
    None
}

impl Work {
    pub(super) fn path(&self) -> &PathBuf {
        &self.file.path
    }

    /// Puts the new texts in and replaces the file, if every value has a good verdict.
    pub(super) fn finish(self, mode: Mode) -> FileReport {
        let mut report = FileReport::new(&self.file.path, FileState::Fresh);
        for value in &self.values {
            report.add(self.report(value));
        }
        report.state = match (report.failed > 0, report.stale > 0, mode) {
            (true, ..) => FileState::Failed,
            (false, false, _) => FileState::Fresh,
            (false, true, Mode::Check) => FileState::Stale,
            (false, true, Mode::Write | Mode::DryRun) => match self.write(mode) {
                Ok(()) => FileState::Resealed,
                Err(error) => {
                    report.error = Some(super::in_words(&error));
                    FileState::Failed
                }
            },
        };
        report
    }

    fn write(&self, mode: Mode) -> Result<()> {
        let objects = self.file.objects();
        let mut splices = Splices::new(&self.file.text);
        let refused = |error: bulla_yaml::SpliceError| bad_splice(&self.file.name(), &error);
        for value in &self.values {
            let Verdict::Stale(_, Some(text)) = &value.verdict else { continue };
            // The value was gathered from this very object.
            let Some(node) = objects[value.object].sealed().and_then(|sealed| node(&sealed, value.item)) else {
                continue;
            };
            // A block scalar that keeps its line break goes on keeping it; readers of base64 ignore it.
            let text = if value.text.ends_with('\n') { Cow::from(format!("{text}\n")) } else { Cow::from(text) };
            splices.set_text(node, &text).map_err(refused)?;
        }
        let text = splices.apply().map_err(refused)?;
        if mode == Mode::DryRun {
            return Ok(());
        }
        self.file.replace(&text)
    }

    fn report(&self, value: &Value) -> ValueReport {
        let objects = self.file.objects();
        let object = objects[value.object];
        let sealed = object.sealed();
        let node = sealed.as_ref().and_then(|sealed| node(sealed, value.item));
        let key = match (value.item, &sealed) {
            (Some(index), Some(sealed)) => sealed.items[index].key.to_owned(),
            _ => "spec.data".to_owned(),
        };
        ValueReport {
            document: object.document,
            in_list: object.in_list,
            namespace: value.namespace.clone(),
            name: value.name.clone(),
            key,
            line: node.map_or(0, |node| node.span.position.line),
            state: value.verdict.state(),
            sealed_with: value.verdict.sealed_with(),
            why: value.verdict.why(),
        }
    }
}

fn node<'a>(sealed: &Sealed<'a>, item: Option<usize>) -> Option<&'a Node> {
    match item {
        Some(index) => sealed.items.get(index).map(tree::SealedItem::node),
        None => sealed.deprecated,
    }
}

impl Verdict {
    fn state(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Newer(_) => "newer",
            Self::Unproven => "unproven",
            Self::Stale(_, None) => "stale",
            Self::Stale(_, Some(_)) => "resealed",
            Self::Failed(_) | Self::Open => "failed",
        }
    }

    fn sealed_with(&self) -> Option<String> {
        match self {
            Self::Stale(Some(key), _) | Self::Newer(key) => Some(key.to_string()),
            _ => None,
        }
    }

    fn why(&self) -> Option<String> {
        match self {
            Self::Failed(why) => Some(why.clone()),
            Self::Open => Some("there was no answer for this value".to_owned()),
            _ => None,
        }
    }
}
