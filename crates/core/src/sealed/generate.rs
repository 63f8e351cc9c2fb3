//! New sealing keys: an RSA key pair and its self-signed certificate.
//!
//! The certificate's attributes are upstream's (sealed-secrets 10.3): X.509 v3, 128-bit random serial, CN from the caller
//! (empty by default), CA true, key usage encipherOnly, SHA-256 with RSA.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose, PKCS_RSA_SHA256,
    PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey,
};

use crate::Error;
use crate::sealed::private_key::{pem_block, pkcs1_of_pkcs8};
use crate::sealed::{SealingCertificate, SealingKey};
use crate::secret::SecretText;

/// The size of a new RSA key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeySize {
    /// 2048 bits: the smallest that is accepted.
    Rsa2048,
    /// 3072 bits.
    Rsa3072,
    /// 4096 bits: upstream's default.
    #[default]
    Rsa4096,
    /// 8192 bits: the largest that is accepted.
    Rsa8192,
}

impl KeySize {
    /// From a number of bits, as `--key-size` takes it.
    ///
    /// # Errors
    /// [`Error::RsaKeySize`] for any other number.
    pub fn from_bits(bits: usize) -> Result<Self, Error> {
        match bits {
            2048 => Ok(Self::Rsa2048),
            3072 => Ok(Self::Rsa3072),
            4096 => Ok(Self::Rsa4096),
            8192 => Ok(Self::Rsa8192),
            bits => Err(Error::RsaKeySize { bits }),
        }
    }
}

/// What a new key should be.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The size of the modulus.
    pub size: KeySize,
    /// Start of validity: the present time.
    pub not_before: Timestamp,
    /// Length of validity; upstream's default is 87600 hours.
    pub validity: SignedDuration,
    /// Common name of subject and issuer; empty leaves the name empty.
    pub common_name: String,
}

/// A new key in the forms in which it is stored.
pub struct GeneratedKey {
    /// `tls.key`: PKCS#1 in PEM.
    pub private_key_pem: SecretText,
    /// `tls.crt`.
    pub certificate_pem: String,
    /// The key, ready to open.
    pub key: SealingKey,
    /// The certificate, ready to seal.
    pub certificate: SealingCertificate,
}

/// Makes a key pair and its certificate. RSA-4096 takes a good part of a second of CPU time.
///
/// # Errors
/// [`Error::KeyGeneration`] when AWS-LC or the certificate writer fails, which no ordinary input causes; a validity that
/// leaves the calendar does.
pub fn generate_key(request: &NewKey) -> Result<GeneratedKey, Error> {
    let size = match request.size {
        KeySize::Rsa2048 => aws_lc_rs::rsa::KeySize::Rsa2048,
        KeySize::Rsa3072 => aws_lc_rs::rsa::KeySize::Rsa3072,
        KeySize::Rsa4096 => aws_lc_rs::rsa::KeySize::Rsa4096,
        KeySize::Rsa8192 => aws_lc_rs::rsa::KeySize::Rsa8192,
    };
    let pair = Signer(RsaKeyPair::generate(size).map_err(|_| Error::KeyGeneration)?);
    let certificate_pem = self_signed(&pair, request)?;

    let pkcs8: Pkcs8V1Der<'_> = pair.0.as_der().map_err(|_| Error::KeyGeneration)?;
    let key = SealingKey::from_pkcs8(pkcs8.as_ref())?;
    let private_key_pem = pem_block("RSA PRIVATE KEY", pkcs1_of_pkcs8(pkcs8.as_ref())?);
    let certificate = SealingCertificate::from_pem(certificate_pem.as_bytes())?;
    Ok(GeneratedKey { private_key_pem: SecretText::from(private_key_pem), certificate_pem, key, certificate })
}

fn self_signed(pair: &Signer, request: &NewKey) -> Result<String, Error> {
    let not_after = request.not_before.checked_add(request.validity).map_err(|_| Error::KeyGeneration)?;
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::RandomGenerator)?;

    let mut params = CertificateParams::default();
    params.not_before = calendar(request.not_before)?;
    params.not_after = calendar(not_after)?;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = DistinguishedName::new();
    if !request.common_name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, request.common_name.as_str());
    }
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::EncipherOnly];
    let certificate = params.self_signed(pair).map_err(|_| Error::KeyGeneration)?;
    Ok(pem_block("CERTIFICATE", certificate.der()).to_string())
}

fn calendar(time: Timestamp) -> Result<time::OffsetDateTime, Error> {
    time::OffsetDateTime::from_unix_timestamp(time.as_second()).map_err(|_| Error::KeyGeneration)
}

/// Signs the certificate without handing the private key to rcgen, whose own key type keeps a copy that is not cleared.
struct Signer(RsaKeyPair);

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature)
    }
}
