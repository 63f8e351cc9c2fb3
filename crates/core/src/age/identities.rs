//! Identity files, and the decryption of whole files in memory.

use age::DecryptError;
use zeroize::Zeroizing;

use crate::Error;
use crate::age::Identity;

/// The beginnings of a file that is itself encrypted: `age -p` of an identity file.
const ENCRYPTED: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// Whose files can be opened. At least one.
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Reads an identity file: one identity on each line, empty lines and lines that begin with `#` between them.
    ///
    /// # Errors
    /// [`Error::AgeIdentityEncrypted`] for a file that a passphrase protects, [`Error::AgeNoIdentity`] when there is none,
    /// [`Error::AgeIdentityAt`] with the line of what cannot be read.
    pub fn from_file(file: &[u8]) -> Result<Self, Error> {
        if ENCRYPTED.iter().any(|start| file.trim_ascii_start().starts_with(start)) {
            return Err(Error::AgeIdentityEncrypted);
        }
        let mut identities = Vec::new();
        for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let identity = std::str::from_utf8(line).map_err(|_| Error::AgeIdentityMalformed).and_then(Identity::parse);
            identities
                .push(identity.map_err(|error| Error::AgeIdentityAt { line: index + 1, source: Box::new(error) })?);
        }
        if identities.is_empty() { Err(Error::AgeNoIdentity) } else { Ok(Self(identities)) }
    }

    /// These and the ones of another file.
    pub fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The identities.
    pub fn iter(&self) -> impl Iterator<Item = &Identity> {
        self.0.iter()
    }

    /// Opens an age file, binary or armoured, and returns all of it or nothing. More than `limit` bytes of plaintext are refused.
    ///
    /// age authenticates what is in the file and not who wrote it: whoever knows the recipient can write one.
    ///
    /// # Errors
    /// [`Error::AgeNotAFile`], [`Error::AgePassphrase`], [`Error::AgeNoMatch`] when it is for somebody else,
    /// [`Error::AgeDamaged`] when it was changed or cut, [`Error::AgeTooLarge`].
    pub fn decrypt(&self, file: &[u8], limit: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let identities = || self.0.iter().map(Identity::as_age);
        // The armour is told from binary by the first bytes alone, so that binary is not copied.
        if file.trim_ascii_start().starts_with(ARMOR) {
            let reader = age::armor::ArmoredReader::new(file);
            let decryptor = age::Decryptor::new_buffered(reader).map_err(not_a_file)?;
            refuse_passphrase(decryptor.is_scrypt())?;
            read(decryptor.decrypt(identities()).map_err(not_opened)?, file.len(), limit)
        } else {
            let decryptor = age::Decryptor::new_buffered(file).map_err(not_a_file)?;
            refuse_passphrase(decryptor.is_scrypt())?;
            read(decryptor.decrypt(identities()).map_err(not_opened)?, file.len(), limit)
        }
    }
}

fn refuse_passphrase(passphrase: bool) -> Result<(), Error> {
    if passphrase { Err(Error::AgePassphrase) } else { Ok(()) }
}

fn not_a_file(error: DecryptError) -> Error {
    match error {
        // A header that begins well and then breaks off.
        DecryptError::InvalidMac | DecryptError::DecryptionFailed => Error::AgeDamaged,
        _ => Error::AgeNotAFile,
    }
}

fn not_opened(error: DecryptError) -> Error {
    match error {
        DecryptError::NoMatchingKeys => Error::AgeNoMatch,
        _ => Error::AgeDamaged,
    }
}

/// Everything, into one buffer: the plaintext is never longer than the file.
fn read(mut reader: impl std::io::Read, size: usize, limit: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let most = size.min(limit.saturating_add(1));
    let mut plaintext = Zeroizing::new(vec![0; most]);
    let mut filled = 0;
    while filled < plaintext.len() {
        match reader.read(&mut plaintext[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Error::AgeDamaged),
        }
    }
    if filled > limit {
        return Err(Error::AgeTooLarge { limit });
    }
    // Only at its end a file says whether it is whole.
    let mut end = [0];
    match reader.read(&mut end) {
        Ok(0) => {}
        Ok(_) | Err(_) => return Err(Error::AgeDamaged),
    }
    plaintext.truncate(filled);
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::age::identity::tests::x25519_text;
    use crate::age::{Recipients, hybrid};

    const LIMIT: usize = 1 << 20;

    fn identities(text: &str) -> Identities {
        Identities::from_file(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn recipients(identities: &Identities) -> Recipients {
        Recipients::new(identities.iter().map(|identity| identity.recipient().unwrap()).collect()).unwrap()
    }

    fn failure(result: Result<Zeroizing<Vec<u8>>, Error>) -> Error {
        result.err().unwrap_or_else(|| panic!("it opens"))
    }

    #[test]
    fn an_identity_file_has_comments_empty_lines_and_several_identities() {
        let (one, two) = (x25519_text(), x25519_text());
        let text = format!("# created: 2026-11-21\n# public key: age1x\n\n  {one}\r\n\n{two}");
        let both = identities(&text);
        assert_eq!(both.iter().count(), 2);
        for single in [&one, &two] {
            let file = recipients(&identities(single)).encrypt(b"plaintext").unwrap();
            assert_eq!(both.decrypt(&file, LIMIT).unwrap().as_slice(), b"plaintext");
        }
        let mut added = identities(&one);
        added.add(identities(&two));
        assert_eq!(added.iter().count(), 2);
    }

    #[test]
    fn a_bad_identity_file_is_refused_with_the_line() {
        let good = x25519_text();
        for (file, expected) in [
            (String::new(), "no identity"),
            ("# only a comment\n".to_owned(), "no identity"),
            (format!("{good}\nnonsense\n"), "line 2: not an age identity"),
            (format!("# x\n\nage1qqqqqqqqqqqqqqqqqq\n{good}"), "line 3: this is an age recipient"),
            ("AGE-PLUGIN-YUBIKEY-1QQ".to_owned(), "line 1: identities of an age plugin"),
            ("age-encryption.org/v1\n-> scrypt x 18\n".to_owned(), "itself encrypted"),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n".to_owned(), "itself encrypted"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n".to_owned(), "line 1: identities of SSH"),
        ] {
            let error = Identities::from_file(file.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
            assert!(!error.contains(&good[20..40]));
        }
        assert!(Identities::from_file(b"\xff\xfe\n").is_err());
    }

    #[test]
    fn a_file_opens_whole_or_not_at_all() {
        for text in [x25519_text(), hybrid::tests::pair_as_text().0] {
            let (mine, other) = (identities(&text), identities(&x25519_text()));
            for size in [0, 1, 65_536, 65_537] {
                let plaintext = vec![7; size];
                let file = recipients(&mine).encrypt(&plaintext).unwrap();
                assert_eq!(mine.decrypt(&file, LIMIT).unwrap().as_slice(), plaintext);
                assert_eq!(mine.decrypt(&file, size).unwrap().len(), size, "just as much as is allowed");
                assert!(matches!(failure(other.decrypt(&file, LIMIT)), Error::AgeNoMatch));
                if size > 0 {
                    assert!(matches!(failure(mine.decrypt(&file, size - 1)), Error::AgeTooLarge { .. }));
                }
                for cut in [1, 16, 17, 65_536 + 16] {
                    if cut < size {
                        assert!(mine.decrypt(&file[..file.len() - cut], LIMIT).is_err(), "cut by {cut}");
                    }
                }
                let longer = [&file[..], b"x"].concat();
                assert!(mine.decrypt(&longer, LIMIT).is_err(), "with something behind it");
            }
        }
    }

    #[test]
    fn armour_is_read_as_well() {
        use std::io::Write as _;
        let mine = identities(&x25519_text());
        let recipient = mine.iter().next().unwrap().recipient().unwrap();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient.as_age())).unwrap();
        let mut armoured = Vec::new();
        let writer = age::armor::ArmoredWriter::wrap_output(&mut armoured, age::armor::Format::AsciiArmor).unwrap();
        let mut writer = encryptor.wrap_output(writer).unwrap();
        writer.write_all(&[9; 70_000]).unwrap();
        writer.finish().unwrap().finish().unwrap();
        assert_eq!(mine.decrypt(&armoured, LIMIT).unwrap().as_slice(), [9; 70_000]);
        assert!(mine.decrypt(&armoured[..armoured.len() - 100], LIMIT).is_err());
    }

    #[test]
    fn what_the_age_tool_wrote_for_a_hybrid_recipient_opens() {
        use base64::Engine as _;
        let vector: serde_json::Value =
            serde_json::from_str(include_str!("../../../../tests/vectors/age/hybrid.json")).unwrap();
        let text = |name: &str| vector[name].as_str().unwrap();
        let file = base64::engine::general_purpose::STANDARD.decode(text("file")).unwrap();
        let opened = identities(text("identity")).decrypt(&file, LIMIT).unwrap();
        assert_eq!(opened.as_slice(), text("plaintext").as_bytes());
    }

    #[test]
    fn what_is_no_age_file_is_told_from_one() {
        let mine = identities(&x25519_text());
        for bytes in
            [&b""[..], b"apiVersion: v1\n", b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----\n"]
        {
            assert!(matches!(failure(mine.decrypt(bytes, LIMIT)), Error::AgeNotAFile));
        }
        let passphrase = age::Encryptor::with_user_passphrase("x".to_owned().into());
        let mut file = Vec::new();
        passphrase.wrap_output(&mut file).unwrap().finish().unwrap();
        assert!(matches!(failure(mine.decrypt(&file, LIMIT)), Error::AgePassphrase));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_encrypted_opens_and_a_flipped_bit_never_does(
            plaintext in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<proptest::sample::Index>(),
            bit in 0u32..8,
            hybrid in prop::bool::weighted(0.2),
        ) {
            static PAIRS: std::sync::LazyLock<[(Identities, Recipients); 2]> = std::sync::LazyLock::new(|| {
                [x25519_text(), hybrid::tests::pair_as_text().0].map(|text| {
                    let identities = identities(&text);
                    let recipients = recipients(&identities);
                    (identities, recipients)
                })
            });
            let (identities, recipients) = &PAIRS[usize::from(hybrid)];
            let mut file = recipients.encrypt(&plaintext).unwrap();
            let opened = identities.decrypt(&file, LIMIT).unwrap();
            prop_assert_eq!(opened.as_slice(), &plaintext[..]);
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            prop_assert!(identities.decrypt(&file, LIMIT).is_err(), "bit {} of byte {} makes no difference", bit, at);
        }

        #[test]
        fn hostile_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            crate::fuzz::age_file(&bytes);
            crate::fuzz::age_file(&[b"age-encryption.org/v1\n-> X25519 ", &bytes[..]].concat());
        }
    }
}
