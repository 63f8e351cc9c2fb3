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
    too_much: bool,
}

impl Work {
    pub(super) fn new(request: ResealRequest<'static>, ring: KeyRing, certificate: SealingCertificate) -> Self {
        let answers = Vec::with_capacity(request.items.len());
        let hints = ObjectHints::default();
        Self { items: request.items.into_iter(), answers, ring, certificate, hints, too_much: false }
    }

    /// A slice of the work. Returns whether there is more.
    pub(super) fn slice(&mut self) -> bool {
        for item in self.items.by_ref().take(SLICE) {
            let task = Task::Stale(&self.certificate);
            let outcome = reseal_item(&item.value, item.place(), &self.ring, task, &mut self.hints);
            self.answers.push(item.answer(outcome));
        }
        let more = self.items.len() > 0;
        self.too_much = more && self.ring.private_operations() > MAX_OPERATIONS;
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
