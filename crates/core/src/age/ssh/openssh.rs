//! OpenSSH's own form of private keys (`openssh-key-v1`, PROTOCOL.key of OpenSSH): what `ssh-keygen` has written since 2014.

use aws_lc_rs::cipher::{AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use super::private::RsaNumbers;
use super::public::printable;
use super::wire::Reader;
use super::{PrivateKey, PublicKey, SshKeyError};

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// ssh-keygen's default is 24, and a second of work is about 300.
const MAX_ROUNDS: u32 = 20_000;
const IV_BYTES: usize = 16;

/// A file, with its key if that has no passphrase.
pub(super) enum Parsed {
    Plain(PrivateKey),
    Protected(Protected),
}

/// A key behind a passphrase.
pub(super) struct Protected {
    pub(super) public: PublicKey,
    cipher: Cipher,
    salt: Vec<u8>,
    rounds: u32,
    content: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Cipher {
    algorithm: &'static Algorithm,
    key_bytes: usize,
    chained: bool,
}

impl Cipher {
    fn named(name: &[u8]) -> Option<Self> {
        let (algorithm, key_bytes, chained) = match name {
            b"aes256-ctr" => (&AES_256, 32, false),
            b"aes256-cbc" => (&AES_256, 32, true),
            b"aes192-ctr" => (&AES_192, 24, false),
            b"aes192-cbc" => (&AES_192, 24, true),
            b"aes128-ctr" => (&AES_128, 16, false),
            b"aes128-cbc" => (&AES_128, 16, true),
            _ => return None,
        };
        Some(Self { algorithm, key_bytes, chained })
    }
}

/// Reads the content of the PEM block.
pub(super) fn parse(content: &[u8]) -> Result<Parsed, SshKeyError> {
    let malformed = || SshKeyError::PrivateKey;
    let mut reader = Reader(content.strip_prefix(MAGIC).ok_or_else(malformed)?);
    let mut string = || reader.string().ok_or_else(malformed);
    let (cipher, derivation, options) = (string()?, string()?, string()?);
    if reader.number() != Some(1) {
        return Err(malformed());
    }
    let public = reader.string().ok_or_else(malformed)?;
    let private = reader.string().ok_or_else(malformed)?;
    let public = PublicKey::from_wire(public)?;
    // Other ciphers have something behind the private part.
    let whole = if reader.is_empty() { Ok(()) } else { Err(malformed()) };
    if cipher == b"none" && derivation == b"none" {
        return whole.and_then(|()| key(private, &public)).map(Parsed::Plain);
    }
    let cipher = Cipher::named(cipher).ok_or_else(|| SshKeyError::Cipher(printable(cipher)))?;
    whole?;
    if derivation != b"bcrypt" {
        return Err(SshKeyError::Cipher(printable(derivation)));
    }
    let mut options = Reader(options);
    let salt = options.string().filter(|salt| !salt.is_empty()).ok_or_else(malformed)?.to_vec();
    let rounds = options.number().filter(|rounds| *rounds > 0).ok_or_else(malformed)?;
    if rounds > MAX_ROUNDS {
        return Err(SshKeyError::Rounds(rounds));
    }
    Ok(Parsed::Protected(Protected { public, cipher, salt, rounds, content: private.to_vec() }))
}

impl Protected {
    pub(super) fn unlock(&self, passphrase: &[u8]) -> Result<PrivateKey, SshKeyError> {
        let Cipher { algorithm, key_bytes, chained } = self.cipher;
        let mut derived = Zeroizing::new(vec![0; key_bytes + IV_BYTES]);
        bcrypt_pbkdf::bcrypt_pbkdf(passphrase, &self.salt, self.rounds, &mut derived)
            .map_err(|_| SshKeyError::WrongPassphrase)?;
        let (cipher_key, iv) = derived.split_at(key_bytes);
        let mut content = Zeroizing::new(self.content.clone());
        decrypt(algorithm, chained, cipher_key, iv, &mut content).ok_or(SshKeyError::PrivateKey)?;
        key(&content, &self.public)
    }
}

/// AES without padding of its own.
pub(super) fn decrypt(
    algorithm: &'static Algorithm,
    chained: bool,
    key: &[u8],
    iv: &[u8],
    content: &mut [u8],
) -> Option<()> {
    let key = UnboundCipherKey::new(algorithm, key).ok()?;
    let iv = FixedLength::<IV_BYTES>::try_from(iv).ok()?;
    let key = if chained { DecryptingKey::cbc(key) } else { DecryptingKey::ctr(key) }.ok()?;
    key.decrypt(content, DecryptionContext::Iv128(iv)).ok().map(drop)
}

/// The private part: two equal numbers, by which a wrong passphrase is told, the key, a comment, and padding that counts.
fn key(content: &[u8], public: &PublicKey) -> Result<PrivateKey, SshKeyError> {
    let mut reader = Reader(content);
    let checks = (reader.number(), reader.number());
    if checks.0.is_none() || checks.0 != checks.1 {
        return Err(SshKeyError::WrongPassphrase);
    }
    let malformed = || SshKeyError::PrivateKey;
    let kind = reader.string().ok_or_else(malformed)?;
    let key = match kind {
        b"ssh-ed25519" => {
            let _point = reader.string().ok_or_else(malformed)?;
            // The seed and the point once more.
            let pair = reader.string().filter(|pair| pair.len() == 64).ok_or_else(malformed)?;
            let mut seed = Zeroizing::new([0; 32]);
            seed.copy_from_slice(&pair[..32]);
            PrivateKey::from_seed(seed)?
        }
        b"ssh-rsa" => {
            let mut number = || reader.positive().ok_or_else(malformed);
            let (modulus, exponent, private) = (number()?, number()?, number()?);
            let (inverse, primes) = (number()?, [number()?, number()?]);
            PrivateKey::from_rsa(&RsaNumbers { modulus, exponent, private, inverse, primes })
        }
        other => return Err(SshKeyError::UnsupportedKind(printable(other))),
    };
    let _comment = reader.string().ok_or_else(malformed)?;
    if reader.0.iter().zip(1_u8..).any(|(byte, count)| *byte != count) {
        return Err(malformed());
    }
    if key.public() == public { Ok(key) } else { Err(SshKeyError::Mismatch) }
}
