//! Digests, password hashes, and AES.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use super::encoding::{decode_base64, encode_base64};
use super::text;
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("sha1sum", "s", |meter, args| sum(meter, &digest::SHA1_FOR_LEGACY_USE_ONLY, args)),
    function("sha256sum", "s", |meter, args| sum(meter, &digest::SHA256, args)),
    function("sha512sum", "s", |meter, args| sum(meter, &digest::SHA512, args)),
    function("adler32sum", "s", adler32),
    function("bcrypt", "s", |meter, args| meter.text(bcrypt(meter, text(&args[0])?)?)),
    function("htpasswd", "ss", htpasswd),
    function("derivePassword", "ussss", derive_password),
    function("encryptAES", "ss", encrypt),
    function("decryptAES", "ss", decrypt),
];

fn sum(meter: &Meter, algorithm: &'static digest::Algorithm, args: &[Value]) -> Result<Value, Fail> {
    let digest = digest::digest(algorithm, text(&args[0])?);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    meter.text(hex.into_bytes())
}

fn adler32(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let (mut low, mut high) = (1u32, 0u32);
    for byte in text(&args[0])?.iter() {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    meter.text((high << 16 | low).to_string().into_bytes())
}

/// bcrypt's default cost in Go.
const BCRYPT_COST: u32 = 10;

fn bcrypt(meter: &Meter, password: &[u8]) -> Result<Vec<u8>, Fail> {
    if password.len() > 72 {
        let reason = "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
        return Ok(reason.as_bytes().to_vec());
    }
    meter.charge_hash()?;
    let salt = super::random::bytes::<16>(meter)?;
    let parts = ::bcrypt::hash_with_salt(password, BCRYPT_COST, salt).map_err(|_| Fail::new("bcrypt failed"))?;
    Ok(parts.format_for_version(::bcrypt::Version::TwoA).into_bytes())
}

fn htpasswd(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let user = text(&args[0])?;
    if user.contains(&b':') {
        return meter.text([b"invalid username: ", &user[..]].concat());
    }
    let hash = bcrypt(meter, text(&args[1])?)?;
    meter.text([&user[..], b":", &hash].concat())
}

const SEED: &[u8] = b"com.lyndir.masterpassword";

/// The templates of Master Password's types.
fn password_templates(kind: &[u8]) -> &'static [&'static str] {
    match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => &[],
    }
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// Master Password's algorithm: scrypt, then HMAC.
fn derive_password(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let counter = args[0].unsigned().unwrap_or(0) as u32;
    let (kind, password, user, site) = (text(&args[1])?, text(&args[2])?, text(&args[3])?, text(&args[4])?);
    let templates = password_templates(kind);
    if templates.is_empty() {
        return meter.text([b"cannot find password template ", &kind[..]].concat());
    }
    meter.charge_hash()?;
    let salt = [SEED, &(user.len() as u32).to_be_bytes(), user].concat();
    let mut key = Zeroizing::new([0; 64]);
    let parameters = scrypt::Params::new(15, 8, 2, 64).map_err(|_| Fail::new("scrypt failed"))?;
    scrypt::scrypt(password, &salt, &parameters, &mut key[..]).map_err(|_| Fail::new("scrypt failed"))?;
    let message = [SEED, &(site.len() as u32).to_be_bytes(), site, &counter.to_be_bytes()].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key[..]), &message);
    let seed = tag.as_ref();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let derived = template.bytes().zip(&seed[1..]).map(|(class, byte)| {
        let set = characters(class);
        set[usize::from(*byte) % set.len()]
    });
    meter.text(derived.collect())
}

/// sprig's key: the password's first 32 bytes, or the password and zeros.
fn aes_key(password: &[u8]) -> Result<UnboundCipherKey, Fail> {
    let mut key = Zeroizing::new([0; 32]);
    let len = password.len().min(32);
    key[..len].copy_from_slice(&password[..len]);
    UnboundCipherKey::new(&AES_256, &key[..]).map_err(|_| Fail::new("AES failed"))
}

/// AES-256-CBC with PKCS#7 padding: the initialisation vector, then the ciphertext, in base64.
fn encrypt(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let plain = text(&args[1])?;
    if plain.is_empty() {
        return Ok(args[1].clone());
    }
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(aes_key(text(&args[0])?)?).map_err(|_| Fail::new("AES failed"))?;
    let mut data = Zeroizing::new(Vec::with_capacity(plain.len() + 16));
    data.extend_from_slice(plain);
    // The initialisation vector is random.
    meter.vary();
    let context = key.encrypt(&mut *data).map_err(|_| Fail::new("AES failed"))?;
    let vector: &[u8] = (&context).try_into().map_err(|_| Fail::new("AES failed"))?;
    meter.text(encode_base64(&[vector, &data].concat()).into_bytes())
}

fn decrypt(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let encoded = text(&args[1])?;
    if encoded.is_empty() {
        return Ok(args[1].clone());
    }
    const BROKEN: Fail = Fail::new("not what encryptAES made with this password");
    let sealed = decode_base64(encoded).map_err(|_| Fail::new("illegal base64 data"))?;
    let (vector, data) = sealed.split_first_chunk::<16>().ok_or(BROKEN)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(aes_key(text(&args[0])?)?).map_err(|_| Fail::new("AES failed"))?;
    let mut data = Zeroizing::new(data.to_vec());
    let plain = key.decrypt(&mut data, DecryptionContext::Iv128(vector.into())).map_err(|_| BROKEN)?;
    meter.text(plain.to_vec())
}
