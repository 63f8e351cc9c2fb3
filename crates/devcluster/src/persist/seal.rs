//! How a record is encrypted: AES-256-GCM under a key that HKDF-SHA256 derives for each file from the key and the file's
//! random name. The nonce is the number of the record, so a record opens at its own place only.
//!
//! ```text
//! length of the body, 4 bytes, big endian | tag of the length, 16 bytes | body, its tag of 16 bytes included
//! ```
//!
//! The length has a tag of its own: a damaged length is damage, and not a record that was not written to its end.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

use super::StorageError;
use super::key::Key;

/// The bytes in front of a body.
pub(super) const HEAD: usize = 4 + TAG;
const TAG: usize = 16;
/// The length of a file's random name.
pub(super) const FILE_NAME: usize = 16;

/// What encrypts the records of one file.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(key: &Key, file_name: &[u8; FILE_NAME]) -> Result<Self, StorageError> {
        let derived = Salt::new(HKDF_SHA256, file_name).extract(&**key);
        let info: [&[u8]; 1] = [b"bulla devcluster state"];
        let derived = derived.expand(&info, &AES_256_GCM).map_err(|_| StorageError::Encrypt)?;
        Ok(Self(LessSafeKey::new(UnboundKey::from(derived))))
    }

    /// Record number `number`, head and body.
    pub(super) fn seal(&self, number: u64, mut content: Vec<u8>) -> Result<Vec<u8>, StorageError> {
        self.0
            .seal_in_place_append_tag(nonce(number, 1), Aad::empty(), &mut content)
            .map_err(|_| StorageError::Encrypt)?;
        let length = u32::try_from(content.len()).map_err(|_| StorageError::Encrypt)?.to_be_bytes();
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(number, 0), Aad::from(length), &mut [])
            .map_err(|_| StorageError::Encrypt)?;
        let mut record = Vec::with_capacity(HEAD + content.len());
        record.extend_from_slice(&length);
        record.extend_from_slice(tag.as_ref());
        record.extend_from_slice(&content);
        Ok(record)
    }

    /// The length of the body that follows a head; `None` for what is no head of this record.
    pub(super) fn length(&self, number: u64, head: &[u8; HEAD]) -> Option<usize> {
        let (length, tag) = head.split_first_chunk::<4>()?;
        let mut tag = tag.to_vec();
        self.0.open_in_place(nonce(number, 0), Aad::from(*length), &mut tag).ok()?;
        usize::try_from(u32::from_be_bytes(*length)).ok()
    }

    /// What is in a body.
    pub(super) fn open<'a>(&self, number: u64, body: &'a mut [u8]) -> Option<&'a [u8]> {
        let content = self.0.open_in_place(nonce(number, 1), Aad::empty(), body).ok()?;
        Some(content)
    }
}

/// Each record has two: of its head and of its body. A file never has 2^63 records.
fn nonce(number: u64, part: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&(number << 1 | part).to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_opens_at_its_own_place_in_its_own_file_only() {
        let key = Key::new([7; 32]);
        let cipher = Cipher::new(&key, &[1; FILE_NAME]).unwrap();
        let record = cipher.seal(3, b"content".to_vec()).unwrap();
        assert!(!record.windows(7).any(|window| window == b"content"));
        let opened = |cipher: &Cipher, number: u64, record: &[u8]| {
            let (head, body) = record.split_first_chunk::<HEAD>()?;
            (cipher.length(number, head)? == body.len()).then_some(())?;
            cipher.open(number, &mut body.to_vec()).map(<[u8]>::to_vec)
        };
        assert_eq!(opened(&cipher, 3, &record).as_deref(), Some(&b"content"[..]));
        assert_eq!(opened(&cipher, 2, &record), None);
        assert_eq!(opened(&Cipher::new(&key, &[2; FILE_NAME]).unwrap(), 3, &record), None);
        assert_eq!(opened(&Cipher::new(&Key::new([8; 32]), &[1; FILE_NAME]).unwrap(), 3, &record), None);
        for index in 0..record.len() {
            let mut damaged = record.clone();
            damaged[index] ^= 1;
            assert_eq!(opened(&cipher, 3, &damaged), None, "byte {index}");
        }
    }
}
