//! The file of the key: 64 hexadecimal digits, readable by its owner only.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::StorageError;

/// An AES-256 key.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Reads the key; makes one if there is none and `fresh` says that nothing was encrypted yet.
pub(super) fn load(path: &Path, fresh: bool) -> Result<Key, StorageError> {
    match read(path) {
        Err(StorageError::Access { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            if fresh {
                make(path)
            } else {
                Err(StorageError::KeyMissing { path: path.to_owned() })
            }
        }
        other => other,
    }
}

fn read(path: &Path) -> Result<Key, StorageError> {
    let mut file = fs::File::open(path).map_err(StorageError::access(path))?;
    let mode = file.metadata().map_err(StorageError::access(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StorageError::KeyExposed { path: path.to_owned() });
    }
    let mut text = Zeroizing::new([0; 66]);
    let mut length = 0;
    loop {
        match file.read(&mut text[length..]).map_err(StorageError::access(path))? {
            0 => break,
            more => length += more,
        }
    }
    parse(text[..length].trim_ascii_end()).ok_or_else(|| StorageError::KeyMalformed { path: path.to_owned() })
}

fn parse(text: &[u8]) -> Option<Key> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if text.len() != 64 {
        return None;
    }
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(key)
}

/// Never over another file: what that opens would be lost.
fn make(path: &Path) -> Result<Key, StorageError> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut key = Key::default();
    aws_lc_rs::rand::fill(&mut *key).map_err(|_| StorageError::Encrypt)?;
    let mut text = Zeroizing::new([b'\n'; 65]);
    for (pair, byte) in text.chunks_exact_mut(2).zip(key.iter()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        // Made with mode 0600.
        let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(folder)?;
        file.write_all(&*text)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(StorageError::access(path))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(load(&path, false), Err(StorageError::KeyMissing { .. })));
        let key = load(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(*load(&path, true).unwrap(), *key);
        assert_ne!(*key, [0; 32]);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path, true), Err(StorageError::KeyExposed { .. })));
        for text in ["", "00", &"g".repeat(64), &"0".repeat(65), &"0".repeat(200)] {
            let path = folder.path().join("other");
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(load(&path, true), Err(StorageError::KeyMalformed { .. })), "{text:?}");
        }
    }
}
