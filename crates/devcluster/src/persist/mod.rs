//! State that outlives the process: `bulla devcluster --data DIR`.
//!
//! One file, `DIR/cluster`, holds records, each of them encrypted and authenticated (`seal`) with a key that lies elsewhere
//! (`key`). A record is what one request changed (`records`), so a process that is killed at any moment leaves the state
//! before a request or after it. The file is only appended to (`log`); once it is twice the size of what is in it, a new
//! one is written beside it and takes its place by a rename. What stands at the end of the file and is not a whole record
//! was being written when the process ended, and is dropped; anything else that is not as it was written is an error, and
//! the file is left alone.
//!
//! Nothing is forced to the disk after each request: the state survives a killed process, not always a power cut.

mod key;
mod log;
mod records;
mod seal;

use std::io;
use std::path::PathBuf;

pub(crate) use log::Log;
pub(crate) use records::{Changes, Kept};

/// Where a cluster keeps its state.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The folder of the encrypted state. Made if it is not there.
    pub folder: PathBuf,
    /// The file of the key. Made, with mode 0600, if neither it nor the state is there.
    pub key: PathBuf,
}

/// Why stored state cannot be used. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A file or folder cannot be read or written.
    #[error("{}", path.display())]
    Access {
        /// Which one.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// There is state, but not its key.
    #[error("{} is not there: without it the state cannot be read", path.display())]
    KeyMissing {
        /// Where the key should be.
        path: PathBuf,
    },
    /// Others than its owner may read the key.
    #[error("{} can be read by others than its owner: chmod 600 it", path.display())]
    KeyExposed {
        /// The key's file.
        path: PathBuf,
    },
    /// The file of the key has something else in it.
    #[error("{} is no key: it must be 64 hexadecimal digits", path.display())]
    KeyMalformed {
        /// The key's file.
        path: PathBuf,
    },
    /// The file is not one of ours.
    #[error("{} was not written by devcluster", path.display())]
    Foreign {
        /// The state's file.
        path: PathBuf,
    },
    /// The first record does not open.
    #[error("{} does not open: its key is another one, or it is damaged", path.display())]
    WrongKey {
        /// The state's file.
        path: PathBuf,
    },
    /// A later record does not open, or does not make sense.
    #[error("{} is damaged at byte {offset}", path.display())]
    Damaged {
        /// The state's file.
        path: PathBuf,
        /// Where the record begins.
        offset: u64,
    },
    /// Another process has it open.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is more than devcluster is made for.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The state's file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The cipher or the random number generator failed.
    #[error("encrypt the state")]
    Encrypt,
}

impl StorageError {
    fn access(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::Access { path, source }
    }
}
