//! The wire format of one sealed value.
//!
//! | bytes | content |
//! |---|---|
//! | 2 | L, the length of the RSA part in bytes, unsigned, big-endian |
//! | L | the 32-byte content key under RSA-OAEP (SHA-256, MGF1-SHA-256, label = scope) |
//! | n + 16 | the plaintext under AES-256-GCM, all-zero 96-bit nonce, no additional data, 16-byte tag at the end |
//!
//! The zero nonce is safe only because a content key is used for one value. Source: sealed-secrets 1, Bitnami Sealed
//! Secrets v0.40.0.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::Error;
use crate::sealed::{Scope, SealingCertificate};
use crate::secret::SecretBytes;

/// Bytes of the content key that we draw. Readers take 16 and 24 too.
const CONTENT_KEY_BYTES: usize = 32;
/// Bytes of the length prefix.
const PREFIX_BYTES: usize = 2;
/// Bytes of the authentication tag.
pub(crate) const TAG_BYTES: usize = 16;

/// One sealed value, taken apart but not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The wrapped content key; its length equals the modulus of the sealing key.
    pub wrapped_key: &'a [u8],
    /// Ciphertext and tag.
    pub body: &'a [u8],
}

/// The bytes are shorter than the length that they declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooShort {
    /// Bytes that are there.
    pub(crate) length: usize,
    /// Bytes that must be there at least.
    pub(crate) needed: usize,
}

impl<'a> Envelope<'a> {
    /// Takes a sealed value apart.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, TooShort> {
        let too_short = |needed| TooShort { length: bytes.len(), needed };
        let (prefix, rest) = bytes.split_first_chunk::<PREFIX_BYTES>().ok_or(too_short(PREFIX_BYTES))?;
        let wrapped = usize::from(u16::from_be_bytes(*prefix));
        let (wrapped_key, body) = rest.split_at_checked(wrapped).ok_or(too_short(PREFIX_BYTES + wrapped))?;
        Ok(Self { wrapped_key, body })
    }

    /// Bytes of the plaintext and of the wrapped key, as far as the lengths of a sealed value tell them. `None`: it is too
    /// short to be one.
    pub fn sizes(bytes: &[u8]) -> Option<(usize, usize)> {
        let envelope = Envelope::parse(bytes).ok()?;
        Some((envelope.body.len().checked_sub(TAG_BYTES)?, envelope.wrapped_key.len()))
    }

    /// Opens the body with an unwrapped content key of 16, 24 or 32 bytes. `None`: the key has another length, or the body
    /// was damaged.
    pub(crate) fn open_body(&self, content_key: &[u8]) -> Option<SecretBytes> {
        let algorithm = match content_key.len() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, content_key).ok()?);
        let mut buffer = Zeroizing::new(self.body.to_vec());
        let plaintext = key.open_in_place(zero_nonce(), Aad::empty(), &mut buffer).ok()?.len();
        buffer.truncate(plaintext);
        Some(SecretBytes::from(buffer))
    }
}

/// Seals one value for `scope` in the object `namespace`/`name`, and returns the wire format (not yet base64).
///
/// # Errors
/// Only if the random generator or the public key operation fails, which no input causes.
pub fn seal_value(
    plaintext: &[u8],
    certificate: &SealingCertificate,
    scope: Scope,
    namespace: &str,
    name: &str,
) -> Result<Vec<u8>, Error> {
    let mut content_key = Zeroizing::new([0; CONTENT_KEY_BYTES]);
    aws_lc_rs::rand::fill(content_key.as_mut_slice()).map_err(|_| Error::RandomGenerator)?;

    let wrapped_key = certificate.wrap(content_key.as_slice(), &scope.label(namespace, name))?;
    let wrapped_length = u16::try_from(wrapped_key.len()).map_err(|_| Error::Seal)?;

    // The buffer holds plaintext until it is encrypted in place, so it is sized once and cleared if that fails.
    let mut body = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG_BYTES));
    body.extend_from_slice(plaintext);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, content_key.as_slice()).map_err(|_| Error::Seal)?);
    key.seal_in_place_append_tag(zero_nonce(), Aad::empty(), &mut *body).map_err(|_| Error::Seal)?;

    let mut sealed = Vec::with_capacity(PREFIX_BYTES + wrapped_key.len() + body.len());
    sealed.extend_from_slice(&wrapped_length.to_be_bytes());
    sealed.extend_from_slice(&wrapped_key);
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_length_prefix() {
        let bytes = [0, 2, 7, 8, 9];
        assert_eq!(Envelope::parse(&bytes), Ok(Envelope { wrapped_key: &[7, 8], body: &[9] }));
        assert_eq!(Envelope::parse(&[0, 0]), Ok(Envelope { wrapped_key: &[], body: &[] }));
    }

    #[test]
    fn lengths_tell_the_size_of_the_plaintext() {
        let of = |length| Envelope::sizes(&[&[1, 0], [0; 300].as_slice()].concat()[..length]);
        assert_eq!(of(302), Some((28, 256)));
        assert_eq!(of(274), Some((0, 256)));
        assert_eq!((of(273), of(257), of(1)), (None, None, None));
    }

    #[test]
    fn says_how_many_bytes_are_missing() {
        assert_eq!(Envelope::parse(&[]), Err(TooShort { length: 0, needed: 2 }));
        assert_eq!(Envelope::parse(&[2]), Err(TooShort { length: 1, needed: 2 }));
        assert_eq!(Envelope::parse(&[2, 0, 1]), Err(TooShort { length: 3, needed: 514 }));
    }
}
