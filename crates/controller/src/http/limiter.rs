//! How often a caller may ask: the generic cell rate algorithm, without clock and I/O.
//!
//! Each caller has one number, the time at which it would be as new if it asked no more. A request moves it by the
//! interval that the rate gives; where it would lie further ahead than the burst allows, the request is refused. So
//! `burst + 1` requests pass at once, and `rate` per second for ever (sealed-secrets 11).
//!
//! Our own eighty lines rather than the `governor` crate: its keyed limiters grow with every new key until somebody sweeps
//! them, and the keys here are chosen by strangers. This one holds [`MAX_CALLERS`] numbers and no text; when they are
//! used up, all further callers share one.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

/// Callers that are told apart at the same time.
const MAX_CALLERS: usize = 4096;

/// How often one caller may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Per second; zero counts as one.
    pub(crate) rate: u32,
    /// At once, beyond the first.
    pub(crate) burst: u32,
}

/// What became of a request, with what the headers of the answer say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Requests that may come at once.
    pub(crate) limit: u32,
    /// Requests that may come now.
    pub(crate) remaining: u32,
    /// When the caller is as new.
    pub(crate) reset: Duration,
    /// Refused; when to come back.
    pub(crate) retry_after: Option<Duration>,
}

/// The callers of one endpoint.
pub(crate) struct Limiter {
    quota: Quota,
    /// Keyed, so that nobody can choose a name that falls together with another's.
    hasher: RandomState,
    callers: HashMap<u64, Instant>,
    /// Of those for whom there is no room.
    others: Option<Instant>,
    swept: Option<Instant>,
}

impl Limiter {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { quota, hasher: RandomState::new(), callers: HashMap::new(), others: None, swept: None }
    }

    /// Decides about a request of `caller` at `now`.
    pub(crate) fn decide(&mut self, caller: &[u8], now: Instant) -> Decision {
        let key = self.hasher.hash_one(caller);
        let interval = self.quota.interval();
        if !self.callers.contains_key(&key) && !self.has_room(now, interval) {
            let (decision, next) = self.quota.decide(self.others, now);
            self.others = Some(next);
            return decision;
        }
        let (decision, next) = self.quota.decide(self.callers.get(&key).copied(), now);
        self.callers.insert(key, next);
        decision
    }

    /// Forgets callers that are as new, once per interval at most: a sweep looks at every number.
    fn has_room(&mut self, now: Instant, interval: Duration) -> bool {
        if self.callers.len() < MAX_CALLERS {
            return true;
        }
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= interval) {
            self.swept = Some(now);
            self.callers.retain(|_, as_new| *as_new > now);
        }
        self.callers.len() < MAX_CALLERS
    }
}

impl Quota {
    fn interval(self) -> Duration {
        Duration::from_secs(1) / self.rate.max(1)
    }

    /// The decision, and the caller's new number.
    fn decide(self, as_new: Option<Instant>, now: Instant) -> (Decision, Instant) {
        let interval = self.interval();
        let tolerance = interval.saturating_mul(self.burst);
        let limit = self.burst.saturating_add(1);
        let as_new = as_new.map_or(now, |as_new| as_new.max(now));
        let ahead = as_new - now;
        if ahead > tolerance {
            let retry_after = Some(ahead - tolerance);
            return (Decision { limit, remaining: 0, reset: ahead, retry_after }, as_new);
        }
        // An interval that cannot be added is a rate that cannot be: then the number stays.
        let next = as_new.checked_add(interval).unwrap_or(as_new);
        let ahead = next - now;
        let room = (tolerance + interval).saturating_sub(ahead);
        let remaining = u32::try_from(room.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX);
        (Decision { limit, remaining, reset: ahead, retry_after: None }, next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn burst_and_one_pass_at_once_and_then_one_per_interval() {
        let mut limiter = Limiter::new(Quota { rate: 2, burst: 2 });
        let start = Instant::now();
        let ms = Duration::from_millis;
        for (time, remaining, reset, retry_after) in [
            (0, 2, 500, None),
            (0, 1, 1000, None),
            (0, 0, 1500, None),
            (0, 0, 1500, Some(500)),
            (499, 0, 1001, Some(1)),
            (500, 0, 1500, None),
            (500, 0, 1500, Some(500)),
            (1500, 1, 1000, None),
            (9000, 2, 500, None),
        ] {
            let expected = Decision { limit: 3, remaining, reset: ms(reset), retry_after: retry_after.map(ms) };
            assert_eq!(limiter.decide(b"a", at(start, time)), expected, "at {time} ms");
        }
    }

    #[test]
    fn callers_are_told_apart_until_there_are_too_many() {
        let mut limiter = Limiter::new(Quota { rate: 1, burst: 0 });
        let start = Instant::now();
        let mut passes =
            |caller: usize, time: u64| limiter.decide(&caller.to_le_bytes(), at(start, time)).retry_after.is_none();
        for caller in 0..MAX_CALLERS {
            assert!(passes(caller, 0));
        }
        assert!(!passes(0, 0), "the first one is still known");
        assert!(passes(MAX_CALLERS, 0), "one of the others passes");
        assert!(!passes(MAX_CALLERS + 1, 0), "and all others wait with it");
        assert!(passes(MAX_CALLERS + 2, 1000), "the idle ones were forgotten");
        assert!(passes(MAX_CALLERS + 3, 1000));
    }

    proptest! {
        #[test]
        fn no_caller_ever_gets_more_than_the_burst_and_the_rate(
            rate in 1u32..50, burst in 0u32..20, gaps in proptest::collection::vec(0u64..400, 1..200),
        ) {
            let mut limiter = Limiter::new(Quota { rate, burst });
            let start = Instant::now();
            let mut time = 0;
            let mut passed: Vec<u64> = Vec::new();
            for gap in gaps {
                time += gap;
                let decision = limiter.decide(b"a", at(start, time));
                prop_assert_eq!(decision.limit, burst + 1);
                match decision.retry_after {
                    None => passed.push(time),
                    Some(after) => {
                        // Who comes back when told so passes.
                        let later = at(start, time) + after;
                        let known = limiter.callers.values().next().copied();
                        let then = limiter.quota.decide(known, later).0.retry_after;
                        prop_assert_eq!(then, None);
                    }
                }
            }
            for (index, first) in passed.iter().enumerate() {
                for (count, last) in passed[index..].iter().enumerate() {
                    let allowed = f64::from(burst + 1) + f64::from(rate) * ((last - first) as f64 / 1000.0) + 1e-6;
                    prop_assert!((count + 1) as f64 <= allowed, "{} passed within {} ms", count + 1, last - first);
                }
            }
        }
    }
}
