//! `/healthz`, `/readyz`, `/v1/cert.pem` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::engine::Engine;
use crate::metrics::text::{Format, to_prometheus};

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

pub(crate) async fn health() -> Response {
    ([(header::CONTENT_TYPE, TEXT)], "ok\n").into_response()
}

pub(crate) async fn ready(State(engine): State<Arc<Engine>>) -> Response {
    let (code, text) =
        if engine.is_ready() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") };
    (code, [(header::CONTENT_TYPE, TEXT)], text).into_response()
}

pub(crate) async fn certificate(State(engine): State<Arc<Engine>>) -> Response {
    match engine.keys.newest() {
        Some(certificate) => ([(header::CONTENT_TYPE, "application/x-pem-file")], certificate.pem).into_response(),
        None => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, TEXT)], "cannot get certificate\n")
            .into_response(),
    }
}

pub(crate) async fn metrics(State(engine): State<Arc<Engine>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::from_accept(accept);
    let open = engine.metrics_text();
    let text = match format {
        Format::OpenMetrics => open,
        Format::Prometheus => to_prometheus(&open),
    };
    ([(header::CONTENT_TYPE, format.content_type())], text).into_response()
}
