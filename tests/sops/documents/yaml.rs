//! YAML as people write it, and as nobody does: every style, comments in every place, anchors, tags, several documents. Most of it
//! parses; where it does not, both sides must say so.

use super::tape::Tape;
use super::words::{self, COMMENTS, SPELLINGS};

/// A file of one or more documents.
pub(crate) fn file(tape: &mut Tape) -> String {
    let mut writer = Writer { out: String::new(), comments: 0, anchors: Vec::new(), left: 40, tape };
    writer.comments = *writer.tape.pick(&[&0, &12, &30]);
    if writer.tape.percent(4) {
        writer.out.push_str(writer.tape.pick(&[
            "%YAML 1.1\n---\n",
            "%YAML 1.2\n---\n",
            "---\n",
            "\u{feff}",
            "# first\n\n",
            "\n\n",
            "--- # start\n",
        ]));
    }
    writer.document();
    let more = if writer.tape.percent(15) { 1 + writer.tape.below(3) } else { 0 };
    for _ in 0..more {
        writer.anchors.clear();
        writer.left = 15;
        writer.comment_lines(0);
        let mark = writer.tape.pick(&["---\n", "--- # next\n", "...\n---\n", "---\n# head\n", "---\n\n"]);
        writer.out.push_str(mark);
        writer.document();
    }
    if writer.tape.percent(4) {
        let end = writer.tape.pick(&["...\n", "\n\n", "---\n", "--- null\n", "# end", "\n# last\n"]);
        writer.out.push_str(end);
    }
    if writer.tape.percent(3) {
        return writer.out.replace('\n', "\r\n");
    }
    if writer.tape.percent(3) {
        writer.out.truncate(writer.out.trim_end_matches('\n').len());
    }
    writer.out
}

struct Writer<'a> {
    out: String,
    /// In so many of a hundred places.
    comments: usize,
    anchors: Vec<String>,
    /// How many items there may still be.
    left: usize,
    tape: &'a mut Tape,
}

impl Writer<'_> {
    fn document(&mut self) {
        match self.tape.below(60) {
            59 => self.out.push_str(self.tape.pick(&["{}\n", "- a\n", "text\n", "null\n", "", "# only a comment\n"])),
            58 => {
                self.flow_map(1);
                self.out.push('\n');
            }
            _ => self.map(0, 0),
        }
    }

    /// A block map whose first key stands where the text ends.
    fn map(&mut self, indent: usize, depth: usize) {
        let count = 1 + self.tape.below(if depth == 0 { 7 } else { 4 });
        let mut used: Vec<String> = Vec::new();
        for at in 0..count {
            if at > 0 || indent == 0 {
                self.comment_lines(indent);
                if at > 0 || indent > 0 {
                    self.spaces(indent);
                }
            }
            let mut key = words::key(self.tape);
            if used.contains(&key) && !self.tape.percent(2) {
                key = format!("{key}{at}");
            }
            used.push(key.clone());
            if self.tape.percent(2) && !self.anchors.is_empty() {
                let anchor = self.anchor();
                self.out.push_str(&format!("<<: *{anchor}\n"));
                continue;
            }
            self.key(&key);
            self.out.push(':');
            self.value(indent, depth, false);
        }
        if self.tape.percent(self.comments / 3) {
            self.comment_lines(indent);
        }
    }

    fn key(&mut self, key: &str) {
        if self.tape.percent(1) {
            self.out.push_str(self.tape.pick(&["? ", "!!str ", "&k "]));
        }
        let simple =
            !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter));
        if (simple && !self.tape.percent(4)) || (self.tape.percent(40) && plain(key)) {
            self.out.push_str(key);
        } else {
            self.quoted(key);
        }
    }

    /// What stands behind `key:` or `-`, with the end of its line.
    fn value(&mut self, indent: usize, depth: usize, in_list: bool) {
        let anchor = self.tape.percent(3).then(|| format!("n{}", self.out.len()));
        if let Some(anchor) = &anchor {
            self.out.push_str(&format!(" &{anchor}"));
        }
        self.anchored(indent, depth, in_list);
        // Not before: the real sops never ends at an alias of what it stands in.
        self.anchors.extend(anchor);
    }

    fn anchored(&mut self, indent: usize, depth: usize, in_list: bool) {
        let deep = depth >= 5 || self.left == 0;
        self.left = self.left.saturating_sub(1);
        match self.tape.below(20) {
            0..=6 => {
                self.out.push(' ');
                let text = self.tape.pick(SPELLINGS);
                if plain(text) {
                    self.out.push_str(text)
                } else {
                    self.quoted(text)
                }
                self.line_end();
            }
            7 | 8 => {
                self.out.push(' ');
                let text = words::text(self.tape);
                self.quoted(&text);
                self.line_end();
            }
            9 | 10 => self.block_scalar(indent),
            11 => {
                // Nothing, or a scalar of several lines.
                if self.tape.percent(40) {
                    let lines = self.tape.pick(&[
                        "one\n two",
                        "one\n\n two",
                        "\"one\n two\"",
                        "'one\n\n two'",
                        "one two\n  three # c",
                    ]);
                    let inner = " ".repeat(indent + 1);
                    self.out.push_str(&format!(" {}", lines.replace('\n', &format!("\n{inner}"))));
                }
                self.line_end();
            }
            12 => {
                let tag = self.tape.pick(&[
                    "!!str 1",
                    "!!int \"7\"",
                    "!!binary aGVsbG8=",
                    "!custom x",
                    "!!float 1",
                    "!!set {a, b}",
                    "!!null ''",
                    "!!bool \"true\"",
                    "! 12",
                    "!!timestamp 2024-01-02",
                    "!!binary gIGC",
                    "!<tag:a.b,2000:x> y",
                ]);
                self.out.push_str(&format!(" {tag}"));
                self.line_end();
            }
            13 if !self.anchors.is_empty() => {
                let anchor = self.anchor();
                self.out.push_str(&format!(" *{anchor}"));
                self.line_end();
            }
            13 | 14 => {
                self.out.push(' ');
                if self.tape.percent(50) {
                    self.flow_map(0)
                } else {
                    self.flow_list(0)
                }
                self.line_end();
            }
            15 | 16 if !deep => {
                self.line_end_of_parent();
                let inner = if in_list { indent } else { indent + self.tape.pick(&[&0, &2, &2, &4]) };
                self.list(inner, depth + 1);
            }
            _ if !deep => {
                if in_list && self.tape.percent(80) {
                    // The map begins on the line of the dash.
                    self.out.push(' ');
                    self.map_in_list(indent, depth + 1);
                    return;
                }
                self.line_end_of_parent();
                let inner = indent + self.tape.pick(&[&2, &2, &4, &1]);
                self.comment_lines(inner);
                self.spaces(inner);
                self.map(inner, depth + 1);
            }
            _ => {
                self.out.push_str(" x");
                self.line_end();
            }
        }
    }

    /// Items at `indent`; the first begins a line.
    fn list(&mut self, indent: usize, depth: usize) {
        let count = 1 + self.tape.below(4);
        for _ in 0..count {
            self.comment_lines(indent);
            self.spaces(indent);
            self.out.push('-');
            if depth < 5 && self.tape.percent(5) {
                self.out.push_str(" -");
                self.value(indent + 4, depth + 1, true);
                continue;
            }
            self.value(indent + 2, depth, true);
        }
    }

    fn map_in_list(&mut self, indent: usize, depth: usize) {
        self.map(indent.max(1), depth);
    }

    fn block_scalar(&mut self, indent: usize) {
        let inner = indent + 2;
        let head = self.tape.pick(&["|", ">", "|-", ">-", "|+", ">+", "|2", "|2-"]);
        self.out.push_str(&format!(" {head}"));
        if self.tape.percent(self.comments / 3) {
            self.out.push_str(" # at a block");
        }
        self.out.push('\n');
        let lines = 1 + self.tape.below(4);
        for _ in 0..lines {
            let line = self.tape.pick(&["text", "text text", "", "  more", "# no comment", "trailing ", "é 🦀", "a: b", "- x", "x\ttab", "---x", "end", "   ", "long long long long long long long long long long long long long long long long long long long long long long"]);
            if !line.is_empty() {
                self.spaces(inner);
            }
            self.out.push_str(line);
            self.out.push('\n');
        }
    }

    fn flow_map(&mut self, least: usize) {
        let count = least + self.tape.below(3);
        self.out.push('{');
        for at in 0..count {
            if at > 0 {
                self.out.push_str(self.tape.pick(&[", ", ","]));
            }
            let key = self.tape.pick(words::KEYS);
            if key.is_ascii() {
                self.out.push_str(key)
            } else {
                self.quoted(key)
            }
            self.out.push_str(": ");
            self.flow_value();
        }
        self.out.push('}');
    }

    fn flow_list(&mut self, least: usize) {
        let count = least + self.tape.below(4);
        self.out.push('[');
        for at in 0..count {
            if at > 0 {
                self.out.push_str(", ");
            }
            self.flow_value();
        }
        self.out.push(']');
    }

    fn flow_value(&mut self) {
        let nested = self.left > 0;
        self.left = self.left.saturating_sub(1);
        match self.tape.below(8) {
            0 if nested => self.flow_map(0),
            1 if nested => self.flow_list(0),
            2 => {
                let text = words::text(self.tape);
                self.quoted(&text);
            }
            _ => {
                let text = self.tape.pick(SPELLINGS);
                if plain(text) && !text.contains([',', '[', ']', '{', '}']) {
                    self.out.push_str(text)
                } else {
                    self.quoted(text)
                }
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        let single = text.chars().all(|letter| {
            letter != '\n'
                && letter != '\u{85}'
                && (letter == '\t' || !letter.is_control())
                && !"\u{2028}\u{2029}\u{feff}".contains(letter)
        });
        if single && self.tape.percent(40) {
            self.out.push_str(&format!("'{}'", text.replace('\'', "''")));
            return;
        }
        self.out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                '\0' => self.out.push_str("\\0"),
                '\u{85}' => self.out.push_str("\\N"),
                letter if letter.is_control() || "\u{2028}\u{2029}\u{feff}".contains(letter) => {
                    self.out.push_str(&format!("\\u{:04x}", u32::from(letter)));
                }
                letter => self.out.push(letter),
            }
        }
        self.out.push('"');
    }

    fn anchor(&mut self) -> String {
        let at = self.tape.below(self.anchors.len());
        self.anchors[at].clone()
    }

    fn spaces(&mut self, count: usize) {
        self.out.push_str(&" ".repeat(count));
    }

    fn line_end(&mut self) {
        if self.tape.percent(self.comments / 2) {
            let comment = self.tape.pick(COMMENTS);
            self.out.push_str(&format!(" #{comment}"));
        }
        self.out.push('\n');
    }

    fn line_end_of_parent(&mut self) {
        if self.tape.percent(self.comments / 4) {
            let comment = self.tape.pick(COMMENTS);
            self.out.push_str(&format!(" #{comment}"));
        }
        self.out.push('\n');
    }

    /// Comments on lines of their own, and empty lines.
    fn comment_lines(&mut self, indent: usize) {
        if !self.tape.percent(self.comments) {
            return;
        }
        let count = 1 + self.tape.below(3);
        for _ in 0..count {
            if self.tape.percent(25) {
                self.out.push('\n');
                continue;
            }
            let odd = if self.tape.percent(6) { self.tape.below(5) } else { indent };
            self.spaces(odd);
            let comment = self.tape.pick(COMMENTS);
            self.out.push_str(&format!("#{comment}\n"));
        }
    }
}

/// Whether a text can stand without quotes, mostly.
fn plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with([
            ' ', '#', '\'', '"', '[', ']', '{', '}', '&', '*', '!', '|', '>', '%', '@', '`', ',', '\t', '\n',
        ])
        && !text.starts_with("- ")
        && text != "-"
        && text != "?"
        && !text.starts_with("? ")
        && !text.ends_with([' ', ':', '\n'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(|letter| !letter.is_control() && !"\u{2028}\u{2029}\u{feff}".contains(letter))
}
