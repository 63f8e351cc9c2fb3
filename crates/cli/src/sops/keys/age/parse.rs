//! The lines of an identity file, or the file as one identity if it is behind a passphrase.

use std::sync::Arc;

use bulla_core::age::Identity;

use super::encrypted;
use super::places::Variables;
use super::plugin::PluginIdentity;

/// Every identity of a text: one on each line, or (in a variable) as many as there are words. Empty lines and lines that begin with `#`
/// do not count.
///
/// # Errors
/// The real tool's words. They say nothing about the text.
pub(crate) fn source(
    name: &str,
    text: &[u8],
    words: bool,
    variables: &Arc<Variables>,
) -> Result<Vec<Identity>, String> {
    if encrypted::is_encrypted(text) {
        return encrypted::identity(name, text, variables).map(|identity| vec![identity]);
    }
    identities(text, words).map_err(|error| format!("failed to parse '{name}' age identities: {error}"))
}

/// As [`source`], where another file behind a passphrase is none.
pub(super) fn identities(text: &[u8], words: bool) -> Result<Vec<Identity>, String> {
    let mut identities = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let line = std::str::from_utf8(line).map_err(|_| "unknown identity type".to_owned())?;
        if words {
            for word in line.split_whitespace() {
                identities.push(identity(word)?);
            }
        } else {
            identities.push(identity(line)?);
        }
    }
    Ok(identities)
}

fn identity(text: &str) -> Result<Identity, String> {
    if text.starts_with("AGE-PLUGIN-") {
        return PluginIdentity::parse(text).map(|identity| Identity::foreign(Box::new(identity)));
    }
    Identity::parse(text).map_err(|_| {
        if text.starts_with("AGE-SECRET-KEY-") {
            "malformed secret key: invalid checksum".to_owned()
        } else {
            "unknown identity type".to_owned()
        }
    })
}
