//! `/v1/reseal`: a list of values from a caller that is known, sealed again with the newest key where they are stale.
//!
//! Unlike `/v1/verify` and `/v1/rotate` this is ours, and for whoever keeps a whole repository fresh. The caller shows a
//! ServiceAccount token that was made for this purpose alone (its audience is `bulla.dev/reseal`), in a header of its own, since
//! the API server's proxy removes `Authorization`; and needs `update` on SealedSecrets in every namespace that the
//! request names. Whoever may do that could have the value sealed anew anyway; no plaintext leaves the controller.
//!
//! Which way a request goes: `access` (is it on? who is this? may they?) -> `work` on a share of the RSA threads -> answer.

mod access;
mod cache;
mod work;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bulla_core::sealed::{KeyRing, MAX_RESEAL_BYTES, ResealRequest, SealingCertificate};
use futures::{StreamExt as _, TryStreamExt as _};

use self::access::{Access, Caller, Denied};
use self::work::Work;
use super::body::{Memory, Unread};
use super::limiter::{Limiter, Quota};
use super::probes::TEXT;
use super::share::Share;
use super::{bounded, guard};
use crate::engine::Engine;

/// What a known caller may ask: 500 values each time. The share of the RSA threads is what really bounds it.
const QUOTA: Quota = Quota { rate: 10, burst: 20 };
/// Memory for the bodies of all of these requests together.
const MEMORY: usize = 2 * MAX_RESEAL_BYTES;
/// Quarters of the RSA threads. Reconciliation keeps one even while strangers use theirs.
const QUARTERS: u32 = 2;
/// Namespaces that one request may name; each costs a question to the API server.
const MAX_NAMESPACES: usize = 100;
/// Questions about rights that are under way at the same time.
const QUESTIONS: usize = 8;

/// The endpoint.
pub(crate) struct Reseal {
    engine: Arc<Engine>,
    access: Access,
    share: Share,
    memory: Memory,
    /// Of tokens that are not known, by the address of the caller.
    strangers: Mutex<Limiter>,
    /// By the name of the caller.
    callers: Mutex<Limiter>,
    read_timeout: Duration,
}

/// A request that is not answered with values.
struct Refusal(Response);

impl Reseal {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let config = &engine.config;
        let strangers = Quota { rate: config.http.rate_limit, burst: config.http.rate_limit_burst };
        Self {
            access: Access::new(engine.client.clone()),
            share: Share::new(Arc::clone(&engine.pool), config.rsa_threads, QUARTERS),
            memory: Memory::new(MEMORY),
            strangers: Mutex::new(Limiter::new(strangers)),
            callers: Mutex::new(Limiter::new(QUOTA)),
            read_timeout: bounded(config.http.read_timeout),
            engine,
        }
    }

    /// Finds out whether the controller may ask who a caller is, and says so in the log.
    pub(crate) async fn find_out(&self) {
        self.access.find_out().await;
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        self.try_answer(request).await.unwrap_or_else(|Refusal(response)| response)
    }

    async fn try_answer(&self, request: Request) -> Result<Response, Refusal> {
        let (parts, body) = request.into_parts();
        self.access.is_on().await.map_err(|why| refuse(why.status(), &why.to_string()))?;
        let caller = self.caller(&parts.headers).await?;
        let decision = guard::decide(&self.callers, caller.name().as_bytes());
        if decision.retry_after.is_some() {
            let mut response = guard::refusal();
            guard::tell(&decision, response.headers_mut());
            return Err(Refusal(response));
        }
        let body = self.memory.read(&parts.headers, body, MAX_RESEAL_BYTES, self.read_timeout).await;
        let mut body = body.map_err(|unread| {
            let text = match unread {
                Unread::Unreadable => "the body broke off",
                Unread::TooLarge => "the body has more than 10 MiB",
                Unread::NoMemory => "too many requests at the same time",
            };
            refuse(unread.status(), text)
        })?;
        let request = ResealRequest::parse(&body.bytes);
        let request = request.map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
        // The values are copied out; the place in the memory stays taken for them.
        body.bytes = Vec::new();
        self.check_rights(&caller, &request).await?;

        let newest = self.engine.keys.newest().filter(|_| self.engine.keys.is_loaded());
        let certificate = newest.and_then(|newest| SealingCertificate::from_pem(newest.pem.as_bytes()).ok());
        let certificate = certificate.ok_or_else(|| refuse(StatusCode::SERVICE_UNAVAILABLE, "no sealing key yet"))?;
        let count = request.items.len();
        // A ring of its own, so that its operations are counted from zero.
        let ring = KeyRing::new(self.engine.keys.ring().0.keys().iter().cloned());
        let work = Work::new(request, ring, certificate);
        let engine = Arc::clone(&self.engine);
        let slice = move |work: &mut Work| {
            let before = work.operations();
            let more = work.slice();
            engine.note_operations(work.operations() - before);
            more
        };
        let work = self.share.run(work, slice).await;
        let work = work.map_err(|_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "the cryptographic work broke off"))?;
        drop(body);
        let answer = work.into_answer().ok_or_else(|| {
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request takes too many private operations: send fewer items")
        })?;
        tracing::info!(caller = caller.name(), items = count, "values resealed over HTTP");
        // Texts do not fail to be written.
        let answer = serde_json::to_string(&answer).unwrap_or_default();
        Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], answer).into_response())
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Refusal> {
        let denied = |denied: Denied| refuse(denied.status(), &denied.to_string());
        let token = access::token(headers).ok_or_else(|| denied(Denied::NoToken))?;
        if let Some(caller) = self.access.known(&token) {
            return Ok(caller);
        }
        // Asking the API server about made-up tokens has its price, too.
        let decision = guard::decide(&self.strangers, guard::caller(headers));
        if decision.retry_after.is_some() {
            let mut response = guard::refusal();
            guard::tell(&decision, response.headers_mut());
            return Err(Refusal(response));
        }
        self.access.review(&token).await.map_err(denied)
    }

    async fn check_rights(&self, caller: &Arc<Caller>, request: &ResealRequest<'_>) -> Result<(), Refusal> {
        let namespaces: BTreeSet<&str> = request.items.iter().map(|item| item.namespace.as_ref()).collect();
        if namespaces.len() > MAX_NAMESPACES {
            return Err(refuse(StatusCode::BAD_REQUEST, "more than 100 namespaces"));
        }
        let mut questions = Vec::with_capacity(namespaces.len());
        for namespace in namespaces {
            questions.push(self.access.may_update(caller, namespace));
        }
        let questions = futures::stream::iter(questions).buffer_unordered(QUESTIONS);
        let checked: Result<(), Denied> = questions.try_collect().await;
        checked.map_err(|denied| refuse(denied.status(), &denied.to_string()))
    }
}

fn refuse(status: StatusCode, text: &str) -> Refusal {
    let mut response = (status, [(header::CONTENT_TYPE, TEXT)], format!("{text}\n")).into_response();
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        response.headers_mut().insert(header::RETRY_AFTER, 5.into());
    }
    Refusal(response)
}
