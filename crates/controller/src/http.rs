//! The HTTP endpoints (sealed-secrets 11): plain HTTP, any method, no request body is ever read.
//!
//! The port is open to the whole cluster, so every connection has a limit: on the time that it may take to send a request
//! (which is also how long it may idle), on its headers, and on how many there are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::engine::Engine;

const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_CONNECTION: Duration = Duration::from_secs(600);
const MAX_CONNECTIONS: usize = 256;
const TEXT: &str = "text/plain; charset=utf-8";

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
    let routes = routes(serves, engine);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
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
                .header_read_timeout(HEADER_TIMEOUT)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
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

fn routes(serves: Serves, engine: Arc<Engine>) -> Router {
    let mut routes = Router::new();
    if serves != Serves::Metrics {
        routes = routes
            .route("/healthz", any(|| async { ([(header::CONTENT_TYPE, TEXT)], "ok\n") }))
            .route("/readyz", any(ready))
            .route(
                "/v1/cert.pem",
                any(certificate).layer(middleware::from_fn_with_state(Arc::clone(&engine), measured)),
            );
    }
    if serves != Serves::Api {
        routes = routes.route("/metrics", any(metrics));
    }
    routes.with_state(engine)
}

async fn ready(State(engine): State<Arc<Engine>>) -> Response {
    let (code, text) =
        if engine.is_ready() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") };
    (code, [(header::CONTENT_TYPE, TEXT)], text).into_response()
}

async fn certificate(State(engine): State<Arc<Engine>>) -> Response {
    match engine.keys.newest() {
        Some(certificate) => ([(header::CONTENT_TYPE, "application/x-pem-file")], certificate.pem).into_response(),
        None => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, TEXT)], "cannot get certificate\n")
            .into_response(),
    }
}

async fn metrics(State(engine): State<Arc<Engine>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], engine.metrics_text()).into_response()
}

async fn measured(State(engine): State<Arc<Engine>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    // Hostile clients invent methods; a label must not.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known.to_owned(),
        _ => "unknown".to_owned(),
    };
    let response = next.run(request).await;
    engine.metrics.http_request("/v1/cert.pem", response.status().as_u16(), &method, start.elapsed().as_secs_f64());
    response
}
