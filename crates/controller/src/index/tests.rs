use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

fn sealed(name: &str, version: u64, change: Value) -> SealedObject {
    let mut object = json!({
        "metadata": {"namespace": "ns", "name": name, "uid": "s", "resourceVersion": version.to_string(), "generation": 1},
        "spec": {"encryptedData": {"k": "AgA="}},
    });
    merge(&mut object, &change);
    serde_json::from_value(object).unwrap()
}

fn secret(name: &str, uid: &str, version: u64, controller: Option<&str>) -> SecretMetadata {
    let owners = controller.map(|uid| json!([{"uid": uid, "controller": true}]));
    serde_json::from_value(json!({
        "metadata": {"namespace": "ns", "name": name, "uid": uid, "resourceVersion": version.to_string(), "ownerReferences": owners},
    }))
    .unwrap()
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// An index that has seen the object `a` and no Secret.
fn started() -> Index {
    let mut index = Index::new([""], false);
    assert_eq!(index.secret(&key("a")), Live::Unknown);
    index.sealed_event("", Event::Init);
    assert_eq!(index.sealed_event("", Event::InitApply(sealed("a", 1, json!({})))), [(key("a"), Wake::Mended)]);
    assert!(index.sealed_event("", Event::InitDone).is_empty());
    assert!(index.is_complete(false) && !index.is_complete(true));
    index.secret_event("", Event::Init);
    index.secret_event("", Event::InitDone);
    assert!(index.is_complete(true));
    assert_eq!(index.secret(&key("a")), Live::Absent);
    index
}

#[test]
fn an_object_is_woken_when_it_asks_for_something_else() {
    for (change, expected) in [
        (json!({}), None),
        (json!({"metadata": {"labels": {"a": "b"}}}), None),
        (json!({"metadata": {"annotations": {"a": "b"}}}), None),
        (json!({"metadata": {"generation": 2}}), Some(Wake::Mended)),
        (json!({"metadata": {"uid": "other"}}), Some(Wake::Mended)),
        (json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), Some(Wake::Mended)),
        (json!({"metadata": {"annotations": {"bulla.dev/drift": "ignore"}}}), Some(Wake::Mended)),
        (json!({"metadata": {"annotations": {"sealedsecrets.bitnami.com/cluster-wide": "true"}}}), Some(Wake::Mended)),
        (json!({"status": {"observedGeneration": 1}}), Some(Wake::Touched)),
    ] {
        let mut index = started();
        let woken = index.sealed_event("", Event::Apply(sealed("a", 2, change.clone())));
        assert_eq!(woken.first().map(|(_, wake)| *wake), expected, "{change}");
    }
}

#[test]
fn each_namespace_has_its_own_lists() {
    let of = |namespace: &str, name: &str| sealed(name, 1, json!({"metadata": {"namespace": namespace}}));
    let mut index = Index::new(["ns", "other"], false);
    for set in ["ns", "other"] {
        index.sealed_event(set, Event::Init);
        index.sealed_event(set, Event::InitApply(of(set, "a")));
        index.sealed_event(set, Event::InitDone);
    }
    assert!(index.is_complete(false) && !index.is_complete(true));
    index.secret_event("ns", Event::Init);
    index.secret_event("ns", Event::InitDone);
    assert_eq!(index.secret(&key("a")), Live::Absent);
    assert_eq!(index.secret(&ObjectKey::new("other", "a")), Live::Unknown, "that list is not complete");
    assert!(!index.is_complete(true));
    index.excuse("other");
    assert!(index.is_complete(true), "nobody waits for a namespace that may not be read");
    assert_eq!(index.secret(&ObjectKey::new("other", "a")), Live::Unknown);

    index.sealed_event("other", Event::Init);
    assert_eq!(index.sealed_event("other", Event::InitDone), [(ObjectKey::new("other", "a"), Wake::Mended)]);
    assert!(index.sealed(&key("a")).is_some(), "the list of one namespace says nothing about another");
}

#[test]
fn a_filtered_watch_never_says_that_a_secret_is_absent() {
    let mut index = Index::new([""], true);
    index.sealed_event("", Event::Init);
    index.sealed_event("", Event::InitApply(sealed("a", 1, json!({}))));
    index.sealed_event("", Event::InitDone);
    index.secret_event("", Event::Init);
    index.secret_event("", Event::InitDone);
    assert!(index.is_complete(true));
    assert_eq!(index.secret(&key("a")), Live::Unknown);
    index.note_secret(&key("a"), &secret("a", "x", 5, Some("s")).secret);
    assert_eq!(index.secret(&key("a")), Live::Unknown, "its edits would not be seen");
    index.secret_event("", Event::Apply(secret("a", "x", 5, Some("s"))));
    assert!(matches!(index.secret(&key("a")), Live::Present(_)));
    assert_eq!(index.secret_event("", Event::Delete(secret("a", "x", 6, Some("s")))), [(key("a"), Wake::Mended)]);
    assert_eq!(index.secret(&key("a")), Live::Unknown, "deleted, or no longer selected");
}

#[test]
fn the_echo_of_our_own_writes_wakes_nobody() {
    let mut index = started();
    let written = secret("a", "x", 5, Some("s"));
    index.note_secret(&key("a"), &written.secret);
    assert!(index.secret_event("", Event::Apply(written)).is_empty());

    let changed = sealed("a", 6, json!({"status": {"observedGeneration": 1}}));
    let status = changed.observed.as_ref().unwrap().status.clone();
    index.note_status(&key("a"), "s", "6", &status);
    assert!(index.sealed_event("", Event::Apply(changed)).is_empty());
    index.note_status(&key("a"), "another object", "7", &SealedStatus::default());
    assert_eq!(index.sealed(&key("a")).unwrap().status, status);
}

#[test]
fn an_edited_secret_touches_its_object_and_a_changed_owner_may_mend_it() {
    let mut index = started();
    assert_eq!(index.secret_event("", Event::Apply(secret("a", "x", 2, None))), [(key("a"), Wake::Touched)]);
    assert_eq!(index.secret_event("", Event::Apply(secret("a", "x", 3, None))), [(key("a"), Wake::Touched)]);
    assert_eq!(index.secret_event("", Event::Apply(secret("a", "x", 4, Some("s")))), [(key("a"), Wake::Mended)]);
    assert!(index.secret_event("", Event::Apply(secret("unrelated", "y", 5, None))).is_empty());
}

#[test]
fn an_annotation_that_lets_a_secret_be_taken_over_may_mend_its_object() {
    for annotation in ["sealedsecrets.bitnami.com/managed", "sealedsecrets.bitnami.com/patch"] {
        let mut index = started();
        index.secret_event("", Event::Apply(secret("a", "x", 2, None)));
        let annotated: SecretMetadata = serde_json::from_value(json!({
            "metadata": {"namespace": "ns", "name": "a", "uid": "x", "resourceVersion": "3", "annotations": {annotation: "true"}},
        }))
        .unwrap();
        assert_eq!(index.secret_event("", Event::Apply(annotated)), [(key("a"), Wake::Mended)], "{annotation}");
        let withdrawn = secret("a", "x", 4, None);
        assert_eq!(index.secret_event("", Event::Apply(withdrawn)), [(key("a"), Wake::Mended)], "{annotation}");
    }
}

#[test]
fn any_deleted_secret_of_its_name_wakes_an_object() {
    let mut index = started();
    index.secret_event("", Event::Apply(secret("a", "blocker", 2, None)));
    assert_eq!(index.secret_event("", Event::Delete(secret("a", "blocker", 3, None))), [(key("a"), Wake::Mended)]);
    assert_eq!(index.secret(&key("a")), Live::Absent);
}

#[test]
fn late_events_about_an_earlier_secret_are_passed_over() {
    let mut index = started();
    index.note_secret(&key("a"), &secret("a", "new", 10, Some("s")).secret);
    assert!(index.secret_event("", Event::Apply(secret("a", "old", 7, None))).is_empty());
    assert!(index.secret_event("", Event::Delete(secret("a", "old", 9, None))).is_empty());
    assert!(matches!(index.secret(&key("a")), Live::Present(secret) if &*secret.uid == "new"));
    // Read before the watch told of something newer.
    index.note_secret(&key("a"), &secret("a", "old", 8, None).secret);
    assert!(matches!(index.secret(&key("a")), Live::Present(secret) if &*secret.uid == "new"));
}

#[test]
fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
    let mut index = started();
    let written = secret("a", "x", 5, Some("s"));
    index.secret_event("", Event::Apply(written.clone()));
    assert_eq!(index.secret_event("", Event::Delete(secret("a", "x", 6, Some("s")))), [(key("a"), Wake::Mended)]);
    index.note_secret(&key("a"), &written.secret);
    assert_eq!(index.secret(&key("a")), Live::Absent);
    index.note_secret(&key("a"), &secret("a", "y", 7, Some("s")).secret);
    assert!(matches!(index.secret(&key("a")), Live::Present(secret) if &*secret.uid == "y"));
}

#[test]
fn what_we_deleted_is_gone_before_the_watch_tells_and_only_that() {
    let mut index = started();
    let deleted = secret("a", "x", 5, Some("s"));
    index.secret_event("", Event::Apply(deleted.clone()));
    index.note_deleted(&key("a"), "earlier");
    assert!(matches!(index.secret(&key("a")), Live::Present(_)));
    index.note_deleted(&key("a"), "x");
    assert_eq!(index.secret(&key("a")), Live::Absent);
    assert!(index.secret_event("", Event::Delete(deleted)).is_empty(), "its echo wakes nobody");
}

#[test]
fn a_list_that_no_longer_names_an_object_is_its_deletion() {
    let mut index = started();
    index.secret_event("", Event::Apply(secret("a", "x", 2, Some("s"))));
    index.secret_event("", Event::Init);
    // A list that broke off says nothing.
    index.secret_event("", Event::Init);
    assert_eq!(index.secret_event("", Event::InitDone), [(key("a"), Wake::Mended)]);
    index.sealed_event("", Event::Init);
    assert_eq!(index.sealed_event("", Event::InitDone), [(key("a"), Wake::Mended)]);
    assert!(index.sealed(&key("a")).is_none());
    assert_eq!(index.all_sealed().count(), 0);
    assert!(index.secret_event("", Event::Apply(secret("a", "y", 3, None))).is_empty(), "no object, no wake");
}

#[test]
fn a_deletion_wakes_so_that_the_object_is_forgotten() {
    let mut index = started();
    assert!(index.sealed_event("", Event::Delete(sealed("a", 9, json!({"metadata": {"uid": "earlier"}})))).is_empty());
    assert_eq!(index.sealed_event("", Event::Delete(sealed("a", 9, json!({})))), [(key("a"), Wake::Mended)]);
}

#[test]
fn without_a_watch_of_secrets_nothing_is_noted() {
    let mut index = Index::new([""], false);
    index.note_secret(&key("a"), &secret("a", "x", 1, None).secret);
    assert_eq!(index.secret(&key("a")), Live::Unknown);
}

/// A cluster with two objects and their Secrets, and what has not been told yet.
#[derive(Debug, Default)]
struct Cluster {
    version: u64,
    sealed: HashMap<u8, (u64, i64)>,
    secrets: HashMap<u8, u64>,
    untold_sealed: Vec<(u8, bool, u64, i64)>,
    untold_secrets: Vec<(u8, bool, u64, u64)>,
}

#[derive(Clone, Debug)]
enum Step {
    PutSealed(u8),
    DropSealed(u8),
    PutSecret(u8),
    DropSecret(u8),
    OurWrite(u8),
    TellSealed,
    TellSecret,
    RelistSealed,
    RelistSecrets,
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0..3u8;
    prop_oneof![
        n.clone().prop_map(Step::PutSealed),
        n.clone().prop_map(Step::DropSealed),
        n.clone().prop_map(Step::PutSecret),
        n.clone().prop_map(Step::DropSecret),
        n.prop_map(Step::OurWrite),
        Just(Step::TellSealed),
        Just(Step::TellSecret),
        Just(Step::RelistSealed),
        Just(Step::RelistSecrets),
    ]
}

/// The index, and the objects that were woken since they were last worked on.
struct Watched {
    index: Index,
    woken: HashSet<ObjectKey>,
}

impl Watched {
    fn add(&mut self, woken: Woken) {
        self.woken.extend(woken.into_iter().map(|(key, _)| key));
    }

    fn tell_sealed(&mut self, (n, gone, version, generation): (u8, bool, u64, i64)) {
        let object = sealed(&n.to_string(), version, json!({"metadata": {"generation": generation}}));
        let woken = self.index.sealed_event("", if gone { Event::Delete(object) } else { Event::Apply(object) });
        self.add(woken);
    }

    fn tell_secret(&mut self, (n, gone, uid, version): (u8, bool, u64, u64)) {
        let object = secret(&n.to_string(), &uid.to_string(), version, None);
        let woken = self.index.secret_event("", if gone { Event::Delete(object) } else { Event::Apply(object) });
        self.add(woken);
    }
}

proptest! {
    /// Whatever the order of changes, of their telling, of our own writes and of new lists: when all has been told, the
    /// index is the cluster, and every object whose Secret is not as we last wrote it has been woken.
    #[test]
    fn converges_and_forgets_to_wake_nobody(steps in prop::collection::vec(step(), 1..80)) {
        let mut cluster = Cluster { version: 10, ..Cluster::default() };
        let mut watched = Watched { index: Index::new([""], false), woken: HashSet::new() };
        let mut ours: HashMap<u8, u64> = HashMap::new();
        for event in [Event::Init, Event::InitDone] {
            watched.index.sealed_event("", event);
        }
        for event in [Event::Init, Event::InitDone] {
            watched.index.secret_event("", event);
        }
        let mut uids: HashMap<u8, u64> = HashMap::new();
        for step in steps {
            cluster.version += 1;
            let version = cluster.version;
            match step {
                Step::PutSealed(n) => {
                    let generation = cluster.sealed.get(&n).map_or(1, |(_, generation)| generation + 1);
                    cluster.sealed.insert(n, (version, generation));
                    cluster.untold_sealed.push((n, false, version, generation));
                }
                Step::DropSealed(n) => if let Some((_, generation)) = cluster.sealed.remove(&n) {
                    cluster.untold_sealed.push((n, true, version, generation));
                },
                Step::PutSecret(n) | Step::OurWrite(n) => {
                    let uid = *uids.entry(n).or_insert(version);
                    cluster.secrets.insert(n, version);
                    cluster.untold_secrets.push((n, false, uid, version));
                    if matches!(step, Step::OurWrite(_)) {
                        let written = secret(&n.to_string(), &uid.to_string(), version, None).secret;
                        watched.index.note_secret(&key(&n.to_string()), &written);
                        watched.woken.remove(&key(&n.to_string()));
                        ours.insert(n, version);
                    }
                }
                Step::DropSecret(n) => if cluster.secrets.remove(&n).is_some() {
                    let uid = uids.remove(&n).unwrap();
                    cluster.untold_secrets.push((n, true, uid, version));
                },
                Step::TellSealed => if !cluster.untold_sealed.is_empty() {
                    let event = cluster.untold_sealed.remove(0);
                    watched.tell_sealed(event);
                },
                Step::TellSecret => if !cluster.untold_secrets.is_empty() {
                    let event = cluster.untold_secrets.remove(0);
                    watched.tell_secret(event);
                },
                Step::RelistSealed => {
                    cluster.untold_sealed.clear();
                    watched.index.sealed_event("", Event::Init);
                    for (n, (version, generation)) in &cluster.sealed {
                        let object = sealed(&n.to_string(), *version, json!({"metadata": {"generation": generation}}));
                        let woken = watched.index.sealed_event("", Event::InitApply(object));
                        watched.add(woken);
                    }
                    let woken = watched.index.sealed_event("", Event::InitDone);
                    watched.add(woken);
                }
                Step::RelistSecrets => {
                    cluster.untold_secrets.clear();
                    watched.index.secret_event("", Event::Init);
                    for (n, version) in &cluster.secrets {
                        let object = secret(&n.to_string(), &uids[n].to_string(), *version, None);
                        let woken = watched.index.secret_event("", Event::InitApply(object));
                        watched.add(woken);
                    }
                    let woken = watched.index.secret_event("", Event::InitDone);
                    watched.add(woken);
                }
            }
        }
        for event in std::mem::take(&mut cluster.untold_sealed) {
            watched.tell_sealed(event);
        }
        for event in std::mem::take(&mut cluster.untold_secrets) {
            watched.tell_secret(event);
        }
        for n in 0..3u8 {
            let key = key(&n.to_string());
            let known = watched.index.sealed(&key).map(|known| known.generation);
            prop_assert_eq!(known, cluster.sealed.get(&n).map(|(_, generation)| *generation));
            let known = match watched.index.secret(&key) {
                Live::Present(secret) => Some(secret.resource_version.parse::<u64>().unwrap()),
                _ => None,
            };
            prop_assert_eq!(known, cluster.secrets.get(&n).copied());
            if cluster.sealed.contains_key(&n) && known != ours.get(&n).copied() {
                prop_assert!(watched.woken.contains(&key), "{key} has another Secret than we wrote, and was not woken");
            }
        }
    }
}
