//! What can be shown of the values of a file: opened with keys, or read from the cluster; else their sizes.

use bulla_core::go_base64;
use bulla_core::sealed::{KeyRing, ObjectHints};

use super::Options;
use super::text::{Shown, Subject};
use crate::io::Console;
use crate::memory::live;
use crate::report::Result;
use crate::tree::{Sealed, SealedFile};
use crate::update::shown_object;

/// The subjects in the order of the file.
pub(super) fn read(
    file: &SealedFile,
    sealed: &[Sealed<'_>],
    options: &Options,
    console: Console,
) -> Result<Vec<Subject>> {
    let ring = crate::unseal::load_keys(&options.keys, console)?;
    let live = match &options.cluster {
        Some(ask) => {
            let objects: Vec<_> = sealed.iter().map(|sealed| (sealed.namespace, sealed.name)).collect();
            live::fetch(ask, Some(&file.path), &objects)?
        }
        None => Vec::new(),
    };
    let mut subjects = Vec::new();
    for (index, sealed) in sealed.iter().enumerate() {
        let mut hints = ObjectHints::new(sealed.namespace, None, None);
        let mut items = Vec::new();
        for item in &sealed.items {
            let text = item.text().unwrap_or_default();
            let opened = open(&ring, sealed, text, &mut hints);
            let from_cluster = || match live.get(index)?.value(item.key, text) {
                Ok(value) => Some(Shown::Plain(bulla_core::secret::SecretBytes::new(value.expose().to_vec()))),
                Err(why) => {
                    let object = shown_object(sealed.namespace, sealed.name);
                    let key = super::shown_key(item.key);
                    console.note(&format!("{}: {object}: {key} is not shown: {why}", file.name()));
                    None
                }
            };
            let shown = opened.or_else(from_cluster).unwrap_or_else(|| Shown::Sealed(size(text)));
            items.push((item.key.to_owned(), shown));
        }
        let (namespace, name) = (sealed.namespace.to_owned(), sealed.name.to_owned());
        subjects.push(Subject { namespace, name, items });
    }
    Ok(subjects)
}

fn open(ring: &KeyRing, sealed: &Sealed<'_>, text: &str, hints: &mut ObjectHints) -> Option<Shown> {
    if ring.keys().is_empty() {
        return None;
    }
    let bytes = go_base64::decode(text).ok()?;
    let opened = ring.open(&bytes, (sealed.scope, sealed.namespace, sealed.name), hints).ok()?;
    Some(Shown::Plain(opened.plaintext))
}

/// Bytes of the plaintext, from the lengths of the format (sealed-secrets 1).
fn size(text: &str) -> Option<usize> {
    const TAG: usize = 16;
    let bytes = go_base64::decode(text).ok()?;
    let wrapped = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
    bytes.len().checked_sub(2 + wrapped + TAG)
}
