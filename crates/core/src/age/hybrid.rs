//! The hybrid recipient of age: HPKE with ML-KEM-768 and X25519 (KEM 0x647a), HKDF-SHA256 and ChaCha20-Poly1305.
//!
//! The stanza is `-> mlkem768x25519 ENC` with the encapsulated key (1120 bytes) in unpadded base64, and a body of 32 bytes: the
//! sealed file key. The recipient is the public key (1216 bytes) in Bech32 under `age1pq`; that is longer than Bech32 allows for
//! addresses, whose checksum is not promised to find every error at that length (age-encryption.org/v1, hybrid recipients).

use std::collections::HashSet;

use age::EncryptError;
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Checksum};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeS, Serializable as _};

const PREFIX: &str = "age1pq";
const STANZA: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// Recipients with this label are not mixed with others.
const LABEL: &str = "postquantum";

/// The public half.
#[derive(Clone)]
pub(super) struct Recipient(<XWing as Kem>::PublicKey);

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

#[cfg(test)]
pub(super) mod tests {
    use age::DecryptError;
    use bech32::Hrp;
    use hpke::OpModeR;

    use super::*;
    use crate::age::Recipients;

    /// The secret half, as the age tool uses it: enough to open what was encrypted here.
    pub(in crate::age) struct Identity(<XWing as Kem>::PrivateKey);

    impl age::Identity for Identity {
        fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
            let [encapsulated] = &stanza.args[..] else { return None };
            let encapsulated = STANDARD_NO_PAD.decode(encapsulated).ok().filter(|_| stanza.tag == STANZA)?;
            let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(&encapsulated).unwrap();
            let mut context = hpke::setup_receiver::<ChaCha20Poly1305, HkdfSha256, XWing>(
                &OpModeR::Base,
                &self.0,
                &encapsulated,
                INFO,
            )
            .unwrap();
            let opened = context.open(&stanza.body, &[]).ok()?;
            Some(Ok(FileKey::new(Box::new(opened.try_into().unwrap()))))
        }
    }

    pub(in crate::age) fn pair() -> (Identity, crate::age::Recipient) {
        let (private, public) = XWing::gen_keypair();
        let text = bech32::encode::<LongBech32>(Hrp::parse(PREFIX).unwrap(), &public.to_bytes()).unwrap();
        assert_eq!(text.len(), 1959, "the length that age's own recipients have");
        (Identity(private), crate::age::Recipient::parse(&text).unwrap())
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
        let identity = text("identity").to_lowercase();
        let identity = CheckedHrpstring::new::<LongBech32>(&identity).unwrap().byte_iter().collect::<Vec<u8>>();
        let identity = <XWing as Kem>::PrivateKey::from_bytes(&identity).unwrap();
        let recipient = Recipient::parse(text("recipient")).unwrap();
        assert_eq!(XWing::sk_to_pk(&identity).to_bytes(), recipient.0.to_bytes());
        let file = base64::engine::general_purpose::STANDARD.decode(text("file")).unwrap();
        let identity: &dyn age::Identity = &Identity(identity);
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
