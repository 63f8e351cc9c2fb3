//! The HTTP endpoints (sealed-secrets 11): plain HTTP, any method.
//!
//! The port is open to the whole cluster, so everything has a limit: connections, the time that one may take to send its
//! headers (which is also how long it may idle), to send a body and to read an answer; the size of a body and of all
//! of them together; how often one caller may ask (`limiter`); and how much of the RSA threads all callers get (`share`).
//!
//! Which way the data goes: connection -> `routes` -> `guard` (metrics, limits) -> `probes`, or `body` -> `objects` or
//! `reseal` on a `share` -> answer.

mod body;
mod guard;
mod limiter;
mod objects;
mod probes;
mod reseal;
mod routes;
mod share;
mod stall;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::engine::Engine;
use crate::http::stall::Impatient;

/// Nobody needs longer for a few lines.
const MAX_HEADER_TIME: Duration = Duration::from_secs(30);
const MAX_CONNECTION: Duration = Duration::from_secs(600);
const MAX_CONNECTIONS: usize = 256;

/// Which endpoints a port serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serves {
    /// Health and certificate.
    Api,
    /// `/metrics`.
    Metrics,
    /// All of them.
    Both,
}

/// Opens a port. `[::]` takes IPv4 connections too, and where there is no IPv6 it means `0.0.0.0`.
pub(crate) async fn bind(address: SocketAddr, flag: &'static str) -> Result<(TcpListener, SocketAddr), Error> {
    let opened = match TcpListener::bind(address).await {
        Err(error) if address.ip() == std::net::Ipv6Addr::UNSPECIFIED && error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        opened => opened,
    };
    let listen = |source| Error::Listen { address, flag, source };
    let listener = opened.map_err(listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    Ok((listener, bound))
}

/// Serves until `stop`, then lets requests in flight end.
pub(crate) async fn serve(listener: TcpListener, serves: Serves, engine: Arc<Engine>, stop: CancellationToken) {
    let limits = engine.config.http;
    let (read_timeout, write_timeout) = (bounded(limits.read_timeout), bounded(limits.write_timeout));
    let reseal = Arc::new(reseal::Reseal::new(Arc::clone(&engine)));
    let connections = TaskTracker::new();
    if serves != Serves::Metrics {
        let (reseal, stop) = (Arc::clone(&reseal), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = reseal.find_out() => {}
                () = stop.cancelled() => {}
            }
        });
    }
    let routes = routes::routes(serves, engine, reseal);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: a pause lets some of them be closed.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Beyond the limit connections are closed at once, rather than left waiting.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let service = TowerToHyperService::new(routes.clone());
        let stop = stop.clone();
        connections.spawn(async move {
            let _place = place;
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(read_timeout.min(MAX_HEADER_TIME))
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(Impatient::new(stream, write_timeout)), service);
            tokio::pin!(connection);
            tokio::select! {
                // What a client does to its connection is no news.
                _ = &mut connection => return,
                () = tokio::time::sleep(MAX_CONNECTION) => {}
                () = stop.cancelled() => {}
            }
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(Duration::from_secs(5), connection).await;
        });
    }
    connections.close();
    connections.wait().await;
}

/// A time from the configuration: zero means as long as a connection may last.
fn bounded(time: Duration) -> Duration {
    if time.is_zero() { MAX_CONNECTION } else { time.min(MAX_CONNECTION) }
}
