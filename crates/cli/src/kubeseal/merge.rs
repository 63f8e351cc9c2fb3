//! `--merge-into`: new items for a SealedSecret that is in a file already.
//!
//! The target decides name, namespace and scope. Its text is edited in place: comments, order, other documents and every byte
//! that is not concerned stay as they are; the file is replaced as a whole.

use std::fs::OpenOptions;
use std::path::Path;

use bulla_core::sealed::{PlainSecret, Scope, SealingCertificate};
use bulla_yaml::{Document, Limits, Node, Out, Splices};
use serde_json::{Map, Value};

use super::flags::Flags;
use super::run::{FormatFlag, Input};
use super::{Failure, no_map, open_failed, other_kind, seal};
use crate::io::atomic::{NewFile, Replacement};
use crate::io::input::read_file;
use crate::manifest::{self, Format};
use crate::report::os_error;

/// What a merged Secret takes over from the target.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) scope: Scope,
}

/// Merges the Secret of `input` into the file at `path`.
pub(super) fn merge(
    path: &Path,
    input: &Input,
    flags: &Flags,
    certificate: &SealingCertificate,
    format: &FormatFlag,
) -> Result<(), Failure> {
    // kubeseal opens for writing at once: a file that cannot be written is found out before anything is sealed.
    OpenOptions::new().read(true).write(true).open(path).map_err(|error| open_failed(path, &error))?;
    let text = read_file(path).map_err(|error| open_failed(path, &error))?;
    let documents = bulla_yaml::read_manifests(&text, &Limits::default()).map_err(|error| error.to_string())?;
    let document = first(&documents)?;
    let target = target(&document.root)?;
    if let Some(scope) = flags.explicit_scope().filter(|scope| *scope != target.scope) {
        return Err(format!(
            "scope mismatch: {} has the scope {} but {scope} was specified; all items of a sealed secret have one scope",
            path.display(),
            target.scope
        ));
    }
    let mut secrets = seal::read_secrets(&input.read()?)?;
    for secret in &mut secrets {
        seal::settle(secret, flags, Some(&target))?;
    }
    let wanted = format.resolve()?;
    let [secret] = secrets.as_slice() else { return Err(several(secrets.len())) };
    let sealed = secret.seal(certificate).map_err(|error| error.to_string())?;
    let text = match converted(path, &text, &documents, format, wanted)? {
        Some(converted) => converted.into_bytes(),
        None => text.to_vec(),
    };
    let mut result = spliced(&text, secret, &sealed)?;
    // A file as kubeseal writes it has no layout of its own to keep: its keys stay sorted.
    if as_written(&text).is_some_and(|written| written == text) {
        result = as_written(&result).unwrap_or(result);
    }
    let written = |error: std::io::Error| format!("write {}: {}", path.display(), os_error(&error));
    Replacement::begin(path, NewFile::OwnerOnly)
        .map_err(|error| open_failed(path, &error))?
        .finish(&result)
        .map_err(written)
}

fn several(count: usize) -> Failure {
    format!(
        "couldn't get version/kind; json parse error: invalid character '{{' after top-level value\n\
         the input holds {count} Secrets: merge them one after the other"
    )
}

/// The document that is merged into: the first that is there.
fn first(documents: &[Document]) -> Result<&Document, Failure> {
    let Some(document) = documents.first() else { return Err("there is no sealed secret in the file".to_owned()) };
    let root = &document.root;
    if root.entries().is_none() {
        return Err(no_map(if root.items().is_some() { "array" } else { "string" }));
    }
    let text = |field: &str| root.get(field).and_then(Node::as_str).unwrap_or_default();
    match (text("apiVersion"), text("kind")) {
        ("" | "bitnami.com/v1alpha1", "" | "SealedSecret") => Ok(document),
        (version, kind) => Err(other_kind(version, kind)),
    }
}

/// Name, namespace and scope; and whether it has what a SealedSecret has.
fn target(root: &Node) -> Result<Target, Failure> {
    let wrong = |what: &str, node: &Node| format!("the sealed secret's {what} is {}, not a map", node.kind());
    let Some(spec) = root.get("spec") else { return Err("the sealed secret has no spec".to_owned()) };
    if spec.entries().is_none() {
        return Err(wrong("spec", spec));
    }
    let text = |field: &str| match root.at(&["metadata", field]) {
        None => Ok(String::new()),
        Some(node) => node
            .to_go_string()
            .map(|text| text.map(|text| text.to_string()).unwrap_or_default())
            .map_err(|error| error.to_string()),
    };
    let annotations = root.at(&["metadata", "annotations"]).and_then(Node::entries).unwrap_or_default();
    let annotations = annotations.iter().filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?)));
    Ok(Target { name: text("name")?, namespace: text("namespace")?, scope: Scope::from_annotations(annotations) })
}

/// The file in the format that was asked for, if that is another one than it has.
fn converted(
    path: &Path,
    text: &[u8],
    documents: &[Document],
    format: &FormatFlag,
    wanted: Format,
) -> Result<Option<String>, Failure> {
    if !format.is_explicit() || wanted == Format::of_text(text) {
        return Ok(None);
    }
    let [document] = documents else {
        return Err(format!(
            "{} holds {} documents, which cannot be converted to another format: leave --format away",
            path.display(),
            documents.len()
        ));
    };
    let json = document.root.to_json().map_err(|error| error.to_string())?;
    Ok(Some(wanted.write(&manifest::sealed_secret(&json)).to_string()))
}

/// The one document of a text as kubeseal would write it, in the same format.
fn as_written(text: &[u8]) -> Option<Vec<u8>> {
    let documents = bulla_yaml::read_manifests(text, &Limits::default()).ok()?;
    let [document] = documents.as_slice() else { return None };
    let json = document.root.to_json().ok()?;
    Some(Format::of_text(text).write(&manifest::sealed_secret(&json)).as_bytes().to_vec())
}

/// The text with the new items, labels and annotations in it.
fn spliced(text: &[u8], secret: &PlainSecret, sealed: &Value) -> Result<Vec<u8>, Failure> {
    let documents = bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| error.to_string())?;
    let root = &first(&documents)?.root;
    let mut splices = Splices::new(text);
    let empty = Map::new();
    let items = sealed["spec"]["encryptedData"].as_object().unwrap_or(&empty);
    put(&mut splices, root, &["spec", "encryptedData"], &texts(items))?;
    // In one call, since both may need the same new parent.
    let metadata: Vec<(&str, Vec<(&str, &str)>)> = [("labels", &secret.labels), ("annotations", &secret.annotations)]
        .into_iter()
        .filter(|(_, entries)| !entries.is_empty())
        .map(|(field, entries)| (field, entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()))
        .collect();
    let path = ["spec", "template", "metadata"];
    if root.at(&path).is_some_and(|node| node.entries().is_some()) {
        for (field, entries) in &metadata {
            put(&mut splices, root, &[&path[..], &[field]].concat(), entries)?;
        }
    } else if !metadata.is_empty() {
        let maps = metadata.iter().map(|(field, entries)| ((*field).into(), map(entries))).collect();
        put_whole(&mut splices, root, &path, Out::Mapping(maps))?;
    }
    Ok(splices.apply().map_err(|error| error.to_string())?.to_vec())
}

fn texts(map: &Map<String, Value>) -> Vec<(&str, &str)> {
    map.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default())).collect()
}

fn map(entries: &[(&str, &str)]) -> Out<'static> {
    let owned = |text: &str| text.to_owned();
    Out::Mapping(entries.iter().map(|(key, value)| (owned(key).into(), Out::Str(owned(value).into()))).collect())
}

/// Sets entries of the map at `path`, which need not be there. What has the value already keeps its bytes.
fn put(splices: &mut Splices<'_>, root: &Node, path: &[&str], entries: &[(&str, &str)]) -> Result<(), Failure> {
    let failed = |error: bulla_yaml::SpliceError| error.to_string();
    if entries.is_empty() {
        return Ok(());
    }
    let Some(node) = root.at(path).filter(|node| !node.is_null()) else {
        return put_whole(splices, root, path, map(entries));
    };
    for (key, value) in entries {
        match node.get(key) {
            Some(old) if old.as_str() == Some(*value) => {}
            Some(old) => splices.set_text(old, value).map_err(failed)?,
            None => splices.insert(node, key, &Out::Str((*value).into())).map_err(failed)?,
        }
    }
    Ok(())
}

/// Puts a value at a path that is not there, with all parents that are missing.
fn put_whole(splices: &mut Splices<'_>, root: &Node, path: &[&str], value: Out<'static>) -> Result<(), Failure> {
    let failed = |error: bulla_yaml::SpliceError| error.to_string();
    let (mut node, mut depth) = (root, 0);
    while let Some(next) = path.get(depth).and_then(|key| node.get(key)) {
        (node, depth) = (next, depth + 1);
    }
    if depth == path.len() {
        // It is there and null: the value's entries go into it.
        let Out::Mapping(entries) = value else { return Ok(()) };
        return entries.iter().try_for_each(|(key, value)| splices.insert(node, key, value).map_err(failed));
    }
    let nested =
        path[depth + 1..].iter().rev().fold(value, |value, key| Out::Mapping(vec![((*key).to_owned().into(), value)]));
    splices.insert(node, path[depth], &nested).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Merges one item, a label and an annotation.
    fn merged(text: &str) -> Result<String, Failure> {
        let secret = "metadata: {name: x, labels: {l: '1'}, annotations: {a: '2'}}\nstringData: {k: v}";
        let documents = bulla_yaml::read_manifests(secret.as_bytes(), &Limits::default()).unwrap();
        let Ok(secret) = PlainSecret::from_node(&documents[0].root) else { panic!("it is a Secret") };
        let sealed = serde_json::json!({"spec": {"encryptedData": {"k": "AgB"}}});
        spliced(text.as_bytes(), &secret, &sealed).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        let before = "# head\nspec:\n  # items\n  encryptedData:\n    a: AgA # a\n    k: \"AgA\"\n  template:\n    metadata:\n      labels: {l: '0'}\n      annotations:\n        a: '2'\n---\nother: 1\n";
        let after = before.replace("k: \"AgA\"", "k: \"AgB\"").replace("l: '0'", "l: '1'");
        assert_eq!(merged(before).as_deref(), Ok(after.as_str()));
    }

    #[test]
    fn maps_that_are_missing_are_made() {
        for (before, after) in [
            (
                "spec:\n  encryptedData:\n    a: AgA\n",
                "spec:\n  encryptedData:\n    a: AgA\n    k: AgB\n  template:\n    metadata:\n      labels:\n        l: \"1\"\n      annotations:\n        a: \"2\"\n",
            ),
            (
                "spec:\n  encryptedData: {}\n  template:\n    metadata:\n      name: x\n",
                "spec:\n  encryptedData:\n    k: AgB\n  template:\n    metadata:\n      name: x\n      labels:\n        l: \"1\"\n      annotations:\n        a: \"2\"\n",
            ),
            (
                "{\"spec\": {\"encryptedData\": {\"a\": \"AgA\"}, \"template\": null}}",
                "{\"spec\": {\"encryptedData\": {\"a\": \"AgA\", \"k\": \"AgB\"}, \"template\": {\"metadata\": {\"labels\": {\"l\": \"1\"}, \"annotations\": {\"a\": \"2\"}}}}}",
            ),
        ] {
            let read = |text: &str| {
                let documents = bulla_yaml::read_manifests(text.as_bytes(), &Limits::default()).unwrap();
                documents[0].root.to_json().unwrap()
            };
            let found = merged(before).unwrap();
            assert_eq!(read(&found), read(after), "{found}");
        }
    }

    #[test]
    fn what_is_no_sealed_secret_is_refused_in_the_words_of_kubeseal() {
        for (text, message) in [
            ("", "there is no sealed secret in the file"),
            ("hello", "couldn't get version/kind; json parse error: json: cannot unmarshal string"),
            ("- a", "couldn't get version/kind; json parse error: json: cannot unmarshal array"),
            ("kind: Secret\napiVersion: v1", "converting (v1.Secret) to (v1alpha1.SealedSecret): unknown conversion"),
            ("kind: Foo\napiVersion: x/v1", "no kind \"Foo\" is registered for version \"x/v1\""),
        ] {
            let documents = bulla_yaml::read_manifests(text.as_bytes(), &Limits::default()).unwrap();
            let Err(found) = first(&documents) else { panic!("{text}") };
            assert!(found.starts_with(message), "{text}: {found}");
        }
        for text in ["a: b", "spec: 1", "metadata: {name: x}"] {
            let documents = bulla_yaml::read_manifests(text.as_bytes(), &Limits::default()).unwrap();
            assert!(target(&documents[0].root).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_kubeseal_would_write_is_as_written() {
        for (text, expected) in [
            ("---\nkind: SealedSecret\nspec:\n  encryptedData:\n    a: AgA\n    b: AgB\n", true),
            ("---\nkind: SealedSecret\nspec:\n  encryptedData:\n    b: AgA\n    a: AgB\n", false),
            ("---\nkind: SealedSecret # x\nspec:\n  encryptedData:\n    a: AgA\n", false),
            (
                "{\n  \"kind\": \"SealedSecret\",\n  \"spec\": {\n    \"encryptedData\": {\n      \"a\": \"AgA\"\n    }\n  }\n}\n",
                true,
            ),
        ] {
            assert_eq!(as_written(text.as_bytes()).as_deref() == Some(text.as_bytes()), expected, "{text}");
        }
    }
}
