//! What can go wrong outside of requests: starting, listening, and writing the kubeconfig.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::persist::StorageError;

/// Why a development cluster could not be started or served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry of [`Options::crds`](crate::Options::crds) is not a CustomResourceDefinition that can be served.
    #[error("load CustomResourceDefinition {name:?}: {reason}")]
    LoadDefinition {
        /// The definition's name, as far as it has one.
        name: String,
        /// The API server's message.
        reason: String,
    },
    /// An object given to [`DevCluster::plant`](crate::DevCluster::plant) cannot be stored.
    #[error("plant the object {name:?}: {reason}")]
    PlantObject {
        /// The object's name, as far as it has one.
        name: String,
        /// The API server's message.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("generate the access token")]
    GenerateToken,
    /// Stored state cannot be used.
    #[error("open the stored state")]
    OpenStorage(#[source] StorageError),
    /// The address would let other machines in.
    #[error(
        "refuse to listen on {address}: it is not a loopback address, and everybody with the token may do everything; \
         use 127.0.0.1, or pass --insecure-expose if that is meant"
    )]
    RefuseExposure {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The port is taken.
    #[error("listen on {address}: the address is in use; stop what listens there, or use port 0 for any free port")]
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The address cannot be listened on for another reason.
    #[error("listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("make the serving certificate")]
    MakeCertificate(#[source] rcgen::Error),
    /// TLS could not be set up.
    #[error("set up TLS")]
    SetUpTls(#[source] rustls::Error),
    /// The kubeconfig could not be written.
    #[error("write kubeconfig {}", path.display())]
    WriteKubeconfig {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}
