//! Which path is answered by what, behind which guards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, post};
use bulla_core::sealed::{KeyRing, MAX_OBJECT_BYTES, SealingCertificate};

use super::body::{Memory, Unread};
use super::limiter::{Limiter, Quota};
use super::objects::{Ask, Work};
use super::reseal::Reseal;
use super::share::Share;
use super::{Serves, bounded, guard, probes};
use crate::engine::Engine;

/// Memory for the bodies of all strangers together.
const STRANGERS_MEMORY: usize = 4 * MAX_OBJECT_BYTES;

/// What requests from strangers share.
struct Strangers {
    engine: Arc<Engine>,
    share: Share,
    memory: Memory,
    read_timeout: Duration,
}

/// The routes of a port.
pub(super) fn routes(serves: Serves, engine: Arc<Engine>, reseal: Arc<Reseal>) -> Router {
    let mut routes = Router::new();
    if serves != Serves::Metrics {
        routes = routes
            .route("/healthz", any(probes::health))
            .route("/readyz", any(probes::ready))
            .route("/v1/cert.pem", measured(any(probes::certificate), &engine, "/v1/cert.pem"))
            .merge(objects(&engine))
            .route(
                "/v1/reseal",
                measured(post(async move |request: Request| reseal.answer(request).await), &engine, "/v1/reseal"),
            );
    }
    if serves != Serves::Api {
        routes = routes.route("/metrics", any(probes::metrics));
    }
    routes.with_state(engine)
}

/// `/v1/verify` and `/v1/rotate`.
fn objects(engine: &Arc<Engine>) -> Router<Arc<Engine>> {
    let config = &engine.config;
    let strangers = Arc::new(Strangers {
        engine: Arc::clone(engine),
        // All of those whom nobody knows, together: one quarter.
        share: Share::new(Arc::clone(&engine.pool), config.rsa_threads, 1),
        memory: Memory::new(STRANGERS_MEMORY),
        read_timeout: bounded(config.http.read_timeout),
    });
    let quota = Quota { rate: config.http.rate_limit, burst: config.http.rate_limit_burst };
    let mut routes = Router::new();
    for (path, ask) in [("/v1/verify", Ask::Verify), ("/v1/rotate", Ask::Rotate)] {
        let strangers = Arc::clone(&strangers);
        let limiter = Arc::new(Mutex::new(Limiter::new(quota)));
        let handler = any(move |request: Request| object(strangers, ask, request)).layer(middleware::from_fn(
            move |request: Request, next: Next| guard::limited(Arc::clone(&limiter), request, next),
        ));
        routes = routes.route(path, measured(handler, engine, path));
    }
    routes
}

fn measured(handler: MethodRouter<Arc<Engine>>, engine: &Arc<Engine>, path: &'static str) -> MethodRouter<Arc<Engine>> {
    let time = bounded(engine.config.http.write_timeout);
    handler.layer(middleware::from_fn_with_state(
        Arc::clone(engine),
        move |State(engine): State<Arc<Engine>>, request: Request, next: Next| {
            guard::measured(engine, path, time, request, next)
        },
    ))
}

/// Whatever goes wrong with an object, the answer has no body.
async fn object(strangers: Arc<Strangers>, ask: Ask, request: Request) -> Response {
    let engine = &strangers.engine;
    let (parts, body) = request.into_parts();
    let body = match strangers.memory.read(&parts.headers, body, MAX_OBJECT_BYTES, strangers.read_timeout).await {
        Ok(body) => body,
        Err(unread @ Unread::NoMemory) => return (unread.status(), [(header::RETRY_AFTER, "1")]).into_response(),
        Err(unread) => return unread.status().into_response(),
    };
    // Before all keys are there a good value would be called a bad one.
    if !engine.keys.is_loaded() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")]).into_response();
    }
    let certificate = match ask {
        Ask::Verify => None,
        Ask::Rotate => match newest(engine) {
            Some(certificate) => Some(certificate),
            None => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
    };
    // A ring of its own: nothing is learned from strangers, and its operations are counted from zero.
    let ring = KeyRing::new(engine.keys.ring().0.keys().iter().cloned());
    let work = Work::new(body, ring, certificate, engine.config.accept_deprecated_data);
    let counted = Arc::clone(engine);
    let slice = move |work: &mut Work| {
        let before = work.operations();
        let more = work.slice();
        counted.note_operations(work.operations() - before);
        more
    };
    match strangers.share.run(work, slice).await {
        Ok(work) => {
            let (status, body) = work.answer(ask);
            if body.is_empty() {
                status.into_response()
            } else {
                (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
            }
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn newest(engine: &Engine) -> Option<SealingCertificate> {
    SealingCertificate::from_pem(engine.keys.newest()?.pem.as_bytes()).ok()
}
