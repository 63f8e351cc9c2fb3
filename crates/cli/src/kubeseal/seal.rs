//! Sealing a stream of Secrets, and one raw value.

use std::io::IsTerminal as _;

use bulla_core::go_base64;
use bulla_core::sealed::{PlainSecret, Scope, SealingCertificate, seal_value};
use bulla_yaml::{Document, Limits, Node};
use zeroize::Zeroizing;

use super::flags::Flags;
use super::merge::Target;
use super::run::{FormatFlag, Input};
use super::{Failure, namespace, read_failed};
use crate::io::input::read_file;
use crate::io::output::to_stderr;
use crate::kubeconfig::Trouble;
use crate::manifest;
use crate::report::harmless;

const NO_SECRETS: &str = "no secrets found. Ensure the input is valid and UTF-8 encoded";
const NO_DATA: &str = "secret.data is empty in input Secret, assuming this is an error and aborting. To work with \
                       empty data, --allow-empty-data can be used";

/// Seals every document of `text` into `output`; on a failure, what was sealed before it is in there.
pub(super) fn seal(
    text: &[u8],
    flags: &Flags,
    certificate: &SealingCertificate,
    format: &FormatFlag,
    output: &mut Zeroizing<String>,
) -> Result<(), Failure> {
    for mut secret in read_secrets(text)? {
        settle(&mut secret, flags, None)?;
        let format = format.resolve()?;
        let sealed = secret.seal(certificate).map_err(|error| error.to_string())?;
        output.push_str(&format.write(&manifest::sealed_secret(&sealed)));
    }
    Ok(())
}

/// Every document that says something, as a Secret.
pub(super) fn read_secrets(text: &[u8]) -> Result<Vec<PlainSecret>, Failure> {
    // kubeseal's line, then where and why, which kubeseal does not say.
    let documents =
        bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| format!("{NO_SECRETS}\n{error}"))?;
    let mut secrets = Vec::new();
    for document in documents.iter().filter(|document| !is_nothing(&document.root)) {
        let secret = PlainSecret::from_node(&document.root).map_err(|error| error.go_message())?;
        warn(document, &secret);
        secrets.push(secret);
    }
    if secrets.is_empty() { Err(NO_SECRETS.to_owned()) } else { Ok(secrets) }
}

/// Whether a document leaves a Go `Secret` as it was: such a document is skipped, whatever it is.
fn is_nothing(root: &Node) -> bool {
    let is_zero = |node: &Node| node.is_null() || node.as_str() == Some("");
    let Some(entries) = root.entries() else { return true };
    entries.iter().all(|entry| match entry.key.as_str() {
        "apiVersion" | "kind" | "type" => is_zero(&entry.value),
        "data" | "stringData" | "immutable" => entry.value.is_null(),
        "metadata" => match entry.value.entries() {
            Some(fields) => fields.iter().all(|field| is_zero(&field.value)),
            None => entry.value.is_null(),
        },
        _ => true,
    })
}

/// kubeseal is silent about these; the bytes are the same, but the author should know.
fn warn(document: &Document, secret: &PlainSecret) {
    let source = "input";
    for warning in &document.warnings {
        to_stderr(&format!("warning: {source}: {}\n", harmless(&warning.to_string())));
    }
    match secret.kind.as_deref() {
        None | Some("Secret") => {}
        Some(kind) => {
            let kind: String = kind.chars().take(63).flat_map(char::escape_debug).collect();
            to_stderr(&format!("warning: {source}: {}: kind is {kind}, not Secret\n", document.root.span.position));
        }
    }
    for warning in crate::seal::conversions(document, secret) {
        to_stderr(&format!("warning: {source}: {}\n", harmless(&warning.to_string())));
    }
}

/// Name, namespace and scope, in kubeseal's order. Those of a SealedSecret that is merged into are not open to question.
pub(super) fn settle(secret: &mut PlainSecret, flags: &Flags, target: Option<&Target>) -> Result<(), Failure> {
    if secret.data.is_empty() && !flags.is_set("allow-empty-data") {
        return Err(NO_DATA.to_owned());
    }
    let name = match target {
        Some(target) => target.name.clone(),
        None => flags.text("name").unwrap_or_default(),
    };
    if !name.is_empty() {
        secret.name = name;
    }
    if secret.name.is_empty() {
        return Err("missing metadata.name in input Secret".to_owned());
    }
    if let Some(namespace) = target.map(|target| &target.namespace).filter(|namespace| !namespace.is_empty()) {
        secret.namespace.clone_from(namespace);
    }
    match target {
        Some(target) => secret.set_scope(target.scope),
        // Strict leaves the annotations of the input in force.
        None if flags.scope() == Scope::Strict => {}
        None => secret.set_scope(flags.scope()),
    }
    if secret.annotated_scope() == Scope::ClusterWide {
        return Ok(());
    }
    match namespace::explicit(flags) {
        Some(explicit) if secret.namespace.is_empty() => secret.namespace = explicit,
        Some(explicit) if explicit != secret.namespace => {
            return Err(format!(
                "namespace mismatch: input secret is in namespace {:?} but {explicit:?} was specified",
                secret.namespace
            ));
        }
        Some(_) => {}
        None if secret.namespace.is_empty() => {
            // kubeseal's line for every kubeconfig that it cannot use; then which.
            secret.namespace = namespace::effective(flags).map_err(|trouble| match trouble {
                Trouble::Empty => "secret must declare a namespace".to_owned(),
                other => format!("secret must declare a namespace\n{}", other.message()),
            })?;
        }
        None => {}
    }
    Ok(())
}

/// `--raw`: one value, byte for byte, as base64 without a line break.
pub(super) fn raw(flags: &Flags, certificate: &SealingCertificate) -> Result<String, Failure> {
    let scope = flags.scope();
    let namespace = if scope == Scope::ClusterWide {
        String::new()
    } else {
        namespace::effective(flags).map_err(|trouble| trouble.message().to_owned())?
    };
    if namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(format!("must provide the --namespace flag with --raw and --scope {scope}"));
    }
    let name = flags.text("name").unwrap_or_default();
    if name.is_empty() && scope == Scope::Strict {
        return Err(format!("must provide the --name flag with --raw and --scope {scope}"));
    }
    let value = match flags.list("from-file") {
        [] => {
            // Not the file of `-f`, which is opened and left alone.
            if std::io::stdin().is_terminal() {
                to_stderr("(tty detected: expecting a secret to encrypt in stdin)\n");
            }
            Input::Stdin.read()?
        }
        [file] => {
            let path = file.split_once('=').map_or(file.as_str(), |(_, path)| path).as_ref();
            read_file(path).map_err(|error| read_failed(path, &error))?
        }
        _ => return Err("must provide only one --from-file when encrypting a single item with --raw".to_owned()),
    };
    let sealed = seal_value(&value, certificate, scope, &namespace, &name).map_err(|error| error.to_string())?;
    Ok(go_base64::encode(&sealed))
}
