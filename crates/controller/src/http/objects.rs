//! `/v1/verify` and `/v1/rotate`: one SealedSecret from a stranger (sealed-secrets 7 and 11).
//!
//! Nobody who asks is known, so nothing is told that the ciphertext does not already say. Templates are not rendered. Whatever
//! keeps an item from opening, a wrong key, scope or name, damage, text that is no base64, the answer is the same: a
//! status and no body. How long it takes depends on the sizes of what was sent and on which of the keys opens it, and every
//! private operation runs in constant time; a caller learns whether a value opens for a name, which is what verify is for.

use axum::http::StatusCode;
use bulla_core::sealed::{KeyRing, ObjectReseal, SealingCertificate, Task, read_object, rotated};

use super::body::Held;

/// RSA private operations for one request. The largest objects have about 1,400 items, and one operation opens most of them.
const MAX_OPERATIONS: u64 = 2048;
/// Items per slice of work, a few milliseconds each.
const SLICE: usize = 4;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Does every item open?
    Verify,
    /// Seal every item with the newest key.
    Rotate,
}

/// A request on its way through the slices.
pub(crate) struct Work {
    state: State,
    ring: KeyRing,
    certificate: Option<SealingCertificate>,
    accept_deprecated_data: bool,
}

enum State {
    Read(Held),
    Open(Box<ObjectReseal>),
    Done(Box<ObjectReseal>),
    Refused(Refusal),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Not one SealedSecret.
    NotAnObject,
    /// More work than a stranger gets.
    TooMuch,
}

impl Work {
    /// `ring` is one of the caller's own: nothing is learned from strangers, and its operations are counted from zero.
    pub(crate) fn new(
        body: Held,
        ring: KeyRing,
        certificate: Option<SealingCertificate>,
        accept_deprecated_data: bool,
    ) -> Self {
        Self { state: State::Read(body), ring, certificate, accept_deprecated_data }
    }

    /// A slice of the work. Returns whether there is more.
    pub(crate) fn slice(&mut self) -> bool {
        let state = std::mem::replace(&mut self.state, State::Refused(Refusal::NotAnObject));
        self.state = match state {
            State::Read(body) => {
                let object = read_object(&body.bytes);
                match object.and_then(|object| ObjectReseal::new(object, self.accept_deprecated_data)) {
                    Ok(object) => State::Open(Box::new(object)),
                    Err(_) => State::Refused(Refusal::NotAnObject),
                }
            }
            State::Open(mut object) => {
                let task = self.certificate.as_ref().map_or(Task::Open, Task::All);
                if !object.step(&self.ring, task, SLICE) {
                    State::Done(object)
                } else if self.ring.private_operations() > MAX_OPERATIONS {
                    State::Refused(Refusal::TooMuch)
                } else {
                    State::Open(object)
                }
            }
            ended => ended,
        };
        matches!(self.state, State::Open(_))
    }

    /// RSA private operations that it took.
    pub(crate) fn operations(&self) -> u64 {
        self.ring.private_operations()
    }

    /// Status and body of the answer.
    pub(crate) fn answer(self, ask: Ask) -> (StatusCode, String) {
        let status = match (self.state, ask) {
            (State::Done(object), _) if object.has_failed() => match ask {
                Ask::Verify => StatusCode::CONFLICT,
                Ask::Rotate => StatusCode::INTERNAL_SERVER_ERROR,
            },
            (State::Done(_), Ask::Verify) => StatusCode::OK,
            (State::Done(object), Ask::Rotate) => match object.into_object() {
                Some(object) => return (StatusCode::OK, rotated(&object).to_string()),
                None => StatusCode::INTERNAL_SERVER_ERROR,
            },
            (State::Refused(Refusal::TooMuch), _) => StatusCode::PAYLOAD_TOO_LARGE,
            (State::Refused(Refusal::NotAnObject) | State::Read(_) | State::Open(_), _) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, String::new())
    }
}
