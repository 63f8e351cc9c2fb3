//! `bulla seal`: plain Secrets in, SealedSecrets out. All or nothing: one bad document, and nothing is written.

use bulla_core::sealed::{Converted, ConvertedPart, PlainSecret, Scope, SealingCertificate};
use bulla_yaml::{Document, Limits, Warning};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::cert::{self, CertificateChoice, Chosen, Given};
use crate::io::{Console, Source, Target, input, read};
use crate::manifest::{self, Format};
use crate::report::{Code, Report, Result, bad_manifest, bad_secret, chain};
use crate::update::{self, Update};

/// What to seal, and how.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the Secrets are.
    pub(crate) sources: Vec<Source>,
    /// The certificate to seal with.
    pub(crate) certificate: CertificateChoice,
    /// The scope; else the one that each Secret's annotations state.
    pub(crate) scope: Option<Scope>,
    /// For Secrets that have none.
    pub(crate) namespace: Option<String>,
    /// Replaces the Secret's name.
    pub(crate) name: Option<String>,
    /// Whether a Secret without data is sealed.
    pub(crate) allow_empty_data: bool,
    /// The sealed file that the result goes into, instead of the target.
    pub(crate) update: Option<update::Options>,
    /// The format; else that of the target's name, else that of the input.
    pub(crate) format: Option<Format>,
    /// Where the result goes.
    pub(crate) target: Target,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    if let Some(Given::File(certificate)) = &options.certificate.given {
        input::refuse_stdin_twice(options.sources.iter().chain([certificate]))?;
    }
    // The certificate first, as kubeseal does: plaintext is not read for nothing.
    let first = options.sources.iter().find_map(|source| match source {
        Source::File(path) => Some(path.as_path()),
        Source::Stdin => None,
    });
    let first = first.or(options.update.as_ref().map(|update| update.file.as_path()));
    let Chosen { certificate, .. } = cert::choose_for(&options.certificate, first, console)?;

    let mut secrets = Vec::new();
    for source in &options.sources {
        let text = read(source)?;
        let format = options.format.unwrap_or_else(|| default_format(&options.target, &text));
        let name = source.to_string();
        for document in read_documents(&name, &text)? {
            secrets.push((name.clone(), format, read_secret(&name, &document, console)?));
        }
    }
    if options.name.is_some() && secrets.len() > 1 {
        return Err(Report::new(
            Code::NameForMany,
            format!("--name is given, but there are {} Secrets", secrets.len()),
        )
        .hint("seal them one by one, or write the names into the manifests"));
    }

    let update = options.update.as_ref().map(Update::open).transpose()?;
    for (source, _, secret) in &mut secrets {
        settle(source, secret, options, update.as_ref(), console)?;
    }
    if let Some(update) = update {
        let secrets: Vec<&PlainSecret> = secrets.iter().map(|(_, _, secret)| secret).collect();
        return update.finish(&secrets, &certificate, options.format, console);
    }

    let mut output = Zeroizing::new(String::new());
    for (_, format, secret) in &secrets {
        let sealed = seal(secret, &certificate)?;
        output.push_str(&format.write(&manifest::sealed_secret(&sealed)));
    }
    options.target.write(output.as_bytes())
}

/// Seals one Secret whose name and namespace are settled.
pub(crate) fn seal(secret: &PlainSecret, certificate: &SealingCertificate) -> Result<Value> {
    secret.seal(certificate).map_err(|error| Report::new(Code::Internal, chain(&error)))
}

fn default_format(target: &Target, text: &[u8]) -> Format {
    let by_name = match target {
        Target::File(path) => Format::of_name(path),
        Target::Stdout => None,
    };
    by_name.unwrap_or_else(|| Format::of_text(text))
}

/// The documents of an input; none is an error.
fn read_documents(source: &str, text: &[u8]) -> Result<Vec<Document>> {
    let documents =
        bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| bad_manifest(source, &error))?;
    if documents.is_empty() {
        return Err(Report::new(Code::NothingThere, format!("{source}: there is no document in it"))
            .hint("a Secret manifest is needed, in YAML or JSON; see `bulla seal --help` for an example"));
    }
    Ok(documents)
}

/// One document as a Secret. Refuses what is none, and what go-yaml would read in silence although it is rarely meant.
pub(crate) fn read_secret(source: &str, document: &Document, console: Console) -> Result<PlainSecret> {
    refuse_other_kinds(source, document)?;
    for warning in &document.warnings {
        match warning {
            Warning::DuplicateKey { .. } => {
                return Err(Report::new(Code::DuplicateKey, format!("{source}: {warning}"))
                    .hint("kubeseal would seal the last one in silence; remove the one that is not meant"));
            }
            other => console.warn(&format!("{source}: {other}")),
        }
    }
    let secret = PlainSecret::from_node(&document.root).map_err(|error| bad_secret(source, &error))?;
    for warning in conversions(document, &secret) {
        console.warn(&format!("{source}: {warning}"));
    }
    Ok(secret)
}

fn refuse_other_kinds(source: &str, document: &Document) -> Result<()> {
    let root = &document.root;
    let place = format!("{source}: {}", root.span.position);
    if root.entries().is_none() {
        return Err(Report::new(Code::NotASecret, format!("{place}: the document is {}, not a Secret", root.kind()))
            .hint("a Secret manifest has `apiVersion: v1`, `kind: Secret`, `metadata` and `data` or `stringData`"));
    }
    let text = |field| root.get(field).and_then(|node| node.as_str());
    let is_list = |kind: &str| kind == "List" || kind == "SecretList";
    match text("kind") {
        Some(kind) if is_list(kind) => Err(Report::new(
            Code::IsAList,
            format!("{place}: the document is a {kind}; Secrets are sealed one by one"),
        )
        .hint("take it apart: yq -o json '.items[]' FILE | bulla seal --cert cert.pem")),
        Some("SealedSecret") => Err(Report::new(Code::NotASecret, format!("{place}: the document is sealed already"))
            .hint("seal the plain Secret; to see what a sealed one holds: bulla unseal --key KEYS FILE")),
        Some("Secret") => match text("apiVersion") {
            None | Some("v1") => Ok(()),
            Some(other) => Err(Report::new(
                Code::NotASecret,
                format!("{place}: the document is a Secret of {}, not of v1", shown(other)),
            )
            .hint("only `apiVersion: v1` has Secrets that can be sealed")),
        },
        Some(kind) => Err(Report::new(
            Code::NotASecret,
            format!("{place}: the document is a {}, not a Secret", shown(kind)),
        )
        .hint(
            "move what is secret in it into a document of its own with `kind: Secret`, and keep the rest in another file",
        )),
        None => Ok(()),
    }
}

/// A word of a manifest that is no value, short and harmless on a terminal.
fn shown(text: &str) -> String {
    text.chars().take(63).flat_map(char::escape_debug).collect()
}

/// Unquoted numbers and booleans become text of another spelling, sometimes. A value is not shown.
pub(crate) fn conversions(document: &Document, secret: &PlainSecret) -> Vec<String> {
    let mut warnings = Vec::new();
    for Converted { key, position, what } in &secret.converted {
        let (line, key) = (position.line, shown(key));
        warnings.push(match what {
            ConvertedPart::Key => format!(
                "line {line}: a key without quotes is read as {key:?}, since it is no text in YAML: write it in quotes"
            ),
            ConvertedPart::Value(kind) => format!(
                "line {line}: stringData.{key} is {kind} without quotes: what is sealed is its text form, which may be \
                 spelled differently; write it in quotes"
            ),
        });
    }
    for field in ["name", "namespace"] {
        if let Some(node) = document.root.at(&["metadata", field]).filter(|node| node.is_coerced()) {
            warnings.push(format!(
                "line {}: metadata.{field} is {} without quotes: write it in quotes",
                node.span.position.line,
                node.kind()
            ));
        }
    }
    warnings
}

/// Name, namespace and scope, from the manifest and the flags.
fn settle(
    source: &str,
    secret: &mut PlainSecret,
    options: &Options,
    update: Option<&Update<'_>>,
    console: Console,
) -> Result<()> {
    if let Some(name) = &options.name {
        secret.name.clone_from(name);
    }
    if secret.name.is_empty() {
        return Err(Report::new(Code::NoName, format!("{source}: the Secret has no metadata.name"))
            .hint("write one into the manifest, or give it: --name NAME"));
    }
    match &options.namespace {
        Some(namespace) if secret.namespace.is_empty() => secret.namespace.clone_from(namespace),
        Some(namespace) if *namespace != secret.namespace => {
            return Err(Report::new(
                Code::OtherNamespace,
                format!(
                    "{source}: Secret {} is in namespace {}, but --namespace says {}",
                    shown(&secret.name),
                    shown(&secret.namespace),
                    shown(namespace)
                ),
            )
            .hint("leave --namespace away, or change the manifest: the value will open in one namespace only"));
        }
        _ => {}
    }
    let mut annotated = secret.annotated_scope();
    if annotated == Scope::Strict
        && options.scope.is_none()
        && let Some(present) = update.and_then(|update| update.scope_of(&secret.namespace, &secret.name))
    {
        secret.set_scope(present);
        annotated = present;
    }
    let scope = options.scope.unwrap_or(annotated);
    if options.scope.is_none() && annotated != Scope::Strict {
        console.warn(&format!(
            "{source}: Secret {} is sealed with {annotated} scope, because its annotations say so",
            shown(&secret.name)
        ));
    }
    if options.scope.is_some_and(|scope| scope != annotated) && annotated != Scope::Strict {
        console.warn(&format!(
            "{source}: Secret {}: --scope {scope} replaces the annotation that says {annotated}",
            shown(&secret.name)
        ));
    }
    secret.set_scope(scope);
    if secret.namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(Report::new(
            Code::NoNamespace,
            format!("{source}: Secret {} has no metadata.namespace, which {scope} scope needs", shown(&secret.name)),
        )
        .hint("write one into the manifest, or give it: --namespace NAMESPACE"));
    }
    if secret.data.is_empty() && !options.allow_empty_data {
        return Err(Report::new(
            Code::NoData,
            format!("{source}: Secret {} has neither data nor stringData", shown(&secret.name)),
        )
        .hint("if that is meant: --allow-empty-data"));
    }
    Ok(())
}
