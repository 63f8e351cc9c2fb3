//! A generated document, with all that is done to it.

use super::tape::Tape;
use super::{flat, yaml};

#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) format: &'static str,
    /// What it is written in; mostly the same.
    pub(crate) out: &'static str,
    pub(crate) text: Vec<u8>,
    /// One of the six, and its text.
    pub(crate) selector: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) mac_only: bool,
    /// Recipients in groups.
    pub(crate) groups: Vec<Vec<String>>,
    pub(crate) threshold: u32,
    pub(crate) yaml_indent: usize,
    pub(crate) json_indent: i32,
}

/// A selector and patterns that match keys or comments of `words`.
const SELECTORS: &[(&str, &[&str])] = &[
    ("unencrypted_suffix", &["_unencrypted", "_clear", "a"]),
    ("encrypted_suffix", &["_enc", "Data", "a", "key"]),
    ("unencrypted_regex", &["^(metadata|name)$", "a", "^$", "e.*y", "[^a]"]),
    ("encrypted_regex", &["^(data|stringData)$", ".", "a|b", "(?i)KEY", "^k", "é", "\\d"]),
    ("unencrypted_comment_regex", &["sops:clear", "^ a", "tab"]),
    ("encrypted_comment_regex", &["sops:enc", "comment", "."]),
];

pub(crate) fn document(tape: &mut Tape) -> Document {
    let kind = tape.below(20);
    let (format, text) = match kind {
        0..=10 => ("yaml", yaml::file(tape).into_bytes()),
        11..=13 => ("json", flat::json(tape).into_bytes()),
        14 | 15 => ("dotenv", flat::dotenv(tape).into_bytes()),
        16..=18 => ("ini", flat::ini(tape).into_bytes()),
        _ => ("binary", flat::binary(tape)),
    };
    let out = if tape.percent(15) { tape.pick(&["yaml", "json", "dotenv", "ini"]) } else { format };
    let (selector, patterns) = if tape.percent(50) { SELECTORS[tape.below(SELECTORS.len())] } else { SELECTORS[0] };
    let pattern = patterns[tape.below(patterns.len())];
    let count = if tape.percent(20) { 2 + tape.below(3) } else { 1 };
    let groups: Vec<Vec<String>> =
        (0..count).map(|group| (0..1 + tape.below(2)).map(|key| format!("open-{group}-{key}")).collect()).collect();
    let threshold = if count > 1 && tape.percent(50) { 2 + tape.below(count - 1) as u32 } else { 0 };
    Document {
        format,
        out: if format == "binary" { "binary" } else { out },
        text,
        selector,
        pattern,
        mac_only: tape.percent(12),
        groups,
        threshold,
        yaml_indent: if tape.percent(10) { 2 + tape.below(7) } else { 4 },
        json_indent: if tape.percent(10) { tape.below(5) as i32 } else { -1 },
    }
}

impl Document {
    /// What a person needs to try it by hand.
    pub(crate) fn shown(&self) -> String {
        let Self { format, out, selector, pattern, mac_only, groups, threshold, yaml_indent, json_indent, .. } = self;
        format!(
            "{format} to {out}, {selector} {pattern:?}, MAC only {mac_only}, {} groups (threshold {threshold}), indents {yaml_indent} and \
             {json_indent}\n{:?}\n-----\n{}\n-----",
            groups.len(),
            String::from_utf8_lossy(&self.text),
            String::from_utf8_lossy(&self.text),
        )
    }
}
