//! OpenPGP messages (RFC 9580) that hold a data key, opened and made with keys that we have ourselves.
//!
//! Private RSA operations run on AWS-LC: the `rsa` crate, which the OpenPGP library brings, only holds the numbers and encrypts
//! (RUSTSEC-2023-0071 is about its private operations). Elliptic curves are the library's.

use std::io::Read as _;

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use bulla_core::age::ssh::{PrivateKey, RsaNumbers};
use bulla_core::secret::SecretBytes;
use pgp::composed::{
    ArmorOptions, DecryptionOptions, Esk, Message, MessageBuilder, PlainSessionKey, SignedPublicKey, SignedSecretKey,
    TheRing,
};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::PublicKeyEncryptedSessionKey;
use pgp::ser::Serialize as _;
use pgp::types::{
    DecryptionKey, EncryptionKey, EskType, KeyDetails as _, Password, PkeskBytes, PlainSecretParams, PublicParams,
};
use zeroize::Zeroizing;

/// The most that a message may hold: a data key has 32 bytes, a share of one 33.
const MAX_PLAINTEXT: u64 = 64 << 10;

/// Opens an armoured message with the first key that it is for. `ask` gives the passphrase of a key, named by its short form.
///
/// # Errors
/// A text about the message.
pub(super) fn open(
    enc: &str,
    keys: &[SignedSecretKey],
    ask: &dyn Fn(&str) -> Result<Zeroizing<String>, String>,
) -> Result<SecretBytes, String> {
    let (message, _) =
        Message::from_armor(enc.as_bytes()).map_err(|_| "armor decoding failed: no armored data found".to_owned())?;
    let Message::Encrypted { esk, .. } = &message else {
        return Err("reading PGP message failed: it is not encrypted".to_owned());
    };
    let mut last = "openpgp: incorrect key".to_owned();
    for packet in esk {
        let Esk::PublicKeyEncryptedSessionKey(packet) = packet else { continue };
        match session_key(packet, keys, ask) {
            Some(Ok(key)) => return content(message, key),
            Some(Err(error)) => last = error,
            None => {}
        }
    }
    Err(format!("reading PGP message failed: {last}"))
}

fn content(message: Message<'_>, key: PlainSessionKey) -> Result<SecretBytes, String> {
    let damaged = |_| "reading PGP message failed: openpgp: invalid data".to_owned();
    let ring = TheRing {
        session_keys: vec![key],
        // GnuPG 2.4 writes its own kind of authenticated packets.
        decrypt_options: DecryptionOptions::new().enable_gnupg_aead(),
        ..TheRing::default()
    };
    let (mut message, _) = message.decrypt_the_ring(ring, true).map_err(damaged)?;
    if message.is_compressed() {
        message = message.decompress().map_err(damaged)?;
    }
    let mut plaintext = Zeroizing::new(Vec::with_capacity(1024));
    let read = (&mut message).take(MAX_PLAINTEXT + 1).read_to_end(&mut plaintext);
    read.map_err(|_| "the key could not be decrypted with any of the PGP entries".to_owned())?;
    if plaintext.len() as u64 > MAX_PLAINTEXT {
        return Err("reading PGP message failed: it is too long for a data key".to_owned());
    }
    Ok(SecretBytes::from(plaintext))
}

/// The session key, by the first key that the packet is for; `None` if it is for others.
fn session_key(
    packet: &PublicKeyEncryptedSessionKey,
    keys: &[SignedSecretKey],
    ask: &dyn Fn(&str) -> Result<Zeroizing<String>, String>,
) -> Option<Result<PlainSessionKey, String>> {
    let values = packet.values().ok()?;
    for key in keys {
        let primary = &key.primary_key;
        if packet.match_identity(primary.public_key()) {
            let locked = primary.secret_params().is_encrypted();
            let unlock = |password: &Password| match values {
                PkeskBytes::Rsa { mpi } => {
                    primary.unlock(password, |public, secret| Ok(rsa(public, secret, mpi.as_ref()))).ok()?.ok()?
                }
                _ => primary.decrypt(password, values, EskType::V3_4).ok()?.ok(),
            };
            return Some(with_passphrase(locked, &primary.legacy_key_id().to_string(), ask, &unlock));
        }
        for subkey in &key.secret_subkeys {
            if !packet.match_identity(subkey.key.public_key()) {
                continue;
            }
            let locked = subkey.key.secret_params().is_encrypted();
            let unlock = |password: &Password| match values {
                PkeskBytes::Rsa { mpi } => {
                    subkey.key.unlock(password, |public, secret| Ok(rsa(public, secret, mpi.as_ref()))).ok()?.ok()?
                }
                _ => subkey.key.decrypt(password, values, EskType::V3_4).ok()?.ok(),
            };
            return Some(with_passphrase(locked, &subkey.key.legacy_key_id().to_string(), ask, &unlock));
        }
    }
    None
}

fn with_passphrase(
    locked: bool,
    id: &str,
    ask: &dyn Fn(&str) -> Result<Zeroizing<String>, String>,
    unlock: &dyn Fn(&Password) -> Option<PlainSessionKey>,
) -> Result<PlainSessionKey, String> {
    let password = if locked {
        let short = id.get(id.len().saturating_sub(8)..).unwrap_or(id).to_uppercase();
        Password::from(ask(&short)?.as_str())
    } else {
        Password::empty()
    };
    unlock(&password).ok_or_else(|| "openpgp: incorrect key".to_owned())
}

/// RSAES-PKCS1-v1_5 on AWS-LC. Inside: the algorithm, the key, and a sum over its bytes.
fn rsa(public: &PublicParams, secret: &PlainSecretParams, ciphertext: &[u8]) -> Option<PlainSessionKey> {
    let (PublicParams::RSA(public), PlainSecretParams::RSA(secret)) = (public, secret) else { return None };
    let numbers = public.to_bytes().ok()?;
    let (modulus, rest) = mpi(&numbers)?;
    let (exponent, _) = mpi(rest)?;
    let (private, p, q, inverse) = secret.to_bytes();
    let [private, p, q, inverse] = [private, p, q, inverse].map(Zeroizing::new);
    // OpenPGP's coefficient is that of the first prime by the second, PKCS#1's the other way round.
    let numbers =
        RsaNumbers { modulus, exponent, private: &private, inverse: &inverse, primes: [q.as_slice(), p.as_slice()] };
    let PrivateKey::Rsa { pkcs8, .. } = PrivateKey::from_rsa(&numbers) else { return None };
    let key = PrivateDecryptingKey::from_pkcs8(&pkcs8).ok()?;
    let mut padded = vec![0; key.key_size_bytes().checked_sub(ciphertext.len())?];
    padded.extend_from_slice(ciphertext);
    let key = Pkcs1PrivateDecryptingKey::new(key).ok()?;
    let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
    let opened = key.decrypt(&padded, &mut buffer).ok()?;
    let (algorithm, rest) = opened.split_first()?;
    let (key, sum) = rest.split_at_checked(rest.len().checked_sub(2)?)?;
    let counted = key.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let sym_alg = SymmetricKeyAlgorithm::from(*algorithm);
    if counted.to_be_bytes() != sum || sym_alg.key_size() != key.len() || key.is_empty() {
        return None;
    }
    Some(PlainSessionKey::V3_4 { sym_alg, key: key.into() })
}

/// A number with its length in bits before it.
fn mpi(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)).div_ceil(8))
}

/// Encrypts to a key's newest subkey for encryption that is bound to it, not revoked and not expired.
///
/// # Errors
/// A text about the key.
pub(super) fn seal(key: &SignedPublicKey, part: &[u8]) -> Result<String, String> {
    let unusable = || "openpgp: cannot encrypt a message to key: it has no encryption keys".to_owned();
    key.verify_bindings().map_err(|_| unusable())?;
    let now = jiff::Timestamp::now().as_second();
    let usable = |signatures: &[pgp::packet::Signature], created: i64| {
        use pgp::packet::SignatureType::{KeyRevocation, SubkeyRevocation};
        let revoked = signatures.iter().any(|one| matches!(one.typ(), Some(SubkeyRevocation | KeyRevocation)));
        let newest = signatures.iter().max_by_key(|one| one.created().map(|created| created.as_secs()));
        newest.is_some_and(|one| {
            let flags = one.key_flags();
            let lasts = one.key_expiration_time().map_or(0, |duration| i64::from(duration.as_secs()));
            !revoked && (flags.encrypt_comms() || flags.encrypt_storage()) && (lasts == 0 || created + lasts > now)
        })
    };
    if !key.details.revocation_signatures.is_empty() {
        return Err(unusable());
    }
    let subkey = key
        .public_subkeys
        .iter()
        .filter(|subkey| usable(&subkey.signatures, i64::from(subkey.key.created_at().as_secs())))
        .max_by_key(|subkey| subkey.key.created_at().as_secs());
    match subkey {
        Some(subkey) => encrypt(&subkey.key, part),
        None => Err(unusable()),
    }
}

fn encrypt(key: &impl EncryptionKey, part: &[u8]) -> Result<String, String> {
    let failed = |_| "openpgp: encryption failed".to_owned();
    let mut generator = rand::rngs::OsRng;
    let mut builder =
        MessageBuilder::from_bytes("", part.to_vec()).seipd_v1(&mut generator, SymmetricKeyAlgorithm::AES256);
    builder.encrypt_to_key(&mut generator, key).map_err(failed)?;
    builder.to_armored_string(generator, ArmorOptions::default()).map_err(failed)
}
