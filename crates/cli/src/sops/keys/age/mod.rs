//! age keys: recipients of every kind that a file can name, and all identities that this machine has.
//!
//! - `recipients`: from the text in the file to somebody who can be encrypted to
//! - `places`: where identities are looked for, in the real tool's order
//! - `parse`: the lines of an identity file
//! - `ssh`, `encrypted`, `plugin`: identities that are more than a line of text
//! - `go`: how the real tool words errors of the operating system and of Bech32

mod encrypted;
mod go;
mod parse;
mod places;
mod plugin;
mod recipients;
mod ssh;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bulla_core::age::{Unopened, decrypt_armored};
use bulla_core::secret::SecretBytes;

pub(crate) use places::{Found, Outcome, Variables};
pub(crate) use recipients::check_recipient;

/// The age identities of this machine. They are looked for once; commands that are asked for one recipient, once for each.
pub(crate) struct AgeKeys {
    variables: Arc<Variables>,
    fixed: OnceLock<Found>,
    commanded: Mutex<HashMap<String, Arc<Found>>>,
}

impl AgeKeys {
    /// Identities as these variables say.
    pub(crate) fn new(variables: Arc<Variables>) -> Self {
        Self { variables, fixed: OnceLock::new(), commanded: Mutex::default() }
    }

    /// Encrypts a part of the data key to a recipient.
    pub(crate) fn wrap(&self, recipient: &str, part: &[u8]) -> Result<String, String> {
        recipients::wrap(recipient, part)
    }

    /// Opens a part of the data key that was encrypted to `recipient`.
    pub(crate) fn unwrap(&self, recipient: &str, enc: &str) -> Result<SecretBytes, String> {
        let (fixed, commanded) = (self.fixed(), self.commanded(recipient));
        let mut identities: Vec<_> = fixed.identities.iter().chain(&commanded.identities).collect();
        if identities.is_empty() {
            return Err(told("failed to load age identities", None, &[fixed, &commanded]));
        }
        identities.sort_by_key(|named| named.turn(recipient));
        let opened = decrypt_armored(enc.as_bytes(), identities.iter().map(|named| named.identity.as_age()));
        opened.map(SecretBytes::from).map_err(|error| {
            let reason = match &error {
                Unopened::Header(error) => format!("failed to read header: parsing age header: {}", go::header(error)),
                Unopened::NoMatch(1) => {
                    "identity did not match any of the recipients: incorrect identity for recipient block".to_owned()
                }
                Unopened::NoMatch(_) => "no identity matched any of the recipients".to_owned(),
                Unopened::Identity(error) => go::identity(error),
                Unopened::Damaged => "the file was changed or cut after it was written".to_owned(),
            };
            told("failed to create reader for decrypting sops data key with age", Some(&reason), &[fixed, &commanded])
        })
    }

    /// What was found without asking any command, for explanations.
    pub(crate) fn fixed(&self) -> &Found {
        self.fixed.get_or_init(|| places::look(&self.variables))
    }

    /// What the commands give for a recipient.
    pub(crate) fn commanded(&self, recipient: &str) -> Arc<Found> {
        let mut known = self.commanded.lock().unwrap_or_else(PoisonError::into_inner);
        // Without commands there is one answer for everybody. While a command runs, nobody else starts it.
        let recipient = if places::has_commands(&self.variables) { recipient } else { "" };
        known
            .entry(recipient.to_owned())
            .or_insert_with(|| Arc::new(places::ask_commands(&self.variables, recipient)))
            .clone()
    }
}

/// An error as the real tool words it: what failed, what went wrong while identities were loaded, and where there were none.
fn told(what: &str, reason: Option<&str>, found: &[&Found]) -> String {
    let mut text = what.to_owned();
    if let Some(reason) = reason {
        let _ = write!(text, ": {reason}");
    }
    let errors = places::errors(found);
    if !errors.is_empty() {
        let _ = write!(text, ". Errors while loading age identities: {}", errors.join("; "));
    }
    let _ = match &places::unused(found)[..] {
        [] => Ok(()),
        [one] => write!(text, ". Did not find keys in location '{one}'."),
        [one, two] => write!(text, ". Did not find keys in locations '{one}' and '{two}'."),
        [most @ .., last] => {
            write!(text, ". Did not find keys in locations '{}', and '{last}'.", most.join("', '"))
        }
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    const OTHER: &str = "AGE-SECRET-KEY-1G2DYGWVZDHSJT0QLHAERU7M54X49LDV8SLY62LT3EEXNE0YPHGHQPWXMXD";

    fn recipient(identity: &str) -> String {
        bulla_core::age::Identity::parse(identity).ok().unwrap().recipient().unwrap().to_string()
    }

    fn keys(variables: &[(&str, &str)]) -> AgeKeys {
        AgeKeys::new(Arc::new(Variables::of(variables)))
    }

    /// The wrapped keys of a vector.
    fn vector(name: &str) -> Vec<(String, String)> {
        let path = format!("{}/../../tests/vectors/sops/enc/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut keys = Vec::new();
        let mut lines = text.lines().map(str::trim_start).peekable();
        while let Some(line) = lines.next() {
            if line.trim_start_matches("- ") == "enc: |" {
                let mut enc = String::new();
                for line in lines.by_ref() {
                    enc += &format!("{line}\n");
                    if line.starts_with("-----END") {
                        break;
                    }
                }
                let recipient = lines.next().unwrap().strip_prefix("recipient: ").unwrap();
                keys.push((recipient.to_owned(), enc));
            }
        }
        assert!(!keys.is_empty(), "{name} has no age key");
        keys
    }

    fn opens(name: &str, variables: &[(&str, &str)]) {
        let keys = keys(variables);
        for (recipient, enc) in vector(name) {
            let opened = keys.unwrap(&recipient, &enc).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(opened.len(), 32, "{name}");
        }
    }

    fn key_file(name: &str) -> String {
        format!("{}/../../tests/vectors/sops/keys/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn what_the_real_tool_wrapped_opens() {
        opens("basic.age.yaml", &[("SOPS_AGE_KEY_FILE", &key_file("age-a.txt"))]);
        opens("basic.agepq.yaml", &[("SOPS_AGE_KEY_FILE", &key_file("age-pq.txt"))]);
        let both = format!("cat {} {}", key_file("age-a.txt"), key_file("age-b.txt"));
        opens("basic.age2.yaml", &[("SOPS_AGE_KEY_CMD", &both)]);
        for (vector, key) in [("basic.agessh.yaml", "ssh_ed25519"), ("basic.agesshrsa.yaml", "ssh_rsa")] {
            opens(vector, &[("SOPS_AGE_SSH_PRIVATE_KEY_FILE", &key_file(key))]);
            let command = format!("cat {}", key_file(key));
            opens(vector, &[("SOPS_AGE_SSH_PRIVATE_KEY_CMD", &command)]);
        }
    }

    #[test]
    fn ssh_keys_of_the_home_folder_are_found_and_bad_ones_named() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        std::fs::create_dir(&ssh).unwrap();
        let variables = [("HOME", home.path().to_str().unwrap())];
        std::fs::copy(key_file("ssh_ed25519"), ssh.join("id_ed25519")).unwrap();
        std::fs::copy(key_file("ssh_rsa"), ssh.join("id_rsa")).unwrap();
        opens("basic.agessh.yaml", &variables);
        opens("basic.agesshrsa.yaml", &variables);
        let vectors = format!("{}/../../tests/vectors/ssh", env!("CARGO_MANIFEST_DIR"));
        let id_rsa = ssh.join("id_rsa");
        let shown = id_rsa.display();
        for (name, expected) in [
            ("README.md", format!("malformed SSH identity in \"{shown}\": ssh: no key found")),
            (
                "ecdsa",
                format!("malformed SSH identity in \"{shown}\": unsupported SSH identity type: *ecdsa.PrivateKey"),
            ),
            (
                "rsa.pem.locked",
                format!(
                    "failed to obtain public \"{shown}.pub\" key for \"{shown}\" SSH key: open {shown}.pub: no such \
                     file or directory"
                ),
            ),
        ] {
            std::fs::copy(format!("{vectors}/{name}"), &id_rsa).unwrap();
            assert!(
                error(&variables).contains(&format!("loading age identities: {expected}")),
                "{}",
                error(&variables)
            );
        }
        let command = format!("cat {vectors}/rsa.locked");
        assert!(error(&[("SOPS_AGE_SSH_PRIVATE_KEY_CMD", &command)]).contains(
            "the SSH key returned by running SOPS_AGE_SSH_PRIVATE_KEY_CMD is password protected, which is unsupported. \
             (\"ssh: this private key is passphrase protected\")"
        ));
    }

    #[cfg(unix)]
    #[test]
    fn the_agent_is_asked_for_the_passphrase_of_an_identity_file() {
        use std::io::{BufRead as _, BufReader, Write as _};
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.write_all(b"OK Pleased to meet you\n").unwrap();
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap();
                    let answer = match line.split(' ').next() {
                        // correct horse
                        Some("GET_PASSPHRASE") if line.contains("SOPS_AGE_KEY_FILE") => {
                            "OK 636f727265637420686f727365\n"
                        }
                        Some("GET_PASSPHRASE") => "S PROGRESS\nERR 83886179 canceled\n",
                        _ => "OK\n",
                    };
                    hearing.lock().unwrap().push(line);
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let file = locked(&format!("# mine\n{MINE}\n"));
        let path = folder.path().join("key.age");
        std::fs::write(&path, file).unwrap();
        let agent = ("GPG_AGENT_INFO", &*format!("{}:1:1", socket.display()));
        let config = folder.path().join("sops/age/keys.txt");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::copy(&path, &config).unwrap();
        assert!(error(&[agent, ("XDG_CONFIG_HOME", folder.path().to_str().unwrap())]).contains(
            "with age: failed to decrypt identity file: could not read passphrase: gpg-agent passphrase request errored: \
             gpgagent: Cancel"
        ));
        std::fs::remove_file(&config).unwrap();
        // Another identity opens the file: nobody is asked.
        let both = [agent, ("SOPS_AGE_KEY", OTHER), ("SOPS_AGE_KEY_FILE", path.to_str().unwrap())];
        let keys = keys(&both);
        heard.lock().unwrap().clear();
        let enc = keys.wrap(&recipient(OTHER), b"key").unwrap();
        assert!(keys.unwrap(&recipient(OTHER), &enc).is_ok());
        assert_eq!(*heard.lock().unwrap(), Vec::<String>::new());
        let enc = keys.wrap(&recipient(MINE), b"key").unwrap();
        for _ in 0..2 {
            assert!(keys.unwrap(&recipient(MINE), &enc).is_ok());
        }
        let heard = heard.lock().unwrap();
        let asked: Vec<_> = heard.iter().filter(|line| line.starts_with("GET_PASSPHRASE")).collect();
        assert!(
            matches!(&asked[..], [line] if line.starts_with("GET_PASSPHRASE SopsAge") && line.contains(" X Passphrase Enter+"))
        );
    }

    #[test]
    fn where_nobody_can_be_asked_a_protected_file_says_so_and_a_variable_may_hold_one() {
        use std::io::Write as _;
        let mut armoured = Vec::new();
        let mut writer =
            ::age::armor::ArmoredWriter::wrap_output(&mut armoured, ::age::armor::Format::AsciiArmor).unwrap();
        writer.write_all(&locked(MINE)).unwrap();
        writer.finish().unwrap();
        let text = String::from_utf8(armoured).unwrap();
        let error = error(&[("SOPS_AGE_KEY", &text), ("GPG_AGENT_INFO", "/nonexistent:1:1")]);
        assert!(error.contains("failed to decrypt identity file: could not read passphrase: "), "{error}");
    }

    /// An identity file with the passphrase `correct horse`.
    fn locked(text: &str) -> Vec<u8> {
        use std::io::Write as _;
        let mut recipient = ::age::scrypt::Recipient::new("correct horse".to_owned().into());
        recipient.set_work_factor(4);
        let recipient: &dyn ::age::Recipient = &recipient;
        let mut file = Vec::new();
        let encryptor = ::age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap();
        file
    }

    fn error(variables: &[(&str, &str)]) -> String {
        let (mine, keys) = (recipient(MINE), keys(variables));
        let enc = keys.wrap(&mine, &[7; 32]).unwrap();
        let error = keys.unwrap(&mine, &enc).err().unwrap_or_else(|| panic!("it opens"));
        assert!(!error.contains("YYSJZGF"), "{error}");
        error
    }

    #[test]
    fn what_is_wrapped_opens_with_the_identity_from_every_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sops/age/keys.txt");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("# created: 2026\n\n{OTHER}\r\n{MINE}\n")).unwrap();
        let home = folder.path().join("home");
        let config = home.join(".config/sops/age/keys.txt");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        std::fs::copy(&path, &config).unwrap();
        let command = format!("sh -c 'cat {}; test $SOPS_AGE_RECIPIENT = {}'", path.display(), recipient(MINE));
        for variables in [
            &[("SOPS_AGE_KEY", &*format!("{OTHER} {MINE}"))][..],
            &[("SOPS_AGE_KEY", &format!("# one\n{OTHER}\n{MINE}"))],
            &[("SOPS_AGE_KEY_FILE", path.to_str().unwrap())],
            &[("SOPS_AGE_KEY_CMD", &command)],
            &[("XDG_CONFIG_HOME", folder.path().to_str().unwrap())],
            &[("HOME", home.to_str().unwrap())],
            // A place that fails does not keep another from opening the file.
            &[("SOPS_AGE_KEY", MINE), ("SOPS_AGE_KEY_FILE", "/nonexistent"), ("SOPS_AGE_KEY_CMD", "false")],
        ] {
            let keys = keys(variables);
            let mine = recipient(MINE);
            let enc = keys.wrap(&mine, &[7; 32]).unwrap();
            let opened = keys.unwrap(&mine, &enc).unwrap_or_else(|error| panic!("{variables:?}: {error}"));
            assert_eq!(opened.expose(), [7; 32]);
        }
    }

    #[test]
    fn a_command_runs_once_for_each_recipient() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!("sh -c 'echo $SOPS_AGE_RECIPIENT >> {}; echo {MINE}; echo {OTHER}'", log.display());
        let keys = keys(&[("SOPS_AGE_KEY_CMD", &script)]);
        for identity in [MINE, OTHER, MINE, OTHER] {
            let enc = keys.wrap(&recipient(identity), b"key").unwrap();
            assert!(keys.unwrap(&recipient(identity), &enc).is_ok());
        }
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.lines().collect::<Vec<_>>(), [recipient(MINE), recipient(OTHER)]);
    }

    #[test]
    fn errors_are_worded_as_the_real_tool_words_them() {
        const PLACES: &str = "'SOPS_AGE_SSH_PRIVATE_KEY_FILE', 'SOPS_AGE_SSH_PRIVATE_KEY_CMD', \
                              '/none/.ssh/id_ed25519', '/none/.ssh/id_rsa'";
        let home = ("HOME", "/none");
        let config = "/none/.config/sops/age/keys.txt";
        assert_eq!(
            error(&[home]),
            format!(
                "failed to load age identities. Did not find keys in locations {PLACES}, 'SOPS_AGE_KEY', \
                 'SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY_CMD', and '{config}'."
            )
        );
        assert_eq!(
            error(&[home, ("SOPS_AGE_KEY", OTHER)]),
            format!(
                "failed to create reader for decrypting sops data key with age: identity did not match any of the \
                 recipients: incorrect identity for recipient block. Did not find keys in locations {PLACES}, \
                 'SOPS_AGE_KEY_FILE', and 'SOPS_AGE_KEY_CMD'."
            )
        );
        assert_eq!(
            error(&[home, ("SOPS_AGE_KEY", "foo")]),
            format!(
                "failed to load age identities. Errors while loading age identities: failed to parse 'SOPS_AGE_KEY' \
                 age identities: unknown identity type. Did not find keys in locations {PLACES}, \
                 'SOPS_AGE_KEY_FILE', and 'SOPS_AGE_KEY_CMD'."
            )
        );
        assert_eq!(
            error(&[home, ("SOPS_AGE_KEY", ""), ("SOPS_AGE_KEY_FILE", "/none/x"), ("SOPS_AGE_KEY_CMD", "false")]),
            format!(
                "failed to load age identities. Errors while loading age identities: failed to open \
                 SOPS_AGE_KEY_FILE file: open /none/x: no such file or directory; failed to execute command false: \
                 exit status 1. Did not find keys in locations {PLACES}, and 'SOPS_AGE_KEY'."
            )
        );
        let two = format!("{OTHER} {OTHER}");
        assert!(
            error(&[home, ("SOPS_AGE_KEY", &two)]).contains("with age: no identity matched any of the recipients.")
        );
        assert!(error(&[home, ("SOPS_AGE_KEY", &MINE[..70])]).contains("malformed secret key: invalid checksum"));
        let command = format!("echo {} x", &MINE[..70]);
        assert!(error(&[home, ("SOPS_AGE_KEY_CMD", &command)]).contains("'SOPS_AGE_KEY_CMD' age identities"));
        let command = format!("sh -c 'echo {MINE} >&2; exit 3'");
        assert!(
            error(&[home, ("SOPS_AGE_KEY_CMD", &command)])
                .contains("execute command (not shown: an identity is in it): exit status 3")
        );
    }
}
