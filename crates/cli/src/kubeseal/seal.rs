//! Sealing a stream of Secrets, and one raw value.

use bulla_core::go_base64;
use bulla_core::sealed::{PlainSecret, Scope, SealingCertificate, seal_value};
use bulla_yaml::{Document, Limits};
use zeroize::Zeroizing;

use super::flags::Flags;
use super::run::{FormatFlag, Input};
use super::{Failure, namespace, open_failed};
use crate::io::input::read_file;
use crate::io::output::to_stderr;
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
    // kubeseal's line, then where and why, which kubeseal does not say.
    let documents =
        bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| format!("{NO_SECRETS}\n{error}"))?;
    if documents.is_empty() {
        return Err(NO_SECRETS.to_owned());
    }
    let mut secrets = Vec::new();
    for document in &documents {
        let secret = PlainSecret::from_node(&document.root).map_err(|error| error.go_message())?;
        warn(document, &secret);
        secrets.push(secret);
    }
    for mut secret in secrets {
        settle(&mut secret, flags)?;
        let format = format.resolve()?;
        let sealed = secret.seal(certificate).map_err(|error| error.to_string())?;
        output.push_str(&format.write(&manifest::sealed_secret(&sealed)));
    }
    Ok(())
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

/// Name, namespace and scope, in kubeseal's order.
fn settle(secret: &mut PlainSecret, flags: &Flags) -> Result<(), Failure> {
    if secret.data.is_empty() && !flags.is_set("allow-empty-data") {
        return Err(NO_DATA.to_owned());
    }
    if let Some(name) = flags.text("name") {
        secret.name = name;
    }
    if secret.name.is_empty() {
        return Err("missing metadata.name in input Secret".to_owned());
    }
    // Strict leaves the annotations of the input in force.
    if flags.scope() != Scope::Strict {
        secret.set_scope(flags.scope());
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
            secret.namespace = match namespace::effective(flags) {
                Ok(namespace) => namespace,
                Err(message) if message == namespace::NO_CONFIGURATION => {
                    return Err("secret must declare a namespace".to_owned());
                }
                Err(message) => return Err(message),
            };
        }
        None => {}
    }
    Ok(())
}

/// `--raw`: one value, byte for byte, as base64 without a line break.
pub(super) fn raw(flags: &Flags, certificate: &SealingCertificate, input: Input) -> Result<String, Failure> {
    let scope = flags.scope();
    let namespace = if scope == Scope::ClusterWide { String::new() } else { namespace::effective(flags)? };
    if namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(format!("must provide the --namespace flag with --raw and --scope {scope}"));
    }
    let name = flags.text("name").unwrap_or_default();
    if name.is_empty() && scope == Scope::Strict {
        return Err(format!("must provide the --name flag with --raw and --scope {scope}"));
    }
    let value = match flags.list("from-file") {
        [] => input.read()?,
        [file] => {
            let path = file.split_once('=').map_or(file.as_str(), |(_, path)| path).as_ref();
            read_file(path).map_err(|error| open_failed(path, &error))?
        }
        _ => return Err("must provide only one --from-file when encrypting a single item with --raw".to_owned()),
    };
    let sealed = seal_value(&value, certificate, scope, &namespace, &name).map_err(|error| error.to_string())?;
    Ok(go_base64::encode(&sealed))
}
