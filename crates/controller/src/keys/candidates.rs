//! Which Secrets of the controller's namespace are keys, from watch events of their metadata. Pure.

use std::collections::{BTreeMap, HashSet};

use bulla_core::sealed::KeyLabel;
use kube::runtime::watcher::Event;

use crate::object::SecretMetadata;

/// What a change of a Secret's metadata asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Read it.
    Load {
        /// The Secret's name.
        name: String,
        /// Its resourceVersion, so that the same state is read once.
        version: String,
    },
    /// It opens nothing any more.
    Drop {
        /// The Secret's name.
        name: String,
    },
    /// It is labelled as a key that is not active: who it is, is worth knowing when an object does not open.
    Shelve {
        /// The Secret's name.
        name: String,
        /// Its resourceVersion.
        version: String,
    },
    /// It is not even that any more.
    Forget {
        /// The Secret's name.
        name: String,
    },
}

/// Which Secrets of the namespace are keys, from watch events of their metadata.
pub(crate) struct Candidates {
    legacy_name: String,
    keys: BTreeMap<String, Known>,
    seen: Option<HashSet<String>>,
    listed: bool,
}

/// A Secret that is labelled as a key, or has the legacy name.
struct Known {
    version: String,
    opens: bool,
}

impl Candidates {
    /// `legacy_name` is a key although it has no label.
    pub(crate) fn new(legacy_name: &str) -> Self {
        Self { legacy_name: legacy_name.to_owned(), keys: BTreeMap::new(), seen: None, listed: false }
    }

    /// What an event changes.
    pub(crate) fn event(&mut self, event: Event<SecretMetadata>) -> Vec<Change> {
        match event {
            Event::Init => {
                self.seen = Some(HashSet::new());
                Vec::new()
            }
            Event::InitApply(secret) | Event::Apply(secret) => self.see(&secret),
            // Nothing but the name is asked of a tombstone.
            Event::Delete(secret) => self.forget(&secret.key.map(|key| key.name.to_string()).unwrap_or_default()),
            Event::InitDone => {
                self.listed = true;
                let seen = self.seen.take().unwrap_or_default();
                let missing: Vec<String> = self.keys.keys().filter(|name| !seen.contains(*name)).cloned().collect();
                missing.iter().flat_map(|name| self.forget(name)).collect()
            }
        }
    }

    fn see(&mut self, secret: &SecretMetadata) -> Vec<Change> {
        let Some(name) = secret.key.as_ref().map(|key| key.name.to_string()) else { return Vec::new() };
        if let Some(seen) = &mut self.seen {
            seen.insert(name.clone());
        }
        let opens = match secret.key_label {
            KeyLabel::Active(_) => true,
            KeyLabel::Inactive => false,
            KeyLabel::None if name == self.legacy_name => true,
            KeyLabel::None => return self.forget(&name),
        };
        let version = secret.secret.resource_version.to_string();
        let before = self.keys.insert(name.clone(), Known { version: version.clone(), opens });
        if before.as_ref().is_some_and(|before| before.version == version) {
            return Vec::new();
        }
        let dropped = before.is_some_and(|before| before.opens) && !opens;
        let mut changes: Vec<Change> = dropped.then(|| Change::Drop { name: name.clone() }).into_iter().collect();
        changes.push(if opens { Change::Load { name, version } } else { Change::Shelve { name, version } });
        changes
    }

    fn forget(&mut self, name: &str) -> Vec<Change> {
        let name = || name.to_owned();
        match self.keys.remove(&name()) {
            Some(Known { opens: true, .. }) => vec![Change::Drop { name: name() }],
            Some(_) => vec![Change::Forget { name: name() }],
            None => Vec::new(),
        }
    }

    /// Whether the list has been complete once. Before that nobody knows whether there are keys.
    pub(crate) fn listed(&self) -> bool {
        self.listed
    }

    /// Whether a Secret is still labelled as a key, in this version.
    pub(crate) fn is_current(&self, name: &str, version: &str) -> bool {
        self.keys.get(name).is_some_and(|known| known.version == version)
    }
}

#[cfg(test)]
mod tests {
    use bulla_core::sealed::KEY_LABEL;
    use serde_json::{Value, json};

    use super::*;

    fn secret(name: &str, version: u64, labels: Value) -> SecretMetadata {
        serde_json::from_value(json!({"metadata": {
            "namespace": "ns", "name": name, "resourceVersion": version.to_string(), "labels": labels}}))
        .unwrap()
    }

    fn load(name: &str, version: &str) -> Change {
        Change::Load { name: name.to_owned(), version: version.to_owned() }
    }

    fn shelve(name: &str, version: &str) -> Change {
        Change::Shelve { name: name.to_owned(), version: version.to_owned() }
    }

    fn drop(name: &str) -> Change {
        Change::Drop { name: name.to_owned() }
    }

    #[test]
    fn keys_come_and_go_with_their_label() {
        let mut candidates = Candidates::new("sealed-secrets-key");
        let active = || json!({KEY_LABEL: "active"});
        assert!(candidates.event(Event::Init).is_empty());
        assert_eq!(candidates.event(Event::InitApply(secret("a", 1, active()))), [load("a", "1")]);
        assert_eq!(
            candidates.event(Event::InitApply(secret("sealed-secrets-key", 1, json!({})))),
            [load("sealed-secrets-key", "1")]
        );
        assert!(candidates.event(Event::InitApply(secret("other", 1, json!({})))).is_empty());
        assert!(!candidates.listed());
        assert!(candidates.event(Event::InitDone).is_empty());
        assert!(candidates.listed());

        assert!(candidates.event(Event::Apply(secret("a", 1, active()))).is_empty(), "known already");
        assert_eq!(candidates.event(Event::Apply(secret("a", 2, active()))), [load("a", "2")]);
        assert!(candidates.is_current("a", "2") && !candidates.is_current("a", "1"));
        assert_eq!(
            candidates.event(Event::Apply(secret("a", 3, json!({KEY_LABEL: "compromised"})))),
            [drop("a"), shelve("a", "3")]
        );
        assert_eq!(
            candidates.event(Event::Apply(secret("a", 4, json!({KEY_LABEL: "away"})))),
            [shelve("a", "4")],
            "it was dropped already"
        );
        let forget = Change::Forget { name: "a".to_owned() };
        assert_eq!(candidates.event(Event::Delete(secret("a", 5, json!({})))), [forget], "a tombstone without labels");
        assert!(candidates.event(Event::Delete(secret("a", 5, active()))).is_empty());
        assert_eq!(candidates.event(Event::Apply(secret("b", 5, active()))), [load("b", "5")]);
        assert_eq!(
            candidates.event(Event::Apply(secret("sealed-secrets-key", 6, json!({KEY_LABEL: "inactive"})))),
            [drop("sealed-secrets-key"), shelve("sealed-secrets-key", "6")]
        );
        candidates.event(Event::Init);
        let gone = [drop("b"), Change::Forget { name: "sealed-secrets-key".to_owned() }];
        assert_eq!(candidates.event(Event::InitDone), gone, "missing in a new list");
        assert_eq!(candidates.event(Event::Apply(secret("b", 7, active()))), [load("b", "7")]);
        assert_eq!(candidates.event(Event::Delete(secret("b", 8, active()))), [drop("b")]);
    }
}
