//! The hybrid recipient and identity of age: HPKE with ML-KEM-768 and X25519 (KEM 0x647a), HKDF-SHA256 and ChaCha20-Poly1305.
//!
//! The stanza is `-> mlkem768x25519 ENC` with the encapsulated key (1120 bytes) in unpadded base64, and a body of 32 bytes: the
//! sealed file key. The recipient is the public key (1216 bytes) in Bech32 under `age1pq`; that is longer than Bech32 allows for
//! addresses, whose checksum is not promised to find every error at that length (age-encryption.org/v1, hybrid recipients).
//! The identity is a seed of 32 bytes in upper-case Bech32 under `AGE-SECRET-KEY-PQ-`.

use std::collections::HashSet;

use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Checksum, Hrp};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use zeroize::Zeroizing;

const PREFIX: &str = "age1pq";
const SECRET_PREFIX: &str = "AGE-SECRET-KEY-PQ-";
const STANZA: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// A file key is as long as that.
const FILE_KEY_BYTES: usize = 16;
/// Recipients with this label are not mixed with others.
const LABEL: &str = "postquantum";

/// The public half.
#[derive(Clone)]
pub(super) struct Recipient(<XWing as Kem>::PublicKey);

/// The secret half. It clears itself.
pub(super) struct Identity(<XWing as Kem>::PrivateKey);

/// Bech32 without its limit on length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;

    const CODE_LENGTH: usize = 4096;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

impl Recipient {
    /// Reads the text form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parsed = CheckedHrpstring::new::<LongBech32>(text).ok()?;
        if parsed.hrp().as_str() != PREFIX {
            return None;
        }
        let key: Vec<u8> = parsed.byte_iter().collect();
        <XWing as Kem>::PublicKey::from_bytes(&key).ok().map(Self)
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let failed = |_| EncryptError::Io(std::io::Error::other("hybrid encryption failed"));
        let (encapsulated, mut context) =
            hpke::setup_sender::<ChaCha20Poly1305, HkdfSha256, XWing>(&OpModeS::Base, &self.0, INFO).map_err(failed)?;
        let body = context.seal(file_key.expose_secret(), &[]).map_err(failed)?;
        let stanza =
            Stanza { tag: STANZA.to_owned(), args: vec![STANDARD_NO_PAD.encode(encapsulated.to_bytes())], body };
        Ok((vec![stanza], HashSet::from([LABEL.to_owned()])))
    }
}

impl Identity {
    /// Reads the text form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parsed = CheckedHrpstring::new::<LongBech32>(text).ok()?;
        if !parsed.hrp().as_str().eq_ignore_ascii_case(SECRET_PREFIX) {
            return None;
        }
        let mut seed = Zeroizing::new(Vec::with_capacity(64));
        seed.extend(parsed.byte_iter().take(33));
        <XWing as Kem>::PrivateKey::from_bytes(&seed).ok().map(Self)
    }

    /// The text of the public half.
    pub(super) fn recipient(&self) -> Option<String> {
        let public = XWing::sk_to_pk(&self.0).to_bytes();
        bech32::encode::<LongBech32>(Hrp::parse(PREFIX).ok()?, &public).ok()
    }
}

impl age::Identity for Identity {
    /// A stanza does not say whose it is: one that does not open may be somebody else's.
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != STANZA {
            return None;
        }
        let encapsulated = match &stanza.args[..] {
            [text] => STANDARD_NO_PAD.decode(text).ok(),
            _ => None,
        };
        let encapsulated = encapsulated.and_then(|bytes| <XWing as Kem>::EncappedKey::from_bytes(&bytes).ok());
        let (Some(encapsulated), 32) = (encapsulated, stanza.body.len()) else {
            return Some(Err(DecryptError::InvalidHeader));
        };
        let mut context =
            hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(&OpModeR::Base, &self.0, &encapsulated, INFO)
                .ok()?;
        let opened = Zeroizing::new(context.open(&stanza.body, &[]).ok()?);
        if opened.len() != FILE_KEY_BYTES {
            return Some(Err(DecryptError::InvalidHeader));
        }
        Some(Ok(FileKey::init_with_mut(|key| key.copy_from_slice(&opened))))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::age::Recipients;

    /// A new pair, the secret half as text.
    pub(in crate::age) fn pair_as_text() -> (String, crate::age::Recipient) {
        let (private, public) = XWing::gen_keypair();
        let text = bech32::encode::<LongBech32>(Hrp::parse(PREFIX).unwrap(), &public.to_bytes()).unwrap();
        assert_eq!(text.len(), 1959, "the length that age's own recipients have");
        let secret =
            bech32::encode_upper::<LongBech32>(Hrp::parse(SECRET_PREFIX).unwrap(), &private.to_bytes()).unwrap();
        (secret, crate::age::Recipient::parse(&text).unwrap())
    }

    pub(in crate::age) fn pair() -> (Identity, crate::age::Recipient) {
        let (secret, recipient) = pair_as_text();
        (Identity::parse(&secret).unwrap(), recipient)
    }

    #[test]
    fn the_recipient_opens_the_file_and_another_one_does_not() {
        use std::io::Read as _;
        let ((identity, recipient), (other, _)) = (pair(), pair());
        let file = Recipients::new(vec![recipient]).unwrap().encrypt(b"plaintext").unwrap();
        let open = |identity: &Identity| {
            let mut plaintext = Vec::new();
            let decryptor = age::Decryptor::new(&file[..]).unwrap();
            let identity: &dyn age::Identity = identity;
            decryptor.decrypt(std::iter::once(identity)).ok()?.read_to_end(&mut plaintext).ok()?;
            Some(plaintext)
        };
        assert_eq!(open(&identity).as_deref(), Some(&b"plaintext"[..]));
        assert_eq!(open(&other), None);
        let header = String::from_utf8_lossy(&file[..200]);
        assert!(header.contains("\n-> mlkem768x25519 "), "{header}");
    }

    #[test]
    fn what_the_age_tool_wrote_for_its_own_recipient_is_read_alike() {
        use std::io::Read as _;
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/vectors/age/hybrid.json")).unwrap();
        let text = |name: &str| vector[name].as_str().unwrap();
        let identity = Identity::parse(text("identity")).unwrap();
        assert_eq!(identity.recipient().as_deref(), Some(text("recipient")));
        let file = base64::engine::general_purpose::STANDARD.decode(text("file")).unwrap();
        let identity: &dyn age::Identity = &identity;
        let mut plaintext = String::new();
        let decryptor = age::Decryptor::new(&file[..]).unwrap();
        decryptor.decrypt(std::iter::once(identity)).unwrap().read_to_string(&mut plaintext).unwrap();
        assert_eq!(plaintext, text("plaintext"));
    }

    #[test]
    fn a_damaged_recipient_is_none() {
        let text = pair().1.to_string();
        let other = if text.as_bytes()[1000] == b'q' { "p" } else { "q" };
        let damaged = format!("{}{other}{}", &text[..1000], &text[1001..]);
        assert!(Recipient::parse(&damaged).is_none());
        assert!(Recipient::parse(&text[..1900]).is_none());
        let wrong = bech32::encode::<LongBech32>(Hrp::parse("age1px").unwrap(), &[0; 1216]).unwrap();
        assert!(Recipient::parse(&wrong).is_none());
        let short = bech32::encode::<LongBech32>(Hrp::parse(PREFIX).unwrap(), &[0; 1215]).unwrap();
        assert!(Recipient::parse(&short).is_none());
    }
}
