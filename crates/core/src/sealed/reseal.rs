//! Resealing: values that were sealed with an older key are sealed again with the newest one.
//!
//! An item goes in as text and comes out as a verdict, [`ItemOutcome`]; which bytes of which file the new text replaces is
//! the caller's business. Scope, namespace and name are taken from the object's own metadata, never from its template, and are
//! the same before and after: a value that does not open for them fails, whatever else it might open for, so resealing
//! can never widen a scope (CVE-2026-22728 of the stock controller). Templates are neither rendered nor looked at, and why an
//! item fails is not told, since the caller may be a stranger (sealed-secrets 7, 16.2).

use serde_json::Value;

use crate::Error;
use crate::go_base64;
use crate::sealed::certificate::SealingCertificate;
use crate::sealed::envelope::seal_value;
use crate::sealed::key_ring::{KeyRing, ObjectHints};
use crate::sealed::object::{Item, SealedSecret};
use crate::sealed::scope::Scope;

/// What is to be done with items that open.
#[derive(Clone, Copy)]
pub enum Task<'a> {
    /// Nothing: the question is only whether they open.
    Open,
    /// Those that another key than this certificate's sealed are sealed again.
    Stale(&'a SealingCertificate),
    /// Every one is sealed again.
    All(&'a SealingCertificate),
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It opens, and nothing was to be done.
    Fresh,
    /// It opens, and this is the new text.
    Resealed(String),
    /// It does not open here.
    Failed,
}

/// Where a value belongs: what the ciphertext is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The scope.
    pub scope: Scope,
    /// The object's namespace.
    pub namespace: &'a str,
    /// The object's name.
    pub name: &'a str,
}

/// Opens one sealed value and seals it again if `task` says so. `hints` carries the key from value to value.
pub fn reseal_item(
    text: &str,
    place: Place<'_>,
    ring: &KeyRing,
    task: Task<'_>,
    hints: &mut ObjectHints,
) -> ItemOutcome {
    let Place { scope, namespace, name } = place;
    let Ok(bytes) = go_base64::decode(text) else { return ItemOutcome::Failed };
    let Ok(opened) = ring.open(&bytes, (scope, namespace, name), hints) else { return ItemOutcome::Failed };
    let certificate = match task {
        Task::Open => return ItemOutcome::Fresh,
        Task::Stale(certificate) if *certificate.fingerprint() == opened.key => return ItemOutcome::Fresh,
        Task::Stale(certificate) | Task::All(certificate) => certificate,
    };
    match seal_value(opened.plaintext.expose(), certificate, scope, namespace, name) {
        Ok(sealed) => ItemOutcome::Resealed(go_base64::encode(&sealed)),
        Err(_) => ItemOutcome::Failed,
    }
}

/// A SealedSecret whose items are being resealed, a few at a time, so that the caller can share the processor and stop.
pub struct ObjectReseal {
    object: Value,
    sealed: SealedSecret,
    /// Names of items that are still to be done, the next one last.
    pending: Vec<String>,
    hints: ObjectHints,
    failed: bool,
    changed: bool,
}

impl ObjectReseal {
    /// Begins with a SealedSecret as JSON. The deprecated `spec.data` is a value like the others where it is accepted; where it
    /// is not, or stands beside `encryptedData`, the object has failed (sealed-secrets 4.3).
    ///
    /// # Errors
    /// [`Error::NotASealedSecret`].
    pub fn new(object: Value, accept_deprecated_data: bool) -> Result<Self, Error> {
        let sealed = SealedSecret::from_json(&object)?;
        let failed = sealed.deprecated_data.is_some() && (!accept_deprecated_data || !sealed.items.is_empty());
        let pending = sealed.items.keys().rev().cloned().collect();
        let hints = ObjectHints::new(&sealed.namespace, sealed.created, None);
        Ok(Self { object, sealed, pending, hints, failed, changed: false })
    }

    /// Does up to `count` items, and returns whether there is more to do. An object that has failed is done: what the
    /// other items would say helps nobody who has no right to know.
    pub fn step(&mut self, ring: &KeyRing, task: Task<'_>, count: usize) -> bool {
        let Self { sealed, hints, .. } = self;
        let place = Place { scope: sealed.scope(), namespace: &sealed.namespace, name: &sealed.name };
        if let Some(data) = sealed.deprecated_data.take_if(|_| !self.failed) {
            let outcome = reseal_item(&data, place, ring, task, hints);
            self.note(&["spec", "data"], outcome);
        }
        for _ in 0..count {
            if self.failed {
                break;
            }
            let Some(name) = self.pending.pop() else { break };
            let Self { sealed, hints, .. } = self;
            let place = Place { scope: sealed.scope(), namespace: &sealed.namespace, name: &sealed.name };
            let outcome = match &sealed.items[&name] {
                Item::Sealed(text) => reseal_item(text, place, ring, task, hints),
                Item::NotAString(_) => ItemOutcome::Failed,
            };
            self.note(&["spec", "encryptedData", &name], outcome);
        }
        !self.failed && !self.pending.is_empty()
    }

    fn note(&mut self, path: &[&str], outcome: ItemOutcome) {
        match outcome {
            ItemOutcome::Fresh => {}
            ItemOutcome::Failed => self.failed = true,
            ItemOutcome::Resealed(text) => {
                let place = path.iter().try_fold(&mut self.object, |value, key| value.get_mut(key));
                // The item was read from this very place.
                if let Some(place) = place {
                    *place = Value::String(text);
                    self.changed = true;
                }
            }
        }
    }

    /// Whether an item does not open here, or the object contradicts itself.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether the object differs from what it was.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// The scope that the object's own metadata state, before and after.
    pub fn scope(&self) -> Scope {
        self.sealed.scope()
    }

    /// The object with its new values, and every other field as it was. `None` if it has failed or is not done.
    pub fn into_object(self) -> Option<Value> {
        (!self.failed && self.pending.is_empty() && self.sealed.deprecated_data.is_none()).then_some(self.object)
    }
}
