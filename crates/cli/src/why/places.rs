//! Where a value may have been sealed for: the other scopes, the template's word, earlier commits, other objects of the tree.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use bulla_core::sealed::Scope;
use bulla_yaml::Node;

use super::history::Revision;
use crate::io::input;
use crate::tree::{self, Sealed, SealedFile, mentions_sealed, shown};

/// Files of the tree that are read for names.
const MAX_FILES: usize = 5000;
/// Candidates that are tried for a value; each costs a private operation per key.
const MAX_CANDIDATES: usize = 300;

/// A place, and how it was thought of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) scope: Scope,
    pub(super) namespace: String,
    pub(super) name: String,
    /// To follow a comma: `which was its name in commit 0123456`.
    pub(super) origin: String,
}

/// Names and namespaces from around a file.
pub(super) struct Candidates(Vec<(String, String, String)>);

/// Collects names: from earlier commits first, then from the file's folder, then from the rest of the tree.
pub(super) fn collect(path: &Path, revisions: &[Revision]) -> Candidates {
    let mut found = Vec::new();
    for revision in revisions {
        for (namespace, name) in &revision.objects {
            found.push((namespace.clone(), name.clone(), format!("as in commit {}", revision.commit)));
        }
    }
    let root = root_of(path);
    let mut files = root.and_then(|root| tree::files(&[root], true).ok()).unwrap_or_default();
    let own = path.parent().and_then(|folder| folder.canonicalize().ok());
    files.truncate(MAX_FILES);
    files.sort_by_key(|file| file.parent().map(Path::to_owned) != own);
    for file in files {
        let Ok(text) = input::read_file(&file) else { continue };
        if !mentions_sealed(&text) {
            continue;
        }
        let Ok(read) = SealedFile::parse(&file, text) else { continue };
        for sealed in read.objects().iter().filter_map(tree::Object::sealed) {
            let origin = format!("which is that of {}", shown(file.file_name().map_or(&*file, Path::new)));
            found.push((sealed.namespace.to_owned(), sealed.name.to_owned(), origin));
        }
    }
    let mut seen = HashSet::new();
    found.retain(|(namespace, name, _)| !name.is_empty() && seen.insert((namespace.clone(), name.clone())));
    Candidates(found)
}

/// The work tree that the file is in; without one, nothing around it is read.
fn root_of(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors().skip(1).find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

impl Candidates {
    /// All places for the values of an object, the likely ones first.
    pub(super) fn of(&self, sealed: &Sealed<'_>) -> Vec<Candidate> {
        let mut found: Vec<Candidate> = Vec::new();
        let mut add = |scope, namespace: &str, name: &str, origin: &str| {
            if found.len() < MAX_CANDIDATES && (scope == Scope::ClusterWide || !namespace.is_empty()) {
                found.push(Candidate {
                    scope,
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                    origin: origin.to_owned(),
                });
            }
        };
        let (namespace, name) = (sealed.namespace, sealed.name);
        add(Scope::Strict, namespace, name, "which is its own");
        add(Scope::NamespaceWide, namespace, "", "which is its own");
        add(Scope::ClusterWide, "", "", "which every object has");
        let template = |field| sealed.object.node.at(&["spec", "template", "metadata", field]).and_then(Node::as_str);
        let (other_namespace, other_name) =
            (template("namespace").unwrap_or_default(), template("name").unwrap_or_default());
        const TEMPLATE: &str = "as spec.template.metadata says";
        for (namespace, name) in [(other_namespace, other_name), (namespace, other_name), (other_namespace, name)] {
            if !name.is_empty() {
                add(Scope::Strict, namespace, name, TEMPLATE);
            }
        }
        add(Scope::NamespaceWide, other_namespace, "", TEMPLATE);
        for (other, called, origin) in &self.0 {
            add(Scope::Strict, other, called, origin);
        }
        for (other, called, origin) in &self.0 {
            add(Scope::NamespaceWide, other, "", origin);
            add(Scope::Strict, other, name, origin);
            add(Scope::Strict, namespace, called, origin);
        }
        found
    }
}
