//! The values of one object: which keep their bytes, which are sealed anew, which come and go.

use std::collections::BTreeSet;

use bulla_core::go_base64;
use bulla_core::sealed::{PlainSecret, SealingCertificate, seal_value};
use bulla_yaml::{Node, Out, SpliceError, Splices};

use crate::tree::Sealed;

/// How a value is known to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Not at all.
    No,
    /// By this machine.
    Here,
    /// By the cluster; and whether it says that this certificate's key opened it.
    ThereBy(bool),
}

/// What was decided about one object, for the person who asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) kept: Vec<String>,
    pub(super) sealed: Vec<String>,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
    /// What became of labels, annotations, type and scope, in words.
    pub(super) template: Vec<String>,
    /// Values that are kept although nobody says which key sealed them.
    pub(super) unknown_key: Vec<String>,
    /// Key and ciphertext of what is known now.
    pub(super) facts: Vec<(String, String)>,
}

impl Changes {
    /// One line each.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let values =
            [("kept", &self.kept), ("sealed anew", &self.sealed), ("added", &self.added), ("removed", &self.removed)];
        let values: Vec<String> = values
            .iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(what, keys)| match *what {
                "kept" => format!("{} kept", keys.len()),
                what => format!("{what}: {}", listed(keys)),
            })
            .collect();
        if !values.is_empty() {
            lines.push(values.join("; "));
        }
        lines.extend(self.template.iter().cloned());
        if !self.unknown_key.is_empty() {
            lines.push(format!(
                "{}: the cluster does not say which key sealed it, which may be an older one; `bulla reseal` moves values \
                 to the newest",
                listed(&self.unknown_key)
            ));
        }
        lines
    }
}

/// Names, not more than fit on a line.
pub(super) fn listed(keys: &[String]) -> String {
    const MOST: usize = 8;
    let short = |key: &String| key.chars().take(63).flat_map(char::escape_debug).collect::<String>();
    let mut text = keys.iter().take(MOST).map(short).collect::<Vec<_>>().join(", ");
    if keys.len() > MOST {
        text.push_str(&format!(" and {} more", keys.len() - MOST));
    }
    text
}

/// Edits that make `existing` hold the values of `secret`. Another scope means that nothing can be kept.
pub(super) fn plan(
    existing: &Sealed<'_>,
    secret: &PlainSecret,
    certificate: &SealingCertificate,
    known: impl Fn(&str, &str, &[u8]) -> Known,
    splices: &mut Splices<'_>,
    changes: &mut Changes,
) -> Result<(), SpliceError> {
    let scope = secret.annotated_scope();
    let seal = |value: &[u8]| match seal_value(value, certificate, scope, &secret.namespace, &secret.name) {
        Ok(bytes) => Ok(go_base64::encode(&bytes)),
        // Only without random bytes, and then nothing goes on.
        Err(_) => Err(SpliceError::Layout { line: existing.object.node.span.position.line }),
    };
    let spec = existing.object.node.get("spec");
    let map = spec.and_then(|spec| spec.get("encryptedData"));
    let mut present = BTreeSet::new();
    for item in &existing.items {
        present.insert(item.key);
        let Some(value) = secret.data.get(item.key) else {
            if let Some(map) = map {
                splices.remove(map, item.key)?;
            }
            changes.removed.push(item.key.to_owned());
            continue;
        };
        let fate = match item.text() {
            Some(text) if scope == existing.scope => known(item.key, text, value.expose()),
            _ => Known::No,
        };
        let text = item.text().unwrap_or_default();
        match fate {
            Known::No => {
                let sealed = seal(value.expose())?;
                splices.set_text(item.node(), &sealed)?;
                changes.sealed.push(item.key.to_owned());
                changes.facts.push((item.key.to_owned(), sealed));
            }
            Known::ThereBy(false) => {
                changes.unknown_key.push(item.key.to_owned());
                changes.kept.push(item.key.to_owned());
            }
            Known::Here | Known::ThereBy(true) => {
                changes.kept.push(item.key.to_owned());
                changes.facts.push((item.key.to_owned(), text.to_owned()));
            }
        }
    }
    let mut added = Vec::new();
    for (key, value) in secret.data.iter().filter(|(key, _)| !present.contains(key.as_str())) {
        let sealed = seal(value.expose())?;
        changes.added.push(key.clone());
        changes.facts.push((key.clone(), sealed.clone()));
        added.push((key.clone(), sealed));
    }
    insert_items(existing.object.node, map, &added, splices)
}

/// New items, also where there was no map for them.
pub(crate) fn insert_items(
    object: &Node,
    map: Option<&Node>,
    added: &[(String, String)],
    splices: &mut Splices<'_>,
) -> Result<(), SpliceError> {
    if added.is_empty() {
        return Ok(());
    }
    if let Some(map) = map {
        return added.iter().try_for_each(|(key, text)| splices.insert(map, key, &Out::from(text.as_str())));
    }
    let entries = added.iter().map(|(key, text)| (key.as_str().into(), Out::from(text.as_str()))).collect();
    match object.get("spec") {
        Some(spec) => splices.insert(spec, "encryptedData", &Out::Mapping(entries)),
        None => splices.insert(object, "spec", &Out::Mapping(vec![("encryptedData".into(), Out::Mapping(entries))])),
    }
}
