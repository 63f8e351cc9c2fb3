//! The scanner: bytes to tokens. Indentation becomes tokens (a block begins, a block ends), and a simple key is known as a key when its
//! `:` comes, so tokens wait in a queue.
//!
//! go-yaml keeps two tokens more than the parser needs, so that the comments around a token are known when the parser comes to it. The order
//! of errors depends on that, too.

use std::collections::VecDeque;
use std::ops::Range;

use super::comments::{Comment, Place};
use super::source::{Mark, Source};
use super::token::{Kind, Token};

/// Tokens that are read ahead.
const AHEAD: usize = 2;

/// How far behind a simple key its `:` may be, in characters.
const SIMPLE_KEY: isize = 1024;

/// An error before anybody knows which document it is in.
pub(super) struct Fault {
    pub(super) problem: String,
    /// Where go-yaml says that it is, counted from 0: what was being read, or the place itself if that is the first line.
    pub(super) line: isize,
    /// Whether go-yaml counts this line from 1: only in the scanner.
    pub(super) from_one: bool,
    pub(super) at: Mark,
}

/// In a box, because results are on the stack at every level of nesting.
pub(super) type Scanned<T> = Result<T, Box<Fault>>;

#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// In a block at its indentation, nothing else can stand.
    required: bool,
    token: usize,
    mark: Mark,
}

pub(super) struct Scanner<'a> {
    pub(super) source: Source<'a>,
    pub(super) queue: VecDeque<Token>,
    /// Tokens that the parser has taken.
    taken: usize,
    pub(super) comments: VecDeque<Comment>,
    /// Where each line of a comment stands, whatever becomes of it.
    pub(super) all_comments: Vec<Range<usize>>,
    /// Column of the block that is open, -1 outside of any.
    pub(super) indent: isize,
    indents: Vec<isize>,
    pub(super) flow_level: usize,
    pub(super) simple_key_allowed: bool,
    /// One for each level of flow, and one for the blocks.
    simple_keys: Vec<SimpleKey>,
    /// Which token may begin a simple key, and where that is in `simple_keys`.
    key_starts: Vec<(usize, usize)>,
    started: bool,
    available: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            source: Source::new(text),
            queue: VecDeque::new(),
            taken: 0,
            comments: VecDeque::new(),
            all_comments: Vec::new(),
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            key_starts: Vec::new(),
            started: false,
            available: false,
        }
    }

    /// Fills the queue: its first token is final then.
    pub(super) fn fill(&mut self) -> Scanned<()> {
        if self.available {
            return Ok(());
        }
        loop {
            if self.queue.len() > AHEAD {
                let start = self.key_starts.iter().rev().find(|(token, _)| *token == self.taken);
                let Some(&(_, level)) = start else { break };
                if !self.key_is_valid(level)? {
                    break;
                }
            }
            self.fetch()?;
        }
        self.available = true;
        Ok(())
    }

    /// Takes the first token off the queue.
    pub(super) fn take(&mut self) -> Option<Token> {
        self.available = false;
        self.taken += 1;
        self.queue.pop_front()
    }

    pub(super) fn fault<T>(&self, context: Mark, problem: &str) -> Scanned<T> {
        let at = self.source.mark;
        let line = if context.line == 0 { at.line } else { context.line };
        Err(Box::new(Fault { problem: problem.to_owned(), line, from_one: true, at }))
    }

    fn fetch(&mut self) -> Scanned<()> {
        if !self.started {
            self.started = true;
            let mark = self.source.mark;
            self.push(Token::new(Kind::StreamStart, mark, mark));
            return Ok(());
        }
        let scan = self.source.mark;
        self.skip_to_token();
        self.close_blocks(self.source.mark.column, scan);

        if self.source.is_end(0) {
            return self.stream_end();
        }
        if self.source.mark.column == 0 && self.source.at(0) == b'%' {
            self.leave_blocks()?;
            let token = self.scan_directive()?;
            self.push(token);
            return Ok(());
        }
        for (byte, kind) in [(b'-', Kind::DocumentStart), (b'.', Kind::DocumentEnd)] {
            if self.source.is_indicator(byte) {
                self.leave_blocks()?;
                self.indicator(kind, 3);
                return Ok(());
            }
        }
        let separator = if self.flow_level == 0 { b':' } else { b',' };
        let comment_of = match self.queue.back() {
            // A comment behind `:` or `,` belongs to what stands before it.
            Some(before) if self.source.at(0) == separator => before.start,
            _ => self.source.mark,
        };
        self.fetch_token()?;
        // A comment behind a dash is a head of the element.
        if self.queue.back().is_none_or(|token| token.kind != Kind::BlockEntry) {
            self.scan_line_comment(comment_of);
        }
        Ok(())
    }

    fn fetch_token(&mut self) -> Scanned<()> {
        let in_block = self.flow_level == 0;
        let space_after = self.source.is_space_or_end(1);
        match self.source.at(0) {
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.forget_simple_key()?;
                self.simple_key_allowed = true;
                self.indicator(Kind::FlowEntry, 1);
                Ok(())
            }
            b'-' if space_after => self.block_entry(),
            b'?' if !in_block || space_after => self.explicit_key(),
            b':' if !in_block || space_after => self.value(),
            b'*' => self.key_like(|scanner| scanner.scan_anchor(Kind::Alias)),
            b'&' => self.key_like(|scanner| scanner.scan_anchor(Kind::Anchor)),
            b'!' => self.key_like(Self::scan_tag),
            literal @ (b'|' | b'>') if in_block => {
                self.forget_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar(literal == b'|')?;
                self.push(token);
                Ok(())
            }
            b'\'' => self.key_like(|scanner| scanner.scan_quoted(true)),
            b'"' => self.key_like(|scanner| scanner.scan_quoted(false)),
            b'-' if !self.source.is_blank(1) => self.key_like(Self::scan_plain),
            b'?' | b':' if in_block && !space_after => self.key_like(Self::scan_plain),
            b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                self.fault(self.source.mark, "found character that cannot start any token")
            }
            _ if self.source.is_space_or_end(0) => {
                self.fault(self.source.mark, "found character that cannot start any token")
            }
            _ => self.key_like(Self::scan_plain),
        }
    }

    /// Over spaces, empty lines and comments.
    fn skip_to_token(&mut self) {
        let scan = self.source.mark;
        loop {
            if self.source.mark.column == 0
                && (self.source.at(0), self.source.at(1), self.source.at(2)) == (0xEF, 0xBB, 0xBF)
            {
                self.source.skip();
            }
            // A tab cannot indent a block.
            while self.source.at(0) == b' '
                || self.source.at(0) == b'\t' && (self.flow_level > 0 || !self.simple_key_allowed)
            {
                self.source.skip();
            }
            self.line_comment_of_first_dash();
            if self.source.at(0) == b'#' {
                self.scan_comments(scan);
            }
            if !self.source.is_break(0) {
                return;
            }
            self.source.skip_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// `- # comment` before the first element: a head, of the element if that comes on the next line.
    fn line_comment_of_first_dash(&mut self) {
        let last = self.queue.len().wrapping_sub(1);
        let dash = last != 0
            && self.queue.get(last).is_some_and(|token| token.kind == Kind::BlockEntry)
            && self.queue.get(last.wrapping_sub(1)).is_some_and(|token| token.kind == Kind::BlockSequenceStart);
        if !dash || self.source.is_break(0) {
            return;
        }
        let here = self.source.mark;
        if let Some(comment) = self.comments.back_mut()
            && comment.place == Place::Line
        {
            comment.place = Place::Head;
            if comment.start.line == here.line - 1 {
                comment.token = here;
            }
        }
    }

    pub(super) fn push(&mut self, token: Token) {
        self.queue.push_back(token);
    }

    /// A token of one or three characters.
    fn indicator(&mut self, kind: Kind, characters: usize) {
        let start = self.source.mark;
        for _ in 0..characters {
            self.source.skip();
        }
        self.push(Token::new(kind, start, self.source.mark));
    }

    fn stream_end(&mut self) -> Scanned<()> {
        if self.source.mark.column != 0 {
            self.source.mark.column = 0;
            self.source.mark.line += 1;
        }
        self.leave_blocks()?;
        let mark = self.source.mark;
        self.push(Token::new(Kind::StreamEnd, mark, mark));
        Ok(())
    }

    /// Nothing of a document goes on behind this place.
    fn leave_blocks(&mut self) -> Scanned<()> {
        self.close_blocks(-1, self.source.mark);
        self.forget_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind) -> Scanned<()> {
        self.save_simple_key()?;
        let token = self.taken + self.queue.len();
        self.simple_keys.push(SimpleKey { token, mark: self.source.mark, ..SimpleKey::default() });
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.indicator(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind) -> Scanned<()> {
        self.forget_simple_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.key_starts.retain(|(token, _)| *token != key.token);
            }
        }
        self.simple_key_allowed = false;
        self.indicator(kind, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Scanned<()> {
        let mark = self.source.mark;
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fault(mark, "block sequence entries are not allowed in this context");
            }
            self.open_block(mark.column, None, Kind::BlockSequenceStart, mark);
        }
        self.forget_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(Kind::BlockEntry, 1);
        Ok(())
    }

    fn explicit_key(&mut self) -> Scanned<()> {
        let mark = self.source.mark;
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fault(mark, "mapping keys are not allowed in this context");
            }
            self.open_block(mark.column, None, Kind::BlockMappingStart, mark);
        }
        self.forget_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.indicator(Kind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Scanned<()> {
        let level = self.simple_keys.len() - 1;
        if self.key_is_valid(level)? {
            let key = self.simple_keys[level];
            self.insert(key.token, Token::new(Kind::Key, key.mark, key.mark));
            self.open_block(key.mark.column, Some(key.token), Kind::BlockMappingStart, key.mark);
            self.simple_keys[level].possible = false;
            self.key_starts.retain(|(token, _)| *token != key.token);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                let mark = self.source.mark;
                if !self.simple_key_allowed {
                    return self.fault(mark, "mapping values are not allowed in this context");
                }
                self.open_block(mark.column, None, Kind::BlockMappingStart, mark);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.indicator(Kind::Value, 1);
        Ok(())
    }

    /// A token that may be a simple key or begin one.
    fn key_like(&mut self, scan: impl FnOnce(&mut Self) -> Scanned<Token>) -> Scanned<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = scan(self)?;
        self.push(token);
        Ok(())
    }

    fn save_simple_key(&mut self) -> Scanned<()> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let mark = self.source.mark;
        let required = self.flow_level == 0 && self.indent == mark.column;
        let token = self.taken + self.queue.len();
        self.forget_simple_key()?;
        let level = self.simple_keys.len() - 1;
        self.simple_keys[level] = SimpleKey { possible: true, required, token, mark };
        self.key_starts.retain(|(number, _)| *number >= self.taken);
        self.key_starts.push((token, level));
        Ok(())
    }

    fn forget_simple_key(&mut self) -> Scanned<()> {
        let level = self.simple_keys.len() - 1;
        let key = self.simple_keys[level];
        if key.possible {
            if key.required {
                return self.fault(key.mark, "could not find expected ':'");
            }
            self.simple_keys[level].possible = false;
            self.key_starts.retain(|(token, _)| *token != key.token);
        }
        Ok(())
    }

    /// Whether a `:` here would make it a key: on one line, and not too far behind it.
    fn key_is_valid(&mut self, level: usize) -> Scanned<bool> {
        let Some(key) = self.simple_keys.get(level).copied().filter(|key| key.possible) else { return Ok(false) };
        let here = self.source.mark;
        if key.mark.line < here.line || key.mark.index + SIMPLE_KEY < here.index {
            if key.required {
                return self.fault(key.mark, "could not find expected ':'");
            }
            self.simple_keys[level].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    /// A block begins, if the column is further right than the block that is open; its token goes before token number `before`.
    fn open_block(&mut self, column: isize, before: Option<usize>, kind: Kind, mark: Mark) {
        if self.flow_level > 0 || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let token = Token::new(kind, mark, mark);
        match before {
            Some(number) => self.insert(number, token),
            None => self.push(token),
        }
    }

    fn insert(&mut self, number: usize, token: Token) {
        let at = number.saturating_sub(self.taken).min(self.queue.len());
        self.queue.insert(at, token);
    }

    /// Ends the blocks that are further right than `column`.
    fn close_blocks(&mut self, column: isize, scan: Mark) {
        if self.flow_level > 0 {
            return;
        }
        let mut block_end = Mark { index: scan.index - 1, ..scan };
        while self.indent > column {
            // A block ends before the comments that belong to the blocks around it: look back for those at its own column, which are still in it.
            let mut stop = block_end.index;
            for comment in self.comments.iter().rev() {
                if comment.end.index < stop {
                    break;
                }
                if comment.start.column == self.indent + 1 {
                    block_end = comment.start;
                }
                stop = comment.scan.index;
            }
            self.push(Token::new(Kind::BlockEnd, block_end, block_end));
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}
