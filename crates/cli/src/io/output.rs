//! Writing: data to standard output or a file, everything else to standard error.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::atomic::{self, Folders, NewFile};
use crate::report::{Code, Report, Result, harmless, os_error};

/// Where data goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// A file, replaced as a whole.
    File(PathBuf),
}

impl Target {
    /// From the value of `--write`: none and `-` are standard output.
    pub(crate) fn from_arg(arg: Option<PathBuf>) -> Self {
        match arg {
            Some(path) if path.as_os_str() != "-" => Self::File(path),
            _ => Self::Stdout,
        }
    }

    /// Writes all of `data`. A reader that has gone away is no error: it has what it wanted.
    pub(crate) fn write(&self, data: &[u8]) -> Result<()> {
        match self {
            Self::Stdout => write_stdout(data).map_err(|error| {
                Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error)))
                    .hint("make room, or use --write FILE, which replaces a file as a whole or leaves it as it is")
            }),
            Self::File(path) => {
                atomic::replace(path, data, NewFile::OwnerOnly).map_err(|error| not_written(path, &error))
            }
        }
    }
}

/// Replaces one of many files, whose folders are flushed together.
pub(crate) fn write_among(path: &Path, data: &[u8], folders: &Folders) -> Result<()> {
    atomic::replace_among(path, data, NewFile::OwnerOnly, folders).map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &io::Error) -> Report {
    let name = path.display().to_string();
    Report::new(Code::WriteFile, format!("{}: {}", name.escape_debug(), os_error(error)))
        .hint("nothing was written; if the file was there before, it is unchanged")
}

/// Writes and flushes; a broken pipe counts as done.
pub(crate) fn write_stdout(data: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Standard error, for people. Colour only where it is wanted; a closed standard error is no reason to fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    quiet: bool,
}

impl Console {
    /// With `quiet`, notes are left out. Warnings and errors are always shown.
    pub(crate) const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Whether notes are left out.
    pub(crate) const fn is_quiet(self) -> bool {
        self.quiet
    }

    /// `bulla: …`: what was done, for information.
    pub(crate) fn note(self, message: &str) {
        if !self.quiet {
            to_stderr(&format!("bulla: {}\n", harmless(message)));
        }
    }

    /// `bulla: warning: …`: done, but look at it.
    pub(crate) fn warn(self, message: &str) {
        let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
        to_stderr(&format!("bulla: {yellow}warning:{yellow:#} {}\n", harmless(message)));
    }

    /// An error that is not the last one.
    pub(crate) fn item(self, message: &str) {
        to_stderr(&format!("bulla: {}\n", harmless(message)));
    }

    /// The error that ends the program.
    pub(crate) fn report(self, report: &Report) {
        to_stderr(&report.render());
    }
}

/// Writes text as it is, without colour where colour is not wanted.
pub(crate) fn to_stderr(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
