//! At most so many requests a second: `--kubeclient-qps` and `--kubeclient-burst`. Whoever comes gets the next free moment, in
//! the order of coming.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::RequestLimit;

/// The slowest pace: one request in a thousand seconds, so that no flag makes the controller stand still for ever.
const SLOWEST: f64 = 0.001;

/// A limit in force.
pub(crate) struct Pace {
    interval: Duration,
    /// How far ahead of the pace requests may go out.
    slack: Duration,
    /// When the next request is due if all go out at the pace.
    due: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(limit: RequestLimit) -> Self {
        let interval = Duration::from_secs_f64(1.0 / limit.per_second.max(SLOWEST));
        Self { interval, slack: interval.saturating_mul(limit.burst.saturating_sub(1)), due: Mutex::new(None) }
    }

    /// Waits for its turn.
    pub(crate) async fn turn(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = due.map_or(now, |due| due.max(now));
        *due = Some(mine + self.interval);
        mine.saturating_duration_since(now).saturating_sub(self.slack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_out_at_once_and_then_one_each_interval() {
        let pace = Pace::new(RequestLimit { per_second: 10.0, burst: 3 });
        let now = Instant::now();
        let waits: Vec<u128> = (0..6).map(|_| pace.reserve(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200, 300]);
        let later = now + Duration::from_secs(60);
        let waits: Vec<u128> = (0..4).map(|_| pace.reserve(later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100], "rest does not add up beyond the burst");
    }
}
