//! Keyed digests: HMAC-SHA-256 under a key that HKDF derives from the data key and the seal's salt.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use super::text::{DIGEST_BYTES, SALT_BYTES};
use crate::sops::DataKey;

/// The key of one seal.
pub(super) struct SealKey(Key);

/// A digest in the making.
pub(super) struct Digest(Context);

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

impl SealKey {
    /// Derives it: HKDF-SHA-256, the salt as its salt, the data key as its input, `bulla second seal 1` as its info.
    pub(super) fn derive(key: &DataKey, salt: &[u8; SALT_BYTES]) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        let derived = Salt::new(HKDF_SHA256, salt)
            .extract(key.expose())
            .expand(&[b"bulla second seal 1"], Length)
            .and_then(|derived| derived.fill(bytes.as_mut_slice()));
        // HKDF gives up to 255 times 32 bytes, and 32 are asked for.
        derived.expect("32 bytes are fewer than HKDF can give");
        Self(Key::new(HMAC_SHA256, bytes.as_slice()))
    }

    /// Begins a digest for one purpose.
    pub(super) fn begin(&self, purpose: &str) -> Digest {
        let mut digest = Digest(Context::with_key(&self.0));
        digest.put(purpose.as_bytes());
        digest
    }
}

impl Digest {
    /// A field: its length in 8 bytes, big-endian, then its bytes.
    pub(super) fn put(&mut self, field: &[u8]) {
        self.0.update(&(field.len() as u64).to_be_bytes());
        self.0.update(field);
    }

    /// The first bytes of the digest.
    pub(super) fn end<const SIZE: usize>(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes.copy_from_slice(&self.0.sign().as_ref()[..SIZE]);
        bytes
    }
}

/// Whether two digests are equal, in constant time.
pub(super) fn equal(left: &[u8; DIGEST_BYTES], right: &[u8; DIGEST_BYTES]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}
