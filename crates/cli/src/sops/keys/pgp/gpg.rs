//! The `gpg` program. It asks for passphrases by itself; an interrupt at the terminal reaches it as well.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};

use bulla_core::secret::SecretBytes;
use zeroize::Zeroizing;

use crate::report::os_error;
use crate::sops::keys::age::Variables;

/// The longest part of what gpg says that an error repeats.
const MAX_WORDS: usize = 2000;

/// Encrypts to the key with this fingerprint, or to exactly the subkey if it ends with `!`.
pub(super) fn wrap(variables: &Variables, fingerprint: &str, part: &[u8]) -> Result<String, String> {
    let arguments = [
        "--no-default-recipient",
        "--yes",
        "--encrypt",
        "-a",
        "-r",
        fingerprint,
        "--trusted-key",
        key_id(fingerprint),
        "--no-encrypt-to",
    ];
    let output = run(variables, &arguments, part)
        .map_err(|error| format!("failed to encrypt sops data key with pgp: {error}"))?;
    let text = std::str::from_utf8(&output).unwrap_or_default().trim();
    if text.is_empty() {
        return Err("failed to encrypt sops data key with pgp: zero bytes returned".to_owned());
    }
    Ok(text.to_owned())
}

/// Decrypts with whatever secret key the program has.
pub(super) fn unwrap(variables: &Variables, enc: &str) -> Result<SecretBytes, String> {
    let output = run(variables, &["-d"], enc.as_bytes())
        .map_err(|error| format!("failed to decrypt sops data key with pgp: {error}"))?;
    // Old versions drop packets that they do not know, say nothing, and succeed (getsops/sops#896).
    if output.is_empty() {
        return Err("failed to decrypt sops data key with pgp: zero bytes returned".to_owned());
    }
    Ok(SecretBytes::from(output))
}

/// `gpg`, or what `SOPS_GPG_EXEC` names.
pub(super) fn program(variables: &Variables) -> OsString {
    variables.get("SOPS_GPG_EXEC").filter(|program| !program.is_empty()).unwrap_or_else(|| "gpg".into())
}

/// The last sixteen digits, and the mark of a subkey.
fn key_id(fingerprint: &str) -> &str {
    let length = 16 + usize::from(fingerprint.ends_with('!'));
    let start = fingerprint.len().saturating_sub(length);
    fingerprint.get(start..).unwrap_or(fingerprint)
}

fn run(variables: &Variables, arguments: &[&str], input: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let program = program(variables);
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let not_started = |error: std::io::Error| {
        let program = program.to_string_lossy();
        if error.kind() == std::io::ErrorKind::NotFound && !program.contains('/') {
            format!("exec: {program:?}: executable file not found in $PATH")
        } else {
            format!("fork/exec {program}: {}", os_error(&error))
        }
    };
    let mut child = command.spawn().map_err(not_started)?;
    if let Some(mut pipe) = child.stdin.take() {
        // A program that does not want its input says so itself.
        let _ = pipe.write_all(input);
    }
    let output = child.wait_with_output().map_err(|error| os_error(&error))?;
    let answer = Zeroizing::new(output.stdout);
    if output.status.success() {
        return Ok(answer);
    }
    let words: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(MAX_WORDS).collect();
    Err(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_of_a_fingerprint_keeps_the_mark_of_a_subkey() {
        for (fingerprint, expected) in [
            ("467000AD2C4423D6AD1E5F53CF3A8C45D49832BE", "CF3A8C45D49832BE"),
            ("467000AD2C4423D6AD1E5F53CF3A8C45D49832BE!", "CF3A8C45D49832BE!"),
            ("D49832BE", "D49832BE"),
            ("", ""),
            ("é67000AD2C4423D6", "é67000AD2C4423D6"),
        ] {
            assert_eq!(key_id(fingerprint), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_or_says_nothing_is_an_error_without_the_key() {
        let program = |path: &str| Variables::of(&[("SOPS_GPG_EXEC", path)]);
        let error = unwrap(&program("/nonexistent"), "x").err().unwrap();
        assert_eq!(
            error,
            "failed to decrypt sops data key with pgp: fork/exec /nonexistent: no such file or directory"
        );
        let error = unwrap(&program("true"), "x").err().unwrap();
        assert_eq!(error, "failed to decrypt sops data key with pgp: zero bytes returned");
        let error = wrap(&program("true"), "AB", b"canary").unwrap_err();
        assert_eq!(error, "failed to encrypt sops data key with pgp: zero bytes returned");
        assert_eq!(unwrap(&program("false"), "x").err().unwrap(), "failed to decrypt sops data key with pgp: ");
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("gpg");
        std::fs::write(&script, "#!/bin/sh\ncat\necho no secret key >&2\nexit 2\n").unwrap();
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let error = unwrap(&program(script.to_str().unwrap()), "canary").err().unwrap();
        assert_eq!(error, "failed to decrypt sops data key with pgp: no secret key");
    }
}
