//! How well the controller runs: latencies for a service level objective, the queue, who leads, what is allowed.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

use crate::rights::{Granted, Rights};

/// From a look at an object in order (a millisecond) to a retry that waited (minutes).
const RECONCILE_BUCKETS: [f64; 14] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// From one value with RSA-2048 to a thousand with RSA-8192.
const UNSEAL_BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RightLabels {
    right: &'static str,
}

/// The metrics.
pub(crate) struct Running {
    reconcile: Histogram,
    unseal: Histogram,
    oldest: Gauge<f64, AtomicU64>,
    leader: Gauge,
    rights: Family<RightLabels, Gauge>,
}

/// What is known at the moment of a scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunningNow {
    pub(crate) leading: bool,
    pub(crate) rights: Option<Rights>,
    pub(crate) oldest: Duration,
}

impl Running {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let running = Self {
            reconcile: Histogram::new(RECONCILE_BUCKETS),
            unseal: Histogram::new(UNSEAL_BUCKETS),
            oldest: Gauge::default(),
            leader: Gauge::default(),
            rights: Family::default(),
        };
        let name = "reconcile_duration_seconds";
        registry.register(
            name,
            "From the event that woke an object to its status being true",
            running.reconcile.clone(),
        );
        registry.register("unseal_duration_seconds", "RSA for one object", running.unseal.clone());
        registry.register("queue_oldest_seconds", "Age of the event at the head of the queue", running.oldest.clone());
        registry.register("leader", "Whether this replica writes", running.leader.clone());
        registry.register("rights", "Whether a right beyond the stock ones is there", running.rights.clone());
        running
    }

    pub(crate) fn reconciled(&self, took: Duration) {
        self.reconcile.observe(took.as_secs_f64());
    }

    pub(crate) fn unsealed(&self, took: Duration) {
        self.unseal.observe(took.as_secs_f64());
    }

    pub(super) fn set(&self, now: &RunningNow) {
        self.leader.set(now.leading.into());
        // Whoever follows lets its queue wait on purpose.
        self.oldest.set(if now.leading { now.oldest.as_secs_f64() } else { 0.0 });
        for (right, granted) in now.rights.iter().flat_map(Rights::all) {
            self.rights.get_or_create(&RightLabels { right }).set((granted == Granted::Yes).into());
        }
    }
}
