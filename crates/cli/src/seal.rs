//! `bulla seal`: plain Secrets in, SealedSecrets out. All or nothing: one bad document, and nothing is written.
//!
//! Which way the data goes: manifests are read here, or a Secret is built from literals, files, a TLS pair or a registry's login
//! (`build`, with `env_file`, `tls`, `registry`); name, namespace and scope are settled here, what the API server would refuse is
//! refused by `limits`; [`seal`] seals one. `tree` does the same for many files, and decides where each one goes.

mod build;
mod env_file;
mod in_place;
mod limits;
mod registry;
mod tls;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use bulla_core::sealed::{Converted, ConvertedPart, Fingerprint, PlainSecret, Scope, SealingCertificate};
use bulla_yaml::{Document, Limits, Warning};
use serde_json::Value;
use zeroize::Zeroizing;

pub(crate) use self::build::{Inputs, Literal};
pub(crate) use self::registry::Registry;
pub(crate) use self::tree::TreeOptions;
use crate::cert::{self, CertificateChoice, Chosen, Given};
use crate::config::Config;
use crate::io::{Console, Source, Target, input, read};
use crate::manifest::{self, Format};
use crate::memory::{self, Memory};
use crate::report::{Code, Report, Result, bad_manifest, bad_secret, chain};
use crate::sops::files::seal as sops;
use crate::update::{self, Update};

/// What to seal, and how.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the Secrets are.
    pub(crate) sources: Vec<Source>,
    /// Values to make a Secret of, instead of sources.
    pub(crate) inputs: Inputs,
    /// Files and folders, each sealed into a file of its own, instead of sources.
    pub(crate) tree: Option<TreeOptions>,
    /// The certificate to seal with.
    pub(crate) certificate: CertificateChoice,
    /// The scope; else that of the rule, else the one that each Secret's annotations state.
    pub(crate) scope: Option<Scope>,
    /// For Secrets that have none.
    pub(crate) namespace: Option<String>,
    /// Replaces the Secret's name.
    pub(crate) name: Option<String>,
    /// What is added to every Secret.
    pub(crate) extra: Extra,
    /// Whether a Secret without data is sealed.
    pub(crate) allow_empty_data: bool,
    /// The sealed file that the result goes into, instead of the target.
    pub(crate) update: Option<update::Options>,
    /// How a sops file is laid out.
    pub(crate) layout: Layout,
    /// The format; else that of the target's name, else that of the input.
    pub(crate) format: Option<Format>,
    /// Where the result goes.
    pub(crate) target: Target,
}

/// How a sops file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Layout {
    /// As the plain file is: comments, quoting, blank lines, order
    Preserve,
    /// As sops would write it, byte for byte but for the ciphertexts
    Sops,
}

/// What flags add to a Secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// `--type`
    pub(crate) secret_type: Option<String>,
    /// `--label`
    pub(crate) labels: BTreeMap<String, String>,
    /// `--annotation`
    pub(crate) annotations: BTreeMap<String, String>,
    /// `--immutable`
    pub(crate) immutable: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            inputs: Inputs::default(),
            tree: None,
            certificate: CertificateChoice::default(),
            scope: None,
            namespace: None,
            name: None,
            extra: Extra::default(),
            allow_empty_data: false,
            update: None,
            layout: Layout::Preserve,
            format: None,
            target: Target::Stdout,
        }
    }
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    if let Some(tree) = &options.tree {
        return match sops::run_tree(tree, options, console)? {
            sops::Rest::All => tree::run(tree, options, console),
            sops::Rest::Files(paths) if paths.is_empty() => Ok(()),
            sops::Rest::Files(paths) => tree::run(&TreeOptions { paths, ..tree.clone() }, options, console),
        };
    }
    if sops::run(options, console)? {
        return Ok(());
    }
    refuse_stdin_twice(options)?;
    // The certificate first, as kubeseal does: plaintext is not read for nothing.
    let path = options.path();
    let config = Config::find(path.and_then(Path::parent).unwrap_or_else(|| Path::new("")))?;
    let certificate = choose(options, config.as_ref(), path, console)?;
    let rule_scope = |path: &Path| config.as_ref()?.rule(path)?.scope();

    let mut secrets = Vec::new();
    if !options.inputs.is_empty() {
        let format = options.format.unwrap_or_else(|| default_format(&options.target, b""));
        let secret = options.inputs.secret(console)?;
        secrets.push(("the new Secret".to_owned(), format, path.and_then(rule_scope), secret));
    }
    for source in &options.sources {
        let text = read(source)?;
        let format = options.format.unwrap_or_else(|| default_format(&options.target, &text));
        let name = source.to_string();
        let scope = match source {
            Source::File(path) => rule_scope(path),
            Source::Stdin => path.and_then(rule_scope),
        };
        for document in read_documents(&name, &text)? {
            secrets.push((name.clone(), format, scope, read_secret(&name, &document, console)?));
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
    for (source, _, scope, secret) in &mut secrets {
        let mut warnings = Vec::new();
        settle(source, secret, options, *scope, update.as_ref(), &mut warnings)?;
        warnings.iter().for_each(|warning| console.warn(warning));
        limits::check(source, secret)?;
    }
    if let Some(update) = update {
        let secrets: Vec<&PlainSecret> = secrets.iter().map(|(.., secret)| secret).collect();
        return update.finish(&secrets, &certificate, options.format, console);
    }
    let memory = match &options.target {
        Target::File(path) => Memory::open(path)?,
        Target::Stdout => None,
    };
    let (mut output, mut sealed) = (Zeroizing::new(String::new()), Vec::new());
    for (_, format, _, secret) in &secrets {
        let object = seal(secret, &certificate)?;
        output.push_str(&format.write(&manifest::sealed_secret(&object)));
        sealed.push(object);
    }
    options.target.write(output.as_bytes())?;
    if let Some(mut memory) = memory {
        for ((.., secret), object) in secrets.iter().zip(&sealed) {
            remember(&mut memory, secret, certificate.fingerprint(), object);
        }
        memory.save(console);
    }
    Ok(())
}

/// Notes what was sealed, so that `--update` knows it again.
fn remember(memory: &mut Memory, secret: &PlainSecret, fingerprint: &Fingerprint, object: &Value) {
    let (namespace, name) = (secret.namespace.as_str(), secret.name.as_str());
    for (key, value) in &secret.data {
        let item = memory::Item { fingerprint, scope: secret.annotated_scope(), namespace, name, key };
        if let Some(ciphertext) = object["spec"]["encryptedData"][key].as_str() {
            memory.remember(&item, ciphertext, value.expose());
        }
    }
}

impl Options {
    /// Whether flags speak of certificates, scopes or names, which only SealedSecrets have.
    pub(crate) fn is_about_certificates(&self) -> bool {
        let CertificateChoice { given, cluster_name, accept, cluster, .. } = &self.certificate;
        given.is_some()
            || cluster_name.is_some()
            || accept.is_some()
            || cluster.kubeconfig.is_some()
            || cluster.context.is_some()
            || self.scope.is_some()
            || self.name.is_some()
            || self.namespace.is_some()
            || self.allow_empty_data
    }

    /// The file whose place in the repository decides: the first that is read, else the one that is written.
    fn path(&self) -> Option<&Path> {
        let file = |source: &Source| match source {
            Source::File(_) => true,
            Source::Stdin => false,
        };
        match (self.sources.iter().find(|source| file(source)), &self.update, &self.target) {
            (Some(Source::File(path)), ..) | (_, None, Target::File(path)) => Some(path),
            (_, Some(update), _) => Some(&update.file),
            _ => None,
        }
    }
}

/// Standard input can feed one thing only: a manifest, the certificate, or a value.
fn refuse_stdin_twice(options: &Options) -> Result<()> {
    let certificate = match &options.certificate.given {
        Some(Given::File(source)) => Some(source),
        _ => None,
    };
    let values = options.inputs.reads_stdin().then_some(&Source::Stdin);
    input::refuse_stdin_twice(options.sources.iter().chain(certificate).chain(values))
}

/// The one certificate for everything that is read: files that the rules seal for different clusters do not go together.
fn choose(
    options: &Options,
    config: Option<&Config>,
    path: Option<&Path>,
    console: Console,
) -> Result<SealingCertificate> {
    let choice = &options.certificate;
    let entry = cert::entry(choice, config, path)?;
    for source in &options.sources {
        let Source::File(other) = source else { continue };
        let other_entry = cert::entry(choice, config, Some(other))?;
        if other_entry != entry {
            let name = |entry: Option<&crate::config::Cluster>| {
                entry.map_or("no cluster", |entry| entry.name.as_str()).to_owned()
            };
            return Err(Report::new(
                Code::WhichCluster,
                format!("{source}: is for {}, and what is before it for {}", name(other_entry), name(entry)),
            )
            .hint("seal them one by one; or each into a file of its own: bulla seal -r PATH..."));
        }
    }
    let policy = config.map(|config| config.policy.clone()).unwrap_or_default();
    let Chosen { certificate, .. } = cert::choose(choice, entry, &policy, console)?;
    Ok(certificate)
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
    let mut warnings = Vec::new();
    let secret = read_secret_noting(source, document, &mut warnings);
    warnings.iter().for_each(|warning| console.warn(warning));
    secret
}

/// As [`read_secret`], with what should be said collected.
fn read_secret_noting(source: &str, document: &Document, warnings: &mut Vec<String>) -> Result<PlainSecret> {
    refuse_other_kinds(source, document)?;
    for warning in &document.warnings {
        match warning {
            Warning::DuplicateKey { .. } => {
                return Err(Report::new(Code::DuplicateKey, format!("{source}: {warning}"))
                    .hint("kubeseal would seal the last one in silence; remove the one that is not meant"));
            }
            other => warnings.push(format!("{source}: {other}")),
        }
    }
    let secret = PlainSecret::from_node(&document.root).map_err(|error| bad_secret(source, &error))?;
    warnings.extend(conversions(document, &secret).into_iter().map(|warning| format!("{source}: {warning}")));
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

/// Name, namespace and scope, from the manifest, the flags and the rule of `.bulla.yaml`.
fn settle(
    source: &str,
    secret: &mut PlainSecret,
    options: &Options,
    rule_scope: Option<Scope>,
    update: Option<&Update<'_>>,
    warnings: &mut Vec<String>,
) -> Result<()> {
    options.extra.add_to(secret);
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
    refuse_bad_names(source, secret)?;
    let mut annotated = secret.annotated_scope();
    let stated = options.scope.or(rule_scope);
    if annotated == Scope::Strict
        && stated.is_none()
        && let Some(present) = update.and_then(|update| update.scope_of(&secret.namespace, &secret.name))
    {
        secret.set_scope(present);
        annotated = present;
    }
    let scope = stated.unwrap_or(annotated);
    if stated.is_none() && annotated != Scope::Strict {
        warnings.push(format!(
            "{source}: Secret {} is sealed with {annotated} scope, because its annotations say so",
            shown(&secret.name)
        ));
    }
    if scope != annotated && annotated != Scope::Strict {
        let by = if options.scope.is_some() { "--scope" } else { ".bulla.yaml's scope" };
        warnings.push(format!(
            "{source}: Secret {}: {by} {scope} replaces the annotation that says {annotated}",
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

/// Names that the API server refuses, and that would be part of what is sealed.
fn refuse_bad_names(source: &str, secret: &PlainSecret) -> Result<()> {
    let (name, namespace) = (&secret.name, &secret.namespace);
    let bad = if !limits::is_name(name) {
        format!("{:?} cannot be the name of a Secret", shown(name))
    } else if !namespace.is_empty() && !limits::is_namespace(namespace) {
        format!("{:?} cannot be the name of a namespace", shown(namespace))
    } else {
        return Ok(());
    };
    Err(Report::new(Code::BadName, format!("{source}: {bad}"))
        .hint("lower-case letters, digits and `-` between them; in the name of a Secret dots as well"))
}

impl Extra {
    fn add_to(&self, secret: &mut PlainSecret) {
        if let Some(secret_type) = &self.secret_type {
            secret.secret_type = Some(secret_type.clone());
        }
        secret.labels.extend(self.labels.clone());
        secret.annotations.extend(self.annotations.clone());
        if self.immutable {
            secret.immutable = Some(true);
        }
    }
}
