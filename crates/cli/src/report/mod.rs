//! Errors for people: what happened and where, a stable code, and the command that mends it.
//!
//! Libraries return typed errors; here they become a [`Report`], with the file's name in front and a hint behind. A report
//! never carries a byte of a value: it is built from positions, names of fields, and fingerprints.

mod codes;
mod from_core;

pub(crate) use codes::Code;
pub(crate) use from_core::{bad_certificate, bad_key_file, bad_manifest, bad_secret, bad_splice};

use std::borrow::Cow;
use std::fmt::Write as _;

/// The result of everything that a command does.
pub(crate) type Result<T> = std::result::Result<T, Report>;

/// An error, ready to be shown.
#[derive(Debug)]
pub(crate) struct Report {
    code: Code,
    message: String,
    hint: Option<String>,
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done.
    Done,
    /// It failed; an error was shown.
    Failed,
    /// It was done, and found something that somebody must look at.
    Attention,
    /// The command line was not understood.
    Usage,
    /// Interrupted by the user.
    Interrupted,
}

impl Exit {
    /// The exit code, as the manual promises it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Attention => 2,
            Self::Usage => 3,
            Self::Interrupted => 130,
        }
    }
}

impl Report {
    /// An error whose hint is the page that explains its code. The message is lower case, without a full stop.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// Says what the user can do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What kind of error it is.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// The message without code and hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The hint, empty if there is none.
    pub(crate) fn cure(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// How the program ends because of it.
    pub(crate) fn exit(&self) -> Exit {
        match self.code {
            Code::Usage => Exit::Usage,
            Code::Interrupted => Exit::Interrupted,
            _ => Exit::Failed,
        }
    }

    /// As it goes to standard error: `bulla: error: …`, then `hint: …`.
    pub(crate) fn render(&self) -> String {
        let (red, bold) = (anstyle::AnsiColor::Red.on_default().bold(), anstyle::Style::new().bold());
        let mut text = format!("bulla: {red}error:{red:#} {} ({})\n", harmless(&self.message), self.code.as_str());
        let explained = || Cow::Owned(format!("docs/errors.md explains {} and what mends it", self.code.as_str()));
        let hint = self.hint.as_deref().map_or_else(explained, Cow::Borrowed);
        for line in hint.lines() {
            let _ = writeln!(text, "{bold}hint:{bold:#} {}", harmless(line));
        }
        text
    }
}

/// Text with names from files in it, without characters that a terminal obeys.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::new();
    for letter in text.chars() {
        if letter.is_control() { safe.extend(letter.escape_debug()) } else { safe.push(letter) }
    }
    Cow::Owned(safe)
}

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// A chain of causes on one line: `a: b: c`, without a cause that its parent already repeats. Of a failed login only what
/// is safe to say: kube repeats what a credential plugin printed.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(words) = bulla_controller::login_failure(error) {
        return words;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            let _ = write!(text, ": {words}");
        }
        source = cause.source();
    }
    text
}

/// What the operating system said, without Rust's `(os error 2)`, in lower case as everything else.
pub(crate) fn os_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" (os error").map_or(text.as_str(), |(text, _)| text);
    let mut letters = text.chars();
    match (letters.next(), text.chars().nth(1)) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(letters).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_plugin_is_not_quoted() {
        let auth = || kube::client::AuthError::AuthExec("hush".to_owned());
        for error in [kube::Error::Auth(auth()), kube::Error::Service(Box::new(auth()))] {
            assert!(error.to_string().contains("hush"));
            assert_eq!(chain(&error), "the kubeconfig's way to log in does not work");
        }
    }

    #[test]
    fn an_error_shows_its_code_and_its_hint() {
        let report = Report::new(Code::NoName, "the Secret has no name").hint("give one:\n  bulla seal --name NAME");
        let plain = anstream::adapter::strip_str(&report.render()).to_string();
        assert_eq!(
            plain,
            "bulla: error: the Secret has no name (E0205)\nhint: give one:\nhint:   bulla seal --name NAME\n"
        );
        assert_eq!(report.exit(), Exit::Failed);
        assert_eq!(report.code(), Code::NoName);
        assert_eq!(Report::new(Code::Usage, "x").exit().code(), 3);
    }

    #[test]
    fn names_of_keys_cannot_drive_the_terminal() {
        let report = Report::new(Code::WrongType, "data.\u{1b}[2J\n: not text");
        assert!(report.render().contains("data.\\u{1b}[2J\\n: not text (E0209)"));
    }

    #[test]
    fn os_errors_are_lower_case_and_without_numbers() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(os_error(&error), "no such file or directory");
    }
}
