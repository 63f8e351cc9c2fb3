//! What this machine has for a file, in lines for a person: which identities were found, where, and where there were none. Public halves
//! only.

use bulla_core::sops::{KeyKind, KeySource, Metadata};

use super::age::{Found, Outcome};
use super::{KeyServices, LocalKeys, Service, cloud};

/// The longest recipient that is shown whole.
const SHOWN: usize = 72;

impl KeyServices {
    /// Lines about every key that is asked for this file.
    pub(crate) fn explain(&self, metadata: &Metadata) -> Vec<String> {
        let mut lines = Vec::new();
        for service in &self.services {
            match service {
                Service::Local(local) => lines.extend(local.explain(metadata)),
                Service::Remote(_) => lines.push("a key service, which answers for itself".to_owned()),
            }
        }
        lines
    }
}

impl LocalKeys {
    /// Lines about the keys of this machine that a file could be opened with.
    pub(crate) fn explain(&self, metadata: &Metadata) -> Vec<String> {
        let sources = || metadata.groups.iter().flat_map(|group| &group.keys).map(|key| &key.source);
        let mut lines = Vec::new();
        let recipients: Vec<&str> = sources()
            .filter_map(|source| match source {
                KeySource::Age { recipient } => Some(recipient.as_str()),
                _ => None,
            })
            .collect();
        if !recipients.is_empty() {
            let mut unset = Vec::new();
            found(self.age.fixed(), &mut lines, &mut unset);
            for recipient in recipients {
                found(&self.age.commanded(recipient), &mut lines, &mut unset);
            }
            lines.sort();
            lines.dedup();
            unset.dedup();
            if !unset.is_empty() {
                lines.push(format!("age: nothing in {}", unset.join(", ")));
            }
        }
        if sources().any(|source| source.kind() == KeyKind::Pgp) {
            lines.push(format!("pgp: {} with the keys in {}", self.pgp.program(), self.pgp.home()));
        }
        let mut clouds: Vec<KeyKind> = sources().map(KeySource::kind).collect();
        clouds.retain(|kind| !matches!(kind, KeyKind::Age | KeyKind::Pgp));
        clouds.sort_unstable();
        clouds.dedup();
        lines.extend(clouds.iter().map(|kind| format!("{}: this build has no client for it", cloud::service(*kind))));
        lines
    }
}

fn found(found: &Found, lines: &mut Vec<String>, unset: &mut Vec<String>) {
    for visit in &found.visits {
        match &visit.outcome {
            Outcome::Unset | Outcome::Identities(0) => {
                if !unset.contains(&visit.name) {
                    unset.push(visit.name.clone());
                }
            }
            Outcome::Unread(error) | Outcome::Malformed(error) => lines.push(format!("age: {error}")),
            Outcome::Identities(_) => {
                for named in found.identities.iter().filter(|named| named.from == visit.name) {
                    let recipient = named.recipient().unwrap_or("an identity of a plugin, or behind a passphrase");
                    lines.push(format!("age: {} from {}", short(recipient), visit.name));
                }
            }
        }
    }
}

fn short(recipient: &str) -> String {
    match recipient.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &recipient[..at]),
        None => recipient.to_owned(),
    }
}
