//! The file of a change: read, one SealedSecret picked, and written back as a whole.

use bulla_yaml::Splices;

use super::Which;
use crate::cert::{CertificateChoice, Given};
use crate::io::{Console, Source, input};
use crate::report::{Code, Report, Result, bad_splice};
use crate::tree::{self, Kind, Sealed, SealedFile};

/// Reads the file that is to be changed.
pub(super) fn open(which: &Which, console: Console) -> Result<SealedFile> {
    if which.path.as_os_str() == "-" {
        return Err(Report::new(Code::Usage, "a file is changed in place, and standard input is none")
            .hint("name the file; to work in a pipe, write it out first: cat > sealed.yaml"));
    }
    if !which.path.exists() {
        let name = tree::shown(&which.path);
        return Err(Report::new(Code::ReadFile, format!("{name}: no such file or directory")).hint(format!(
            "to make a new one: kubectl create secret generic NAME --from-file=KEY=/dev/stdin --dry-run=client -o yaml \
             | bulla seal -w {name}"
        )));
    }
    let file = tree::read(&which.path)?;
    for warning in file.documents.iter().flat_map(|document| &document.warnings) {
        console.warn(&format!("{}: {warning}", file.name()));
    }
    Ok(file)
}

/// The SealedSecret that is meant. A plain Secret beside it is refused only where it is the one that is meant.
pub(super) fn pick<'a>(file: &'a SealedFile, which: &Which) -> Result<Sealed<'a>> {
    let objects = file.objects();
    let sealed: Vec<_> = objects.iter().filter_map(tree::Object::sealed).collect();
    let name = file.name();
    let list = || sealed.iter().map(Sealed::id).collect::<Vec<_>>().join(", ");
    let fits =
        |object: &tree::Object<'_>| match which.document.as_deref().map(|wanted| (wanted, wanted.split_once('/'))) {
            Some((_, Some((namespace, name)))) => object.namespace() == namespace && object.name() == name,
            Some((name, None)) => object.name() == name,
            None => true,
        };
    let mut found: Vec<_> = sealed.iter().filter(|sealed| fits(&sealed.object)).collect();
    match (found.pop(), found.len(), &which.document) {
        (Some(sealed), 0, _) => Ok(sealed.clone()),
        (Some(_), more, None) => {
            Err(Report::new(Code::SeveralObjects, format!("{name}: {} SealedSecrets: {}", more + 1, list()))
                .hint("say which one is meant: --document NAME, or --document NAMESPACE/NAME"))
        }
        (None, ..) if objects.iter().any(|object| object.kind == Kind::Secret && fits(object)) => {
            Err(Report::new(Code::PlainSecret, format!("{name}: the Secret in it is not sealed"))
                .hint(format!("seal it first: bulla seal {name} -w {name}")))
        }
        (None, _, None) => Err(Report::new(Code::NothingThere, format!("{name}: there is no SealedSecret in it"))
            .hint("name a file with a SealedSecret, in YAML or JSON")),
        (found, _, Some(wanted)) => {
            let count = if found.is_some() { "more than one SealedSecret" } else { "no SealedSecret" };
            let there = if sealed.is_empty() { "none".to_owned() } else { list() };
            Err(Report::new(Code::NoSuchObject, format!("{name}: {count} is called {wanted:?}; there: {there}"))
                .hint("--document NAME, or --document NAMESPACE/NAME"))
        }
    }
}

/// Puts the edited text in the place of the file, unless somebody else has changed it meanwhile.
pub(super) fn write(file: &SealedFile, splices: Splices<'_>) -> Result<()> {
    if splices.is_empty() {
        return Ok(());
    }
    let edited = splices.apply().map_err(|error| bad_splice(&file.name(), &error))?;
    file.replace(&edited)
}

/// The deprecated form holds all values in one.
pub(super) fn refuse_deprecated(file: &SealedFile, sealed: &Sealed<'_>) -> Result<()> {
    if sealed.deprecated.is_none() {
        return Ok(());
    }
    Err(Report::new(
        Code::DeprecatedData,
        format!("{}: {}: all its values are one ciphertext in the deprecated spec.data", file.name(), sealed.id()),
    )
    .hint("seal the plain Secret again; new SealedSecrets use spec.encryptedData"))
}

/// A key that is not there, with the ones that are.
pub(super) fn no_such_key(file: &SealedFile, sealed: &Sealed<'_>, key: &str) -> Report {
    let keys = || sealed.items.iter().map(|item| item.key);
    let near = keys()
        .filter(|other| strsim::damerau_levenshtein(other, key) <= 2)
        .min_by_key(|other| strsim::damerau_levenshtein(other, key));
    let hint = match (near, sealed.items.is_empty()) {
        (_, true) => "it has no keys at all; `bulla set FILE KEY` makes one".to_owned(),
        (Some(near), _) => format!("did you mean {near}?"),
        (None, _) => format!("its keys: {}", keys().collect::<Vec<_>>().join(", ")),
    };
    Report::new(Code::NoSuchKey, format!("{}: {}: there is no key {key:?}", file.name(), sealed.id())).hint(hint)
}

/// Refuses what the API server would refuse: `[-._a-zA-Z0-9]+`, up to 253 bytes, and nothing that means a folder.
pub(super) fn check_key_name(key: &str) -> Result<()> {
    let letters = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let problem = match key {
        "" => "it is empty",
        _ if !letters => "only letters, digits, `-`, `_` and `.` are allowed",
        "." => "`.` means the folder itself",
        _ if key.starts_with("..") => "it begins with `..`",
        _ if key.len() > 253 => "it has more than 253 characters",
        _ => return Ok(()),
    };
    let shown: String = key.chars().take(64).collect();
    Err(Report::new(Code::BadKeyName, format!("{shown:?} cannot be a key of a Secret: {problem}"))
        .hint("keys become file names where the Secret is mounted"))
}

/// Standard input can be the value or the certificate.
pub(super) fn refuse_stdin_twice(value: bool, certificate: &CertificateChoice) -> Result<()> {
    let certificate = match &certificate.given {
        Some(Given::File(source)) => Some(source),
        _ => None,
    };
    input::refuse_stdin_twice(value.then_some(&Source::Stdin).into_iter().chain(certificate))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_the_api_server_takes() {
        for fine in ["a", "tls.crt", ".dockerconfigjson", "A_b-1.", "-", "_", &"x".repeat(253), ".x..y"] {
            assert!(check_key_name(fine).is_ok(), "{fine}");
        }
        for bad in ["", ".", "..", "..x", "a b", "a/b", "é", "a=b", "a\n", &"x".repeat(254)] {
            assert_eq!(check_key_name(bad).unwrap_err().code(), Code::BadKeyName, "{bad}");
        }
    }
}
