//! No data key: what was tried, laid out as the real tool lays it out, to the column.

use std::io::IsTerminal as _;

use bulla_core::sops::{GroupFailure, KeyFailure, Unrecovered};

use super::wrap::wrap;

const REASON_WIDTH: usize = 60;
const TEXT_WIDTH: usize = 75;

/// The text behind exit code 128.
pub(crate) fn text(unrecovered: &Unrecovered) -> String {
    let colour = super::log::use_colour() && std::io::stdout().is_terminal();
    render(unrecovered, colour)
}

/// One line, where the real tool has no more.
pub(crate) fn brief(unrecovered: &Unrecovered) -> String {
    match &unrecovered.combining {
        Some(reason) => format!("could not get data key from shamir parts: {reason}"),
        None => {
            let opened = unrecovered.groups.iter().filter(|group| group.opened).count();
            format!("Error getting data key: {} successful groups required, got {opened}", unrecovered.threshold)
        }
    }
}

fn render(unrecovered: &Unrecovered, colour: bool) -> String {
    if let Some(reason) = &unrecovered.combining {
        return format!("could not get data key from shamir parts: {reason}");
    }
    let groups: Vec<String> =
        unrecovered.groups.iter().enumerate().map(|(at, found)| group(at, found, colour)).collect();
    let opened = unrecovered.groups.iter().filter(|group| group.opened).count();
    let trailer = match unrecovered.threshold {
        0 => "Recovery failed because no master key was able to decrypt the file. In order for SOPS to recover the file, at \
              least one key has to be successful, but none were."
            .to_owned(),
        needed => format!(
            "Recovery failed because the file was encrypted with a Shamir threshold of {needed}, but only {opened} part(s) were \
             successfully recovered, one for each successful key group. In order for SOPS to recover the file, at least {needed} \
             groups have to be successful. In order for a group to be successful, decryption has to succeed with any of the keys \
             in that key group."
        ),
    };
    format!(
        "Failed to get the data key required to decrypt the SOPS file.\n\n{}\n\n{}",
        groups.join("\n\n"),
        wrap(&trailer, TEXT_WIDTH)
    )
}

fn group(at: usize, found: &GroupFailure, colour: bool) -> String {
    if found.opened {
        return format!("Group {at}: {}", status(true, colour));
    }
    let keys: Vec<String> = found.keys.iter().map(|failure| key(failure, colour)).collect();
    format!("Group {at}: {}\n{}", status(false, colour), indent(&keys.join("\n\n"), "  "))
}

fn key(failure: &KeyFailure, colour: bool) -> String {
    let reasons: Vec<String> = failure
        .errors
        .iter()
        .map(|error| {
            let bar = indent(&wrap(error, REASON_WIDTH), "  | ");
            format!("-{}", bar.strip_prefix(' ').unwrap_or(&bar))
        })
        .collect();
    format!("{}: {}\n{}", failure.identity, status(false, colour), indent(&reasons.join("\n\n"), "  "))
}

fn status(good: bool, colour: bool) -> String {
    match (good, colour) {
        (true, true) => "\x1b[32mSUCCESS\x1b[0m".to_owned(),
        (false, true) => "\x1b[31mFAILED\x1b[0m".to_owned(),
        (true, false) => "SUCCESS".to_owned(),
        (false, false) => "FAILED".to_owned(),
    }
}

/// Puts a prefix before every line; nothing has no lines.
fn indent(text: &str, prefix: &str) -> String {
    text.split_inclusive('\n').map(|line| format!("{prefix}{line}")).collect()
}
