//! The file of records: opened, read, appended to, and replaced by a smaller one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::key::{self, Key};
use super::seal::{Cipher, FILE_NAME, HEAD};
use super::{Storage, StorageError};

const MAGIC: &[u8; 16] = b"bulla devcluster";
/// Magic, format, random name of the file.
const START: usize = 16 + 4 + FILE_NAME;
const FORMAT: [u8; 4] = 1_u32.to_be_bytes();
/// How long the folder may be in use by a process that is just ending, or by one that it is just starting, which has its
/// open files for a moment.
const PATIENCE: Duration = Duration::from_secs(2);
/// How the names of files begin that are being written.
const NEW: &str = ".cluster-";
/// The most that is stored.
const MAX_FILE: u64 = 1 << 30;
/// A file below this size is not worth replacing.
const SMALL: u64 = 4 << 20;

/// The open file.
pub(crate) struct Log {
    path: PathBuf,
    key: Key,
    /// `None` until there is state.
    open: Option<Open>,
    /// Held for as long as the folder is in use.
    _lock: File,
}

struct Open {
    file: File,
    cipher: Cipher,
    /// The number of the next record.
    next: u64,
    size: u64,
    /// How large the file was when it held nothing superfluous.
    compact_size: u64,
}

impl Log {
    /// Opens what is in a folder and gives each record to `replay`, which says whether it makes sense. Where there is no
    /// state yet, [`Self::replace`] has to write some before anything is appended.
    pub(crate) fn open(storage: &Storage, mut replay: impl FnMut(&[u8]) -> Option<()>) -> Result<Self, StorageError> {
        let folder = &storage.folder;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StorageError::access(folder))?;
        let lock = lock(folder)?;
        let path = folder.join("cluster");
        let mut options = OpenOptions::new();
        let found = match options.read(true).append(true).open(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StorageError::access(path)(error)),
        };
        let key = key::load(&storage.key, found.is_none())?;
        remove_leftovers(folder);
        let Some(mut file) = found else { return Ok(Self { path, key, open: None, _lock: lock }) };
        let mut reader = Reader::start(&mut file, &path, &key)?;
        loop {
            let offset = reader.begin;
            let Some(content) = reader.record()? else { break };
            replay(content).ok_or(StorageError::Damaged { path: path.clone(), offset })?;
        }
        let Reader { cipher, number, begin, .. } = reader;
        if number == 0 {
            return Err(StorageError::WrongKey { path });
        }
        let size = file.metadata().map_err(StorageError::access(&path))?.len();
        if size > begin {
            tracing::warn!(bytes = size - begin, "dropped the end of the stored state: it was not written to its end");
            file.set_len(begin).map_err(StorageError::access(&path))?;
            file.seek(SeekFrom::End(0)).map_err(StorageError::access(&path))?;
        }
        let open = Open { file, cipher, next: number, size: begin, compact_size: SMALL };
        Ok(Self { path, key, open: Some(open), _lock: lock })
    }

    /// Whether there is no state yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.open.is_none()
    }

    /// Appends one record.
    pub(crate) fn append(&mut self, content: Vec<u8>) -> Result<(), StorageError> {
        let Some(open) = &mut self.open else { return Err(StorageError::Foreign { path: self.path.clone() }) };
        let record = open.cipher.seal(open.next, content)?;
        if open.size + record.len() as u64 > MAX_FILE {
            return Err(StorageError::TooLarge { path: self.path.clone(), limit: MAX_FILE });
        }
        open.file.write_all(&record).map_err(StorageError::access(&self.path))?;
        open.next += 1;
        open.size += record.len() as u64;
        Ok(())
    }

    /// Whether most of the file may be superfluous.
    pub(crate) fn is_large(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.size > SMALL.max(open.compact_size.saturating_mul(2)))
    }

    /// Puts a new file with these records in the place of the old one.
    pub(crate) fn replace(&mut self, records: impl Iterator<Item = Vec<u8>>) -> Result<(), StorageError> {
        let folder = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut name = [0; FILE_NAME];
        aws_lc_rs::rand::fill(&mut name).map_err(|_| StorageError::Encrypt)?;
        let cipher = Cipher::new(&self.key, &name)?;
        // Made with mode 0600.
        let made = tempfile::Builder::new().prefix(NEW).tempfile_in(&folder);
        let mut file = made.map_err(StorageError::access(&folder))?;
        let mut size = START as u64;
        let mut next = 0;
        let start = [&MAGIC[..], &FORMAT, &name].concat();
        file.write_all(&start).map_err(StorageError::access(&self.path))?;
        for content in records {
            let record = cipher.seal(next, content)?;
            file.write_all(&record).map_err(StorageError::access(&self.path))?;
            size += record.len() as u64;
            next += 1;
        }
        file.as_file().sync_all().map_err(StorageError::access(&self.path))?;
        let file = file.persist(&self.path).map_err(|error| StorageError::access(&self.path)(error.error))?;
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(StorageError::access(&folder))?;
        self.open = Some(Open { file, cipher, next, size, compact_size: size });
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.open.as_ref().map(|open| open.file.sync_all()) {
            tracing::warn!(%error, "the stored state may not be on the disk yet");
        }
    }
}

/// Files that were being written when an earlier process ended. They are encrypted, and nobody misses them.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(NEW)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!(%error, "a leftover file stays");
        }
    }
}

fn lock(folder: &Path) -> Result<File, StorageError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(&path).map_err(StorageError::access(&path))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PATIENCE / 50),
            Err(fs::TryLockError::WouldBlock) => return Err(StorageError::InUse { path: folder.to_owned() }),
            Err(fs::TryLockError::Error(error)) => return Err(StorageError::access(&path)(error)),
        }
    }
}

/// Reads records one after the other.
struct Reader<'a> {
    file: io::BufReader<&'a mut File>,
    path: &'a Path,
    cipher: Cipher,
    /// How many records were read.
    number: u64,
    /// Where the next record begins.
    begin: u64,
    left: u64,
    body: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn start(file: &'a mut File, path: &'a Path, key: &Key) -> Result<Self, StorageError> {
        let size = file.metadata().map_err(StorageError::access(path))?.len();
        if size > MAX_FILE {
            return Err(StorageError::TooLarge { path: path.to_owned(), limit: MAX_FILE });
        }
        let mut file = io::BufReader::new(file);
        let mut start = [0; START];
        let foreign = || StorageError::Foreign { path: path.to_owned() };
        let left = size.checked_sub(START as u64).ok_or_else(foreign)?;
        file.read_exact(&mut start).map_err(StorageError::access(path))?;
        let name = start.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(&FORMAT)).ok_or_else(foreign)?;
        let name = name.try_into().map_err(|_| foreign())?;
        let cipher = Cipher::new(key, name)?;
        Ok(Self { file, path, cipher, number: 0, begin: START as u64, left, body: Vec::new() })
    }

    /// The next record; `None` at the end, or where the last one was not written to its end.
    fn record(&mut self) -> Result<Option<&[u8]>, StorageError> {
        let (path, offset) = (self.path, self.begin);
        let damaged = |number: u64| match number {
            0 => StorageError::WrongKey { path: path.to_owned() },
            _ => StorageError::Damaged { path: path.to_owned(), offset },
        };
        if self.left < HEAD as u64 {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        self.file.read_exact(&mut head).map_err(StorageError::access(path))?;
        let length = self.cipher.length(self.number, &head).ok_or_else(|| damaged(self.number))?;
        let size = (HEAD + length) as u64;
        if self.left < size {
            return Ok(None);
        }
        self.body.resize(length, 0);
        self.file.read_exact(&mut self.body).map_err(StorageError::access(path))?;
        let content = self.cipher.open(self.number, &mut self.body).ok_or_else(|| damaged(self.number))?;
        self.number += 1;
        self.left -= size;
        self.begin += size;
        Ok(Some(content))
    }
}
