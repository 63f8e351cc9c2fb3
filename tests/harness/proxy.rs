//! A reverse proxy between the controller and the API server: plain HTTP on loopback, so that it sees and may change what
//! passes. It adds the credentials (the controller sends none), notes every request, and asks an [`Interference`] what to do
//! with it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A request of the controller, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1"))
    }

    /// Whether it would change an object that people see; not a Lease, and not a question about rights.
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
            && ["/secrets", "/sealedsecrets", "/events"].iter().any(|kind| self.path.contains(kind))
    }

    /// `create secrets`, `update sealedsecrets/status`: the words of RBAC.
    pub(crate) fn verb(&self) -> String {
        let mut parts = self.path.split('/').filter(|part| !part.is_empty());
        if parts.next() == Some("apis") {
            parts.next();
        }
        parts.next();
        let rest: Vec<&str> = parts.collect();
        let rest = match rest.as_slice() {
            ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
            rest => rest,
        };
        let resource = match rest {
            [resource, _, sub, ..] => format!("{resource}/{sub}"),
            [resource, ..] => (*resource).to_owned(),
            [] => self.path.clone(),
        };
        let verb = match (&self.method, self.is_watch(), rest.len() > 1) {
            (&Method::GET, true, _) => "watch",
            (&Method::GET, false, true) => "get",
            (&Method::GET, false, false) => "list",
            (&Method::POST, ..) => "create",
            (&Method::PUT, ..) => "update",
            (&Method::PATCH, ..) => "patch",
            (&Method::DELETE, ..) => "delete",
            _ => "other",
        };
        format!("{verb} {resource}")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It goes to the API server, and the answer back.
    Pass,
    /// The API server never sees it; the answer is an error with this code, and may name a time to come back.
    Refuse(u16, Option<u32>),
    /// The API server never sees it, and there is no answer.
    HangUp,
    /// The API server does it, and the answer breaks off after so many bytes.
    CutAnswer(usize),
    /// It goes to the API server after a while.
    Slow(Duration),
}

/// What becomes of an event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventFate {
    Pass,
    /// Nobody hears of it.
    Skip,
    /// The watch ends in front of it.
    End,
    /// The watch says that its history is gone, and ends.
    Gone,
}

/// Decides about requests and events.
pub(crate) trait Interference: Send + Sync {
    fn request(&self, _asked: &Asked) -> Fate {
        Fate::Pass
    }

    fn event(&self, _watch: &Asked, _event: &Value) -> EventFate {
        EventFate::Pass
    }
}

/// Nothing is changed.
struct Clear;

impl Interference for Clear {}

struct State {
    upstream: Client,
    interference: Mutex<Arc<dyn Interference>>,
    asked: Mutex<Vec<Asked>>,
    /// While true, connections are closed and new ones are not answered.
    down: watch::Sender<bool>,
}

/// The running proxy; it ends with its runtime.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Proxy {
    /// Listens on a free port. Requests go to `upstream` with the credentials of that client.
    pub(crate) async fn start(upstream: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            upstream,
            interference: Mutex::new(Arc::new(Clear)),
            asked: Mutex::default(),
            down: watch::channel(false).0,
        });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state }
    }

    pub(crate) fn interfere(&self, interference: impl Interference + 'static) {
        *self.state.interference.lock().unwrap() = Arc::new(interference);
    }

    pub(crate) fn clear(&self) {
        *self.state.interference.lock().unwrap() = Arc::new(Clear);
    }

    /// The API server is gone (`true`), or back.
    pub(crate) fn down(&self, down: bool) {
        self.state.down.send_replace(down);
    }

    /// Closes all connections: every watch ends, every request in flight has no answer.
    pub(crate) fn drop_connections(&self) {
        self.down(true);
        self.down(false);
    }

    /// Every request since the start.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, verb: &str) -> usize {
        self.asked().iter().filter(|asked| asked.verb() == verb).count()
    }

    /// How many requests would have changed something.
    pub(crate) fn writes(&self) -> usize {
        self.state.asked.lock().unwrap().iter().filter(|asked| asked.is_write()).count()
    }

    /// What the controller told people: bodies of statuses and events.
    pub(crate) fn told(&self) -> String {
        let told = |asked: &&Asked| asked.path.ends_with("/status") || asked.path.ends_with("/events");
        let asked = self.asked();
        asked.iter().filter(told).map(|asked| String::from_utf8_lossy(&asked.body) + "\n").collect()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let mut down = state.down.subscribe();
    if *down.borrow_and_update() {
        return;
    }
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        answer(state, request)
    });
    let serve = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serve => {}
        _ = down.changed() => {}
    }
}

/// An error closes the connection without an answer.
async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, BoxError> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let asked = Asked {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        body: body.clone(),
    };
    state.asked.lock().unwrap().push(asked.clone());
    let interference = Arc::clone(&state.interference.lock().unwrap());
    let mut cut = None;
    match interference.request(&asked) {
        Fate::Pass => {}
        Fate::Refuse(code, retry_after) => return Ok(refusal(code, retry_after)),
        Fate::HangUp => return Err("hung up".into()),
        Fate::CutAnswer(bytes) => cut = Some(bytes),
        Fate::Slow(time) => tokio::time::sleep(time).await,
    }
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    parts.version = http::Version::default();
    let answer = state.upstream.send(Request::from_parts(parts, Body::from(body.to_vec()))).await?;
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::CONNECTION);
    parts.headers.remove(header::TRANSFER_ENCODING);
    let body = body.into_data_stream().map(|chunk| chunk.map_err(BoxError::from));
    let body = if asked.is_watch() && parts.status.is_success() {
        boxed(events(Box::pin(body), asked, state))
    } else if let Some(bytes) = cut {
        boxed(cut_after(body, bytes))
    } else {
        boxed(body)
    };
    Ok(Response::from_parts(parts, body))
}

fn boxed(chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static) -> UnsyncBoxBody<Bytes, BoxError> {
    StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))).boxed_unsync()
}

fn refusal(code: u16, retry_after: Option<u32>) -> Answer {
    let reason = match code {
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        500 => "InternalError",
        _ => "Fault",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": "the fault proxy says no",
    });
    let body = Full::new(Bytes::from(status.to_string())).map_err(|never: Infallible| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(code).expect("a code of this test is one");
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn cut_after(
    chunks: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
    bytes: usize,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static {
    stream::unfold((Box::pin(chunks), Some(bytes)), |(mut chunks, left)| async move {
        let left = left?;
        match chunks.next().await? {
            Ok(chunk) if chunk.len() < left => {
                let rest = left - chunk.len();
                Some((Ok(chunk), (chunks, Some(rest))))
            }
            Ok(chunk) if left > 0 => Some((Ok(chunk.slice(..left)), (chunks, Some(0)))),
            _ => Some((Err("the answer breaks off".into()), (chunks, None))),
        }
    })
}

/// The lines of a watch, each one asked about.
fn events<S>(chunks: S, watch: Asked, state: Arc<State>) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static
where
    S: Stream<Item = Result<Bytes, BoxError>> + Send + Unpin + 'static,
{
    struct Reader<S> {
        chunks: S,
        watch: Asked,
        state: Arc<State>,
        unread: Vec<u8>,
        ended: bool,
    }
    let reader = Reader { chunks, watch, state, unread: Vec::new(), ended: false };
    stream::unfold(reader, |mut reader| async move {
        loop {
            if reader.ended {
                return None;
            }
            if let Some(end) = reader.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = reader.unread.drain(..=end).collect();
                let event = serde_json::from_slice(&line).unwrap_or_default();
                // The one of now: a watch outlives many.
                let interference = Arc::clone(&reader.state.interference.lock().unwrap());
                match interference.event(&reader.watch, &event) {
                    EventFate::Pass => return Some((Ok(Bytes::from(line)), reader)),
                    EventFate::Skip => continue,
                    EventFate::End => return None,
                    EventFate::Gone => {
                        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410,
                            "reason": "Expired", "message": "too old resource version: 1 (2)"});
                        let gone = json!({"type": "ERROR", "object": status}).to_string() + "\n";
                        reader.ended = true;
                        return Some((Ok(Bytes::from(gone)), reader));
                    }
                }
            }
            match reader.chunks.next().await? {
                Ok(chunk) => reader.unread.extend_from_slice(&chunk),
                Err(error) => {
                    reader.ended = true;
                    return Some((Err(error), reader));
                }
            }
        }
    })
}
