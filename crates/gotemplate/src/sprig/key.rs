//! Private keys: generation and reading, in the PEM forms that Go writes.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, EcPublicKeyUncompressedBin, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Decode;
use zeroize::Zeroizing;

use super::encoding::encode_base64;
use super::{lossy, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[function("genPrivateKey", "s", generate)];

const FAILED: Fail = Fail::new("the key could not be generated");

fn generate(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let kind = text(&args[0])?;
    let pem = match &kind[..] {
        b"" | b"rsa" => rsa(meter, KeySize::Rsa4096)?.pem,
        b"ecdsa" => ecdsa(meter)?,
        b"ed25519" => {
            meter.charge_key(1)?;
            let key = Ed25519KeyPair::generate().map_err(|_| FAILED)?;
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| FAILED)?;
            pem("PRIVATE KEY", der.as_ref())
        }
        b"dsa" => return Err(Fail::new("DSA keys are not generated: FIPS 186-5 withdrew them")),
        _ => return meter.text([b"Unknown type ", &kind[..]].concat()),
    };
    meter.text(pem.to_vec())
}

/// A key in the PEM that the template gets, and in PKCS#8.
pub(super) struct Key {
    pub(super) pem: Zeroizing<Vec<u8>>,
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
}

pub(super) fn rsa(meter: &Meter, size: KeySize) -> Result<Key, Fail> {
    meter.charge_key(if matches!(size, KeySize::Rsa4096) { 32 } else { 4 })?;
    let key = aws_lc_rs::rsa::KeyPair::generate(size).map_err(|_| FAILED)?;
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| FAILED)?;
    let info = PrivateKeyInfoRef::from_der(der.as_ref()).map_err(|_| FAILED)?;
    let pkcs1 = info.private_key.as_bytes();
    Ok(Key { pem: pem("RSA PRIVATE KEY", pkcs1), pkcs8: Zeroizing::new(der.as_ref().to_vec()) })
}

/// SEC 1 with the curve's name, as Go writes it: AWS-LC's PKCS#8 has the name outside.
fn ecdsa(meter: &Meter) -> Result<Zeroizing<Vec<u8>>, Fail> {
    meter.charge_key(1)?;
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| FAILED)?;
    let private: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().map_err(|_| FAILED)?;
    let public: EcPublicKeyUncompressedBin<'_> = key.public_key().as_be_bytes().map_err(|_| FAILED)?;
    let (private, public) = (private.as_ref(), public.as_ref());
    if private.len() != 32 || public.len() != 65 {
        return Err(FAILED);
    }
    let mut der = Zeroizing::new(Vec::with_capacity(121));
    der.extend_from_slice(&[0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20]);
    der.extend_from_slice(private);
    // [0] prime256v1
    der.extend_from_slice(&[0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]);
    // [1] the public key as a bit string
    der.extend_from_slice(&[0xa1, 0x44, 0x03, 0x42, 0x00]);
    der.extend_from_slice(public);
    Ok(pem("EC PRIVATE KEY", &der))
}

/// encoding/pem: lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(encode_base64(der));
    let mut out = Zeroizing::new(Vec::with_capacity(body.len() + body.len() / 64 + 80));
    out.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in body.as_bytes().chunks(64) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    out
}

/// The first PEM block: its label and its bytes.
pub(super) fn pem_block(bytes: &[u8]) -> Option<(String, Zeroizing<Vec<u8>>)> {
    let text = Zeroizing::new(lossy(bytes));
    let start = text.find("-----BEGIN ")?;
    let rest = &text[start + 11..];
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let compact: Zeroizing<Vec<u8>> = Zeroizing::new(body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let der = super::encoding::decode_base64(&compact).ok()?;
    Some((label.to_owned(), Zeroizing::new(der)))
}

/// The key of a PEM block as PKCS#8, and the PEM that Go writes for it.
pub(super) fn read(bytes: &[u8]) -> Result<Key, Fail> {
    let (label, der) = pem_block(bytes).ok_or(Fail::new("no PEM data in input"))?;
    const BROKEN: Fail = Fail::new("not a private key");
    match label.as_str() {
        "PRIVATE KEY" => {
            let info = PrivateKeyInfoRef::from_der(&der).map_err(|_| BROKEN)?;
            let inner = info.private_key.as_bytes();
            // Go keeps the key and not its container: an RSA key comes out as PKCS#1.
            let again = match info.algorithm.oid.to_string().as_str() {
                "1.2.840.113549.1.1.1" => pem("RSA PRIVATE KEY", inner),
                _ => pem("PRIVATE KEY", &der),
            };
            Ok(Key { pem: again, pkcs8: der })
        }
        "RSA PRIVATE KEY" => {
            let key = aws_lc_rs::rsa::KeyPair::from_der(&der).map_err(|_| BROKEN)?;
            let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| BROKEN)?;
            Ok(Key { pem: pem(&label, &der), pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()) })
        }
        "EC PRIVATE KEY" => {
            let key = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der)
                .map_err(|_| Fail::new("not an EC private key on P-256"))?;
            let pkcs8 = key.to_pkcs8v1().map_err(|_| BROKEN)?;
            Ok(Key { pem: pem(&label, &der), pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()) })
        }
        "DSA PRIVATE KEY" => Err(Fail::new("DSA keys are not read")),
        _ => Err(Fail::new("no private key data in PEM block")),
    }
}
