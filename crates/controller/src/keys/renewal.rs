//! When a new sealing key is due. A table without clock and I/O; the wall clock is read by the caller, once a minute at least, so
//! that a machine that slept or whose clock was set is noticed.
//!
//! Ticks come once in each period, the first one when the newest key is a period old. A key that was made on demand in between does
//! not move them. A tick that finds a key made for it (by another replica, whose clock may be a little behind) makes none.

use bulla_core::sealed::MAX_CLOCK_SKEW;
use jiff::{SignedDuration, Timestamp};

use crate::config::keys::KeySettings;

/// What there is to do now, and when to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Make a key.
    pub(crate) renew: Option<Occasion>,
    /// The next tick, to be handed in the next time. None if keys are not renewed by time.
    pub(crate) tick: Option<Timestamp>,
    /// The moment at which the answer changes, as far as time alone changes it.
    pub(crate) look_again: Option<Timestamp>,
}

/// Why a key is due, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// The period is over.
    Period(Timestamp),
    /// The newest key is older than `--key-cutoff-time`.
    Cutoff(Timestamp),
}

/// Whether a new key is due. `newest` is what the newest key is ordered by; without one it is not for the calendar to make the
/// first. `tick` is the next tick as the last decision gave it.
pub(crate) fn renewal_due(
    newest: Option<Timestamp>,
    tick: Option<Timestamp>,
    settings: &KeySettings,
    now: Timestamp,
) -> Decision {
    let Some(newest) = newest else { return Decision { renew: None, tick: None, look_again: None } };
    let cutoff = settings.cutoff.filter(|cutoff| newest < *cutoff);
    let due_by_cutoff = cutoff.filter(|cutoff| *cutoff <= now).map(Occasion::Cutoff);
    let Some(period) = settings.renew_period.and_then(|period| SignedDuration::try_from(period).ok()) else {
        return Decision { renew: due_by_cutoff, tick: None, look_again: cutoff };
    };
    // No tick is further away than a period, whatever a clock said before it was set right.
    let latest = whole(later(now, period));
    let tick = tick.filter(|tick| *tick <= latest).unwrap_or_else(|| whole(later(newest, period)).min(latest));
    let slack = SignedDuration::try_from(MAX_CLOCK_SKEW.min(period.unsigned_abs() / 2)).unwrap_or_default();
    let done = newest >= tick.checked_sub(slack).unwrap_or(tick);
    let due_by_period = (tick <= now && !done).then_some(Occasion::Period(tick));
    let tick = if tick <= now && done { tick_after(tick, period, now) } else { tick };
    let look_again = cutoff.map_or(tick, |cutoff| cutoff.min(tick));
    Decision { renew: due_by_cutoff.or(due_by_period), tick: Some(tick), look_again: Some(look_again) }
}

/// The first tick after `now`.
pub(crate) fn tick_after(tick: Timestamp, period: SignedDuration, now: Timestamp) -> Timestamp {
    // A period below a second would tick for ever; certificates do not tell such keys apart.
    let period = period.max(SignedDuration::from_secs(1)).as_secs();
    let passed = now.as_second().saturating_sub(tick.as_second()).max(0) / period + 1;
    later(tick, SignedDuration::from_secs(passed.saturating_mul(period)))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Certificates and creation times tell seconds.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn settings(period: Option<i64>, cutoff: Option<i64>) -> KeySettings {
        let renew_period = period.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
        KeySettings { renew_period, cutoff: cutoff.map(at), ..KeySettings::default() }
    }

    #[test]
    fn a_key_is_due_when_the_newest_one_is_a_period_old() {
        let period = Some(10 * HOUR);
        let due = |since| Some(Occasion::Period(at(since)));
        let now = 100 * HOUR;
        for (what, newest, tick, expected, next) in [
            ("young", now - HOUR, None, None, now + 9 * HOUR),
            ("exactly a period old", now - 10 * HOUR, None, due(now), now),
            ("much older: the wait is none", now - 50 * HOUR, None, due(now - 40 * HOUR), now - 40 * HOUR),
            ("from the future: age 0", now + 60, None, None, now + 10 * HOUR),
            ("made on demand: the tick stays", now - HOUR, Some(now + 60), None, now + 60),
            ("made on demand: the tick comes", now - HOUR, Some(now), due(now), now),
            ("made by another replica", now, Some(now), None, now + 10 * HOUR),
            ("made by one whose clock is behind", now - 200, Some(now), None, now + 10 * HOUR),
            (
                "ticks that were slept through are one",
                now - 50 * HOUR,
                Some(now - 40 * HOUR),
                due(now - 40 * HOUR),
                now - 40 * HOUR,
            ),
            ("slept through, but made by another", now - 39 * HOUR, Some(now - 40 * HOUR), None, now + 10 * HOUR),
            (
                "the clock was set back: no tick is so far away",
                now - HOUR,
                Some(now + 500 * HOUR),
                None,
                now + 9 * HOUR,
            ),
        ] {
            let decision = renewal_due(Some(at(newest)), tick.map(at), &settings(period, None), at(now));
            assert_eq!((decision.renew, decision.tick), (expected, Some(at(next))), "{what}");
            assert_eq!(decision.look_again, decision.tick, "{what}");
        }
    }

    #[test]
    fn a_cutoff_replaces_an_older_key_once_it_has_come() {
        let now = 100 * HOUR;
        for (what, newest, period, cutoff, expected, look_again) in [
            ("passed", now - HOUR, None, now - 60, Some(Occasion::Cutoff(at(now - 60))), Some(now - 60)),
            ("the key is younger", now - 30, None, now - 60, None, None),
            ("still to come", now - HOUR, None, now + 60, None, Some(now + 60)),
            ("before the tick", now - HOUR, Some(10 * HOUR), now + 60, None, Some(now + 60)),
            ("after the tick", now - HOUR, Some(2 * HOUR), now + 9 * HOUR, None, Some(now + HOUR)),
            ("both are due", now - 3 * HOUR, Some(2 * HOUR), now, Some(Occasion::Cutoff(at(now))), Some(now - HOUR)),
        ] {
            let decision = renewal_due(Some(at(newest)), None, &settings(period, Some(cutoff)), at(now));
            assert_eq!((decision.renew, decision.look_again), (expected, look_again.map(at)), "{what}");
        }
    }

    #[test]
    fn without_a_period_time_makes_no_key_and_without_a_key_it_makes_not_the_first() {
        let never = renewal_due(Some(at(0)), None, &settings(None, None), at(1_000_000 * HOUR));
        assert_eq!(never, Decision { renew: None, tick: None, look_again: None });
        assert_eq!(renewal_due(None, Some(at(1)), &settings(Some(HOUR), Some(5)), at(10 * HOUR)).renew, None);
    }

    #[test]
    fn the_next_tick_is_after_now_and_a_whole_number_of_periods_on() {
        let period = SignedDuration::from_hours(10);
        for (tick, now, expected) in
            [(0, 0, 10 * HOUR), (0, 10 * HOUR - 1, 10 * HOUR), (0, 10 * HOUR, 20 * HOUR), (0, 95 * HOUR, 100 * HOUR)]
        {
            assert_eq!(tick_after(at(tick), period, at(now)), at(expected));
        }
        assert_eq!(tick_after(at(0), SignedDuration::from_millis(1), at(5)), at(6), "at most one in a second");
        assert_eq!(tick_after(at(0), SignedDuration::MAX, at(5)), Timestamp::MAX);
    }
}
