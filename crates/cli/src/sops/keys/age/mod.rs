//! age keys: recipients of every kind that a file can name, and all identities that this machine has.
//!
//! - `recipients`: from the text in the file to somebody who can be encrypted to
//! - `places`: where identities are looked for, in the real tool's order
//! - `parse`: the lines of an identity file
//! - `go`: how the real tool words errors of the operating system and of Bech32

mod go;
mod parse;
mod places;
mod recipients;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bulla_core::age::{Unopened, decrypt_armored};
use bulla_core::secret::SecretBytes;

pub(crate) use places::{Found, Variables};
pub(crate) use recipients::check_recipient;

/// The age identities of this machine. They are looked for once; commands that are asked for one recipient, once for each.
pub(crate) struct AgeKeys {
    variables: Variables,
    fixed: OnceLock<Found>,
    commanded: Mutex<HashMap<String, Arc<Found>>>,
}

impl AgeKeys {
    /// Identities as these variables say.
    pub(crate) fn new(variables: Variables) -> Self {
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
        AgeKeys::new(Variables::of(variables))
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
        assert!(error(&[home, ("SOPS_AGE_KEY_CMD", &command)]).contains("execute command sh: exit status 3"));
    }
}
