//! Metrics with upstream's names (sealed-secrets 13.3), and a few of ours under the same prefix. No label holds a value.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::object::{ObjectKey, Observed};
use crate::report::reason::{Course, Step};

pub(crate) mod keys;
mod process;
pub(crate) mod running;
pub(crate) mod text;

use self::running::{Running, RunningNow};

const PREFIX: &str = "sealed_secrets_controller";
/// The default buckets of Prometheus' Go client.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Revision {
    revision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    reason: &'static str,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConditionLabels {
    namespace: String,
    name: String,
    condition: &'static str,
    ss_app_kubernetes_io_instance: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    path: &'static str,
    code: u16,
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DurationLabels {
    path: &'static str,
    method: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    state: &'static str,
}

/// What is known at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Now {
    pub(crate) queue: (usize, usize),
    pub(crate) keys: Vec<(&'static str, usize)>,
    pub(crate) each_key: keys::KeysReport,
    pub(crate) private_operations: u64,
    pub(crate) objects: usize,
    pub(crate) running: RunningNow,
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    unseal_requests: Counter,
    unseal_errors: Family<ErrorLabels, Counter>,
    conditions: Family<ConditionLabels, Gauge>,
    http_requests: Family<RequestLabels, Counter>,
    http_durations: Family<DurationLabels, Histogram>,
    queue_depth: Gauge,
    queue_delayed: Gauge,
    objects: Gauge,
    keys: Family<KeyLabels, Gauge<i64, AtomicI64>>,
    private_operations: Counter<u64, AtomicU64>,
    secrets_written: Counter,
    drift_reverted: Counter,
    pub(crate) running: Running,
    /// Metrics that name objects are not reported.
    omits_objects: bool,
}

impl Metrics {
    pub(crate) fn new(omits_objects: bool) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let build_info = Family::<Revision, Gauge>::default();
        build_info.get_or_create(&Revision { revision: env!("CARGO_PKG_VERSION") }).set(0);
        registry.register("build_info", "Version of the controller", build_info);
        let metrics = Self {
            registry: Registry::default(),
            unseal_requests: Counter::default(),
            unseal_errors: Family::default(),
            conditions: Family::default(),
            http_requests: Family::default(),
            http_durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            queue_depth: Gauge::default(),
            queue_delayed: Gauge::default(),
            objects: Gauge::default(),
            keys: Family::default(),
            private_operations: Counter::default(),
            secrets_written: Counter::default(),
            drift_reverted: Counter::default(),
            running: Running::new(&mut registry),
            omits_objects,
        };
        // The library appends `_total` to the names of counters, and a full stop to the help.
        let mut add = |name: &str, help: &str, metric: &dyn Registered| metric.register(&mut registry, name, help);
        add("unseal_requests", "Objects that were worked on", &metrics.unseal_requests);
        add("unseal_errors", "Failures by step", &metrics.unseal_errors);
        if !omits_objects {
            let help = "Condition of a SealedSecret: -1, 0 or 1 for False, Unknown, True";
            add("condition_info", help, &metrics.conditions);
        }
        add("http_requests", "HTTP requests by path, status and method", &metrics.http_requests);
        add("http_request_duration_seconds", "Duration of HTTP requests", &metrics.http_durations);
        add("queue_depth", "Objects that wait for a worker", &metrics.queue_depth);
        add("queue_delayed", "Objects that wait for their next try", &metrics.queue_delayed);
        add("objects", "SealedSecrets in the cache", &metrics.objects);
        add("keys", "Sealing keys by state", &metrics.keys);
        add("private_operations", "RSA private operations", &metrics.private_operations);
        add("secrets_written", "Secrets that were created or updated", &metrics.secrets_written);
        add("drift_reverted", "Edited Secrets that were put right", &metrics.drift_reverted);
        Self { registry, ..metrics }
    }

    pub(crate) fn worked_on(&self) {
        self.unseal_requests.inc();
    }

    pub(crate) fn secret_written(&self, reverted: bool) {
        self.secrets_written.inc();
        if reverted {
            self.drift_reverted.inc();
        }
    }

    pub(crate) fn failed(&self, step: Step, namespace: &str) {
        self.error(step.as_str(), namespace);
    }

    pub(crate) fn status_failed(&self, namespace: &str) {
        self.error("status", namespace);
    }

    pub(crate) fn fetch_failed(&self) {
        self.error("fetch", "");
    }

    fn error(&self, reason: &'static str, namespace: &str) {
        self.unseal_errors.get_or_create(&ErrorLabels { reason, namespace: namespace.to_owned() }).inc();
    }

    /// The condition `Synced` of an object: `True`, `Unknown` or `False`.
    pub(crate) fn condition(&self, object: &Observed, course: Course) {
        if self.omits_objects {
            return;
        }
        let value = match course {
            Course::Done => 1,
            Course::Reconciling => 0,
            Course::Stalled => -1,
        };
        self.conditions.get_or_create(&labels(&object.key, &object.instance)).set(value);
    }

    /// The object is gone, or its labels changed.
    pub(crate) fn forget(&self, key: &ObjectKey, instance: &str) {
        self.conditions.remove(&labels(key, instance));
    }

    /// Another replica writes: what this one knew of the objects becomes old.
    pub(crate) fn forget_all(&self) {
        self.conditions.clear();
    }

    /// Upstream counts its `/v1` paths only.
    pub(crate) fn http_request(&self, path: &'static str, code: u16, method: &str, seconds: f64) {
        let method = method.to_lowercase();
        self.http_requests.get_or_create(&RequestLabels { path, code, method: method.clone() }).inc();
        self.http_durations.get_or_create(&DurationLabels { path, method }).observe(seconds);
    }

    /// The text of `/metrics`, in OpenMetrics.
    pub(crate) fn encode(&self, now: Now) -> String {
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.queue_depth.set(size(now.queue.0));
        self.queue_delayed.set(size(now.queue.1));
        self.objects.set(size(now.objects));
        for (state, count) in now.keys {
            self.keys.get_or_create(&KeyLabels { state }).set(size(count));
        }
        self.running.set(&now.running);
        self.private_operations.inner().store(now.private_operations, Ordering::Relaxed);
        let mut text = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut text, &self.registry);
        let end = text.len() - if text.ends_with("# EOF\n") { "# EOF\n".len() } else { 0 };
        text.truncate(end);
        keys::write(&mut text, &now.each_key);
        process::write(&mut text);
        text.push_str("# EOF\n");
        text
    }
}

/// A metric that can be registered by reference; the registry keeps a clone that shares its value.
trait Registered {
    fn register(&self, registry: &mut Registry, name: &str, help: &str);
}

impl<M: prometheus_client::registry::Metric + Clone> Registered for M {
    fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.clone());
    }
}

fn labels(key: &ObjectKey, instance: &str) -> ConditionLabels {
    ConditionLabels {
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        condition: "Synced",
        ss_app_kubernetes_io_instance: instance.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_not_named_where_that_is_not_wanted() {
        let metrics = Metrics::new(true);
        let object = json!({"metadata": {"namespace": "ns", "name": "secret-name"}, "spec": {}});
        metrics.condition(&Observed::from_json(&object).unwrap(), Course::Done);
        let text = metrics.encode(Now::default());
        assert!(!text.contains("condition_info") && !text.contains("secret-name"), "{text}");
    }

    #[test]
    fn a_prometheus_scrape_and_an_openmetrics_scrape_show_the_same_series() {
        let metrics = Metrics::new(false);
        metrics.worked_on();
        metrics.running.reconciled(std::time::Duration::from_millis(3));
        let open = metrics.encode(Now::default());
        let old = text::to_prometheus(&open);
        let series = |text: &str| -> Vec<String> {
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect()
        };
        assert_eq!(series(&open), series(&old));
        assert!(old.contains("# TYPE sealed_secrets_controller_unseal_requests_total counter\n"), "{old}");
        assert!(open.contains("# TYPE sealed_secrets_controller_unseal_requests counter\n"), "{open}");
        assert!(old.contains("# TYPE process_cpu_seconds_total counter\n") && !old.contains("EOF"), "{old}");
        assert!(old.contains("sealed_secrets_controller_reconcile_duration_seconds_bucket{le=\"0.005\"} 1\n"), "{old}");
    }

    #[test]
    fn names_are_upstreams() {
        let metrics = Metrics::new(false);
        let object = Observed::from_json(&json!({"metadata": {"namespace": "ns", "name": "a"}, "spec": {}})).unwrap();
        metrics.worked_on();
        metrics.failed(Step::Unmanaged, "ns");
        metrics.fetch_failed();
        metrics.condition(&object, Course::Stalled);
        metrics.http_request("/v1/cert.pem", 200, "GET", 0.01);
        let text = metrics.encode(Now { private_operations: 7, ..Now::default() });
        for line in [
            "sealed_secrets_controller_build_info{revision=\"0.1.0\"} 0",
            "sealed_secrets_controller_unseal_requests_total 1",
            "sealed_secrets_controller_unseal_errors_total{reason=\"unmanaged\",namespace=\"ns\"} 1",
            "sealed_secrets_controller_unseal_errors_total{reason=\"fetch\",namespace=\"\"} 1",
            "sealed_secrets_controller_condition_info{namespace=\"ns\",name=\"a\",condition=\"Synced\",ss_app_kubernetes_io_instance=\"\"} -1",
            "sealed_secrets_controller_http_requests_total{path=\"/v1/cert.pem\",code=\"200\",method=\"get\"} 1",
            "sealed_secrets_controller_http_request_duration_seconds_count{path=\"/v1/cert.pem\",method=\"get\"} 1",
            "sealed_secrets_controller_private_operations_total 7",
        ] {
            assert!(text.lines().any(|found| found == line), "missing: {line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
        assert!(!text.contains("_total_total"));
        metrics.forget(&object.key, &object.instance);
        assert!(!metrics.encode(Now::default()).contains("name=\"a\""));
    }
}
