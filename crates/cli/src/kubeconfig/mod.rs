//! kubeconfigs, as client-go (and so kubectl and kubeseal) loads them: which files, which value of which file, which context,
//! what the flags put in their place, and how somebody proves who they are.
//!
//! Which way the data goes: files -> `file` (one file's text to a [`Kubeconfig`]) -> `merge` (many files to one) -> `resolve`
//! (context, cluster and user that are meant, with the [`Overrides`]) -> `validate` (what client-go refuses) -> `connect` (kube's
//! `Config`, with `exec` for credential plugins, `prompt` for people, and `proxy` for the environment's proxies). All decisions
//! are functions of values; files, processes and terminals are at the edge, in `load`, `exec`, `prompt` and `connect`.
//!
//! Messages are client-go's, since scripts match them; no message repeats a token, a password or a key.

mod connect;
mod exec;
mod file;
mod load;
mod merge;
mod prompt;
mod proxy;
mod resolve;
mod validate;

pub(crate) use connect::{Plugins, settings};
pub(crate) use load::namespace;
pub(crate) use proxy::from_environment as proxy_from_environment;

use std::collections::BTreeMap;

use serde_json::Value;
use zeroize::Zeroizing;

/// Why there is no connection, in client-go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing names a cluster.
    Empty,
    /// The file of `--kubeconfig` is not there.
    NoSuchFile(String),
    /// A kubeconfig or a flag that cannot be used.
    Invalid(String),
    /// Everything is well formed, and no credentials for this server come out of it.
    Credentials { server: String, message: String },
}

impl Trouble {
    /// client-go's message.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Empty => NO_CONFIGURATION,
            Self::NoSuchFile(message) | Self::Invalid(message) | Self::Credentials { message, .. } => message,
        }
    }
}

/// client-go's words when nothing names a cluster.
pub(crate) const NO_CONFIGURATION: &str =
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable";

/// What flags put in the place of what the kubeconfig says. Empty is not given. The context is chosen beside them.
#[derive(Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) cluster: String,
    pub(crate) user: String,
    pub(crate) server: String,
    pub(crate) tls_server_name: String,
    pub(crate) insecure: bool,
    pub(crate) certificate_authority: String,
    pub(crate) client_certificate: String,
    pub(crate) client_key: String,
    pub(crate) token: Zeroizing<String>,
    pub(crate) impersonate: String,
    pub(crate) impersonate_uid: String,
    pub(crate) impersonate_groups: Vec<String>,
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
    pub(crate) timeout: String,
    pub(crate) proxy_url: String,
    pub(crate) disable_compression: bool,
}

/// Tokens and passwords are in it: nothing of it is shown.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Overrides")
    }
}

/// One kubeconfig, or several merged. Names are unique.
#[derive(Default)]
struct Kubeconfig {
    clusters: BTreeMap<String, Cluster>,
    users: BTreeMap<String, User>,
    contexts: BTreeMap<String, Context>,
    current_context: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Context {
    cluster: String,
    user: String,
    namespace: String,
}

/// Which server, and how it is known. Empty is not given.
#[derive(Clone, Default)]
struct Cluster {
    server: String,
    tls_server_name: String,
    insecure: bool,
    certificate_authority: String,
    certificate_authority_data: Vec<u8>,
    proxy_url: String,
    disable_compression: bool,
    /// The extension that is handed to credential plugins.
    plugin_config: Option<Value>,
    /// Whether a file has it: an empty entry of a file is another error than none.
    is_in_a_file: bool,
}

/// Who asks. Empty is not given.
#[derive(Clone, Default)]
struct User {
    client_certificate: String,
    client_certificate_data: Vec<u8>,
    client_key: String,
    client_key_data: Zeroizing<Vec<u8>>,
    token: Zeroizing<String>,
    token_file: String,
    impersonate: String,
    impersonate_uid: String,
    impersonate_groups: Vec<String>,
    impersonate_extra: BTreeMap<String, Vec<String>>,
    username: String,
    password: Zeroizing<String>,
    auth_provider: Option<AuthProvider>,
    exec: Option<Plugin>,
}

/// What an authentication provider is configured with. Tokens and client secrets are among the values.
#[derive(Clone, Default)]
struct AuthProvider {
    name: String,
    config: BTreeMap<String, Zeroizing<String>>,
}

/// A credential plugin: a program that prints a token or a client certificate.
#[derive(Clone, Default)]
struct Plugin {
    api_version: String,
    command: String,
    args: Vec<String>,
    /// Names and values.
    env: Vec<(String, String)>,
    install_hint: String,
    interactive_mode: String,
    provide_cluster_info: bool,
}
