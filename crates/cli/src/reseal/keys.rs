//! The private keys at hand, and the certificate that a file is sealed with from now on.
//!
//! In this order: `--cert`; the certificate of the cluster that `.bulla.yaml` names for the file; the newest certificate among the
//! keys. The last only if all keys are of one cluster as far as can be told: of one file, or of files that share a key. The newest key of
//! another cluster would make the values useless where they are needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use bulla_core::sealed::{BackupReport, Fingerprint, KeyRing, SealingCertificate, read_key_backup};
use jiff::Timestamp;

use crate::cert::{self, CertificateChoice, Given};
use crate::config::{Config, Policy};
use crate::io::{Console, Source, input, read};
use crate::report::{Code, Report, Result, bad_key_file};

/// What opens values, and what seals them.
pub(super) struct Keys {
    pub(super) ring: KeyRing,
    /// For files without a cluster of their own.
    general: std::result::Result<SealingCertificate, String>,
    config: Option<Config>,
    /// Of the clusters in `config`, by name; those without a certificate are not in it.
    clusters: BTreeMap<String, std::result::Result<SealingCertificate, String>>,
    /// Certificates that files were sealed with.
    used: Mutex<Vec<Fingerprint>>,
}

impl Keys {
    pub(super) fn load(
        sources: &[Source],
        certificate: Option<&Given>,
        now: Timestamp,
        console: Console,
    ) -> Result<Self> {
        let certificate_source = certificate.and_then(|given| match given {
            Given::File(source) => Some(source),
            Given::Url(_) => None,
        });
        input::refuse_stdin_twice(sources.iter().chain(certificate_source))?;
        let backups = read_backups(sources, console)?;
        let joined = are_of_one_cluster(&backups);
        let (mut keys, mut certificates) = (Vec::new(), Vec::new());
        for backup in backups {
            keys.extend(backup.keys);
            certificates.extend(backup.certificates);
        }
        let ring = KeyRing::new(keys);
        if let Some(source) = certificate {
            let choice = CertificateChoice { given: Some(source.clone()), ..CertificateChoice::default() };
            let certificate = cert::choose(&choice, None, &Policy::default(), console)?.certificate;
            return Ok(Self::new(ring, Ok(certificate), None, console));
        }
        let config = Config::find(Path::new("."))?.filter(|config| !config.clusters().is_empty());
        let general = match (BackupReport::newest_certificate(certificates, now), joined) {
            (Some(newest), true) => Ok(newest),
            (Some(_), false) => Err("the key files share no key, so they may be of different clusters: \
                                     say which certificate to seal with: --cert FILE"
                .to_owned()),
            (None, _) => Err("the key files hold no certificate that values can be sealed with now: \
                              give one: --cert FILE"
                .to_owned()),
        };
        match (&general, &config) {
            (Err(why), None) => Err(Report::new(Code::NoSealingCertificate, why.clone()).hint(
                "fetch the present one: bulla cert fetch > cert.pem; then: bulla reseal --key FILE --cert cert.pem",
            )),
            _ => Ok(Self::new(ring, general, config, console)),
        }
    }

    fn new(
        ring: KeyRing,
        general: std::result::Result<SealingCertificate, String>,
        config: Option<Config>,
        console: Console,
    ) -> Self {
        let mut clusters = BTreeMap::new();
        for cluster in config.iter().flat_map(|config| config.clusters()) {
            // Without a file of its own the keys at hand decide; no cluster is asked for what works offline.
            if cluster.certificate.is_none() {
                continue;
            }
            let policy = config.as_ref().map(|config| config.policy.clone()).unwrap_or_default();
            let chosen = cert::choose(&CertificateChoice::default(), Some(cluster), &policy, console);
            let chosen = chosen.map(|chosen| chosen.certificate).map_err(|report| super::in_words(&report));
            clusters.insert(cluster.name.clone(), chosen);
        }
        Self { ring, general, config, clusters, used: Mutex::new(Vec::new()) }
    }

    /// The certificate for a file, or why there is none.
    pub(super) fn certificate_for(&self, path: &Path) -> std::result::Result<&SealingCertificate, String> {
        let cluster = self.config.as_ref().and_then(|config| config.cluster_of(path));
        let chosen = match cluster {
            Some(cluster) => match (self.clusters.get(&cluster.name), &cluster.fingerprint, &self.general) {
                (Some(chosen), ..) => chosen,
                (None, Some(pinned), Ok(newest)) if newest.fingerprint() != pinned => {
                    return Err(format!(
                        "the newest key is {}, and .bulla.yaml allows {pinned} only for cluster {}",
                        newest.fingerprint(),
                        cluster.name
                    ));
                }
                _ => &self.general,
            },
            None => &self.general,
        };
        let chosen = chosen.as_ref().map_err(Clone::clone)?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if !used.contains(chosen.fingerprint()) {
            used.push(chosen.fingerprint().clone());
        }
        Ok(chosen)
    }

    /// The certificates that were chosen so far.
    pub(super) fn used(&self) -> Vec<String> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Fingerprint::to_string).collect()
    }

    /// Whether a value that no key here opens may be one of the newest key's, which is not here: it is as long as that key's
    /// modulus.
    pub(super) fn may_be_of_absent(&self, certificate: &SealingCertificate, bytes: &[u8]) -> bool {
        let length = bytes.first_chunk::<2>().map(|prefix| usize::from(u16::from_be_bytes(*prefix)));
        !self.ring.keys().iter().any(|key| key.key.fingerprint() == certificate.fingerprint())
            && length == Some(certificate.modulus_bits().div_ceil(8))
    }

    /// Whether a key is known to be newer than the certificate: values are not moved back to an older key.
    pub(super) fn is_newer(&self, key: &Fingerprint, certificate: &SealingCertificate) -> bool {
        let since = self.ring.keys().iter().find(|known| known.key.fingerprint() == key).map(|known| known.since);
        since.is_some_and(|since| since > certificate.not_before())
    }
}

fn read_backups(sources: &[Source], console: Console) -> Result<Vec<BackupReport>> {
    let mut backups = Vec::new();
    for source in sources {
        let name = source.to_string();
        let backup = read_key_backup(&read(source)?).map_err(|error| bad_key_file(&name, &error))?;
        for skipped in &backup.skipped {
            console.warn(&format!("{name}: {} is skipped: {}", skipped.name.escape_debug(), skipped.error));
        }
        if backup.keys.is_empty() {
            return Err(bad_key_file(&name, &bulla_core::Error::NoPrivateKey));
        }
        backups.push(backup);
    }
    Ok(backups)
}

/// Whether every file shares a key with one of those that are known to belong together.
fn are_of_one_cluster(backups: &[BackupReport]) -> bool {
    let prints = |backup: &BackupReport| -> Vec<Fingerprint> {
        backup.keys.iter().map(|key| key.key.fingerprint().clone()).collect()
    };
    let mut rest: Vec<Vec<Fingerprint>> = backups.iter().map(prints).collect();
    let Some(mut joined) = rest.pop() else { return true };
    loop {
        let Some(next) = rest.iter().position(|keys| keys.iter().any(|key| joined.contains(key))) else {
            return rest.is_empty();
        };
        joined.extend(rest.swap_remove(next));
    }
}
