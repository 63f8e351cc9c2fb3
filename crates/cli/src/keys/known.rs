//! What is known of a key: who it is, what its labels allow, how old it is, and which one of several is the newest. Pure.

use std::cmp::Reverse;
use std::sync::Arc;

use bulla_core::Error;
use bulla_core::sealed::{
    Fingerprint, KeyDocument, KeyLabel, KeyState, RingKey, SealingCertificate, begins_in_the_future,
};
use jiff::Timestamp;

/// A key Secret, looked at.
pub(crate) struct Key {
    pub(crate) fingerprint: Fingerprint,
    /// Start and end of validity, if it has a certificate that is its own.
    pub(crate) validity: Option<(Timestamp, Timestamp)>,
    /// Size of the modulus.
    pub(crate) bits: usize,
    /// The private key, for opening.
    pub(crate) ring: Option<Arc<RingKey>>,
    /// What is wrong with private key or certificate.
    pub(crate) trouble: Option<Error>,
    pub(crate) document: KeyDocument,
}

impl Key {
    /// # Errors
    /// When neither private key nor certificate can be used.
    pub(crate) fn look(document: KeyDocument) -> Result<Self, Error> {
        match document.open() {
            Ok(read) => {
                let (certificate, trouble) = match read.certificate {
                    Ok(certificate) => (Some(certificate), None),
                    Err(error) => (None, Some(error)),
                };
                let validity = certificate.as_ref().map(validity);
                let since = validity.map(|(begin, _)| begin).or(document.created).unwrap_or(Timestamp::MIN);
                let (fingerprint, bits) = (read.key.fingerprint().clone(), read.key.modulus_len() * 8);
                let ring = Some(Arc::new(RingKey { key: read.key, since }));
                Ok(Self { fingerprint, validity, bits, ring, trouble, document })
            }
            Err(error) => {
                let certificate = document.certificate().map_err(|_| clone(&error))?;
                Ok(Self {
                    fingerprint: certificate.fingerprint().clone(),
                    validity: Some(validity(&certificate)),
                    bits: certificate.modulus_bits(),
                    ring: None,
                    trouble: Some(error),
                    document,
                })
            }
        }
    }

    /// Its state as the controller lives up to it.
    pub(crate) fn state(&self) -> Option<KeyState> {
        match self.document.label {
            _ if self.ring.is_none() => None,
            KeyLabel::Inactive => None,
            KeyLabel::Active(KeyState::Active) if self.validity.is_none() => Some(KeyState::DecryptOnly),
            KeyLabel::Active(state) => Some(state),
            // The legacy key; ours counts all the same.
            KeyLabel::None => Some(KeyState::parse(self.document.state_label())),
        }
    }

    /// In one word: the state, or that it is not loaded.
    pub(crate) fn state_word(&self) -> &'static str {
        self.state().map_or("not-loaded", KeyState::as_str)
    }

    /// Whether it may be the newest now.
    pub(crate) fn may_seal(&self, now: Timestamp) -> bool {
        self.state().is_some_and(KeyState::seals)
            && self.validity.is_some_and(|(begin, _)| !begins_in_the_future(begin, now))
    }

    /// Since when it is there.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.validity.map(|(begin, _)| begin).or(self.document.created)
    }
}

/// The key that seals, as the controller chooses it by default: the one whose certificate begins last, and of equal ones the one
/// whose Secret's name comes first.
pub(crate) fn newest(keys: &[Key], now: Timestamp) -> Option<&Key> {
    keys.iter()
        .filter(|key| key.may_seal(now))
        .max_by_key(|key| (key.validity.map(|(begin, _)| begin), Reverse(&key.document.name)))
}

fn validity(certificate: &SealingCertificate) -> (Timestamp, Timestamp) {
    (certificate.not_before(), certificate.not_after())
}

/// The kinds that reading a private key gives.
fn clone(error: &Error) -> Error {
    match error {
        Error::KeyItemMissing { item } => Error::KeyItemMissing { item },
        Error::NoPrivateKey => Error::NoPrivateKey,
        Error::PrivateKeyNotRsa => Error::PrivateKeyNotRsa,
        Error::RsaKeySize { bits } => Error::RsaKeySize { bits: *bits },
        _ => Error::MalformedPrivateKey,
    }
}
