//! A few answers that are remembered for a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Remembers up to `room` values, each for `life`. When it is full of fresh ones, nothing more is remembered, which costs a
/// question and no right.
pub(crate) struct Cache<K, V> {
    entries: HashMap<K, (Instant, V)>,
    room: usize,
    life: Duration,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(room: usize, life: Duration) -> Self {
        Self { entries: HashMap::new(), room, life }
    }

    pub(crate) fn get(&self, key: &K, now: Instant) -> Option<V> {
        let (since, value) = self.entries.get(key)?;
        (now.saturating_duration_since(*since) < self.life).then(|| value.clone())
    }

    pub(crate) fn put(&mut self, key: K, value: V, now: Instant) {
        if self.entries.len() >= self.room {
            let life = self.life;
            self.entries.retain(|_, (since, _)| now.saturating_duration_since(*since) < life);
        }
        if self.entries.len() < self.room {
            self.entries.insert(key, (now, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_for_a_moment_and_never_too_much() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cache = Cache::new(2, Duration::from_secs(10));
        cache.put("a", 1, at(0));
        cache.put("b", 2, at(5));
        cache.put("c", 3, at(5));
        let seen = |cache: &Cache<&str, i32>, now| ["a", "b", "c"].map(|key| cache.get(&key, at(now)));
        assert_eq!(seen(&cache, 5), [Some(1), Some(2), None], "there was no room for a third");
        assert_eq!(seen(&cache, 10), [None, Some(2), None]);
        cache.put("c", 3, at(10));
        assert_eq!(seen(&cache, 10), [None, Some(2), Some(3)]);
        assert_eq!(cache.entries.len(), 2);
    }
}
