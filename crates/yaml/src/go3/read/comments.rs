//! Comments: where the scanner finds them, and to which token each belongs.
//!
//! go-yaml has no grammar for this. A comment behind a token is its line comment. Comments on lines of their own are a head of the token that
//! follows, unless they touch the line above and an empty line follows, or stand further left than the block: then they are a foot of what
//! came before. Tokens take their comments by position when the parser looks at them.

use std::ops::Range;

use zeroize::Zeroizing;

use super::scan::Scanner;
use super::source::{Mark, Text};
use super::token::Kind;

/// How far go-yaml looks over blanks and empty lines, in bytes.
const LOOKAHEAD: usize = 512;

/// Lines of comments and where they stand. Empty lines between them are in the text and have no place.
#[derive(Clone, Default)]
pub(super) struct Lines {
    text: Text,
    places: Vec<Range<usize>>,
}

impl Lines {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.text.as_str().len()
    }

    /// Puts further lines under these.
    pub(super) fn join(&mut self, other: Self) {
        if !self.is_empty() {
            self.text.push("\n");
        }
        self.text.push(other.text.as_str());
        self.places.extend(other.places);
    }

    /// Cuts `length` bytes off the front, and drops one line break behind them.
    pub(super) fn split(self, length: usize) -> (Self, Self) {
        let text = self.text.as_str();
        let (front, back) = (text.get(..length).unwrap_or(text), text.get(length + 1..).unwrap_or_default());
        let in_front = front.split('\n').filter(|line| !line.is_empty()).count().min(self.places.len());
        let part = |text: &str, places: &[Range<usize>]| {
            let mut part = Self { text: Text::default(), places: places.to_vec() };
            part.text.push(text);
            part
        };
        (part(front, &self.places[..in_front]), part(back, &self.places[in_front..]))
    }

    /// Where an implicit document's own comment ends: at the last empty line.
    pub(super) fn last_empty_line(&self) -> Option<(usize, usize)> {
        let bytes = self.text.as_str().as_bytes();
        for at in (1..bytes.len()).rev() {
            if bytes[at] == b'\n' {
                if at == bytes.len() - 1 {
                    return Some((at, at + 1));
                }
                if bytes[at - 1] == b'\n' {
                    return Some((at - 1, at + 1));
                }
            }
        }
        None
    }

    /// Cuts a range of bytes, which are line breaks, out of the middle.
    pub(super) fn split_out(self, (from, to): (usize, usize)) -> (Self, Self) {
        let (front, mut back) = self.split(from);
        if to > from + 1 {
            let rest = back.text.as_str().get(to - from - 1..).unwrap_or_default();
            let mut text = Text::default();
            text.push(rest);
            back.text = text;
        }
        (front, back)
    }

    pub(super) fn into_parts(self) -> (Zeroizing<String>, Vec<Range<usize>>) {
        (self.text.into_inner(), self.places)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Head,
    Line,
    Foot,
}

pub(super) struct Comment {
    pub(super) place: Place,
    pub(super) lines: Lines,
    /// Where the scan that found it began; 0 for line comments.
    pub(super) scan: Mark,
    /// It belongs to the first token that does not begin before this.
    pub(super) token: Mark,
    /// Its first `#`. The column counts from 1, but in line comments from 0.
    pub(super) start: Mark,
    /// Where what was looked at ends; 0 for line comments.
    pub(super) end: Mark,
}

impl Scanner<'_> {
    /// A comment behind the token that was just read.
    pub(super) fn scan_line_comment(&mut self, token: Mark) {
        if self.source.newlines > 0 {
            return;
        }
        let Some(blanks) = (0..LOOKAHEAD).find(|&ahead| !self.source.is_blank(ahead)) else { return };
        if self.source.at(blanks) != b'#' {
            return;
        }
        self.source.skip_blanks();
        let start = self.source.mark;
        let mut lines = Lines::default();
        self.comment_line(&mut lines);
        self.comments.push_back(Comment {
            place: Place::Line,
            lines,
            scan: Mark::default(),
            token,
            start,
            end: Mark::default(),
        });
    }

    /// Comments on lines of their own, from a `#` on: each becomes a head or a foot.
    pub(super) fn scan_comments(&mut self, mut scan: Mark) {
        let last = self.queue.len().saturating_sub(1);
        let before = match self.queue.get(last) {
            Some(token) if token.kind == Kind::FlowEntry && last > 0 => self.queue.get(last - 1),
            token => token,
        };
        let (after_value, mut token) =
            before.map_or((false, Mark::default()), |token| (token.kind == Kind::Value, token.start));

        let mut start = Mark::default();
        let mut lines = Lines::default();
        let mut seen_empty = false;
        // Whether no empty line was seen yet.
        let mut adjacent = self.source.newlines <= 1;
        let (mut line, mut column) = (self.source.mark.line, self.source.mark.column);
        let indent = self.indent.max(0);

        // Only a comment that begins on this line can be a foot of what stands above.
        let foot_line = if scan.line > 0 {
            let beside = self.source.newlines == 0 && self.source.mark.column > 1;
            self.source.mark.line - self.source.newlines + 1 + isize::from(beside)
        } else {
            -1
        };

        let mut ahead = 0;
        while ahead < LOOKAHEAD {
            column += 1;
            if self.source.is_blank(ahead) {
                ahead += 1;
                continue;
            }
            let closes_flow = self.flow_level > 0 && matches!(self.source.at(ahead), b']' | b'}');
            let here = self.source.ahead(ahead, line, column);
            if closes_flow || self.source.is_break_or_end(ahead) {
                if closes_flow || !seen_empty {
                    let touches = start.line == foot_line && !after_value;
                    if closes_flow || adjacent && (touches || start.column - 1 < indent) {
                        if !lines.is_empty() {
                            if start.column - 1 < indent {
                                // Further left than the block: it does not belong to the token before.
                                token = start;
                            }
                            self.foot(&mut scan, &mut token, start, here, &mut lines);
                        }
                    } else if !lines.is_empty() && !self.source.is_end(ahead) {
                        lines.text.push("\n");
                    }
                }
                if !self.source.is_break(ahead) {
                    break;
                }
                adjacent = false;
                seen_empty = true;
                column = 0;
                line += 1;
                ahead += 1;
                continue;
            }
            if !lines.is_empty() && column - 1 < indent && column != start.column {
                self.foot(&mut scan, &mut token, start, here, &mut lines);
            }
            if self.source.at(ahead) != b'#' {
                break;
            }
            if lines.is_empty() {
                start = here;
            } else {
                lines.text.push("\n");
            }
            seen_empty = false;
            while self.source.mark.index < here.index {
                if self.source.is_break(0) {
                    self.source.skip_break();
                } else {
                    self.source.skip();
                }
            }
            self.comment_line(&mut lines);
            // The line break itself is not looked at: only what comes after it can be an empty line.
            ahead = 1;
            column = 0;
            line = self.source.mark.line;
        }
        if !lines.is_empty() {
            let mut end = self.source.ahead(ahead, line, column);
            end.index -= 1;
            self.comments.push_back(Comment { place: Place::Head, lines, scan, token: start, start, end });
        }
    }

    fn foot(&mut self, scan: &mut Mark, token: &mut Mark, start: Mark, end: Mark, lines: &mut Lines) {
        let lines = std::mem::take(lines);
        self.comments.push_back(Comment { place: Place::Foot, lines, scan: *scan, token: *token, start, end });
        *scan = end;
        *token = end;
    }

    /// Takes a comment to the end of its line.
    pub(super) fn comment_line(&mut self, lines: &mut Lines) {
        let from = self.source.mark.byte;
        lines.text.push(self.source.rest_of_line());
        let place = from..self.source.mark.byte;
        self.all_comments.push(place.clone());
        lines.places.push(place);
    }
}
