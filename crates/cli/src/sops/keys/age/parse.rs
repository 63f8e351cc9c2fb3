//! The lines of an identity file.

use bulla_core::age::Identity;

/// Every identity of a text: one on each line, or (in a variable) as many as there are words. Empty lines and lines that begin with `#`
/// do not count.
///
/// # Errors
/// The real tool's words. They say nothing about the text.
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
    Identity::parse(text).map_err(|_| {
        if text.starts_with("AGE-SECRET-KEY-") {
            "malformed secret key: invalid checksum".to_owned()
        } else {
            "unknown identity type".to_owned()
        }
    })
}
