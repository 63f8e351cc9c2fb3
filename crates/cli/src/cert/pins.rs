//! Pinned certificates: which one each cluster's controller had when it was trusted, so that another one is noticed.
//!
//! One file per controller, `$XDG_STATE_HOME/bulla/certificates/CLUSTER/NAMESPACE.NAME.json`, 0600; CLUSTER is a digest of the API
//! server's address and authority. `any.json` is a pin that was made without asking the cluster, for whichever controller it has.
//! Certificates are public; what matters is that nobody else writes here, so a file that others may write is refused.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use bulla_core::sealed::{Fingerprint, SealingCertificate};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::search::Wanted;
use crate::io::{Target, dirs};
use crate::report::{Code, Report, Result, os_error};

/// How long a pin is used without asking the cluster whether it still has the same certificate.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// A pinned certificate.
pub(crate) struct Pin {
    /// Namespace and name of the controller's Service; none: whichever the cluster has.
    pub(crate) place: Option<(String, String)>,
    /// When the cluster was last seen to have it.
    pub(crate) checked: Timestamp,
    pub(crate) certificate: SealingCertificate,
}

/// The pins of one cluster.
pub(crate) struct Pins {
    folder: PathBuf,
    server: String,
    pins: Vec<Pin>,
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinFile {
    server: String,
    namespace: Option<String>,
    name: Option<String>,
    fingerprint: String,
    checked: Timestamp,
    certificate: String,
}

impl Pins {
    /// Reads the pins of the cluster that `config` leads to. None when this user has no home to keep them in.
    pub(crate) fn of(config: &kube::Config) -> Result<Option<Self>> {
        let Some(state) = dirs::state() else { return Ok(None) };
        let server = config.cluster_url.to_string();
        let folder =
            state.join("certificates").join(cluster_id(&server, config.root_cert.as_deref().unwrap_or_default()));
        let mut pins = Vec::new();
        match fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries.filter_map(std::result::Result::ok) {
                    let path = entry.path();
                    if path.extension().is_some_and(|ending| ending == "json") {
                        pins.push(read(&path)?);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(&folder, &os_error(&error))),
        }
        Ok(Some(Self { folder, server, pins }))
    }

    /// The pin for the controller that flags name; without flags the only one that there is.
    pub(crate) fn for_wanted(&self, wanted: &Wanted) -> Option<&Pin> {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let mut placed = self.pins.iter().filter(|pin| {
            pin.place
                .as_ref()
                .is_some_and(|(namespace, name)| fits(&wanted.namespace, namespace) && fits(&wanted.name, name))
        });
        match (placed.next(), placed.next()) {
            (Some(only), None) => Some(only),
            (Some(_), Some(_)) => None,
            (None, _) => self.pins.iter().find(|pin| pin.place.is_none()),
        }
    }

    /// The pin for a controller that was found.
    pub(crate) fn for_place(&self, namespace: &str, name: &str) -> Option<&Pin> {
        let here = |pin: &&Pin| pin.place.as_ref().is_some_and(|place| place.0 == namespace && place.1 == name);
        self.pins.iter().find(here).or_else(|| self.pins.iter().find(|pin| pin.place.is_none()))
    }

    /// Pins a certificate, instead of the one that was pinned before.
    pub(crate) fn put(
        &self,
        place: Option<(&str, &str)>,
        certificate: &SealingCertificate,
        checked: Timestamp,
    ) -> Result<()> {
        let file = PinFile {
            server: self.server.clone(),
            namespace: place.map(|place| place.0.to_owned()),
            name: place.map(|place| place.1.to_owned()),
            fingerprint: certificate.fingerprint().to_string(),
            checked,
            certificate: certificate.to_pem(),
        };
        let name = match place {
            Some((namespace, name)) => format!("{}.{}.json", letters(namespace), letters(name)),
            None => "any.json".to_owned(),
        };
        let text = serde_json::to_vec_pretty(&file).map_err(|error| Report::new(Code::Internal, error.to_string()))?;
        dirs::make_private(&self.folder).map_err(|error| {
            Report::new(Code::WriteFile, format!("{}: {}", shown(&self.folder), os_error(&error)))
                .hint("pinned certificates are kept there; XDG_STATE_HOME names another folder")
        })?;
        Target::File(self.folder.join(name)).write(&text)
    }

    /// The address of the API server.
    pub(crate) fn server(&self) -> &str {
        self.server.trim_end_matches('/')
    }
}

impl Pin {
    /// Whether the cluster need not be asked yet. A time in the future is none.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.checked);
        age >= SignedDuration::ZERO && age < FRESH
    }

    /// The fingerprint that is pinned.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        self.certificate.fingerprint()
    }
}

/// A name for the cluster that is the same on every day: of its address and of who vouches for it.
fn cluster_id(server: &str, authority: &[Vec<u8>]) -> String {
    let mut text = server.trim_end_matches('/').as_bytes().to_vec();
    for certificate in authority {
        text.push(0);
        text.extend_from_slice(digest(&SHA256, certificate).as_ref());
    }
    digest(&SHA256, &text).as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<Pin> {
    refuse_writable_by_others(path)?;
    let bytes = crate::io::input::read_file(path).map_err(|error| unusable(path, &os_error(&error)))?;
    let damaged = || unusable(path, "the file is damaged");
    let file: PinFile = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    let certificate = SealingCertificate::from_pem(file.certificate.as_bytes()).map_err(|_| damaged())?;
    if certificate.fingerprint().as_str() != file.fingerprint {
        return Err(unusable(path, "the certificate in it is not the one with the pinned fingerprint"));
    }
    Ok(Pin { place: file.namespace.zip(file.name), checked: file.checked, certificate })
}

#[cfg(unix)]
fn refuse_writable_by_others(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    const OTHERS: u32 = 0o022;
    let mode = fs::metadata(path).map_err(|error| unusable(path, &os_error(&error)))?.mode();
    if mode & OTHERS != 0 {
        return Err(Report::new(
            Code::PinUnusable,
            format!("{}: others may write the pinned certificate", shown(path)),
        )
        .hint(format!("check it: bulla cert fetch | bulla cert show -\nthen: chmod 600 {}", shown(path))));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_writable_by_others(_path: &Path) -> Result<()> {
    Ok(())
}

fn unusable(path: &Path, problem: &str) -> Report {
    Report::new(Code::PinUnusable, format!("{}: {problem}", shown(path))).hint(
        "remove it, compare the cluster's certificate with your team's, and pin it again: bulla cert pin SHA256:…",
    )
}

fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

/// What names in a cluster may hold.
fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_its_address_and_its_authority() {
        let id = |server: &str, authority: &[&[u8]]| {
            cluster_id(server, &authority.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(id("https://a/", &[b"x"]), id("https://a", &[b"x"]));
        let all = [id("https://a", &[]), id("https://a", &[b"x"]), id("https://a", &[b"y"]), id("https://b", &[b"x"])];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 32);
            assert!(!all[at + 1..].contains(one));
        }
    }
}
