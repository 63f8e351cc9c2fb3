//! A recipient as people paste it: `age1…` (X25519), `age1pq1…` (hybrid, post-quantum), or a public SSH key (`ssh-ed25519 …`,
//! `ssh-rsa …`).

use std::fmt;

use crate::Error;
use crate::age::{hybrid, ssh};

/// Somebody to whom a file is encrypted. Public.
#[derive(Clone)]
pub struct Recipient {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    X25519(age::x25519::Recipient),
    Hybrid(Box<hybrid::Recipient>),
    Ssh(Box<ssh::Recipient>),
}

impl Recipient {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`Error::AgeIdentity`] for the secret half, which is somebody's and must not be there; [`Error::AgeSshKey`] for an SSH key that
    /// cannot be used; [`Error::AgeRecipient`] for anything else that is none. None of them repeats the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        // ASCII only: a text that begins so has that many bytes.
        if text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("AGE-SECRET-KEY-")) {
            return Err(Error::AgeIdentity);
        }
        let kind = if text.starts_with("age1pq1") {
            Kind::Hybrid(Box::new(hybrid::Recipient::parse(text).ok_or(Error::AgeRecipient)?))
        } else if text.starts_with("ssh-") {
            Kind::Ssh(Box::new(ssh::Recipient::parse(text)?))
        } else {
            Kind::X25519(text.parse().map_err(|_| Error::AgeRecipient)?)
        };
        Ok(Self { text: text.to_owned(), kind })
    }

    /// Whether a file for it stays closed to somebody who keeps it until there are quantum computers.
    pub fn is_post_quantum(&self) -> bool {
        matches!(self.kind, Kind::Hybrid(_))
    }

    /// The recipient as the format crate asks for it.
    #[must_use]
    pub fn as_age(&self) -> &dyn age::Recipient {
        match &self.kind {
            Kind::X25519(recipient) => recipient,
            Kind::Hybrid(recipient) => &**recipient,
            Kind::Ssh(recipient) => &**recipient,
        }
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_and_gives_the_text_back() {
        let x25519 = age::x25519::Identity::generate().to_public().to_string();
        let recipient = Recipient::parse(&format!(" {x25519}\n")).unwrap();
        assert_eq!((recipient.to_string(), recipient.is_post_quantum()), (x25519, false));
        let hybrid = hybrid::tests::pair().1;
        assert!(hybrid.is_post_quantum());
        assert_eq!(Recipient::parse(&hybrid.to_string()).unwrap(), hybrid);
    }

    #[test]
    fn an_error_does_not_repeat_a_secret_that_was_pasted_by_mistake() {
        use age::secrecy::ExposeSecret as _;
        let identity = age::x25519::Identity::generate().to_string();
        for text in [identity.expose_secret().to_owned(), identity.expose_secret().to_lowercase()] {
            let error = Recipient::parse(&text).unwrap_err();
            assert!(matches!(error, Error::AgeIdentity), "{error}");
            assert!(!format!("{error} {error:?}").contains(&text[20..30]));
        }
        let good = age::x25519::Identity::generate().to_public().to_string();
        let damaged = format!("{}q{}", &good[..10], &good[11..]);
        for bad in ["", "age1", "age1pq1", "age1pq1qqqq", "äge1", &damaged] {
            if bad != good {
                assert!(matches!(Recipient::parse(bad), Err(Error::AgeRecipient)), "{bad}");
            }
        }
        assert!(matches!(Recipient::parse("ssh-ed25519 AAAA"), Err(Error::AgeSshKey(_))));
    }
}
