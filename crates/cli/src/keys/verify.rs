//! `bulla keys verify`: is every key what it says it is, and does one seal? Looks, and changes nothing.

use std::collections::BTreeMap;

use bulla_core::sealed::{KeyState, begins_in_the_future};
use jiff::Timestamp;
use serde_json::json;

use crate::age::day;
use crate::io::{Console, Target};
use crate::keys::known::{Key, newest};
use crate::keys::list::Origin;
use crate::report::{Exit, Result};

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) origin: Origin,
    pub(crate) json: bool,
}

pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let keys = options.origin.keys(console)?;
    if keys.is_empty() {
        return Err(options.origin.empty());
    }
    let found = findings(&keys, matches!(options.origin, Origin::Cluster(_)), Timestamp::now());
    if options.json {
        let found: Vec<_> = found.iter().map(|(secret, what)| json!({"secret": secret, "finding": what})).collect();
        Target::Stdout.write(format!("{:#}\n", json!({"keys": keys.len(), "findings": found})).as_bytes())?;
    } else {
        let mut text = String::new();
        for (secret, what) in &found {
            text.push_str(&format!("{}: {what}\n", secret.escape_debug()));
        }
        text.push_str(&format!("{} keys, {} findings\n", keys.len(), found.len()));
        Target::Stdout.write(text.as_bytes())?;
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::Attention })
}

/// The name of a Secret, and what is to be said about it. A retired key that is not loaded is in order.
fn findings(keys: &[Key], in_cluster: bool, now: Timestamp) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut names: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for key in keys {
        let mut say = |what: String| found.push((key.document.name.clone(), what));
        names.entry(&key.fingerprint).or_default().push(&key.document.name);
        if let Some(trouble) = &key.trouble {
            say(format!(
                "{trouble}: {}",
                if key.ring.is_some() { "it opens and does not seal" } else { "it opens nothing" }
            ));
        }
        match key.validity {
            Some((begin, _)) if begins_in_the_future(begin, now) => {
                say(format!("its certificate begins on {}, in the future: it is passed over until then", day(begin)));
            }
            Some((_, end)) if end < now && key.state().is_some_and(KeyState::seals) => {
                say(format!("its certificate ended on {}: nobody seals with it", day(end)));
            }
            _ => {}
        }
        if key.state() == Some(KeyState::Unknown) {
            say(format!("its state {:?} is a word that this version does not know", key.document.state_label()));
        }
    }
    for (fingerprint, names) in names.iter().filter(|(_, names)| names.len() > 1) {
        found.push((names[0].to_owned(), format!("{fingerprint} is also in {}", names[1..].join(", "))));
    }
    if in_cluster && newest(keys, now).is_none() {
        found.push(("-".to_owned(), "no key seals: the controller makes one when it runs".to_owned()));
    }
    found
}
