//! Each sealing key, encrypted, as a file in a folder that outlives the cluster.
//!
//! A key whose backup has not been read back yet opens and does not seal: whatever is sealed can be opened after the cluster is
//! lost. The rule is the store's ([`crate::keys::store`]); this task makes it come true, for ever: keys that were there before,
//! new keys, keys whose file has gone. Only the replica that leads writes; the others look into the same folder.

mod folder;
mod manifest;

use std::sync::Arc;
use std::time::Duration;

use bulla_core::age::Recipients;
use bulla_core::sealed::Fingerprint;
use http::Method;
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use self::folder::backup_file_name;
use self::folder::{Folder, Found};
use crate::api;
use crate::config::keys::KeyBackup;
use crate::keys::registry::KeyRegistry;
use crate::keys::secret::{self, KeySecret};
use crate::live::LiveSecret;

/// How long a failed backup waits for its next try, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often the folder is looked at when all is well, and by a replica that waits for the one that leads.
const LOOK: Duration = Duration::from_secs(600);
const FOLLOW: Duration = Duration::from_secs(10);

/// What has become of backups so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackupCounts {
    pub(crate) failures: u64,
    /// When a key was last found, or written and read back.
    pub(crate) last_success: Option<Timestamp>,
}

impl KeyRegistry {
    /// Backs up every key, for ever.
    pub(crate) async fn keep_backups(&self) {
        let Some(KeyBackup { folder, recipients }) = self.config.keys.backup.clone() else {
            tracing::warn!(
                "new sealing keys are kept in the cluster alone: back them up, or give --key-backup-dir and --key-backup-recipient"
            );
            return;
        };
        let (folder, recipients) = (Arc::new(Folder::new(folder)), Arc::new(recipients));
        let (mut changes, mut leading) = (self.changes(), self.leading.clone());
        let (mut said, mut failures) = (String::new(), 0_u32);
        loop {
            changes.borrow_and_update();
            let mut trouble = None;
            for (name, fingerprint) in self.all_keys() {
                match self.back_up(&folder, &recipients, &name, &fingerprint).await {
                    Ok(true) => self.backed_up(&fingerprint),
                    Ok(false) => {}
                    Err(error) => trouble = Some((name, error)),
                }
            }
            let wait = match trouble {
                Some((secretname, error)) => {
                    self.backup_failed();
                    let published = self.newest().is_some();
                    if error != said {
                        let effect =
                            if published { "the key before it stays published" } else { "no certificate is published" };
                        tracing::error!(
                            secretname,
                            error,
                            effect,
                            "a sealing key is not backed up, and does not seal until it is"
                        );
                        said = error;
                    }
                    failures += 1;
                    WAITS.0.saturating_mul(1 << failures.min(10)).min(WAITS.1) / 2
                }
                None => {
                    if !std::mem::take(&mut said).is_empty() {
                        tracing::info!("every sealing key is backed up");
                    }
                    failures = 0;
                    if self.may_write() { LOOK } else { FOLLOW }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // The sender lives as long as the registry.
                _ = changes.changed() => {}
                // Whoever begins to lead writes what is missing.
                Ok(()) = leading.changed() => {}
            }
        }
    }

    /// Whether the key is in the folder now.
    async fn back_up(
        &self,
        folder: &Arc<Folder>,
        recipients: &Arc<Recipients>,
        name: &str,
        fingerprint: &Fingerprint,
    ) -> Result<bool, String> {
        let (looked, wanted) = (Arc::clone(folder), fingerprint.clone());
        match on_a_thread(move || looked.find(&wanted)).await? {
            Found::Whole => return Ok(true),
            Found::Nothing if !self.may_write() => return Ok(false),
            Found::Nothing => {}
        }
        let path = format!("/api/v1/namespaces/{}/secrets/{name}", self.config.namespace);
        let body = match api::send(&self.client, Method::GET, &path, None).await {
            // Deleted a moment ago: the watch is about to say so.
            Err(failure) if failure.code() == Some(404) => return Ok(false),
            answer => answer.map_err(|failure| format!("read the key Secret: {failure}"))?,
        };
        let (folder, recipients, name) = (Arc::clone(folder), Arc::clone(recipients), name.to_owned());
        let fingerprint = fingerprint.clone();
        on_a_thread(move || write(&folder, &recipients, &name, &fingerprint, &body)).await?;
        Ok(true)
    }
}

/// Encrypts the Secret in `body` and writes it, if it still holds the key.
fn write(
    folder: &Folder,
    recipients: &Recipients,
    name: &str,
    fingerprint: &Fingerprint,
    body: &Zeroizing<Vec<u8>>,
) -> Result<(), String> {
    let secret = LiveSecret::from_body(body).ok_or("the key Secret cannot be read")?;
    match secret::read(&secret) {
        Ok(KeySecret::Key(key)) if key.fingerprint() == fingerprint => {}
        _ => return Err("the key Secret holds another key by now".to_owned()),
    }
    let file = recipients.encrypt(&manifest::of(&secret)).map_err(|error| error.to_string())?;
    folder.write(name, fingerprint, &file)?;
    tracing::info!(secretname = name, %fingerprint, "sealing key backed up");
    Ok(())
}

/// Files may be far away, and slow.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("the work broke off".to_owned()))
}

#[cfg(test)]
mod tests {
    use bulla_core::age::Recipient;
    use bulla_core::sealed::{KeySize, KeyState, NewKey, RingKey, generate_key};
    use tokio::sync::watch;

    use super::*;
    use crate::Config;
    use crate::keys::store::{Certificate, StoredKey};
    use crate::rsa_pool::RsaPool;

    #[tokio::test]
    async fn a_follower_writes_nothing_and_publishes_what_the_leader_has_written() {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("a follower asked for a private key"))
        });
        let place = tempfile::tempdir().unwrap();
        let recipient = "age1haazd5mwjahez62mza89z4pdr70kk99m6q2f5npegh46lhxhyfusnp0zhp";
        let recipients = Arc::new(Recipients::new(vec![Recipient::parse(recipient).unwrap()]).unwrap());
        let mut config = Config::default();
        config.keys.backup = Some(KeyBackup { folder: place.path().to_owned(), recipients: (*recipients).clone() });
        let (_lease, leading) = watch::channel(false);
        let pool = Arc::new(RsaPool::new(1).unwrap());
        let registry = KeyRegistry::new(kube::Client::new(service, "default"), config, pool, leading);
        let request = NewKey {
            size: KeySize::Rsa2048,
            not_before: Timestamp::now(),
            validity: jiff::SignedDuration::from_hours(1),
            common_name: String::new(),
        };
        let key = generate_key(&request).unwrap();
        let (certificate, fingerprint) = (Certificate::from(&key.certificate), key.key.fingerprint().clone());
        let stored = StoredKey {
            ring: Arc::new(RingKey { key: key.key, since: request.not_before }),
            certificate: Some(certificate),
            state: KeyState::Active,
            created: request.not_before,
        };
        registry.insert("key-a".to_owned(), stored);

        let folder = Arc::new(Folder::new(place.path().to_owned()));
        let looked = registry.back_up(&folder, &recipients, "key-a", &fingerprint).await;
        assert_eq!(looked, Ok(false), "it is not there, and nobody asked the API server");
        assert!(registry.newest().is_none());
        folder.write("key-a", &fingerprint, &recipients.encrypt(b"by the leader").unwrap()).unwrap();
        assert_eq!(registry.back_up(&folder, &recipients, "key-a", &fingerprint).await, Ok(true));
        registry.backed_up(&fingerprint);
        assert_eq!(registry.newest().unwrap().fingerprint, fingerprint);
    }
}
