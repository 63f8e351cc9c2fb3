//! The public face: [`Controller`] starts everything, [`Handle`] is what the caller keeps.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bulla_core::sealed::Fingerprint;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{self, Engine};
use crate::http::{self, Serves};
use crate::keys::uses;
use crate::login::login_failure;
use crate::renders::Renders;
use crate::rsa_pool::RsaPool;
use crate::{Config, Error, watch};

/// How long work in flight may take at the end.
const PATIENCE: Duration = Duration::from_secs(10);

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
    engine: Arc<Engine>,
    addresses: Addresses,
    stop: CancellationToken,
    tasks: TaskTracker,
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
    /// [`Error::Client`], for instance when a certificate of the kubeconfig cannot be read; [`Error::Login`].
    pub fn client(mut config: kube::Config) -> Result<kube::Client, Error> {
        config.default_retry = false;
        kube::Client::try_from(config).map_err(|error| match login_failure(&error) {
            Some(reason) => Error::Login { reason },
            None => Error::Client(error),
        })
    }

    /// Opens the ports and starts to work. A cluster that cannot be reached, a missing CRD and missing rights are no
    /// errors: they are logged with their cure, and tried again for ever. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Listen`] when a port is taken; [`Error::KeyPrefix`], [`Error::NoNamespace`] for settings that cannot work.
    pub async fn start(self) -> Result<Handle, Error> {
        self.config.check()?;
        let (http, metrics) = (self.config.listen_addr, self.config.listen_metrics_addr);
        let same = http.is_some() && http == metrics && http.is_some_and(|address| address.port() != 0);
        let mut addresses = Addresses::default();
        let mut ports = Vec::new();
        if let Some(address) = http {
            let (listener, bound) = http::bind(address, "--listen-addr").await?;
            addresses.http = Some(bound);
            ports.push((listener, if same { Serves::Both } else { Serves::Api }));
        }
        if same {
            addresses.metrics = addresses.http;
        } else if let Some(address) = metrics {
            let (listener, bound) = http::bind(address, "--listen-metrics-addr").await?;
            addresses.metrics = Some(bound);
            ports.push((listener, Serves::Metrics));
        }
        let pool = Arc::new(RsaPool::new(self.config.rsa_threads).map_err(Error::Runtime)?);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "Starting sealed-secrets controller");
        let engine = Arc::new(Engine::new(self.client, self.config, pool));
        let handle = Handle { engine, addresses, stop: CancellationToken::new(), tasks: TaskTracker::new() };
        for (listener, serves) in ports {
            let what = if serves == Serves::Metrics { "HTTP metrics server serving" } else { "HTTP server serving" };
            if let Ok(addr) = listener.local_addr() {
                tracing::info!(%addr, "{what}");
            }
            handle.tasks.spawn(http::serve(listener, serves, Arc::clone(&handle.engine), handle.stop.clone()));
        }
        handle.spawn_tasks();
        Ok(handle)
    }

    /// [`Controller::start`], then waits for `shutdown`, SIGTERM or SIGINT, and stops in order. SIGUSR1 makes a new key.
    ///
    /// # Errors
    /// Those of [`Controller::start`].
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
        let mut renew = signal(SignalKind::user_defined1()).map_err(Error::Runtime)?;
        let handle = self.start().await?;
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = renew.recv() => {
                    if let Err(error) = handle.renew_key().await {
                        tracing::error!(%error, "Failed to generate new key");
                    }
                }
            }
        }
        handle.shutdown().await;
        Ok(())
    }
}

impl Handle {
    /// Waits until the sealing keys are loaded and both caches are filled: from then on `/readyz` says 200.
    pub async fn ready(&self) {
        // The sender lives as long as the engine that this handle holds.
        let _ = self.engine.readiness().wait_for(|ready| *ready).await;
    }

    /// Makes a new sealing key now, stores it in the cluster and serves its certificate, once it is backed up if it must be.
    /// Objects that were sealed with older keys still open.
    ///
    /// # Errors
    /// [`Error::StoreKey`] when the API server refuses it; then the old key stays the newest. [`Error::NotLeading`] when another
    /// replica makes the keys.
    pub async fn renew_key(&self) -> Result<Fingerprint, Error> {
        self.engine.keys.renew().await
    }

    /// The newest sealing certificate in PEM, if there is one: what `/v1/cert.pem` serves.
    pub fn certificate_pem(&self) -> Option<String> {
        self.engine.keys.newest().map(|certificate| certificate.pem)
    }

    /// The addresses that are really listened on.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Whether this replica writes at this moment.
    pub fn is_leading(&self) -> bool {
        self.engine.gate.may_write()
    }

    /// RSA private operations so far.
    pub fn private_operations(&self) -> u64 {
        self.engine.private_operations()
    }

    /// What `/metrics` answers.
    pub fn metrics(&self) -> String {
        self.engine.metrics_text()
    }

    /// Stops taking work, finishes what is in flight, closes the ports, and gives the Lease back.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("stopped before all work in flight was done; the next start takes it up");
        }
        self.engine.replica.release().await;
    }

    fn spawn_tasks(&self) {
        let engine = &self.engine;
        // More than there are slots: objects whose templates run take no slot from the others.
        let workers = engine.config.workers.max(1);
        for _ in 0..workers + Renders::places(workers) {
            self.tasks.spawn(engine::work(Arc::clone(engine), self.stop.clone()));
        }
        self.until_stopped({
            let engine = Arc::clone(engine);
            async move { engine.keys.follow().await }
        });
        self.until_stopped(engine::take_part(Arc::clone(engine)));
        self.until_stopped(engine::follow_leading(Arc::clone(engine)));
        self.until_stopped({
            let engine = Arc::clone(engine);
            async move { engine.gate.watch_the_end().await }
        });
        self.until_stopped({
            let engine = Arc::clone(engine);
            async move { engine.keys.keep_fresh().await }
        });
        self.until_stopped({
            let engine = Arc::clone(engine);
            async move { engine.keys.keep_backups().await }
        });
        self.until_stopped(engine::follow_keys(Arc::clone(engine)));
        self.until_stopped(uses::warn_of_bad_keys(Arc::clone(engine)));
        self.until_stopped(engine::probe(Arc::clone(engine)));
        self.until_stopped(watch::follow(Arc::clone(engine)));
    }

    /// Watching can be dropped at any time; work on an object is finished.
    fn until_stopped(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
