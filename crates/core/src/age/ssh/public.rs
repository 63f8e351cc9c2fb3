//! Public SSH keys: the line of `authorized_keys` or of a `.pub` file, and the bytes in it (RFC 4253, section 6.6; RFC 8709).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::SshKeyError;
use super::wire::{Reader, put_positive, put_string};

/// A public key of a kind that age can encrypt to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// `ssh-ed25519`: the compressed point.
    Ed25519([u8; 32]),
    /// `ssh-rsa`: modulus and exponent, big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The public exponent.
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a line: the kind, the key in base64, and perhaps a comment.
    ///
    /// # Errors
    /// [`SshKeyError::PublicKey`], [`SshKeyError::UnsupportedKind`].
    pub fn from_line(line: &str) -> Result<Self, SshKeyError> {
        let mut words = line.split_ascii_whitespace();
        let (kind, text) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let wire = STANDARD.decode(text).map_err(|_| SshKeyError::PublicKey)?;
        let key = Self::from_wire(&wire)?;
        if key.kind() == kind { Ok(key) } else { Err(SshKeyError::PublicKey) }
    }

    /// Reads the bytes that the base64 stands for.
    pub(super) fn from_wire(wire: &[u8]) -> Result<Self, SshKeyError> {
        let mut reader = Reader(wire);
        let kind = reader.string().ok_or(SshKeyError::PublicKey)?;
        let key = match kind {
            b"ssh-ed25519" => {
                let point = reader.string().and_then(|point| point.try_into().ok());
                Self::Ed25519(point.ok_or(SshKeyError::PublicKey)?)
            }
            b"ssh-rsa" => {
                let exponent = reader.positive().ok_or(SshKeyError::PublicKey)?.to_vec();
                let modulus = reader.positive().ok_or(SshKeyError::PublicKey)?.to_vec();
                Self::Rsa { modulus, exponent }
            }
            other => return Err(SshKeyError::UnsupportedKind(printable(other))),
        };
        if reader.is_empty() { Ok(key) } else { Err(SshKeyError::PublicKey) }
    }

    /// `ssh-ed25519` or `ssh-rsa`, which is also the tag of the stanza.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ssh-ed25519",
            Self::Rsa { .. } => "ssh-rsa",
        }
    }

    /// The bytes that the base64 stands for.
    pub(super) fn wire(&self) -> Vec<u8> {
        let mut wire = Vec::new();
        put_string(&mut wire, self.kind().as_bytes());
        match self {
            Self::Ed25519(point) => put_string(&mut wire, point),
            Self::Rsa { modulus, exponent } => {
                put_positive(&mut wire, exponent);
                put_positive(&mut wire, modulus);
            }
        }
        wire
    }

    /// The line without a comment.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(self.wire()))
    }

    /// What the stanza names the key by: four bytes of its SHA-256 in base64.
    pub(in crate::age) fn tag(&self) -> String {
        STANDARD_NO_PAD.encode(&digest(&SHA256, &self.wire()).as_ref()[..4])
    }
}

/// A name out of a hostile file, for a message.
pub(super) fn printable(name: &[u8]) -> String {
    String::from_utf8_lossy(&name[..name.len().min(64)]).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK8+o81V3XdsjIlIlW2WDjX5+w8vvz5pHQrVJkzqC1hx";

    #[test]
    fn a_line_is_read_and_written_back() {
        for comment in ["", " somebody@somewhere", "\n", " a comment of words\r\n"] {
            let key = PublicKey::from_line(&format!("{ED25519}{comment}")).unwrap();
            assert_eq!((key.line().as_str(), key.kind()), (ED25519, "ssh-ed25519"));
        }
        let rsa = include_str!("../../../../../tests/vectors/sops/keys/ssh_rsa.pub");
        let key = PublicKey::from_line(rsa).unwrap();
        assert!(rsa.starts_with(&key.line()), "{}", key.line());
    }

    #[test]
    fn other_kinds_and_broken_lines_are_refused() {
        let ecdsa = format!("ecdsa-sha2-nistp256 {}", STANDARD.encode(b"\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\0"));
        assert_eq!(
            PublicKey::from_line(&ecdsa).unwrap_err().to_string(),
            "unsupported SSH key type: ecdsa-sha2-nistp256"
        );
        let swapped = ED25519.replacen("ssh-ed25519", "ssh-rsa", 1);
        for bad in
            ["", "ssh-rsa", "ssh-rsa AAAA", "ssh-ed25519 %%%", &ED25519[..70], &swapped, &format!("{ED25519}AAAA")]
        {
            assert!(PublicKey::from_line(bad).is_err(), "{bad}");
        }
    }
}
