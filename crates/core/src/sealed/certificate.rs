//! Sealing certificates: the public half of a sealing key, and its fingerprint.
//!
//! As kubeseal does, the first `CERTIFICATE` block of a PEM file counts, it must hold an RSA key, and only its end of
//! validity is checked, by the caller, against the caller's clock (sealed-secrets 8.6).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use rustls_pki_types::pem::{PemObject as _, SectionKind};
use x509_parser::public_key::PublicKey;

use crate::Error;

/// The OpenSSH SHA-256 fingerprint of an RSA public key: `SHA256:` and 43 characters of unpadded base64.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(Box<str>);

impl Fingerprint {
    /// From modulus and exponent, big-endian, with or without leading zeros.
    pub(crate) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let mut blob = Vec::with_capacity(modulus.len() + 32);
        for field in [&b"ssh-rsa"[..], &ssh_integer(exponent), &ssh_integer(modulus)] {
            let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
            blob.extend_from_slice(&length.to_be_bytes());
            blob.extend_from_slice(field);
        }
        Self(format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, &blob))).into())
    }

    /// Reads the text form, so that a person's or a file's claim can be compared.
    ///
    /// # Errors
    /// [`Error::NotAFingerprint`] when the text has another form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digest = text.strip_prefix("SHA256:").and_then(|rest| STANDARD_NO_PAD.decode(rest).ok());
        match digest {
            Some(bytes) if bytes.len() == 32 => Ok(Self(text.into())),
            _ => Err(Error::NotAFingerprint),
        }
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An SSH `mpint`: without superfluous zeros, with one zero byte where the first bit is set (RFC 4251, part 5).
fn ssh_integer(magnitude: &[u8]) -> Vec<u8> {
    let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(magnitude.len());
    let magnitude = &magnitude[start..];
    let mut integer = Vec::with_capacity(magnitude.len() + 1);
    if magnitude.first().is_some_and(|byte| byte & 0x80 != 0) {
        integer.push(0);
    }
    integer.extend_from_slice(magnitude);
    integer
}

/// A certificate that values can be sealed with. Holds nothing secret.
pub struct SealingCertificate {
    fingerprint: Fingerprint,
    modulus_bits: usize,
    not_before: Timestamp,
    not_after: Timestamp,
    for_sealing: bool,
    public_key: OaepPublicEncryptingKey,
    der: Vec<u8>,
}

impl SealingCertificate {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// [`Error::NoCertificate`] when there is no `CERTIFICATE` block, [`Error::MalformedCertificate`] when it does not parse,
    /// [`Error::CertificateKeyNotRsa`] and [`Error::RsaKeySize`] when its key cannot seal. Validity is not checked here.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let mut only_public_key = false;
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            match section {
                Ok((SectionKind::Certificate, der)) => return Self::from_der(der),
                Ok((SectionKind::PublicKey, _)) => only_public_key = true,
                Ok(_) => {}
                Err(_) => return Err(Error::MalformedPem { what: "certificate" }),
            }
        }
        Err(Error::NoCertificate { only_public_key })
    }

    /// Reads a certificate in DER.
    fn from_der(der: Vec<u8>) -> Result<Self, Error> {
        let (rest, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|_| Error::MalformedCertificate)?;
        if !rest.is_empty() {
            return Err(Error::MalformedCertificate);
        }
        let spki = certificate.public_key();
        let PublicKey::RSA(rsa) = spki.parsed().map_err(|_| Error::MalformedCertificate)? else {
            return Err(Error::CertificateKeyNotRsa);
        };
        let modulus_bits = bit_length(rsa.modulus);
        let public_key = PublicEncryptingKey::from_der(spki.raw)
            .map_err(|_| Error::RsaKeySize { bits: modulus_bits })
            .and_then(|key| OaepPublicEncryptingKey::new(key).map_err(|_| Error::RsaKeySize { bits: modulus_bits }))?;
        let fingerprint = Fingerprint::of_rsa(rsa.modulus, rsa.exponent);
        let for_sealing = match certificate.key_usage() {
            Ok(Some(usage)) => {
                usage.value.encipher_only() || usage.value.key_encipherment() || usage.value.data_encipherment()
            }
            Ok(None) => true,
            Err(_) => return Err(Error::MalformedCertificate),
        };
        let validity = certificate.validity();
        let (not_before, not_after) = (timestamp(&validity.not_before)?, timestamp(&validity.not_after)?);
        Ok(Self { fingerprint, modulus_bits, not_before, not_after, for_sealing, public_key, der })
    }

    /// The fingerprint of the public key.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The size of the modulus in bits.
    pub fn modulus_bits(&self) -> usize {
        self.modulus_bits
    }

    /// Start of validity; also what "newest" is decided by.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// End of validity. A value that was sealed before still opens after it.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether the certificate's key usage allows encryption; one without a key usage allows everything.
    pub fn is_for_sealing(&self) -> bool {
        self.for_sealing
    }

    /// Refuses a certificate whose validity has ended, as kubeseal does.
    ///
    /// # Errors
    /// [`Error::CertificateExpired`] with the date.
    pub fn check_not_expired(&self, now: Timestamp) -> Result<(), Error> {
        if now > self.not_after {
            return Err(Error::CertificateExpired { not_after: self.not_after });
        }
        Ok(())
    }

    /// The certificate as one PEM block, lines of 64 characters.
    pub fn to_pem(&self) -> String {
        crate::sealed::private_key::pem_block("CERTIFICATE", &self.der).to_string()
    }

    /// Wraps a content key for `label`.
    pub(crate) fn wrap(&self, content_key: &[u8], label: &[u8]) -> Result<Vec<u8>, Error> {
        let mut wrapped = vec![0; self.public_key.ciphertext_size()];
        let length = self
            .public_key
            .encrypt(&OAEP_SHA256_MGF1SHA256, content_key, &mut wrapped, Some(label))
            .map_err(|_| Error::Seal)?
            .len();
        wrapped.truncate(length);
        Ok(wrapped)
    }
}

/// The number of bits of a big-endian integer.
pub(crate) fn bit_length(magnitude: &[u8]) -> usize {
    match magnitude.iter().position(|byte| *byte != 0) {
        Some(first) => (magnitude.len() - first) * 8 - magnitude[first].leading_zeros() as usize,
        None => 0,
    }
}

fn timestamp(time: &x509_parser::time::ASN1Time) -> Result<Timestamp, Error> {
    Timestamp::from_second(time.timestamp()).map_err(|_| Error::MalformedCertificate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_ssh_integers_without_ambiguity() {
        assert_eq!(ssh_integer(&[0, 0, 1]), [1]);
        assert_eq!(ssh_integer(&[0x80]), [0, 0x80]);
        assert!(ssh_integer(&[0, 0]).is_empty());
    }

    #[test]
    fn counts_bits() {
        assert_eq!(bit_length(&[0, 1]), 1);
        assert_eq!(bit_length(&[0x80, 0]), 16);
        assert_eq!(bit_length(&[]), 0);
    }

    #[test]
    fn reads_fingerprints_and_refuses_other_text() {
        let text = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(Fingerprint::parse(text).unwrap().as_str(), text);
        for bad in ["", "SHA256:", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "SHA256:abc", "MD5:00"] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad}");
        }
    }
}
