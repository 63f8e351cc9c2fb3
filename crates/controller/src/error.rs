//! What can go wrong for the caller of this crate. Failures of single objects are conditions, not errors.

use std::io;
use std::net::SocketAddr;

/// The controller could not be started or asked. No variant carries a byte of a value or of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An HTTP port could not be opened.
    #[error("listen on {address} ({flag}): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A listen address is no address.
    #[error("read the listen address {text:?}: expected :PORT or IP:PORT")]
    ListenAddress {
        /// What was given.
        text: String,
    },
    /// The key prefix is no prefix of a Secret's name.
    #[error("use {prefix:?} as a key prefix: at most 245 of a-z, 0-9 and '-', beginning with a letter or digit")]
    KeyPrefix {
        /// What was given.
        prefix: String,
    },
    /// A flag about sealing keys has a value that cannot be.
    #[error("{flag}: {reason}")]
    KeySetting {
        /// The flag.
        flag: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
    /// Another replica is the one that writes.
    #[error("make a sealing key: another replica leads, and makes the keys")]
    NotLeading,
    /// No namespace was given.
    #[error("keep sealing keys: the controller's namespace is empty")]
    NoNamespace,
    /// Replicas cannot agree with these settings.
    #[error("share the work with other replicas: {reason}")]
    Replicas {
        /// What is wrong.
        reason: &'static str,
    },
    /// Threads could not be started, or signals not be received.
    #[error("start the controller: {0}")]
    Runtime(#[source] io::Error),
    /// The client could not be built.
    #[error("build a Kubernetes client: {0}")]
    Client(#[source] kube::Error),
    /// The kubeconfig gives no credentials.
    #[error("log in to the cluster: {reason}")]
    Login {
        /// Why, without what a credential plugin printed.
        reason: String,
    },
    /// A key could not be generated.
    #[error(transparent)]
    Key(#[from] bulla_core::Error),
    /// A new key could not be stored.
    #[error("store the new sealing key in namespace {namespace}: {reason}")]
    StoreKey {
        /// The controller's namespace.
        namespace: String,
        /// What the API server said.
        reason: String,
    },
    /// The controller was stopped while it was asked for something.
    #[error("ask a controller that has been stopped")]
    Stopped,
}
