//! All private sealing keys at hand, and how a value is opened with the fewest RSA operations.
//!
//! An envelope names no key. Keys that cannot have made it are skipped for free (another modulus length, a ciphertext
//! above the modulus), the sibling's key goes first, the rest in the order that [`super::predict`] gives; **every** key is
//! tried before the answer is no (sealed-secrets 1 and 7.3 of the dependencies).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::sealed::certificate::Fingerprint;
use crate::sealed::envelope::Envelope;
use crate::sealed::failure::Failure;
use crate::sealed::predict::{Clues, Memory};
use crate::sealed::private_key::SealingKey;
use crate::sealed::scope::Scope;
use crate::secret::SecretBytes;

/// One key of a ring.
pub struct RingKey {
    /// The private key.
    pub key: SealingKey,
    /// What "newest" is decided by: the certificate's NotBefore, or the key Secret's creation.
    pub since: Timestamp,
}

/// All private sealing keys at hand. Cheap to share; a changed set of keys is a new ring that keeps what was learned.
pub struct KeyRing {
    /// The newest first; of equal times the one that was given first.
    keys: Vec<Arc<RingKey>>,
    learned: Arc<Learned>,
}

struct Learned {
    memory: Mutex<Memory>,
    private_operations: AtomicU64,
}

/// What is known about one object; carries the key of the siblings from value to value.
#[derive(Clone, Debug, Default)]
pub struct ObjectHints {
    /// The object's namespace.
    pub namespace: String,
    /// The object's creationTimestamp, if it has one.
    pub created: Option<Timestamp>,
    /// The key that opened the object the last time.
    pub last_key: Option<Fingerprint>,
    /// The key that opened a sibling; set by [`KeyRing::open`].
    sibling: Option<Fingerprint>,
}

impl ObjectHints {
    /// For an object in `namespace`, created at `created`, last opened by `last_key`.
    pub fn new(namespace: &str, created: Option<Timestamp>, last_key: Option<Fingerprint>) -> Self {
        Self { namespace: namespace.to_owned(), created, last_key, sibling: None }
    }
}

/// A value and the key that opened it.
pub struct OpenedValue {
    /// The plaintext.
    pub plaintext: SecretBytes,
    /// The key.
    pub key: Fingerprint,
}

impl KeyRing {
    /// A ring of `keys`, in any order.
    pub fn new(keys: impl IntoIterator<Item = Arc<RingKey>>) -> Self {
        let learned = Learned { memory: Mutex::new(Memory::new()), private_operations: AtomicU64::new(0) };
        Self { keys: sorted(keys), learned: Arc::new(learned) }
    }

    /// A ring of other keys that keeps what this one has learned.
    #[must_use]
    pub fn replaced(&self, keys: impl IntoIterator<Item = Arc<RingKey>>) -> Self {
        let keys = sorted(keys);
        self.memory().retain(|known| keys.iter().any(|key| key.key.fingerprint() == known));
        Self { keys, learned: Arc::clone(&self.learned) }
    }

    /// The keys, the newest first.
    pub fn keys(&self) -> &[Arc<RingKey>] {
        &self.keys
    }

    /// The fingerprints, the newest key first.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keys.iter().map(|key| key.key.fingerprint().clone()).collect()
    }

    /// RSA private operations so far, in this ring and those that it replaced.
    pub fn private_operations(&self) -> u64 {
        self.learned.private_operations.load(Ordering::Relaxed)
    }

    /// Opens one sealed value for `scope` in `namespace`/`name`.
    ///
    /// # Errors
    /// [`Failure`], without the diagnosis of other labels, which costs more operations: [`KeyRing::diagnose`].
    pub fn open(
        &self,
        bytes: &[u8],
        (scope, namespace, name): (Scope, &str, &str),
        hints: &mut ObjectHints,
    ) -> Result<OpenedValue, Failure> {
        let envelope = parse(bytes)?;
        let candidates: Vec<&RingKey> =
            self.keys.iter().map(Arc::as_ref).filter(|key| key.key.may_open(envelope.wrapped_key)).collect();
        if candidates.is_empty() {
            return Err(self.no_candidate(envelope));
        }
        let label = scope.label(namespace, name);
        for key in self.ordered(&candidates, hints) {
            let Some(content_key) = self.unwrap(key, envelope, &label) else { continue };
            let fingerprint = key.key.fingerprint();
            return match envelope.open_body(&content_key) {
                Some(plaintext) => {
                    self.learn(&candidates, hints, fingerprint);
                    Ok(OpenedValue { plaintext, key: fingerprint.clone() })
                }
                None => Err(Failure::Damaged { key: fingerprint.clone() }),
            };
        }
        Err(Failure::NoKey { tried: candidates.iter().map(|key| key.key.fingerprint().clone()).collect() })
    }

    /// Looks for another scope, namespace or name under which the value opens, after [`KeyRing::open`] said
    /// [`Failure::NoKey`]. Costs up to one operation per key and distinct label. The plaintext is not returned.
    pub fn diagnose(&self, bytes: &[u8], places: &[(Scope, &str, &str)], failure: Failure) -> Failure {
        let (Failure::NoKey { .. }, Ok(envelope)) = (&failure, parse(bytes)) else { return failure };
        let mut tried: Vec<Vec<u8>> = Vec::new();
        for (scope, namespace, name) in places {
            let label = scope.label(namespace, name);
            if tried.contains(&label) {
                continue;
            }
            for key in self.keys.iter().filter(|key| key.key.may_open(envelope.wrapped_key)) {
                if self.unwrap(key, envelope, &label).is_some() {
                    return Failure::OtherLabel {
                        scope: *scope,
                        namespace: if *scope == Scope::ClusterWide { String::new() } else { (*namespace).to_owned() },
                        name: if *scope == Scope::Strict { (*name).to_owned() } else { String::new() },
                        key: key.key.fingerprint().clone(),
                    };
                }
            }
            tried.push(label);
        }
        failure
    }

    fn unwrap(&self, key: &RingKey, envelope: Envelope<'_>, label: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        self.learned.private_operations.fetch_add(1, Ordering::Relaxed);
        key.key.unwrap(envelope.wrapped_key, label)
    }

    fn ordered<'a>(&self, candidates: &[&'a RingKey], hints: &ObjectHints) -> Vec<&'a RingKey> {
        let mut order =
            if candidates.len() == 1 { vec![0] } else { self.memory().order(&described(candidates), &clues(hints)) };
        if let Some(sibling) = &hints.sibling
            && let Some(at) = order.iter().position(|index| candidates[*index].key.fingerprint() == sibling)
        {
            order[..=at].rotate_right(1);
        }
        order.into_iter().map(|index| candidates[index]).collect()
    }

    fn learn(&self, candidates: &[&RingKey], hints: &mut ObjectHints, opened: &Fingerprint) {
        if hints.sibling.is_none() {
            self.memory().learn(&described(candidates), &clues(hints), opened);
        }
        if hints.sibling.as_ref() != Some(opened) {
            hints.sibling = Some(opened.clone());
        }
    }

    /// No key has the right size, or the ciphertext is above every modulus of that size.
    fn no_candidate(&self, envelope: Envelope<'_>) -> Failure {
        let length = envelope.wrapped_key.len();
        if self.keys.is_empty() || self.keys.iter().any(|key| key.key.modulus_len() == length) {
            return Failure::NoKey { tried: self.fingerprints() };
        }
        Failure::OtherKeySize { sealed_bits: length * 8, keys: self.fingerprints() }
    }

    /// What was learned is advice: after a panic in another thread it is still good enough.
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.learned.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(bytes: &[u8]) -> Result<Envelope<'_>, Failure> {
    let envelope =
        Envelope::parse(bytes).map_err(|short| Failure::TooShort { length: short.length, needed: short.needed })?;
    let needed = bytes.len() - envelope.body.len() + super::envelope::TAG_BYTES;
    if bytes.len() < needed {
        return Err(Failure::TooShort { length: bytes.len(), needed });
    }
    Ok(envelope)
}

fn sorted(keys: impl IntoIterator<Item = Arc<RingKey>>) -> Vec<Arc<RingKey>> {
    let mut keys: Vec<_> = keys.into_iter().collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.since));
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.key.fingerprint().clone()));
    keys
}

fn described<'a>(candidates: &[&'a RingKey]) -> Vec<(&'a Fingerprint, Timestamp)> {
    candidates.iter().map(|key| (key.key.fingerprint(), key.since)).collect()
}

fn clues(hints: &ObjectHints) -> Clues<'_> {
    Clues { namespace: &hints.namespace, created: hints.created, last_key: hints.last_key.as_ref() }
}
