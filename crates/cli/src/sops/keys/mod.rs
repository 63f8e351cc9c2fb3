//! Who answers for a wrapped data key.

mod age;
mod agent;
mod cloud;
mod explain;
mod pgp;
mod terminal;

use std::sync::Arc;

use age::Variables;
pub(crate) use age::check_recipient;
use bulla_core::secret::SecretBytes;
use bulla_core::sops::{KeySource, MasterKey};

/// Everybody who is asked for a data key, in this order.
pub(crate) struct KeyServices {
    services: Vec<Service>,
}

/// One of them.
pub(crate) enum Service {
    /// This process: age identities, gpg; cloud keys with the clients of the backends.
    Local(LocalKeys),
    /// A key service at a URI: `tcp://HOST:PORT`, `unix:///PATH`.
    Remote(super::keyservice::Client),
}

/// The keys of this machine. Identities are looked for once, when the first key asks for them, and kept for all files of a run.
pub(crate) struct LocalKeys {
    age: age::AgeKeys,
    pgp: pgp::PgpKeys,
}

impl KeyServices {
    /// The local keys (unless they are switched off), and the services at the URIs.
    pub(crate) fn new(local: bool, remote: Vec<super::keyservice::Client>) -> Self {
        let local = local.then(|| Service::Local(LocalKeys::default()));
        Self { services: local.into_iter().chain(remote.into_iter().map(Service::Remote)).collect() }
    }

    /// Whether there is nobody to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The part of the data key that `key` wraps, or why not: one text for each service, as the real tool words them.
    pub(crate) fn unwrap(&self, key: &MasterKey) -> Result<SecretBytes, Vec<String>> {
        self.first(|service| match service {
            Service::Local(local) => local.unwrap(key),
            Service::Remote(client) => client.unwrap(key),
        })
    }

    /// Wraps a part of the data key: the text that the file has as `enc`.
    pub(crate) fn wrap(&self, source: &KeySource, part: &[u8]) -> Result<String, Vec<String>> {
        self.first(|service| match service {
            Service::Local(local) => local.wrap(source, part),
            Service::Remote(client) => client.wrap(source, part),
        })
    }

    fn first<T>(&self, ask: impl Fn(&Service) -> Result<T, String>) -> Result<T, Vec<String>> {
        let mut errors = Vec::new();
        for service in &self.services {
            match ask(service) {
                Ok(answer) => return Ok(answer),
                Err(error) => errors.push(error),
            }
        }
        Err(errors)
    }
}

impl Default for LocalKeys {
    fn default() -> Self {
        let variables = Arc::new(Variables::system());
        Self { age: age::AgeKeys::new(variables.clone()), pgp: pgp::PgpKeys::new(variables) }
    }
}

impl LocalKeys {
    /// Opens `key.enc` with what this machine has.
    pub(crate) fn unwrap(&self, key: &MasterKey) -> Result<SecretBytes, String> {
        match &key.source {
            KeySource::Age { recipient } => logged("AGE", "Decryption", &[], self.age.unwrap(recipient, &key.enc)),
            KeySource::Pgp { fingerprint } => {
                logged("PGP", "Decryption", &[("fingerprint", fingerprint)], self.pgp.unwrap(&key.enc))
            }
            _ => cloud::unwrap(key),
        }
    }

    /// Encrypts a part of the data key to `source`.
    pub(crate) fn wrap(&self, source: &KeySource, part: &[u8]) -> Result<String, String> {
        match source {
            KeySource::Age { recipient } => {
                logged("AGE", "Encryption", &[("recipient", recipient)], self.age.wrap(recipient, part))
            }
            KeySource::Pgp { fingerprint } => {
                logged("PGP", "Encryption", &[("fingerprint", fingerprint)], self.pgp.wrap(fingerprint, part))
            }
            _ => cloud::wrap(source, part),
        }
    }
}

/// `--verbose` tells each attempt.
fn logged<T>(part: &str, what: &str, fields: &[(&str, &str)], done: Result<T, String>) -> Result<T, String> {
    let outcome = if done.is_ok() { "succeeded" } else { "failed" };
    super::log::entry(super::log::Level::Info, part, &format!("{what} {outcome}"), fields);
    done
}
