//! Where things of this user are kept that belong to no repository.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// `$XDG_STATE_HOME/bulla`, else `~/.local/state/bulla`. None without a home.
pub(crate) fn state() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(base.join("bulla"))
}

/// Makes a folder and those above it, for this user only.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
