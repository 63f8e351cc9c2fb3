//! Values in their encrypted form: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, AES-256 in Galois counter mode with a nonce of 32
//! bytes and a tag of 16. The additional data is the path of the value.

use std::collections::HashMap;

use aes_gcm::aead::array::ArraySize;
use aes_gcm::aead::consts::{U8, U12, U16, U24, U32, U48, U64};
use aes_gcm::aes::Aes256;
use aes_gcm::{AeadInOut as _, AesGcm, KeyInit as _};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::typed::Type;
use super::{Error, Value};

/// Bytes of a data key.
pub(super) const KEY_BYTES: usize = 32;
/// Bytes of a nonce that we draw.
const NONCE_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// As Go's `StdEncoding` reads: padding is needed, bits behind the last byte are not looked at.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The key that the values of one file are encrypted with.
pub struct DataKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    cipher: AesGcm<Aes256, U32>,
}

/// The nonces of the values that were decrypted, by path and plaintext: what did not change keeps its ciphertext. Equal values at
/// one path (a list) keep theirs in order.
#[derive(Default)]
pub struct Nonces {
    known: HashMap<Fingerprint, Vec<[u8; NONCE_BYTES]>>,
}

/// SHA-256 over path, type and plaintext, for the life of the process only.
pub(super) type Fingerprint = [u8; 32];

impl DataKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`Error::RandomGenerator`]
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random(bytes.as_mut_slice())?;
        Ok(Self::new(bytes))
    }

    /// Takes a key over; `None` unless it has 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        Some(Self::new(Zeroizing::new(bytes)))
    }

    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let cipher = AesGcm::new((&*bytes).into());
        Self { bytes, cipher }
    }

    /// The key itself, to be wrapped, or to derive other keys from.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Encrypts `plaintext` of a type, bound to `path`. The buffer is used for the ciphertext. Without a nonce, one is drawn.
    pub(super) fn seal(
        &self,
        mut plaintext: Zeroizing<Vec<u8>>,
        kind: Type,
        path: &str,
        nonce: Option<[u8; NONCE_BYTES]>,
    ) -> Result<Vec<u8>, Error> {
        let nonce = match nonce {
            Some(nonce) => nonce,
            None => {
                let mut nonce = [0; NONCE_BYTES];
                random(&mut nonce)?;
                nonce
            }
        };
        let tag = self
            .cipher
            .encrypt_inout_detached((&nonce).into(), path.as_bytes(), plaintext.as_mut_slice().into())
            .map_err(|_| Error::Unsealable { path: path.to_owned(), reason: "the value is too long".to_owned() })?;
        let parts: [(&str, &[u8]); 3] = [("ENC[AES256_GCM,data:", &plaintext), (",iv:", &nonce), (",tag:", &tag)];
        let length: usize = parts.iter().map(|(name, bytes)| name.len() + bytes.len().div_ceil(3) * 4).sum();
        let mut sealed = vec![0; length + ",type:comment]".len()];
        let mut end = 0;
        for (name, bytes) in parts {
            sealed[end..end + name.len()].copy_from_slice(name.as_bytes());
            end += name.len();
            // The buffer was made for this length.
            end += BASE64.encode_slice(bytes, &mut sealed[end..]).unwrap_or_default();
        }
        sealed.truncate(end);
        for text in [",type:", kind.name(), "]"] {
            sealed.extend_from_slice(text.as_bytes());
        }
        Ok(sealed)
    }

    /// Decrypts `sealed`, which is used for the plaintext.
    pub(super) fn open(&self, sealed: &mut Vec<u8>, path: &str) -> Result<(Type, [u8; NONCE_BYTES], bool), Error> {
        let fail = |reason: &str| Error::Sealed { path: path.to_owned(), reason: reason.to_owned() };
        let parts = Parts::find(sealed).map_err(fail)?;
        let kind = Type::from_name(&sealed[parts.kind.clone()]).ok_or_else(|| fail("unknown type"))?;
        let iv = BASE64.decode(&sealed[parts.iv.clone()]).map_err(|_| fail("the iv is not base64"))?;
        let tag = BASE64.decode(&sealed[parts.tag.clone()]).map_err(|_| fail("the tag is not base64"))?;
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| fail("the tag has not 16 bytes"))?;
        decode_in_place(sealed, parts.data).ok_or_else(|| fail("the data is not base64"))?;
        let opened = match iv.len() {
            32 => {
                let nonce = iv.first_chunk::<32>().unwrap_or(&[0; 32]);
                self.cipher.decrypt_inout_detached(
                    nonce.into(),
                    path.as_bytes(),
                    sealed.as_mut_slice().into(),
                    (&tag).into(),
                )
            }
            // Files of other writers.
            8 => self.open_with::<U8>(&iv, path, sealed, tag),
            12 => self.open_with::<U12>(&iv, path, sealed, tag),
            16 => self.open_with::<U16>(&iv, path, sealed, tag),
            24 => self.open_with::<U24>(&iv, path, sealed, tag),
            48 => self.open_with::<U48>(&iv, path, sealed, tag),
            64 => self.open_with::<U64>(&iv, path, sealed, tag),
            _ => return Err(fail("the iv has none of the lengths 8, 12, 16, 24, 32, 48 and 64")),
        };
        opened.map_err(|_| fail("it was changed, or encrypted for another place or with another key"))?;
        let ours: Option<[u8; NONCE_BYTES]> = iv.try_into().ok();
        Ok((kind, ours.unwrap_or_default(), ours.is_some()))
    }

    fn open_with<N: ArraySize>(
        &self,
        iv: &[u8],
        path: &str,
        sealed: &mut [u8],
        tag: [u8; TAG_BYTES],
    ) -> Result<(), aes_gcm::Error> {
        let cipher: AesGcm<Aes256, N> = AesGcm::new((&*self.bytes).into());
        let nonce = iv.try_into().map_err(|_| aes_gcm::Error)?;
        cipher.decrypt_inout_detached(nonce, path.as_bytes(), sealed.into(), (&tag).into())
    }

    /// Encrypts one text that stands alone (the MAC), bound to `context`.
    pub(super) fn seal_text(&self, text: &str, context: &str) -> Result<String, Error> {
        let sealed = self.seal(Zeroizing::new(text.as_bytes().to_vec()), Type::Text, context, None)?;
        String::from_utf8(sealed).map_err(|_| Error::RandomGenerator)
    }

    /// Decrypts one text that stands alone (the MAC).
    pub(super) fn open_text(&self, sealed: &str, context: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut text = Zeroizing::new(sealed.as_bytes().to_vec());
        self.open(&mut text, context)?;
        Ok(text)
    }
}

/// Whether `text` has the form of an encrypted value: `ENC[AES256_GCM,…]`, closed at its end.
#[must_use]
pub fn is_sealed(text: &[u8]) -> bool {
    Parts::find(text).is_ok()
}

impl Nonces {
    pub(super) fn remember(&mut self, fingerprint: Fingerprint, nonce: [u8; NONCE_BYTES]) {
        self.known.entry(fingerprint).or_default().push(nonce);
    }

    /// The nonce of the `turn`-th value (from 0) with this fingerprint.
    pub(super) fn of(&self, fingerprint: &Fingerprint, turn: usize) -> Option<[u8; NONCE_BYTES]> {
        self.known.get(fingerprint)?.get(turn).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// Identifies a plaintext at a path, without holding it.
pub(super) fn fingerprint(path: &str, kind: Type, plaintext: &[u8]) -> Fingerprint {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(&(path.len() as u64).to_be_bytes());
    context.update(path.as_bytes());
    context.update(kind.name().as_bytes());
    context.update(b":");
    context.update(plaintext);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(context.finish().as_ref());
    fingerprint
}

/// Where the parts of an encrypted value stand.
struct Parts {
    data: std::ops::Range<usize>,
    iv: std::ops::Range<usize>,
    tag: std::ops::Range<usize>,
    kind: std::ops::Range<usize>,
}

impl Parts {
    fn find(text: &[u8]) -> Result<Self, &'static str> {
        const FOREIGN: &str = "it does not match sops' data format: expected ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]";
        let start = "ENC[AES256_GCM,data:".len();
        if !text.starts_with(b"ENC[AES256_GCM,data:") {
            return Err(FOREIGN);
        }
        // Neither base64 nor the names of types hold a comma.
        let comma = |from: usize, name: &str| {
            let at = from + text.get(from..)?.iter().position(|byte| *byte == b',')?;
            text[at..].starts_with(name.as_bytes()).then_some((at, at + name.len()))
        };
        let (data_end, iv_start) = comma(start, ",iv:").ok_or(FOREIGN)?;
        let (iv_end, tag_start) = comma(iv_start, ",tag:").ok_or(FOREIGN)?;
        let (tag_end, kind_start) = comma(tag_start, ",type:").ok_or(FOREIGN)?;
        let kind_end = kind_start + text[kind_start..].iter().position(|byte| *byte == b']').ok_or(FOREIGN)?;
        if kind_end + 1 != text.len() {
            return Err("text follows after its closing bracket");
        }
        let parts =
            Self { data: start..data_end, iv: iv_start..iv_end, tag: tag_start..tag_end, kind: kind_start..kind_end };
        if [&parts.data, &parts.iv, &parts.tag, &parts.kind].iter().any(|part| part.is_empty()) {
            return Err(FOREIGN);
        }
        Ok(parts)
    }
}

/// Leaves of `text` the bytes that the base64 in `range` stands for, without a second buffer of that size.
fn decode_in_place(text: &mut Vec<u8>, range: std::ops::Range<usize>) -> Option<()> {
    const CHUNK: usize = 4096;
    let mut bytes = [0; CHUNK / 4 * 3];
    let mut end = 0;
    let mut from = range.start;
    while from < range.end {
        let to = (from + CHUNK).min(range.end);
        let count = BASE64.decode_slice(&text[from..to], &mut bytes).ok()?;
        // Padding in the middle is none.
        if to < range.end && count != bytes.len() {
            return None;
        }
        text[end..end + count].copy_from_slice(&bytes[..count]);
        end += count;
        from = to;
    }
    text.truncate(end);
    Some(())
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| Error::RandomGenerator)
}

impl DataKey {
    /// Encrypts one value as it stands in a file, at `path` (`a:b:`, the additional data). What has no ciphertext (null, an empty text)
    /// stays what it is; lists and maps are not for this.
    ///
    /// # Errors
    /// [`Error::Unsealable`], [`Error::RandomGenerator`]
    pub fn seal_value(&self, value: &Value, path: &str) -> Result<Value, Error> {
        match super::typed::plaintext(value) {
            Some((_, bytes)) if bytes.is_empty() => Ok(Value::text("")),
            Some((kind, bytes)) => Ok(Value::text(self.seal(bytes, kind, path, None)?)),
            None => Ok(value.clone()),
        }
    }

    /// Decrypts one value as it stands in a file.
    ///
    /// # Errors
    /// [`Error::Sealed`]
    pub fn open_value(&self, sealed: &[u8], path: &str) -> Result<Value, Error> {
        if sealed.is_empty() {
            return Ok(Value::text(""));
        }
        let mut text = Zeroizing::new(sealed.to_vec());
        let (kind, _, _) = self.open(&mut text, path)?;
        super::typed::typed(kind, text)
            .map_err(|reason| Error::Sealed { path: path.to_owned(), reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip_in_their_place_only() {
        let key = DataKey::generate().unwrap();
        for length in [1, 2, 3, 31, 3071, 3072, 3073, 100_000] {
            let value = Value::text(vec![b'x'; length]);
            let Value::Text(sealed) = key.seal_value(&value, "a:b:").unwrap() else { panic!("text") };
            assert!(is_sealed(&sealed));
            assert!(key.open_value(&sealed, "a:b:").unwrap() == value, "{length}");
            assert!(key.open_value(&sealed, "a:c:").is_err());
            assert!(DataKey::generate().unwrap().open_value(&sealed, "a:b:").is_err());
        }
    }

    #[test]
    fn malformed_values_are_refused_without_their_text() {
        let key = DataKey::generate().unwrap();
        let Value::Text(good) = key.seal_value(&Value::Int(7), "a:").unwrap() else { panic!("text") };
        let good = String::from_utf8(good.to_vec()).unwrap();
        for bad in [
            "canary",
            "ENC[",
            "ENC[AES256_GCM,data:,iv:,tag:,type:]",
            "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]",
            &good.replace("type:int", "type:canary"),
            &format!("{good} "),
            &good.replace(",tag:", ",tag:canary"),
            &good.replace("data:", "data:!"),
        ] {
            let error = key.open_value(bad.as_bytes(), "a:").err().unwrap_or_else(|| panic!("{bad}")).to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
