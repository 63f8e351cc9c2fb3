//! Who asks, and may they? The API server says (TokenReview, SubjectAccessReview); nothing is believed without it.
//!
//! Upstream's rights do not cover these questions. Whether the controller may ask them it asks, too, which everybody may
//! (SelfSubjectAccessReview); if not, the endpoint is off. A good answer is remembered for ten seconds, a bad one not at all.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::cache::Cache;
use crate::api::{self, ApiFailure};
use crate::rights::{self, Granted};

/// The audience for which a token must have been made.
pub(crate) const AUDIENCE: &str = "bulla.dev/reseal";
/// The header that carries the token.
pub(crate) const HEADER: &str = "x-bulla-token";

const TOKEN_REVIEWS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESS_REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// How long a good answer holds.
const LIFE: Duration = Duration::from_secs(10);
const MAX_TOKENS: usize = 256;
const MAX_RIGHTS: usize = 4096;
/// How long the answer to the question about our own rights holds if it was no.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Digest of a token: what is remembered instead of it.
type TokenId = [u8; 32];

/// The questions and what is known.
pub(super) struct Access {
    client: kube::Client,
    state: Mutex<State>,
    callers: Mutex<Cache<TokenId, Arc<Caller>>>,
    rights: Mutex<Cache<(TokenId, String), ()>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has been asked yet, or there was no answer.
    Unknown,
    On,
    Off {
        since: Instant,
    },
}

/// Somebody whom the API server knows.
pub(super) struct Caller {
    id: TokenId,
    name: String,
    /// `status.user` of the TokenReview.
    user: Value,
}

impl Caller {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// Why the endpoint does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Off {
    /// A right is missing.
    Forbidden,
    /// The API server has not said yet.
    Unknown,
}

impl Off {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Forbidden => StatusCode::NOT_IMPLEMENTED,
            Self::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden => {
                "resealing over HTTP is off: it needs the rights to create tokenreviews.authentication.k8s.io and \
                 subjectaccessreviews.authorization.k8s.io, for instance by the ClusterRole system:auth-delegator"
            }
            Self::Unknown => "the API server has not said yet whether resealing over HTTP is on",
        })
    }
}

/// Why a caller gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// No token, or one that cannot be.
    NoToken,
    /// Not a token of this cluster for this audience.
    Unknown,
    /// Not allowed in a namespace.
    NotAllowed {
        /// The namespace; empty for all of them.
        namespace: String,
    },
    /// The API server gave no answer. Nothing of what it said is passed on.
    NoAnswer,
}

impl Denied {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::NotAllowed { .. } => StatusCode::FORBIDDEN,
            Self::NoAnswer => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => {
                write!(f, "a token is needed in X-Bulla-Token: kubectl create token NAME --audience {AUDIENCE}")
            }
            Self::Unknown => write!(f, "the token is not one of this cluster with the audience {AUDIENCE}"),
            Self::NotAllowed { namespace } if namespace.is_empty() => {
                f.write_str("update on sealedsecrets.bitnami.com is needed in all namespaces, since an item names none")
            }
            Self::NotAllowed { namespace } => {
                write!(f, "update on sealedsecrets.bitnami.com is needed in namespace {namespace:?}")
            }
            Self::NoAnswer => f.write_str("the API server did not say who the caller is or what it may do"),
        }
    }
}

/// The token of a request, if it is one that can be put into a question.
pub(super) fn token(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let mut values = headers.get_all(HEADER).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let text = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|byte| legal(&byte)))?;
    Some(Zeroizing::new(text.to_owned()))
}

impl Access {
    pub(super) fn new(client: kube::Client) -> Self {
        Self {
            client,
            state: Mutex::new(State::Unknown),
            callers: Mutex::new(Cache::new(MAX_TOKENS, LIFE)),
            rights: Mutex::new(Cache::new(MAX_RIGHTS, LIFE)),
        }
    }

    /// Asks about our own rights until there is an answer, and says in the log what it was.
    pub(super) async fn find_out(&self) {
        const FIRST: Duration = Duration::from_secs(1);
        const LONGEST: Duration = Duration::from_secs(60);
        let mut pause = FIRST;
        while let Err(failure) = self.ask_own_rights().await {
            tracing::debug!(%failure, "whether /v1/reseal can be on is not known yet");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    }

    /// Whether the endpoint is on. A no is asked again after a while, so that a right that is granted needs no restart.
    pub(super) async fn is_on(&self) -> Result<(), Off> {
        let state = lock(&self.state).clone();
        let ask = match state {
            State::On => return Ok(()),
            State::Off { since } => since.elapsed() >= ASK_AGAIN,
            State::Unknown => true,
        };
        if ask {
            // What went wrong is said by the state that stays.
            let _ = self.ask_own_rights().await;
        }
        match *lock(&self.state) {
            State::On => Ok(()),
            State::Off { .. } => Err(Off::Forbidden),
            State::Unknown => Err(Off::Unknown),
        }
    }

    async fn ask_own_rights(&self) -> Result<(), ApiFailure> {
        let mut on = true;
        for rule in [&rights::TOKEN_REVIEWS, &rights::ACCESS_REVIEWS] {
            match rights::review(&self.client, "", rule).await {
                Ok(Granted::Yes) => {}
                Ok(Granted::No) => on = false,
                // Not the end of it: the next request asks again.
                Ok(Granted::Unknown) => return Err(ApiFailure::Transport("the answer cannot be read".to_owned())),
                // Who may not even ask may not do it either.
                Err(failure) if matches!(failure.code(), Some(401 | 403 | 404)) => on = false,
                Err(failure) => return Err(failure),
            }
        }
        let mut state = lock(&self.state);
        let before = std::mem::replace(&mut *state, if on { State::On } else { State::Off { since: Instant::now() } });
        drop(state);
        match (on, before) {
            (true, State::On) | (false, State::Off { .. }) => {}
            (true, _) => tracing::info!("resealing over HTTP (/v1/reseal) is on"),
            (false, _) => tracing::info!("{}", Off::Forbidden),
        }
        Ok(())
    }

    /// Somebody whose token was good a moment ago.
    pub(super) fn known(&self, token: &str) -> Option<Arc<Caller>> {
        lock(&self.callers).get(&id_of(token), Instant::now())
    }

    /// Asks who the bearer of a token is.
    pub(super) async fn review(&self, token: &str) -> Result<Arc<Caller>, Denied> {
        let review = token_review(token);
        let answer: Identity = self.ask(TOKEN_REVIEWS, review).await.map_err(|failure| self.no_answer(&failure))?;
        let name = answer.name().ok_or(Denied::Unknown)?.to_owned();
        let caller = Arc::new(Caller { id: id_of(token), name, user: answer.user });
        lock(&self.callers).put(caller.id, Arc::clone(&caller), Instant::now());
        Ok(caller)
    }

    /// Asks whether the caller may update SealedSecrets in `namespace`; in all of them if it is empty.
    pub(super) async fn may_update(&self, caller: &Caller, namespace: &str) -> Result<(), Denied> {
        let right = (caller.id, namespace.to_owned());
        if lock(&self.rights).get(&right, Instant::now()).is_some() {
            return Ok(());
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {
                "user": caller.name, "uid": caller.user["uid"], "groups": caller.user["groups"],
                "extra": caller.user["extra"],
                "resourceAttributes": {
                    "group": "bitnami.com", "resource": "sealedsecrets", "verb": "update", "namespace": namespace,
                },
            },
        });
        let answer: Allowed =
            self.ask(ACCESS_REVIEWS, body(&review)).await.map_err(|failure| self.no_answer(&failure))?;
        if !answer.is_yes() {
            return Err(Denied::NotAllowed { namespace: right.1 });
        }
        lock(&self.rights).put(right, (), Instant::now());
        Ok(())
    }

    async fn ask<T: for<'de> Deserialize<'de>>(&self, path: &str, review: Bytes) -> Result<T, ApiFailure> {
        #[derive(Deserialize)]
        struct Review<T> {
            status: T,
        }
        let answer = api::send(&self.client, Method::POST, path, Some(review)).await?;
        serde_json::from_slice::<Review<T>>(&answer)
            .map(|review| review.status)
            .map_err(|_| ApiFailure::Transport("the answer cannot be read".to_owned()))
    }

    /// A question that failed. If a right was taken away, the next request finds the endpoint off.
    fn no_answer(&self, failure: &ApiFailure) -> Denied {
        tracing::warn!(%failure, "the API server did not answer a question about a caller of /v1/reseal");
        if failure.code() == Some(403) {
            *lock(&self.state) = State::Unknown;
        }
        Denied::NoAnswer
    }
}

#[derive(Deserialize)]
struct Identity {
    #[serde(default)]
    authenticated: bool,
    #[serde(default)]
    audiences: Vec<String>,
    #[serde(default)]
    user: Value,
}

impl Identity {
    /// The name of a user whose token was made for us. An API server that knows nothing of audiences leaves them out, and
    /// would take any token.
    fn name(&self) -> Option<&str> {
        let good = self.authenticated && self.audiences.iter().any(|audience| audience == AUDIENCE);
        self.user["username"].as_str().filter(|name| good && !name.is_empty())
    }
}

#[derive(Deserialize)]
struct Allowed {
    #[serde(default)]
    allowed: bool,
    #[serde(default)]
    denied: bool,
}

impl Allowed {
    fn is_yes(&self) -> bool {
        self.allowed && !self.denied
    }
}

fn body(review: &Value) -> Bytes {
    Bytes::from(review.to_string())
}

/// The question about a token, in one buffer that clears itself. The token needs no escapes, see [`token`].
fn token_review(token: &str) -> Bytes {
    let head = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"audiences":[""#;
    let parts = [head, AUDIENCE, r#""],"token":""#, token, r#""}}"#];
    let mut body = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        body.extend_from_slice(part.as_bytes());
    }
    Bytes::from_owner(body)
}

fn id_of(token: &str) -> TokenId {
    let mut id = [0; 32];
    id.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    id
}

/// Everything behind these locks is changed in one statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_is_one_word_that_needs_no_escapes() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_static(value));
            }
            token(&headers).map(|token| token.to_string())
        };
        assert_eq!(with(&["eyJh.bGci-_x.y="]), Some("eyJh.bGci-_x.y=".to_owned()));
        for bad in [&[][..], &[""], &["a\"b"], &["a b"], &["a\\b"], &["a", "b"]] {
            assert_eq!(with(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_question_about_a_token_names_the_audience() {
        let question: Value = serde_json::from_slice(&token_review("abc.def")).unwrap();
        assert_eq!(question["spec"], json!({"audiences": ["bulla.dev/reseal"], "token": "abc.def"}));
    }

    #[test]
    fn a_token_counts_only_if_the_server_says_that_it_is_for_us() {
        let name = |status: Value| serde_json::from_value::<Identity>(status).unwrap().name().map(str::to_owned);
        let user = json!({"username": "ci"});
        assert_eq!(
            name(json!({"authenticated": true, "audiences": ["x", AUDIENCE], "user": user})),
            Some("ci".to_owned())
        );
        for status in [
            json!({}),
            json!({"authenticated": true, "user": user}),
            json!({"authenticated": true, "audiences": ["x"], "user": user}),
            json!({"authenticated": false, "audiences": [AUDIENCE], "user": user}),
            json!({"authenticated": true, "audiences": [AUDIENCE]}),
            json!({"authenticated": true, "audiences": [AUDIENCE], "user": {"username": ""}}),
        ] {
            assert_eq!(name(status.clone()), None, "{status}");
        }
    }

    #[test]
    fn an_explicit_no_beats_a_yes() {
        let yes = |text: &str| serde_json::from_str::<Allowed>(text).unwrap().is_yes();
        assert!(yes(r#"{"allowed": true}"#));
        for no in [r#"{}"#, r#"{"allowed": false}"#, r#"{"allowed": true, "denied": true}"#] {
            assert!(!yes(no), "{no}");
        }
    }
}
