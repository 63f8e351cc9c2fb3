//! Ciphertexts are random: here they are replaced by what they open to, so that texts can be compared.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_core::sealed::{KeyRing, ObjectHints, RingKey, Scope, SealingCertificate, SealingKey, seal_value};
use sha2::{Digest as _, Sha256};

/// Shorter ones are no envelope of a key of 2048 bits.
const SHORTEST: usize = 340;
/// Longer plaintexts are shown by their hash.
const SHOWN: usize = 200;

/// The test keys.
pub(crate) struct Keys {
    /// Each with its name, for the text that replaces a ciphertext.
    rings: Vec<(String, KeyRing)>,
    certificate: SealingCertificate,
    folder: PathBuf,
    /// What ciphertexts were found to be: the same ones come again and again, and opening costs an RSA operation each.
    known: Mutex<HashMap<String, String>>,
}

impl Keys {
    /// Every RSA key of `folder`.
    pub(crate) fn read(folder: &Path) -> Self {
        let mut rings = Vec::new();
        for name in ["rsa2048", "key1", "key2", "other2048", "rsa3072", "rsa8192"] {
            let pem = std::fs::read(folder.join(format!("{name}.key"))).unwrap();
            let key = SealingKey::from_pem(&pem).unwrap();
            let key = RingKey { key, since: jiff::Timestamp::UNIX_EPOCH };
            rings.push((name.to_owned(), KeyRing::new([Arc::new(key)])));
        }
        let pem = std::fs::read(folder.join("rsa2048.crt")).unwrap();
        Self {
            rings,
            certificate: SealingCertificate::from_pem(&pem).unwrap(),
            folder: folder.to_owned(),
            known: Mutex::default(),
        }
    }

    /// A file of the folder.
    pub(crate) fn pem(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// A ciphertext of `text` for rsa2048 under the label `label`.
    pub(crate) fn seal(&self, label: &str, text: &str) -> String {
        // The label of a namespace-wide value is the namespace as it is.
        STANDARD.encode(seal_value(text.as_bytes(), &self.certificate, Scope::NamespaceWide, label, "").unwrap())
    }

    /// `text` with each ciphertext replaced by the key and label that open it and the plaintext.
    pub(crate) fn open_all(&self, text: &str, labels: &[String]) -> String {
        let mut labels: Vec<String> = labels.to_vec();
        labels.extend(labels_in(text));
        labels.push(String::new());
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_base64) {
            let (before, from) = rest.split_at(start);
            let (run, after) = from.split_at(from.find(|letter| !is_base64(letter)).unwrap_or(from.len()));
            result.push_str(before);
            match (run.len() >= SHORTEST).then(|| self.open(run, &labels)).flatten() {
                Some(opened) => result.push_str(&opened),
                None => result.push_str(run),
            }
            rest = after;
        }
        result + rest
    }

    fn open(&self, run: &str, labels: &[String]) -> Option<String> {
        if let Some(known) = self.known.lock().unwrap().get(run) {
            return Some(known.clone());
        }
        let bytes = STANDARD.decode(run).ok()?;
        let length = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
        if ![256, 384, 512, 1024].contains(&length) || bytes.len() < length + 18 {
            return None;
        }
        let mut tried = BTreeSet::new();
        for label in labels.iter().filter(|label| tried.insert(label.as_str())) {
            for (name, ring) in &self.rings {
                let place = (Scope::NamespaceWide, label.as_str(), "");
                let Ok(opened) = ring.open(&bytes, place, &mut ObjectHints::default()) else { continue };
                let plain = opened.plaintext.expose();
                let shown = match std::str::from_utf8(plain) {
                    Ok(text) if plain.len() <= SHOWN => format!("{text:?}"),
                    _ => {
                        let hash: String = Sha256::digest(plain).iter().map(|byte| format!("{byte:02x}")).collect();
                        format!("{} bytes {hash}", plain.len())
                    }
                };
                let opened = format!("<{name} {label:?} {shown}>");
                self.known.lock().unwrap().insert(run.to_owned(), opened.clone());
                return Some(opened);
            }
        }
        // Equal lengths at least.
        Some(format!("<{} bytes that none of the labels {tried:?} opens>", bytes.len()))
    }
}

fn is_base64(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '=')
}

/// What the objects in a text may have been sealed for: their names and namespaces in all combinations.
fn labels_in(text: &str) -> Vec<String> {
    let values = |field: &str| -> BTreeSet<String> {
        let value = |line: &str| {
            let (name, value) = line.trim().split_once(':')?;
            (name.trim_matches('"') == field)
                .then(|| value.trim().trim_end_matches(',').trim_matches(['"', '\'']).to_owned())
        };
        text.split(['\n', ',', '{', '}']).filter_map(value).collect()
    };
    let (mut namespaces, names) = (values("namespace"), values("name"));
    namespaces.insert(String::new());
    let both = |namespace: &String| names.iter().map(move |name| format!("{namespace}/{name}")).collect::<Vec<_>>();
    let strict: Vec<String> = namespaces.iter().flat_map(both).collect();
    strict.into_iter().chain(namespaces.iter().cloned()).collect()
}
