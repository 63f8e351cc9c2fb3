//! Data keys, each asked for once: files that share one (copies, or files that one reseal made) share the answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bulla_core::secret::SecretBytes;
use bulla_core::sops::{DataKey, KeyKind, KeySource, Metadata, Unrecovered};

use crate::report::{Code, Report, Result};
use crate::sops::keys::KeyServices;

/// Everybody who can unwrap or wrap a data key, with what they have answered.
pub(crate) struct Keys {
    services: Mutex<KeyServices>,
    /// By the wrapped keys of all groups.
    known: Mutex<HashMap<Vec<String>, SecretBytes>>,
}

impl Keys {
    /// The keys of this machine, and the key services that SOPS_KEYSERVICE names.
    pub(crate) fn new() -> Result<Self> {
        let named = std::env::var("SOPS_KEYSERVICE").unwrap_or_default();
        let remote: std::result::Result<Vec<_>, String> =
            named.split(',').filter(|uri| !uri.is_empty()).map(crate::sops::keyservice::Client::new).collect();
        let remote = remote.map_err(|reason| {
            Report::new(Code::SopsLocked, format!("SOPS_KEYSERVICE: {reason}"))
                .hint("write tcp://HOST:PORT or unix:///PATH, or unset the variable")
        })?;
        let services = KeyServices::new(true, remote);
        Ok(Self { services: Mutex::new(services), known: Mutex::default() })
    }

    /// The data key of a file.
    pub(crate) fn data_key(&self, file: &str, metadata: &Metadata) -> Result<DataKey> {
        let wrapped: Vec<String> =
            metadata.groups.iter().flat_map(|group| &group.keys).map(|key| key.enc.clone()).collect();
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&wrapped)
            && let Some(key) = DataKey::from_bytes(known.expose())
        {
            return Ok(key);
        }
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let key = metadata
            .recover(&[KeyKind::Age, KeyKind::Pgp], &mut |key| services.unwrap(key))
            .map_err(|unrecovered| locked(file, &unrecovered))?;
        drop(services);
        let bytes = SecretBytes::new(key.expose().to_vec());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(wrapped, bytes);
        Ok(key)
    }

    /// Which identities of this machine a file could be opened with, and where there are none.
    pub(crate) fn found(&self, metadata: &Metadata) -> Vec<String> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).explain(metadata)
    }

    /// The one command that helps where no key opens a file.
    pub(crate) fn advice(&self, metadata: &Metadata) -> String {
        let kinds: Vec<KeyKind> =
            metadata.groups.iter().flat_map(|group| &group.keys).map(|key| key.source.kind()).collect();
        let ssh = metadata
            .groups
            .iter()
            .flat_map(|group| &group.keys)
            .any(|key| matches!(&key.source, KeySource::Age { recipient } if recipient.starts_with("ssh-")));
        match () {
            () if ssh => {
                "export SOPS_AGE_SSH_PRIVATE_KEY_FILE=~/.ssh/id_ed25519   (the private half of the key that is wanted)"
            }
            () if kinds.contains(&KeyKind::Age) => {
                "export SOPS_AGE_KEY_FILE=FILE   (with the identity of a recipient above)"
            }
            () if kinds.contains(&KeyKind::Pgp) => "gpg --import FILE   (with the private half of a fingerprint above)",
            () if kinds.contains(&KeyKind::AwsKms) => "aws sso login   (as somebody who may use the key above)",
            () if kinds.contains(&KeyKind::GcpKms) => "gcloud auth application-default login",
            () if kinds.contains(&KeyKind::AzureKeyVault) => "az login",
            () if kinds.contains(&KeyKind::Vault) => "vault login",
            () => "ask one of those who can open it: bulla recipients add YOUR-RECIPIENT FILE",
        }
        .to_owned()
    }

    /// Wraps a part of a data key for one recipient.
    pub(crate) fn wrap(&self, source: &KeySource, part: &[u8]) -> std::result::Result<String, Vec<String>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).wrap(source, part)
    }
}

/// No key opens the file: what it wants, and why each key that was tried did not do.
fn locked(file: &str, unrecovered: &Unrecovered) -> Report {
    let mut wanted: Vec<String> = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    for failure in unrecovered.groups.iter().filter(|group| !group.opened).flat_map(|group| &group.keys) {
        wanted.push(format!("{} {}", failure.kind.name(), short(&failure.identity)));
        let reason = failure.errors.last().map(|error| error.lines().last().unwrap_or_default().trim().to_owned());
        reasons.push(format!("{} {}: {}", failure.kind.name(), short(&failure.identity), reason.unwrap_or_default()));
    }
    let message = match &unrecovered.combining {
        Some(reason) => format!("{file}: the parts of the data key do not fit together: {reason}"),
        None => format!("{file}: no key here opens it; it wants one of: {}", wanted.join(", ")),
    };
    reasons.push("bulla why FILE says which identities were found, and where".to_owned());
    Report::new(Code::SopsLocked, message).hint(reasons.join("\n"))
}

/// Long recipients (post-quantum ones have 1,959 characters) are cut.
pub(crate) fn short(identity: &str) -> String {
    const SHOWN: usize = 72;
    match identity.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &identity[..at]),
        None => identity.to_owned(),
    }
}
