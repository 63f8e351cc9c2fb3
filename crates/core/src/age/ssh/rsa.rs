//! The stanza `-> ssh-rsa TAG`: RSA-OAEP with SHA-256 and a label, on AWS-LC.

use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey, PublicKeyComponents,
};
use zeroize::Zeroizing;

use super::{PublicKey, SshKeyError, file_key};

const LABEL: &[u8] = b"age-encryption.org/v1/ssh-rsa";
/// What AWS-LC accepts, in bits. Go's age refuses below 2048 as well.
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The public half.
#[derive(Clone)]
pub(super) struct Recipient(PublicEncryptingKey);

/// The secret half, in memory that AWS-LC clears.
pub(super) struct Identity(OaepPrivateDecryptingKey);

impl Recipient {
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, SshKeyError> {
        check_size(modulus)?;
        let key: Result<PublicEncryptingKey, _> = PublicKeyComponents { n: modulus, e: exponent }.try_into();
        key.map(Self).map_err(|_| SshKeyError::PublicKey)
    }

    pub(super) fn wrap(&self, key: &FileKey) -> Result<Vec<u8>, EncryptError> {
        let failed = |_| EncryptError::Io(std::io::Error::other("RSA encryption failed"));
        let encryptor = OaepPublicEncryptingKey::new(self.0.clone()).map_err(failed)?;
        let mut body = vec![0; encryptor.ciphertext_size()];
        let length = encryptor
            .encrypt(&OAEP_SHA256_MGF1SHA256, key.expose_secret(), &mut body, Some(LABEL))
            .map_err(failed)?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

impl Identity {
    pub(super) fn new(pkcs8: &[u8], public: &PublicKey) -> Result<Self, SshKeyError> {
        let PublicKey::Rsa { modulus, .. } = public else { return Err(SshKeyError::Mismatch) };
        check_size(modulus)?;
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| SshKeyError::PrivateKey)?;
        OaepPrivateDecryptingKey::new(key).map(Self).map_err(|_| SshKeyError::PrivateKey)
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<FileKey, DecryptError> {
        if stanza.args.len() != 1 {
            return Err(DecryptError::InvalidHeader);
        }
        let mut buffer = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let opened = self.0.decrypt(&OAEP_SHA256_MGF1SHA256, &stanza.body, &mut buffer, Some(LABEL));
        file_key(opened.map_err(|_| DecryptError::DecryptionFailed)?)
    }
}

fn check_size(modulus: &[u8]) -> Result<(), SshKeyError> {
    let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = modulus.len() * 8 - unused;
    if BITS.contains(&bits) { Ok(()) } else { Err(SshKeyError::RsaSize(bits)) }
}
