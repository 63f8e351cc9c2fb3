//! Private sealing keys. Every private operation of the product goes through [`SealingKey::unwrap`], on AWS-LC.
//!
//! Keys are read from PEM as PKCS#1 (`RSA PRIVATE KEY`, what the controller stores) or PKCS#8 (`PRIVATE KEY`). AWS-LC
//! reads PKCS#8 only, so PKCS#1 is wrapped first. The decoded bytes are cleared as soon as AWS-LC holds the key.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pkcs8::der::Decode as _;
use pkcs8::{AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SecretDocument};
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use zeroize::Zeroizing;

use crate::Error;
use crate::sealed::certificate::{Fingerprint, bit_length};

/// rsaEncryption (RFC 8017, appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// The longest content key that AES accepts; an unwrapped key of another length is refused later.
const MAX_UNWRAPPED_BYTES: usize = 1024;

/// A private RSA key that opens sealed values.
pub struct SealingKey {
    fingerprint: Fingerprint,
    /// Big-endian, as long as the modulus is, without leading zeros.
    modulus: Box<[u8]>,
    opener: OaepPrivateDecryptingKey,
}

impl SealingKey {
    /// Reads the first private key of a PEM file.
    ///
    /// # Errors
    /// [`Error::NoPrivateKey`] when there is none (also when it is encrypted), [`Error::PrivateKeyNotRsa`] for other
    /// algorithms, [`Error::RsaKeySize`] below 2048 and above 8192 bits, [`Error::MalformedPrivateKey`] for the rest.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::all_from_pem(pem)?.into_iter().next().ok_or(Error::NoPrivateKey)
    }

    /// Reads every private key of a PEM file, in order. Certificates and other blocks between them are skipped.
    ///
    /// # Errors
    /// As [`SealingKey::from_pem`], for the first block that cannot be used.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, Error> {
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = section.map_err(|_| Error::MalformedPem { what: "private key" })?;
            let der = Zeroizing::new(der);
            match kind {
                SectionKind::RsaPrivateKey => keys.push(Self::from_pkcs1(&der)?),
                SectionKind::PrivateKey => keys.push(Self::from_pkcs8(&der)?),
                SectionKind::EcPrivateKey => return Err(Error::PrivateKeyNotRsa),
                _ => {}
            }
        }
        Ok(keys)
    }

    /// Reads `RSAPrivateKey` (RFC 8017, appendix A.1.2) in DER.
    fn from_pkcs1(der: &[u8]) -> Result<Self, Error> {
        let octets = pkcs8::der::asn1::OctetStringRef::new(der).map_err(|_| Error::MalformedPrivateKey)?;
        let algorithm =
            AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(pkcs8::der::asn1::AnyRef::NULL) };
        let document = SecretDocument::encode_msg(&PrivateKeyInfoRef::new(algorithm, octets))
            .map_err(|_| Error::MalformedPrivateKey)?;
        Self::from_pkcs8(document.as_bytes())
    }

    /// Reads `PrivateKeyInfo` (RFC 5208) in DER.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, Error> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::MalformedPrivateKey)?;
        if info.algorithm.oid != RSA_ENCRYPTION {
            return Err(Error::PrivateKeyNotRsa);
        }
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| {
            match pkcs1_modulus(info.private_key.as_bytes()).map(bit_length) {
                Some(bits) if !(2048..=8192).contains(&bits) => Error::RsaKeySize { bits },
                _ => Error::MalformedPrivateKey,
            }
        })?;
        // The public half comes from AWS-LC, which has checked that it belongs to the private one.
        let spki = aws_lc_rs::encoding::AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(&key.public_key())
            .map_err(|_| Error::MalformedPrivateKey)?;
        let (_, parsed) =
            <x509_parser::x509::SubjectPublicKeyInfo<'_> as x509_parser::prelude::FromDer<'_, _>>::from_der(
                spki.as_ref(),
            )
            .map_err(|_: x509_parser::nom::Err<x509_parser::error::X509Error>| Error::MalformedPrivateKey)?;
        let Ok(x509_parser::public_key::PublicKey::RSA(rsa)) = parsed.parsed() else {
            return Err(Error::PrivateKeyNotRsa);
        };
        let start = rsa.modulus.iter().position(|byte| *byte != 0).unwrap_or(0);
        Ok(Self {
            fingerprint: Fingerprint::of_rsa(rsa.modulus, rsa.exponent),
            modulus: rsa.modulus[start..].into(),
            opener: OaepPrivateDecryptingKey::new(key).map_err(|_| Error::MalformedPrivateKey)?,
        })
    }

    /// The fingerprint of the public half.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The length of the modulus in bytes, which is the length L of every envelope that this key opens.
    pub fn modulus_len(&self) -> usize {
        self.modulus.len()
    }

    /// Whether `wrapped_key` can be an output of this key at all: as long as the modulus, and smaller than it. Costs
    /// nothing beside a private operation; both operands are public.
    pub(crate) fn may_open(&self, wrapped_key: &[u8]) -> bool {
        wrapped_key.len() == self.modulus.len() && wrapped_key < &*self.modulus
    }

    /// One RSA-OAEP-SHA256 private operation. `None`: another key or label, or damaged bytes; which of them cannot be told.
    pub(crate) fn unwrap(&self, wrapped_key: &[u8], label: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        debug_assert!(self.modulus.len() <= MAX_UNWRAPPED_BYTES);
        let mut buffer = Zeroizing::new([0; MAX_UNWRAPPED_BYTES]);
        let output = buffer.get_mut(..self.opener.min_output_size())?;
        let content_key = self.opener.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped_key, output, Some(label)).ok()?;
        Some(Zeroizing::new(content_key.to_vec()))
    }
}

/// The modulus of an `RSAPrivateKey`: its second integer. Used only to say how large a refused key is.
fn pkcs1_modulus(der: &[u8]) -> Option<&[u8]> {
    use pkcs8::der::{Reader as _, asn1::UintRef};
    let sequence = pkcs8::der::asn1::AnyRef::from_der(der).ok()?;
    let mut reader = pkcs8::der::SliceReader::new(sequence.value()).ok()?;
    let _version: UintRef<'_> = reader.decode().ok()?;
    let modulus: UintRef<'_> = reader.decode().ok()?;
    Some(modulus.as_bytes())
}

/// The PKCS#1 content of a PKCS#8 document, as upstream's controller stores keys.
pub(crate) fn pkcs1_of_pkcs8(der: &[u8]) -> Result<&[u8], Error> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::MalformedPrivateKey)?;
    Ok(info.private_key.as_bytes())
}

/// One PEM block with lines of 64 characters. Zeroizing, because it also writes private keys.
pub(crate) fn pem_block(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / 64 + 2 * label.len() + 40));
    pem.push_str("-----BEGIN ");
    pem.push_str(label);
    pem.push_str("-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}
