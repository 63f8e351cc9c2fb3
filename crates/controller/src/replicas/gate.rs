//! The gate that every write passes. It sits in the client itself, so no code path can go around it: right before a request
//! that could change something is sent, it looks whether this replica may write at this moment.
//!
//! The permission ends by itself, a fixed time after the request that renewed it was sent. Two clocks count that time, since the
//! monotonic one stands still while a machine is suspended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, Request};
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::BoxError;

use crate::config::RequestLimit;
use crate::pace::Pace;

/// Whether this replica may write.
pub(crate) struct Gate {
    standing: Mutex<Standing>,
    leading: watch::Sender<bool>,
    term: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum Standing {
    Closed,
    Open,
    Until(Until),
}

/// The end of a permission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    monotonic: Instant,
    wall: SystemTime,
}

/// A write was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another replica writes: this one does not hold the Lease")]
pub(crate) struct NotLeading;

impl Gate {
    /// Nobody may write yet.
    pub(crate) fn closed() -> Self {
        Self { standing: Mutex::new(Standing::Closed), leading: watch::channel(false).0, term: AtomicU64::new(0) }
    }

    /// Whether a write may be sent at this moment.
    pub(crate) fn may_write(&self) -> bool {
        match *self.lock() {
            Standing::Closed => false,
            Standing::Open => true,
            Standing::Until(until) => Instant::now() < until.monotonic && SystemTime::now() < until.wall,
        }
    }

    /// Tells when this replica begins to write, and when it stops.
    pub(crate) fn leading(&self) -> watch::Receiver<bool> {
        self.leading.subscribe()
    }

    /// How often this replica has begun to write: what is remembered from before is out of date.
    pub(crate) fn term(&self) -> u64 {
        self.term.load(Ordering::Relaxed)
    }

    /// From now on for ever.
    pub(crate) fn open(&self) {
        self.set(Standing::Open);
    }

    /// Nothing more is written.
    pub(crate) fn close(&self) {
        self.set(Standing::Closed);
    }

    /// The end of a permission whose request is sent now.
    pub(crate) fn until(&self, sent: Instant, deadline: Duration) -> Until {
        Until { monotonic: sent + deadline, wall: SystemTime::now() + deadline }
    }

    /// The Lease is ours.
    pub(crate) fn renewed(&self, until: Until) {
        self.set(Standing::Until(until));
    }

    /// Says that leading is over when a permission has run out. For ever.
    pub(crate) async fn watch_the_end(&self) {
        let mut leading = self.leading();
        loop {
            // The sender lives as long as the gate.
            let _ = leading.wait_for(|leading| *leading).await;
            let standing = *self.lock();
            match standing {
                Standing::Until(until) => {
                    tokio::time::sleep_until(until.monotonic).await;
                    if !self.may_write() {
                        tracing::warn!("the Lease could not be renewed in time: this replica stops writing");
                        self.close();
                    }
                }
                Standing::Open => return,
                Standing::Closed => {}
            }
        }
    }

    fn set(&self, standing: Standing) {
        let mut current = self.lock();
        *current = standing;
        let leads = !matches!(standing, Standing::Closed);
        // Under the lock, so that what is told is what holds.
        self.leading.send_if_modified(|leading| {
            if leads && !*leading {
                self.term.fetch_add(1, Ordering::Relaxed);
            }
            std::mem::replace(leading, leads) != leads
        });
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `client`, with writes that pass the gate, and at the given pace.
pub(crate) fn guarded(client: kube::Client, gate: Arc<Gate>, limit: Option<RequestLimit>) -> kube::Client {
    let namespace = client.default_namespace().to_owned();
    let pace = limit.map(|limit| Arc::new(Pace::new(limit)));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, gate, pace) = (client.clone(), Arc::clone(&gate), pace.clone());
        async move {
            if let Some(pace) = pace {
                pace.turn().await;
            }
            if changes_something(request.method(), request.uri().path()) && !gate.may_write() {
                return Err(BoxError::from(NotLeading));
            }
            client.send(request).await.map_err(BoxError::from)
        }
    });
    kube::Client::new(service, namespace)
}

/// Reviews are questions, although they are sent with POST.
fn changes_something(method: &Method, path: &str) -> bool {
    let question = path.starts_with("/apis/authentication.k8s.io/") || path.starts_with("/apis/authorization.k8s.io/");
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && !question
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_permission_ends_by_itself_and_that_is_told() {
        let gate = Arc::new(Gate::closed());
        let mut leading = gate.leading();
        let watched = Arc::clone(&gate);
        let watching = tokio::spawn(async move { watched.watch_the_end().await });
        assert!(!gate.may_write());
        let deadline = Duration::from_secs(10);
        gate.renewed(gate.until(Instant::now(), deadline));
        assert!(gate.may_write() && *leading.borrow_and_update());
        tokio::time::sleep(Duration::from_secs(9)).await;
        gate.renewed(gate.until(Instant::now(), deadline));
        tokio::time::sleep(Duration::from_secs(9)).await;
        assert!(gate.may_write(), "it was renewed");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!gate.may_write());
        leading.wait_for(|leading| !leading).await.unwrap();
        watching.abort();
    }

    #[tokio::test]
    async fn a_machine_that_was_suspended_does_not_write() {
        let gate = Gate::closed();
        let wall = SystemTime::now() - Duration::from_secs(1);
        gate.renewed(Until { monotonic: Instant::now() + Duration::from_secs(10), wall });
        assert!(!gate.may_write());
    }

    #[tokio::test]
    async fn only_questions_pass_a_closed_gate() {
        let sent = |_: Request<Body>| async { Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty())) };
        let gate = Arc::new(Gate::closed());
        let client = guarded(kube::Client::new(tower::service_fn(sent), "default"), Arc::clone(&gate), None);
        let ask = async |method: Method, path: &str| {
            client.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await.is_ok()
        };
        let writes = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        for method in &writes {
            assert!(!ask(method.clone(), "/api/v1/namespaces/a/secrets/b").await, "{method}");
        }
        assert!(ask(Method::GET, "/api/v1/secrets").await);
        for review in ["authentication.k8s.io/v1/tokenreviews", "authorization.k8s.io/v1/subjectaccessreviews"] {
            assert!(ask(Method::POST, &format!("/apis/{review}")).await, "{review}");
        }
        gate.open();
        for method in writes {
            assert!(ask(method.clone(), "/api/v1/namespaces/a/secrets/b").await, "{method}");
        }
    }
}
