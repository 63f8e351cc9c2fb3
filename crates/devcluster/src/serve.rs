//! Serving from outside the process: a listener on loopback, TLS, HTTP/1.1, and limits.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::cluster::DevCluster;
use crate::error::Error;
use crate::kubeconfig;

/// Each watch is a connection.
const MAX_CONNECTIONS: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Also closes idle connections, so it is longer than the 90 seconds after which Go and hyper drop theirs: the client
/// should be the one to close, or it may send a request into a connection that is just being closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long requests may go on once the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Where to listen.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// The address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Allows addresses that other machines can reach. Whoever has the token may do everything.
    pub insecure_expose: bool,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 0)), insecure_expose: false }
    }
}

/// A listening cluster. Stops when it is dropped; [`Self::shutdown`] stops it in good order.
pub struct Server {
    address: SocketAddr,
    kubeconfig: String,
    stop: watch::Sender<bool>,
    watches: watch::Sender<bool>,
    listener: JoinHandle<()>,
}

impl DevCluster {
    /// Listens with TLS. Every request needs the token of the kubeconfig.
    ///
    /// # Errors
    /// An address that is not loopback without `insecure_expose`, one that is in use, or no certificate.
    pub async fn serve(&self, options: ServeOptions) -> Result<Server, Error> {
        let asked = options.listen;
        if !options.insecure_expose && !asked.ip().is_loopback() {
            return Err(Error::RefuseExposure { address: asked });
        }
        let listener = TcpListener::bind(asked).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::AddressInUse { address: asked, source },
            _ => Error::Listen { address: asked, source },
        })?;
        let address = listener.local_addr().map_err(|source| Error::Listen { address: asked, source })?;
        let identity = self.inner.authority()?.identity(address.ip())?;
        let kubeconfig = kubeconfig::text(address, &identity.authority, self.token());
        let stop = watch::channel(false).0;
        let acceptor = TlsAcceptor::from(identity.config);
        let listener = tokio::spawn(accept(self.clone(), listener, acceptor, stop.subscribe()));
        Ok(Server { address, kubeconfig, stop, watches: self.inner.shutdown.clone(), listener })
    }
}

impl Server {
    /// The address that is listened on, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The text of a kubeconfig for this server. It holds the token.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Writes the kubeconfig to `path`, atomically, readable by its owner only.
    ///
    /// # Errors
    /// A folder that is not there or cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> Result<(), Error> {
        kubeconfig::write(path, &self.kubeconfig)
            .map_err(|source| Error::WriteKubeconfig { path: path.to_owned(), source })
    }

    /// Takes no new connections, ends the watches of the cluster, and waits a few seconds for the requests under way.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.watches.send_replace(true);
        let _ = (&mut self.listener).await;
        // In-process users may go on watching.
        self.watches.send_replace(false);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept(cluster: DevCluster, listener: TcpListener, acceptor: TlsAcceptor, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = stop.changed() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        // Forgets the connections that ended.
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let (cluster, acceptor, stop) = (cluster.clone(), acceptor.clone(), stop.clone());
                connections.spawn(async move {
                    let _place = place;
                    connection(cluster, stream, acceptor, stop).await;
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: others will be closed.
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(cluster: DevCluster, stream: TcpStream, acceptor: TlsAcceptor, mut stop: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return tracing::debug!("TLS handshake took too long"),
    };
    let service = TowerToHyperService::new(cluster.service());
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        _ = stop.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}
