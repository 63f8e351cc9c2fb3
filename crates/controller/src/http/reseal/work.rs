//! The values of one request, a few at a time.

use bulla_core::sealed::{
    KeyRing, ObjectHints, ResealAnswer, ResealItem, ResealRequest, ResealedItem, SealingCertificate, Task, reseal_item,
};

/// RSA private operations for one request. Values of one repository were sealed with few keys, and the key of the one is tried
/// first on the next.
const MAX_OPERATIONS: u64 = 8192;
/// Values per slice, a few milliseconds each.
const SLICE: usize = 4;

/// A request on its way through the slices.
pub(super) struct Work {
    items: std::vec::IntoIter<ResealItem<'static>>,
    answers: Vec<ResealedItem>,
    ring: KeyRing,
    certificate: SealingCertificate,
    hints: ObjectHints,
    max_operations: u64,
    too_much: bool,
}

impl Work {
    pub(super) fn new(request: ResealRequest<'static>, ring: KeyRing, certificate: SealingCertificate) -> Self {
        let answers = Vec::with_capacity(request.items.len());
        let hints = ObjectHints::default();
        let items = request.items.into_iter();
        Self { items, answers, ring, certificate, hints, max_operations: MAX_OPERATIONS, too_much: false }
    }

    /// A slice of the work. Returns whether there is more.
    pub(super) fn slice(&mut self) -> bool {
        for item in self.items.by_ref().take(SLICE) {
            let task = Task::Stale(&self.certificate);
            let outcome = reseal_item(&item.value, item.place(), &self.ring, task, &mut self.hints);
            self.answers.push(item.answer(outcome));
        }
        let more = self.items.len() > 0;
        self.too_much = more && self.ring.private_operations() > self.max_operations;
        more && !self.too_much
    }

    /// RSA private operations so far.
    pub(super) fn operations(&self) -> u64 {
        self.ring.private_operations()
    }

    /// The answer, unless it would have taken too much work.
    pub(super) fn into_answer(self) -> Option<ResealAnswer> {
        let certificate = self.certificate.fingerprint().to_string();
        (!self.too_much).then_some(ResealAnswer { certificate, items: self.answers })
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::Arc;

    use bulla_core::go_base64;
    use bulla_core::sealed::{KeySize, NewKey, ResealStatus, RingKey, Scope, generate_key};
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    /// `count` values that look as if one of two keys had made them, so that each costs two operations.
    fn work(count: usize) -> Work {
        let key = || {
            let not_before = Timestamp::now();
            let validity = SignedDuration::from_hours(1);
            generate_key(&NewKey { size: KeySize::Rsa2048, not_before, validity, common_name: String::new() }).unwrap()
        };
        let (first, second) = (key(), key());
        let ring = [first.key, second.key].map(|key| Arc::new(RingKey { key, since: Timestamp::now() }));
        let garbage = go_base64::encode(&[&[1, 0][..], &[7; 300]].concat());
        let item = || ResealItem {
            id: Cow::from("0"),
            namespace: Cow::from("ns"),
            name: Cow::from("a"),
            scope: Scope::Strict,
            value: Cow::from(garbage.clone()),
        };
        let items = (0..count).map(|_| item()).collect();
        Work::new(ResealRequest { items }, KeyRing::new(ring), first.certificate)
    }

    #[test]
    fn values_are_worked_on_in_slices_until_they_are_done() {
        let mut work = work(SLICE + 1);
        assert!(work.slice());
        assert_eq!(work.operations(), 2 * SLICE as u64);
        assert!(!work.slice());
        let answer = work.into_answer().unwrap();
        assert_eq!(answer.items.len(), SLICE + 1);
        assert!(answer.items.iter().all(|item| item.status == ResealStatus::Failed));
    }

    #[test]
    fn a_request_that_takes_too_many_operations_is_given_up() {
        let mut work = work(10 * SLICE);
        work.max_operations = 2 * SLICE as u64;
        assert!(work.slice(), "as many as are allowed");
        assert!(!work.slice());
        assert_eq!(work.operations(), 4 * SLICE as u64);
        assert!(work.into_answer().is_none());
    }
}
