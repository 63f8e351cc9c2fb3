//! Env files as `kubectl create secret --from-env-file` reads them: `KEY=VALUE` per line, nothing is unquoted or expanded; a `KEY`
//! alone is taken from the environment; lines that begin with `#` are comments.

use bulla_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::build::bad_source;
use crate::io::Console;
use crate::report::Report;

/// One line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    pub(super) key: &'a str,
    /// None: the environment has it.
    value: Option<&'a str>,
}

/// A line that cannot be used. The value is not in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NotUtf8(usize),
    /// The key is not in it either: without a `=` the line may be all value.
    Key(usize),
}

/// The lines of a file.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Line<'_>>, Fault> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut lines = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| Fault::NotUtf8(number))?.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key, Some(value)));
        if !is_variable(key) {
            return Err(Fault::Key(number));
        }
        lines.push(Line { number, key, value });
    }
    Ok(lines)
}

/// What kubectl takes for the name of an environment variable.
fn is_variable(key: &str) -> bool {
    let first = |letter: char| letter.is_ascii_alphabetic() || "-._".contains(letter);
    key.starts_with(first)
        && key.chars().all(|letter| first(letter) || letter.is_ascii_digit())
        && key != "."
        && !key.starts_with("..")
}

/// The value of a line. What is rarely meant is pointed out.
pub(super) fn value(line: &Line<'_>, name: &str, console: Console) -> SecretBytes {
    let Line { number, key, .. } = line;
    let Some(value) = line.value else {
        let value = std::env::var_os(key).map(|value| Zeroizing::new(value.into_encoded_bytes()));
        if value.is_none() {
            console.warn(&format!(
                "{name}: line {number}: {key} has no `=` and is not in the environment: its value is empty"
            ));
        }
        return value.map_or_else(|| SecretBytes::new(Vec::new()), SecretBytes::from);
    };
    let quoted = value.len() > 1
        && ['"', '\''].iter().any(|quote| value.starts_with(*quote) && value.trim_end().ends_with(*quote));
    if quoted {
        console.warn(&format!("{name}: line {number}: the quotes around {key} become part of the value"));
    }
    if value.ends_with(char::is_whitespace) {
        console.warn(&format!("{name}: line {number}: the space behind {key} becomes part of the value"));
    }
    SecretBytes::new(value.as_bytes().to_vec())
}

pub(super) fn report(name: &str, fault: &Fault) -> Report {
    match fault {
        Fault::NotUtf8(line) => bad_source(
            format!("{name}: line {line}: not UTF-8"),
            "binary values go into files of their own: --from-file KEY=PATH",
        ),
        Fault::Key(line) => bad_source(
            format!("{name}: line {line}: does not begin with the name of a variable"),
            "each line is KEY=VALUE; a value of several lines goes into a file of its own: --from-file KEY=PATH",
        ),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(usize, &str, Option<&str>)> {
        parse(text.as_bytes()).unwrap().into_iter().map(|line| (line.number, line.key, line.value)).collect()
    }

    #[test]
    fn lines_are_read_as_kubectl_reads_them() {
        assert_eq!(
            pairs("\u{feff}A=1\r\n\n  # note\n  b.c-d_e=x=y # z\nEMPTY=\nBARE\n"),
            [(1, "A", Some("1")), (4, "b.c-d_e", Some("x=y # z")), (5, "EMPTY", Some("")), (6, "BARE", None)]
        );
        assert_eq!(pairs(""), []);
    }

    #[test]
    fn what_is_no_variable_is_refused_without_being_shown() {
        for bad in ["1a=b", "a b=c", "=x", "..=1", ".=1", "export A=1", "a/b=c", "é=1"] {
            assert_eq!(parse(bad.as_bytes()), Err(Fault::Key(1)), "{bad}");
        }
        assert_eq!(parse(b"a=1\nb=\xff\n"), Err(Fault::NotUtf8(2)));
        assert!(!report("f", &Fault::Key(1)).message().contains("export"));
    }
}
