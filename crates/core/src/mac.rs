//! Keyed digests (HMAC-SHA-256, RFC 2104): what a machine may write down about a value without telling it.
//!
//! A digest without a key gives a short password away to whoever tries all short passwords. With a key that lies elsewhere it
//! says nothing to those who have the digest alone; who has both can try passwords, so the key is as secret as they are.
//!
//! | part of the message | bytes |
//! |---|---|
//! | purpose, such as `bulla memory 1` | 8 for its length, big-endian, then the text |
//! | each field | 8 for its length, big-endian, then the bytes |
//!
//! The lengths make the message unambiguous: no two lists of fields give the same bytes.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use crate::Error;

/// Bytes of a key, and of a digest.
pub const MAC_BYTES: usize = 32;

/// A key for digests. No `Debug`, no `Clone`.
pub struct MacKey(Key);

impl MacKey {
    /// Takes a key over.
    pub fn new(bytes: &[u8; MAC_BYTES]) -> Self {
        Self(Key::new(HMAC_SHA256, bytes))
    }

    /// Draws the bytes of a new key.
    ///
    /// # Errors
    /// [`Error::RandomGenerator`] if the system has no random bytes.
    pub fn random_bytes() -> Result<Zeroizing<[u8; MAC_BYTES]>, Error> {
        let mut bytes = Zeroizing::new([0; MAC_BYTES]);
        aws_lc_rs::rand::fill(bytes.as_mut_slice()).map_err(|_| Error::RandomGenerator)?;
        Ok(bytes)
    }

    /// The digest of `fields` for one purpose. Other purposes, other fields and other borders between fields give others.
    pub fn digest(&self, purpose: &str, fields: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut context = Context::with_key(&self.0);
        for field in std::iter::once(&purpose.as_bytes()).chain(fields) {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field);
        }
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }
}

/// SHA-256, for what is public.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_hmac_sha_256_over_lengths_and_bytes() {
        // Second opinion: Python's hmac over the same bytes,
        // hmac.new(bytes(range(32)), b"\0\0\0\0\0\0\0\1p\0\0\0\0\0\0\0\2ab\0\0\0\0\0\0\0\0", "sha256").hexdigest()
        let key: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        let mac = MacKey::new(&key).digest("p", &[b"ab", b""]);
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "50caa45d6185fca752e138efcb0f63f417c7eebc84dd2ec4a59716440d144490");
    }

    #[test]
    fn keys_are_drawn_anew() {
        assert!(*MacKey::random_bytes().unwrap() != *MacKey::random_bytes().unwrap());
    }

    proptest! {
        #[test]
        fn other_fields_give_other_digests(
            a in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
            b in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
        ) {
            let key = MacKey::new(&[7; 32]);
            let digest = |fields: &[Vec<u8>]| key.digest("test", &fields.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(a == b, digest(&a) == digest(&b));
        }

        #[test]
        fn a_flipped_bit_anywhere_gives_another_digest(
            field in proptest::collection::vec(any::<u8>(), 1..64), bit in any::<prop::sample::Index>(), in_key in 0usize..256,
        ) {
            let (key, mac) = ([7; 32], |key: &[u8; 32], field: &[u8]| MacKey::new(key).digest("test", &[field]));
            let before = mac(&key, &field);
            let mut flipped = field.clone();
            let bit = bit.index(field.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(before, mac(&key, &flipped));
            let mut other = key;
            other[in_key / 8] ^= 1 << (in_key % 8);
            prop_assert_ne!(before, mac(&other, &field));
        }
    }
}
