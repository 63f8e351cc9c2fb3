//! Which key a sealed value needs. A ciphertext names no key: without private keys it tells the size of the modulus and no more.
//!
//! Two things tell more. Private keys at hand: the one that opens it. And the controller's record in the status of a live object: which
//! key opened which item; the same ciphertext in a file needs the same key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bulla_core::go_base64;
use bulla_core::sealed::{Failure, Fingerprint, Item, KeyRing, ObjectHints, Scope, SealedSecret};
use serde_json::Value;

use crate::parallel;
use crate::report::Result;

/// Namespaces that a value without one is tried in.
const MAX_GUESSES: usize = 64;

/// Where a value was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Where {
    WorkTree,
    Branch,
    Tag,
    Cluster,
}

impl Where {
    pub(crate) const ALL: [Self; 4] = [Self::WorkTree, Self::Branch, Self::Tag, Self::Cluster];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::WorkTree => "work tree",
            Self::Branch => "branches",
            Self::Tag => "tags",
            Self::Cluster => "cluster",
        }
    }

    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::WorkTree => "workTree",
            Self::Branch => "branches",
            Self::Tag => "tags",
            Self::Cluster => "cluster",
        }
    }
}

/// Scope, namespace and name under which a value may open.
pub(crate) type Bound = (Scope, String, String);

/// A sealed value: the same ciphertext counts once, wherever it is.
#[derive(Default)]
pub(crate) struct Sighting {
    pub(crate) bounds: BTreeSet<Bound>,
    /// Where it was seen, by place: `apps/db.yaml (password)`, `main`, `shop/db (password)`.
    pub(crate) seen: BTreeMap<Where, BTreeSet<String>>,
}

/// Every sealed value that was found.
#[derive(Default)]
pub(crate) struct Sightings {
    values: HashMap<Box<str>, Sighting>,
    /// What the controller recorded of live objects.
    recorded: HashMap<Box<str>, Fingerprint>,
    namespaces: BTreeSet<String>,
}

/// Whose a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This key opens it.
    Opened(Fingerprint),
    /// This key opened it in the cluster, says the status of the object.
    Recorded(Fingerprint),
    /// A key of this size; more cannot be told.
    Unknown { bits: usize },
    /// It is no sealed value.
    Malformed,
}

impl Owner {
    pub(crate) fn key(&self) -> Option<&Fingerprint> {
        match self {
            Self::Opened(key) | Self::Recorded(key) => Some(key),
            Self::Unknown { .. } | Self::Malformed => None,
        }
    }
}

impl Sightings {
    /// A value, where it was seen, and what it is bound to there.
    pub(crate) fn add(&mut self, text: &str, bound: Bound, place: Where, name: String) {
        if !bound.1.is_empty() {
            self.namespaces.insert(bound.1.clone());
        }
        if !self.values.contains_key(text) {
            self.values.insert(text.into(), Sighting::default());
        }
        if let Some(value) = self.values.get_mut(text) {
            value.bounds.insert(bound);
            value.seen.entry(place).or_default().insert(name);
        }
    }

    /// The values of a live object, and its record.
    pub(crate) fn add_live(&mut self, object: &Value) {
        let Ok(sealed) = SealedSecret::from_json(object) else { return };
        let scope = sealed.scope();
        let record = record(object, sealed.items.len());
        for (index, (key, item)) in sealed.items.iter().enumerate() {
            let Item::Sealed(text) = item else { continue };
            let name = format!("{}/{} ({key})", sealed.namespace, sealed.name);
            let bound = (scope, sealed.namespace.clone(), sealed.name.clone());
            self.add(text, bound, Where::Cluster, name);
            if let Some(key) = record.get(index).cloned().flatten() {
                self.recorded.insert(text.clone(), key);
            }
        }
    }

    /// From now on only private keys decide.
    pub(crate) fn forget_records(&mut self) {
        self.recorded.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Every value with its owner, in the order of where they were seen. RSA on all cores; `done` is told of each.
    pub(crate) fn owners(&self, ring: &KeyRing, done: impl Fn() + Sync) -> Result<Vec<(&Sighting, Owner)>> {
        let mut values: Vec<(&Box<str>, &Sighting)> = self.values.iter().collect();
        values.sort_by(|a, b| a.1.seen.cmp(&b.1.seen).then_with(|| a.0.cmp(b.0)));
        let owners = parallel::in_order(&values, |(text, sighting)| {
            let owner = self.owner(text, sighting, ring);
            done();
            owner
        })?;
        Ok(values.into_iter().map(|(_, sighting)| sighting).zip(owners).collect())
    }

    fn owner(&self, text: &str, sighting: &Sighting, ring: &KeyRing) -> Owner {
        let bytes = go_base64::decode(text).ok();
        let Some((bytes, bits)) = bytes.and_then(|bytes| modulus_bits(&bytes).map(|bits| (bytes, bits))) else {
            return Owner::Malformed;
        };
        if let Some(key) = self.recorded.get(text) {
            return Owner::Recorded(key.clone());
        }
        let mut failure = None;
        for (scope, namespace, name) in &sighting.bounds {
            let mut hints = ObjectHints::new(namespace, None, None);
            match ring.open(&bytes, (*scope, namespace, name), &mut hints) {
                Ok(opened) => return Owner::Opened(opened.key),
                Err(Failure::Damaged { key }) => return Owner::Opened(key),
                Err(Failure::NoKey { tried }) => failure = Some(Failure::NoKey { tried }),
                Err(Failure::OtherKeySize { .. }) => return Owner::Unknown { bits },
                Err(_) => return Owner::Malformed,
            }
        }
        let guesses = self.guesses(sighting);
        let guesses: Vec<_> = guesses.iter().map(|(scope, namespace, name)| (*scope, *namespace, *name)).collect();
        match failure.map(|failure| ring.diagnose(&bytes, &guesses, failure)) {
            Some(Failure::OtherLabel { key, .. }) => Owner::Opened(key),
            _ => Owner::Unknown { bits },
        }
    }

    /// Other labels under which it may have been sealed: kustomize and Helm put the namespace in later.
    fn guesses<'a>(&'a self, sighting: &'a Sighting) -> Vec<(Scope, &'a str, &'a str)> {
        let mut guesses = vec![(Scope::ClusterWide, "", "")];
        for (_, own, name) in &sighting.bounds {
            let namespaces: Vec<&str> = if own.is_empty() {
                self.namespaces.iter().map(String::as_str).take(MAX_GUESSES).collect()
            } else {
                vec![own]
            };
            for namespace in namespaces {
                guesses.push((Scope::NamespaceWide, namespace, ""));
                guesses.push((Scope::Strict, namespace, name));
            }
        }
        guesses
    }
}

/// The size of the key, which the first two bytes of a sealed value tell.
fn modulus_bits(bytes: &[u8]) -> Option<usize> {
    let (prefix, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*prefix));
    (length >= 64 && rest.len() > length).then_some(length * 8)
}

/// The key of each item, in the order of their names, as the controller recorded it for the present generation.
fn record(object: &Value, items: usize) -> Vec<Option<Fingerprint>> {
    let conditions = object["status"]["conditions"].as_array();
    let applied = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "Applied"));
    let record: Value =
        applied.and_then(|applied| serde_json::from_str(applied["message"].as_str()?).ok()).unwrap_or_default();
    if record["generation"] != object["metadata"]["generation"] || record["generation"].is_null() {
        return Vec::new();
    }
    let keys: Vec<Option<Fingerprint>> = record["keys"]
        .as_array()
        .map(|keys| keys.iter().map(|key| Fingerprint::parse(key.as_str()?).ok()).collect())
        .unwrap_or_default();
    let places = record["openedBy"].as_array().filter(|places| places.len() == items);
    match (&keys[..], places) {
        ([single], _) => vec![single.clone(); items],
        (_, Some(places)) => {
            places.iter().map(|place| keys.get(usize::try_from(place.as_u64()?).ok()?).cloned().flatten()).collect()
        }
        // A record of before that list: it knows only the set.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
    const B: &str = "SHA256:57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

    fn object(generation: u64, record: &Value) -> Value {
        json!({"metadata": {"generation": generation}, "status": {"conditions": [
            {"type": "Synced", "message": ""}, {"type": "Applied", "message": record.to_string()}]}})
    }

    fn texts(keys: Vec<Option<Fingerprint>>) -> Vec<Option<String>> {
        keys.into_iter().map(|key| key.map(|key| key.to_string())).collect()
    }

    #[test]
    fn a_record_counts_for_the_generation_that_it_speaks_of() {
        let one = json!({"generation": 3, "keys": [A]});
        assert_eq!(texts(record(&object(3, &one), 2)), [Some(A.to_owned()), Some(A.to_owned())]);
        assert!(record(&object(4, &one), 2).is_empty(), "edited since");
        let two = json!({"generation": 3, "keys": [A, B], "openedBy": [1, 0, 1]});
        let expected = [B, A, B].map(|key| Some(key.to_owned()));
        assert_eq!(texts(record(&object(3, &two), 3)), expected);
        assert!(record(&object(3, &two), 2).is_empty(), "another number of items");
        assert!(record(&object(3, &json!({"generation": 3, "keys": [A, B]})), 2).is_empty(), "it knows only the set");
        let hostile = json!({"generation": 3, "keys": [A, 7, "x"], "openedBy": [0, 1, 900]});
        assert_eq!(texts(record(&object(3, &hostile), 3)), [Some(A.to_owned()), None, None]);
        assert!(record(&json!({}), 1).is_empty());
    }

    #[test]
    fn without_keys_only_the_size_is_known_unless_the_controller_has_recorded_it() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/sealed/raw");
        let file = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.trim();
        let bound = || (Scope::Strict, "ns".to_owned(), "name".to_owned());
        let mut sightings = Sightings::default();
        sightings.add(text, bound(), Where::WorkTree, "a.yaml".to_owned());
        sightings.add(text, bound(), Where::Branch, "main".to_owned());
        sightings.add("AgA=", bound(), Where::WorkTree, "b.yaml".to_owned());
        assert_eq!(sightings.len(), 2, "the same ciphertext counts once");
        let owners = |sightings: &Sightings| -> Vec<Owner> {
            let owners = sightings.owners(&KeyRing::new([]), || {}).unwrap_or_else(|report| panic!("{report:?}"));
            owners.into_iter().map(|(_, owner)| owner).collect()
        };
        assert!(matches!(owners(&sightings)[..], [Owner::Unknown { bits }, Owner::Malformed] if bits >= 2048));
        let mut live = object(1, &json!({"generation": 1, "keys": [A]}));
        live["metadata"]["name"] = "db".into();
        live["metadata"]["namespace"] = "shop".into();
        live["spec"] = json!({"encryptedData": {"k": text}});
        sightings.add_live(&live);
        assert_eq!(sightings.len(), 2);
        assert!(owners(&sightings).contains(&Owner::Recorded(Fingerprint::parse(A).unwrap())));
    }
}
