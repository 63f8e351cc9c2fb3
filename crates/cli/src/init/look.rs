//! What a repository holds, as far as secrets are concerned. Reads; decrypts nothing and writes nothing.

use std::path::{Path, PathBuf};

use bulla_core::sealed::{Fingerprint, KEY_LABEL, SealingCertificate};
use bulla_yaml::Node;
use ignore::WalkBuilder;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::cert::Description;
use crate::io::{Source, input};
use crate::parallel;
use crate::report::{Code, Report, Result, chain};
use crate::tree::{Kind, Object, SealedFile, shown};

/// What was found. Paths are relative to the root.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Every YAML and JSON file.
    pub(crate) manifests: Vec<PathBuf>,
    /// Files with SealedSecrets, and how many each holds.
    pub(crate) sealed: Vec<(PathBuf, usize)>,
    /// Files with plain Secrets.
    pub(crate) plain: Vec<PathBuf>,
    /// Files with private sealing keys.
    pub(crate) keys: Vec<PathBuf>,
    /// How many kustomizations there are.
    pub(crate) kustomizations: usize,
    /// Files that sops has encrypted.
    pub(crate) sops: Vec<PathBuf>,
    /// Whether there is a `.sops.yaml`.
    pub(crate) sops_rules: bool,
    /// Certificates that values can be sealed with.
    pub(crate) certificates: Vec<Certificate>,
    /// What could not be read, with the reason.
    pub(crate) unreadable: Vec<String>,
}

/// A sealing certificate in the tree.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) path: PathBuf,
    pub(crate) fingerprint: Fingerprint,
    /// In words, for people.
    pub(crate) description: String,
    pub(crate) expired: bool,
}

/// What one file is.
#[derive(Default)]
struct Found {
    sealed: usize,
    plain: bool,
    key: bool,
    kustomization: bool,
    sops: bool,
    certificate: Option<Certificate>,
    unreadable: Option<String>,
}

/// Looks at every file below `root` that git does not ignore.
pub(crate) fn at(root: &Path) -> Result<Survey> {
    let paths = paths(root)?;
    let now = Timestamp::now();
    let found = parallel::in_order(&paths, |path| look(root, path, now))?;
    let mut survey = Survey { sops_rules: root.join(".sops.yaml").exists(), ..Survey::default() };
    for (path, found) in paths.into_iter().zip(found) {
        if is_manifest(&path) {
            survey.manifests.push(path.clone());
        }
        if found.sealed > 0 {
            survey.sealed.push((path.clone(), found.sealed));
        }
        for (is, list) in
            [(found.plain, &mut survey.plain), (found.key, &mut survey.keys), (found.sops, &mut survey.sops)]
        {
            if is {
                list.push(path.clone());
            }
        }
        survey.kustomizations += usize::from(found.kustomization);
        survey.certificates.extend(found.certificate);
        survey.unreadable.extend(found.unreadable);
    }
    Ok(survey)
}

/// Manifests and what may be certificates, by name. The rules are those of [`crate::tree::files`].
fn paths(root: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let walk = WalkBuilder::new(root).require_git(false).ignore(false).sort_by_file_name(|a, b| a.cmp(b)).build();
    for entry in walk {
        let entry = entry.map_err(|error| {
            Report::new(Code::ReadFile, format!("{}: {}", shown(root), chain(&error)))
                .hint("every folder of the tree must be readable")
        })?;
        let wanted = is_manifest(entry.path()) || is_pem(entry.path());
        if wanted && entry.file_type().is_some_and(|kind| kind.is_file()) {
            let path = entry.path();
            paths.push(path.strip_prefix(root).unwrap_or(path).to_owned());
        }
    }
    Ok(paths)
}

fn ending(path: &Path) -> String {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn is_manifest(path: &Path) -> bool {
    matches!(ending(path).as_str(), "yaml" | "yml" | "json")
}

fn is_pem(path: &Path) -> bool {
    matches!(ending(path).as_str(), "pem" | "crt" | "cer" | "cert")
}

fn look(root: &Path, path: &Path, now: Timestamp) -> Found {
    let text = match input::read(&Source::File(root.join(path))) {
        Ok(text) => text,
        Err(report) => return Found { unreadable: Some(report.message().to_owned()), ..Found::default() },
    };
    if is_pem(path) { certificate(path, &text, now) } else { manifest(path, text) }
}

fn certificate(path: &Path, pem: &[u8], now: Timestamp) -> Found {
    // Anything else in PEM is nobody's business here.
    let certificate = SealingCertificate::from_pem(pem).ok().filter(SealingCertificate::is_for_sealing);
    let certificate = certificate.map(|certificate| Certificate {
        path: path.to_owned(),
        fingerprint: certificate.fingerprint().clone(),
        description: Description::of(&certificate, now).one_line(),
        expired: certificate.check_not_expired(now).is_err(),
    });
    Found { certificate, ..Found::default() }
}

fn manifest(path: &Path, text: Zeroizing<Vec<u8>>) -> Found {
    let kustomization = path.file_stem().is_some_and(|stem| stem == "kustomization");
    // Most files of a tree are about something else; what is no UTF-8 is refused with a place by the reader.
    let mentions = |word: &str| std::str::from_utf8(&text).map_or(true, |text| text.contains(word));
    if !mentions("Secret") && !mentions("sops") {
        return Found { kustomization, ..Found::default() };
    }
    let file = match SealedFile::parse(path, text) {
        Ok(file) => file,
        Err(report) => {
            return Found { kustomization, unreadable: Some(report.message().to_owned()), ..Found::default() };
        }
    };
    let objects = file.objects();
    let secrets = || objects.iter().filter(|object| object.kind == Kind::Secret && has_values(object));
    Found {
        sealed: objects.iter().filter(|object| object.kind == Kind::SealedSecret).count(),
        plain: secrets().any(|object| !is_key(object)) && !is_sops(&file),
        key: secrets().any(|object| is_key(object)) && !is_sops(&file),
        sops: is_sops(&file),
        kustomization,
        ..Found::default()
    }
}

fn has_values(object: &Object<'_>) -> bool {
    ["data", "stringData"]
        .iter()
        .any(|field| object.node.get(field).and_then(Node::entries).is_some_and(|entries| !entries.is_empty()))
}

/// A Secret in which a controller keeps a sealing key.
fn is_key(object: &Object<'_>) -> bool {
    object.node.at(&["metadata", "labels", KEY_LABEL]).is_some()
}

fn is_sops(file: &SealedFile) -> bool {
    file.documents.iter().any(|document| document.root.at(&["sops", "mac"]).is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    fn found(text: &str) -> Found {
        manifest(Path::new("x.yaml"), Zeroizing::new(text.as_bytes().to_vec()))
    }

    #[test]
    fn a_file_is_what_its_documents_are() {
        let both = "kind: SealedSecret\nmetadata: {name: a}\n---\nkind: Secret\nstringData: {a: b}\n";
        assert_eq!((found(both).sealed, found(both).plain), (1, true));
        assert!(!found("kind: Secret\ndata: {}\n").plain, "an empty one gives nothing away");
        let key = "kind: Secret\nmetadata: {labels: {sealedsecrets.bitnami.com/sealed-secrets-key: active}}\ndata: {tls.key: eA==}\n";
        assert_eq!((found(key).plain, found(key).key), (false, true));
        let sops = "kind: Secret\ndata: {a: ENC}\nsops: {mac: ENC}\n";
        assert_eq!((found(sops).plain, found(sops).sops), (false, true));
        assert!(found("kind: Secret\n a: [").unreadable.is_some());
        assert!(found("a: [").unreadable.is_none(), "what does not mention Secrets is not read as YAML");
    }
}
