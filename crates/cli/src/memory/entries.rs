//! The file of digests: one to a line, base64, the oldest first.
//!
//! It is hostile input like every file: a size limit, no line is trusted to be one, and whatever is odd about it costs
//! knowledge only. Writers take a lock in turn, so runs in parallel lose nothing; one that does not get it in time, or is
//! killed, loses what it wanted to add.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bulla_core::mac::MAC_BYTES;

use crate::io::atomic::{self, NewFile};

/// What is written of a digest.
pub(super) type Digest = [u8; MAC_BYTES];

/// Base64 of 32 bytes, and the end of the line.
const LINE_BYTES: u64 = 44;
/// How many digests are kept: some thousand files of some dozen values. 2.9 MB.
const MAX_ENTRIES: usize = 1 << 16;
/// How many are left when there are more.
const KEPT_ENTRIES: usize = MAX_ENTRIES / 4 * 3;
/// The most that is read. More is not ours.
const MAX_BYTES: u64 = MAX_ENTRIES as u64 * LINE_BYTES * 2;
/// How long to wait for another run that writes.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the digests are.
pub(super) struct Entries {
    folder: PathBuf,
    path: PathBuf,
}

/// The digests that were read.
#[derive(Default)]
pub(super) struct Known {
    /// In the order of the file.
    digests: Vec<Digest>,
    index: HashSet<Digest>,
    damaged: bool,
}

impl Known {
    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.index.contains(digest)
    }

    /// Whether there were lines that are no digests.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Reads the lines that are digests.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut known = Self::default();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match STANDARD_NO_PAD.decode(line).ok().and_then(|bytes| Digest::try_from(bytes).ok()) {
                Some(digest) if known.index.insert(digest) => known.digests.push(digest),
                Some(_) => {}
                None => known.damaged = true,
            }
        }
        known
    }
}

impl Entries {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), path: folder.join("sealed") }
    }

    /// The file's name, for messages.
    pub(super) fn shown(&self) -> String {
        self.path.display().to_string().escape_debug().to_string()
    }

    /// What is there; what cannot be read is not known.
    pub(super) fn read(&self) -> Known {
        match self.read_bytes() {
            Ok(text) => Known::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Known::default(),
            Err(_) => Known { damaged: true, ..Known::default() },
        }
    }

    fn read_bytes(&self) -> io::Result<Vec<u8>> {
        let metadata = fs::symlink_metadata(&self.path)?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut text = Vec::new();
        File::open(&self.path)?.take(MAX_BYTES).read_to_end(&mut text)?;
        Ok(text)
    }

    /// Adds digests at the end; if there are too many then, the oldest go.
    pub(super) fn append(&self, new: &[Digest]) -> io::Result<()> {
        let _lock = self.lock()?;
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if !metadata.is_file() => return self.replace(&Known::default(), new),
            Ok(metadata) if metadata.len() / LINE_BYTES + new.len() as u64 > MAX_ENTRIES as u64 => {
                return self.replace(&self.read(), new);
            }
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        // A run that was killed here may have left half of a line.
        let torn = file.metadata()?.len() > 0 && {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            last != *b"\n"
        };
        let mut text = if torn { String::from("\n") } else { String::new() };
        push_lines(&mut text, new.iter());
        file.write_all(text.as_bytes())
    }

    /// Writes the file anew, without what is no digest, and with `new`.
    pub(super) fn rewrite(&self, new: &[Digest]) -> io::Result<()> {
        let _lock = self.lock()?;
        self.replace(&self.read(), new)
    }

    /// The lock is held.
    fn replace(&self, known: &Known, new: &[Digest]) -> io::Result<()> {
        let count = known.digests.len() + new.len();
        let skipped = if count > MAX_ENTRIES { count - KEPT_ENTRIES } else { 0 };
        let mut text = String::new();
        push_lines(&mut text, known.digests.iter().chain(new).skip(skipped));
        match fs::symlink_metadata(&self.path) {
            Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // Neither through a link nor into a pipe.
            Ok(metadata) if !metadata.is_file() => fs::remove_file(&self.path)?,
            _ => {}
        }
        atomic::replace(&self.path, text.as_bytes(), NewFile::OwnerOnly)
    }

    fn lock(&self) -> io::Result<File> {
        const PAUSE: Duration = Duration::from_millis(5);
        match fs::create_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.folder.join("lock"))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

fn push_lines<'a>(text: &mut String, digests: impl Iterator<Item = &'a Digest>) {
    for digest in digests {
        STANDARD_NO_PAD.encode_string(digest, text);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(number: usize) -> Digest {
        bulla_core::mac::sha256(&number.to_be_bytes())
    }

    fn digests(numbers: std::ops::Range<usize>) -> Vec<Digest> {
        numbers.map(digest).collect()
    }

    #[test]
    fn what_was_added_is_known_in_its_order() {
        let root = tempfile::tempdir().unwrap();
        let entries = Entries::new(&root.path().join("bulla"));
        assert!(entries.read().digests.is_empty() && !entries.read().damaged);
        entries.append(&digests(0..3)).unwrap();
        entries.append(&digests(2..5)).unwrap();
        let known = entries.read();
        assert_eq!(known.digests, digests(0..5));
        assert!(!known.damaged && known.contains(&digest(4)) && !known.contains(&digest(5)));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let root = tempfile::tempdir().unwrap();
        let entries = Entries::new(&root.path().join("bulla"));
        entries.append(&digests(0..MAX_ENTRIES)).unwrap();
        assert_eq!(entries.read().digests.len(), MAX_ENTRIES);
        entries.append(&digests(MAX_ENTRIES..MAX_ENTRIES + 1)).unwrap();
        let known = entries.read();
        assert_eq!(known.digests.len(), KEPT_ENTRIES);
        assert!(known.contains(&digest(MAX_ENTRIES)) && !known.contains(&digest(0)));
        assert!(fs::metadata(&entries.path).unwrap().len() < MAX_BYTES);
    }

    #[test]
    fn runs_in_parallel_lose_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("bulla");
        std::thread::scope(|scope| {
            for run in 0..8 {
                let folder = &folder;
                scope.spawn(move || {
                    for step in 0..10 {
                        let new = digests(run * 1000 + step * 10..run * 1000 + step * 10 + 10);
                        let entries = Entries::new(folder);
                        if step == 5 { entries.rewrite(&new) } else { entries.append(&new) }.unwrap();
                    }
                });
            }
        });
        let known = Entries::new(&folder).read();
        assert_eq!((known.digests.len(), known.damaged), (800, false));
    }

    #[test]
    fn half_a_line_costs_that_line_only() {
        let root = tempfile::tempdir().unwrap();
        let entries = Entries::new(&root.path().join("bulla"));
        entries.append(&digests(0..3)).unwrap();
        let text = fs::read(&entries.path).unwrap();
        for cut in 88..132 {
            fs::write(&entries.path, &text[..cut]).unwrap();
            entries.append(&digests(5..6)).unwrap();
            let known = entries.read();
            for number in [0, 1, 5] {
                assert!(known.contains(&digest(number)), "{number}, cut at {cut}");
            }
            assert_eq!(known.damaged, cut != 88 && cut != 131);
            entries.rewrite(&[]).unwrap();
            assert!(!entries.read().damaged, "mended");
        }
    }

    #[test]
    fn files_that_are_not_ours_are_neither_read_nor_followed() {
        let root = tempfile::tempdir().unwrap();
        let entries = Entries::new(&root.path().join("bulla"));
        entries.append(&digests(0..1)).unwrap();
        OpenOptions::new().write(true).open(&entries.path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(entries.read().digests.is_empty() && entries.read().damaged, "too large");
        entries.rewrite(&digests(7..8)).unwrap();
        assert_eq!(entries.read().digests, digests(7..8));
        #[cfg(unix)]
        {
            fs::write(root.path().join("other"), "precious").unwrap();
            fs::remove_file(&entries.path).unwrap();
            std::os::unix::fs::symlink("../other", &entries.path).unwrap();
            assert!(entries.read().digests.is_empty());
            entries.append(&digests(8..9)).unwrap();
            assert_eq!(entries.read().digests, digests(8..9));
            assert_eq!(fs::read(root.path().join("other")).unwrap(), b"precious");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_read(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let known = Known::parse(&text);
            prop_assert!(known.digests.len() <= text.len() / 43);
        }

        #[test]
        fn a_flipped_bit_in_the_file_makes_one_digest_unknown(line in 0usize..4, bit in 0usize..43 * 8) {
            let mut text = String::new();
            push_lines(&mut text, digests(0..4).iter());
            let mut bytes = text.into_bytes();
            bytes[line * 44 + bit / 8] ^= 1 << (bit % 8);
            let known = Known::parse(&bytes);
            for number in 0..4 {
                prop_assert_eq!(known.contains(&digest(number)), number != line);
            }
        }
    }
}
