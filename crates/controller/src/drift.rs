//! How often a Secret was repaired lately, by whose hand it had been changed, and whether the next repair has to wait
//! (design, decision 13). Pure.
//!
//! Each hand is counted for itself, so that one bot's war holds nobody else's repair up. A repair that puts right what
//! several hands changed waits only if it would wait for each of them, or if there are too many repairs altogether: the
//! names of hands are the API server's clients' own choice.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

pub(crate) mod blame;

/// Repairs against one hand within [`WINDOW`] that are made at once.
const FREE_REVERTS: usize = 3;
/// Repairs against all hands together within [`WINDOW`] that are made at once.
const FREE_REVERTS_OF_ALL: usize = 12;
/// Looks at an edited Secret that found nothing to repair, and recreations, within [`WINDOW`] that are made at once.
const FREE_OTHERS: usize = 10;
const WINDOW: Duration = Duration::from_secs(600);
const FIRST_HOLD: Duration = Duration::from_secs(30);
const MAX_HOLD: Duration = Duration::from_secs(600);
/// While repairs are held back, whether somebody else's hand was at work too is looked after this time, then twice as long,
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// up to this.
const MAX_LOOK: Duration = Duration::from_secs(60);
/// Hands that are counted apart.
const MAX_TALLIES: usize = 16;

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

/// Whose edit it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Hand {
    /// A field manager.
    Manager(Box<str>),
    /// The API server does not say.
    Somebody,
}

impl fmt::Display for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager(name) => write!(f, "{name:?}"),
            Self::Somebody => f.write_str("somebody"),
        }
    }
}

/// The repairs of one object.
#[derive(Debug, Default)]
pub(crate) struct Repairs {
    /// Few: the last is the one that was added to last.
    tallies: Vec<Tally>,
    /// Looks since repairs are held back.
    looks: u32,
}

/// Repairs of one kind against one hand, or, for reverts, against all.
#[derive(Debug)]
struct Tally {
    kind: Repair,
    /// `None`: all hands together.
    by: Option<Hand>,
    recent: VecDeque<Instant>,
    holds: u32,
    told: Option<Instant>,
}

impl Repairs {
    /// How long a repair of what `hands` did has to wait; nothing, if it may be made now.
    pub(crate) fn hold(&self, kind: Repair, hands: &[Hand], now: Instant) -> Option<Duration> {
        let wait = |by| self.tallies.iter().find(|tally| tally.is_of(kind, by)).and_then(|tally| tally.hold(now));
        let each = hands.iter().map(|hand| wait(Some(hand))).min().flatten();
        each.max(wait(None))
    }

    /// The repair was made.
    pub(crate) fn made(&mut self, kind: Repair, hands: &[Hand], now: Instant) {
        self.looks = 0;
        let all = (kind == Repair::Revert).then_some(None);
        for by in hands.iter().map(Some).chain(all) {
            let mut tally = match self.tallies.iter().position(|tally| tally.is_of(kind, by)) {
                Some(index) => self.tallies.remove(index),
                None => Tally { kind, by: by.cloned(), recent: VecDeque::new(), holds: 0, told: None },
            };
            tally.made(now);
            self.tallies.push(tally);
        }
        // The longest unchanged goes first. All hands together are added to at each revert, so they stay.
        let excess = self.tallies.len().saturating_sub(MAX_TALLIES);
        self.tallies.drain(..excess);
    }

    /// When to look again while repairs are held back for `wait`.
    pub(crate) fn next_look(&mut self, wait: Duration) -> Duration {
        let look = FIRST_LOOK.saturating_mul(1 << self.looks.min(10)).min(MAX_LOOK);
        self.looks = self.looks.saturating_add(1);
        wait.min(look)
    }

    /// Whether a revert of what `hand` did is worth an event: once within [`WINDOW`].
    pub(crate) fn is_news(&mut self, hand: &Hand, now: Instant) -> bool {
        let tally = self.tallies.iter_mut().find(|tally| tally.is_of(Repair::Revert, Some(hand)));
        let Some(tally) = tally else { return true };
        let news = tally.told.is_none_or(|told| now.duration_since(told) >= WINDOW);
        if news {
            tally.told = Some(now);
        }
        news
    }

    /// How many edits of `hand` were put right lately.
    pub(crate) fn reverts(&self, hand: &Hand) -> usize {
        let of_hand = self.tallies.iter().find(|tally| tally.is_of(Repair::Revert, Some(hand)));
        of_hand.map_or(0, |tally| tally.recent.len())
    }
}

impl Tally {
    fn is_of(&self, kind: Repair, by: Option<&Hand>) -> bool {
        self.kind == kind && self.by.as_ref() == by
    }

    fn free(&self) -> usize {
        match (self.kind, &self.by) {
            (Repair::Revert, Some(_)) => FREE_REVERTS,
            (Repair::Revert, None) => FREE_REVERTS_OF_ALL,
            (Repair::Recreate | Repair::Look, _) => FREE_OTHERS,
        }
    }

    fn is_calm(&self, now: Instant) -> bool {
        self.recent.back().is_none_or(|last| now.duration_since(*last) > 2 * MAX_HOLD)
    }

    /// Whether a further repair is one too many.
    fn is_over(&self, now: Instant) -> bool {
        let recent = self.recent.iter().filter(|at| now.duration_since(**at) < WINDOW).count();
        !self.is_calm(now) && (self.holds > 0 || recent >= self.free())
    }

    fn hold(&self, now: Instant) -> Option<Duration> {
        let last = self.recent.back().filter(|_| self.is_over(now))?;
        let due = *last + FIRST_HOLD.saturating_mul(1 << self.holds.min(10)).min(MAX_HOLD);
        due.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }

    fn made(&mut self, now: Instant) {
        if self.is_calm(now) {
            self.recent.clear();
            self.holds = 0;
        }
        if self.is_over(now) {
            self.holds += 1;
        }
        self.recent.push_back(now);
        // As many as decide, so that a war of years costs no memory.
        if self.recent.len() > FREE_REVERTS_OF_ALL {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot(name: &str) -> Hand {
        Hand::Manager(name.into())
    }

    /// Repairs `times` times as soon as it is allowed; returns the waits in seconds.
    fn fight(repairs: &mut Repairs, hands: &[Hand], now: &mut Instant, times: usize) -> Vec<u64> {
        let mut waits = Vec::new();
        for _ in 0..times {
            let wait = repairs.hold(Repair::Revert, hands, *now).unwrap_or_default();
            waits.push(wait.as_secs());
            *now += wait;
            assert_eq!(repairs.hold(Repair::Revert, hands, *now), None);
            repairs.made(Repair::Revert, hands, *now);
        }
        waits
    }

    #[test]
    fn the_fourth_revert_within_ten_minutes_waits_and_each_further_one_longer() {
        let mut now = Instant::now();
        let mut repairs = Repairs::default();
        let waits = fight(&mut repairs, &[bot("a")], &mut now, 11);
        assert_eq!(waits, [0, 0, 0, 30, 60, 120, 240, 480, 600, 600, 600]);
        assert_eq!((repairs.reverts(&bot("a")), repairs.reverts(&bot("b"))), (11, 0));
    }

    #[test]
    fn after_a_calm_time_repairs_are_made_at_once_again() {
        let mut repairs = Repairs::default();
        let mut now = Instant::now();
        fight(&mut repairs, &[bot("a")], &mut now, 5);
        now += 2 * MAX_HOLD + Duration::from_secs(1);
        assert_eq!(fight(&mut repairs, &[bot("a")], &mut now, 4), [0, 0, 0, 30]);
        assert_eq!(repairs.reverts(&bot("a")), 4);
    }

    #[test]
    fn slow_edits_never_wait() {
        let mut repairs = Repairs::default();
        let mut now = Instant::now();
        for _ in 0..50 {
            assert_eq!(repairs.hold(Repair::Revert, &[bot("a")], now), None);
            repairs.made(Repair::Revert, &[bot("a")], now);
            now += WINDOW / 2;
        }
    }

    #[test]
    fn ten_minutes_are_ten_minutes_and_a_calm_time_is_twice_the_longest_wait() {
        let start = Instant::now();
        let moment = Duration::from_millis(1);
        let mut repairs = Repairs::default();
        for _ in 0..FREE_REVERTS {
            repairs.made(Repair::Revert, &[bot("a")], start);
        }
        let tally = &mut repairs.tallies[0];
        assert!(tally.is_over(start + WINDOW - moment) && !tally.is_over(start + WINDOW));
        tally.holds = 1;
        assert!(tally.is_over(start + 2 * MAX_HOLD) && !tally.is_calm(start + 2 * MAX_HOLD));
        assert!(!tally.is_over(start + 2 * MAX_HOLD + moment) && tally.is_calm(start + 2 * MAX_HOLD + moment));
    }

    #[test]
    fn one_hands_war_holds_no_other_hand_up() {
        let mut repairs = Repairs::default();
        let mut now = Instant::now();
        fight(&mut repairs, &[bot("a")], &mut now, 3);
        assert!(repairs.hold(Repair::Revert, &[bot("a")], now).is_some());
        assert_eq!(repairs.hold(Repair::Revert, &[bot("b")], now), None);
        assert_eq!(
            repairs.hold(Repair::Revert, &[bot("a"), Hand::Somebody], now),
            None,
            "somebody's edit is put right"
        );
        assert_eq!(repairs.hold(Repair::Recreate, &[Hand::Somebody], now), None);
        assert_eq!(repairs.hold(Repair::Look, &[Hand::Somebody], now), None);
    }

    #[test]
    fn many_names_for_one_hand_do_not_help_it() {
        let mut repairs = Repairs::default();
        let now = Instant::now();
        for n in 0..FREE_REVERTS_OF_ALL {
            let hands = [bot(&n.to_string())];
            assert_eq!(repairs.hold(Repair::Revert, &hands, now), None, "{n}");
            repairs.made(Repair::Revert, &hands, now);
        }
        assert_eq!(repairs.hold(Repair::Revert, &[bot("new")], now), Some(FIRST_HOLD));
        for n in 0..100 {
            repairs.made(Repair::Revert, &[bot(&n.to_string())], now);
        }
        assert_eq!(repairs.tallies.len(), MAX_TALLIES);
        assert!(repairs.hold(Repair::Revert, &[bot("new")], now).is_some(), "all hands together are never forgotten");
        assert!(repairs.tallies.iter().all(|tally| tally.recent.len() <= FREE_REVERTS_OF_ALL));
    }

    #[test]
    fn looks_and_recreations_have_more_room() {
        for kind in [Repair::Recreate, Repair::Look] {
            let mut repairs = Repairs::default();
            let now = Instant::now();
            for _ in 0..FREE_OTHERS {
                assert_eq!(repairs.hold(kind, &[Hand::Somebody], now), None);
                repairs.made(kind, &[Hand::Somebody], now);
            }
            assert_eq!(repairs.hold(kind, &[Hand::Somebody], now), Some(FIRST_HOLD));
        }
    }

    #[test]
    fn while_repairs_are_held_back_it_is_looked_for_other_hands_less_and_less_often() {
        let mut repairs = Repairs::default();
        let long = Duration::from_secs(300);
        let looks: Vec<_> = (0..6).map(|_| repairs.next_look(long).as_secs()).collect();
        assert_eq!(looks, [5, 10, 20, 40, 60, 60]);
        assert_eq!(repairs.next_look(Duration::from_secs(7)).as_secs(), 7, "never later than the repair");
        repairs.made(Repair::Revert, &[bot("a")], Instant::now());
        assert_eq!(repairs.next_look(long).as_secs(), 5);
    }

    #[test]
    fn a_hand_is_told_of_once_in_ten_minutes() {
        let mut repairs = Repairs::default();
        let mut now = Instant::now();
        repairs.made(Repair::Revert, &[bot("a"), bot("b")], now);
        assert!(repairs.is_news(&bot("a"), now) && !repairs.is_news(&bot("a"), now));
        assert!(repairs.is_news(&bot("b"), now));
        now += WINDOW;
        assert!(repairs.is_news(&bot("a"), now));
    }
}
