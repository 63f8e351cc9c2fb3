//! From the present status and what happened to the next status. Pure; the rules are upstream's (sealed-secrets 13.1) where
//! it has any:
//!
//! - `Synced` is `conditions[0]`, with the error in upstream's words as its message, and an empty one on success;
//!   `lastTransitionTime` moves only when its status flips;
//! - `Ready` says the same, with the explanation for people;
//! - `Reconciling` or `Stalled` is there, and `True`, as long as something is wrong, and tells engines of the kstatus family
//!   whether waiting helps; both are gone when all is well;
//! - `Applied` holds the record of what was written, and is `True` as long as that Secret is there;
//! - conditions of others are left alone;
//! - a status is written whenever it would say something else, also if only the message differs.

use jiff::Timestamp;

use crate::report::applied::Applied;
use crate::report::reason::{Course, Reason, RecordReason};
use crate::report::status::{APPLIED, Condition, READY, RECONCILING, STALLED, SYNCED, SealedStatus};

/// The longest message of `Synced`. Kubernetes' own conditions end at 32 KiB.
const MAX_ERROR: usize = 16 * 1024;
/// The longest message of `Ready`.
const MAX_EXPLANATION: usize = 4 * 1024;
/// The longest message of `Reconciling` and `Stalled`, which repeats that of `Ready`.
const MAX_TROUBLE: usize = 1024;
/// Explanations shown in `Ready`.
const MAX_EXPLANATIONS: usize = 10;

/// What became of one object. Holds no byte of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The Secret is as the object states it.
    Applied(Applied),
    /// It is not.
    Failed(Failed),
}

impl Outcome {
    /// The reason of the conditions.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Applied(_) => Reason::Unsealed,
            Self::Failed(failed) => failed.reason,
        }
    }
}

/// Why the Secret is not as the object states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) reason: Reason,
    /// Upstream's words; the message of `Synced`.
    pub(crate) error: String,
    /// For people; empty repeats the error.
    pub(crate) explanations: Vec<String>,
    /// Whether the Secret that was written last is still there as it was written.
    pub(crate) applied_holds: bool,
}

/// The status after `outcome` of `generation`, or `None` if `previous` says it already.
pub(crate) fn next_status(
    previous: &SealedStatus,
    generation: i64,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<SealedStatus> {
    let (reason, error, explanation) = match outcome {
        Outcome::Applied(_) => {
            (Reason::Unsealed, String::new(), "the Secret is as the SealedSecret states it".to_owned())
        }
        Outcome::Failed(failed) => (failed.reason, shortened(&failed.error, MAX_ERROR), explanation(failed)),
    };
    let moved_on = previous.observed_generation != Some(generation);
    let condition = |kind: &str, status: &str, message: &str| {
        let said = Condition {
            kind: kind.into(),
            status: status.into(),
            reason: reason.as_str().into(),
            message: message.into(),
            ..Condition::default()
        };
        dated(said, previous.condition(kind), moved_on, now)
    };
    let status = reason.course().status();
    let mut conditions = vec![condition(SYNCED, status, &error), condition(READY, status, &explanation)];
    if let Some(applied) = applied_condition(previous, outcome) {
        conditions.push(dated(applied, previous.condition(APPLIED), moved_on, now));
    }
    let trouble = match reason.course() {
        Course::Done => None,
        Course::Reconciling => Some(RECONCILING),
        Course::Stalled => Some(STALLED),
    };
    conditions.extend(trouble.map(|kind| condition(kind, "True", &shortened(&explanation, MAX_TROUBLE))));
    conditions.extend(previous.conditions.iter().filter(|other| !is_ours(&other.kind)).cloned());

    let next = SealedStatus { observed_generation: Some(generation), conditions };
    (next != *previous).then_some(next)
}

fn is_ours(kind: &str) -> bool {
    matches!(kind, SYNCED | READY | APPLIED | RECONCILING | STALLED)
}

/// Times: kept if nothing changed; `lastTransitionTime` kept if the status did not flip.
fn dated(mut said: Condition, before: Option<&Condition>, moved_on: bool, now: Timestamp) -> Condition {
    let now: Box<str> = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    match before {
        Some(before) if before.says_the_same(&said) && !moved_on && !before.last_update_time.is_empty() => {
            before.clone()
        }
        Some(before) => {
            let flipped = before.status != said.status || before.last_transition_time.is_empty();
            said.last_transition_time = if flipped { now.clone() } else { before.last_transition_time.clone() };
            said.last_update_time = now;
            said
        }
        None => {
            said.last_update_time = now.clone();
            said.last_transition_time = now;
            said
        }
    }
}

/// A failure keeps the record of what was written before: labels that a later template drops are known only from it.
fn applied_condition(previous: &SealedStatus, outcome: &Outcome) -> Option<Condition> {
    let (status, reason, message) = match outcome {
        Outcome::Applied(applied) => ("True", RecordReason::Written, applied.to_message().into()),
        Outcome::Failed(failed) => {
            let (status, reason) =
                if failed.applied_holds { ("True", RecordReason::Written) } else { ("False", RecordReason::Gone) };
            (status, reason, previous.condition(APPLIED)?.message.clone())
        }
    };
    Some(Condition {
        kind: APPLIED.into(),
        status: status.into(),
        reason: reason.as_str().into(),
        message,
        ..Condition::default()
    })
}

fn explanation(failed: &Failed) -> String {
    if failed.explanations.is_empty() {
        return shortened(&format!("{}: {}", failed.error, failed.reason.cure()), MAX_EXPLANATION);
    }
    let mut text = failed.explanations.iter().take(MAX_EXPLANATIONS).map(String::as_str).collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = failed.explanations.len().checked_sub(MAX_EXPLANATIONS) {
        text.push_str(&format!("; and {more} more"));
    }
    shortened(&text, MAX_EXPLANATION)
}

/// At most `limit` bytes, cut between characters.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    const MARK: &str = " …";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod health;

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "2026-01-01T00:00:00Z";
    const LATER: &str = "2026-01-02T00:00:00Z";
    const CURE: &str = Reason::WrongKey.cure();

    fn applied(resource_version: &str) -> Outcome {
        Outcome::Applied(Applied {
            secret: "uid".into(),
            resource_version: resource_version.into(),
            generation: 1,
            scope: "strict".into(),
            keys: Vec::new(),
            opened_by: Vec::new(),
            labels: vec!["mine".into()],
            annotations: Vec::new(),
            lent: false,
        })
    }

    fn failed(error: &str) -> Outcome {
        Outcome::Failed(Failed {
            reason: Reason::WrongKey,
            error: error.to_owned(),
            explanations: Vec::new(),
            applied_holds: true,
        })
    }

    fn step(previous: &SealedStatus, generation: i64, outcome: &Outcome, now: &str) -> Option<SealedStatus> {
        next_status(previous, generation, outcome, now.parse().unwrap())
    }

    /// `type status reason message update transition`, times as their day.
    fn shown(status: &SealedStatus) -> Vec<String> {
        let day = |time: &str| time.get(8..10).unwrap_or("-").to_owned();
        status
            .conditions
            .iter()
            .map(|c| {
                let message = if &*c.kind == APPLIED { "record" } else { &*c.message };
                let (update, transition) = (day(&c.last_update_time), day(&c.last_transition_time));
                format!("{} {} {} [{message}] {update} {transition}", c.kind, c.status, c.reason)
            })
            .collect()
    }

    #[test]
    fn the_first_success_writes_three_conditions_with_equal_times() {
        let status = step(&SealedStatus::default(), 1, &applied("5"), FIRST).unwrap();
        assert_eq!(status.observed_generation, Some(1));
        assert_eq!(
            shown(&status),
            [
                "Synced True Unsealed [] 01 01",
                "Ready True Unsealed [the Secret is as the SealedSecret states it] 01 01",
                "Applied True Written [record] 01 01",
            ]
        );
        assert_eq!(Applied::read(&status).unwrap().labels, ["mine".into()]);
    }

    #[test]
    fn nothing_is_written_when_nothing_changed() {
        let status = step(&SealedStatus::default(), 1, &applied("5"), FIRST).unwrap();
        assert_eq!(step(&status, 1, &applied("5"), LATER), None);
        let status = step(&SealedStatus::default(), 1, &failed("e"), FIRST).unwrap();
        assert_eq!(step(&status, 1, &failed("e"), LATER), None);
    }

    #[test]
    fn a_new_generation_is_written_even_if_it_says_the_same() {
        let status = step(&SealedStatus::default(), 1, &failed("e"), FIRST).unwrap();
        let next = step(&status, 2, &failed("e"), LATER).unwrap();
        assert_eq!(next.observed_generation, Some(2));
        assert_eq!(
            shown(&next),
            [
                "Synced False WrongKey [e] 02 01",
                &format!("Ready False WrongKey [e: {CURE}] 02 01"),
                &format!("Stalled True WrongKey [e: {CURE}] 02 01"),
            ]
        );
    }

    #[test]
    fn a_new_message_is_written_and_the_transition_time_stays() {
        let status = step(&SealedStatus::default(), 1, &failed("one"), FIRST).unwrap();
        let next = step(&status, 1, &failed("two"), LATER).unwrap();
        assert_eq!(
            shown(&next),
            [
                "Synced False WrongKey [two] 02 01",
                &format!("Ready False WrongKey [two: {CURE}] 02 01"),
                &format!("Stalled True WrongKey [two: {CURE}] 02 01"),
            ]
        );
    }

    #[test]
    fn the_transition_time_moves_when_the_status_flips() {
        let status = step(&SealedStatus::default(), 1, &failed("e"), FIRST).unwrap();
        let next = step(&status, 1, &applied("5"), LATER).unwrap();
        assert_eq!(shown(&next)[0], "Synced True Unsealed [] 02 02");
        let back = step(&next, 1, &failed("e"), FIRST).unwrap();
        assert_eq!(shown(&back)[0], "Synced False WrongKey [e] 01 01");
    }

    #[test]
    fn a_failure_keeps_the_record_and_says_whether_it_still_holds() {
        let status = step(&SealedStatus::default(), 1, &applied("5"), FIRST).unwrap();
        let next = step(&status, 2, &failed("e"), LATER).unwrap();
        assert_eq!(shown(&next)[2], "Applied True Written [record] 02 01");
        assert_eq!(Applied::read(&next), Applied::read(&status));
        let Outcome::Failed(mut gone) = failed("e") else { unreachable!() };
        gone.applied_holds = false;
        let next = step(&next, 2, &Outcome::Failed(gone), LATER).unwrap();
        assert_eq!(shown(&next)[2], "Applied False Gone [record] 02 02");
        assert_eq!(Applied::read(&next), Applied::read(&status), "labels to remove are known only from the record");
    }

    #[test]
    fn conditions_of_others_are_kept_and_synced_comes_first() {
        let foreign = Condition { kind: "Foreign".into(), status: "True".into(), ..Condition::default() };
        let synced = Condition { kind: SYNCED.into(), status: "True".into(), ..Condition::default() };
        let previous = SealedStatus { observed_generation: Some(1), conditions: vec![foreign, synced.clone(), synced] };
        let next = step(&previous, 1, &applied("5"), LATER).unwrap();
        let kinds: Vec<_> = next.conditions.iter().map(|condition| &*condition.kind).collect();
        assert_eq!(kinds, [SYNCED, READY, APPLIED, "Foreign"]);
        assert_eq!(step(&next, 1, &applied("5"), FIRST), None);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, limit, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "ab …"),
            ("ääää", 8, "ääää"),
            ("ääää", 7, "ä …"),
            ("ääää", 6, "ä …"),
            ("abcdefg", 4, " …"),
        ] {
            assert_eq!(shortened(text, limit), expected, "{text} {limit}");
        }
    }

    #[test]
    fn conditions_without_times_get_some() {
        let status = step(&SealedStatus::default(), 1, &failed("e"), FIRST).unwrap();
        let without = |update: bool, transition: bool| {
            let mut status = status.clone();
            for condition in &mut status.conditions {
                if update {
                    condition.last_update_time = "".into();
                }
                if transition {
                    condition.last_transition_time = "".into();
                }
            }
            status
        };
        for (update, transition, expected) in [(true, false, "02 01"), (true, true, "02 02")] {
            let next = step(&without(update, transition), 1, &failed("e"), LATER).unwrap();
            assert!(shown(&next)[0].ends_with(expected), "{:?}", shown(&next));
        }
        let moved = step(&without(false, true), 2, &failed("e"), LATER).unwrap();
        assert!(shown(&moved)[0].ends_with("02 02"), "{:?}", shown(&moved));
    }

    #[test]
    fn messages_are_bounded() {
        let long = Outcome::Failed(Failed {
            reason: Reason::Malformed,
            error: "ä".repeat(20_000),
            explanations: (0..500).map(|n| format!("item{n}: {}", "x".repeat(500))).collect(),
            applied_holds: false,
        });
        let status = step(&SealedStatus::default(), 1, &long, FIRST).unwrap();
        for (kind, limit) in [(SYNCED, 16 << 10), (READY, 4 << 10), (STALLED, 1 << 10)] {
            let message = &status.condition(kind).unwrap().message;
            assert!(
                message.ends_with(" …") && (limit - 3..=limit).contains(&message.len()),
                "{kind}: {}",
                message.len()
            );
        }
        let Outcome::Failed(mut few) = long else { unreachable!() };
        few.explanations = (0..12).map(|n| format!("item{n}: bad")).collect();
        let status = step(&SealedStatus::default(), 1, &Outcome::Failed(few), FIRST).unwrap();
        assert!(status.conditions[1].message.ends_with("item9: bad; and 2 more"));
    }
}
