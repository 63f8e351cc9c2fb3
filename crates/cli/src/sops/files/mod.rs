//! sops files under bulla's own verbs: which files they are, and how they are read. A path becomes a [`SopsFile`] by its content; what
//! is read is still encrypted.

pub(crate) mod change;
mod detect;
pub(crate) mod edit;
mod explain;
mod find;
pub(crate) mod seal;
pub(crate) mod unseal;
pub(crate) mod view;
mod work;

use std::path::{Path, PathBuf};

use bulla_core::sops::{Format, Metadata, Tree};
use zeroize::Zeroizing;

use crate::io::{Source, Target, input};
use crate::report::{Code, Report, Result};
use crate::tree::{conflict_marker, shown};

pub(crate) use self::detect::detect;
pub(crate) use self::find::find;

/// An encrypted file that was read. Its clear values may not be for everybody, so its bytes are cleared.
pub(crate) struct SopsFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is written in.
    pub(crate) format: Format,
    /// Every byte of it.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Its tree, encrypted, without the metadata.
    pub(crate) tree: Tree,
    /// The metadata.
    pub(crate) metadata: Metadata,
}

/// Reads a file, if it is one of sops; `None` if it is something else.
pub(crate) fn read(path: &Path) -> Result<Option<SopsFile>> {
    let bytes = input::read(&Source::File(path.to_owned()))?;
    match detect(path, &bytes) {
        Some(format) => SopsFile::parse(path, bytes, format).map(Some),
        None => Ok(None),
    }
}

/// Reads a file that must be one of sops.
pub(crate) fn read_sops(path: &Path) -> Result<SopsFile> {
    read(path)?.ok_or_else(|| {
        Report::new(Code::NotASopsFile, format!("{}: there is no sops entry in it", shown(path)))
            .hint("name a file that sops or bulla seal encrypted")
    })
}

impl SopsFile {
    /// From bytes that are already there.
    pub(crate) fn parse(path: &Path, bytes: Zeroizing<Vec<u8>>, format: Format) -> Result<Self> {
        if let Some(line) = conflict_marker(&bytes).filter(|_| format != Format::Binary) {
            let message = format!("{}: line {line}: a merge is unfinished (conflict markers)", shown(path));
            return Err(Report::new(Code::UnfinishedMerge, message)
                .hint("choose what is right and remove the lines with <<<<<<<, ======= and >>>>>>>, then try again"));
        }
        let (tree, metadata) = format.load_encrypted(&bytes).map_err(|error| {
            Report::new(Code::SopsUnreadable, format!("{}: {error}", shown(path)))
                .hint("take the file from Git's history, or compare it with the version before")
        })?;
        Ok(Self { path: path.to_owned(), format, bytes, tree, metadata })
    }

    /// The path as messages show it.
    pub(crate) fn name(&self) -> String {
        shown(&self.path)
    }

    /// Puts new bytes in the place of the file, unless somebody else has changed it since it was read.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<()> {
        let now = input::read(&Source::File(self.path.clone()))?;
        if *now != *self.bytes {
            let message = format!("{}: the file changed while it was worked on; nothing was written", self.name());
            return Err(Report::new(Code::ChangedMeanwhile, message)
                .hint("look at the change (git diff), and run the command again"));
        }
        Target::File(self.path.clone()).write(bytes)
    }
}
