//! The namespace that is meant: by flag, else by the kubeconfig's context, as client-go decides it.

use kube::config::{Kubeconfig, KubeconfigError};

use super::Failure;
use super::flags::Flags;

/// client-go's words when there is no kubeconfig.
pub(super) const NO_CONFIGURATION: &str =
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable";

/// `-n` or `SEALED_SECRETS_NAMESPACE`.
pub(super) fn explicit(flags: &Flags) -> Option<String> {
    flags.text("namespace")
}

/// The explicit namespace, else the context's, else `default` if a context can be used at all.
///
/// # Errors
/// client-go's message when there is no configuration, or a broken one.
pub(super) fn effective(flags: &Flags) -> Result<String, Failure> {
    if let Some(namespace) = explicit(flags) {
        return Ok(namespace);
    }
    let read = match flags.path("kubeconfig") {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let config = match read {
        Ok(config) => config,
        Err(KubeconfigError::ReadConfig(error, path)) if flags.path("kubeconfig").is_some() => {
            return Err(format!("stat {}: {}", path.display(), crate::report::os_error(&error)));
        }
        Err(KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath) => return Err(NO_CONFIGURATION.to_owned()),
        // The parser quotes the file, which holds tokens and keys.
        Err(KubeconfigError::Parse(_)) => return Err("error loading config file: not a valid kubeconfig".to_owned()),
        Err(other) => return Err(other.to_string()),
    };
    let Some(name) = flags.text("context").or_else(|| config.current_context.clone()).filter(|name| !name.is_empty())
    else {
        return Err(NO_CONFIGURATION.to_owned());
    };
    let Some(context) = config.contexts.iter().find(|context| context.name == name) else {
        return Err(format!("context {name:?} does not exist"));
    };
    let namespace = context.context.as_ref().and_then(|context| context.namespace.clone());
    Ok(namespace.filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| "default".to_owned()))
}

/// Flags that would send the request elsewhere, or as somebody else, must not be ignored.
pub(super) fn refuse_overrides(flags: &Flags) -> Result<(), Failure> {
    const OVERRIDES: [&str; 14] = [
        "as",
        "as-uid",
        "certificate-authority",
        "client-certificate",
        "client-key",
        "cluster",
        "password",
        "proxy-url",
        "request-timeout",
        "server",
        "tls-server-name",
        "token",
        "user",
        "username",
    ];
    let given = OVERRIDES.into_iter().find(|name| flags.path(name).is_some_and(|value| value != "0"));
    let given = given
        .or_else(|| flags.is_set("insecure-skip-tls-verify").then_some("insecure-skip-tls-verify"))
        .or_else(|| (!flags.list("as-group").is_empty()).then_some("as-group"));
    match given {
        None => Ok(()),
        Some(name) => Err(format!("--{name} is not there yet in bulla's kubeseal: put it into a kubeconfig")),
    }
}
