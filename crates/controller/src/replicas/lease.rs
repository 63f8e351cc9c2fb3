//! The Lease as JSON. What others put there (labels, annotations, `preferredHolder`) is kept.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::election::{Claim, Record};

/// The longest duration that is believed.
const LONGEST: u64 = 3600;

/// A Lease as it was read, or none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LeaseObject(Map<String, Value>);

impl LeaseObject {
    pub(super) fn from_body(body: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
        Some(Self(object)).filter(LeaseObject::exists)
    }

    /// Whether there is one in the cluster.
    pub(super) fn exists(&self) -> bool {
        !self.version().is_empty()
    }

    fn version(&self) -> &str {
        self.0
            .get("metadata")
            .and_then(|metadata| metadata.get("resourceVersion"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What the election needs to know.
    pub(super) fn record(&self) -> Option<Record> {
        let spec = self.0.get("spec");
        let field = |name: &str| spec.and_then(|spec| spec.get(name));
        let seconds = field("leaseDurationSeconds").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
        self.exists().then(|| Record {
            version: self.version().to_owned(),
            holder: field("holderIdentity").and_then(Value::as_str).unwrap_or_default().to_owned(),
            duration: seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST))),
            transitions: field("leaseTransitions").and_then(Value::as_i64).unwrap_or_default(),
        })
    }

    /// The body of the request that makes `me` the holder, or lets it stay so.
    pub(super) fn claimed(&self, named: (&str, &str), me: &str, claim: &Claim, duration: Duration) -> String {
        let now = micro_time(Timestamp::now());
        let mut changes = json!({
            "holderIdentity": me,
            "leaseDurationSeconds": duration.as_secs(),
            "renewTime": now,
            "leaseTransitions": claim.transitions,
        });
        if claim.taken {
            changes["acquireTime"] = json!(now);
        }
        self.with_spec(Some(named), changes)
    }

    /// The body of the request that gives it back.
    pub(super) fn released(&self, now: Timestamp) -> String {
        self.with_spec(None, json!({"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time(now)}))
    }

    fn with_spec(&self, named: Option<(&str, &str)>, changes: Value) -> String {
        let mut object = Value::Object(self.0.clone());
        object["apiVersion"] = json!("coordination.k8s.io/v1");
        object["kind"] = json!("Lease");
        if let (Some((name, namespace)), false) = (named, self.exists()) {
            object["metadata"] = json!({"name": name, "namespace": namespace});
        }
        if !object["spec"].is_object() {
            object["spec"] = json!({});
        }
        if let Value::Object(changes) = changes {
            for (field, value) in changes {
                object["spec"][field] = value;
            }
        }
        object.to_string()
    }
}

/// `metav1.MicroTime`.
fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// The host's name, which a person recognises, and 64 random bits, which make it nobody else's.
pub(super) fn unique_identity() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|host| !host.is_empty());
    let host = host.or_else(|| Some(std::fs::read_to_string("/etc/hostname").ok()?.trim().to_owned()));
    let host: String = host.unwrap_or_default().chars().filter(char::is_ascii_graphic).take(200).collect();
    // The standard library seeds it from the operating system.
    let random = RandomState::new().hash_one((std::process::id(), std::time::SystemTime::now()));
    format!("{host}_{random:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_leniently_and_what_others_wrote_is_kept() {
        let body = br#"{"metadata": {"name": "l", "resourceVersion": "7", "labels": {"a": "b"}},
            "spec": {"holderIdentity": "x", "leaseDurationSeconds": 9, "leaseTransitions": 3, "preferredHolder": "y"}}"#;
        let lease = LeaseObject::from_body(body).unwrap();
        let record = lease.record().unwrap();
        assert_eq!((record.version.as_str(), record.holder.as_str(), record.transitions), ("7", "x", 3));
        assert_eq!(record.duration, Some(Duration::from_secs(9)));
        let claim = Claim { transitions: 4, taken: true };
        let written: Value =
            serde_json::from_str(&lease.claimed(("l", "ns"), "me", &claim, Duration::from_secs(15))).unwrap();
        assert_eq!(written["metadata"]["labels"]["a"], "b");
        assert_eq!(written["metadata"]["resourceVersion"], "7", "a precondition");
        assert_eq!(written["spec"]["preferredHolder"], "y");
        assert_eq!(written["spec"]["holderIdentity"], "me");
        assert_eq!(written["spec"]["leaseTransitions"], 4);
        let released: Value = serde_json::from_str(&lease.released(Timestamp::now())).unwrap();
        assert_eq!(
            (&released["spec"]["holderIdentity"], &released["metadata"]["resourceVersion"]),
            (&json!(""), &json!("7"))
        );

        for odd in [&b"{}"[..], b"[]", b"{\"metadata\": {\"resourceVersion\": 3}}"] {
            assert_eq!(LeaseObject::from_body(odd), None);
        }
        let bare =
            LeaseObject::from_body(br#"{"metadata": {"resourceVersion": "1"}, "spec": {"leaseDurationSeconds": -4}}"#);
        let record = bare.unwrap().record().unwrap();
        assert_eq!((record.holder.as_str(), record.duration), ("", None));
    }

    #[test]
    fn times_have_microseconds_and_identities_differ() {
        assert_eq!(micro_time("2026-01-02T03:04:05Z".parse().unwrap()), "2026-01-02T03:04:05.000000Z");
        assert_ne!(unique_identity(), unique_identity());
    }
}
