//! `bulla keys promote` and `bulla keys retire`: labels of key Secrets, and nothing else. Both can be undone.

use bulla_core::sealed::{
    Fingerprint, KEY_ACTIVE, KEY_ARCHIVED, KEY_LABEL, KEY_STATE_LABEL, KeyLabel, KeyState, begins_in_the_future,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cluster::block_on;
use crate::io::Console;
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::known::{Key, newest};
use crate::keys::survey::{self, Scene};
use crate::report::{Code, Report, Result};

#[derive(Debug)]
pub(crate) struct Promote {
    pub(crate) place: Place,
    pub(crate) fingerprint: Fingerprint,
}

#[derive(Debug)]
pub(crate) struct Retire {
    pub(crate) place: Place,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) how: How,
    /// Although it is in use.
    pub(crate) force: bool,
    /// Where to look for what uses it, beside the cluster.
    pub(crate) scene: Scene,
}

/// What becomes of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It opens, and nothing should use it.
    Retire,
    /// No controller loads it.
    Archive,
    /// It opens, and somebody else may have it.
    Compromised,
    /// Back to opening.
    Undo,
}

pub(crate) fn promote(options: &Promote, console: Console) -> Result<()> {
    let now = Timestamp::now();
    block_on(async {
        let cluster = KeyCluster::connect(&options.place).await?;
        for key in cluster.with_fingerprint(&options.fingerprint, console).await? {
            may_be_promoted(&key, now)?;
            if key.state() == Some(KeyState::Active) {
                console.note(&format!("{} is active already", key.fingerprint));
                continue;
            }
            cluster.relabel(&key, &labels(KEY_ACTIVE, None)).await?;
            console.note(&format!("{} is active", key.fingerprint));
        }
        let keys = cluster.keys(console).await?;
        match newest(&keys, now) {
            Some(key) if key.fingerprint == options.fingerprint => {
                console.note("it is the newest: what is sealed from now on is sealed with it")
            }
            Some(key) => console.note(&format!("the newest, which seals, is {}", key.fingerprint)),
            None => {}
        }
        Ok(())
    })
}

fn may_be_promoted(key: &Key, now: Timestamp) -> Result<()> {
    let Some((begin, end)) = key.validity.filter(|_| key.ring.is_some()) else {
        let trouble = key.trouble.as_ref().map_or_else(|| "it has no certificate".to_owned(), ToString::to_string);
        return Err(Report::new(Code::KeyPair, format!("{}: it cannot seal: {trouble}", key.fingerprint))
            .hint("it opens what was sealed with it; to seal, let the controller make a new key (SIGUSR1)"));
    };
    if begins_in_the_future(begin, now) {
        return Err(Report::new(Code::KeyFromTheFuture, format!("{}: its certificate begins at {begin}, in the future", key.fingerprint))
            .hint("who made it? Such a key would push every other one aside. If a clock was wrong, let the controller make a new key"));
    }
    if end < now {
        return Err(Report::new(
            Code::CertificateExpired,
            format!("{}: its certificate ended at {end}", key.fingerprint),
        )
        .hint("it opens what was sealed with it; nobody seals with an expired certificate"));
    }
    Ok(())
}

pub(crate) fn retire(options: &Retire, console: Console) -> Result<()> {
    let (keys, sealing) = block_on(async {
        let cluster = KeyCluster::connect(&options.place).await?;
        let all = cluster.keys(console).await?;
        let sealing = newest(&all, Timestamp::now()).is_some_and(|key| key.fingerprint == options.fingerprint);
        Ok((cluster.with_fingerprint(&options.fingerprint, console).await?, sealing))
    })?;
    // People have its certificate, and go on sealing with it for a while.
    if sealing && options.how == How::Archive && !options.force {
        let message = format!("{}: it is the key that seals; nothing was changed", options.fingerprint);
        return Err(Report::new(Code::KeyInUse, message)
            .hint(format!("first, so that another one seals: bulla keys retire {}", options.fingerprint)));
    }
    if matches!(options.how, How::Retire | How::Archive) {
        survey::refuse_if_used(&options.place, &options.scene, &options.fingerprint, options.force, console)?;
    }
    block_on(async {
        let cluster = KeyCluster::connect(&options.place).await?;
        for key in &keys {
            let (labels, words) = match options.how {
                How::Retire => {
                    (labels(KEY_ACTIVE, Some("retired")), "is retired: it opens and does not seal; back with --undo")
                }
                How::Archive => {
                    (labels(KEY_ARCHIVED, Some("retired")), "is archived: no controller loads it; back with --undo")
                }
                How::Compromised => {
                    (labels(KEY_ACTIVE, Some("compromised")), "is marked compromised: it opens and does not seal")
                }
                How::Undo if is_back(key) => {
                    console.note(&format!("{} is not retired", key.fingerprint));
                    continue;
                }
                How::Undo => (
                    labels(KEY_ACTIVE, Some("decrypt-only")),
                    "opens again, and does not seal; to let it seal: bulla keys promote",
                ),
            };
            cluster.relabel(key, &labels).await?;
            console.note(&format!("{} {words}", key.fingerprint));
        }
        Ok(())
    })
}

fn is_back(key: &Key) -> bool {
    matches!(key.document.label, KeyLabel::Active(KeyState::Active | KeyState::DecryptOnly))
}

fn labels(upstream: &str, ours: Option<&str>) -> Value {
    json!({KEY_LABEL: upstream, KEY_STATE_LABEL: ours})
}
