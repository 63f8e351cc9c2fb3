//! What the parts of a running controller share, and the tasks that make it run.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::api::ApiFailure;
use crate::apply;
use crate::index::{Index, Live, Woken};
use crate::keys::registry::KeyRegistry;
use crate::keys::uses::KeyUses;
use crate::metrics::running::RunningNow;
use crate::metrics::{Metrics, Now};
use crate::object::{ObjectKey, Observed};
use crate::queue::{Queue, Verdict, Wake};
use crate::reconcile::{self, Memory};
use crate::recovery::{Outage, PROBE, Recovery};
use crate::renders::Renders;
use crate::replicas::Replica;
use crate::replicas::gate::{self, Gate};
use crate::report::applied::Applied;
use crate::rights::Rights;
use crate::rsa_pool::RsaPool;
use crate::slots::Slots;

/// The running controller.
pub(crate) struct Engine {
    /// Its writes pass the gate: they fail while another replica writes.
    pub(crate) client: kube::Client,
    pub(crate) gate: Arc<Gate>,
    pub(crate) replica: Replica,
    pub(crate) config: Config,
    pub(crate) pool: Arc<RsaPool>,
    pub(crate) renders: Renders,
    pub(crate) slots: Slots,
    pub(crate) keys: KeyRegistry,
    pub(crate) queue: Queue,
    pub(crate) metrics: Metrics,
    /// Events could not be written: said once.
    pub(crate) events_refused: AtomicBool,
    /// RSA private operations for callers of the endpoints.
    callers_operations: AtomicU64,
    index: Mutex<Index>,
    memories: Mutex<HashMap<ObjectKey, Memory>>,
    recovery: Mutex<Recovery>,
    uses: Mutex<KeyUses>,
    ready: watch::Sender<bool>,
    rights: watch::Sender<Option<Rights>>,
    /// Passes no gate, for questions and for the Lease itself.
    ungated: kube::Client,
}

impl Engine {
    pub(crate) fn new(client: kube::Client, config: Config, pool: Arc<RsaPool>) -> Self {
        let sets = watch_sets(&config);
        let selects = config.reach.objects.selects();
        let metrics = Metrics::new(config.metrics_omit_secret_labels);
        let gate = Arc::new(Gate::closed());
        let leading = gate.leading();
        let ungated = client.clone();
        let replicas = config.reach.replicas.clone();
        let replica = Replica::new(client.clone(), replicas, config.namespace.clone(), Arc::clone(&gate));
        let client = gate::guarded(client, Arc::clone(&gate), config.reach.limit);
        Self {
            index: Mutex::new(Index::new(sets.iter().map(String::as_str), selects)),
            keys: KeyRegistry::new(client.clone(), config.clone(), Arc::clone(&pool), leading),
            renders: Renders::new(config.workers),
            slots: Slots::new(config.workers.max(1)),
            client,
            gate,
            replica,
            config,
            pool,
            queue: Queue::default(),
            metrics,
            events_refused: AtomicBool::new(false),
            callers_operations: AtomicU64::new(0),
            memories: Mutex::default(),
            recovery: Mutex::default(),
            uses: Mutex::default(),
            ready: watch::channel(false).0,
            rights: watch::channel(None).0,
            ungated,
        }
    }

    /// The state of the world. Held for a statement, never across an await.
    pub(crate) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sets of watches by namespace; the whole cluster is one with an empty name.
    pub(crate) fn watch_sets(&self) -> Vec<String> {
        watch_sets(&self.config)
    }

    /// Whether the others go on when the objects of `set` may not be read. Without its own namespace there are no keys, and
    /// without the one watch of the cluster there is nothing.
    pub(crate) fn can_do_without(&self, set: &str) -> bool {
        !set.is_empty() && set != self.config.namespace
    }

    /// The Secret of that name, as far as the watches tell; where they show some Secrets only, the API server is asked
    /// for its metadata.
    pub(crate) async fn live(&self, key: &ObjectKey) -> Result<Live, ApiFailure> {
        let known = self.index().secret(key);
        if known != Live::Unknown || !self.config.reach.objects.selects() || self.config.skip_recreate {
            return Ok(known);
        }
        Ok(apply::look(&self.client, key).await?.map_or(Live::Absent, Live::Present))
    }

    /// Which key opened which object. Held for a statement, never across an await.
    pub(crate) fn uses(&self) -> MutexGuard<'_, KeyUses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is remembered of an object; its worker gives it back.
    pub(crate) fn take_memory(&self, key: &ObjectKey) -> Memory {
        self.memories().remove(key).unwrap_or_default().of_term(self.gate.term())
    }

    /// Remembers what there is to remember.
    pub(crate) fn put_memory(&self, key: &ObjectKey, memory: Memory) {
        self.memories().insert(key.clone(), memory);
    }

    fn memories(&self) -> MutexGuard<'_, HashMap<ObjectKey, Memory>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The work on an object ended, in an outage or well; what mended one may have mended others.
    pub(crate) fn ended(&self, key: &ObjectKey, outage: Option<Outage>) {
        for other in self.recovery().ended(key, outage) {
            self.queue.wake(&other, Wake::Probe);
        }
    }

    fn recovery(&self) -> MutexGuard<'_, Recovery> {
        self.recovery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object needs its place before the templates no more; who gets it is woken.
    pub(crate) fn leave_place(&self, key: &ObjectKey) {
        for next in self.renders.leave(key) {
            // Not a mended cause: failures in a row still count.
            self.queue.wake(&next, Wake::Touched);
        }
    }

    /// Passes the wakes of an event on.
    pub(crate) fn wake(&self, woken: Woken) {
        for (key, wake) in woken {
            self.queue.wake(&key, wake);
        }
    }

    /// What the controller may do beyond the stock rights, once that is known.
    pub(crate) fn rights(&self) -> Option<Rights> {
        *self.rights.borrow()
    }

    /// Whether the keys are loaded and both caches are filled.
    pub(crate) fn is_ready(&self) -> bool {
        *self.ready.borrow() && self.keys.newest().is_some()
    }

    /// Becomes true once and stays so.
    pub(crate) fn readiness(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Looks whether everything is there now.
    pub(crate) fn check_ready(&self) {
        if *self.ready.borrow() {
            return;
        }
        let complete = self.index().is_complete(!self.config.skip_recreate);
        if complete && self.keys.is_loaded() {
            let objects: Vec<Arc<Observed>> = self.index().all_sealed().cloned().collect();
            // What earlier runs wrote counts before anybody has looked at it again.
            for object in &objects {
                if let Some(record) = Applied::read(&object.status) {
                    self.uses().set(&object.key, &record, object.items());
                }
            }
            tracing::info!(objects = objects.len(), "ready");
            self.ready.send_replace(true);
        }
    }

    pub(crate) fn metrics_text(&self) -> String {
        let objects = self.index().all_sealed().count();
        let (ready, delayed) = self.queue.depth();
        self.metrics.encode(Now {
            queue: (ready + self.renders.waiting(), delayed),
            keys: self.keys.count(),
            each_key: self.keys.report(|key| self.uses().of(key)),
            private_operations: self.private_operations(),
            objects,
            running: RunningNow { leading: self.gate.may_write(), rights: self.rights(), oldest: self.queue.oldest() },
        })
    }

    pub(crate) fn private_operations(&self) -> u64 {
        self.keys.ring().0.private_operations() + self.callers_operations.load(Ordering::Relaxed)
    }

    /// Counts operations that a caller of an endpoint has cost.
    pub(crate) fn note_operations(&self, count: u64) {
        self.callers_operations.fetch_add(count, Ordering::Relaxed);
    }
}

fn watch_sets(config: &Config) -> Vec<String> {
    match config.reach.objects.namespaces(&config.namespace) {
        Some(namespaces) => namespaces.into_iter().collect(),
        None => vec![String::new()],
    }
}

/// Finds out what is allowed, then takes part in the election of the replica that writes. For ever.
pub(crate) async fn take_part(engine: Arc<Engine>) {
    let rights = Rights::discover(&engine.ungated, &engine.config.namespace).await;
    engine.rights.send_replace(Some(rights));
    engine.replica.take_part(rights.leases).await;
}

/// Keeps what is counted true when another replica begins to write. For ever.
pub(crate) async fn follow_leading(engine: Arc<Engine>) {
    let mut leading = engine.gate.leading();
    // The sender lives as long as the engine.
    while leading.changed().await.is_ok() {
        if *leading.borrow_and_update() {
            engine.queue.restart_waits();
        } else {
            engine.metrics.forget_all();
        }
    }
}

/// Works on objects, one at a time, while this replica writes, until `stop`.
pub(crate) async fn work(engine: Arc<Engine>, stop: CancellationToken) {
    let mut ready = engine.readiness();
    tokio::select! {
        // The sender lives as long as the engine.
        _ = ready.wait_for(|ready| *ready) => {}
        () = stop.cancelled() => return,
    }
    let mut leading = engine.gate.leading();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = leading.wait_for(|leading| *leading) => {}
        }
        let key = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = leading.wait_for(|leading| !*leading) => continue,
            key = engine.queue.next() => key,
        };
        let slot = engine.slots.take().await;
        // A bug that panics costs one object one try, not a worker.
        let verdict = AssertUnwindSafe(reconcile::reconcile(&engine, &key)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(namespace = &*key.namespace, name = &*key.name, "a bug broke the work off, will retry");
            Verdict::Retry
        });
        drop(slot);
        if verdict != Verdict::Parked {
            // Also a place that was kept for the object, and that it did not need after all.
            engine.leave_place(&key);
        }
        engine.queue.finish(&key, verdict);
    }
}

/// Tries again and again whether an outage is over.
pub(crate) async fn probe(engine: Arc<Engine>) {
    loop {
        tokio::time::sleep(PROBE).await;
        let probes = engine.recovery().probes();
        for key in probes {
            engine.queue.wake(&key, Wake::Probe);
        }
    }
}

/// Wakes the objects that another key may open, whenever the set of keys changes.
pub(crate) async fn follow_keys(engine: Arc<Engine>) {
    let mut changes = engine.keys.changes();
    loop {
        engine.check_ready();
        let waiting: Vec<ObjectKey> =
            engine.memories().iter().filter(|(_, memory)| memory.wants_key()).map(|(key, _)| key.clone()).collect();
        for key in waiting {
            engine.queue.wake(&key, Wake::Mended);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}
