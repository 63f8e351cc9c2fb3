//! Identity files behind a passphrase: `age -p` of an identity file. gpg-agent is asked for it first, then the terminal.

use std::io::Read as _;
use std::sync::Arc;

use age::armor::ArmoredReader;
use aws_lc_rs::digest::{SHA256, digest};
use bulla_core::age::{Identity, LockedFile};

use super::parse;
use super::places::Variables;
use crate::sops::keys::agent::Agent;
use crate::sops::keys::terminal;

/// How such a file begins, binary and armoured.
const BEGINNINGS: [&[u8]; 2] = [b"age-encryption", b"-----BEGIN AGE"];
const MAX_FILE: u64 = 16 << 20;

/// Whether a text is such a file.
pub(super) fn is_encrypted(text: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// The identity of a whole file. Nobody is asked before all other identities failed.
///
/// # Errors
/// The real tool's words.
pub(super) fn identity(name: &str, text: &[u8], variables: &Arc<Variables>) -> Result<Identity, String> {
    let file = if text.starts_with(BEGINNINGS[1]) {
        let mut file = Vec::new();
        let read = ArmoredReader::new(text).take(MAX_FILE).read_to_end(&mut file);
        read.map_err(|_| format!("failed to read '{name}': invalid armor"))?;
        file
    } else {
        text.to_vec()
    };
    let id = cache_id(&file);
    let prompt = format!("Enter passphrase for identity '{name}':");
    let (asked, cleared) = (variables.clone(), variables.clone());
    let wrong_id = id.clone();
    let wrong = move || {
        if let Some(mut agent) = Agent::connect(&cleared) {
            agent.forget(&wrong_id);
        }
    };
    let ask = move || match Agent::connect(&asked) {
        Some(mut agent) => {
            let passphrase = agent.passphrase(&id, "Passphrase", &prompt);
            let passphrase = passphrase.map_err(|error| format!("gpg-agent passphrase request errored: {error}"))?;
            if passphrase.is_empty() {
                agent.forget(&id);
            }
            Ok(passphrase)
        }
        None => terminal::secret(&prompt),
    };
    let parse = |text: &[u8]| {
        let identities = parse::identities(text, false)?;
        Ok(identities.into_iter().map(Identity::into_age).collect())
    };
    Ok(Identity::foreign(Box::new(LockedFile::new(file, Box::new(ask), Box::new(wrong), parse))))
}

/// Under which name gpg-agent keeps the passphrase: `SopsAge` and the first 25 bytes of the file's SHA-256 in base32.
fn cache_id(file: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(&SHA256, file);
    let mut id = "SopsAge".to_owned();
    for five in hash.as_ref()[..25].chunks_exact(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for letter in (0..8).rev() {
            id.push(char::from(ALPHABET[usize::try_from(bits >> (5 * letter) & 31).unwrap_or(0)]));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_name_in_the_agent_is_the_real_tools() {
        // printf x | sha256sum | xxd -r -p | head -c 25 | base32
        assert_eq!(super::cache_id(b"x"), "SopsAgeFVYRMQVXE2YEIALCPSU7XLBS6XEFGD5RSA6MJWYC");
    }
}
