//! PGP keys: keyrings in the old format first, as the real tool does (it reads them itself), then the `gpg` program, which is where almost
//! everybody's keys are.
//!
//! - `gpg`: the program
//! - `ring`: `secring.gpg` and `pubring.gpg`, binary or armoured. GnuPG since 2.1 keeps its keys elsewhere, and those are its own affair
//! - `message`: what a data key is wrapped in

mod gpg;
mod message;
mod ring;

use std::sync::Arc;

use bulla_core::secret::SecretBytes;

use super::age::Variables;

/// The PGP keys of this machine.
pub(crate) struct PgpKeys {
    variables: Arc<Variables>,
}

impl PgpKeys {
    /// Keys as these variables say.
    pub(crate) fn new(variables: Arc<Variables>) -> Self {
        Self { variables }
    }

    /// Encrypts a part of the data key.
    pub(crate) fn wrap(&self, fingerprint: &str, part: &[u8]) -> Result<String, String> {
        let fingerprint = fingerprint.replace(' ', "");
        let by_ring = match ring::wrap(&self.variables, &fingerprint, part) {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        gpg::wrap(&self.variables, &fingerprint, part)
            .map_err(|by_gpg| both("could not encrypt data key with PGP key", &by_ring, &by_gpg))
    }

    /// Opens a part of the data key.
    pub(crate) fn unwrap(&self, enc: &str) -> Result<SecretBytes, String> {
        let by_ring = match ring::unwrap(&self.variables, enc) {
            Ok(part) => return Ok(part),
            Err(error) => error,
        };
        gpg::unwrap(&self.variables, enc)
            .map_err(|by_gpg| both("could not decrypt data key with PGP key", &by_ring, &by_gpg))
    }

    /// Where the keys are, for explanations.
    pub(crate) fn home(&self) -> String {
        ring::home(&self.variables).display().to_string()
    }

    /// The program.
    pub(crate) fn program(&self) -> String {
        gpg::program(&self.variables).to_string_lossy().into_owned()
    }
}

fn both(what: &str, by_ring: &str, by_gpg: &str) -> String {
    format!("{what}: github.com/ProtonMail/go-crypto/openpgp error: {by_ring}; GnuPG binary error: {by_gpg}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = "467000AD2C4423D6AD1E5F53CF3A8C45D49832BE";
    const CURVE: &str = "2BC32938C3B8605E7526D81A23CDEE3C51979810";

    fn file(name: &str) -> String {
        std::fs::read_to_string(format!("{}/../../tests/vectors/sops/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// The message in a file that the real tool wrote.
    fn vector(name: &str) -> String {
        let text = file(&format!("enc/{name}"));
        let lines = text.lines().map(str::trim).skip_while(|line| *line != "-----BEGIN PGP MESSAGE-----");
        let mut lines: Vec<&str> = lines.collect();
        let end = lines.iter().position(|line| *line == "-----END PGP MESSAGE-----").unwrap();
        lines.truncate(end + 1);
        lines.join("\n")
    }

    /// A folder of GnuPG with these keyrings, and a program that is not there.
    fn rings(rings: &[(&str, &str)]) -> (tempfile::TempDir, PgpKeys) {
        let home = tempfile::tempdir().unwrap();
        for (name, key) in rings {
            std::fs::write(home.path().join(name), file(&format!("keys/{key}"))).unwrap();
        }
        let variables =
            Variables::of(&[("GNUPGHOME", home.path().to_str().unwrap()), ("SOPS_GPG_EXEC", "/nonexistent/gpg")]);
        (home, PgpKeys::new(Arc::new(variables)))
    }

    #[test]
    fn old_keyrings_open_what_the_real_tool_wrapped_without_a_program() {
        for (key, vector_name) in [("pgp-rsa.sec.asc", "basic.pgp.yaml"), ("pgp-cv25519.sec.asc", "basic.pgpcv.yaml")] {
            for ring in ["secring.gpg", "pubring.gpg"] {
                let (_home, keys) = rings(&[(ring, key)]);
                let opened = keys.unwrap(&vector(vector_name)).unwrap_or_else(|error| panic!("{key}: {error}"));
                assert_eq!(opened.len(), 32, "{key}");
            }
        }
        let (_home, keys) = rings(&[("secring.gpg", "pgp-rsa.sec.asc")]);
        let error = keys.unwrap(&vector("basic.pgpcv.yaml")).err().unwrap();
        assert_eq!(
            error,
            "could not decrypt data key with PGP key: github.com/ProtonMail/go-crypto/openpgp error: reading PGP \
             message failed: openpgp: incorrect key; GnuPG binary error: failed to decrypt sops data key with pgp: \
             fork/exec /nonexistent/gpg: no such file or directory"
        );
    }

    #[test]
    fn what_is_wrapped_with_a_keyring_opens_with_it() {
        for (fingerprint, name) in [(RSA, "pgp-rsa"), (CURVE, "pgp-cv25519")] {
            let (public, secret) = (format!("{name}.pub.asc"), format!("{name}.sec.asc"));
            let (_home, keys) = rings(&[("pubring.gpg", &public), ("secring.gpg", &secret)]);
            let spaced = format!("{} {}", &fingerprint[..20], &fingerprint[20..]);
            let enc = keys.wrap(&spaced, &[7; 33]).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(enc.starts_with("-----BEGIN PGP MESSAGE-----\n"), "{enc}");
            assert_eq!(keys.unwrap(&enc).unwrap().expose(), [7; 33]);
        }
        let (home, keys) = rings(&[]);
        let error = keys.wrap(RSA, b"x").unwrap_err();
        assert!(error.contains(&format!("key with fingerprint '{RSA}' is not available in keyring")), "{error}");
        let error = keys.unwrap(&vector("basic.pgp.yaml")).err().unwrap();
        let missing = home.path().join("pubring.gpg");
        let expected = format!("could not load secring: open {}: no such file or directory;", missing.display());
        assert!(error.contains(&expected), "{error}");
    }

    #[test]
    fn damaged_messages_and_rings_are_refused() {
        let (home, keys) = rings(&[("secring.gpg", "pgp-rsa.sec.asc")]);
        let good = vector("basic.pgp.yaml");
        for at in [60, 200, 400, 600, 700] {
            let mut bad = good.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            assert!(keys.unwrap(&String::from_utf8(bad).unwrap()).is_err(), "byte {at}");
        }
        for bad in ["", "nonsense", "-----BEGIN PGP MESSAGE-----\n", &good[..300]] {
            assert!(keys.unwrap(bad).is_err(), "{bad}");
        }
        for ring in [&b""[..], b"nonsense", &[0x99; 500], &file("keys/pgp-rsa.sec.asc").as_bytes()[..900]] {
            std::fs::write(home.path().join("secring.gpg"), ring).unwrap();
            assert!(keys.unwrap(&good).is_err());
        }
    }

    #[test]
    fn the_program_wraps_and_opens() {
        let home = tempfile::tempdir().unwrap();
        let Ok(import) = std::process::Command::new("gpg")
            .args(["--batch", "--quiet", "--homedir"])
            .arg(home.path())
            .arg("--import")
            .args(
                ["pgp-rsa.sec.asc", "pgp-cv25519.sec.asc"]
                    .map(|name| format!("{}/../../tests/vectors/sops/keys/{name}", env!("CARGO_MANIFEST_DIR"))),
            )
            .stderr(std::process::Stdio::null())
            .status()
        else {
            return;
        };
        assert!(import.success());
        // The program takes its folder from the environment of the process: a script stands between.
        let script = home.path().join("program");
        let text = format!("#!/bin/sh\nexec gpg --batch --homedir '{}' \"$@\"\n", home.path().display());
        std::fs::write(&script, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let variables = [("GNUPGHOME", "/nonexistent"), ("SOPS_GPG_EXEC", script.to_str().unwrap())];
        let keys = PgpKeys::new(Arc::new(Variables::of(&variables)));
        for (fingerprint, vector_name) in [(RSA, "basic.pgp.yaml"), (CURVE, "basic.pgpcv.yaml")] {
            assert_eq!(keys.unwrap(&vector(vector_name)).unwrap().len(), 32);
            let enc = keys.wrap(fingerprint, &[7; 32]).unwrap_or_else(|error| panic!("{error}"));
            assert!(enc.starts_with("-----BEGIN PGP MESSAGE-----\n") && enc.ends_with("-----END PGP MESSAGE-----"));
            assert_eq!(keys.unwrap(&enc).unwrap().expose(), [7; 32]);
        }
        let _ =
            std::process::Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).status();
    }
}
