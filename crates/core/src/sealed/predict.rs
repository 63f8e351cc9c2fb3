//! Which key to try first.
//!
//! An envelope names no key, so with K keys a blind search costs (K+1)/2 private operations on average. Four cheap guesses
//! are made instead, for the first value of an object (its siblings then follow the key that opened it):
//!
//! - the key that opened this very object before;
//! - the key that was the newest when the object was created;
//! - the key that opened the last object of the same namespace;
//! - the newest key.
//!
//! The guesses are asked in the order of how well each has done lately, so that a cluster whose timestamps mean nothing
//! (all objects were restored from a backup at once) stops trusting them after a few objects. Behind the guesses come all
//! other keys, the newest first: a key is only ever ruled out by trying it. docs/benchmarks.md has what this saves, and
//! what did not.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::sealed::certificate::Fingerprint;

/// Weight of one observation in the moving averages.
const WEIGHT: f64 = 0.1;
/// Namespaces remembered; beyond it the memory starts anew, so that it stays bounded.
const MAX_NAMESPACES: usize = 10_000;

/// The four guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    SameObject,
    CreationTime,
    SameNamespace,
    Newest,
}

const GUESSES: [Guess; 4] = [Guess::SameObject, Guess::CreationTime, Guess::SameNamespace, Guess::Newest];

/// What is known about an object before its first value is opened.
pub(crate) struct Clues<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) created: Option<Timestamp>,
    pub(crate) last_key: Option<&'a Fingerprint>,
}

/// What has been learned from the objects opened so far.
#[derive(Default)]
pub(crate) struct Memory {
    /// Moving average of successes, by guess.
    trust: [f64; GUESSES.len()],
    /// The key that opened the last object of a namespace.
    by_namespace: HashMap<Box<str>, Fingerprint>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        // Before anything is known, the order is that of `GUESSES`.
        Self { trust: [0.9, 0.8, 0.7, 0.6], ..Self::default() }
    }

    /// The keys of the ring as indexes, in the order in which they should be tried. `keys` is sorted, the newest first.
    pub(crate) fn order(&self, keys: &[(&Fingerprint, Timestamp)], clues: &Clues<'_>) -> Vec<usize> {
        let mut guesses = GUESSES;
        guesses.sort_by(|a, b| self.trust[*b as usize].total_cmp(&self.trust[*a as usize]));
        let mut order: Vec<usize> = Vec::with_capacity(keys.len());
        for guess in guesses {
            if let Some(index) = self.guess(guess, keys, clues)
                && !order.contains(&index)
            {
                order.push(index);
            }
        }
        for index in 0..keys.len() {
            if !order.contains(&index) {
                order.push(index);
            }
        }
        order
    }

    /// Learns that `opened` opened an object.
    pub(crate) fn learn(&mut self, keys: &[(&Fingerprint, Timestamp)], clues: &Clues<'_>, opened: &Fingerprint) {
        for guess in GUESSES {
            if let Some(index) = self.guess(guess, keys, clues) {
                let hit = if keys[index].0 == opened { 1.0 } else { 0.0 };
                let trust = &mut self.trust[guess as usize];
                *trust += WEIGHT * (hit - *trust);
            }
        }
        if self.by_namespace.get(clues.namespace) != Some(opened) {
            if self.by_namespace.len() >= MAX_NAMESPACES {
                self.by_namespace.clear();
            }
            self.by_namespace.insert(clues.namespace.into(), opened.clone());
        }
    }

    /// Forgets keys that are no longer there.
    pub(crate) fn retain(&mut self, known: impl Fn(&Fingerprint) -> bool) {
        self.by_namespace.retain(|_, key| known(key));
    }

    fn guess(&self, guess: Guess, keys: &[(&Fingerprint, Timestamp)], clues: &Clues<'_>) -> Option<usize> {
        let position = |wanted: &Fingerprint| keys.iter().position(|(key, _)| *key == wanted);
        match guess {
            Guess::SameObject => clues.last_key.and_then(position),
            Guess::CreationTime => {
                let created = clues.created?;
                // The oldest key is also the guess for objects that are older than every key.
                keys.iter().position(|(_, since)| *since <= created).or(keys.len().checked_sub(1))
            }
            Guess::SameNamespace => self.by_namespace.get(clues.namespace).and_then(position),
            Guess::Newest => (!keys.is_empty()).then_some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Vec<(Fingerprint, Timestamp)> {
        (0..5u8)
            .map(|n| (Fingerprint::of_rsa(&[n + 1], &[3]), Timestamp::from_second(500 - 100 * i64::from(n)).unwrap()))
            .collect()
    }

    fn order(memory: &Memory, ring: &[(Fingerprint, Timestamp)], clues: &Clues<'_>) -> Vec<usize> {
        let keys: Vec<_> = ring.iter().map(|(key, since)| (key, *since)).collect();
        memory.order(&keys, clues)
    }

    fn learn(memory: &mut Memory, ring: &[(Fingerprint, Timestamp)], clues: &Clues<'_>, opened: usize) {
        let keys: Vec<_> = ring.iter().map(|(key, since)| (key, *since)).collect();
        memory.learn(&keys, clues, &ring[opened].0);
    }

    #[test]
    fn every_key_is_tried_once() {
        let ring = ring();
        for created in [None, Some(Timestamp::from_second(0).unwrap()), Some(Timestamp::from_second(250).unwrap())] {
            let clues = Clues { namespace: "a", created, last_key: Some(&ring[3].0) };
            let mut tried = order(&Memory::new(), &ring, &clues);
            tried.sort_unstable();
            assert_eq!(tried, [0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn starts_with_the_key_that_was_newest_at_creation() {
        let ring = ring();
        let clues = Clues { namespace: "a", created: Timestamp::from_second(350).ok(), last_key: None };
        assert_eq!(order(&Memory::new(), &ring, &clues), [2, 0, 1, 3, 4]);
        let older_than_all = Clues { created: Timestamp::from_second(1).ok(), ..clues };
        assert_eq!(order(&Memory::new(), &ring, &older_than_all)[0], 4);
    }

    #[test]
    fn the_key_that_opened_the_object_before_comes_first() {
        let ring = ring();
        let clues = Clues { namespace: "a", created: Timestamp::from_second(350).ok(), last_key: Some(&ring[4].0) };
        assert_eq!(order(&Memory::new(), &ring, &clues)[..2], [4, 2]);
    }

    #[test]
    fn stops_trusting_timestamps_that_mislead() {
        let ring = ring();
        let mut memory = Memory::new();
        let clues = Clues { namespace: "a", created: Timestamp::from_second(10_000).ok(), last_key: None };
        assert_eq!(order(&memory, &ring, &clues)[0], 0);
        for _ in 0..5 {
            learn(&mut memory, &ring, &clues, 3);
        }
        assert_eq!(order(&memory, &ring, &clues)[0], 3, "the namespace's last key goes first");
    }
}
