//! `bulla view`: what is in a SealedSecret, without a key and without a value.

use std::fmt::Write as _;
use std::path::Path;

use bulla_core::sealed::SealingCertificate;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::facts::{Facts, Size};
use super::git;
use crate::age::{age, day};
use crate::cert;
use crate::io::{Console, Source, Target, read};
use crate::report::{Code, Report, Result, bad_certificate};
use crate::sops::files as sops;
use crate::tree::{Kind, Object, SealedFile};

/// What to look at.
#[derive(Debug)]
pub(crate) struct Options {
    /// The files.
    pub(crate) sources: Vec<Source>,
    /// Whether they were found in a folder, so that nobody expects a SealedSecret in each.
    pub(crate) of_tree: bool,
    /// A certificate that the values may be sealed with.
    pub(crate) certificate: Option<Source>,
    /// Whether JSON is printed.
    pub(crate) json: bool,
}

/// For more files than this, Git is not asked about each.
const MANY: usize = 50;

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    crate::io::input::refuse_stdin_twice(options.sources.iter().chain(&options.certificate))?;
    let now = Timestamp::now();
    let certificate = options.certificate.as_ref().map(open_certificate).transpose()?;
    let bits = certificate.as_ref().map(SealingCertificate::modulus_bits);
    let mut text = String::new();
    let mut objects = Vec::new();
    let mut any = false;
    for source in &options.sources {
        let path = match source {
            Source::Stdin => Path::new("-"),
            Source::File(path) => path,
        };
        let bytes = read(source)?;
        if let Some(format) = sops::detect(path, &bytes) {
            any = true;
            let file = sops::SopsFile::parse(path, bytes, format)?;
            let changed = (options.sources.len() <= MANY).then(|| git::last_commit(path)).flatten();
            if options.json {
                objects.push(sops::view::facts(&file, changed));
            } else {
                let blank = if text.is_empty() { "" } else { "\n" };
                let _ = write!(text, "{blank}{}", sops::view::table(&file, changed));
            }
            continue;
        }
        let file = SealedFile::parse(path, bytes)?;
        let found = file.objects();
        let is_sealed = found.iter().any(|object| object.kind == Kind::SealedSecret);
        tell_of_others(&file, source, &found, console);
        any |= is_sealed;
        if !is_sealed && !options.of_tree && options.sources.len() > 1 {
            console.note(&format!("{source}: there is no SealedSecret in it"));
        }
        let cheap = is_sealed && options.sources.len() <= MANY;
        let changed = cheap.then(|| git::last_commit(path)).flatten();
        for sealed in found.iter().filter_map(Object::sealed) {
            let facts = Facts::of(&sealed);
            if options.json {
                objects.push(facts.json(&source.to_string(), changed.map(|time| time.to_string()).as_deref()));
            } else {
                let _ = writeln!(text, "{}{}: {}", if text.is_empty() { "" } else { "\n" }, source, facts.id);
                text.push_str(&table(&facts, changed.map(|time| (time, now)), bits));
            }
        }
    }
    if !any {
        return Err(nothing_there(&options.sources));
    }
    let description = certificate.as_ref().map(|certificate| cert::Description::of(certificate, now));
    if options.json {
        let certificate = description.map_or(Json::Null, |description| description.json());
        text = format!("{:#}\n", json!({"objects": objects, "certificate": certificate}));
    } else if let Some(description) = description {
        let _ = writeln!(text, "\n{}", description.one_line());
        for warning in description.warnings() {
            console.warn(&warning);
        }
    }
    Target::Stdout.write(text.as_bytes())
}

fn open_certificate(source: &Source) -> Result<SealingCertificate> {
    SealingCertificate::from_pem(&read(source)?).map_err(|error| bad_certificate(&source.to_string(), &error))
}

/// What is in the file beside SealedSecrets is not shown; a plain Secret is told of.
fn tell_of_others(file: &SealedFile, source: &Source, found: &[Object<'_>], console: Console) {
    for object in found.iter().filter(|object| object.kind == Kind::Secret) {
        console.warn(&format!(
            "{source}: {}: a plain Secret, not sealed; bulla seal {} seals it",
            object.place(),
            file.name()
        ));
    }
}

fn nothing_there(sources: &[Source]) -> Report {
    let message = match sources {
        [source] => format!("{source}: there is no SealedSecret in it"),
        sources => format!("there is no SealedSecret in any of {} files", sources.len()),
    };
    Report::new(Code::NothingThere, message).hint("name a file with SealedSecrets, in YAML or JSON")
}

/// `bits`: the size of the certificate that the values are compared with.
fn table(facts: &Facts, changed: Option<(Timestamp, Timestamp)>, bits: Option<usize>) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<12} {value}");
    };
    row("scope", facts.scope);
    row("type", facts.secret_type.as_deref().unwrap_or("Opaque"));
    if facts.immutable {
        row("immutable", "yes");
    }
    for (name, names) in
        [("labels", &facts.labels), ("annotations", &facts.annotations), ("templates", &facts.templates)]
    {
        if !names.is_empty() {
            row(name, &harmless(&names.join(", ")));
        }
    }
    if let Some((changed, now)) = changed {
        row("last commit", &format!("{} ({} ago)", day(changed), age(changed, now)));
    }
    if facts.deprecated {
        row("values", "one ciphertext in the deprecated spec.data");
    } else if facts.items.is_empty() {
        row("values", "none");
    }
    let width = facts.items.iter().map(|(key, _)| harmless(key).chars().count()).max().unwrap_or(0).min(40);
    for (index, (key, size)) in facts.items.iter().enumerate() {
        let size = match size {
            Size::Known { bytes, bits: sealed } => {
                let unit = if *bytes == 1 { "byte" } else { "bytes" };
                let other = bits.is_some_and(|bits| bits.div_ceil(8) * 8 != *sealed);
                let other = if other { ", not the certificate's size" } else { "" };
                format!("{bytes} {unit}, RSA-{sealed}{other}")
            }
            Size::Malformed(problem) => format!("damaged: {problem}"),
        };
        row(if index == 0 { "values" } else { "" }, &format!("{:<width$}  {size}", harmless(key)));
    }
    text
}

fn harmless(text: &str) -> String {
    crate::report::harmless(text).into_owned()
}
