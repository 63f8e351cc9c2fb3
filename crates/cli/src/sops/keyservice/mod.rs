//! The key service: gRPC over TCP or a unix socket, as a client and as a server.

use bulla_core::secret::SecretBytes;
use bulla_core::sops::{KeySource, MasterKey};

/// A key service that somebody else runs. It connects when the first key asks for it.
pub(crate) struct Client {
    uri: String,
}

impl Client {
    /// A service at `tcp://HOST:PORT` or `unix:///PATH`.
    ///
    /// # Errors
    /// A text that says what is wrong with the URI.
    pub(crate) fn new(uri: &str) -> Result<Self, String> {
        Ok(Self { uri: uri.to_owned() })
    }

    /// Asks the service to open `key.enc`.
    pub(crate) fn unwrap(&self, _key: &MasterKey) -> Result<SecretBytes, String> {
        Err(format!("{}: not connected", self.uri))
    }

    /// Asks the service to encrypt a part of the data key.
    pub(crate) fn wrap(&self, _source: &KeySource, _part: &[u8]) -> Result<String, String> {
        Err(format!("{}: not connected", self.uri))
    }
}
