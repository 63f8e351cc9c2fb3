//! Identities behind a passphrase. Nobody is asked before a file cannot be opened otherwise, and nobody twice in one run: the answer, or
//! that there was none, is kept.

use std::io::Read as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use age::{DecryptError, scrypt};
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::ssh::{self, KeyFile, PublicKey, SshKeyError};

/// Asks somebody for a passphrase. The error is a text for a person.
pub type Ask = Box<dyn Fn() -> Result<Zeroizing<String>, String> + Send + Sync>;

/// The largest identity file behind a passphrase, decrypted.
const MAX_PLAINTEXT: u64 = 1 << 20;
/// age makes files with 18 (256 MiB and about a second); 2^22 would take 4 GiB.
const MAX_WORK_FACTOR: u8 = 20;

/// What was found behind a passphrase, once.
struct Once<T> {
    opened: OnceLock<Result<T, String>>,
    asking: Mutex<()>,
}

impl<T> Once<T> {
    const fn new() -> Self {
        Self { opened: OnceLock::new(), asking: Mutex::new(()) }
    }

    /// While one asks, the others wait.
    fn get(&self, open: impl FnOnce() -> Result<T, String>) -> Result<&T, DecryptError> {
        let _asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = self.opened.get_or_init(open);
        opened.as_ref().map_err(|error| DecryptError::Io(std::io::Error::other(error.clone())))
    }
}

/// A private SSH key behind a passphrase. Its public half is known, so nobody is asked for the sake of a file that is not for it.
pub struct LockedSshKey {
    file: KeyFile,
    public: PublicKey,
    tag: String,
    ask: Ask,
    opened: Once<ssh::Identity>,
}

impl LockedSshKey {
    /// A protected key. `public` is for files that do not have the public half in clear.
    ///
    /// # Errors
    /// [`SshKeyError::PublicKey`] when nobody knows the public half.
    pub fn new(file: KeyFile, public: Option<PublicKey>, ask: Ask) -> Result<Self, SshKeyError> {
        let public = file.public().cloned().or(public).ok_or(SshKeyError::PublicKey)?;
        Ok(Self { file, tag: public.tag(), public, ask, opened: Once::new() })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    fn open(&self) -> Result<ssh::Identity, String> {
        let passphrase = (self.ask)().map_err(|error| format!("failed to obtain passphrase: {error}"))?;
        let key = self.file.unlock(passphrase.as_bytes());
        let key = key.map_err(|error| format!("failed to decrypt SSH key file: {error}"))?;
        if *key.public() != self.public {
            return Err(SshKeyError::Mismatch.to_string());
        }
        ssh::Identity::new(&key).map_err(|error| format!("invalid SSH key: {error}"))
    }
}

impl age::Identity for LockedSshKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if !ssh::is_for(stanza, &self.public, &self.tag) {
            return None;
        }
        match self.opened.get(|| self.open()) {
            Ok(identity) => identity.unwrap_stanza(stanza),
            Err(error) => Some(Err(error)),
        }
    }
}

/// An identity file that is itself an age file, for whoever knows a passphrase. Whose identities are in it is not known before.
pub struct LockedFile<P> {
    file: Vec<u8>,
    ask: Ask,
    parse: P,
    wrong: Box<dyn Fn() + Send + Sync>,
    opened: Once<Vec<Box<dyn age::Identity + Send + Sync>>>,
}

impl<P> LockedFile<P>
where
    P: Fn(&[u8]) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>, String> + Send + Sync,
{
    /// A binary age file; `parse` reads what is in it, `wrong` is called when the passphrase was another one.
    pub fn new(file: Vec<u8>, ask: Ask, wrong: Box<dyn Fn() + Send + Sync>, parse: P) -> Self {
        Self { file, ask, parse, wrong, opened: Once::new() }
    }

    fn open(&self) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>, String> {
        let failed = |reason: &str| format!("failed to decrypt identity file: {reason}");
        let decryptor = age::Decryptor::new_buffered(&self.file[..]).map_err(|_| failed("not an age file"))?;
        if !decryptor.is_scrypt() {
            return Err(failed("it is encrypted to a recipient and not with a passphrase"));
        }
        let passphrase = (self.ask)().map_err(|error| failed(&format!("could not read passphrase: {error}")))?;
        let mut identity = scrypt::Identity::new(age_core::secrecy::SecretString::from(passphrase.as_str().to_owned()));
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let identity: &dyn age::Identity = &identity;
        let reader = match decryptor.decrypt(std::iter::once(identity)) {
            Ok(reader) => reader,
            Err(DecryptError::ExcessiveWork { required, .. }) => {
                return Err(failed(&format!(
                    "its work factor is {required}, and more than {MAX_WORK_FACTOR} is refused"
                )));
            }
            Err(_) => {
                (self.wrong)();
                return Err("incorrect passphrase".to_owned());
            }
        };
        let mut text = Zeroizing::new(Vec::with_capacity(self.file.len()));
        reader.take(MAX_PLAINTEXT).read_to_end(&mut text).map_err(|_| failed("it was changed or cut"))?;
        (self.parse)(&text)
    }
}

impl<P> age::Identity for LockedFile<P>
where
    P: Fn(&[u8]) -> Result<Vec<Box<dyn age::Identity + Send + Sync>>, String> + Send + Sync,
{
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match self.opened.get(|| self.open()) {
            Ok(identities) => identities.iter().find_map(|identity| identity.unwrap_stanzas(stanzas)),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::age::identity::tests::x25519_text;
    use crate::age::ssh::private::tests::vector;
    use crate::age::{Identity, Recipient, Unopened, decrypt_armored, encrypt_armored};

    const PASSPHRASE: &str = "correct horse";

    /// Answers with `passphrase`, and counts.
    fn asked(passphrase: &'static str) -> (Ask, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let ask = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Zeroizing::new(passphrase.to_owned()))
        };
        (Box::new(ask), count)
    }

    fn open(text: &str, identity: &Identity) -> Result<Zeroizing<Vec<u8>>, String> {
        decrypt_armored(text.as_bytes(), std::iter::once(identity.as_age())).map_err(|error| match error {
            Unopened::Identity(DecryptError::Io(error)) => error.to_string(),
            other => format!("{other:?}"),
        })
    }

    fn wrapped(recipient: &Recipient) -> String {
        encrypt_armored(recipient.as_age(), b"key").unwrap()
    }

    #[test]
    fn an_ssh_key_asks_once_and_only_for_files_that_are_for_it() {
        let public = PublicKey::from_line(std::str::from_utf8(&vector("rsa.pem.locked.pub")).unwrap()).unwrap();
        for (name, public) in [("ed25519.locked", None), ("rsa.locked", None), ("rsa.pem.locked", Some(public))] {
            let (ask, count) = asked(PASSPHRASE);
            let file = || KeyFile::parse(&vector(name)).unwrap();
            let key = Identity::from_locked_ssh(LockedSshKey::new(file(), public.clone(), ask).unwrap());
            let other = Identity::parse(&x25519_text()).unwrap();
            assert!(open(&wrapped(&other.recipient().unwrap()), &key).is_err());
            assert_eq!(count.load(Ordering::Relaxed), 0, "{name}");
            for _ in 0..3 {
                assert_eq!(open(&wrapped(&key.recipient().unwrap()), &key).unwrap().as_slice(), b"key");
            }
            assert_eq!(count.load(Ordering::Relaxed), 1, "{name}");
            let (ask, count) = asked("wrong");
            let key = Identity::from_locked_ssh(LockedSshKey::new(file(), public, ask).unwrap());
            for _ in 0..2 {
                assert_eq!(
                    open(&wrapped(&key.recipient().unwrap()), &key).unwrap_err(),
                    "failed to decrypt SSH key file: x509: decryption password incorrect"
                );
            }
            assert_eq!(count.load(Ordering::Relaxed), 1, "{name}");
        }
    }

    #[test]
    fn a_pem_file_needs_its_public_half_and_the_right_one() {
        let file = || KeyFile::parse(&vector("rsa.pem.locked")).unwrap();
        assert_eq!(LockedSshKey::new(file(), None, asked("").0).err(), Some(SshKeyError::PublicKey));
        let other = KeyFile::parse(&vector("rsa.locked")).unwrap().public().unwrap().clone();
        let key = LockedSshKey::new(file(), Some(other), asked(PASSPHRASE).0).unwrap();
        let key = Identity::from_locked_ssh(key);
        let error = open(&wrapped(&key.recipient().unwrap()), &key).unwrap_err();
        assert_eq!(error, "mismatched private and public SSH key");
    }

    fn locked(text: &str, work_factor: u8) -> Vec<u8> {
        let mut recipient = scrypt::Recipient::new(PASSPHRASE.to_owned().into());
        recipient.set_work_factor(work_factor);
        let recipient: &dyn age::Recipient = &recipient;
        let mut file = Vec::new();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap();
        file
    }

    fn identity(file: Vec<u8>, ask: Ask, wrong: Arc<AtomicUsize>) -> Identity {
        let wrong = move || {
            wrong.fetch_add(1, Ordering::Relaxed);
        };
        let parse = |text: &[u8]| {
            let text = std::str::from_utf8(text).map_err(|_| "not text".to_owned())?;
            let identity: age::x25519::Identity = text.parse().map_err(str::to_owned)?;
            Ok(vec![Box::new(identity) as Box<dyn age::Identity + Send + Sync>])
        };
        Identity::foreign(Box::new(LockedFile::new(file, ask, Box::new(wrong), parse)))
    }

    #[test]
    fn an_identity_file_behind_a_passphrase_asks_once() {
        let text = x25519_text();
        let enc = wrapped(&Identity::parse(&text).unwrap().recipient().unwrap());
        let (ask, count) = asked(PASSPHRASE);
        let mine = identity(locked(&text, 4), ask, Arc::default());
        for _ in 0..2 {
            assert_eq!(open(&enc, &mine).unwrap().as_slice(), b"key");
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert!(mine.may_ask() && mine.recipient().is_err());
        let wrong = Arc::new(AtomicUsize::new(0));
        let other = identity(locked(&text, 4), asked("wrong").0, wrong.clone());
        assert_eq!(open(&enc, &other).unwrap_err(), "incorrect passphrase");
        assert_eq!(wrong.load(Ordering::Relaxed), 1, "so that an agent forgets it");
    }

    #[test]
    fn a_file_that_would_cost_gigabytes_is_refused_and_what_is_no_such_file_never_asks() {
        let text = x25519_text();
        let enc = wrapped(&Identity::parse(&text).unwrap().recipient().unwrap());
        let mut costly = locked(&text, 4);
        let at = costly.windows(3).position(|window| window == b" 4\n").unwrap();
        costly.splice(at..at + 3, *b" 30\n");
        for (file, expected) in [
            (costly, None),
            (b"age-encryption.org/v1\n".to_vec(), Some("failed to decrypt identity file: not an age file")),
            (
                crate::age::Recipients::new(vec![Identity::parse(&text).unwrap().recipient().unwrap()])
                    .unwrap()
                    .encrypt(b"x")
                    .unwrap(),
                Some("failed to decrypt identity file: it is encrypted to a recipient and not with a passphrase"),
            ),
        ] {
            let (ask, count) = asked(PASSPHRASE);
            let error = open(&enc, &identity(file, ask, Arc::default())).unwrap_err();
            match expected {
                Some(expected) => {
                    assert_eq!((error.as_str(), count.load(Ordering::Relaxed)), (expected, 0));
                }
                None => assert!(error.contains("its work factor is 30, and more than 20 is refused"), "{error}"),
            }
        }
    }
}
