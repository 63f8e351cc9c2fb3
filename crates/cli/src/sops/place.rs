//! Where a command reads from and writes to.
//!
//! `/dev/stdin` is standard input: it is read once, never opened again and never written to. A file is replaced as a whole; where that
//! cannot be (other hard links, a file that is mounted, a folder that takes no new files) its content is replaced.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::failure::{Failure, code};
use super::{audit, go, log};
use crate::io::atomic::{self, NewFile};
use crate::io::{input, output};

/// The largest file that is read. sops has no limit; this one keeps a wrong path from taking all memory.
const MAX_BYTES: usize = 1 << 30;

/// Where a file is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Stdout,
    /// The file that was read.
    InPlace(PathBuf),
    /// `--output`
    File(PathBuf),
}

/// Whether the path is one of the names of standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
}

/// `Error: cannot operate on non-existent file …`, unless the file exists.
pub(crate) fn must_exist(path: &Path) -> Result<(), Failure> {
    if is_stdin(path) || !is_missing(path) {
        return Ok(());
    }
    let name = go::quote(&path.to_string_lossy());
    Err(Failure::new(code::NO_FILE, format!("Error: cannot operate on non-existent file {name}")))
}

/// Whether nothing is there. A file that cannot be reached is there.
pub(crate) fn is_missing(path: &Path) -> bool {
    !is_stdin(path) && fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

impl Input {
    /// A path of the command line.
    pub(crate) fn at(path: &Path) -> Self {
        if is_stdin(path) { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Reads everything.
    pub(crate) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match self {
            Self::Stdin => audit::reading(Path::new("/dev/stdin")),
            Self::File(path) => audit::reading(path),
        }
        let read = match self {
            Self::Stdin => input::read_up_to(MAX_BYTES, io::stdin().lock(), 0).map_err(|error| {
                format!("Error reading from stdin: {}", go::path_error("read", Path::new("/dev/stdin"), &error))
            }),
            Self::File(path) => read_file(path).map_err(|reason| format!("Error reading file: {reason}")),
        };
        read.map_err(|text| Failure::new(code::READ, text))
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = fs::File::open(path).map_err(|error| go::path_error("open", path, &error))?;
    let size = file.metadata().map_or(0, |metadata| usize::try_from(metadata.len()).unwrap_or(usize::MAX));
    input::read_up_to(MAX_BYTES, file, size).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => format!("read {}: more than {} MiB", path.display(), MAX_BYTES >> 20),
        _ => go::path_error("read", path, &error),
    })
}

impl Destination {
    /// From `--in-place` and `--output`, which exclude each other; `path` is nothing with standard input.
    pub(crate) fn of(path: Option<&Path>, in_place: bool, output: Option<PathBuf>) -> Result<Self, Failure> {
        match (in_place, output) {
            (true, Some(_)) => {
                Err(Failure::new(code::CONFLICT, "Error: cannot operate on both --output and --in-place"))
            }
            (true, None) => Self::in_place(path),
            (false, Some(output)) => Ok(Self::File(output)),
            (false, None) => Ok(Self::Stdout),
        }
    }

    /// The file itself.
    pub(crate) fn in_place(path: Option<&Path>) -> Result<Self, Failure> {
        match path.filter(|path| !is_stdin(path)) {
            Some(path) => Ok(Self::InPlace(path.to_owned())),
            None => Err(Failure::new(code::CONFLICT, "Error: cannot use --in-place when reading from stdin")),
        }
    }

    /// Writes the result.
    pub(crate) fn write(&self, data: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => output::write_stdout(data)
                .map_err(|error| Failure::generic(go::path_error("write", Path::new("/dev/stdout"), &error))),
            Self::InPlace(path) => {
                replace(path, data).map_err(|error| error.explain(path, "in-place file"))?;
                log::info("CMD", "File written successfully");
                Ok(())
            }
            Self::File(path) => replace(path, data).map_err(|error| error.explain(path, "output file")),
        }
    }
}

/// Replaces the file for a command that has nothing more to say.
pub(crate) fn write_in_place(path: &Path, data: &[u8]) -> Result<(), Failure> {
    Destination::InPlace(path.to_owned()).write(data)
}

enum NotWritten {
    /// The file does not open for writing.
    Open(io::Error),
    /// Its content could not be written.
    Write(io::Error),
}

impl NotWritten {
    fn explain(&self, path: &Path, what: &str) -> Failure {
        match self {
            Self::Open(error) => {
                let reason = go::path_error("open", path, error);
                Failure::new(code::WRITE, format!("Could not open {what} for writing: {reason}"))
            }
            Self::Write(error) => Failure::generic(go::path_error("write", path, error)),
        }
    }
}

fn replace(path: &Path, data: &[u8]) -> Result<(), NotWritten> {
    if has_other_links(path) {
        return rewrite(path, data);
    }
    match atomic::replace(path, data, NewFile::AnyoneMayRead) {
        Ok(()) => Ok(()),
        Err(error) if is_rewritable(&error) && path.is_file() => rewrite(path, data),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge | io::ErrorKind::QuotaExceeded
            ) =>
        {
            Err(NotWritten::Write(error))
        }
        Err(error) => Err(NotWritten::Open(error)),
    }
}

/// The folder takes no new file, or the file is mounted by itself and cannot be replaced.
fn is_rewritable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::CrossesDevices
    )
}

#[cfg(unix)]
fn has_other_links(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.nlink() > 1)
}

#[cfg(not(unix))]
fn has_other_links(_path: &Path) -> bool {
    false
}

/// Replaces the content of the file, which is not safe against a crash, but all that can be done here.
fn rewrite(path: &Path, data: &[u8]) -> Result<(), NotWritten> {
    let mut file = OpenOptions::new().write(true).open(path).map_err(NotWritten::Open)?;
    let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
    // The space is there before anything is overwritten.
    let old = file.metadata().map_err(NotWritten::Open)?.len();
    let result = (|| {
        #[cfg(target_os = "linux")]
        if length > old {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, length)
                .or_else(|error| if error == rustix::io::Errno::OPNOTSUPP { Ok(()) } else { Err(error) })?;
        }
        file.write_all(data)?;
        file.set_len(length)?;
        file.sync_all()
    })();
    let _ = old;
    result.map_err(NotWritten::Write)
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn hard_links_stay_together() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        fs::write(&one, "a long old content").unwrap();
        fs::hard_link(&one, &two).unwrap();
        for content in ["short", "something that is longer than it was before"] {
            Destination::InPlace(one.clone()).write(content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&two).unwrap(), content);
            assert_eq!(fs::metadata(&one).unwrap().nlink(), 2);
        }
    }

    #[test]
    fn what_cannot_be_written_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/file");
        let failure = Destination::File(path.clone()).write(b"x").unwrap_err();
        assert_eq!(failure.code, 3);
        assert_eq!(
            failure.text,
            format!("Could not open output file for writing: open {}: no such file or directory", path.display())
        );
        let failure = Destination::InPlace(folder.path().to_owned()).write(b"x").unwrap_err();
        assert_eq!(failure.code, 3);
        assert!(failure.text.starts_with("Could not open in-place file for writing: open "), "{}", failure.text);
    }

    #[test]
    fn standard_input_is_never_written_to() {
        let path = Path::new("/dev/stdin");
        assert_eq!(Input::at(path), Input::Stdin);
        assert_eq!(Destination::of(Some(path), true, None).unwrap_err().code, 8);
        assert_eq!(Destination::of(None, true, None).unwrap_err().code, 8);
        assert_eq!(
            Destination::of(None, true, Some("x".into())).unwrap_err().text,
            "Error: cannot operate on both --output and --in-place"
        );
    }
}
