//! `bulla keys status`: how old each key is, and where it is still used. Says what is known, and how.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bulla_core::sealed::Fingerprint;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::cluster::block_on;
use crate::io::{Console, Target};
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::files::Backups;
use crate::keys::known::{Key, newest};
use crate::keys::survey::{Scene, Seen};
use crate::keys::table;
use crate::keys::uses::{Owner, Sighting, Sightings, Where};
use crate::report::{Code, Report, Result};

#[derive(Debug)]
pub(crate) struct Options {
    /// The cluster; none with --offline.
    pub(crate) place: Option<Place>,
    pub(crate) backups: Backups,
    pub(crate) scene: Scene,
    pub(crate) json: bool,
}

/// What the values of the key are, by place.
type Uses<'a> = Vec<(&'a Sighting, &'a Owner)>;

pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let (mut sightings, mut seen) = (Sightings::default(), Seen::default());
    let mut keys = options.backups.read(console)?;
    let mut in_cluster = Vec::new();
    if let Some(place) = &options.place {
        in_cluster = block_on(async {
            let cluster = KeyCluster::connect(place).await?;
            sightings.add_cluster(&cluster, &mut seen).await;
            match cluster.keys(console).await {
                // The statuses of objects name keys, too.
                Err(report) if report.code() == Code::KeyForbidden => {
                    console.warn(&format!(
                        "{}: without private keys, what opened is known from statuses only",
                        report.message()
                    ));
                    Ok(Vec::new())
                }
                keys => keys,
            }
        })?;
    }
    let now = Timestamp::now();
    let sealing = newest(&in_cluster, now).map(|key| key.fingerprint.clone());
    keys.retain(|key| !in_cluster.iter().any(|known| known.fingerprint == key.fingerprint));
    keys.extend(in_cluster);
    sightings.add_files(&options.scene, &mut seen, console)?;
    let owners = sightings.settle(&keys, console)?;
    if keys.is_empty() && owners.is_empty() {
        return Err(Report::new(Code::NoKeys, "there is neither a key nor a sealed value to tell of")
            .hint("name keys: --from keys.age --identity key.txt; or a cluster: --context NAME"));
    }
    let report = Told { keys: &keys, sealing: sealing.as_ref(), owners: &owners, seen: &seen, now };
    let text = if options.json { format!("{:#}\n", report.json()) } else { report.text() };
    Target::Stdout.write(text.as_bytes())
}

struct Told<'a> {
    keys: &'a [Key],
    sealing: Option<&'a Fingerprint>,
    owners: &'a [(&'a Sighting, Owner)],
    seen: &'a Seen,
    now: Timestamp,
}

impl Told<'_> {
    fn of(&self, wanted: impl Fn(&Owner) -> bool) -> Uses<'_> {
        self.owners.iter().filter(|(_, owner)| wanted(owner)).map(|(sighting, owner)| (*sighting, owner)).collect()
    }

    /// Keys that only statuses name.
    fn strangers(&self) -> BTreeSet<&Fingerprint> {
        let named = self.owners.iter().filter_map(|(_, owner)| owner.key());
        named.filter(|named| !self.keys.iter().any(|key| &key.fingerprint == *named)).collect()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for key in table::in_order(self.keys) {
            let seals = if self.sealing == Some(&key.fingerprint) { ", seals" } else { "" };
            let since = key
                .since()
                .map_or_else(|| "of unknown age".to_owned(), |since| crate::age::age(since, self.now) + " old");
            let _ = writeln!(text, "{}  {}{seals}, {since}, {} bits", key.fingerprint, key.state_word(), key.bits);
            self.uses(&mut text, &self.of(|owner| owner.key() == Some(&key.fingerprint)));
        }
        for stranger in self.strangers() {
            let _ = writeln!(text, "{stranger}  not at hand: known from statuses of objects only");
            self.uses(&mut text, &self.of(|owner| owner.key() == Some(stranger)));
        }
        let unknown = self.of(|owner| matches!(owner, Owner::Unknown { .. }));
        if !unknown.is_empty() {
            let _ = writeln!(text, "no key at hand opens these; a ciphertext tells only the size of its key");
            for bits in sizes(&unknown) {
                let of_size = self.of(|owner| *owner == Owner::Unknown { bits });
                let same = self.keys.iter().filter(|key| key.bits == bits).count();
                let _ = writeln!(
                    text,
                    "  {} values for a key of {bits} bits ({same} of the keys above have that size)",
                    of_size.len()
                );
                self.uses(&mut text, &of_size);
            }
        }
        let malformed = self.of(|owner| *owner == Owner::Malformed);
        if !malformed.is_empty() {
            let _ = writeln!(text, "no sealed values at all");
            self.uses(&mut text, &malformed);
        }
        let _ = writeln!(text, "looked at: {}", self.looked_at());
        for unreadable in &self.seen.unreadable {
            let _ = writeln!(text, "not read: {}", crate::report::harmless(unreadable));
        }
        text
    }

    fn uses(&self, text: &mut String, uses: &Uses<'_>) {
        if uses.is_empty() {
            let _ = writeln!(text, "  used nowhere that was looked at");
        }
        for place in Where::ALL {
            let there: Vec<_> = uses.iter().filter_map(|(sighting, _)| sighting.seen.get(&place)).collect();
            if there.is_empty() {
                continue;
            }
            let mut names: Vec<&String> = there.iter().copied().flatten().collect();
            names.sort();
            names.dedup();
            let shown: Vec<String> = names.iter().take(3).map(|name| name.escape_debug().to_string()).collect();
            let more = names.len().saturating_sub(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let _ = writeln!(text, "  {}: {} values: {}{more}", place.words(), there.len(), shown.join(", "));
        }
    }

    fn looked_at(&self) -> String {
        let mut parts = vec![format!("{} files", self.seen.files)];
        match self.seen.versions {
            Some(versions) => parts.push(format!("{versions} versions of files in branches and tags")),
            None => parts.push("no branches and tags".to_owned()),
        }
        match &self.seen.cluster {
            Some(Ok(objects)) => parts.push(format!("{objects} objects in the cluster")),
            Some(Err(reason)) => parts.push(format!("not the cluster's objects ({reason})")),
            None => parts.push("no cluster".to_owned()),
        }
        parts.join(", ")
    }

    fn json(&self) -> Value {
        let places = |uses: &Uses<'_>| {
            let mut places = Map::new();
            for place in Where::ALL {
                let there: Vec<_> = uses.iter().filter_map(|(sighting, _)| sighting.seen.get(&place)).collect();
                let names: BTreeSet<&String> = there.iter().copied().flatten().collect();
                places.insert(place.field().to_owned(), json!({"values": there.len(), "names": names}));
            }
            let count = |wanted: fn(&Owner) -> bool| uses.iter().filter(|(_, owner)| wanted(owner)).count();
            let how = json!({
                "opened": count(|owner| matches!(owner, Owner::Opened(_))),
                "recorded": count(|owner| matches!(owner, Owner::Recorded(_))),
            });
            (Value::Object(places), how)
        };
        let keys = table::in_order(self.keys).into_iter().map(|key| {
            let mut entry = table::json(key, self.sealing, self.now);
            let (uses, how) = places(&self.of(|owner| owner.key() == Some(&key.fingerprint)));
            (entry["uses"], entry["how"]) = (uses, how);
            entry["ageSeconds"] = json!(key.since().map(|since| self.now.duration_since(since).as_secs()));
            entry
        });
        let strangers = self.strangers().into_iter().map(|stranger| {
            let (uses, how) = places(&self.of(|owner| owner.key() == Some(stranger)));
            json!({"fingerprint": stranger.as_str(), "uses": uses, "how": how})
        });
        let unknown = self.of(|owner| matches!(owner, Owner::Unknown { .. }));
        let unknown = sizes(&unknown).into_iter().map(|bits| {
            let of_size = self.of(|owner| *owner == Owner::Unknown { bits });
            let candidates: Vec<&str> =
                self.keys.iter().filter(|key| key.bits == bits).map(|key| key.fingerprint.as_str()).collect();
            json!({"bits": bits, "values": of_size.len(), "keysOfThatSize": candidates, "uses": places(&of_size).0})
        });
        json!({
            "keys": keys.collect::<Vec<_>>(),
            "notAtHand": strangers.collect::<Vec<_>>(),
            "unknown": unknown.collect::<Vec<_>>(),
            "malformed": places(&self.of(|owner| *owner == Owner::Malformed)).0,
            "lookedAt": {
                "files": self.seen.files,
                "versions": self.seen.versions,
                "clusterObjects": self.seen.cluster.as_ref().and_then(|objects| objects.as_ref().ok()),
                "clusterError": self.seen.cluster.as_ref().and_then(|objects| objects.as_ref().err()),
                "notRead": self.seen.unreadable,
            },
        })
    }
}

fn sizes(uses: &Uses<'_>) -> BTreeSet<usize> {
    uses.iter()
        .filter_map(|(_, owner)| match owner {
            Owner::Unknown { bits } => Some(*bits),
            _ => None,
        })
        .collect()
}
