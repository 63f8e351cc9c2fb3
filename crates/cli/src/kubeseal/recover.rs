//! `--recovery-unseal`: offline decryption with private keys.

use std::path::Path;

use bulla_controller::render_templates;
use bulla_core::sealed::{KeyRing, ObjectHints, SealedSecret, UnsealOptions, read_key_backup, unseal};
use bulla_yaml::Limits;
use zeroize::Zeroizing;

use super::run::FormatFlag;
use super::{Failure, open_failed};
use crate::io::input::read_file;
use crate::manifest::{self, SecretStyle};

/// The Secret of the first document, as text.
pub(super) fn recover(text: &[u8], keys: &[String], format: &FormatFlag) -> Result<Zeroizing<String>, Failure> {
    let ring = read_keys(keys)?;
    let documents = bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| error.to_string())?;
    let document = documents.first().ok_or("unable to decrypt sealed secret")?;
    let json = document.root.to_json().map_err(|error| error.to_string())?;
    let sealed = SealedSecret::from_json(&json).map_err(|error| error.to_string())?;
    let mut hints = ObjectHints::new(&sealed.namespace, sealed.created, None);
    // Without diagnosis: the message is the same for every cause.
    let options = UnsealOptions { diagnose: false, ..UnsealOptions::default() };
    let secret = unseal(&sealed, &ring, &mut hints, options, &render_templates).map_err(|error| error.to_string())?;
    let style = SecretStyle { owner: true, empty_is_null: true };
    Ok(format.resolve()?.write(&manifest::secret(&secret, style)))
}

fn read_keys(paths: &[String]) -> Result<KeyRing, Failure> {
    let mut keys = Vec::new();
    for path in paths {
        let path = Path::new(path);
        let text = read_file(path).map_err(|error| open_failed(path, &error))?;
        let report = read_key_backup(&text).map_err(|error| error.to_string())?;
        if report.keys.is_empty() {
            let item = bulla_core::Error::KeyItemMissing { item: "tls.key" };
            return Err(match report.skipped.into_iter().next() {
                Some(skipped) if !matches!(skipped.error, bulla_core::Error::KeyItemMissing { .. }) => {
                    skipped.error.to_string()
                }
                Some(_) => "secret must contain a 'tls.data' key".to_owned(),
                None => item.to_string(),
            });
        }
        keys.extend(report.keys);
    }
    Ok(KeyRing::new(keys))
}
