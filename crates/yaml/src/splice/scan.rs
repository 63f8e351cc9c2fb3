//! Small steps over the text between nodes: lines, blanks, comments, properties. Offsets are bytes and lie on ASCII.

/// A source text as bytes, with offsets counted from the start of the input.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The text of a range; empty if it is none.
    pub(super) fn slice(self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// First byte of the line that `at` is on, a byte order mark not counted.
    pub(super) fn line_start(self, at: usize) -> usize {
        let before = self.slice(0, at);
        let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        if start == 0 && before.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { start }
    }

    /// End of the line that `at` is on, before its line break.
    pub(super) fn line_end(self, at: usize) -> usize {
        let rest = self.slice(at, self.text.len());
        at + rest.find(['\n', '\r']).unwrap_or(rest.len())
    }

    /// After the line break at `at`, or `at` if there is none.
    pub(super) fn after_break(self, at: usize) -> usize {
        match (self.byte(at), self.byte(at + 1)) {
            (Some(b'\r'), Some(b'\n')) => at + 2,
            (Some(b'\r' | b'\n'), _) => at + 1,
            _ => at,
        }
    }

    /// First byte of the line after the one that `at` is on; the end of the text if there is none.
    pub(super) fn next_line(self, at: usize) -> usize {
        self.after_break(self.line_end(at))
    }

    /// How the lines around `at` end.
    pub(super) fn line_break(self, at: usize) -> &'static str {
        let here = self.line_end(at);
        let end = if here < self.text.len() { here } else { self.line_end(0) };
        match (self.byte(end), self.byte(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => "\r\n",
            (Some(b'\r'), _) => "\r",
            _ => "\n",
        }
    }

    pub(super) fn skip_blanks(self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    pub(super) fn skip_white(self, mut at: usize) -> usize {
        while matches!(self.byte(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    /// Over blanks, line breaks and comments.
    pub(super) fn skip_comments(self, at: usize) -> usize {
        let mut at = self.skip_white(at);
        while self.byte(at) == Some(b'#') && (at == 0 || self.is_white(at - 1)) {
            at = self.skip_white(self.line_end(at));
        }
        at
    }

    pub(super) fn is_white(self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// After the colon that belongs to a key that ends at `key_end`.
    pub(super) fn after_colon(self, key_end: usize) -> Option<usize> {
        let at = self.skip_comments(key_end);
        (self.byte(at) == Some(b':')).then_some(at + 1)
    }

    /// After the anchor and the tag that stand between `at` and `limit`.
    pub(super) fn after_properties(self, mut at: usize, limit: usize) -> usize {
        loop {
            let token = self.skip_comments(at);
            if token >= limit || !matches!(self.byte(token), Some(b'&' | b'!')) {
                return at;
            }
            at = token;
            while at < limit && !self.is_white(at) {
                at += 1;
            }
        }
    }

    /// Where an entry begins whose key begins at `key`: before the key's anchor, its tag and a `?` on the same line. Looks at
    /// no more than the words before the key, since a line may be as long as the text.
    pub(super) fn entry_start(self, key: usize) -> usize {
        let before = |at: usize| at.checked_sub(1).and_then(|at| self.byte(at));
        let mut start = key;
        loop {
            let mut end = start;
            while matches!(before(end), Some(b' ' | b'\t')) {
                end -= 1;
            }
            let mut word = end;
            while before(word).is_some_and(|byte| !byte.is_ascii_whitespace()) {
                word -= 1;
            }
            let is_property = matches!(self.byte(word), Some(b'&' | b'!'));
            let is_question = self.slice(word, end) == "?";
            if end == start || word == end || !(is_property || is_question) {
                return start;
            }
            start = word;
            if is_question {
                return start;
            }
        }
    }

    /// Whether only blanks stand before `at` on its line.
    pub(super) fn begins_line(self, at: usize) -> bool {
        self.slice(self.line_start(at), at).bytes().all(|byte| matches!(byte, b' ' | b'\t'))
    }

    /// The blanks that the line of `at` begins with.
    pub(super) fn indent(self, at: usize) -> &'a str {
        let start = self.line_start(at);
        self.slice(start, self.skip_blanks(start))
    }

    /// Column of `at` in characters, from 0.
    pub(super) fn column(self, at: usize) -> usize {
        self.slice(self.line_start(at), at).chars().count()
    }

    /// The line of `at`, from 1.
    pub(super) fn line(self, at: usize) -> usize {
        self.slice(0, at).bytes().filter(|&byte| byte == b'\n').count() + 1
    }

    /// The header of a block scalar that stands somewhere after `at`: its first byte and the end of its indicators.
    pub(super) fn block_header(self, at: usize) -> Option<(usize, usize)> {
        let start = self.skip_comments(at);
        if !matches!(self.byte(start), Some(b'|' | b'>')) {
            return None;
        }
        let mut end = start + 1;
        while matches!(self.byte(end), Some(b'0'..=b'9' | b'+' | b'-')) {
            end += 1;
        }
        Some((start, end))
    }
}
