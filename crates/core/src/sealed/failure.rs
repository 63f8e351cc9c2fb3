//! Why one item of a SealedSecret does not open.
//!
//! Scripts match the compatible message, which is the same for most causes (sealed-secrets 1); people get the
//! explanation, which tells the causes apart as far as mathematics allows: a wrong key, a wrong label and a damaged RSA
//! part fail alike, unless another label fits.

use std::fmt;

use crate::go_base64::InvalidBase64;
use crate::sealed::certificate::Fingerprint;
use crate::sealed::scope::Scope;

/// The upstream message for everything but base64.
const NO_KEY: &str = "no key could decrypt secret";

/// Why one item does not open. Holds no byte of the item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The item is not a string; the kind of JSON value that it is.
    NotAString {
        /// `a number`, `a list` and so on.
        found: &'static str,
    },
    /// The text is not base64.
    Base64(InvalidBase64),
    /// The bytes are shorter than they say, or than any sealed value is.
    TooShort {
        /// Bytes that are there.
        length: usize,
        /// Bytes that must be there at least.
        needed: usize,
    },
    /// No key of the ring has a modulus of the size that the value was sealed for.
    OtherKeySize {
        /// Size of the modulus that the value was sealed for, in bits.
        sealed_bits: usize,
        /// The keys at hand.
        keys: Vec<Fingerprint>,
    },
    /// A key opens the value, but only for another scope, namespace or name.
    OtherLabel {
        /// The scope that the value was sealed with.
        scope: Scope,
        /// The namespace that it was sealed for; empty if cluster-wide.
        namespace: String,
        /// The name that it was sealed for; empty unless strict.
        name: String,
        /// The key that it was sealed with.
        key: Fingerprint,
    },
    /// The content key opens, the content does not: bytes after the RSA part were changed or cut.
    Damaged {
        /// The key that it was sealed with.
        key: Fingerprint,
    },
    /// No key opens the RSA part for this scope, namespace and name.
    NoKey {
        /// The keys that were tried.
        tried: Vec<Fingerprint>,
    },
}

/// The cause, without detail: for metrics and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FailureClass {
    /// Not text, not base64, or too short: the text was mangled.
    Malformed,
    /// Sealed with a key that is not in the ring (or damaged in the RSA part, which looks the same).
    WrongKey,
    /// Sealed for another scope, namespace or name.
    WrongLabel,
    /// Damaged after sealing.
    Damaged,
}

impl Failure {
    /// The message of kubeseal and the upstream controller, without the item's name.
    pub fn compatible_message(&self) -> String {
        match self {
            Self::Base64(error) => error.to_string(),
            Self::NotAString { found } => format!("encryptedData must hold text, found {found}"),
            _ => NO_KEY.to_owned(),
        }
    }

    /// The cause, without detail.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::NotAString { .. } | Self::Base64(_) | Self::TooShort { .. } => FailureClass::Malformed,
            Self::OtherKeySize { .. } | Self::NoKey { .. } => FailureClass::WrongKey,
            Self::OtherLabel { .. } => FailureClass::WrongLabel,
            Self::Damaged { .. } => FailureClass::Damaged,
        }
    }
}

/// The explanation for people.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAString { found } => write!(f, "the value is {found}, not text: quote it or seal it again"),
            Self::Base64(error) => write!(f, "{error}: the text was cut, or a space or another character got into it"),
            Self::TooShort { length, needed } => {
                write!(f, "the value has {length} bytes and needs at least {needed}: it was cut, or never was sealed")
            }
            Self::OtherKeySize { sealed_bits, keys } => write!(
                f,
                "sealed with an RSA key of {sealed_bits} bits, and no key here has that size{}: it was sealed for \
                 another cluster",
                Listed(keys)
            ),
            Self::OtherLabel { scope: Scope::Strict, namespace, name, key } => {
                write!(f, "sealed for the name {name:?} in namespace {namespace:?} (strict scope, key {key})")
            }
            Self::OtherLabel { scope: Scope::NamespaceWide, namespace, key, .. } => {
                write!(f, "sealed for the namespace {namespace:?} (namespace-wide scope, key {key})")
            }
            Self::OtherLabel { scope: Scope::ClusterWide, key, .. } => write!(
                f,
                "sealed with cluster-wide scope (key {key}), but the SealedSecret lacks the annotation \
                 sealedsecrets.bitnami.com/cluster-wide: \"true\""
            ),
            Self::Damaged { key } => {
                write!(f, "damaged: key {key} opens it, but its content was changed or cut after sealing")
            }
            Self::NoKey { tried } if tried.is_empty() => f.write_str("there is no sealing key to try"),
            Self::NoKey { tried } => write!(
                f,
                "none of the keys here opens it for this scope, namespace and name{}: it was sealed for another \
                 cluster or another name, or its beginning is damaged",
                Listed(tried)
            ),
        }
    }
}

/// ` (SHA256:…, SHA256:… and 3 more)`, or nothing.
struct Listed<'a>(&'a [Fingerprint]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        for (index, fingerprint) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{fingerprint}", if index == 0 { " (" } else { ", " })?;
        }
        match self.0.len() {
            0 => Ok(()),
            count if count > SHOWN => write!(f, " and {} more)", count - SHOWN),
            _ => f.write_str(")"),
        }
    }
}
