//! The binary encoding of SSH (RFC 4251, section 5): numbers of four bytes, strings with their length before them.

/// A cursor over hostile bytes. Every step says `None` where the bytes do not suffice.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let bytes = self.bytes(4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// A positive integer, without leading zeros. A negative one is `None`.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return None;
        }
        let start = bytes.iter().position(|byte| *byte != 0)?;
        Some(&bytes[start..])
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a string.
pub(super) fn put_string(bytes: &mut Vec<u8>, string: &[u8]) {
    // Lengths are those of keys that were read with a limit far below 4 GiB.
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(string);
}

/// Appends a positive integer that is given without leading zeros.
pub(super) fn put_positive(bytes: &mut Vec<u8>, digits: &[u8]) {
    if digits.first().is_some_and(|first| first & 0x80 != 0) {
        let length = u32::try_from(digits.len() + 1).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(0);
        bytes.extend_from_slice(digits);
    } else {
        put_string(bytes, digits);
    }
}
