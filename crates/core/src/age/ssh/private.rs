//! Private SSH keys, out of files in every form that `ssh-keygen` and OpenSSL have written.

use pkcs8::der::asn1::{AnyRef, OctetStringRef, UintRef};
use pkcs8::der::{Decode as _, Reader as _, SliceReader};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::public::printable;
use super::{PublicKey, SshKeyError, openssh, pem};

/// rsaEncryption (RFC 8017, appendix A.1).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-Ed25519 (RFC 8410).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// The largest file that is read. A key of 16,384 bits has less than 16 KiB.
const MAX_FILE: usize = 1 << 20;

/// A private key. It clears itself.
pub enum PrivateKey {
    /// The seed (RFC 8032) and the public half.
    Ed25519 {
        /// What the private scalar is made of.
        seed: Zeroizing<[u8; 32]>,
        /// The public half.
        public: PublicKey,
    },
    /// `PrivateKeyInfo` (RFC 5208) in DER, and the public half.
    Rsa {
        /// The private half.
        pkcs8: Zeroizing<Vec<u8>>,
        /// The public half.
        public: PublicKey,
    },
}

impl PrivateKey {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        match self {
            Self::Ed25519 { public, .. } | Self::Rsa { public, .. } => public,
        }
    }

    /// Of `RSAPrivateKey` (RFC 8017, appendix A.1.2) in DER.
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, SshKeyError> {
        let (modulus, exponent) = public_of_pkcs1(der).ok_or(SshKeyError::PrivateKey)?;
        let public = PublicKey::Rsa { modulus, exponent };
        Ok(Self::Rsa { pkcs8: der::pkcs8_of_pkcs1(der), public })
    }

    /// Of `PrivateKeyInfo` (RFC 5208) in DER.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, SshKeyError> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| SshKeyError::PrivateKey)?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => Self::from_pkcs1(info.private_key.as_bytes()),
            ED25519 => {
                let seed = <&OctetStringRef>::from_der(info.private_key.as_bytes()).ok();
                let seed = seed.and_then(|seed| <[u8; 32]>::try_from(seed.as_bytes()).ok());
                Self::from_seed(Zeroizing::new(seed.ok_or(SshKeyError::PrivateKey)?))
            }
            other => Err(SshKeyError::UnsupportedKind(other.to_string())),
        }
    }

    /// Of the seed of an Ed25519 key.
    pub(super) fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<Self, SshKeyError> {
        use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| SshKeyError::PrivateKey)?;
        let point = pair.public_key().as_ref().try_into().map_err(|_| SshKeyError::PrivateKey)?;
        Ok(Self::Ed25519 { seed, public: PublicKey::Ed25519(point) })
    }

    /// Of the numbers that OpenSSH and OpenPGP store, big-endian and without leading zeros.
    #[must_use]
    pub fn from_rsa(numbers: &RsaNumbers<'_>) -> Self {
        let public = PublicKey::Rsa { modulus: numbers.modulus.to_vec(), exponent: numbers.exponent.to_vec() };
        let pkcs1 = der::pkcs1(numbers);
        Self::Rsa { pkcs8: der::pkcs8_of_pkcs1(&pkcs1), public }
    }
}

/// The numbers of an RSA key.
pub struct RsaNumbers<'a> {
    /// n
    pub modulus: &'a [u8],
    /// e
    pub exponent: &'a [u8],
    /// d
    pub private: &'a [u8],
    /// The second prime's inverse modulo the first.
    pub inverse: &'a [u8],
    /// p and q
    pub primes: [&'a [u8]; 2],
}

/// A file with a private key in it, perhaps protected.
pub struct KeyFile(Form);

enum Form {
    Plain(PrivateKey),
    OpenSsh(openssh::Protected),
    Pem(pem::Protected),
}

impl KeyFile {
    /// Reads a file. No passphrase is needed for that.
    ///
    /// # Errors
    /// [`SshKeyError`]
    pub fn parse(file: &[u8]) -> Result<Self, SshKeyError> {
        if file.len() > MAX_FILE {
            return Err(SshKeyError::NoKey);
        }
        let block = pem::Block::first(file).ok_or(SshKeyError::NoKey)?;
        let form = match (block.label.as_str(), block.protection()?) {
            ("OPENSSH PRIVATE KEY", None) => match openssh::parse(&block.content)? {
                openssh::Parsed::Plain(key) => Form::Plain(key),
                openssh::Parsed::Protected(protected) => Form::OpenSsh(protected),
            },
            ("RSA PRIVATE KEY", None) => Form::Plain(PrivateKey::from_pkcs1(&block.content)?),
            ("RSA PRIVATE KEY", Some(protection)) => Form::Pem(pem::Protected::new(protection, block.content)),
            ("PRIVATE KEY", None) => Form::Plain(PrivateKey::from_pkcs8(&block.content)?),
            (other, _) => return Err(SshKeyError::UnsupportedKind(printable(other.as_bytes()))),
        };
        Ok(Self(form))
    }

    /// Whether a passphrase is needed.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        !matches!(self.0, Form::Plain(_))
    }

    /// The public half, if the file has it in clear: PEM files with a passphrase do not.
    #[must_use]
    pub fn public(&self) -> Option<&PublicKey> {
        match &self.0 {
            Form::Plain(key) => Some(key.public()),
            Form::OpenSsh(protected) => Some(&protected.public),
            Form::Pem(_) => None,
        }
    }

    /// The key, without a passphrase.
    ///
    /// # Errors
    /// [`SshKeyError::PassphraseMissing`]
    pub fn open(self) -> Result<PrivateKey, SshKeyError> {
        match self.0 {
            Form::Plain(key) => Ok(key),
            Form::OpenSsh(_) | Form::Pem(_) => Err(SshKeyError::PassphraseMissing),
        }
    }

    /// The key, with a passphrase.
    ///
    /// # Errors
    /// [`SshKeyError::WrongPassphrase`], or what is wrong with the key in it.
    pub fn unlock(&self, passphrase: &[u8]) -> Result<PrivateKey, SshKeyError> {
        match &self.0 {
            Form::Plain(_) => Err(SshKeyError::WrongPassphrase),
            Form::OpenSsh(protected) => protected.unlock(passphrase),
            Form::Pem(protected) => protected.unlock(passphrase),
        }
    }
}

fn public_of_pkcs1(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let sequence = AnyRef::from_der(der).ok()?;
    let mut reader = SliceReader::new(sequence.value()).ok()?;
    let _version: UintRef<'_> = reader.decode().ok()?;
    let modulus: UintRef<'_> = reader.decode().ok()?;
    let exponent: UintRef<'_> = reader.decode().ok()?;
    Some((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
}

/// Just enough DER to write a private key, in memory that is cleared.
mod der {
    use zeroize::Zeroizing;

    use super::RsaNumbers;

    /// `AlgorithmIdentifier` of rsaEncryption with NULL parameters.
    const RSA_ALGORITHM: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 2;
    const OCTETS: u8 = 4;

    /// `RSAPrivateKey`. OpenSSH leaves out the exponents of the primes.
    pub(super) fn pkcs1(numbers: &RsaNumbers<'_>) -> Zeroizing<Vec<u8>> {
        let [p, q] = numbers.primes;
        let exponent_of = |prime: &[u8]| {
            let mut less_one = Zeroizing::new(prime.to_vec());
            // Primes are odd; an even number is no prime, and AWS-LC refuses the key.
            if let Some(last) = less_one.last_mut() {
                *last &= 0xfe;
            }
            remainder(numbers.private, &less_one)
        };
        let exponents = [exponent_of(p), exponent_of(q)];
        let parts = [
            &[0][..],
            numbers.modulus,
            numbers.exponent,
            numbers.private,
            p,
            q,
            &exponents[0],
            &exponents[1],
            numbers.inverse,
        ];
        let integers: Vec<_> = parts.iter().map(|part| integer(part)).collect();
        element(SEQUENCE, &integers.iter().map(|integer| integer.as_slice()).collect::<Vec<_>>())
    }

    /// `PrivateKeyInfo` around it.
    pub(super) fn pkcs8_of_pkcs1(pkcs1: &[u8]) -> Zeroizing<Vec<u8>> {
        element(SEQUENCE, &[&integer(&[0]), &RSA_ALGORITHM, &element(OCTETS, &[pkcs1])])
    }

    fn integer(digits: &[u8]) -> Zeroizing<Vec<u8>> {
        let start = digits.iter().position(|byte| *byte != 0).unwrap_or(digits.len());
        let digits = &digits[start..];
        let sign = if digits.first().is_none_or(|first| first & 0x80 != 0) { &[0][..] } else { &[] };
        element(INTEGER, &[sign, digits])
    }

    fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length + 10));
        bytes.push(tag);
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => bytes.push(short),
            _ => {
                let digits = length.to_be_bytes();
                let start = digits.iter().position(|byte| *byte != 0).unwrap_or(digits.len());
                // At most eight digits.
                bytes.push(0x80 | u8::try_from(digits.len() - start).unwrap_or(8));
                bytes.extend_from_slice(&digits[start..]);
            }
        }
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// `value mod modulus`, both big-endian: bit by bit, with the same steps whatever the bits are. It runs twice for each key file, so
    /// its speed does not matter.
    pub(super) fn remainder(value: &[u8], modulus: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut rest = Zeroizing::new(vec![0_u8; modulus.len()]);
        let mut less = Zeroizing::new(vec![0_u8; modulus.len()]);
        for byte in value {
            for bit in (0..8).rev() {
                let mut carry = byte >> bit & 1;
                for digit in rest.iter_mut().rev() {
                    let next = *digit >> 7;
                    *digit = *digit << 1 | carry;
                    carry = next;
                }
                let mut borrow = 0_i16;
                for ((less, digit), modulus) in less.iter_mut().zip(rest.iter()).zip(modulus).rev() {
                    let difference = i16::from(*digit) - i16::from(*modulus) - borrow;
                    borrow = difference >> 8 & 1;
                    *less = difference.to_le_bytes()[0];
                }
                // The difference counts if it is not negative: nothing was borrowed, or the shift's carry pays for it.
                let keep = (carry | u8::from(borrow == 0)).wrapping_neg();
                for (digit, less) in rest.iter_mut().zip(less.iter()) {
                    *digit = *digit & !keep | *less & keep;
                }
            }
        }
        rest
    }

    #[cfg(test)]
    mod tests {
        use proptest::prelude::*;

        proptest! {
            #[test]
            fn the_remainder_is_the_remainder(value in any::<u128>(), modulus in 1..=u128::MAX) {
                let rest = super::remainder(&value.to_be_bytes(), &modulus.to_be_bytes());
                prop_assert_eq!(u128::from_be_bytes(rest.as_slice().try_into().unwrap()), value % modulus);
                let small = (modulus as u32).max(1);
                let rest = super::remainder(&value.to_be_bytes(), &small.to_be_bytes());
                prop_assert_eq!(u128::from(u32::from_be_bytes(rest.as_slice().try_into().unwrap())), value % u128::from(small));
            }
        }
    }
}

#[cfg(test)]
pub(in crate::age) mod tests {
    use proptest::prelude::*;

    use super::super::tests::KEYS;
    use super::*;

    pub(in crate::age) fn vector(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/../../tests/vectors/ssh/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn failure<T>(result: Result<T, SshKeyError>) -> String {
        result.err().unwrap_or_else(|| panic!("it is accepted")).to_string()
    }

    #[test]
    fn every_form_of_a_key_file_is_read() {
        use super::super::Identity;
        for (name, kind) in [("rsa.pem", "ssh-rsa"), ("rsa.pkcs8", "ssh-rsa"), ("ed25519.pkcs8", "ssh-ed25519")] {
            let file = KeyFile::parse(&vector(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let key = Identity::new(&file.open().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(key.public().kind(), kind);
        }
        for (name, public) in [("ed25519.locked", true), ("rsa.locked", true), ("rsa.pem.locked", false)] {
            let file = KeyFile::parse(&vector(name)).unwrap();
            assert_eq!((file.is_protected(), file.public().is_some()), (true, public), "{name}");
            for wrong in [&b""[..], b"wrong", b"correct horse "] {
                assert_eq!(failure(file.unlock(wrong)), "x509: decryption password incorrect", "{name}");
            }
            let key = file.unlock(b"correct horse").unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(file.public().is_none_or(|public| public == key.public()), "{name}");
            assert!(Identity::new(&key).is_ok(), "{name}");
            assert_eq!(failure(file.open()), "ssh: this private key is passphrase protected");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (name, expected) in [
            ("ecdsa", "unsupported SSH key type: ecdsa-sha2-nistp256"),
            ("rsa.gcm", "ssh: unknown cipher \"aes256-gcm@openssh.com\""),
            ("README.md", "ssh: no key found"),
        ] {
            assert_eq!(failure(KeyFile::parse(&vector(name))), expected);
        }
        let small = KeyFile::parse(&vector("rsa.small")).unwrap().open().unwrap();
        let error = failure(super::super::Identity::new(&small));
        assert_eq!(error, "RSA keys of 1024 bits are not accepted: 2048 to 8192 are");
        let public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        assert_eq!(failure(KeyFile::parse(public.as_bytes())), "ssh: no key found");
        let other = public.replace("PUBLIC", "EC PRIVATE");
        assert_eq!(failure(KeyFile::parse(other.as_bytes())), "unsupported SSH key type: EC PRIVATE KEY");
        assert_eq!(failure(KeyFile::parse(&vec![b'a'; MAX_FILE + 1])), "ssh: no key found");
    }

    #[test]
    fn endless_work_for_one_passphrase_is_refused() {
        let block = pem::Block::first(&vector("ed25519.locked")).unwrap();
        let at = block.content.windows(4).position(|window| window == [0, 0, 0, 4]).unwrap();
        let mut content = block.content.to_vec();
        content[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(openssh::parse(&content).err(), Some(SshKeyError::Rounds(u32::MAX)));
    }

    #[test]
    fn hostile_files_never_panic_and_damaged_ones_are_refused() {
        for (private, _) in KEYS {
            for cut in 0..private.len() {
                if let Ok(file) = KeyFile::parse(&private.as_bytes()[..cut]) {
                    assert!(cut + 2 > private.len(), "cut at {cut}: {}", file.is_protected());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_changed_byte_gives_an_error_or_a_key(at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            use base64::Engine as _;
            for (private, _) in KEYS {
                let block = pem::Block::first(private.as_bytes()).unwrap();
                let mut content = block.content.to_vec();
                let at = at.index(content.len());
                content[at] = byte;
                let text = base64::engine::general_purpose::STANDARD.encode(content);
                crate::fuzz::ssh_key(format!("-----BEGIN {0}-----\n{text}\n-----END {0}-----\n", block.label).as_bytes());
            }
        }

        #[test]
        fn bytes_of_any_kind_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), label in 0..3_usize) {
            use base64::Engine as _;
            crate::fuzz::ssh_key(&bytes);
            let label = ["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"][label];
            let content = [&b"openssh-key-v1\0"[..if label.starts_with("OPEN") { 15 } else { 0 }], &bytes].concat();
            let text = base64::engine::general_purpose::STANDARD.encode(content);
            crate::fuzz::ssh_key(format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n").as_bytes());
        }
    }
}
