//! Reading with a limit, into memory that is cleared.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::report::{Code, Report, Result, os_error};

/// The largest input that is read, in bytes. The API server refuses Secrets above 1 MiB; this leaves room for many.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// Where to read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// From the command line: `-` is standard input.
    pub(crate) fn from_arg(arg: &Path) -> Self {
        if arg.as_os_str() == "-" { Self::Stdin } else { Self::File(arg.to_owned()) }
    }

    /// From a list of arguments: none is standard input. Twice is an error, since it can be read only once.
    pub(crate) fn from_args(args: &[PathBuf]) -> Result<Vec<Self>> {
        let sources: Vec<Self> =
            if args.is_empty() { vec![Self::Stdin] } else { args.iter().map(|arg| Self::from_arg(arg)).collect() };
        refuse_stdin_twice(sources.iter())?;
        Ok(sources)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display().to_string().escape_debug()),
        }
    }
}

/// Standard input can feed one thing only.
pub(crate) fn refuse_stdin_twice<'a>(sources: impl Iterator<Item = &'a Source>) -> Result<()> {
    if sources.filter(|source| **source == Source::Stdin).count() > 1 {
        return Err(Report::new(Code::StdinTwice, "standard input is asked for twice")
            .hint("put one of the inputs into a file and name it"));
    }
    Ok(())
}

/// Reads everything, up to [`MAX_BYTES`].
pub(crate) fn read(source: &Source) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::FileTooLarge => Report::new(
            Code::InputTooLarge,
            format!("{source}: more than {} MiB, which no Secret has", MAX_BYTES >> 20),
        )
        .hint("the API server refuses Secrets above 1 MiB; split the input, or check that it is the right file"),
        _ => Report::new(Code::ReadFile, format!("{source}: {}", os_error(&error))),
    };
    match source {
        Source::Stdin => {
            if io::stdin().is_terminal() {
                super::output::to_stderr("bulla: reading standard input; Ctrl-D ends it\n");
            }
            read_limited(io::stdin().lock(), 0).map_err(failed)
        }
        Source::File(path) => read_file(path).map_err(failed),
    }
}

/// Reads a file up to [`MAX_BYTES`]; more is [`io::ErrorKind::FileTooLarge`].
pub(crate) fn read_file(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or(usize::MAX));
    read_limited(file, size)
}

/// Reads up to [`MAX_BYTES`]. Buffers that were outgrown are cleared.
pub(crate) fn read_limited(reader: impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    read_up_to(MAX_BYTES, reader, expected)
}

/// Reads up to a limit of the caller.
pub(crate) fn read_up_to(limit: usize, mut reader: impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    const FIRST: usize = 16 << 10;
    if expected > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut buffer = Zeroizing::new(vec![0; (expected + 1).max(FIRST)]);
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            let mut larger = Zeroizing::new(vec![0; buffer.len().saturating_mul(2).min(limit + 1)]);
            larger[..filled].copy_from_slice(&buffer);
            buffer = larger;
        }
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if filled > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_stops_at_the_limit() {
        for size in [0, 1, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, 100_000] {
            let read = read_limited(io::repeat(7).take(size), 0).unwrap();
            assert_eq!(read.len(), usize::try_from(size).unwrap());
            assert!(read.iter().all(|byte| *byte == 7));
        }
        const LIMIT: usize = 100_000;
        assert_eq!(read_up_to(LIMIT, io::repeat(7).take(LIMIT as u64), 0).unwrap().len(), LIMIT);
        let endless = read_up_to(LIMIT, io::repeat(7), 0).unwrap_err();
        assert_eq!(endless.kind(), io::ErrorKind::FileTooLarge);
        assert!(read_up_to(LIMIT, io::empty(), LIMIT + 1).is_err());
    }

    #[test]
    fn a_dash_or_nothing_is_standard_input_once() {
        assert_eq!(Source::from_args(&[]).unwrap(), [Source::Stdin]);
        assert_eq!(Source::from_args(&["-".into()]).unwrap(), [Source::Stdin]);
        assert_eq!(Source::from_args(&["-".into(), "-".into()]).unwrap_err().code(), Code::StdinTwice);
    }

    #[test]
    fn names_of_files_cannot_forge_messages() {
        assert_eq!(Source::File("a\nb\u{1b}[2J".into()).to_string(), "a\\nb\\u{1b}[2J");
    }
}
