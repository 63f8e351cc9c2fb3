//! Where a new value comes from. Plaintext is read into memory that is cleared, and never shown.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use bulla_core::secret::SecretBytes;
use zeroize::Zeroizing;

use crate::io::{Console, Source, read};
use crate::report::{Code, Report, Result, os_error};

/// What the API server lets a Secret hold, in bytes.
const MAX_VALUE_BYTES: usize = 1 << 20;

/// A key, and its value if the command line has it.
pub(crate) struct Given {
    /// The key.
    pub(crate) key: String,
    /// With `--literal`.
    pub(crate) value: Option<SecretBytes>,
}

/// Where the value is that the command line does not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// In the arguments.
    Literal,
    /// On standard input.
    Stdin,
    /// In a file.
    File(PathBuf),
    /// In somebody's head.
    Prompt,
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The value of `key`, byte for byte.
pub(crate) fn take(key: &str, from: &From, trim_newline: bool, console: Console) -> Result<SecretBytes> {
    let source = match from {
        From::Stdin => Source::Stdin,
        From::File(path) => Source::File(path.clone()),
        From::Literal | From::Prompt => return ask(key).map(SecretBytes::from),
    };
    let mut bytes = read(&source)?;
    let end = without_line_break(&bytes);
    if trim_newline {
        bytes.truncate(end);
    } else if end < bytes.len() && !bytes[..end].contains(&b'\n') {
        console.note(&format!("{key}: the value ends with a line break, which is kept; --trim-newline leaves it out"));
    }
    Ok(SecretBytes::from(bytes))
}

/// Refuses what fits into no Secret, and tells of what is seldom meant.
pub(crate) fn check(key: &str, value: &SecretBytes, console: Console) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Report::new(
            Code::ValueTooLarge,
            format!("the value of {key} has {} bytes, a Secret holds at most {MAX_VALUE_BYTES}", value.len()),
        )
        .hint("check that it is the right file"));
    }
    if value.is_empty() {
        console.warn(&format!("{key}: the value is empty"));
    }
    Ok(())
}

/// The length without one line break at the end.
fn without_line_break(bytes: &[u8]) -> usize {
    bytes.strip_suffix(b"\n").map_or(bytes.len(), |rest| rest.strip_suffix(b"\r").unwrap_or(rest).len())
}

/// Nothing is asked where nobody can answer.
pub(crate) fn refuse_without_terminal(key: &str, from: &From) -> Result<()> {
    if *from != From::Prompt || io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Report::new(Code::NoValueGiven, format!("no value is given for {key}, and nobody can be asked"))
        .hint("--stdin reads it from standard input, --file PATH from a file; --literal takes it from KEY=VALUE"))
}

/// Asks twice on the terminal, without showing what is typed.
fn ask(key: &str) -> Result<Zeroizing<Vec<u8>>> {
    let prompt = |text: String| {
        rpassword::prompt_password(text).map(Zeroizing::new).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => Report::new(Code::Interrupted, "interrupted; nothing was written"),
            _ => Report::new(Code::NoValueGiven, format!("no value is given for {key}: {}", os_error(&error)))
                .hint("--stdin reads it from standard input, --file PATH from a file"),
        })
    };
    let first = prompt(format!("value of {key} (one line, not shown): "))?;
    let second = prompt("again: ".to_owned())?;
    if *first != *second {
        return Err(Report::new(Code::EntriesDiffer, "the two entries differ; nothing was written")
            .hint("run the command again, or use --stdin or --file PATH"));
    }
    Ok(Zeroizing::new(first.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_is_left_out_and_no_more() {
        for (text, expected) in
            [("", ""), ("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("\r", "\r"), ("\n", "")]
        {
            assert_eq!(&text[..without_line_break(text.as_bytes())], expected, "{text:?}");
        }
    }
}
