//! What can go wrong in this crate, for callers that turn it into an exit code, a status or a hint.

use jiff::Timestamp;

/// An operation on a key, a certificate or a manifest failed. No variant carries a byte of a value or of a key.
///
/// Failures of single items of a SealedSecret are [`crate::sealed::Failure`]s, because the other items may still open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system gave no random bytes.
    #[error("draw random bytes from the operating system")]
    RandomGenerator,
    /// The public-key operation failed.
    #[error("seal a value")]
    Seal,
    /// Key or certificate generation failed.
    #[error("generate a sealing key")]
    KeyGeneration,
    /// A PEM file is cut or garbled.
    #[error("malformed PEM block where a {what} should be")]
    MalformedPem {
        /// What was looked for.
        what: &'static str,
    },
    /// No `CERTIFICATE` block. The wording is what scripts match.
    #[error("data does not contain any valid RSA or ECDSA certificates")]
    NoCertificate {
        /// There is a bare `PUBLIC KEY` block, which is not accepted.
        only_public_key: bool,
    },
    /// The certificate does not parse as X.509.
    #[error("malformed X.509 certificate")]
    MalformedCertificate,
    /// The certificate holds a key of another algorithm. The beginning is what scripts match.
    #[error("expected RSA public key but found a key of another algorithm")]
    CertificateKeyNotRsa,
    /// The certificate's validity has ended. The wording is kubeseal's.
    #[error("failed to encrypt using an expired certificate on {}", go_date(*.not_after))]
    CertificateExpired {
        /// End of validity.
        not_after: Timestamp,
    },
    /// No private key in the PEM data.
    #[error("no unencrypted RSA private key found")]
    NoPrivateKey,
    /// The private key is of another algorithm.
    #[error("the private key is not an RSA key")]
    PrivateKeyNotRsa,
    /// The private key does not parse, or its parts contradict each other.
    #[error("malformed RSA private key")]
    MalformedPrivateKey,
    /// The modulus is too small or too large.
    #[error("RSA keys of {bits} bits are not supported: use 2048, 3072, 4096 or 8192")]
    RsaKeySize {
        /// Size of the modulus.
        bits: usize,
    },
    /// Text that should be `SHA256:` and 43 characters of base64 is not.
    #[error("not a key fingerprint: expected SHA256: and 43 characters of base64")]
    NotAFingerprint,
    /// A key Secret has no usable item.
    #[error("the key Secret has no item `{item}`")]
    KeyItemMissing {
        /// The item that is needed.
        item: &'static str,
    },
    /// An item of a key Secret is not base64.
    #[error("item `{item}` of the key Secret: {source}")]
    KeyItemNotBase64 {
        /// The item.
        item: &'static str,
        /// Where it stops being base64.
        source: crate::go_base64::InvalidBase64,
    },
    /// Certificate and private key of one key Secret do not belong together.
    #[error("the certificate does not belong to the private key")]
    KeyPairMismatch,
    /// The document is not a SealedSecret that can be worked on.
    #[error("not a SealedSecret: {reason}")]
    NotASealedSecret {
        /// What is wrong with it, without any value.
        reason: String,
    },
    /// A recipient of an age file cannot be read.
    #[error("not an age recipient: expected age1…, as age-keygen prints it")]
    AgeRecipient,
    /// An SSH key cannot be used as a recipient or an identity.
    #[error(transparent)]
    AgeSshKey(#[from] crate::age::ssh::SshKeyError),
    /// Whom an identity stands for is known to its plugin only, or stands behind a passphrase.
    #[error("the recipient of this identity is not known")]
    AgeRecipientUnknown,
    /// The secret half of an age key pair was given instead of the public one.
    #[error("this is an age identity, which is secret: give its recipient (age1…), as age-keygen -y prints it")]
    AgeIdentity,
    /// A file is to be encrypted to nobody.
    #[error("an age file needs a recipient")]
    AgeNoRecipient,
    /// Recipients of both kinds.
    #[error("post-quantum recipients (age1pq1…) cannot be mixed with others: the file would be as weak as the weakest")]
    AgeMixedRecipients,
    /// An age file could not be written.
    #[error("encrypt an age file")]
    AgeEncrypt,
    /// Text that should be an identity is none.
    #[error("not an age identity: expected AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…, as age-keygen prints it")]
    AgeIdentityMalformed,
    /// The public half of an age key pair was given instead of the secret one.
    #[error("this is an age recipient, which opens nothing: give its identity (AGE-SECRET-KEY-…)")]
    AgeRecipientNotIdentity,
    /// An identity that only another program can use.
    #[error(
        "identities of {kind} are not supported here: give an AGE-SECRET-KEY-…, or decrypt with the age tool first"
    )]
    AgeIdentityKind {
        /// Whose identities.
        kind: &'static str,
    },
    /// A line of an identity file cannot be used.
    #[error("line {line}: {source}")]
    AgeIdentityAt {
        /// The number of the line, from 1.
        line: usize,
        /// Why.
        source: Box<Error>,
    },
    /// The identity file is itself encrypted.
    #[error("the identity file is itself encrypted, with a passphrase: decrypt it with the age tool first")]
    AgeIdentityEncrypted,
    /// A file without an identity.
    #[error("there is no identity in the file")]
    AgeNoIdentity,
    /// The bytes are no age file.
    #[error("not an age file")]
    AgeNotAFile,
    /// The file is for whoever knows a passphrase.
    #[error("the age file is encrypted with a passphrase, not to a recipient")]
    AgePassphrase,
    /// None of the identities is a recipient of the file.
    #[error("no identity opens the age file: it was encrypted to other recipients")]
    AgeNoMatch,
    /// The file does not authenticate.
    #[error("the age file is damaged: it was changed or cut after it was written")]
    AgeDamaged,
    /// The plaintext is larger than the caller allows.
    #[error("the age file holds more than {limit} bytes")]
    AgeTooLarge {
        /// How much is allowed.
        limit: usize,
    },
    /// A YAML or JSON text does not parse.
    #[error(transparent)]
    Yaml(#[from] bulla_yaml::Error),
}

/// `January 2, 2006`, the layout of kubeseal's message.
fn go_date(time: Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::UTC).strftime("%B %-d, %Y").to_string()
}
