//! Small armoured files: how sops wraps a data key. One recipient at a time, opened by whoever of many can.
//!
//! Opening asks one identity after the other, and one that fails (a plugin that is missing, a passphrase that nobody types) does not
//! keep the next from being asked; what each of them said is kept for the error.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

/// The most that such a file may hold: a data key has 32 bytes, a share of one 33.
const MAX_PLAINTEXT: usize = 64 << 10;

/// Encrypts a few bytes to one recipient. The text ends with a line break.
///
/// # Errors
/// What the recipient says; the native ones say nothing.
pub fn encrypt_armored(recipient: &dyn age::Recipient, plaintext: &[u8]) -> Result<String, EncryptError> {
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient))?;
    let mut text = Vec::new();
    let armour = ArmoredWriter::wrap_output(&mut text, Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armour)?;
    writer.write_all(plaintext)?;
    writer.finish()?.finish()?;
    String::from_utf8(text).map_err(|_| EncryptError::Io(std::io::Error::other("the armour is not text")))
}

/// Why an armoured file stays closed.
#[derive(Debug)]
pub enum Unopened {
    /// It is no age file, or its header breaks off.
    Header(DecryptError),
    /// It is for others. The number of identities that were asked.
    NoMatch(usize),
    /// Nobody opened it, and at least one identity could not be asked. What it said.
    Identity(DecryptError),
    /// It was changed or cut, or holds more than a data key.
    Damaged,
}

/// Opens an armoured file with the first of `identities` that can. Those that would ask a person belong to the end.
///
/// # Errors
/// [`Unopened`]
pub fn decrypt_armored<'a>(
    text: &[u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let decryptor = age::Decryptor::new_buffered(ArmoredReader::new(text)).map_err(Unopened::Header)?;
    let all = Chain { identities: RefCell::new(identities), asked: RefCell::new(0), failure: RefCell::new(None) };
    let all_as_one: &dyn age::Identity = &all;
    let opened = decryptor.decrypt(std::iter::once(all_as_one));
    let mut reader = opened.map_err(|error| match (error, all.failure.take()) {
        (_, Some(failure)) => Unopened::Identity(failure),
        (DecryptError::NoMatchingKeys, None) => Unopened::NoMatch(all.asked.take()),
        _ => Unopened::Damaged,
    })?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(MAX_PLAINTEXT.min(text.len()) + 1));
    (&mut reader).take(MAX_PLAINTEXT as u64 + 1).read_to_end(&mut plaintext).map_err(|_| Unopened::Damaged)?;
    if plaintext.len() > MAX_PLAINTEXT { Err(Unopened::Damaged) } else { Ok(plaintext) }
}

/// Many identities as one, so that a file is read once and each of them is asked.
struct Chain<I> {
    identities: RefCell<I>,
    asked: RefCell<usize>,
    failure: RefCell<Option<DecryptError>>,
}

impl<'a, I: Iterator<Item = &'a dyn age::Identity>> age::Identity for Chain<I> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        for identity in &mut *self.identities.borrow_mut() {
            *self.asked.borrow_mut() += 1;
            match identity.unwrap_stanzas(stanzas) {
                Some(Ok(key)) => {
                    self.failure.take();
                    return Some(Ok(key));
                }
                // The first failure is the one that is told.
                Some(Err(error)) => {
                    self.failure.borrow_mut().get_or_insert(error);
                }
                None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::age::identity::tests::x25519_text;
    use crate::age::{Identity, hybrid};

    struct Fails;

    impl age::Identity for Fails {
        fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
            Some(Err(DecryptError::Io(std::io::Error::other("no plugin"))))
        }
    }

    fn identity(text: &str) -> Identity {
        Identity::parse(text).ok().unwrap()
    }

    fn open(text: &str, identities: &[&dyn age::Identity]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        decrypt_armored(text.as_bytes(), identities.iter().copied())
    }

    #[test]
    fn a_data_key_is_wrapped_as_sops_wraps_it() {
        for text in [x25519_text(), hybrid::tests::pair_as_text().0] {
            let mine = identity(&text);
            let wrapped = encrypt_armored(mine.recipient().unwrap().as_age(), &[7; 33]).unwrap();
            assert!(wrapped.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
            assert!(wrapped.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
            assert!(wrapped.lines().all(|line| line.len() <= 64));
            assert_eq!(open(&wrapped, &[mine.as_age()]).unwrap().as_slice(), [7; 33]);
        }
    }

    #[test]
    fn an_identity_that_fails_does_not_keep_the_next_from_opening() {
        let (mine, other) = (identity(&x25519_text()), identity(&x25519_text()));
        let wrapped = encrypt_armored(mine.recipient().unwrap().as_age(), b"key").unwrap();
        assert_eq!(open(&wrapped, &[&Fails, other.as_age(), mine.as_age()]).unwrap().as_slice(), b"key");
        let Err(Unopened::Identity(DecryptError::Io(error))) = open(&wrapped, &[&Fails, other.as_age()]) else {
            panic!("the failure is told")
        };
        assert_eq!(error.to_string(), "no plugin");
        assert!(matches!(open(&wrapped, &[other.as_age(), other.as_age()]), Err(Unopened::NoMatch(2))));
        assert!(matches!(open(&wrapped, &[]), Err(Unopened::NoMatch(0))));
    }

    #[test]
    fn what_is_no_file_or_a_damaged_one_is_told_apart() {
        let mine = identity(&x25519_text());
        let wrapped = encrypt_armored(mine.recipient().unwrap().as_age(), &[1; 32]).unwrap();
        for bad in ["", "nonsense", "-----BEGIN AGE ENCRYPTED FILE-----\n", &wrapped.replace("BEGIN AGE", "BEGIN PGP")]
        {
            assert!(matches!(open(bad, &[mine.as_age()]), Err(Unopened::Header(_))), "{bad}");
        }
        let lines: Vec<&str> = wrapped.lines().collect();
        let cut = [&lines[..lines.len() - 2], &lines[lines.len() - 1..]].concat().join("\n");
        assert!(open(&cut, &[mine.as_age()]).is_err());
        let large = encrypt_armored(mine.recipient().unwrap().as_age(), &vec![0; MAX_PLAINTEXT + 1]).unwrap();
        assert!(matches!(open(&large, &[mine.as_age()]), Err(Unopened::Damaged)));
    }
}
