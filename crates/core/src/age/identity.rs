//! An identity as age-keygen prints it: `AGE-SECRET-KEY-1…` (X25519) or `AGE-SECRET-KEY-PQ-1…` (hybrid, post-quantum); a private SSH
//! key; or one of a kind that the caller brings, which may ask somebody.

use crate::Error;
use crate::age::{LockedSshKey, Recipient, hybrid, ssh};

/// Somebody who can open files. Secret: no `Debug`, no `Clone`, and it clears itself.
pub struct Identity(Kind);

enum Kind {
    X25519(age::x25519::Identity),
    Hybrid(Box<hybrid::Identity>),
    Ssh(Box<ssh::Identity>),
    LockedSsh(Box<LockedSshKey>),
    Foreign(Box<dyn age::Identity + Send + Sync>),
}

impl Identity {
    /// A private SSH key.
    #[must_use]
    pub fn from_ssh(key: ssh::Identity) -> Self {
        Self(Kind::Ssh(Box::new(key)))
    }

    /// A private SSH key behind a passphrase.
    #[must_use]
    pub fn from_locked_ssh(key: LockedSshKey) -> Self {
        Self(Kind::LockedSsh(Box::new(key)))
    }

    /// An identity of a kind that the caller brings: a plugin's, a file behind a passphrase.
    #[must_use]
    pub fn foreign(identity: Box<dyn age::Identity + Send + Sync>) -> Self {
        Self(Kind::Foreign(identity))
    }

    /// Whether it may ask a person or a device although a file is not for it. Such identities are asked after all others.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        matches!(self.0, Kind::Foreign(_))
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`Error::AgeRecipientNotIdentity`] for the public half, [`Error::AgeIdentityKind`] for the kinds that need another program,
    /// [`Error::AgeIdentityMalformed`] for anything else that is none. None of them repeats the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let begins = |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let kind = if begins("AGE-SECRET-KEY-PQ-1") {
            hybrid::Identity::parse(text).map(|identity| Kind::Hybrid(Box::new(identity)))
        } else if begins("AGE-SECRET-KEY-1") {
            text.parse().ok().map(Kind::X25519)
        } else if begins("AGE-PLUGIN-") {
            return Err(Error::AgeIdentityKind { kind: "an age plugin" });
        } else if begins("-----BEGIN ") {
            return Err(Error::AgeIdentityKind { kind: "SSH" });
        } else if begins("age1") || begins("ssh-") {
            return Err(Error::AgeRecipientNotIdentity);
        } else {
            None
        };
        kind.map(Self).ok_or(Error::AgeIdentityMalformed)
    }

    /// The public half: to whom a file has to be encrypted so that this identity opens it.
    ///
    /// # Errors
    /// [`Error::AgeRecipientUnknown`] for identities that the caller brought.
    pub fn recipient(&self) -> Result<Recipient, Error> {
        let text = match &self.0 {
            Kind::X25519(identity) => identity.to_public().to_string(),
            Kind::Hybrid(identity) => identity.recipient().ok_or(Error::AgeRecipient)?,
            Kind::Ssh(identity) => identity.public().line(),
            Kind::LockedSsh(identity) => identity.public().line(),
            Kind::Foreign(_) => return Err(Error::AgeRecipientUnknown),
        };
        Recipient::parse(&text)
    }

    /// The identity as the format crate takes it.
    #[must_use]
    pub fn into_age(self) -> Box<dyn age::Identity + Send + Sync> {
        match self.0 {
            Kind::X25519(identity) => Box::new(identity),
            Kind::Hybrid(identity) => identity,
            Kind::Ssh(identity) => identity,
            Kind::LockedSsh(identity) => identity,
            Kind::Foreign(identity) => identity,
        }
    }

    /// The identity as the format crate asks for it.
    #[must_use]
    pub fn as_age(&self) -> &dyn age::Identity {
        match &self.0 {
            Kind::X25519(identity) => identity,
            Kind::Hybrid(identity) => &**identity,
            Kind::Ssh(identity) => &**identity,
            Kind::LockedSsh(identity) => &**identity,
            Kind::Foreign(identity) => &**identity,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    pub(in crate::age) fn x25519_text() -> String {
        age::x25519::Identity::generate().to_string().expose_secret().to_owned()
    }

    fn fails(text: &str) -> Error {
        Identity::parse(text).err().unwrap_or_else(|| panic!("{text} is an identity"))
    }

    #[test]
    fn both_kinds_are_read_and_lead_to_their_recipients() {
        let classical = x25519_text();
        let recipient = Identity::parse(&format!("  {classical}\r\n")).ok().unwrap().recipient().unwrap();
        assert!(recipient.to_string().starts_with("age1") && !recipient.is_post_quantum());
        let (hybrid, recipient) = hybrid::tests::pair_as_text();
        assert!(hybrid.starts_with("AGE-SECRET-KEY-PQ-1"));
        assert_eq!(Identity::parse(&hybrid).ok().unwrap().recipient().unwrap(), recipient);
    }

    #[test]
    fn what_is_no_identity_is_named_and_never_repeated() {
        let (classical, (hybrid, recipient)) = (x25519_text(), hybrid::tests::pair_as_text());
        for damaged in [&classical[..classical.len() - 1], &hybrid[..hybrid.len() - 1], "AGE-SECRET-KEY-1", "x", ""] {
            let error = fails(damaged);
            assert!(matches!(error, Error::AgeIdentityMalformed), "{error}");
            assert!(damaged.len() < 30 || !format!("{error} {error:?}").contains(&damaged[20..30]));
        }
        let mixed = format!("{}{}", &classical[..30], classical[30..].to_lowercase());
        assert!(matches!(fails(&mixed), Error::AgeIdentityMalformed), "Bech32 is of one case");
        assert!(matches!(fails(&recipient.to_string()), Error::AgeRecipientNotIdentity));
        assert!(matches!(fails("ssh-ed25519 AAAA"), Error::AgeRecipientNotIdentity));
        assert!(matches!(fails("AGE-PLUGIN-YUBIKEY-1QQQQQ"), Error::AgeIdentityKind { kind: "an age plugin" }));
        assert!(matches!(fails("-----BEGIN OPENSSH PRIVATE KEY-----"), Error::AgeIdentityKind { kind: "SSH" }));
    }
}
