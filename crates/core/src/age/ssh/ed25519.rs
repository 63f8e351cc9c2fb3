//! The stanza `-> ssh-ed25519 TAG EPHEMERAL`: X25519 with the key's image on the other curve, and a tweak that binds the SSH key, so that
//! the same scalar does not serve two protocols.

use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use age_core::primitives::{aead_decrypt, aead_encrypt, hkdf};
use age_core::secrecy::ExposeSecret as _;
use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::Zeroizing;

use super::{SshKeyError, file_key};

const LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";
const FILE_KEY_BYTES: usize = 16;

/// The public half on the curve of X25519.
#[derive(Clone)]
pub(super) struct Recipient {
    point: MontgomeryPoint,
    tweak: [u8; 32],
}

/// The secret half on that curve.
pub(super) struct Identity {
    scalar: Zeroizing<[u8; 32]>,
    point: MontgomeryPoint,
    tweak: [u8; 32],
}

impl Recipient {
    pub(super) fn new(point: [u8; 32], wire: Vec<u8>) -> Result<Self, SshKeyError> {
        let point = CompressedEdwardsY(point).decompress().ok_or(SshKeyError::PublicKey)?;
        if point.is_small_order() {
            return Err(SshKeyError::PublicKey);
        }
        Ok(Self { point: point.to_montgomery(), tweak: tweak(&wire) })
    }

    /// The ephemeral share in base64, and the body.
    pub(super) fn wrap(&self, key: &FileKey) -> Result<(String, Vec<u8>), EncryptError> {
        let mut ephemeral = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *ephemeral)
            .map_err(|_| EncryptError::Io(std::io::Error::other("no random bytes")))?;
        let share = MontgomeryPoint::mul_base_clamped(*ephemeral);
        let shared = self.point.mul_clamped(*ephemeral);
        let wrapping = wrapping_key(&shared, &share, &self.point, &self.tweak);
        Ok((STANDARD_NO_PAD.encode(share.to_bytes()), aead_encrypt(&wrapping, key.expose_secret())))
    }
}

impl Identity {
    pub(super) fn new(seed: &Zeroizing<[u8; 32]>, wire: Vec<u8>) -> Self {
        let mut scalar = Zeroizing::new([0; 32]);
        let mut hash = Zeroizing::new([0; 64]);
        hash.copy_from_slice(digest(&SHA512, &**seed).as_ref());
        scalar.copy_from_slice(&hash[..32]);
        let point = MontgomeryPoint::mul_base_clamped(*scalar);
        Self { scalar, point, tweak: tweak(&wire) }
    }

    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<FileKey, DecryptError> {
        let [_, share] = &stanza.args[..] else { return Err(DecryptError::InvalidHeader) };
        let share = STANDARD_NO_PAD.decode(share).map_err(|_| DecryptError::InvalidHeader)?;
        let share: [u8; 32] = share.try_into().map_err(|_| DecryptError::InvalidHeader)?;
        let share = MontgomeryPoint(share);
        let shared = share.mul_clamped(*self.scalar);
        if shared.to_bytes() == [0; 32] {
            return Err(DecryptError::InvalidHeader);
        }
        let wrapping = wrapping_key(&shared, &share, &self.point, &self.tweak);
        let opened = aead_decrypt(&wrapping, FILE_KEY_BYTES, &stanza.body).map(Zeroizing::new);
        file_key(&opened.map_err(|_| DecryptError::DecryptionFailed)?)
    }
}

fn tweak(wire: &[u8]) -> [u8; 32] {
    hkdf(wire, LABEL, &[])
}

fn wrapping_key(
    shared: &MontgomeryPoint,
    share: &MontgomeryPoint,
    point: &MontgomeryPoint,
    tweak: &[u8; 32],
) -> Zeroizing<[u8; 32]> {
    let shared = Zeroizing::new(shared.mul_clamped(*tweak).to_bytes());
    let salt = [share.to_bytes(), point.to_bytes()].concat();
    Zeroizing::new(hkdf(&salt, LABEL, &*shared))
}
