//! What is known of the cluster, as a state machine over watch events: events in, keys to wake out. No clock, no I/O.
//!
//! SealedSecrets are held whole, as far as opening them needs it; Secrets as three short texts each, never their values. Events
//! may come twice, late, or not at all (a watch that starts again lists everything anew, and what is missing in the list
//! was deleted); our own writes are noted as soon as they are answered, so that their echo wakes nobody.
//!
//! There is one set of watches for the whole cluster, or one for each namespace; each has its own lists.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kube::runtime::watcher::Event;

use crate::object::{ObjectKey, Observed, SealedObject, SecretMetadata, SecretRef};
use crate::queue::Wake;
use crate::report::status::SealedStatus;

/// What the watch of Secrets says about one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    /// Secrets are not watched, or not all of them.
    Unknown,
    /// There is none.
    Absent,
    /// There is one.
    Present(SecretRef),
}

/// The state of the world.
pub(crate) struct Index {
    sealed: HashMap<ObjectKey, Arc<Observed>>,
    secrets: HashMap<ObjectKey, SecretRef>,
    /// The uid of the last Secret of an object that was deleted: the answer to our write of it may come after that.
    gone: HashMap<ObjectKey, Box<str>>,
    /// The sets of watches by namespace; the whole cluster is the empty one.
    sets: HashMap<Arc<str>, WatchSet>,
    /// The watches see only some of the Secrets, so that one that they do not show may be there.
    filtered: bool,
}

/// The watches of one namespace, or of the whole cluster.
#[derive(Default)]
struct WatchSet {
    sealed: Listing,
    secrets: Listing,
    /// Its objects may not be read: nobody waits for it.
    excused: bool,
}

/// How far a list has come.
#[derive(Default)]
struct Listing {
    /// Keys that the list in progress has named.
    seen: Option<HashSet<ObjectKey>>,
    /// A list has been complete once.
    complete: bool,
}

/// Keys to wake, and how.
pub(crate) type Woken = Vec<(ObjectKey, Wake)>;

impl Index {
    /// An index that is fed by these sets of watches. `filtered`: they see only some of the Secrets.
    pub(crate) fn new<'a>(sets: impl IntoIterator<Item = &'a str>, filtered: bool) -> Self {
        Self {
            sealed: HashMap::new(),
            secrets: HashMap::new(),
            gone: HashMap::new(),
            sets: sets.into_iter().map(|set| (Arc::from(set), WatchSet::default())).collect(),
            filtered,
        }
    }

    /// The set of watches that tells of `key`.
    fn set_of(&self, key: &ObjectKey) -> Option<&WatchSet> {
        self.sets.get("").or_else(|| self.sets.get(&key.namespace))
    }

    /// A SealedSecret event of the set `set`.
    pub(crate) fn sealed_event(&mut self, set: &str, event: Event<SealedObject>) -> Woken {
        let mut woken = Woken::new();
        let Some(list) = self.sets.get_mut(set).map(|set| &mut set.sealed) else { return woken };
        match event {
            Event::Init => list.begin(),
            Event::InitApply(object) => {
                if let Some(observed) = object.observed {
                    list.saw(&observed.key);
                    self.see_sealed(observed, &mut woken);
                }
            }
            Event::InitDone => {
                for key in list.missing(set, self.sealed.keys()) {
                    self.sealed.remove(&key);
                    self.gone.remove(&key);
                    woken.push((key, Wake::Mended));
                }
            }
            Event::Apply(object) => {
                if let Some(observed) = object.observed {
                    let known = self.sealed.get(&observed.key);
                    if !known.is_some_and(|known| is_older(&observed.resource_version, &known.resource_version)) {
                        self.see_sealed(observed, &mut woken);
                    }
                }
            }
            Event::Delete(object) => {
                if let Some(gone) = object.observed
                    && self.sealed.get(&gone.key).is_some_and(|known| known.uid == gone.uid)
                {
                    self.sealed.remove(&gone.key);
                    self.gone.remove(&gone.key);
                    woken.push((gone.key.clone(), Wake::Mended));
                }
            }
        }
        woken
    }

    fn see_sealed(&mut self, observed: Arc<Observed>, woken: &mut Woken) {
        let wake = match self.sealed.get(&observed.key) {
            Some(known) if !states_the_same(known, &observed) => Some(Wake::Mended),
            // Somebody else wrote our status: it is put right, if it is not.
            Some(known) if known.status != observed.status => Some(Wake::Touched),
            Some(_) => None,
            None => Some(Wake::Mended),
        };
        if let Some(wake) = wake {
            woken.push((observed.key.clone(), wake));
        }
        self.sealed.insert(observed.key.clone(), observed);
    }

    /// An event of the metadata of a Secret in the set `set`.
    pub(crate) fn secret_event(&mut self, set: &str, event: Event<SecretMetadata>) -> Woken {
        let mut woken = Woken::new();
        let Some(list) = self.sets.get_mut(set).map(|set| &mut set.secrets) else { return woken };
        match event {
            Event::Init => list.begin(),
            Event::InitApply(object) => {
                if let Some(key) = object.key {
                    list.saw(&key);
                    self.see_secret(key, object.secret, &mut woken);
                }
            }
            Event::InitDone => {
                for key in list.missing(set, self.secrets.keys()) {
                    self.lose_secret(key, &mut woken);
                }
            }
            Event::Apply(object) => {
                if let Some(key) = object.key {
                    let known = self.secrets.get(&key);
                    if !known.is_some_and(|known| is_older(&object.secret.resource_version, &known.resource_version)) {
                        self.see_secret(key, object.secret, &mut woken);
                    }
                }
            }
            Event::Delete(object) => {
                // A late event about an earlier Secret of the same name says nothing about the one that is known.
                if let Some(key) = object.key
                    && self.secrets.get(&key).is_some_and(|known| known.uid == object.secret.uid)
                {
                    self.lose_secret(key, &mut woken);
                }
            }
        }
        woken
    }

    fn see_secret(&mut self, key: ObjectKey, secret: SecretRef, woken: &mut Woken) {
        let wake = match self.secrets.get(&key) {
            Some(known) if *known == secret => None,
            Some(known) if known.allows_the_same(&secret) => Some(Wake::Touched),
            // Another owner, or an annotation that lets it be taken over: that may be what a refused object waits for.
            Some(_) => Some(Wake::Mended),
            None => Some(Wake::Touched),
        };
        if let Some(wake) = wake
            && self.sealed.contains_key(&key)
        {
            woken.push((key.clone(), wake));
        }
        self.gone.remove(&key);
        self.secrets.insert(key, secret);
    }

    /// Also a Secret that stood in the way is one whose deletion concerns the object of its name (#2060).
    fn lose_secret(&mut self, key: ObjectKey, woken: &mut Woken) {
        let lost = self.secrets.remove(&key);
        if self.sealed.contains_key(&key) {
            if let Some(lost) = lost {
                self.gone.insert(key.clone(), lost.uid);
            }
            woken.push((key, Wake::Mended));
        }
    }

    /// We deleted the Secret `uid`. The watch will say so too, or has said so already.
    pub(crate) fn note_deleted(&mut self, key: &ObjectKey, uid: &str) {
        if self.secrets.get(key).is_some_and(|known| &*known.uid == uid) {
            self.lose_secret(key.clone(), &mut Woken::new());
        }
    }

    /// The SealedSecret of that name.
    pub(crate) fn sealed(&self, key: &ObjectKey) -> Option<Arc<Observed>> {
        self.sealed.get(key).cloned()
    }

    /// The Secret of that name.
    pub(crate) fn secret(&self, key: &ObjectKey) -> Live {
        match self.secrets.get(key) {
            Some(secret) => Live::Present(secret.clone()),
            None if !self.filtered && self.set_of(key).is_some_and(|set| set.secrets.complete) => Live::Absent,
            None => Live::Unknown,
        }
    }

    /// We wrote or read the Secret, and this is what it is now. The watch will say so too, or has said so already.
    pub(crate) fn note_secret(&mut self, key: &ObjectKey, secret: &SecretRef) {
        let newer =
            self.secrets.get(key).is_some_and(|known| is_older(&secret.resource_version, &known.resource_version));
        let gone = self.gone.get(key).is_some_and(|uid| *uid == secret.uid);
        // Without a watch nobody would correct what is noted; a filtered one shows by itself what it follows.
        let watched = if self.filtered {
            self.secrets.contains_key(key)
        } else {
            self.set_of(key).is_some_and(|set| set.secrets.complete)
        };
        if watched && !newer && !gone {
            self.secrets.insert(key.clone(), secret.clone());
        }
    }

    /// We wrote the status of the object `uid`, and this is what it is now.
    pub(crate) fn note_status(&mut self, key: &ObjectKey, uid: &str, resource_version: &str, status: &SealedStatus) {
        if let Some(known) = self.sealed.get_mut(key)
            && &*known.uid == uid
            && !is_older(resource_version, &known.resource_version)
        {
            let known = Arc::make_mut(known);
            known.resource_version = resource_version.into();
            known.status = status.clone();
        }
    }

    /// The objects of the set may not be read: it is not waited for any longer.
    pub(crate) fn excuse(&mut self, set: &str) {
        if let Some(set) = self.sets.get_mut(set) {
            set.excused = true;
        }
    }

    /// Whether both lists of every set have been complete once, but for those that are excused.
    pub(crate) fn is_complete(&self, watches_secrets: bool) -> bool {
        let complete = |set: &WatchSet| set.sealed.complete && (set.secrets.complete || !watches_secrets);
        self.sets.values().all(|set| set.excused || complete(set))
    }

    /// Every SealedSecret, in no order.
    pub(crate) fn all_sealed(&self) -> impl Iterator<Item = &Arc<Observed>> {
        self.sealed.values()
    }
}

impl Listing {
    fn begin(&mut self) {
        // A list that broke off in the middle starts anew.
        self.seen = Some(HashSet::new());
    }

    fn saw(&mut self, key: &ObjectKey) {
        if let Some(seen) = &mut self.seen {
            seen.insert(key.clone());
        }
    }

    /// What the complete list of `set` did not name.
    fn missing<'a>(&mut self, set: &str, known: impl Iterator<Item = &'a ObjectKey>) -> Vec<ObjectKey> {
        self.complete = true;
        let Some(seen) = self.seen.take() else { return Vec::new() };
        let listed = |key: &&ObjectKey| set.is_empty() || *key.namespace == *set;
        known.filter(listed).filter(|key| !seen.contains(key)).cloned().collect()
    }
}

/// Whether two versions of an object ask for the same Secret. The scope annotation and `bulla.dev/drift` do not raise the
/// generation, so they are part of it.
fn states_the_same(a: &Observed, b: &Observed) -> bool {
    a.uid == b.uid
        && a.generation == b.generation
        && a.terminating == b.terminating
        && a.ignores_drift == b.ignores_drift
        && a.sealed == b.sealed
}

/// Whether one version of an object is certainly older than another. Versions that are no numbers are never older: then
/// the event is believed, and at worst an object is looked at once more.
fn is_older(version: &str, than: &str) -> bool {
    matches!((version.parse::<u64>(), than.parse::<u64>()), (Ok(version), Ok(than)) if version < than)
}

#[cfg(test)]
mod tests;
