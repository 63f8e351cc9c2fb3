//! `bulla keys list`: which keys there are, in the cluster or in backups.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cluster::block_on;
use crate::io::{Console, Target};
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::files::Backups;
use crate::keys::known::{Key, newest};
use crate::keys::table;
use crate::report::{Code, Report, Result};

/// Whose keys.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Cluster(Place),
    Backups(Backups),
}

impl Origin {
    pub(crate) fn keys(&self, console: Console) -> Result<Vec<Key>> {
        match self {
            Self::Cluster(place) => block_on(async { KeyCluster::connect(place).await?.keys(console).await }),
            Self::Backups(backups) => backups.read(console),
        }
    }

    /// There is not one.
    pub(crate) fn empty(&self) -> Report {
        let place = match self {
            Self::Cluster(place) => format!("namespace {}: there is no key Secret", place.namespace),
            Self::Backups(_) => "there is no key in the files".to_owned(),
        };
        Report::new(Code::NoKeys, place).hint(
            "the controller's namespace is another one? --controller-namespace NAMESPACE; keys were lost? bulla keys restore FILE",
        )
    }
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) origin: Origin,
    pub(crate) json: bool,
}

pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let keys = options.origin.keys(console)?;
    let now = Timestamp::now();
    let sealing = match &options.origin {
        Origin::Cluster(_) => newest(&keys, now).map(|key| key.fingerprint.clone()),
        // In a file nothing seals.
        Origin::Backups(_) => None,
    };
    if options.json {
        let list: Vec<Value> =
            table::in_order(&keys).iter().map(|key| table::json(key, sealing.as_ref(), now)).collect();
        let text = format!("{:#}\n", json!({ "keys": list }));
        return Target::Stdout.write(text.as_bytes());
    }
    if keys.is_empty() {
        return Err(options.origin.empty());
    }
    Target::Stdout.write(table::text(&keys, sealing.as_ref(), now).as_bytes())
}
