//! Which key opened which object: how much still depends on a key, and a word of warning where nothing should.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bulla_core::sealed::{Fingerprint, KeyState};

use crate::engine::Engine;
use crate::object::ObjectKey;
use crate::report::applied::Applied;

/// Objects that a warning names.
const NAMED: usize = 5;

/// What a key has opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) objects: u64,
    /// Values of these objects.
    pub(crate) items: u64,
}

/// Fingerprints, and how many values each of them opened.
type UsedKeys = Box<[(Arc<str>, u64)]>;

/// Who uses which key. Totals are kept as objects change, so that asking costs nothing.
#[derive(Default)]
pub(crate) struct KeyUses {
    objects: HashMap<ObjectKey, UsedKeys>,
    totals: BTreeMap<Arc<str>, Use>,
}

impl KeyUses {
    /// The Secret of an object of `items` values stands as `record` says.
    pub(crate) fn set(&mut self, object: &ObjectKey, record: &Applied, items: usize) {
        if self.objects.get(object).is_some_and(|known| known.iter().map(pair).eq(record.uses(items))) {
            return;
        }
        self.remove(object);
        let uses: UsedKeys = record.uses(items).map(|(key, items)| (self.add(key, items), items)).collect();
        self.objects.insert(object.clone(), uses);
    }

    /// The object is gone.
    pub(crate) fn remove(&mut self, object: &ObjectKey) {
        for (key, items) in self.objects.remove(object).unwrap_or_default() {
            if let Some(total) = self.totals.get_mut(&key) {
                total.objects -= 1;
                total.items -= items;
                if total.objects == 0 {
                    self.totals.remove(&key);
                }
            }
        }
    }

    /// What this key has opened.
    pub(crate) fn of(&self, key: &Fingerprint) -> Use {
        self.totals.get(key.as_str()).copied().unwrap_or_default()
    }

    /// Some of the objects that this key has opened, in the order of their names.
    fn examples(&self, key: &Fingerprint) -> Vec<String> {
        let uses = |uses: &[(Arc<str>, u64)]| uses.iter().any(|(used, _)| **used == *key.as_str());
        let mut names: Vec<String> =
            self.objects.iter().filter(|(_, used)| uses(used)).map(|(object, _)| object.to_string()).collect();
        names.sort();
        names.truncate(NAMED);
        names
    }

    /// Equal fingerprints share their text.
    fn add(&mut self, key: &str, items: u64) -> Arc<str> {
        let name = self.totals.get_key_value(key).map_or_else(|| key.into(), |(name, _)| Arc::clone(name));
        let total = self.totals.entry(Arc::clone(&name)).or_default();
        total.objects += 1;
        total.items += items;
        name
    }
}

fn pair((key, items): &(Arc<str>, u64)) -> (&str, u64) {
    (key, *items)
}

/// Warns of each key that nothing should use any more and something does: when it is marked so, and at a start.
pub(crate) async fn warn_of_bad_keys(engine: Arc<Engine>) {
    let (mut ready, mut changes) = (engine.readiness(), engine.keys.changes());
    let mut warned: Vec<(Fingerprint, KeyState)> = Vec::new();
    // The sender lives as long as the engine.
    let _ = ready.wait_for(|ready| *ready).await;
    loop {
        changes.borrow_and_update();
        let marked: Vec<_> = engine.keys.states().into_iter().filter(|(_, state)| state.should_be_unused()).collect();
        for (fingerprint, state) in marked.iter().filter(|marked| !warned.contains(marked)) {
            let (used, examples) = {
                let uses = engine.uses();
                (uses.of(fingerprint), uses.examples(fingerprint).join(", "))
            };
            if used.objects > 0 {
                let (objects, items, state) = (used.objects, used.items, state.as_str());
                tracing::warn!(%fingerprint, state, objects, items, examples, "objects still use this key: seal them again");
            }
        }
        warned = marked;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    const B: &str = "SHA256:57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    /// A record of keys, and of how many values each of them opened if there are several.
    fn record(keys: &[(&str, usize)]) -> Applied {
        let opened_by = (0..).zip(keys).flat_map(|(place, (_, items))| vec![place; *items]);
        let opened_by = if keys.len() > 1 { opened_by.collect() } else { Vec::new() };
        Applied { keys: keys.iter().map(|(key, _)| (*key).into()).collect(), opened_by, ..Applied::default() }
    }

    #[test]
    fn counts_follow_the_objects() {
        let mut uses = KeyUses::default();
        let (a, b) = (Fingerprint::parse(A).unwrap(), Fingerprint::parse(B).unwrap());
        let (one, two) = (ObjectKey::new("ns", "one"), ObjectKey::new("ns", "two"));
        let of = |uses: &KeyUses| [uses.of(&a), uses.of(&b)].map(|used| (used.objects, used.items));
        assert_eq!(of(&uses), [(0, 0), (0, 0)]);
        uses.set(&one, &record(&[(A, 0)]), 3);
        uses.set(&one, &record(&[(A, 0)]), 3);
        assert_eq!(of(&uses), [(1, 3), (0, 0)], "one key opened all of them; the same twice counts once");
        uses.set(&two, &record(&[(A, 1), (B, 4)]), 5);
        assert_eq!(of(&uses), [(2, 4), (1, 4)]);
        assert_eq!(uses.examples(&a), ["ns/one", "ns/two"]);
        uses.set(&one, &record(&[(B, 0)]), 2);
        assert_eq!(of(&uses), [(1, 1), (2, 6)], "sealed again");
        uses.remove(&two);
        uses.remove(&two);
        assert_eq!(of(&uses), [(0, 0), (1, 2)]);
        assert!(!uses.totals.contains_key(A), "nothing is kept of a key that nobody uses");
    }
}
