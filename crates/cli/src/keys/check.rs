//! `bulla keys backup --check`: does this backup open what is sealed now, and does it hold every key that is in use?

use jiff::Timestamp;
use serde_json::json;

use crate::age::age;
use crate::cluster::block_on;
use crate::io::{Console, Target};
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::files::Backups;
use crate::keys::survey::{Scene, Seen};
use crate::keys::uses::{Owner, Sightings};
use crate::report::{Exit, Result};

#[derive(Debug)]
pub(crate) struct Options {
    /// The cluster; none with --offline.
    pub(crate) place: Option<Place>,
    pub(crate) backups: Backups,
    /// Files whose values must open.
    pub(crate) scene: Scene,
    pub(crate) json: bool,
}

pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let backup = options.backups.read(console)?;
    let (mut sightings, mut seen) = (Sightings::default(), Seen::default());
    let mut missing = Vec::new();
    let mut held = 0;
    if let Some(place) = &options.place {
        block_on(async {
            let cluster = KeyCluster::connect(place).await?;
            for key in cluster.keys(console).await? {
                // Keys that are not loaded open nothing now, and a backup of them is welcome, not owed.
                if key.state().is_none() {
                    continue;
                }
                match backup.iter().any(|known| known.fingerprint == key.fingerprint) {
                    true => held += 1,
                    false => missing.push(key),
                }
            }
            // Without the objects nothing is proved.
            for object in cluster.sealed_secrets().await? {
                sightings.add_live(&object);
            }
            Ok(())
        })?;
        // What the controller recorded proves nothing about the backup.
        sightings.forget_records();
    }
    if !options.scene.paths.is_empty() {
        sightings.add_files(&options.scene, &mut seen, console)?;
    }
    let owners = sightings.settle(&backup, console)?;
    let closed: Vec<_> = owners.iter().filter(|(_, owner)| !matches!(owner, Owner::Opened(_))).collect();
    let opened = owners.len() - closed.len();
    let now = Timestamp::now();
    let names = |seen: &crate::keys::uses::Sighting| -> Vec<String> {
        seen.seen
            .iter()
            .flat_map(|(place, names)| names.iter().map(|name| format!("{}: {name}", place.words())))
            .collect()
    };
    let attention = !missing.is_empty() || !closed.is_empty() || !seen.unreadable.is_empty();
    if options.json {
        let report = json!({
            "keys": backup.iter().map(|key| key.fingerprint.as_str()).collect::<Vec<_>>(),
            "missing": missing.iter().map(|key| key.fingerprint.as_str()).collect::<Vec<_>>(),
            "opened": opened,
            "closed": closed.iter().map(|(seen, _)| names(seen)).collect::<Vec<_>>(),
            "notRead": seen.unreadable,
        });
        Target::Stdout.write(format!("{report:#}\n").as_bytes())?;
    } else {
        let mut lines = Vec::new();
        for key in &missing {
            let old = key.since().map_or_else(String::new, |since| format!(", {} old", age(since, now)));
            lines.push(format!("missing: {} ({}{old}) is not in the backup", key.fingerprint, key.state_word()));
        }
        for (seen, owner) in &closed {
            let why = match owner {
                Owner::Malformed => "is no sealed value",
                _ => "does not open with the keys of the backup",
            };
            lines.push(format!("closed: {} {why}", names(seen).join("; ").escape_debug()));
        }
        lines.extend(seen.unreadable.iter().map(|file| format!("not read: {}", file.escape_debug())));
        let cluster =
            if options.place.is_some() { format!("{held} keys of the cluster are in it, ") } else { String::new() };
        lines.push(format!(
            "{} keys in the backup, {cluster}{opened} sealed values open, {} do not",
            backup.len(),
            closed.len()
        ));
        Target::Stdout.write((lines.join("\n") + "\n").as_bytes())?;
    }
    Ok(if attention { Exit::Attention } else { Exit::Done })
}
