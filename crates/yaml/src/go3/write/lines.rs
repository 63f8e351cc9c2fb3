//! The page: columns, indentation, line breaks, comments. Nothing here knows what a list is.

use zeroize::Zeroizing;

use crate::writer::buffer::Buffer;

/// What an indicator does to the line that it stands on.
#[derive(Clone, Copy)]
pub(super) struct Indicator {
    /// A space goes before it unless there is one.
    pub(super) spaced: bool,
    /// It counts as white space itself: nothing needs a space behind it.
    pub(super) opens: bool,
    /// It counts as indentation (`- `, `? `): what follows may stand on the same line.
    pub(super) indents: bool,
}

impl Indicator {
    /// `*`, `&`, quotes, `|`
    pub(super) const BEFORE: Self = Self { spaced: true, opens: false, indents: false };
    /// `,` `:` `]` `}`
    pub(super) const AFTER: Self = Self { spaced: false, opens: false, indents: false };
    /// `[` `{`
    pub(super) const OPENING: Self = Self { spaced: true, opens: true, indents: false };
    /// `-` `?`
    pub(super) const ITEM: Self = Self { spaced: true, opens: false, indents: true };
}

/// Text with a cursor.
pub(super) struct Page {
    buffer: Buffer,
    column: usize,
    /// Columns of the current level; none outside a document.
    pub(super) indent: Option<usize>,
    /// The last character was white space.
    pub(super) whitespace: bool,
    /// The line so far is only indentation and indicators.
    pub(super) indention: bool,
    /// A comment that belongs to what is above it ended here, at this indentation: what follows at the same needs an empty line between.
    pub(super) foot_indent: Option<usize>,
}

impl Page {
    pub(super) fn new(size: usize) -> Self {
        Self {
            buffer: Buffer::with_capacity(size),
            column: 0,
            indent: None,
            whitespace: true,
            indention: true,
            foot_indent: None,
        }
    }

    pub(super) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(std::mem::take(&mut *self.buffer.into_text()).into_bytes())
    }

    pub(super) fn at_line_start(&self) -> bool {
        self.column == 0
    }

    pub(super) fn put(&mut self, character: char) {
        self.buffer.push(character);
        self.column += 1;
    }

    /// Text without a line break.
    pub(super) fn put_str(&mut self, text: &str) {
        self.buffer.push_str(text);
        self.column += text.chars().count();
    }

    /// A break as it is in the text: a line feed, or one of Unicode's.
    pub(super) fn put_break(&mut self, character: char) {
        self.buffer.push(character);
        self.column = 0;
        self.indention = true;
    }

    pub(super) fn new_line(&mut self) {
        self.put_break('\n');
    }

    /// Goes to the current indentation, on a new line unless this one is still free.
    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.new_line();
        }
        if self.foot_indent == Some(indent) {
            self.new_line();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.foot_indent = None;
    }

    pub(super) fn indicator(&mut self, text: &str, how: Indicator) {
        if how.spaced {
            self.space();
        }
        self.put_str(text);
        self.whitespace = how.opens;
        self.indention &= how.indents;
    }

    /// A space, unless there is one.
    pub(super) fn space(&mut self) {
        if !self.whitespace {
            self.put(' ');
        }
    }

    /// Text is under way: the next thing needs a space.
    pub(super) fn in_text(&mut self) {
        self.whitespace = false;
        self.indention = false;
    }

    /// One or more lines of comment and a line break. Lines without `#` get one; empty lines stay empty.
    pub(super) fn comment(&mut self, text: &str) {
        let (mut breaks, mut marked) = (false, false);
        for character in text.chars() {
            if super::scalar::is_break(character) {
                self.put_break(character);
                (breaks, marked) = (true, false);
                continue;
            }
            if breaks {
                self.write_indent();
            }
            if !marked && character != '#' {
                self.put_str("# ");
            }
            marked = true;
            self.put(character);
            self.indention = false;
            breaks = false;
        }
        if !breaks {
            self.new_line();
        }
        self.whitespace = true;
    }

    /// The comment belongs to what is above: what follows at this indentation stands apart.
    pub(super) fn foot_ends(&mut self) {
        self.foot_indent = Some(self.indent.unwrap_or(0));
    }
}
