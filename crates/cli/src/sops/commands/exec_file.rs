//! `sops exec-file`
//!
//! The plaintext goes through a fifo by default: it is in no file, and whoever kills this process leaves an empty fifo. With `--no-fifo` it
//! is a file of mode 0600 in a folder of mode 0700; that stays if this process is killed by a signal that nobody can handle.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use super::super::failure::Failure;
use super::super::place::{Destination, Input};
use super::super::{go, log};
use super::shell::{Shell, User};
use super::{Formats, Opening, decrypt};

/// What the command line says.
pub(crate) struct Options {
    /// The encrypted file, as given.
    pub(crate) path: PathBuf,
    /// How it is read and written.
    pub(crate) formats: Formats,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// What the shell runs; `{}` becomes the path of the decrypted file.
    pub(crate) command: OsString,
    /// `--background` (deprecated; the warning is the command's)
    pub(crate) background: bool,
    /// `--no-fifo`
    pub(crate) no_fifo: bool,
    /// `--user`, empty if it was not given
    pub(crate) user: String,
    /// `--filename`, empty if it was not given
    pub(crate) filename: String,
}

/// The name of the file if no other is wanted.
const NAME: &str = "tmp-file";

/// Runs the command with the decrypted file, and returns its exit code.
pub(crate) fn run(options: Options) -> Result<u8, Failure> {
    let Options { path, formats, opening, command, background, no_fifo, user, filename } = options;
    let plain = decrypt::decrypt(&decrypt::Options {
        input: Input::at(&path),
        destination: Destination::Stdout,
        formats,
        extract: Vec::new(),
        opening,
    })?;
    if background {
        log::warn(
            "CMD",
            "exec-file's --background option is deprecated and will be removed in a future version of sops",
        );
    }
    let user = if user.is_empty() { Vec::new() } else { User::become_user(&user)? };
    // Removed when the command has ended, whatever it ended with.
    let folder = tempfile::Builder::new()
        .prefix(".sops")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(|error| Failure::generic(go::path_error("mkdir", &std::env::temp_dir(), &error)))?;
    if !filename.is_empty() && !is_local(&filename) {
        return Err(Failure::generic("The provided filename is not a local path."));
    }
    let file =
        if no_fifo { plain_file(folder.path(), &filename, &plain)? } else { fifo(folder.path(), &filename, plain)? };
    let mut shell = Shell::new(placed(&command, &file));
    shell.environment.extend(user);
    if background { shell.start() } else { shell.run() }
}

/// Whether a name stays inside of the folder that it is put into.
fn is_local(name: &str) -> bool {
    let mut depth = 0_usize;
    for component in Path::new(name).components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return false,
        }
    }
    true
}

/// A file that its owner alone may read.
fn plain_file(folder: &Path, name: &str, plain: &[u8]) -> Result<PathBuf, Failure> {
    let failed = |path: &Path, error: &io::Error| Failure::generic(go::path_error("open", path, error));
    let (mut file, path) = if name.is_empty() {
        let file = tempfile::Builder::new().prefix(NAME).tempfile_in(folder).map_err(|error| failed(folder, &error))?;
        file.keep().map_err(|error| failed(folder, &error.error))?
    } else {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        (file.map_err(|error| failed(&path, &error))?, path)
    };
    // The real tool does not look whether it was written; a command with half a file would be worse than none.
    file.write_all(plain).map_err(|error| Failure::generic(go::path_error("write", &path, &error)))?;
    Ok(path)
}

/// A fifo, and somebody who waits for its reader. If nobody ever reads, that ends with this process.
fn fifo(folder: &Path, name: &str, plain: Zeroizing<Vec<u8>>) -> Result<PathBuf, Failure> {
    let path = folder.join(if name.is_empty() { NAME } else { name });
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode)
        .map_err(|error| Failure::generic(crate::report::os_error(&error.into())))?;
    let writer = path.clone();
    std::thread::spawn(move || {
        // A reader that goes away early has read what it wanted.
        if let Ok(mut fifo) = File::options().write(true).open(writer) {
            let _ = fifo.write_all(&plain);
        }
    });
    Ok(path)
}

/// The command with the path in every place of `{}`.
fn placed(command: &OsStr, path: &Path) -> OsString {
    let (mut rest, mut out) = (command.as_bytes(), Vec::new());
    while let Some(at) = rest.windows(2).position(|pair| pair == b"{}") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(path.as_os_str().as_bytes());
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    OsString::from_vec(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_braces_is_replaced() {
        let placed = |command: &str| placed(OsStr::new(command), Path::new("/t/f")).into_string().unwrap();
        assert_eq!(placed("cat {} {}x {a} {"), "cat /t/f /t/fx {a} {");
        assert_eq!(placed(""), "");
    }

    #[test]
    fn names_stay_in_their_folder() {
        for (name, local) in
            [("a", true), ("a/../b", true), ("a/../../b", false), ("/a", false), ("..", false), ("./a", true)]
        {
            assert_eq!(is_local(name), local, "{name}");
        }
    }
}
