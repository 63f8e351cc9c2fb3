//! What to do about the Lease, as a state machine: answers of the API server in, the next request out. No I/O; the time is
//! handed in, and is this replica's own monotonic clock. The clock of the holder is never looked at: a Lease has run out
//! when this replica has seen no change of it for as long as it lasts.
//!
//! Two replicas never write at the same time: the holder stops `deadline` after it *sent* its last renewal, the others
//! begin at the earliest `lease` after they *saw* it, which is later, and `deadline` is less than `lease`.

use std::time::Duration;

use tokio::time::Instant;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// What others wait for after the last change.
    pub(crate) lease: Duration,
    /// How long the holder writes after its last renewal.
    pub(crate) deadline: Duration,
}

/// A Lease in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) version: String,
    /// Empty: given back.
    pub(crate) holder: String,
    /// As the holder wrote it.
    pub(crate) duration: Option<Duration>,
    pub(crate) transitions: i64,
}

/// What the request that takes or renews the Lease says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) transitions: i64,
    /// It had another holder before, or none.
    pub(crate) taken: bool,
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read the Lease.
    Read,
    /// Write it, on the condition that it is still the one that is known, or that there is still none.
    Write(Claim),
    /// Somebody else holds it.
    Wait,
}

/// What is known of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Unread,
    Absent,
    There(Record),
}

/// One replica's part in the election.
#[derive(Clone, Debug)]
pub(crate) struct Election {
    me: String,
    timing: Timing,
    known: Known,
    /// The version that was seen last, and until when its holder must be believed to write.
    foreign: Option<(String, Instant)>,
    /// Until when this replica may write.
    until: Option<Instant>,
}

impl Election {
    pub(crate) fn new(me: String, timing: Timing) -> Self {
        Self { me, timing, known: Known::Unread, foreign: None, until: None }
    }

    pub(crate) fn me(&self) -> &str {
        &self.me
    }

    /// What to do now.
    pub(crate) fn step(&self, now: Instant) -> Step {
        let free = self.foreign.as_ref().is_none_or(|(_, until)| now >= *until);
        match &self.known {
            Known::Unread => Step::Read,
            Known::There(record) if record.holder == self.me => {
                Step::Write(Claim { transitions: record.transitions, taken: false })
            }
            // Deleted under its holder, who does not know yet.
            Known::Absent if !free => Step::Wait,
            Known::Absent => Step::Write(Claim { transitions: 0, taken: true }),
            Known::There(record) if record.holder.is_empty() || free => {
                Step::Write(Claim { transitions: record.transitions.saturating_add(1), taken: true })
            }
            Known::There(_) => Step::Wait,
        }
    }

    /// The Lease was read; none if there is none.
    pub(crate) fn observed(&mut self, record: Option<Record>, now: Instant) {
        match &record {
            Some(record) if record.holder == self.me => self.foreign = None,
            Some(record) if record.holder.is_empty() => {
                self.foreign = None;
                self.until = None;
            }
            Some(record) => {
                if self.foreign.as_ref().is_none_or(|(version, _)| *version != record.version) {
                    let lasts = record.duration.unwrap_or(self.timing.lease);
                    self.foreign = Some((record.version.clone(), now + lasts));
                }
                self.until = None;
            }
            None => {}
        }
        self.known = record.map_or(Known::Absent, Known::There);
    }

    /// A claim that was sent at `sent` was accepted, and this is the Lease now.
    pub(crate) fn written(&mut self, record: Option<Record>, sent: Instant) {
        let ours = record.as_ref().is_some_and(|record| record.holder == self.me);
        self.until = ours.then(|| sent + self.timing.deadline);
        self.foreign = None;
        self.known = record.map_or(Known::Unread, Known::There);
    }

    /// Nobody knows what became of a request, or somebody else was faster: the Lease has to be read again.
    pub(crate) fn failed(&mut self) {
        self.known = Known::Unread;
    }

    /// Time has passed: whoever does not hold the Lease reads it again.
    pub(crate) fn look_again(&mut self) {
        if self.holds() != Some(true) {
            self.known = Known::Unread;
        }
    }

    /// From now on this replica does not write. Says whether it did, so that there may be something to give back.
    pub(crate) fn resign(&mut self) -> bool {
        self.until.take().is_some()
    }

    /// Whether the Lease names this replica; nothing, if that is not known.
    pub(crate) fn holds(&self) -> Option<bool> {
        match &self.known {
            Known::Unread => None,
            Known::Absent => Some(false),
            Known::There(record) => Some(record.holder == self.me),
        }
    }

    /// The Lease as it is known.
    pub(crate) fn record(&self) -> Option<&Record> {
        match &self.known {
            Known::There(record) => Some(record),
            Known::Unread | Known::Absent => None,
        }
    }

    /// Whether this replica may write.
    pub(crate) fn may_write(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
#[path = "election_tests.rs"]
mod tests;
