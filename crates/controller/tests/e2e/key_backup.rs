//! Sealing keys that are written to safety before they seal.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use bulla_controller::{Config, Handle, KeyBackup, KeySettings};
use bulla_core::age::{Recipient, Recipients};
use bulla_core::sealed::{SealingCertificate, read_key_backup};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::keys::{key, key_secret, labelled_keys};
use super::support::{KEY_LABEL, KEYS, SEALED, World, base64, seal, seal_with, until, within};

pub(crate) fn config(folder: &Path, identity: &age::x25519::Identity) -> Config {
    let recipient = Recipient::parse(&identity.to_public().to_string()).unwrap();
    let backup = KeyBackup { folder: folder.to_owned(), recipients: Recipients::new(vec![recipient]).unwrap() };
    Config { keys: KeySettings { backup: Some(backup), ..World::config().keys }, ..World::config() }
}

/// The files of the folder, opened. Nothing else may be there, and nothing readable.
fn opened(folder: &Path, identity: &age::x25519::Identity) -> Vec<(String, Vec<u8>)> {
    assert_holds_no_key(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let file = fs::read(entry.path()).unwrap();
            let mut plaintext = Vec::new();
            let decryptor = age::Decryptor::new(&file[..]).unwrap();
            let identity: &dyn age::Identity = identity;
            decryptor.decrypt(std::iter::once(identity)).unwrap().read_to_end(&mut plaintext).unwrap();
            (entry.file_name().into_string().unwrap(), plaintext)
        })
        .collect();
    files.sort();
    files
}

/// Neither a key nor a manifest is there in the clear, whatever the file is called.
fn assert_holds_no_key(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        // A temporary file may have gone since.
        let Ok(bytes) = fs::read(entry.unwrap().path()) else { continue };
        for needle in ["PRIVATE KEY", "LS0tLS1CRUdJTi", "tls.key", "kubernetes.io/tls"] {
            let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "{needle:?} lies in the folder of backups");
        }
    }
}

fn pending(handle: &Handle) -> Option<u64> {
    measured(handle, "key_backup_pending")
}

fn measured(handle: &Handle, metric: &str) -> Option<u64> {
    let series = format!("sealed_secrets_controller_{metric} ");
    handle.metrics().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
}

async fn until_none_pending(handle: &Handle) {
    until("every key is backed up", || async { (pending(handle) == Some(0)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_backed_up_and_a_lost_cluster_comes_back_from_the_files() {
    let (place, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    let world = World::new();
    world.post(KEYS, &key_secret("imported", &key("2025-01-01T00:00:00Z".parse().unwrap()))).await;
    let handle = world.start_with(config(place.path(), &identity)).await;
    until_none_pending(&handle).await;
    let newest = within("a new key", handle.renew_key()).await.unwrap();
    until_none_pending(&handle).await;
    let certificate = until("the new certificate is published", || async {
        let pem = handle.certificate_pem()?;
        (SealingCertificate::from_pem(pem.as_bytes()).unwrap().fingerprint() == &newest).then_some(pem)
    })
    .await;
    assert!(measured(&handle, "key_backup_last_success_timestamp_seconds").is_some());
    assert_eq!(measured(&handle, "key_backup_failures_total"), Some(0));
    let sealed = seal(&handle, "a", &[("k", "v")]);

    let files = opened(place.path(), &identity);
    let names: Vec<_> = labelled_keys(&world).await.iter().map(|key| key["metadata"]["name"].clone()).collect();
    assert_eq!(files.len(), 2);
    let lost_cluster = World::new();
    for (name, manifest) in &files {
        assert!(names.iter().any(|known| name.starts_with(known.as_str().unwrap())), "{name}");
        let report = read_key_backup(manifest).unwrap();
        assert_eq!((report.keys.len(), report.skipped.len()), (1, 0));
        lost_cluster.post(KEYS, &serde_json::from_slice::<Value>(manifest).unwrap()).await;
    }
    let handle = lost_cluster.start().await;
    assert_eq!(handle.certificate_pem().unwrap(), certificate);
    assert_eq!(labelled_keys(&lost_cluster).await.len(), 2, "no further key was made");
    lost_cluster.post(SEALED, &sealed).await;
    lost_cluster.until_reason("a", "Unsealed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_first_start_nothing_is_published_before_the_key_is_safe() {
    let (place, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    let folder = place.path().join("not-mounted-yet");
    let world = World::new();
    let handle = world.start_with(config(&folder, &identity)).await;
    until("a backup failed", || async { measured(&handle, "key_backup_failures_total").filter(|count| *count > 0) })
        .await;
    assert_eq!((handle.certificate_pem(), pending(&handle)), (None, Some(1)));
    assert_eq!(labelled_keys(&world).await.len(), 1, "one key waits; no further one is made");
    fs::create_dir(&folder).unwrap();
    until("a certificate is published", || async { handle.certificate_pem() }).await;
    assert_eq!(pending(&handle), Some(0));
    assert_eq!(labelled_keys(&world).await.len(), 1);
    assert_eq!(opened(&folder, &identity).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_new_key_is_not_safe_the_old_certificate_stays_and_the_new_key_opens() {
    let (place, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    let folder = place.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let world = World::new();
    let handle = world.start_with(config(&folder, &identity)).await;
    let first = until("a certificate is published", || async { handle.certificate_pem() }).await;

    // The disk goes away in the middle of it: what is at the folder's place takes no file.
    fs::rename(&folder, place.path().join("away")).unwrap();
    fs::write(&folder, "not a folder").unwrap();
    let fingerprint = within("a new key", handle.renew_key()).await.unwrap();
    until("a backup failed", || async { measured(&handle, "key_backup_failures_total").filter(|count| *count > 0) })
        .await;
    assert_eq!(handle.certificate_pem().as_ref(), Some(&first), "the old certificate stays published");
    assert_eq!(pending(&handle), Some(1));
    // Whoever has the new certificate all the same can seal with it: the key opens.
    let keys = labelled_keys(&world).await;
    let pem = keys
        .iter()
        .map(|key| bulla_core::go_base64::decode(key["data"]["tls.crt"].as_str().unwrap()).unwrap())
        .find(|pem| SealingCertificate::from_pem(pem).unwrap().fingerprint() == &fingerprint)
        .unwrap();
    world.post(SEALED, &seal_with(&SealingCertificate::from_pem(&pem).unwrap(), "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    // A second key on demand does not help either, and is not published.
    within("another new key", handle.renew_key()).await.unwrap();
    until("two keys wait", || async { (pending(&handle) == Some(2)).then_some(()) }).await;
    assert_eq!(handle.certificate_pem().as_ref(), Some(&first));
    assert_holds_no_key(&place.path().join("away"));

    fs::remove_file(&folder).unwrap();
    fs::rename(place.path().join("away"), &folder).unwrap();
    until("the newest certificate is published", || async { handle.certificate_pem().filter(|pem| *pem != first) })
        .await;
    until_none_pending(&handle).await;
    assert_eq!(opened(&folder, &identity).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_backed_up_is_not_written_again_and_what_was_cut_is() {
    let (place, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    let world = World::new();
    let handle = world.start_with(config(place.path(), &identity)).await;
    until_none_pending(&handle).await;
    handle.shutdown().await;
    let file = || {
        let entry = fs::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
        (fs::read(&entry).unwrap(), entry)
    };
    let (whole, path) = file();
    let handle = world.start_with(config(place.path(), &identity)).await;
    until("a certificate is published", || async { handle.certificate_pem() }).await;
    assert_eq!(file().0, whole, "the file is the same");
    handle.shutdown().await;

    fs::write(&path, &whole[..40]).unwrap();
    let handle = world.start_with(config(place.path(), &identity)).await;
    until("a certificate is published", || async { handle.certificate_pem() }).await;
    let files = opened(place.path(), &identity);
    assert_eq!((files.len(), read_key_backup(&files[0].1).unwrap().keys.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_no_longer_seal_are_backed_up_too_and_keys_that_are_none_are_not() {
    let (place, identity) = (tempfile::tempdir().unwrap(), age::x25519::Identity::generate());
    let world = World::new();
    let old = key("2025-01-01T00:00:00Z".parse().unwrap());
    let mut retired = key_secret("retired", &old);
    retired["metadata"]["labels"]["bulla.dev/key-state"] = "retired".into();
    world.post(KEYS, &retired).await;
    world.post(KEYS, &key_secret("good", &key(Timestamp::now()))).await;
    let labels = json!({KEY_LABEL: "active"});
    world.post(KEYS, &json!({"metadata": {"name": "empty", "labels": labels}, "data": {"tls.key": base64("x")}})).await;
    let handle = world.start_with(config(place.path(), &identity)).await;
    until_none_pending(&handle).await;
    let names: Vec<_> = opened(place.path(), &identity).into_iter().map(|(name, _)| name).collect();
    assert!(names.len() == 2 && names[0].starts_with("good-") && names[1].starts_with("retired-"), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_destination_keys_seal_at_once_and_no_backup_is_measured() {
    let world = World::new();
    let handle = world.start().await;
    assert!(handle.certificate_pem().is_some());
    assert!(!handle.metrics().contains("key_backup"));
}
