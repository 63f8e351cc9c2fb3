//! Recipients, as the file and `.sops.yaml` name them.

use bulla_core::age::{Recipient, encrypt_armored};

use super::go;
use super::plugin::PluginRecipient;

/// Whether a text is a recipient of some kind.
///
/// # Errors
/// The real tool's words.
pub(crate) fn check_recipient(text: &str) -> Result<(), String> {
    parse(text.trim()).map(drop)
}

/// Encrypts a part of the data key to a recipient.
///
/// # Errors
/// The real tool's words.
pub(super) fn wrap(recipient: &str, part: &[u8]) -> Result<String, String> {
    let failed = "failed to create writer for encrypting sops data key with age";
    match parse(recipient.trim())? {
        Wrapper::Native(recipient) => encrypt_armored(recipient.as_age(), part).map_err(|_| failed.to_owned()),
        Wrapper::Plugin(recipient) => recipient.wrap(part).map_err(|error| format!("{failed}: {error}")),
    }
}

enum Wrapper {
    Native(Recipient),
    Plugin(PluginRecipient),
}

fn parse(text: &str) -> Result<Wrapper, String> {
    if text.starts_with("age1") && !text.starts_with("age1pq1") && text.matches('1').count() > 1 {
        return PluginRecipient::parse(text).map(Wrapper::Plugin);
    }
    let what = if text.starts_with("age1") {
        "Bech32-encoded age public key"
    } else if text.starts_with("ssh-") {
        "age-ssh public key"
    } else {
        return Err(format!("failed to parse input, unknown recipient type: {}", shown(text)));
    };
    Recipient::parse(text).map(Wrapper::Native).map_err(|error| {
        let kind = if text.starts_with("age1") { "malformed recipient" } else { "malformed SSH recipient:" };
        let reason = match go::bech32(text) {
            Some(reason) if text.starts_with("age1") => reason,
            _ => error.to_string(),
        };
        format!("failed to parse input as {what}: {kind} {}: {reason}", shown(text))
    })
}

/// The text in quotes; a secret that was pasted by mistake is not repeated.
fn shown(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    if upper.starts_with("AGE-SECRET-KEY-") || upper.starts_with("AGE-PLUGIN-") || upper.contains("PRIVATE KEY") {
        "an identity, which is secret, instead of a recipient".to_owned()
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recipient_is_told_in_the_real_tools_words() {
        let good = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
        assert!(wrap(&format!(" {good}\n"), b"x").is_ok());
        for (text, expected) in [
            ("foo", r#"failed to parse input, unknown recipient type: "foo""#),
            (
                "age1xxx",
                "failed to parse input as Bech32-encoded age public key: malformed recipient \"age1xxx\": \
                 separator '1' at invalid position: pos=3, len=7",
            ),
        ] {
            assert_eq!(wrap(text, b"x").unwrap_err(), expected);
        }
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        let error = wrap(secret, b"x").unwrap_err();
        assert!(!error.contains("GFPYY"), "{error}");
    }
}
