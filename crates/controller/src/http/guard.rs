//! What stands before the `/v1` endpoints: metrics, a limit on time, and a limit on how often one caller may ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::limiter::{Decision, Limiter};
use super::probes::TEXT;
use crate::engine::Engine;

const FORWARDED_FOR: &str = "x-forwarded-for";
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Counts a request and its answer under `path`, and gives up on an answer that takes longer than `time`.
pub(crate) async fn measured(
    engine: Arc<Engine>,
    path: &'static str,
    time: Duration,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    // Hostile clients invent methods; a label must not.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") => known.to_owned(),
        _ => "unknown".to_owned(),
    };
    let response = match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, [(header::CONNECTION, "close")]).into_response(),
    };
    engine.metrics.http_request(path, response.status().as_u16(), &method, start.elapsed().as_secs_f64());
    response
}

/// Lets a request pass, or answers 429. The numbers stand in the headers of either answer.
pub(crate) async fn limited(limiter: Arc<Mutex<Limiter>>, request: Request, next: Next) -> Response {
    let decision = decide(&limiter, caller(request.headers()));
    let mut response = match decision.retry_after {
        None => next.run(request).await,
        Some(_) => refusal(),
    };
    tell(&decision, response.headers_mut());
    response
}

/// What the limiter says of a caller now.
pub(crate) fn decide(limiter: &Mutex<Limiter>, caller: &[u8]) -> Decision {
    // A panic in a decision leaves a number as it was.
    limiter.lock().unwrap_or_else(PoisonError::into_inner).decide(caller, Instant::now())
}

/// Who asks: the last entry of `X-Forwarded-For`, which is the one that the API server's proxy wrote. What stands before it
/// the client may have written itself, to be taken for another one at each request.
pub(crate) fn caller(headers: &HeaderMap) -> &[u8] {
    let last = headers.get_all(FORWARDED_FOR).into_iter().next_back().map_or(&b""[..], HeaderValue::as_bytes);
    last.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii()
}

/// 429, without the numbers.
pub(crate) fn refusal() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::CONTENT_TYPE, TEXT)], "limit exceeded\n").into_response()
}

/// Puts the numbers of a decision into the headers of an answer.
pub(crate) fn tell(decision: &Decision, headers: &mut HeaderMap) {
    headers.insert(LIMIT, decision.limit.into());
    headers.insert(REMAINING, decision.remaining.into());
    headers.insert(RESET, seconds(decision.reset).into());
    if let Some(after) = decision.retry_after {
        headers.insert(header::RETRY_AFTER, seconds(after).into());
    }
}

/// Whole seconds, so that nobody comes back too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_whom_the_proxy_names_not_whom_the_client_does() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            caller(&headers).to_vec()
        };
        for (values, expected) in [
            (&[][..], &b""[..]),
            (&["10.0.0.1"], b"10.0.0.1"),
            (&["made up, 10.0.0.1"], b"10.0.0.1"),
            (&["made up,10.0.0.1 "], b"10.0.0.1"),
            (&["made up", "10.0.0.1"], b"10.0.0.1"),
        ] {
            assert_eq!(with(values), expected, "{values:?}");
        }
    }

    #[test]
    fn times_are_rounded_up() {
        for (time, expected) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
            assert_eq!(seconds(Duration::from_millis(time)), expected);
        }
    }
}
