//! A person's word before keys are let in or destroyed: fingerprints in flags, or typed at a terminal.

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};

use bulla_core::sealed::Fingerprint;

use crate::io::output::to_stderr;
use crate::report::{Code, Report, Result};

/// Lets in `found` if it is exactly what was expected, or if somebody says yes.
pub(crate) fn expected(found: &[Fingerprint], expected: &[Fingerprint], verb: &str) -> Result<()> {
    if expected.is_empty() {
        return match ask(&format!("bulla: {verb} these keys? Compare the fingerprints with what you know. [y/N] ")) {
            Some(answer) if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") => Ok(()),
            Some(_) => Err(Report::new(Code::NotConfirmed, "not confirmed: nothing was written").hint(HINT)),
            None => Err(Report::new(Code::NotConfirmed, "nobody has confirmed the fingerprints: nothing was written")
                .hint(format!(
                    "{HINT}\n{}",
                    found.iter().map(|key| format!("--expect {key}")).collect::<Vec<_>>().join(" ")
                ))),
        };
    }
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (found.iter().collect(), expected.iter().collect());
    let list = |keys: Vec<&&Fingerprint>| keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let strange: Vec<_> = found.difference(&expected).collect();
    if !strange.is_empty() {
        return Err(Report::new(
            Code::OtherKeys,
            format!("keys that were not expected: {}; nothing was written", list(strange)),
        )
        .hint("who made this file? age does not say. If they are yours, name each one: --expect SHA256:…"));
    }
    let missing: Vec<_> = expected.difference(&found).collect();
    if !missing.is_empty() {
        return Err(Report::new(
            Code::OtherKeys,
            format!("keys that were expected are not there: {}; nothing was written", list(missing)),
        )
        .hint("another backup holds them; without the --expect of those this one is restored"));
    }
    Ok(())
}

const HINT: &str = "compare the fingerprints with a record of your own (keys list, an old certificate: bulla cert show), then \
                    name each one:";

/// Wants the fingerprint itself: as a flag, or typed.
pub(crate) fn typed(key: &Fingerprint, flag: Option<&Fingerprint>) -> Result<()> {
    match flag {
        Some(confirmed) if confirmed == key => return Ok(()),
        Some(_) => {
            return Err(Report::new(Code::NotConfirmed, "--confirm names another key: nothing was deleted")
                .hint(format!("--confirm {key}")));
        }
        None => {}
    }
    match ask(&format!("bulla: type the fingerprint of the key to destroy it for ever ({key}): ")) {
        Some(answer) if answer == key.as_str() => Ok(()),
        Some(_) => {
            Err(Report::new(Code::NotConfirmed, "another text was typed: nothing was deleted").hint("run it again"))
        }
        None => Err(Report::new(Code::NotConfirmed, "nobody has confirmed the fingerprint: nothing was deleted")
            .hint(format!("where nobody can type, say it with a flag: --confirm {key}"))),
    }
}

/// An answer, if there is a person.
fn ask(question: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() {
        return None;
    }
    to_stderr(question);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    Some(line.trim().to_owned())
}
