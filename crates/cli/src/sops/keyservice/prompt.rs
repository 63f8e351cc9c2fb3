//! `--prompt`: the question before a key is used. The real tool asks when it has done the work already.

use std::io::{self, BufRead as _, Write as _};
use std::sync::{Mutex, PoisonError};

use bulla_core::sops::KeySource;
use tonic::Status;

/// One question at a time.
static TERMINAL: Mutex<()> = Mutex::new(());

/// Asks on standard output and reads the answer from standard input, again until it is y or n.
pub(super) fn confirm(what: &str, source: &KeySource) -> Result<(), Status> {
    let _turn = TERMINAL.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut screen = io::stdout().lock();
        let question = format!("\nReceived {what} request using {}. Respond to request? (y/n): ", describe(source));
        screen
            .write_all(question.as_bytes())
            .and_then(|()| screen.flush())
            .map_err(|error| Status::unknown(error.to_string()))?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(|error| Status::unknown(error.to_string()))?;
        match verdict(&line) {
            Verdict::Yes => return Ok(()),
            Verdict::No(status) => return Err(status),
            Verdict::Again => {}
        }
    }
}

enum Verdict {
    Yes,
    No(Status),
    Again,
}

/// What a line says, by the rules of Go's `Scanln`; nothing at all is the end of the input.
fn verdict(line: &str) -> Verdict {
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["y"] => Verdict::Yes,
        ["n"] => Verdict::No(Status::permission_denied("Request rejected by user")),
        [] if line.is_empty() => Verdict::No(Status::unknown("EOF")),
        [] => Verdict::No(Status::unknown("unexpected newline")),
        [_] => Verdict::Again,
        _ => Verdict::No(Status::unknown("expected newline")),
    }
}

/// The key in words. What comes over the network is no text for a terminal: control characters are shown as `?`.
fn describe(source: &KeySource) -> String {
    let text = match source {
        KeySource::Pgp { fingerprint } => format!("PGP key with fingerprint {fingerprint}"),
        KeySource::AwsKms { arn, .. } => format!("AWS KMS key with ARN {arn}"),
        KeySource::GcpKms { resource_id } => format!("GCP KMS key with resource ID {resource_id}"),
        KeySource::AzureKeyVault { .. } => format!("Azure Key Vault key with URL {}", source.identity()),
        KeySource::Vault { .. } => format!("Hashicorp Vault key with URI {}", source.identity()),
        KeySource::HuaweiKms { key_id } => format!("HuaweiCloud KMS key with ID {key_id}"),
        // The real tool says `Unknown key type`.
        KeySource::Age { recipient } => format!("age key with recipient {recipient}"),
    };
    text.chars().take(300).map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_is_yes() {
        for (line, expected) in [
            ("y\n", "yes"),
            (" y \n", "yes"),
            ("n\n", "Request rejected by user"),
            ("", "EOF"),
            ("\n", "unexpected newline"),
            ("y n\n", "expected newline"),
            ("yes\n", "again"),
            ("Y", "again"),
        ] {
            let said = match verdict(line) {
                Verdict::Yes => "yes".to_owned(),
                Verdict::Again => "again".to_owned(),
                Verdict::No(status) => status.message().to_owned(),
            };
            assert_eq!(said, expected, "{line:?}");
        }
    }

    #[test]
    fn keys_cannot_write_to_the_terminal() {
        let source = KeySource::Pgp { fingerprint: "\x1b[2J".repeat(200) };
        assert!(describe(&source).chars().all(|letter| !letter.is_control()));
        assert!(describe(&source).len() <= 300);
    }
}
