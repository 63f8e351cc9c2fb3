//! Requests to the API server, as raw bodies: values go out in one buffer that clears itself, answers are collected in
//! another. kube's typed client would copy both, and logs bodies that it cannot decode.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::login::login_failure;
use crate::replicas::gate::NotLeading;

/// The largest answer that is read. etcd holds objects of 1.5 MiB at most.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// The longest words of the API server that are passed on.
const MAX_MESSAGE: usize = 2048;
/// How long an answer may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The API server did not do what it was asked. Holds what it said, never what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiFailure {
    /// It answered with an error.
    Status {
        /// The HTTP status.
        code: u16,
        /// `reason` of the Status object, such as `AlreadyExists`.
        reason: String,
        /// `message` of the Status object.
        message: String,
        /// When to come back, if it said so.
        retry_after: Option<Duration>,
    },
    /// It did not answer, or with something that cannot be read.
    Transport(String),
    /// It was not asked: another replica writes.
    NotLeading,
}

impl ApiFailure {
    /// The HTTP status, if it answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Status { code, .. } => Some(*code),
            Self::Transport(_) | Self::NotLeading => None,
        }
    }

    /// There is an object of that name.
    pub fn says_already_exists(&self) -> bool {
        matches!(self, Self::Status { code: 409, reason, .. } if reason == "AlreadyExists")
    }

    /// Likely gone in a moment: nothing to tell people about yet.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Status { code, .. } => matches!(code, 408 | 429 | 500..),
            Self::Transport(_) | Self::NotLeading => true,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Transport(_) | Self::NotLeading => None,
        }
    }

    /// Takes out the message if it quotes one of `values`: API servers redact, admission webhooks may not.
    pub(crate) fn withhold<'a>(self, mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        match self {
            Self::Status { code, reason, message, retry_after } => {
                let quotes = values.any(|value| quotes(&message, value));
                let message =
                    if quotes { "the message is withheld, since it quotes a value".to_owned() } else { message };
                Self::Status { code, reason, message, retry_after }
            }
            other => other,
        }
    }
}

/// Whether `message` contains `value`, as text or in base64. Short values occur by chance, and tell nothing then.
fn quotes(message: &str, value: &[u8]) -> bool {
    use base64::Engine as _;
    const SHORT: usize = 4;
    if value.len() < SHORT || value.len() > MAX_MESSAGE {
        return false;
    }
    let contains = |needle: &[u8]| message.as_bytes().windows(needle.len()).any(|window| window == needle);
    // The last group differs when something follows the value, so it is left out.
    let base64 = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&value[..value.len() / 3 * 3]));
    contains(value) || (base64.len() > SHORT && contains(base64.as_bytes()))
}

impl fmt::Display for ApiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, message, .. } if message.is_empty() => write!(f, "the API server answered {code}"),
            Self::Status { message, .. } => f.write_str(message),
            Self::Transport(message) => f.write_str(message),
            Self::NotLeading => write!(f, "{NotLeading}"),
        }
    }
}

/// Sends one request. `body` is JSON.
pub(crate) async fn send(
    client: &kube::Client,
    method: Method,
    path: &str,
    body: Option<Bytes>,
) -> Result<Zeroizing<Vec<u8>>, ApiFailure> {
    send_accepting(client, method, path, "application/json", body).await
}

/// [`send`], with the kind of answer that is wanted.
pub(crate) async fn send_accepting(
    client: &kube::Client,
    method: Method,
    path: &str,
    accept: &str,
    body: Option<Bytes>,
) -> Result<Zeroizing<Vec<u8>>, ApiFailure> {
    send_as(client, method, path, accept, body.map(|body| ("application/json", body))).await
}

/// [`send`], with the kinds of the answer and of the body. Whoever else reads and writes key Secrets does it with this.
///
/// # Errors
/// [`ApiFailure`], whose words are the API server's.
pub async fn send_as(
    client: &kube::Client,
    method: Method,
    path: &str,
    accept: &str,
    body: Option<(&'static str, Bytes)>,
) -> Result<Zeroizing<Vec<u8>>, ApiFailure> {
    let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept);
    if let Some((kind, _)) = body {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let request = request
        .body(Body::from(body.map(|(_, body)| body).unwrap_or_default()))
        .map_err(|_| ApiFailure::Transport("the name cannot be put into a URL".to_owned()))?;
    match tokio::time::timeout(TIMEOUT, exchange(client, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(ApiFailure::Transport("the API server did not answer in time".to_owned())),
    }
}

async fn exchange(client: &kube::Client, request: Request<Body>) -> Result<Zeroizing<Vec<u8>>, ApiFailure> {
    let answer = client.send(request).await.map_err(|error| match &error {
        kube::Error::Service(cause) if cause.is::<NotLeading>() => ApiFailure::NotLeading,
        _ => ApiFailure::Transport(words_of(&error)),
    })?;
    let (parts, mut body) = answer.into_parts();
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiFailure::Transport("the answer of the API server broke off".to_owned()))?;
        if let Some(data) = frame.data_ref() {
            if bytes.len() + data.len() > MAX_ANSWER {
                return Err(ApiFailure::Transport("the answer of the API server is too large".to_owned()));
            }
            append(&mut bytes, data);
        }
    }
    if parts.status.is_success() { Ok(bytes) } else { Err(failure(parts.status, &parts.headers, &bytes)) }
}

/// Grows by copying into a new buffer, so that the old one is cleared; a growing `Vec` would leave it behind.
fn append(bytes: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    let needed = bytes.len() + data.len();
    if needed > bytes.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * bytes.capacity())));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(data);
}

fn failure(status: StatusCode, headers: &http::HeaderMap, body: &[u8]) -> ApiFailure {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default();
    let seconds = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .or_else(|| said.pointer("/details/retryAfterSeconds").and_then(Value::as_u64));
    ApiFailure::Status {
        code: status.as_u16(),
        reason: text("reason").chars().take(100).collect(),
        message: crate::report::conditions::shortened(text("message"), MAX_MESSAGE),
        retry_after: seconds.filter(|seconds| (1..=3600).contains(seconds)).map(Duration::from_secs),
    }
}

/// The error and its causes, which kube's own words leave out; of a failed login only what is safe to say.
pub(crate) fn words_of(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(words) = login_failure(error) {
        return words;
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.contains(&next) {
            words.push_str(": ");
            words.push_str(&next);
        }
        cause = error.source();
    }
    crate::report::conditions::shortened(&words, MAX_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_server_said_and_when_to_come_back() {
        let mut headers = http::HeaderMap::new();
        headers.insert(header::RETRY_AFTER, http::HeaderValue::from_static("7"));
        let body =
            br#"{"kind":"Status","reason":"TooManyRequests","message":"slow down","details":{"retryAfterSeconds":3}}"#;
        let said = failure(StatusCode::TOO_MANY_REQUESTS, &headers, body);
        assert_eq!(said.retry_after(), Some(Duration::from_secs(7)));
        assert!(said.is_transient());
        assert_eq!(said.to_string(), "slow down");
        let said = failure(StatusCode::TOO_MANY_REQUESTS, &http::HeaderMap::new(), body);
        assert_eq!(said.retry_after(), Some(Duration::from_secs(3)));
        let said = failure(StatusCode::BAD_GATEWAY, &http::HeaderMap::new(), b"<html>");
        assert_eq!((said.to_string().as_str(), said.code()), ("the API server answered 502", Some(502)));
        assert!(!failure(StatusCode::FORBIDDEN, &headers, b"{}").is_transient());
    }

    #[test]
    fn a_message_that_quotes_a_value_is_withheld() {
        let said = |message: &str| ApiFailure::Status {
            code: 422,
            reason: "Invalid".to_owned(),
            message: message.to_owned(),
            retry_after: None,
        };
        let values = [&b"hunter2-hunter2"[..], b"x"];
        for quoting in ["denied: hunter2-hunter2 is weak", "denied: aHVudGVyMi1odW50ZXIy is weak"] {
            let withheld = said(quoting).withhold(values.into_iter());
            assert!(!withheld.to_string().contains("hunter") && !withheld.to_string().contains("aHVudGVy"));
        }
        assert_eq!(said("denied: x").withhold(values.into_iter()).to_string(), "denied: x");
    }

    #[test]
    fn a_growing_buffer_keeps_its_bytes() {
        let mut bytes = Zeroizing::new(Vec::new());
        for n in 0..100u8 {
            append(&mut bytes, &[n; 100]);
        }
        assert_eq!(bytes.len(), 10_000);
        assert_eq!(bytes[9_999], 99);
    }
}
