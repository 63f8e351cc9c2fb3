//! Bytes that are replaced.

use std::ops::Range;

use zeroize::Zeroizing;

/// Replacements in one text.
#[derive(Default)]
pub(super) struct Edits(Vec<(Range<usize>, Zeroizing<Vec<u8>>)>);

impl Edits {
    pub(super) fn replace(&mut self, range: Range<usize>, text: impl Into<Vec<u8>>) {
        self.0.push((range, Zeroizing::new(text.into())));
    }

    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a replaced range reaches into this one.
    pub(super) fn touch(&self, range: &Range<usize>) -> bool {
        self.0.iter().any(|(edit, _)| edit.start < range.end && range.start < edit.end)
    }

    /// The text with all replacements; `None` if two of them overlap.
    pub(super) fn apply(mut self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        // Stable: insertions at one place stay in their order.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let added: usize = self.0.iter().map(|(_, text)| text.len()).sum();
        let mut result = Zeroizing::new(Vec::with_capacity(text.len() + added));
        let mut at = 0;
        for (range, replacement) in &self.0 {
            result.extend_from_slice(text.get(at..range.start)?);
            result.extend_from_slice(replacement);
            at = range.end;
        }
        result.extend_from_slice(text.get(at..)?);
        Some(result)
    }
}

/// Small steps over a text.
pub(super) mod scan {
    /// First byte of the line that `at` is on.
    pub(in super::super) fn line_start(text: &[u8], at: usize) -> usize {
        text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }

    /// End of the line that `at` is on, before its line break (also before the `\r` of one).
    pub(in super::super) fn line_end(text: &[u8], at: usize) -> usize {
        let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| at + length);
        if end > at && text[end - 1] == b'\r' && end < text.len() { end - 1 } else { end }
    }

    /// First byte of the line behind the one that `at` is on.
    pub(in super::super) fn next_line(text: &[u8], at: usize) -> usize {
        text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| at + length + 1)
    }

    /// The line of `at`, from 1.
    pub(in super::super) fn line(text: &[u8], at: usize) -> usize {
        text[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// How lines end here.
    pub(in super::super) fn line_break(text: &[u8]) -> &'static str {
        match text.iter().position(|byte| *byte == b'\n') {
            Some(at) if at > 0 && text[at - 1] == b'\r' => "\r\n",
            _ => "\n",
        }
    }

    /// `text`, whose lines end in `\n`, with the line breaks of a file.
    pub(in super::super) fn with_breaks(text: &str, line_break: &str) -> String {
        if line_break == "\n" { text.to_owned() } else { text.replace('\n', line_break) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_keep_the_rest_and_do_not_overlap() {
        let mut edits = Edits::default();
        edits.replace(6..7, "C");
        edits.replace(0..1, "AA");
        edits.remove(2..4);
        assert!(edits.touch(&(3..5)) && !edits.touch(&(4..6)));
        assert_eq!(*edits.apply(b"a b c d").unwrap(), b"AA c C");
        let mut edits = Edits::default();
        edits.replace(0..2, "x");
        edits.replace(1..3, "y");
        assert!(edits.apply(b"abcd").is_none());
    }
}
