//! The log of the personality `sops` on standard error, in the lines of the real tool: `[NAME]<TAB> time="…" level=… msg="…" key=value`,
//! and in colour on a terminal. Warnings are shown; `--verbose` shows everything.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::go;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Fatal,
}

static VERBOSE: AtomicBool = AtomicBool::new(false);
static START: OnceLock<Instant> = OnceLock::new();

/// `--verbose`: from now on all lines are shown.
pub(crate) fn verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// The clock of lines on a terminal, which count seconds since the start.
pub(crate) fn start() {
    START.get_or_init(Instant::now);
}

/// A line for `--verbose` only.
pub(crate) fn debug(part: &str, message: &str) {
    entry(Level::Debug, part, message, &[]);
}

/// A line for `--verbose` only. `part` is the name in brackets: `AGE`, `SOPS`, `CMD`.
pub(crate) fn info(part: &str, message: &str) {
    entry(Level::Info, part, message, &[]);
}

/// A warning.
pub(crate) fn warn(part: &str, message: &str) {
    entry(Level::Warning, part, message, &[]);
}

/// An error that is not the end.
pub(crate) fn error(part: &str, message: &str) {
    entry(Level::Error, part, message, &[]);
}

/// A line with fields, which are sorted by name.
pub(crate) fn entry(level: Level, part: &str, message: &str, fields: &[(&str, &str)]) {
    if level < Level::Warning && !VERBOSE.load(Ordering::Relaxed) {
        return;
    }
    let colours = Colours { line: io::stderr().is_terminal(), name: name_is_bold() };
    let seconds = START.get().map_or(0, |start| start.elapsed().as_secs());
    plain_bytes(line(level, part, message, fields, colours, &now(), seconds).as_bytes());
}

/// Text without a frame, and a newline.
pub(crate) fn plain(text: &str) {
    plain_bytes(format!("{text}\n").as_bytes());
}

/// A closed standard error is no reason to fail.
fn plain_bytes(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
}

#[derive(Clone, Copy)]
struct Colours {
    /// The line: whether standard error is a terminal.
    line: bool,
    /// The name in bold: another library of the real tool decides this, by standard output.
    name: bool,
}

fn name_is_bold() -> bool {
    use_colour() && io::stdout().is_terminal()
}

/// Whether colours are wanted at all, as the real tool's library for single words sees it.
pub(crate) fn use_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn now() -> String {
    let now = jiff::Zoned::now();
    let text = now.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    text.strip_suffix("+00:00").map_or(text.clone(), |text| format!("{text}Z"))
}

fn line(
    level: Level,
    part: &str,
    message: &str,
    fields: &[(&str, &str)],
    colours: Colours,
    time: &str,
    seconds: u64,
) -> String {
    let (open, close) = if colours.name { ("\x1b[1m", "\x1b[22m") } else { ("", "") };
    let mut text = format!("{open}[{part}]{close}\t ");
    let mut fields = fields.to_vec();
    fields.sort_by_key(|(name, _)| *name);
    // Writing to a String does not fail.
    if colours.line {
        let (colour, word) = match level {
            Level::Debug => (37, "DEBU"),
            Level::Info => (36, "INFO"),
            Level::Warning => (33, "WARN"),
            Level::Error => (31, "ERRO"),
            Level::Fatal => (31, "FATA"),
        };
        let _ = write!(text, "\x1b[{colour}m{word}\x1b[0m[{seconds:04}] {:<44} ", message.trim_end_matches('\n'));
        for (name, value) in fields {
            let _ = write!(text, " \x1b[{colour}m{name}\x1b[0m={}", field(value));
        }
    } else {
        let word = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
            Level::Fatal => "fatal",
        };
        let _ = write!(text, "time={} level={word}", field(time));
        if !message.is_empty() {
            let _ = write!(text, " msg={}", field(message));
        }
        for (name, value) in fields {
            let _ = write!(text, " {name}={}", field(value));
        }
    }
    text.push('\n');
    text
}

/// A value, quoted unless all its characters are harmless.
fn field(value: &str) -> String {
    if value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._/@^+".contains(letter)) {
        value.to_owned()
    } else {
        go::quote(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_real_tool() {
        let plain = Colours { line: false, name: false };
        let fields = [("z", "1"), ("comment", " a \"b\"")];
        let text = line(Level::Warning, "SOPS", "Found it", &fields, plain, "2026-11-21T10:48:38Z", 0);
        assert_eq!(
            text,
            "[SOPS]\t time=\"2026-11-21T10:48:38Z\" level=warning msg=\"Found it\" comment=\" a \\\"b\\\"\" z=1\n"
        );
        let text = line(Level::Info, "AGE", "done", &[], plain, "t", 0);
        assert_eq!(text, "[AGE]\t time=t level=info msg=done\n");
        let colours = Colours { line: true, name: true };
        let text = line(Level::Error, "CMD", "bad", &[("a", "b c")], colours, "t", 7);
        assert_eq!(
            text,
            format!("\x1b[1m[CMD]\x1b[22m\t \x1b[31mERRO\x1b[0m[0007] {:<44}  \x1b[31ma\x1b[0m=\"b c\"\n", "bad")
        );
    }
}
