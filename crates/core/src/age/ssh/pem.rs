//! PEM blocks, with the headers by which OpenSSL's own form says that a key has a passphrase (RFC 1421; `Proc-Type`, `DEK-Info`).

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::openssh::decrypt;
use super::public::printable;
use super::{PrivateKey, SshKeyError};

const IV_BYTES: usize = 16;

/// A block.
pub(super) struct Block {
    pub(super) label: String,
    headers: Vec<(String, String)>,
    pub(super) content: Zeroizing<Vec<u8>>,
}

/// How a block is protected.
pub(super) struct Protection {
    key_bytes: usize,
    iv: [u8; IV_BYTES],
}

impl Block {
    /// The first private key of a file. Whatever stands before it is skipped.
    pub(super) fn first(file: &[u8]) -> Option<Self> {
        let mut lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let label = lines.by_ref().find_map(|line| {
            let label = line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----")?;
            label.ends_with(b"PRIVATE KEY").then_some(label)
        })?;
        let end = [b"-----END ", label, b"-----"].concat();
        let (mut headers, mut text) = (Vec::new(), Zeroizing::new(Vec::with_capacity(file.len())));
        loop {
            let line = lines.next()?;
            if line == end {
                break;
            }
            match line.iter().position(|byte| *byte == b':') {
                Some(colon) if text.is_empty() => {
                    let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
                    headers.push((String::from_utf8_lossy(name).into(), String::from_utf8_lossy(value).into()));
                }
                _ => text.extend_from_slice(line),
            }
        }
        let mut content = Zeroizing::new(vec![0; text.len()]);
        let length = STANDARD.decode_slice(&*text, &mut content).ok()?;
        content.truncate(length);
        Some(Self { label: String::from_utf8_lossy(label).into(), headers, content })
    }

    /// Whether a passphrase is needed, and what for.
    pub(super) fn protection(&self) -> Result<Option<Protection>, SshKeyError> {
        let header = |name: &str| self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        if !header("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED")) {
            return Ok(None);
        }
        let (cipher, iv) = header("DEK-Info").and_then(|value| value.split_once(',')).ok_or(SshKeyError::PrivateKey)?;
        let key_bytes = match cipher.trim() {
            "AES-128-CBC" => 16,
            "AES-192-CBC" => 24,
            "AES-256-CBC" => 32,
            other => return Err(SshKeyError::Cipher(printable(other.as_bytes()))),
        };
        Ok(Some(Protection { key_bytes, iv: hex(iv.trim()).ok_or(SshKeyError::PrivateKey)? }))
    }
}

/// A key behind a passphrase. Its public half is not in the file.
pub(super) struct Protected {
    protection: Protection,
    content: Zeroizing<Vec<u8>>,
}

impl Protected {
    pub(super) fn new(protection: Protection, content: Zeroizing<Vec<u8>>) -> Self {
        Self { protection, content }
    }

    /// OpenSSL's derivation: MD5 over what there is so far, the passphrase, and the first half of the IV.
    pub(super) fn unlock(&self, passphrase: &[u8]) -> Result<PrivateKey, SshKeyError> {
        let Protection { key_bytes, iv } = &self.protection;
        let mut key: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::with_capacity(key_bytes + 16));
        let mut last = Zeroizing::new(Vec::new());
        while key.len() < *key_bytes {
            let mut hash = Md5::new();
            hash.update(&*last);
            hash.update(passphrase);
            hash.update(&iv[..8]);
            last = Zeroizing::new(hash.finalize().to_vec());
            key.extend_from_slice(&last);
        }
        let algorithm = match key_bytes {
            16 => &AES_128,
            24 => &AES_192,
            _ => &AES_256,
        };
        let mut content = self.content.clone();
        decrypt(algorithm, true, &key[..*key_bytes], iv, &mut content).ok_or(SshKeyError::WrongPassphrase)?;
        let padding = content.last().copied().map_or(0, usize::from);
        let length = content.len().checked_sub(padding).filter(|_| (1..=16).contains(&padding));
        let length = length.ok_or(SshKeyError::WrongPassphrase)?;
        if content[length..].iter().any(|byte| usize::from(*byte) != padding) {
            return Err(SshKeyError::WrongPassphrase);
        }
        PrivateKey::from_pkcs1(&content[..length]).map_err(|_| SshKeyError::WrongPassphrase)
    }
}

fn hex(text: &str) -> Option<[u8; IV_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * IV_BYTES {
        return None;
    }
    let mut bytes = [0; IV_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(bytes)
}
