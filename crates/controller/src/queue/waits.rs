//! Since when each object waits for an answer to the event that woke it. An answer that fails in a moment's trouble is none:
//! the object goes on waiting since then.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::object::ObjectKey;

#[derive(Debug, Default)]
pub(super) struct Waits {
    waiting: HashMap<ObjectKey, Instant>,
    running: HashMap<ObjectKey, Instant>,
}

impl Waits {
    /// An event; several of them wait since the first.
    pub(super) fn woken(&mut self, key: &ObjectKey, now: Instant) {
        self.waiting.entry(key.clone()).or_insert(now);
    }

    /// Work has begun.
    pub(super) fn taken(&mut self, key: &ObjectKey) {
        if let Some(since) = self.waiting.remove(key) {
            self.running.insert(key.clone(), since);
        }
    }

    /// The status says what became of it. Returns how long that took, if an event was waiting.
    pub(super) fn answered(&mut self, key: &ObjectKey, now: Instant) -> Option<Duration> {
        self.running.remove(key).map(|since| now.saturating_duration_since(since))
    }

    /// Work has ended; without an answer and with another try to come it goes on waiting, since the earlier of two events.
    pub(super) fn finished(&mut self, key: &ObjectKey, comes_back: bool) {
        if let Some(since) = self.running.remove(key).filter(|_| comes_back) {
            self.waiting.insert(key.clone(), since);
        }
    }

    /// How long an object waits.
    pub(super) fn age(&self, key: &ObjectKey, now: Instant) -> Option<Duration> {
        self.waiting.get(key).map(|since| now.saturating_duration_since(*since))
    }

    /// Whatever waits, waits since now: another replica answered what came before.
    pub(super) fn restart(&mut self, now: Instant) {
        for since in self.waiting.values_mut() {
            *since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_counts_from_the_first_event_to_the_answer() {
        let key = ObjectKey::new("ns", "a");
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut waits = Waits::default();
        waits.woken(&key, at(0));
        waits.woken(&key, at(3));
        assert_eq!(waits.age(&key, at(4)), Some(Duration::from_secs(4)));
        waits.taken(&key);
        waits.woken(&key, at(5));
        // Nothing came of it: the next try answers both events.
        waits.finished(&key, true);
        waits.taken(&key);
        assert_eq!(waits.answered(&key, at(9)), Some(Duration::from_secs(9)));
        waits.finished(&key, true);
        assert_eq!(waits.age(&key, at(9)), None);
        waits.taken(&key);
        assert_eq!(waits.answered(&key, at(10)), None, "a retry that nothing woke answers nothing");
        waits.woken(&key, at(10));
        waits.taken(&key);
        waits.finished(&key, false);
        assert_eq!(waits.age(&key, at(10)), None, "a deleted object leaves nothing behind");
        waits.woken(&key, at(10));
        waits.restart(at(20));
        assert_eq!(waits.age(&key, at(21)), Some(Duration::from_secs(1)));
    }
}
