//! How often a Secret was repaired lately, and whether the next repair has to wait (design, decision 13). Pure.

use std::time::Duration;

use tokio::time::Instant;

/// Repairs within [`WINDOW`] that are made at once.
const FREE_REVERTS: usize = 3;
/// Looks at an edited Secret that found nothing to repair, and recreations, within [`WINDOW`] that are made at once.
const FREE_OTHERS: usize = 10;
const WINDOW: Duration = Duration::from_secs(600);
const FIRST_HOLD: Duration = Duration::from_secs(30);
const MAX_HOLD: Duration = Duration::from_secs(600);

/// What was done about a Secret that somebody else touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// An edit is put right.
    Revert,
    /// A deleted Secret is created again.
    Recreate,
    /// There was an edit, and it concerned nothing that the object states.
    Look,
}

/// The repairs of one object.
#[derive(Debug, Default)]
pub(crate) struct Repairs {
    recent: Vec<(Repair, Instant)>,
    holds: u32,
}

impl Repairs {
    /// How long `repair` has to wait; nothing, if it may be made now.
    pub(crate) fn hold(&mut self, repair: Repair, now: Instant) -> Option<Duration> {
        let calm = 2 * MAX_HOLD;
        if self.recent.last().is_some_and(|(_, last)| now.duration_since(*last) > calm) {
            *self = Self::default();
        }
        let free = match repair {
            Repair::Revert => FREE_REVERTS,
            Repair::Recreate | Repair::Look => FREE_OTHERS,
        };
        let of_kind = |(kind, at): &&(Repair, Instant)| *kind == repair && now.duration_since(*at) < WINDOW;
        if self.holds == 0 && self.recent.iter().filter(of_kind).count() < free {
            return None;
        }
        let (_, last) = self.recent.last()?;
        let due = *last + FIRST_HOLD.saturating_mul(1 << self.holds.min(10)).min(MAX_HOLD);
        due.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    /// `repair` was made.
    pub(crate) fn made(&mut self, repair: Repair, now: Instant) {
        let held = self.recent.iter().filter(|(kind, at)| *kind == repair && now.duration_since(*at) < WINDOW).count()
            >= if repair == Repair::Revert { FREE_REVERTS } else { FREE_OTHERS };
        if held || self.holds > 0 {
            self.holds += 1;
        }
        self.recent.push((repair, now));
        // As many as decide, so that a war of years costs no memory.
        if self.recent.len() > 4 * FREE_OTHERS {
            self.recent.remove(0);
        }
    }

    /// How many edits were put right lately.
    pub(crate) fn reverts(&self) -> usize {
        self.recent.iter().filter(|(kind, _)| *kind == Repair::Revert).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_revert_within_ten_minutes_waits_and_each_further_one_longer() {
        let start = Instant::now();
        let mut repairs = Repairs::default();
        let mut now = start;
        let mut waits = Vec::new();
        for _ in 0..11 {
            let wait = repairs.hold(Repair::Revert, now).unwrap_or_default();
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(repairs.hold(Repair::Revert, now), None);
            repairs.made(Repair::Revert, now);
        }
        assert_eq!(waits, [0, 0, 0, 30, 60, 120, 240, 480, 600, 600, 600]);
        assert_eq!(repairs.reverts(), 11);
    }

    #[test]
    fn after_a_calm_time_repairs_are_made_at_once_again() {
        let mut repairs = Repairs::default();
        let mut now = Instant::now();
        for _ in 0..5 {
            now += repairs.hold(Repair::Revert, now).unwrap_or_default();
            repairs.made(Repair::Revert, now);
        }
        now += 2 * MAX_HOLD + Duration::from_secs(1);
        assert_eq!(repairs.hold(Repair::Revert, now), None);
        assert_eq!(repairs.reverts(), 0);
    }

    #[test]
    fn slow_edits_never_wait() {
        let mut repairs = Repairs::default();
        let mut now = Instant::now();
        for _ in 0..50 {
            assert_eq!(repairs.hold(Repair::Revert, now), None);
            repairs.made(Repair::Revert, now);
            now += WINDOW / 2;
        }
    }

    #[test]
    fn looks_and_recreations_have_more_room() {
        let mut repairs = Repairs::default();
        let now = Instant::now();
        for _ in 0..FREE_OTHERS {
            assert_eq!(repairs.hold(Repair::Recreate, now), None);
            repairs.made(Repair::Recreate, now);
        }
        assert!(repairs.hold(Repair::Recreate, now).is_some());
    }
}
