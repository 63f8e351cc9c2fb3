//! What the commands of sops do between reading a file and printing a result, with our own library. Data keys are wrapped in
//! nothing, as in `tests/peers/sops-helper`.

use bulla_core::secret::SecretBytes;
use bulla_core::sops::{self, Format, Group, Indents, KeySource, MasterKey, Metadata, Nonces, Selector, Tree};

use super::document::Document;
use crate::helper::Wrong;

const HEAD: &str = "-----BEGIN NOTHING-----\n";
const FOOT: &str = "\n-----END NOTHING-----\n";

impl Document {
    fn formats(&self) -> (Format, Format) {
        (Format::from_word(self.format).unwrap(), Format::from_word(self.out).unwrap())
    }

    fn indents(&self) -> Indents {
        Indents { yaml: self.yaml_indent, json: self.json_indent, binary: self.json_indent }
    }

    fn metadata(&self) -> Metadata {
        // The command line drops the selectors of binary files.
        let binary = self.out == "binary";
        let pattern = if binary { String::new() } else { self.pattern.to_owned() };
        let selector = match self.selector {
            _ if binary => Selector::UnencryptedSuffix(pattern),
            "unencrypted_suffix" => Selector::UnencryptedSuffix(pattern),
            "encrypted_suffix" => Selector::EncryptedSuffix(pattern),
            "unencrypted_regex" => Selector::UnencryptedRegex(pattern),
            "encrypted_regex" => Selector::EncryptedRegex(pattern),
            "unencrypted_comment_regex" => Selector::UnencryptedCommentRegex(pattern),
            _ => Selector::EncryptedCommentRegex(pattern),
        };
        let key = |recipient: &String| MasterKey::new(KeySource::Age { recipient: recipient.clone() });
        Metadata {
            groups: self.groups.iter().map(|group| Group { keys: group.iter().map(key).collect() }).collect(),
            shamir_threshold: self.threshold,
            last_modified: "2026-01-02T03:04:05Z".to_owned(),
            mac: String::new(),
            selector,
            mac_only_encrypted: self.mac_only && !binary,
            version: "3.13.3".to_owned(),
            extension: None,
            unknown: Vec::new(),
        }
    }
}

fn at(stage: &'static str) -> impl Fn(sops::Error) -> Wrong {
    move |error| match error {
        // The real tool reads it, and refuses it then.
        sops::Error::Empty => Wrong::new("encrypt", error),
        _ => Wrong::new(stage, error),
    }
}

/// Reads and writes.
pub(crate) fn plain(document: &Document) -> Result<Vec<u8>, Wrong> {
    let (from, to) = document.formats();
    let tree = from.load_plain(&document.text).map_err(at("load"))?;
    Ok(to.emit_plain(&tree, document.indents()).map_err(at("emit"))?.to_vec())
}

pub(crate) fn encrypt(document: &Document) -> Result<Vec<u8>, Wrong> {
    let (from, to) = document.formats();
    let mut tree = from.load_plain(&document.text).map_err(at("load"))?;
    if tree.documents.first().is_none_or(|first| to.has_metadata(first)) {
        return Err(Wrong::new("encrypt", "nothing to encrypt, or encrypted already"));
    }
    let key = sops::DataKey::generate().map_err(at("key"))?;
    let mut metadata = document.metadata();
    metadata.wrap(&key, "2026-01-02T03:04:05Z", &mut wrap).map_err(|errors| Wrong::new("key", errors.join("\n")))?;
    let mac = sops::encrypt(&mut tree, &key, &metadata, &Nonces::default()).map_err(at("encrypt"))?;
    metadata.set_mac(&key, &mac).map_err(at("encrypt"))?;
    to.emit_encrypted(tree, &metadata, document.indents()).map_err(at("emit"))
}

/// Opens `text`, which is in the format that `document` was written in.
pub(crate) fn decrypt(document: &Document, text: &[u8]) -> Result<Vec<u8>, Wrong> {
    let (_, format) = document.formats();
    let tree = open(format, text)?;
    Ok(format.emit_plain(&tree, document.indents()).map_err(at("emit"))?.to_vec())
}

fn open(format: Format, text: &[u8]) -> Result<Tree, Wrong> {
    let (mut tree, metadata) = format.load_encrypted(text).map_err(at("load"))?;
    let key = metadata.recover(&[], &mut unwrap).map_err(|error| Wrong::new("key", format!("{error:?}")))?;
    let decrypted = sops::decrypt(&mut tree, &key, &metadata).map_err(at("decrypt"))?;
    metadata.check_mac(&key, &decrypted.mac).map_err(at("mac"))?;
    Ok(tree)
}

fn wrap(_source: &KeySource, part: &[u8]) -> Result<String, Vec<String>> {
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{HEAD}{hex}{FOOT}"))
}

fn unwrap(key: &MasterKey) -> Result<SecretBytes, Vec<String>> {
    let body = key.enc.strip_prefix(HEAD).and_then(|rest| rest.strip_suffix(FOOT));
    let body = body.ok_or_else(|| vec![format!("not for this service: {:?}", key.enc)])?;
    let bytes =
        (0..body.len()).step_by(2).map(|at| u8::from_str_radix(&body[at..at + 2], 16).unwrap()).collect::<Vec<u8>>();
    Ok(SecretBytes::new(bytes))
}
