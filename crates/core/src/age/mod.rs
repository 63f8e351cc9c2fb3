//! age files (age-encryption.org/v1): to whom a file is encrypted, and the encryption of bytes in memory.
//!
//! What lives here: [`Recipient`], the public halves as people paste them; and [`Recipients`], a set of them that a file can be
//! encrypted to; [`Identity`], the secret half, and [`Identities`], which open files. The format is the `age` crate's; the hybrid
//! post-quantum stanza, which that crate does not have, is in [`hybrid`], and SSH keys, for which it would bring the `rsa` crate, in
//! [`ssh`]. Identities behind a passphrase are [`locked`]: who is asked for it is the caller's affair. What does not live here: files,
//! terminals, plugins.

mod armored;
mod hybrid;
mod identities;
mod identity;
mod locked;
mod recipient;
pub mod ssh;

use std::io::Write as _;

pub use armored::{Unopened, decrypt_armored, encrypt_armored};
pub use identities::Identities;
pub use identity::Identity;
pub use locked::{Ask, LockedFile, LockedSshKey};
pub use recipient::Recipient;

use crate::Error;

/// Everybody who can open a file. At least one, and either all of them resist a quantum computer or none does: a file is only as
/// safe as its weakest recipient, so age refuses to mix them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// A set of recipients.
    ///
    /// # Errors
    /// [`Error::AgeNoRecipient`] without any, [`Error::AgeMixedRecipients`] for a mixture.
    pub fn new(recipients: Vec<Recipient>) -> Result<Self, Error> {
        let hybrid = recipients.iter().filter(|recipient| recipient.is_post_quantum()).count();
        match recipients.len() {
            0 => Err(Error::AgeNoRecipient),
            all if hybrid != 0 && hybrid != all => Err(Error::AgeMixedRecipients),
            _ => Ok(Self(recipients)),
        }
    }

    /// The recipients.
    pub fn iter(&self) -> impl Iterator<Item = &Recipient> {
        self.0.iter()
    }

    /// Encrypts `plaintext` into a binary age file, a different one each time.
    ///
    /// # Errors
    /// [`Error::AgeEncrypt`] when the cryptography fails, which no input causes.
    pub fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let recipients = self.0.iter().map(Recipient::as_age);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(|_| Error::AgeEncrypt)?;
        let mut file = Vec::with_capacity(plaintext.len() + 4096);
        let mut writer = encryptor.wrap_output(&mut file).map_err(|_| Error::AgeEncrypt)?;
        writer.write_all(plaintext).map_err(|_| Error::AgeEncrypt)?;
        writer.finish().map_err(|_| Error::AgeEncrypt)?;
        Ok(file)
    }
}

/// Whether `bytes` begin as an age file that is encrypted to recipients and hold more than its header. Only somebody with an
/// identity can say more.
pub fn is_age_file(bytes: &[u8]) -> bool {
    age::Decryptor::new(bytes).is_ok_and(|decryptor| !decryptor.is_scrypt())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn open(file: &[u8], identity: &dyn age::Identity) -> Option<Vec<u8>> {
        let mut plaintext = Vec::new();
        let decryptor = age::Decryptor::new(file).ok()?;
        decryptor.decrypt(std::iter::once(identity)).ok()?.read_to_end(&mut plaintext).ok()?;
        Some(plaintext)
    }

    fn recipient(identity: &age::x25519::Identity) -> Recipient {
        Recipient::parse(&identity.to_public().to_string()).unwrap()
    }

    #[test]
    fn every_recipient_opens_the_file_and_nobody_else() {
        let identities = [(); 3].map(|()| age::x25519::Identity::generate());
        let recipients = Recipients::new(vec![recipient(&identities[0]), recipient(&identities[1])]).unwrap();
        for plaintext in [&b""[..], b"one value", &vec![7; 200_000]] {
            let file = recipients.encrypt(plaintext).unwrap();
            assert!(is_age_file(&file));
            assert_eq!(open(&file, &identities[0]).as_deref(), Some(plaintext));
            assert_eq!(open(&file, &identities[1]).as_deref(), Some(plaintext));
            assert_eq!(open(&file, &identities[2]), None);
            assert_ne!(recipients.encrypt(plaintext).unwrap(), file, "never the same twice");
        }
    }

    #[test]
    fn a_set_has_somebody_in_it_and_is_all_of_one_kind() {
        let classical = recipient(&age::x25519::Identity::generate());
        let hybrid = hybrid::tests::pair().1;
        assert!(matches!(Recipients::new(Vec::new()), Err(Error::AgeNoRecipient)));
        assert!(matches!(Recipients::new(vec![classical.clone(), hybrid.clone()]), Err(Error::AgeMixedRecipients)));
        assert!(Recipients::new(vec![hybrid.clone(), hybrid]).is_ok());
        assert_eq!(Recipients::new(vec![classical.clone()]).unwrap().iter().collect::<Vec<_>>(), [&classical]);
    }

    #[test]
    fn what_is_no_age_file_is_told_from_one() {
        let file = Recipients::new(vec![recipient(&age::x25519::Identity::generate())]).unwrap().encrypt(b"x").unwrap();
        let header = file.windows(5).position(|window| window == b"\n--- ").unwrap();
        for (what, bytes) in [
            ("nothing", &b""[..]),
            ("a manifest", b"{\"kind\":\"Secret\"}"),
            ("half a header", &file[..header]),
            ("a header alone", &file[..header + 5]),
        ] {
            assert!(!is_age_file(bytes), "{what}");
        }
    }
}
