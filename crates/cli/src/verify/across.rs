//! What only all files together tell: objects that stand twice, and ciphertexts that were copied to where they cannot open.

use std::collections::BTreeMap;

use bulla_core::sealed::Scope;

use super::file::{Facts, ObjectFact, ValueFact};
use super::finding::Finding;
use super::rules::Rule;
use crate::report::harmless;

/// Compares all files.
pub(super) fn check(files: &[Facts]) -> Vec<Finding> {
    let mut findings = duplicates(files);
    findings.extend(copies(files));
    findings
}

/// Every object after the first with the same cluster, namespace and name. Without a namespace the place decides, and is not known.
fn duplicates(files: &[Facts]) -> Vec<Finding> {
    let mut seen: BTreeMap<(&Option<String>, &str, &str), &ObjectFact> = BTreeMap::new();
    let mut findings = Vec::new();
    for object in files.iter().flat_map(|facts| &facts.objects) {
        if object.name.is_empty() || object.namespace.is_empty() {
            continue;
        }
        let key = (&object.cluster, object.namespace.as_str(), object.name.as_str());
        match seen.get(&key) {
            Some(first) => {
                let message = format!("{}, line {}, holds the same object", first.file, first.at.line);
                findings.push(
                    Finding::new(Rule::DuplicateObject, &object.file, Some(object.at), message).of(&id(object), ""),
                );
            }
            None => drop(seen.insert(key, object)),
        }
    }
    findings
}

/// A ciphertext opens for one label. Under two labels at least one of the two places is dead.
fn copies(files: &[Facts]) -> Vec<Finding> {
    let mut seen: BTreeMap<&str, (&ObjectFact, &ValueFact)> = BTreeMap::new();
    let mut findings = Vec::new();
    for facts in files {
        for value in &facts.values {
            let object = &facts.objects[value.object];
            // What is no ciphertext is another finding.
            if value.text.len() < 300 {
                continue;
            }
            match seen.get(value.telling()) {
                Some((first_object, first)) if label(first_object, first) != label(object, value) => {
                    let message = format!(
                        "the ciphertext of {}: {} ({}, line {}) was copied; it opens in one of the two only",
                        id(first_object),
                        harmless(&first.key),
                        first_object.file,
                        first.at.line
                    );
                    findings.push(
                        Finding::new(Rule::Copied, &object.file, Some(value.at), message)
                            .of(&id(object), &harmless(&value.key)),
                    );
                }
                Some(_) => {}
                None => drop(seen.insert(value.telling(), (object, value))),
            }
        }
    }
    findings
}

fn label<'a>(object: &'a ObjectFact, value: &ValueFact) -> (Scope, &'a str, &'a str) {
    match value.scope {
        Scope::Strict => (Scope::Strict, &object.namespace, &object.name),
        Scope::NamespaceWide => (Scope::NamespaceWide, &object.namespace, ""),
        Scope::ClusterWide => (Scope::ClusterWide, "", ""),
    }
}

fn id(object: &ObjectFact) -> String {
    let id =
        if object.namespace.is_empty() { object.name.clone() } else { format!("{}/{}", object.namespace, object.name) };
    harmless(&id).into_owned()
}
