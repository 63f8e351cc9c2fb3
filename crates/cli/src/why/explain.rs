//! One value: from what was found out to words and the command that mends it. Pure.

use bulla_core::sealed::{Failure, Place, Scope};
use serde::Serialize;

use super::places::Candidate;
use crate::tree::shown;
use crate::verify::file::{Context, check_value};

/// Whether somebody must do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// It opens.
    Opens,
    /// It does not, or cannot.
    Finding,
    /// Nothing speaks against it, and nothing proves it.
    Unknown,
}

/// What is said of a value, or of an object in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    pub(super) words: String,
    /// Lines that tell what to do.
    pub(super) mend: Option<String>,
}

impl Answer {
    pub(super) fn finding(words: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { verdict: Verdict::Finding, words: words.into(), mend: Some(mend.into()) }
    }
}

/// A key opened it.
pub(super) fn opens(fingerprint: &str) -> Answer {
    Answer { verdict: Verdict::Opens, words: format!("opens with key {fingerprint}"), mend: None }
}

/// The value is a number, a list or something else.
pub(super) fn not_text(kind: &str, file: &str, key: &str) -> Answer {
    Answer::finding(format!("the value is {kind}, not text"), anew(file, key))
}

/// What form and size tell without a key.
pub(super) fn form(text: &str, modulus: Option<usize>, file: &str, key: &str) -> Answer {
    let context = Context { modulus: modulus.map(|length| (length, "the certificate")), cluster: None, plain: None };
    match check_value(text, context) {
        Some((_, words)) => Answer::finding(format!("{words}{}", where_it_breaks(text)), anew(file, key)),
        None => {
            let bits = bits(text).map_or_else(String::new, |bits| format!(", sealed with an RSA key of {bits} bits"));
            let words = format!("well-formed{bits}; whether it opens cannot be told without a key");
            Answer { verdict: Verdict::Unknown, words, mend: None }
        }
    }
}

/// Why no key opens it where it stands. `better` is a commit in which it was a text that does.
pub(super) fn failure(
    failure: &Failure,
    place: Place<'_>,
    candidates: &[Candidate],
    better: Option<&str>,
    file: &str,
    key: &str,
) -> Answer {
    let mut words = format!("does not open: {failure}");
    let mut mend = match failure {
        Failure::OtherLabel { scope, namespace, name, .. } => {
            let fits = |candidate: &&Candidate| {
                candidate.scope == *scope
                    && (*scope != Scope::Strict || candidate.name == *name)
                    && (*scope == Scope::ClusterWide || candidate.namespace == *namespace)
            };
            if let Some(origin) = candidates.iter().find(fits).map(|candidate| candidate.origin.as_str()) {
                words.push_str(&format!(", {origin}"));
            }
            other_label(*scope, namespace, name, place, file, key)
        }
        Failure::Base64(_) | Failure::TooShort { .. } | Failure::NotAString { .. } | Failure::Damaged { .. } => {
            anew(file, key)
        }
        _ => format!(
            "if there are more keys, give a backup that holds them: kubectl get secret -n kube-system \
             -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml > keys.yaml\n{}",
            anew(file, key)
        ),
    };
    if let Some(commit) = better {
        mend = format!("the value of commit {commit} opens: git show {commit}:./{}\n{mend}", base_name(file));
    }
    Answer::finding(words, mend)
}

fn other_label(scope: Scope, namespace: &str, name: &str, place: Place<'_>, file: &str, key: &str) -> String {
    let anew = anew(file, key);
    match scope {
        Scope::Strict if place.scope != Scope::Strict => format!(
            "take the scope annotation away, which the value was not sealed for{}; or for the wider scope {anew}",
            if (namespace, name) == (place.namespace, place.name) {
                String::new()
            } else {
                format!(", and write name: {name} and namespace: {namespace}")
            }
        ),
        Scope::Strict => {
            let mut fields = Vec::new();
            if name != place.name {
                fields.push(format!("name: {name}"));
            }
            if namespace != place.namespace {
                fields.push(format!("namespace: {namespace}"));
            }
            format!("write metadata.{} again; or for the present place {anew}", fields.join(" and metadata."))
        }
        Scope::NamespaceWide if namespace != place.namespace => format!(
            "write metadata.namespace: {namespace} again, with the annotation sealedsecrets.bitnami.com/namespace-wide: \
             \"true\"; or for the present place {anew}"
        ),
        Scope::NamespaceWide => format!(
            "the object lacks metadata.annotations: {{sealedsecrets.bitnami.com/namespace-wide: \"true\"}}; or for the present \
             scope {anew}"
        ),
        Scope::ClusterWide => format!(
            "the object lacks metadata.annotations: {{sealedsecrets.bitnami.com/cluster-wide: \"true\"}}; or for the present \
             scope {anew}"
        ),
    }
}

/// Seal it anew.
fn anew(file: &str, key: &str) -> String {
    format!("seal it anew: bulla set {} {}", quoted(file), quoted(key))
}

/// A word for the shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn base_name(file: &str) -> String {
    std::path::Path::new(file).file_name().map_or_else(|| file.to_owned(), |name| shown(name.as_ref()))
}

/// Where the text stops being base64, in terms of what an editor shows.
fn where_it_breaks(text: &str) -> String {
    let Err(error) = bulla_core::go_base64::decode(text) else { return String::new() };
    let before = &text.as_bytes()[..error.offset.min(text.len())];
    let what = match text.as_bytes().get(error.offset) {
        _ if text.contains([' ', '\t']) => ": there is white space in it, as if an editor had wrapped or joined lines",
        Some(_) if before.contains(&b'=') => ": padding in the middle, as if two texts had been joined",
        None => ": it ends too early",
        Some(byte) if byte.is_ascii_alphanumeric() || b"+/=".contains(byte) => ": it ends too early",
        Some(b'-' | b'_') => ": it is written in the URL alphabet",
        Some(_) => ": a character that base64 does not have",
    };
    format!("{what} ({} characters)", text.len())
}

/// The size of the key that it was sealed with.
fn bits(text: &str) -> Option<usize> {
    let bytes = bulla_core::go_base64::decode(text).ok()?;
    bytes.first_chunk::<2>().map(|prefix| usize::from(u16::from_be_bytes(*prefix)) * 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_shell_are_words() {
        assert_eq!(quoted("a/b.yaml"), "a/b.yaml");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("it's; rm"), "'it'\\''s; rm'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn breaks_in_base64_are_told_apart() {
        for (text, expected) in [
            ("AgAA AgAA", "white space"),
            ("AgA", "ends too early"),
            ("AgA=AgAA", "two texts"),
            ("Ag-_", "URL alphabet"),
            ("Ag%A", "does not have"),
        ] {
            assert!(where_it_breaks(text).contains(expected), "{text}: {}", where_it_breaks(text));
        }
        assert_eq!(where_it_breaks("AgAA"), "");
    }
}
