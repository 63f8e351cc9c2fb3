//! The work queue: which object next, and when again after a failure.
//!
//! [`Schedule`] is the decision, without clock and runtime: a key is queued once, worked on by one worker at a time, woken
//! while it is worked on it runs once more, and each failure doubles its delay up to a cap. Nothing is ever given up
//! (sealed-secrets 17.1, 7). [`Queue`] is the thin shell around it that workers wait on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::waits::Waits;
use crate::object::ObjectKey;

mod waits;

/// The delay after the first failure.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest delay.
const MAX_DELAY: Duration = Duration::from_secs(300);
/// The delay after a write conflict: somebody else was faster, and what he wrote is there to be read.
const CONFLICT_DELAY: Duration = Duration::from_millis(20);
/// Conflicts in a row that are retried fast; further ones count as failures.
const FAST_CONFLICTS: u32 = 8;

/// How much a wake may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Something that may have mended the failure: it is tried at once, and counts as the first try.
    Mended,
    /// Somebody touched the Secret: looked at soon, but not before a delay that is already running.
    Touched,
    /// Is the cause gone? Tried at once, as one more try of the same failure, but not before the API server said.
    Probe,
}

/// How a worker leaves a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing left to do until it is woken.
    Settled,
    /// Not tried: it waits for something that will wake it. Its failures in a row still count.
    Parked,
    /// Try again, later with each failure in a row.
    Retry,
    /// Try again, and not before the API server said (`Retry-After`).
    RetryAfter(Duration),
    /// Try again at once, unless it happens again and again.
    Conflict,
    /// Look again after a delay that is no failure: repairs that are held back.
    Hold(Duration),
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    conflicts: u32,
    running: bool,
    /// In `ready`.
    queued: bool,
    /// In `delayed`, under this time and number.
    delayed: Option<(Instant, u64)>,
    /// Woken while it was running.
    again: Option<Wake>,
    /// The API server asked not to be asked before.
    patient: bool,
}

/// What is to be done, and when.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    ready: VecDeque<ObjectKey>,
    delayed: BTreeMap<(Instant, u64), ObjectKey>,
    states: HashMap<ObjectKey, State>,
    /// Numbers delays, so that two of the same instant do not collide.
    counter: u64,
}

impl Schedule {
    /// Asks for work on `key`.
    pub(crate) fn wake(&mut self, key: &ObjectKey, wake: Wake) {
        let state = self.states.entry(key.clone()).or_default();
        if wake == Wake::Mended {
            state.failures = 0;
            state.conflicts = 0;
        }
        if wake == Wake::Probe && (state.running || state.patient) {
            return;
        }
        if state.running {
            if state.again != Some(Wake::Mended) {
                state.again = Some(wake);
            }
            return;
        }
        match state.delayed {
            Some(_) if wake == Wake::Touched => return,
            Some(at) => {
                state.delayed = None;
                self.delayed.remove(&at);
            }
            None => {}
        }
        if !state.queued {
            state.queued = true;
            self.ready.push_back(key.clone());
        }
    }

    /// The next key to work on; it stays with the caller until [`Schedule::finish`].
    pub(crate) fn take(&mut self, now: Instant) -> Option<ObjectKey> {
        while let Some(entry) = self.delayed.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            if let Some(state) = self.states.get_mut(&key) {
                state.delayed = None;
                state.queued = true;
                self.ready.push_back(key);
            }
        }
        let key = self.ready.pop_front()?;
        let state = self.states.entry(key.clone()).or_default();
        state.queued = false;
        state.running = true;
        state.patient = false;
        Some(key)
    }

    /// Gives `key` back. `jitter` from 0 to 1 spreads retries, so that a thousand objects that failed together do not come
    /// back together.
    pub(crate) fn finish(&mut self, key: &ObjectKey, verdict: Verdict, now: Instant, jitter: f64) {
        let Some(state) = self.states.get_mut(key) else { return };
        state.running = false;
        let delay = match verdict {
            Verdict::Settled => {
                state.failures = 0;
                state.conflicts = 0;
                None
            }
            Verdict::Parked => None,
            Verdict::Hold(delay) => Some(delay),
            Verdict::Conflict if state.conflicts < FAST_CONFLICTS => {
                state.conflicts += 1;
                Some(CONFLICT_DELAY.mul_f64(1.0 + jitter))
            }
            Verdict::Conflict | Verdict::Retry => Some(backoff(&mut state.failures, jitter)),
            Verdict::RetryAfter(least) => {
                state.patient = true;
                // Never all at the very moment that the server named.
                Some(
                    backoff(&mut state.failures, jitter)
                        .max(least + least.mul_f64(0.1 * jitter))
                        .min(MAX_DELAY.max(least)),
                )
            }
        };
        let again = state.again.take();
        match (again, delay) {
            (Some(Wake::Mended), _) | (Some(_), None) => {
                state.queued = true;
                self.ready.push_back(key.clone());
            }
            (_, Some(delay)) => {
                self.counter += 1;
                let at = (now + delay, self.counter);
                state.delayed = Some(at);
                self.delayed.insert(at, key.clone());
            }
            (None, None) if verdict == Verdict::Parked => {}
            (None, None) => {
                self.states.remove(key);
            }
        }
    }

    /// When the next delay ends.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((at, _), _)| *at)
    }

    /// Failures in a row so far.
    pub(crate) fn failures(&self, key: &ObjectKey) -> u32 {
        self.states.get(key).map_or(0, |state| state.failures)
    }

    /// Keys that wait for a worker, and keys that wait for their time.
    pub(crate) fn depth(&self) -> (usize, usize) {
        (self.ready.len(), self.delayed.len())
    }
}

/// 1 s, 2 s, 4 s … 5 min, each between 50 % and 100 % of that.
fn backoff(failures: &mut u32, jitter: f64) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1 << (*failures).min(16));
    *failures = failures.saturating_add(1);
    doubled.min(MAX_DELAY).mul_f64(0.5 + 0.5 * jitter)
}

/// The schedule, shared between those who wake and the workers.
#[derive(Default)]
pub(crate) struct Queue {
    schedule: Mutex<Schedule>,
    /// Locked after the schedule, if both are.
    waits: Mutex<Waits>,
    changed: Notify,
    random: RandomState,
}

impl Queue {
    /// Asks for work on `key`.
    pub(crate) fn wake(&self, key: &ObjectKey, wake: Wake) {
        self.lock().wake(key, wake);
        if wake != Wake::Probe {
            self.waits().woken(key, Instant::now());
        }
        self.changed.notify_one();
    }

    /// The next key, as soon as there is one. Cancel-safe: a key is taken only when it is returned.
    pub(crate) async fn next(&self) -> ObjectKey {
        loop {
            let changed = self.changed.notified();
            let due = {
                let mut schedule = self.lock();
                if let Some(key) = schedule.take(Instant::now()) {
                    // Notifications do not add up: whoever takes a key passes the news on.
                    if schedule.depth().0 > 0 || schedule.next_due().is_some() {
                        self.changed.notify_one();
                    }
                    self.waits().taken(&key);
                    return key;
                }
                schedule.next_due()
            };
            match due {
                Some(due) => tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep_until(due) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Gives `key` back.
    pub(crate) fn finish(&self, key: &ObjectKey, verdict: Verdict) {
        let jitter = self.random.hash_one((key, Instant::now())) as f64 / u64::MAX as f64;
        self.lock().finish(key, verdict, Instant::now(), jitter);
        self.waits().finished(key, verdict != Verdict::Settled);
        self.changed.notify_one();
    }

    /// Failures in a row so far.
    pub(crate) fn failures(&self, key: &ObjectKey) -> u32 {
        self.lock().failures(key)
    }

    /// Keys that wait for a worker, and keys that wait for their time.
    pub(crate) fn depth(&self) -> (usize, usize) {
        self.lock().depth()
    }

    /// The event that woke `key` is answered. Returns how long that took.
    pub(crate) fn answered(&self, key: &ObjectKey) -> Option<Duration> {
        self.waits().answered(key, Instant::now())
    }

    /// How long the next key waits for a worker.
    pub(crate) fn oldest(&self) -> Duration {
        let schedule = self.lock();
        let next = schedule.ready.front();
        next.and_then(|key| self.waits().age(key, Instant::now())).unwrap_or_default()
    }

    /// This replica begins to write: what waits, waits since now.
    pub(crate) fn restart_waits(&self) {
        self.waits().restart(Instant::now());
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The schedule has no state between two statements that a panic could leave behind.
    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn seconds(from: Instant, to: Option<Instant>) -> f64 {
        to.map_or(f64::NAN, |to| (to - from).as_secs_f64())
    }

    #[test]
    fn a_key_is_queued_once_and_worked_on_by_one_worker() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        for _ in 0..3 {
            schedule.wake(&key("a"), Wake::Touched);
        }
        assert_eq!(schedule.take(now), Some(key("a")));
        schedule.wake(&key("a"), Wake::Mended);
        assert_eq!(schedule.take(now), None, "it is being worked on");
        schedule.finish(&key("a"), Verdict::Settled, now, 1.0);
        assert_eq!(schedule.take(now), Some(key("a")), "it was woken meanwhile");
        schedule.finish(&key("a"), Verdict::Settled, now, 1.0);
        assert_eq!(schedule.take(now), None);
        assert!(schedule.states.is_empty(), "settled keys cost nothing");
    }

    #[test]
    fn a_parked_key_waits_to_be_woken_and_its_failures_still_count() {
        let mut now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        for _ in 0..3 {
            schedule.take(now).unwrap();
            schedule.finish(&key("a"), Verdict::Retry, now, 1.0);
            now = schedule.next_due().unwrap();
        }
        schedule.take(now).unwrap();
        schedule.finish(&key("a"), Verdict::Parked, now, 1.0);
        assert_eq!((schedule.take(now), schedule.next_due()), (None, None));
        schedule.wake(&key("a"), Wake::Touched);
        assert_eq!(schedule.take(now), Some(key("a")));
        schedule.finish(&key("a"), Verdict::Retry, now, 1.0);
        assert_eq!(schedule.next_due(), Some(now + Duration::from_secs(8)));
    }

    #[test]
    fn failures_double_the_delay_up_to_five_minutes_for_ever() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        let mut delays = Vec::new();
        let mut time = now;
        for _ in 0..40 {
            assert_eq!(schedule.take(time), Some(key("a")));
            schedule.finish(&key("a"), Verdict::Retry, time, 1.0);
            let due = schedule.next_due().unwrap();
            delays.push((due - time).as_secs());
            assert_eq!(schedule.take(due - Duration::from_millis(1)), None);
            time = due;
        }
        assert_eq!(delays[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(delays[39], 300);
        assert_eq!(schedule.failures(&key("a")), 40);
    }

    #[test]
    fn jitter_takes_up_to_half_of_the_delay_away() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        schedule.take(now);
        schedule.finish(&key("a"), Verdict::Retry, now, 0.0);
        assert_eq!(seconds(now, schedule.next_due()), 0.5);
    }

    #[test]
    fn what_may_have_mended_a_failure_ends_the_delay_and_starts_anew() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        schedule.take(now);
        schedule.finish(&key("a"), Verdict::Retry, now, 1.0);
        schedule.wake(&key("a"), Wake::Touched);
        assert_eq!(schedule.take(now), None, "a touched Secret does not shorten a delay");
        schedule.wake(&key("a"), Wake::Mended);
        assert_eq!(schedule.next_due(), None);
        assert_eq!(schedule.take(now), Some(key("a")));
        assert_eq!(schedule.failures(&key("a")), 0);
    }

    #[test]
    fn a_wake_during_a_failing_run_is_not_lost() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        schedule.take(now);
        schedule.wake(&key("a"), Wake::Mended);
        schedule.wake(&key("a"), Wake::Touched);
        schedule.finish(&key("a"), Verdict::Retry, now, 1.0);
        assert_eq!(schedule.take(now), Some(key("a")));
        schedule.wake(&key("a"), Wake::Touched);
        schedule.finish(&key("a"), Verdict::Retry, now, 1.0);
        assert_eq!(schedule.take(now), None, "a touch waits for the delay");
        assert!(schedule.next_due().is_some());
    }

    #[test]
    fn conflicts_are_retried_fast_but_not_for_ever() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        let mut time = now;
        for _ in 0..FAST_CONFLICTS {
            schedule.take(time);
            schedule.finish(&key("a"), Verdict::Conflict, time, 1.0);
            assert!(seconds(time, schedule.next_due()) < 0.1);
            time = schedule.next_due().unwrap();
        }
        schedule.take(time);
        schedule.finish(&key("a"), Verdict::Conflict, time, 1.0);
        assert_eq!(seconds(time, schedule.next_due()), 1.0);
    }

    #[test]
    fn the_servers_retry_after_is_obeyed_and_spread() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        schedule.take(now);
        schedule.finish(&key("a"), Verdict::RetryAfter(Duration::from_secs(30)), now, 1.0);
        assert_eq!(seconds(now, schedule.next_due()), 33.0);
    }

    #[test]
    fn a_probe_ends_a_delay_and_is_one_more_try_of_the_same_failure() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Mended);
        schedule.take(now);
        schedule.wake(&key("a"), Wake::Probe);
        schedule.finish(&key("a"), Verdict::Retry, now, 1.0);
        assert_eq!(schedule.take(now), None, "what is being tried need not be probed");
        schedule.wake(&key("a"), Wake::Probe);
        assert_eq!(schedule.take(now), Some(key("a")));
        assert_eq!(schedule.failures(&key("a")), 1);
        schedule.finish(&key("a"), Verdict::RetryAfter(Duration::from_secs(30)), now, 0.0);
        schedule.wake(&key("a"), Wake::Probe);
        assert_eq!(schedule.take(now), None, "the API server asked for patience");
        let later = now + Duration::from_secs(30);
        assert_eq!(schedule.take(later), Some(key("a")));
        schedule.finish(&key("a"), Verdict::Retry, later, 1.0);
        schedule.wake(&key("a"), Wake::Probe);
        assert_eq!(schedule.take(later), Some(key("a")), "it did not ask again");
    }

    #[test]
    fn a_hold_is_no_failure_and_a_touch_does_not_end_it() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.wake(&key("a"), Wake::Touched);
        schedule.take(now);
        schedule.finish(&key("a"), Verdict::Hold(Duration::from_secs(60)), now, 0.3);
        schedule.wake(&key("a"), Wake::Touched);
        assert_eq!(schedule.take(now), None);
        assert_eq!(schedule.failures(&key("a")), 0);
        assert_eq!(schedule.take(now + Duration::from_secs(60)), Some(key("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn workers_sleep_until_a_delay_ends_or_a_key_is_woken() {
        let queue = Arc::new(Queue::default());
        queue.wake(&key("a"), Wake::Mended);
        assert_eq!(queue.next().await, key("a"));
        queue.finish(&key("a"), Verdict::Hold(Duration::from_secs(100)));
        let start = Instant::now();
        let worker = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next().await }
        });
        assert_eq!(worker.await.unwrap(), key("a"));
        assert_eq!(start.elapsed(), Duration::from_secs(100));
        queue.finish(&key("a"), Verdict::Settled);

        let worker = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next().await }
        });
        tokio::task::yield_now().await;
        queue.wake(&key("b"), Wake::Touched);
        assert_eq!(worker.await.unwrap(), key("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_workers_share_many_keys_without_losing_one() {
        let queue = Arc::new(Queue::default());
        let done = Arc::new(Mutex::new(HashMap::new()));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let (queue, done) = (Arc::clone(&queue), Arc::clone(&done));
                tokio::spawn(async move {
                    loop {
                        let key = queue.next().await;
                        let tries = *done.lock().unwrap().entry(key.clone()).and_modify(|n| *n += 1).or_insert(1);
                        tokio::task::yield_now().await;
                        queue.finish(&key, if tries < 3 { Verdict::Retry } else { Verdict::Settled });
                    }
                })
            })
            .collect();
        for n in 0..100 {
            queue.wake(&key(&n.to_string()), Wake::Mended);
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(done.lock().unwrap().len(), 100);
        assert!(done.lock().unwrap().values().all(|tries| *tries == 3));
        assert_eq!(queue.depth(), (0, 0));
        workers.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
