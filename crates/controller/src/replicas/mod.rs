//! Several replicas, of which one writes.
//!
//! [`election`] decides, without clock and I/O, what to do about the Lease; [`lease`] reads and writes its JSON; [`gate`] is what
//! every write of the controller passes; here is the loop between them. A replica that does not write is warm: it watches, loads
//! keys and answers its ports, so that it takes over with everything in memory.
//!
//! kube-lease-manager was looked at and left: it tells by the holder's clock whether a Lease has run out, so that clocks that
//! differ by more than the slack give two writers.

pub(crate) mod election;
pub(crate) mod gate;
mod lease;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use tokio::time::Instant;

use self::election::{Claim, Election, Step, Timing};
use self::gate::Gate;
use self::lease::LeaseObject;
use crate::api::{self, ApiFailure};
use crate::config::{LeaderElection, Replicas};
use crate::diagnosis::{Patient, Trouble};
use crate::rights::Granted;

const RESOURCE: &str = "leases.coordination.k8s.io in the controller's namespace";
/// Tries to give the Lease back; the next replica waits for its end otherwise.
const TRIES: usize = 3;

/// This replica.
pub(crate) struct Replica {
    /// Not held back by the gate, nor by a limit on requests.
    client: kube::Client,
    settings: Replicas,
    namespace: String,
    gate: Arc<Gate>,
    state: Mutex<State>,
}

struct State {
    election: Election,
    /// The Lease as it was last read or written; whatever others put there is kept.
    object: LeaseObject,
    /// Who was last said to hold it.
    told: Option<String>,
}

/// What a request on the Lease came to.
enum Asked {
    /// Done, or somebody else was faster: look at once.
    Go,
    /// It failed.
    Failed(ApiFailure),
}

impl Replica {
    pub(crate) fn new(client: kube::Client, settings: Replicas, namespace: String, gate: Arc<Gate>) -> Self {
        let me = settings.identity.clone().unwrap_or_else(lease::unique_identity);
        let timing = Timing { lease: settings.lease_duration, deadline: settings.renew_deadline };
        let state = State { election: Election::new(me, timing), object: LeaseObject::default(), told: None };
        if settings.leader_election == LeaderElection::Off {
            gate.open();
        }
        Self { client, settings, namespace, gate, state: Mutex::new(state) }
    }

    /// Takes part for ever. `granted` is what the API server says about the rights on Leases.
    pub(crate) async fn take_part(&self, granted: Granted) {
        let election = self.settings.leader_election;
        if election == LeaderElection::Off {
            return;
        }
        if election == LeaderElection::Auto && granted == Granted::No {
            return self.alone();
        }
        // Nobody could say whether the rights are there: the first answer does.
        let mut trying = election == LeaderElection::Auto && granted == Granted::Unknown;
        let mut patient = Patient::default();
        loop {
            // Bound to a name, so that the lock is not held while the step is made.
            let step = self.lock().election.step(Instant::now());
            let asked = match step {
                Step::Wait => {
                    tokio::time::sleep(self.settings.retry_period).await;
                    self.lock().election.look_again();
                    continue;
                }
                Step::Read => self.read().await,
                Step::Write(claim) => self.write(claim).await,
            };
            match asked {
                Asked::Go => {
                    trying &= !self.gate.may_write();
                    patient.recovered(RESOURCE);
                }
                // Forbidden, or a cluster that has no Leases.
                Asked::Failed(failure) if trying && matches!(failure.code(), Some(403 | 404)) => return self.alone(),
                Asked::Failed(failure) => {
                    patient.fell_ill(RESOURCE, Trouble::of_request(&failure));
                    tokio::time::sleep(self.settings.retry_period).await;
                    continue;
                }
            }
            // A renewal is due one period after the last; what was just read is acted on at once.
            if matches!(step, Step::Write(_)) && self.gate.may_write() {
                tokio::time::sleep(self.settings.retry_period).await;
            }
        }
    }

    /// Stops writing, and lets the next replica take over without waiting for the end of the Lease.
    pub(crate) async fn release(&self) {
        self.gate.close();
        if !self.lock().election.resign() {
            return;
        }
        for _ in 0..TRIES {
            let (held, body) = {
                let state = self.lock();
                (state.election.holds(), state.object.released(Timestamp::now()))
            };
            let asked = match held {
                Some(true) => self.replace(&body).await.map(|_| ()),
                Some(false) => return,
                None => match self.read().await {
                    Asked::Go => continue,
                    Asked::Failed(failure) => Err(failure),
                },
            };
            match asked {
                Ok(()) => return tracing::info!(lease = self.settings.lease_name, "gave the Lease back"),
                Err(failure) if failure.code() == Some(409) => self.lock().election.failed(),
                Err(failure) => {
                    return tracing::warn!(error = %failure, "cannot give the Lease back; it ends by itself");
                }
            }
        }
    }

    /// There are no others, as far as can be known.
    fn alone(&self) {
        tracing::info!(namespace = self.namespace, "works without a Lease: run one replica only");
        self.gate.open();
    }

    async fn read(&self) -> Asked {
        match self.send(Method::GET, &self.path(), None).await {
            Ok(object) => {
                let mut state = self.lock();
                state.election.observed(object.record(), Instant::now());
                state.object = object;
                self.tell(&mut state);
                Asked::Go
            }
            Err(failure) if failure.code() == Some(404) => {
                let mut state = self.lock();
                state.election.observed(None, Instant::now());
                state.object = LeaseObject::default();
                Asked::Go
            }
            Err(failure) => self.failed(failure),
        }
    }

    async fn write(&self, claim: Claim) -> Asked {
        let (body, exists) = {
            let state = self.lock();
            let named = (self.settings.lease_name.as_str(), self.namespace.as_str());
            let body = state.object.claimed(named, state.election.me(), &claim, self.settings.lease_duration);
            (body, state.object.exists())
        };
        // The time before the request counts: the Lease cannot have begun earlier.
        let sent = Instant::now();
        let until = self.gate.until(sent, self.settings.renew_deadline);
        let answer = if exists { self.replace(&body).await } else { self.create(&body).await };
        match answer {
            Ok(object) => {
                let mut state = self.lock();
                state.election.written(object.record(), sent);
                state.object = object;
                if state.election.may_write(Instant::now()) {
                    self.gate.renewed(until);
                }
                self.tell(&mut state);
                Asked::Go
            }
            Err(failure) if failure.code() == Some(409) => {
                self.lock().election.failed();
                Asked::Go
            }
            Err(failure) => self.failed(failure),
        }
    }

    /// What became of the request is not known: the Lease is read before anything else is done.
    fn failed(&self, failure: ApiFailure) -> Asked {
        self.lock().election.failed();
        Asked::Failed(failure)
    }

    /// Says who leads, whenever that changes, and closes the gate if it is somebody else.
    fn tell(&self, state: &mut State) {
        let Some(record) = state.election.record() else { return };
        let holder = record.holder.clone();
        if holder != state.election.me() {
            self.gate.close();
        }
        if state.told.as_ref() != Some(&holder) && !holder.is_empty() {
            let me = state.election.me();
            if holder == me {
                tracing::info!(lease = self.settings.lease_name, identity = me, "this replica leads: it writes");
            } else {
                tracing::info!(
                    lease = self.settings.lease_name,
                    identity = me,
                    holder,
                    "another replica leads: this one follows"
                );
            }
            state.told = Some(holder);
        }
    }

    async fn create(&self, body: &str) -> Result<LeaseObject, ApiFailure> {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace);
        self.send(Method::POST, &path, Some(body)).await
    }

    async fn replace(&self, body: &str) -> Result<LeaseObject, ApiFailure> {
        self.send(Method::PUT, &self.path(), Some(body)).await
    }

    /// Bounded, so that one answer that never comes leaves time for another try before the deadline.
    async fn send(&self, method: Method, path: &str, body: Option<&str>) -> Result<LeaseObject, ApiFailure> {
        let body = body.map(|body| body.to_owned().into());
        let late = |_| ApiFailure::Transport("the API server did not answer in time".to_owned());
        let patience = (self.settings.renew_deadline / 2).max(Duration::from_millis(100));
        let answer =
            tokio::time::timeout(patience, api::send(&self.client, method, path, body)).await.map_err(late)??;
        LeaseObject::from_body(&answer)
            .ok_or_else(|| ApiFailure::Transport("the answer of the API server cannot be read".to_owned()))
    }

    fn path(&self) -> String {
        let (namespace, name) = (&self.namespace, &self.settings.lease_name);
        format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    }

    // Every change under the lock leaves a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
