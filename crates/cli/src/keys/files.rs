//! Keys out of files: backups as age files, one or many keys in each, and the plain ones that `kubectl get -o yaml` makes.

use bulla_core::age::{Identities, is_age_file};
use bulla_core::sealed::read_key_documents;
use zeroize::Zeroizing;

use crate::io::{Console, Source, input, read};
use crate::keys::known::Key;
use crate::report::{Code, Report, Result};

/// The most that a backup may hold, decrypted.
const MAX_PLAINTEXT: usize = 64 << 20;
/// Beginnings of an age file, binary and armoured.
const BEGINNINGS: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];

/// Backups, and who opens them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backups {
    /// age files, or plain ones.
    pub(crate) files: Vec<Source>,
    /// Files with age identities.
    pub(crate) identities: Vec<Source>,
}

impl Backups {
    /// Every usable key of all files, each once. What is no key is told.
    ///
    /// # Errors
    /// When a file cannot be opened, or holds no key that could be used.
    pub(crate) fn read(&self, console: Console) -> Result<Vec<Key>> {
        input::refuse_stdin_twice(self.files.iter().chain(&self.identities))?;
        let identities = self.identities()?;
        let mut keys: Vec<Key> = Vec::new();
        for source in &self.files {
            let text = opened(source, identities.as_ref())?;
            let mut found = 0;
            for key in keys_of(source, &text, console)? {
                found += 1;
                if !keys.iter().any(|known| known.fingerprint == key.fingerprint) {
                    keys.push(key);
                }
            }
            if found == 0 {
                return Err(Report::new(Code::BackupWithoutKey, format!("{source}: there is no usable key in it"))
                    .hint(
                        "a backup is an age file of bulla, or what this prints: kubectl get secret -n kube-system \
                     -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml",
                    ));
            }
        }
        Ok(keys)
    }

    fn identities(&self) -> Result<Option<Identities>> {
        let mut all: Option<Identities> = None;
        for source in &self.identities {
            let file = read(source)?;
            let identities = Identities::from_file(&file).map_err(|error| {
                Report::new(Code::IdentityFile, format!("{source}: {error}"))
                    .hint("an identity file is what age-keygen writes; age -d decrypts one that has a passphrase")
            })?;
            match &mut all {
                Some(all) => all.add(identities),
                None => all = Some(identities),
            }
        }
        Ok(all)
    }
}

fn opened(source: &Source, identities: Option<&Identities>) -> Result<Zeroizing<Vec<u8>>> {
    let file = read(source)?;
    if !BEGINNINGS.iter().any(|beginning| file.trim_ascii_start().starts_with(beginning)) {
        return Ok(file);
    }
    let Some(identities) = identities else {
        return Err(Report::new(Code::NoIdentity, format!("{source}: it is an age file, and no identity is given"))
            .hint("name the file with the secret half of the recipient: --identity key.txt"));
    };
    identities.decrypt(&file, MAX_PLAINTEXT).map_err(|error| {
        let hint = match error {
            bulla_core::Error::AgeNoMatch => {
                "give the identity whose recipient the backup was made for; age-keygen -y FILE prints the recipient of an identity"
            }
            bulla_core::Error::AgePassphrase => "decrypt it first, into a pipe: age -d FILE | bulla keys restore -",
            _ if is_age_file(&file) => "take another copy of the backup; this one was changed or cut",
            _ => "the file begins like an age file and breaks off: take another copy",
        };
        Report::new(Code::BackupDoesNotOpen, format!("{source}: {error}")).hint(hint)
    })
}

fn keys_of(source: &Source, text: &[u8], console: Console) -> Result<Vec<Key>> {
    if text.trim_ascii_start().starts_with(b"-----BEGIN ") {
        return Err(Report::new(
            Code::BackupWithoutKey,
            format!("{source}: it is a PEM file, not a backup of key Secrets"),
        )
        .hint("a key with its certificate comes in with: bulla keys import --cert tls.crt --key tls.key"));
    }
    let documents = read_key_documents(text).map_err(|error| {
        // The parser's own words could quote a plaintext.
        let position = match &error {
            bulla_core::Error::Yaml(error) => {
                error.position().map_or(String::new(), |position| format!(" ({position})"))
            }
            _ => String::new(),
        };
        Report::new(Code::BackupWithoutKey, format!("{source}: it is neither YAML nor JSON{position}"))
            .hint("check that it is a backup of key Secrets, or an age file")
    })?;
    let mut keys = Vec::new();
    for document in documents {
        let (name, key) = match document {
            Ok(document) => (document.name.clone(), Key::look(document)),
            Err(skipped) => (skipped.name, Err(skipped.error)),
        };
        match key {
            Ok(key) if key.ring.is_some() => keys.push(key),
            Ok(Key { trouble: Some(error), .. }) | Err(error) => {
                console.warn(&format!("{source}: {} is skipped: {error}", name.escape_debug()));
            }
            Ok(_) => {}
        }
    }
    Ok(keys)
}
