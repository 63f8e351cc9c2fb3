//! What this machine knows about which ciphertext stands for which plaintext: so an unchanged value keeps its bytes, and a
//! diff shows what has changed.
//!
//! A ciphertext cannot be opened here, and sealing the same value twice gives different bytes. So whoever seals writes down a
//! digest ([`bulla_core::mac`]) over certificate fingerprint, scope, namespace, name, item, SHA-256 of the ciphertext, and
//! plaintext. Later the question "does this ciphertext stand for this plaintext, there, under this certificate?" is answered
//! by computing the digest again. Nothing can be read out of it, and nothing else can be asked.
//!
//! | what | where | module |
//! |---|---|---|
//! | digests | `bulla/sealed` in the repository's common git folder, never in the work tree | [`entries`], [`git`] |
//! | their key | `$XDG_STATE_HOME/bulla/memory.key`, for its owner only | [`key`] |
//!
//! The digests are a cache: what is lost, damaged or forged there is "not known", and the value is sealed anew.
//! [`live`] asks a cluster the same question.

mod entries;
mod git;
mod key;
pub(crate) mod live;

use std::path::Path;
use std::sync::OnceLock;

use bulla_core::go_base64;
use bulla_core::mac::{MacKey, sha256};
use bulla_core::sealed::{Fingerprint, Scope};

use self::entries::{Digest, Entries};
use crate::io::Console;
use crate::report::Result;

/// Changes with the fields, so that a digest of an older version is not known.
const PURPOSE: &str = "bulla memory 1";

/// Where a value belongs, and which certificate it is sealed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    /// Of the certificate that the ciphertext was made with.
    pub(crate) fingerprint: &'a Fingerprint,
    /// The scope.
    pub(crate) scope: Scope,
    /// The object's namespace.
    pub(crate) namespace: &'a str,
    /// The object's name.
    pub(crate) name: &'a str,
    /// The item's name in the object.
    pub(crate) key: &'a str,
}

/// The memory of one repository on this machine.
pub(crate) struct Memory {
    key: MacKey,
    entries: Entries,
    /// Read at the first question: who only seals asks none.
    known: OnceLock<entries::Known>,
    new: Vec<Digest>,
}

impl Memory {
    /// Opens the memory of the repository in which `start`, a file or a folder, lies. `None` outside of a repository, and where
    /// the machine has no place for the key; [`why_none`] puts it into words.
    ///
    /// # Errors
    /// A key that others may read or change is refused: what it protects would not be protected.
    pub(crate) fn open(start: &Path) -> Result<Option<Self>> {
        let Some(folder) = git::common_folder(start) else { return Ok(None) };
        let Some(key) = key::load()? else { return Ok(None) };
        let entries = Entries::new(&folder.join("bulla"));
        Ok(Some(Self { key, entries, known: OnceLock::new(), new: Vec::new() }))
    }

    /// Whether `ciphertext`, base64 as in a manifest, is known to stand for `plaintext`.
    pub(crate) fn knows(&self, item: &Item<'_>, ciphertext: &str, plaintext: &[u8]) -> bool {
        let Some(digest) = self.digest(item, ciphertext, plaintext) else { return false };
        self.new.contains(&digest) || self.known.get_or_init(|| self.entries.read()).contains(&digest)
    }

    /// Notes that `ciphertext` stands for `plaintext`: because it was just made from it. [`Memory::save`] keeps it.
    pub(crate) fn remember(&mut self, item: &Item<'_>, ciphertext: &str, plaintext: &[u8]) {
        self.new.extend(self.digest(item, ciphertext, plaintext));
    }

    /// Writes down what is new. To be called after the sealed file is written. A memory that cannot be written is a pity and no
    /// error: the next run seals anew.
    pub(crate) fn save(mut self, console: Console) {
        let damaged = self.known.get().is_some_and(entries::Known::is_damaged);
        if damaged {
            console.note(&format!(
                "{}: damaged lines are left out; the values that they stood for are sealed anew",
                self.entries.shown()
            ));
        }
        if self.new.is_empty() && !damaged {
            return;
        }
        let new = std::mem::take(&mut self.new);
        let written = if damaged { self.entries.rewrite(&new) } else { self.entries.append(&new) };
        if let Err(error) = written {
            console.note(&format!(
                "{}: {}: the values of this run are not remembered, and will be sealed anew",
                self.entries.shown(),
                crate::report::os_error(&error)
            ));
        }
    }

    /// `None` for text that is no base64: nothing is known about it.
    fn digest(&self, item: &Item<'_>, ciphertext: &str, plaintext: &[u8]) -> Option<Digest> {
        let ciphertext = sha256(&go_base64::decode(ciphertext).ok()?);
        Some(self.key.digest(
            PURPOSE,
            &[
                item.fingerprint.as_str().as_bytes(),
                item.scope.as_str().as_bytes(),
                item.namespace.as_bytes(),
                item.name.as_bytes(),
                item.key.as_bytes(),
                &ciphertext,
                plaintext,
            ],
        ))
    }
}

/// Why there is no memory for `start`, for a note.
pub(crate) fn why_none(start: &Path) -> &'static str {
    if git::common_folder(start).is_none() {
        "not in a Git repository, so nothing is remembered: every value is sealed anew"
    } else {
        "there is no folder for the key of the memory (HOME and XDG_STATE_HOME are unset, or cannot be written), so nothing \
         is remembered: every value is sealed anew"
    }
}

#[cfg(test)]
mod tests;
