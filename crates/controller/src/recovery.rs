//! Objects whose work failed for a cause outside of them, and how it is found out that the cause is gone. Pure.
//!
//! No watch tells that the API server answers again, that a right was granted or that a namespace was made, and the delay
//! of an object that failed for an hour is minutes long. So, beside those delays, one object of each outage is tried every
//! [`PROBE`] as a probe for all; and each that succeeds wakes two more of its outage, so that thousands are back within
//! a dozen rounds while a server that is barely up is not overrun.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use crate::api::ApiFailure;
use crate::object::ObjectKey;

/// How often each outage is probed.
pub(crate) const PROBE: Duration = Duration::from_secs(3);
/// Outages that are probed at a time; more take turns.
const PROBES: usize = 8;
/// Objects that a success wakes.
const WOKEN: usize = 2;

/// What objects have in common that fail together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outage {
    /// The API server does not answer, or not as it should.
    Server,
    /// A right is missing in a namespace, or the namespace itself.
    Namespace(Arc<str>),
}

impl Outage {
    /// What `failure` of a request about an object in `namespace` is a sign of, if it is one.
    pub(crate) fn of(failure: &ApiFailure, namespace: &Arc<str>) -> Option<Self> {
        match failure.code() {
            Some(403 | 404) => Some(Self::Namespace(Arc::clone(namespace))),
            // Nothing was asked, so nothing is known.
            None if *failure == ApiFailure::NotLeading => None,
            _ => failure.is_transient().then_some(Self::Server),
        }
    }
}

/// Who waits for the end of which outage.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// In the order in which they are tried, by number.
    waiting: BTreeMap<Outage, BTreeMap<u64, ObjectKey>>,
    places: HashMap<ObjectKey, (Outage, u64)>,
    counter: u64,
    /// The outage that was probed last.
    last: Option<Outage>,
}

impl Recovery {
    /// The work on `key` ended, in `outage` or well. Returns whom to wake: what mended one may have mended others.
    pub(crate) fn ended(&mut self, key: &ObjectKey, outage: Option<Outage>) -> Vec<ObjectKey> {
        let known = self.places.get(key).map(|(known, _)| known.clone());
        if known == outage {
            return Vec::new();
        }
        self.remove(key);
        match (known, outage) {
            (_, Some(outage)) => {
                self.append(key.clone(), outage);
                Vec::new()
            }
            (Some(known), None) => {
                let woken = WOKEN.min(self.waiting.get(&known).map_or(0, BTreeMap::len));
                (0..woken).filter_map(|_| self.next_of(&known)).collect()
            }
            (None, None) => Vec::new(),
        }
    }

    /// The next object of each outage, of so many outages as are probed at a time.
    pub(crate) fn probes(&mut self) -> Vec<ObjectKey> {
        let after = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let later = self.waiting.range((after.clone(), Bound::Unbounded));
        let outages: Vec<Outage> =
            later.chain(&self.waiting).map(|(outage, _)| outage.clone()).take(PROBES.min(self.waiting.len())).collect();
        self.last = outages.last().cloned();
        outages.iter().filter_map(|outage| self.next_of(outage)).collect()
    }

    /// The object that was tried the longest ago, which goes to the end.
    fn next_of(&mut self, outage: &Outage) -> Option<ObjectKey> {
        let key = self.waiting.get(outage)?.values().next()?.clone();
        self.remove(&key);
        self.append(key.clone(), outage.clone());
        Some(key)
    }

    fn append(&mut self, key: ObjectKey, outage: Outage) {
        self.counter += 1;
        self.waiting.entry(outage.clone()).or_default().insert(self.counter, key.clone());
        self.places.insert(key, (outage, self.counter));
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some((outage, number)) = self.places.remove(key) else { return };
        if let Some(waiting) = self.waiting.get_mut(&outage) {
            waiting.remove(&number);
            if waiting.is_empty() {
                self.waiting.remove(&outage);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: usize) -> ObjectKey {
        ObjectKey::new(namespace, &name.to_string())
    }

    fn namespace(name: &str) -> Option<Outage> {
        Some(Outage::Namespace(name.into()))
    }

    #[test]
    fn an_outage_is_what_no_watch_tells_the_end_of() {
        let status =
            |code| ApiFailure::Status { code, reason: String::new(), message: String::new(), retry_after: None };
        for (failure, expected) in [
            (status(500), Some(Outage::Server)),
            (status(429), Some(Outage::Server)),
            (ApiFailure::Transport(String::new()), Some(Outage::Server)),
            (status(403), namespace("ns")),
            (status(404), namespace("ns")),
            (status(409), None),
            (status(422), None),
        ] {
            assert_eq!(Outage::of(&failure, &"ns".into()), expected, "{failure:?}");
        }
    }

    #[test]
    fn one_object_probes_for_all_and_they_take_turns() {
        let mut recovery = Recovery::default();
        assert!(recovery.probes().is_empty());
        for n in 0..3 {
            assert!(recovery.ended(&key("ns", n), Some(Outage::Server)).is_empty());
        }
        for n in [0, 1, 2, 0] {
            assert_eq!(recovery.probes(), [key("ns", n)]);
            assert!(recovery.ended(&key("ns", n), Some(Outage::Server)).is_empty(), "it failed again");
        }
    }

    #[test]
    fn each_success_wakes_two_more_so_that_all_are_back_in_a_few_rounds() {
        let mut recovery = Recovery::default();
        for n in 0..1000 {
            recovery.ended(&key("ns", n), Some(Outage::Server));
        }
        let mut woken = recovery.probes();
        let mut rounds = 0;
        while !woken.is_empty() {
            woken = woken.iter().flat_map(|key| recovery.ended(key, None)).collect();
            rounds += 1;
        }
        assert!(rounds < 25, "{rounds}");
        assert!(recovery.places.is_empty() && recovery.waiting.is_empty());
    }

    #[test]
    fn each_namespace_is_an_outage_of_its_own_and_many_take_turns() {
        let mut recovery = Recovery::default();
        let names: Vec<String> = (10..30).map(|n| n.to_string()).collect();
        for name in &names {
            recovery.ended(&key(name, 1), namespace(name));
            recovery.ended(&key(name, 2), namespace(name));
        }
        let mut probed: Vec<ObjectKey> = (0..5).flat_map(|_| recovery.probes()).collect();
        assert_eq!(probed.len(), 5 * PROBES);
        probed.sort();
        probed.dedup();
        assert_eq!(probed.len(), 40, "each object once before any a third time");
        assert_eq!(recovery.ended(&key("10", 1), None), [key("10", 2)], "what mended one namespace mends no other");
    }

    #[test]
    fn an_object_waits_for_one_outage_at_a_time() {
        let mut recovery = Recovery::default();
        recovery.ended(&key("ns", 1), Some(Outage::Server));
        recovery.ended(&key("ns", 2), Some(Outage::Server));
        assert!(recovery.ended(&key("ns", 1), namespace("ns")).is_empty());
        assert_eq!(recovery.probes(), [key("ns", 2), key("ns", 1)]);
        assert_eq!(recovery.waiting.len(), 2);
        assert!(recovery.ended(&key("other", 1), None).is_empty(), "who never waited wakes nobody");
        assert!(recovery.ended(&key("ns", 1), None).is_empty());
        assert!(recovery.ended(&key("ns", 2), None).is_empty());
        assert!(recovery.probes().is_empty());
    }
}
