//! SSH keys as age recipients and identities: the stanzas `ssh-ed25519` and `ssh-rsa` (the age specification leaves them to its
//! tools; this is what Go's `agessh` writes and reads).
//!
//! - `public`: the line `ssh-ed25519 AAAA…`
//! - `private`: private keys in every form that `ssh-keygen` has written, with or without a passphrase
//! - `openssh`, `pem`: those forms
//! - `ed25519`, `rsa`: the stanzas. RSA runs on AWS-LC, with blinding and in constant time
//! - `wire`: the encoding of SSH
//!
//! What does not live here: files and passphrases; see [`super::Locked`].

mod ed25519;
mod openssh;
mod pem;
pub(in crate::age) mod private;
mod public;
mod rsa;
mod wire;

use std::collections::HashSet;

use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};

pub use private::{KeyFile, PrivateKey, RsaNumbers};
pub use public::PublicKey;

/// An SSH key cannot be used. Never holds a part of a private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SshKeyError {
    /// There is no private key in the file.
    #[error("ssh: no key found")]
    NoKey,
    /// The public half does not parse.
    #[error("ssh: the public key cannot be read")]
    PublicKey,
    /// The private half does not parse.
    #[error("ssh: the private key cannot be read")]
    PrivateKey,
    /// A kind that age does not encrypt to.
    #[error("unsupported SSH key type: {0}")]
    UnsupportedKind(String),
    /// A cipher or key derivation that is not known.
    #[error("ssh: unknown cipher {0:?}")]
    Cipher(String),
    /// Whoever made the file wants more work for one passphrase than is sensible.
    #[error("ssh: {0} rounds of bcrypt are more than are accepted")]
    Rounds(u32),
    /// A passphrase is needed.
    #[error("ssh: this private key is passphrase protected")]
    PassphraseMissing,
    /// It is another passphrase, or the file is damaged.
    #[error("x509: decryption password incorrect")]
    WrongPassphrase,
    /// The public half that was stated is not the one of the private key.
    #[error("mismatched private and public SSH key")]
    Mismatch,
    /// AWS-LC works with 2048 to 8192 bits.
    #[error("RSA keys of {0} bits are not accepted: 2048 to 8192 are")]
    RsaSize(usize),
}

/// Somebody to whom a file is encrypted by their public SSH key.
#[derive(Clone)]
pub(super) struct Recipient {
    public: PublicKey,
    kind: RecipientKind,
}

#[derive(Clone)]
enum RecipientKind {
    Ed25519(ed25519::Recipient),
    Rsa(rsa::Recipient),
}

impl Recipient {
    pub(super) fn parse(line: &str) -> Result<Self, SshKeyError> {
        Self::new(PublicKey::from_line(line)?)
    }

    fn new(public: PublicKey) -> Result<Self, SshKeyError> {
        let kind = match &public {
            PublicKey::Ed25519(point) => RecipientKind::Ed25519(ed25519::Recipient::new(*point, public.wire())?),
            PublicKey::Rsa { modulus, exponent } => RecipientKind::Rsa(rsa::Recipient::new(modulus, exponent)?),
        };
        Ok(Self { public, kind })
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut args = vec![self.public.tag()];
        let body = match &self.kind {
            RecipientKind::Ed25519(recipient) => {
                let (ephemeral, body) = recipient.wrap(file_key)?;
                args.push(ephemeral);
                body
            }
            RecipientKind::Rsa(recipient) => recipient.wrap(file_key)?,
        };
        Ok((vec![Stanza { tag: self.public.kind().to_owned(), args, body }], HashSet::new()))
    }
}

/// The secret half. It clears itself.
pub struct Identity {
    public: PublicKey,
    tag: String,
    kind: IdentityKind,
}

enum IdentityKind {
    Ed25519(ed25519::Identity),
    Rsa(rsa::Identity),
}

impl Identity {
    /// An identity of a private key.
    ///
    /// # Errors
    /// [`SshKeyError::RsaSize`], [`SshKeyError::PrivateKey`] for numbers that are no key.
    pub fn new(key: &PrivateKey) -> Result<Self, SshKeyError> {
        let public = key.public().clone();
        let kind = match key {
            PrivateKey::Ed25519 { seed, .. } => IdentityKind::Ed25519(ed25519::Identity::new(seed, public.wire())),
            PrivateKey::Rsa { pkcs8, .. } => IdentityKind::Rsa(rsa::Identity::new(pkcs8, &public)?),
        };
        Ok(Self { tag: public.tag(), public, kind })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// Whether a stanza is for a key.
pub(super) fn is_for(stanza: &Stanza, public: &PublicKey, tag: &str) -> bool {
    stanza.tag == public.kind() && stanza.args.first().is_some_and(|arg| arg == tag)
}

impl age::Identity for Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !is_for(stanza, &self.public, &self.tag) {
            return None;
        }
        Some(match &self.kind {
            IdentityKind::Ed25519(identity) => identity.unwrap(stanza),
            IdentityKind::Rsa(identity) => identity.unwrap(stanza),
        })
    }
}

/// A file key of bytes that were decrypted; they have to be as many as it has.
fn file_key(bytes: &[u8]) -> Result<FileKey, DecryptError> {
    FileKey::try_init_with_mut(|key| {
        if key.len() != bytes.len() {
            return Err(DecryptError::DecryptionFailed);
        }
        key.copy_from_slice(bytes);
        Ok(())
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::age::{Unopened, decrypt_armored, encrypt_armored};

    pub(in crate::age) const KEYS: [(&str, &str); 2] = [
        (
            include_str!("../../../../../tests/vectors/sops/keys/ssh_ed25519"),
            include_str!("../../../../../tests/vectors/sops/keys/ssh_ed25519.pub"),
        ),
        (
            include_str!("../../../../../tests/vectors/sops/keys/ssh_rsa"),
            include_str!("../../../../../tests/vectors/sops/keys/ssh_rsa.pub"),
        ),
    ];

    fn identity(private: &str) -> Identity {
        Identity::new(&KeyFile::parse(private.as_bytes()).unwrap().open().unwrap()).unwrap()
    }

    fn open(text: &str, identity: &Identity) -> Result<zeroize::Zeroizing<Vec<u8>>, Unopened> {
        let identity: &dyn age::Identity = identity;
        decrypt_armored(text.as_bytes(), std::iter::once(identity))
    }

    #[test]
    fn the_key_that_a_file_is_for_opens_it_and_the_other_does_not() {
        for (index, (private, public)) in KEYS.iter().enumerate() {
            let mine = identity(private);
            assert!(public.starts_with(&mine.public().line()));
            let wrapped = encrypt_armored(&Recipient::parse(public).unwrap(), &[7; 32]).unwrap();
            assert_eq!(open(&wrapped, &mine).unwrap().as_slice(), [7; 32]);
            let other = identity(KEYS[1 - index].0);
            assert!(matches!(open(&wrapped, &other), Err(Unopened::NoMatch(1))));
        }
    }

    #[test]
    fn a_stanza_that_names_the_key_and_is_not_for_it_is_an_error() {
        use age::Identity as _;
        for (private, _) in KEYS {
            let mine = identity(private);
            for args in [
                vec![mine.tag.clone()],
                vec![mine.tag.clone(), "AAAA".to_owned()],
                vec![
                    mine.tag.clone(),
                    base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, [0; 32]),
                ],
            ] {
                for body in [vec![], vec![0; 32], vec![0; 384]] {
                    let stanza = Stanza { tag: mine.public.kind().to_owned(), args: args.clone(), body };
                    assert!(matches!(mine.unwrap_stanza(&stanza), Some(Err(_))));
                }
            }
        }
    }

    #[test]
    fn points_of_small_order_are_no_recipients() {
        let mut identity_point = [0; 32];
        identity_point[0] = 1;
        for point in [[0; 32], identity_point, [2; 32]] {
            let line = PublicKey::Ed25519(point).line();
            assert!(Recipient::parse(&line).is_err(), "{line}");
        }
    }
}
