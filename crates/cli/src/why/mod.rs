//! `bulla why`: why a SealedSecret does not open, in words, and the command that mends it.
//!
//! As much is said as can be known: with private keys which key, scope, name or namespace a value was sealed for, and where it is
//! damaged; of the cluster what its controller says; with neither what form and size tell. Which way the data goes: the file →
//! `places` (where its values may have been sealed for: history, neighbours) → `explain` (one value, pure) → text or JSON.

mod explain;
mod history;
mod live;
mod places;

use std::path::PathBuf;

use bulla_core::sealed::{KeyRing, ObjectHints, Place};
use serde_json::json;

use self::explain::{Answer, Verdict};
use self::history::Revision;
use self::places::Candidates;
use crate::cert::{self, CertificateChoice, Given};
use crate::cluster::Choice;
use crate::config::Policy;
use crate::io::{Console, Source, output};
use crate::report::{Code, Exit, Report, Result, harmless, os_error};
use crate::tree::{self, Sealed};
use crate::unseal::load_keys;

/// What to explain, and with what.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) files: Vec<PathBuf>,
    /// Private keys, or backups.
    pub(crate) keys: Vec<Source>,
    /// A certificate whose size the values are compared with.
    pub(crate) certificate: Option<Given>,
    /// Namespace for SealedSecrets that name none.
    pub(crate) namespace: Option<String>,
    /// The cluster, if it is to be asked.
    pub(crate) cluster: Option<Choice>,
    pub(crate) json: bool,
}

/// What is said of one object.
struct Explained {
    file: String,
    place: String,
    id: String,
    scope: &'static str,
    /// Key and line, and what is said of it.
    values: Vec<(String, usize, Answer)>,
    /// What the cluster says.
    live: Option<Answer>,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let ring = if options.keys.is_empty() { None } else { Some(load_keys(&options.keys, console)?) };
    let modulus = match &options.certificate {
        Some(given) => {
            let choice = CertificateChoice { given: Some(given.clone()), ..CertificateChoice::default() };
            let certificate = cert::choose(&choice, None, &Policy::default(), Console::new(true))?.certificate;
            Some(certificate.modulus_bits().div_ceil(8))
        }
        None => None,
    };
    let mut explained = Vec::new();
    let mut sops = Vec::new();
    let mut sops_keys: Option<crate::sops::trust::Keys> = None;
    for path in &options.files {
        if let Some(file) = crate::sops::files::read(path)? {
            let keys = match sops_keys.take() {
                Some(keys) => keys,
                None => crate::sops::trust::Keys::new()?,
            };
            sops.push(crate::sops::why::explain(&file, &keys));
            sops_keys = Some(keys);
            continue;
        }
        let file = tree::read(path)?;
        let objects = file.objects();
        let mut sealed: Vec<Sealed<'_>> = objects.iter().filter_map(tree::Object::sealed).collect();
        if sealed.is_empty() {
            return Err(Report::new(Code::NothingThere, format!("{}: there is no SealedSecret in it", file.name()))
                .hint("name a file with SealedSecrets, in YAML or JSON"));
        }
        if let Some(namespace) = &options.namespace {
            sealed
                .iter_mut()
                .filter(|sealed| sealed.namespace.is_empty())
                .for_each(|sealed| sealed.namespace = namespace);
        }
        // History and neighbours are looked through only when a value does not open.
        let revisions = std::cell::OnceCell::new();
        let candidates = std::cell::OnceCell::new();
        let search = Search {
            revisions: &|| revisions.get_or_init(|| history::revisions(path)),
            candidates: &|sealed: &Sealed<'_>| {
                let found: &Candidates = candidates
                    .get_or_init(|| places::collect(path, revisions.get_or_init(|| history::revisions(path))));
                found.of(sealed)
            },
        };
        for sealed in &sealed {
            let name = file.name();
            let values = sealed
                .items
                .iter()
                .map(|item| {
                    let node = item.node();
                    let answer = match (item.text(), &ring) {
                        (None, _) => explain::not_text(node.kind(), &name, item.key),
                        (Some(text), Some(ring)) => with_keys(text, sealed, item.key, &name, ring, &search),
                        (Some(text), None) => explain::form(text, modulus, &name, item.key),
                    };
                    (item.key.to_owned(), node.span.position.line, answer)
                })
                .collect();
            let live = match &options.cluster {
                Some(choice) => Some(live::ask(choice, sealed)?),
                None => None,
            };
            explained.push(Explained {
                file: name,
                place: sealed.object.place(),
                id: sealed.id(),
                scope: sealed.scope.as_str(),
                values,
                live,
            });
        }
    }
    let text = if options.json {
        json(&explained, &sops)
    } else {
        text(&explained) + &sops.iter().map(crate::sops::why::Explained::text).collect::<String>()
    };
    output::write_stdout(text.as_bytes())
        .map_err(|error| Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error))))?;
    let all = || explained.iter().flat_map(|one| one.values.iter().map(|(.., answer)| answer).chain(&one.live));
    if !explained.is_empty()
        && ring.is_none()
        && options.cluster.is_none()
        && all().all(|answer| answer.verdict == Verdict::Unknown)
    {
        console.note(
            "form and size are right; whether the values open needs a key (--key FILE) or the cluster (--from-cluster)",
        );
    }
    let found = all().any(|answer| answer.verdict == Verdict::Finding)
        || sops.iter().any(crate::sops::why::Explained::is_finding);
    Ok(if found { Exit::Attention } else { Exit::Done })
}

/// What costs time, and is looked for only when it is needed.
struct Search<'a> {
    revisions: &'a dyn Fn() -> &'a Vec<Revision>,
    candidates: &'a dyn Fn(&Sealed<'_>) -> Vec<places::Candidate>,
}

fn with_keys(text: &str, sealed: &Sealed<'_>, key: &str, file: &str, ring: &KeyRing, search: &Search<'_>) -> Answer {
    let place = sealed.place();
    let failure = match open(text, place, ring) {
        Ok(fingerprint) => return explain::opens(&fingerprint.to_string()),
        Err(failure) => failure,
    };
    let candidates = (search.candidates)(sealed);
    let failure = match bulla_core::go_base64::decode(text) {
        Ok(bytes) => {
            let places: Vec<_> = candidates.iter().map(|c| (c.scope, c.namespace.as_str(), c.name.as_str())).collect();
            ring.diagnose(&bytes, &places, failure)
        }
        Err(_) => failure,
    };
    // The youngest committed text of this value that opens where it stands.
    let mends = |revision: &&Revision| {
        let before = revision.values.get(&(sealed.name.to_owned(), key.to_owned()));
        before.is_some_and(|before| before != text && open(before, place, ring).is_ok())
    };
    let better = (search.revisions)().iter().find(mends).map(|revision| revision.commit.clone());
    explain::failure(&failure, place, &candidates, better.as_deref(), file, key)
}

fn open(
    text: &str,
    place: Place<'_>,
    ring: &KeyRing,
) -> std::result::Result<bulla_core::sealed::Fingerprint, bulla_core::sealed::Failure> {
    let bytes = bulla_core::go_base64::decode(text).map_err(bulla_core::sealed::Failure::Base64)?;
    let opened = ring.open(&bytes, (place.scope, place.namespace, place.name), &mut ObjectHints::default())?;
    Ok(opened.key)
}

fn text(explained: &[Explained]) -> String {
    let mut text = String::new();
    for one in explained {
        text.push_str(&format!("{}: {}: {} ({})\n", one.file, one.place, harmless(&one.id), one.scope));
        for (key, line, answer) in &one.values {
            text.push_str(&format!("  {} (line {line}): {}\n", harmless(key), harmless(&answer.words)));
            for line in answer.mend.iter().flat_map(|mend| mend.lines()) {
                text.push_str(&format!("    {}\n", harmless(line)));
            }
        }
        if let Some(answer) = &one.live {
            text.push_str(&format!("  in the cluster: {}\n", harmless(&answer.words)));
            for line in answer.mend.iter().flat_map(|mend| mend.lines()) {
                text.push_str(&format!("    {}\n", harmless(line)));
            }
        }
    }
    text
}

fn json(explained: &[Explained], sops: &[crate::sops::why::Explained]) -> String {
    let said = |answer: &Answer| json!({"verdict": answer.verdict, "explanation": answer.words, "mend": answer.mend});
    let objects: Vec<_> = explained
        .iter()
        .map(|one| {
            let values: Vec<_> = one
                .values
                .iter()
                .map(|(key, line, answer)| {
                    let mut value = said(answer);
                    value["key"] = key.as_str().into();
                    value["line"] = (*line).into();
                    value
                })
                .collect();
            json!({"file": one.file, "place": one.place, "object": one.id, "scope": one.scope, "values": values,
                "cluster": one.live.as_ref().map(said)})
        })
        .collect();
    // Texts and numbers do not fail to be written.
    let mut whole = json!({"objects": objects});
    if !sops.is_empty() {
        whole["sops"] = sops.iter().map(crate::sops::why::Explained::json).collect();
    }
    serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
}
