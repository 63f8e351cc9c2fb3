//! What the controller can be told. Flags and environment variables are the caller's; the defaults are upstream's.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use bulla_core::sealed::KeySize;

use crate::Error;

mod http;
pub(crate) mod keys;
mod reach;

pub use self::http::HttpConfig;
use self::keys::KeySettings;
pub use self::reach::{LeaderElection, Objects, Reach, Replicas, RequestLimit};

/// Settings of the controller. `Config::default()` behaves as upstream's controller without flags (sealed-secrets 10.1),
/// except that it works on many objects at a time.
#[derive(Clone, Debug)]
pub struct Config {
    /// The namespace in which sealing keys are kept: the controller's own.
    pub namespace: String,
    /// generateName prefix of key Secrets, and the name of one legacy key Secret without a label.
    pub key_prefix: String,
    /// Size of a new sealing key.
    pub key_size: KeySize,
    /// Validity of a new sealing certificate.
    pub key_ttl: Duration,
    /// Common name of a new sealing certificate; may be empty.
    pub my_cn: String,
    /// When new keys are made, and which one is the newest.
    pub keys: KeySettings,
    /// Where `/healthz`, `/readyz` and `/v1/cert.pem` are served; port 0 lets the system choose. `None`: nowhere.
    pub listen_addr: Option<SocketAddr>,
    /// Where `/metrics` is served; may be equal to `listen_addr`. `None`: nowhere.
    pub listen_metrics_addr: Option<SocketAddr>,
    /// Objects that are worked on at the same time, which bounds the requests in flight. At least 1. Beside them as many (2
    /// at least) may be opened and rendered at the same time if they have templates.
    pub workers: usize,
    /// Threads for RSA private operations. At least 1.
    pub rsa_threads: usize,
    /// Whether the deprecated `spec.data` is read.
    pub accept_deprecated_data: bool,
    /// Whether the status of SealedSecrets is written. Without it a restart opens every object again.
    pub update_status: bool,
    /// Whether Secrets that were deleted or edited are left so. Then Secrets are not watched either.
    pub skip_recreate: bool,
    /// Whether the controller itself deletes the Secret of a deleted SealedSecret, beside Kubernetes' garbage collection.
    pub old_gc_behavior: bool,
    /// What callers of the HTTP endpoints may ask for.
    pub http: HttpConfig,
    /// Whether metrics that name objects are left out.
    pub metrics_omit_secret_labels: bool,
    /// Which objects, as one of how many replicas, at which pace.
    pub reach: Reach,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace: "kube-system".to_owned(),
            key_prefix: "sealed-secrets-key".to_owned(),
            key_size: KeySize::Rsa4096,
            key_ttl: Duration::from_secs(87_600 * 3600),
            my_cn: String::new(),
            keys: KeySettings::default(),
            listen_addr: Some(SocketAddr::from(([0u16; 8], 8080))),
            listen_metrics_addr: Some(SocketAddr::from(([0u16; 8], 8081))),
            workers: 16,
            rsa_threads: thread::available_parallelism().map_or(1, usize::from),
            accept_deprecated_data: true,
            update_status: true,
            skip_recreate: false,
            old_gc_behavior: false,
            http: HttpConfig::default(),
            metrics_omit_secret_labels: false,
            reach: Reach::default(),
        }
    }
}

impl Config {
    /// Checks what the API server would refuse later.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let prefix = self.key_prefix.as_bytes();
        let legal = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        if prefix.len() > 245 || !prefix.iter().all(legal) || !edge(prefix.first()) {
            return Err(Error::KeyPrefix { prefix: self.key_prefix.clone() });
        }
        if self.namespace.is_empty() {
            return Err(Error::NoNamespace);
        }
        self.reach.replicas.check()
    }
}

/// Reads an address as Go's tools write it: `:8080` (every interface), `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
///
/// # Errors
/// [`Error::ListenAddress`] for anything else; other host names are not resolved.
pub fn parse_listen_address(text: &str) -> Result<SocketAddr, Error> {
    let invalid = || Error::ListenAddress { text: text.chars().take(100).collect() };
    let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
    match host {
        "" => Ok(SocketAddr::from(([0u16; 8], port.parse().map_err(|_| invalid())?))),
        "localhost" => Ok(SocketAddr::from(([127, 0, 0, 1], port.parse().map_err(|_| invalid())?))),
        _ => text.parse().map_err(|_| invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_as_go_writes_them() {
        for (text, expected) in [
            (":8080", "[::]:8080"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:8081", "[::1]:8081"),
            ("localhost:9", "127.0.0.1:9"),
        ] {
            assert_eq!(parse_listen_address(text).unwrap().to_string(), expected);
        }
        for bad in ["", "8080", ":", ":x", ":70000", "example.com:80"] {
            assert!(parse_listen_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_prefix_that_no_secret_can_have_is_refused_at_start() {
        let config = |prefix: &str| Config { key_prefix: prefix.to_owned(), ..Config::default() };
        assert!(Config::default().check().is_ok());
        for bad in ["", "-a", "A", "a_b", &"a".repeat(246)] {
            assert!(config(bad).check().is_err(), "{bad}");
        }
        assert!(Config { namespace: String::new(), ..Config::default() }.check().is_err());
    }
}
