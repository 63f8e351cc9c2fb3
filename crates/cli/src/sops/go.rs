//! What Go's standard library does to texts and paths, where it shows in the output of the real tool.

use std::fmt::Write as _;
use std::io;
use std::path::{Component, Path, PathBuf};

/// `%q`: in double quotes, with what does not print escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            // Writing to a String does not fail.
            _ if prints(letter) => out.push(letter),
            _ if u32::from(letter) < 0x80 => drop(write!(out, "\\x{:02x}", u32::from(letter))),
            _ if u32::from(letter) < 0x1_0000 => drop(write!(out, "\\u{:04x}", u32::from(letter))),
            _ => drop(write!(out, "\\U{:08x}", u32::from(letter))),
        }
    }
    out.push('"');
    out
}

/// Near enough to `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
fn prints(letter: char) -> bool {
    matches!(letter, ' ' | '\'') || (!letter.is_whitespace() && letter.escape_debug().len() == 1)
}

/// `strconv.ParseBool`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.ParseInt(text, 0, 64)`: decimal, `0x`, `0o`, `0b`, a leading zero for octal, underscores between digits.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    if digits.starts_with(['+', '-']) || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

/// The working directory as Go sees it: `PWD` where it is true, so that symlinks on the way stay in paths.
pub(crate) fn working_directory() -> io::Result<PathBuf> {
    let real = std::env::current_dir()?;
    #[cfg(unix)]
    if let Some(stated) = std::env::var_os("PWD").map(PathBuf::from) {
        use std::os::unix::fs::MetadataExt as _;
        let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| a.dev() == b.dev() && a.ino() == b.ino();
        if stated.is_absolute()
            && let (Ok(a), Ok(b)) = (std::fs::metadata(&stated), std::fs::metadata("."))
            && same(&a, &b)
        {
            return Ok(stated);
        }
    }
    Ok(real)
}

/// `filepath.Abs`: against the working directory, with `.` and `..` taken out by name.
pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
    if path.is_absolute() { Ok(clean(path)) } else { Ok(clean(&working_directory()?.join(path))) }
}

/// `filepath.Clean` of an absolute path.
fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            other => cleaned.push(other),
        }
    }
    cleaned
}

/// An error of the operating system, in Go's words: `open /x: no such file or directory`.
pub(crate) fn path_error(operation: &str, path: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => crate::report::os_error(error),
    };
    format!("{operation} {}: {reason}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        for (text, expected) in [
            ("a b", r#""a b""#),
            ("it's", r#""it's""#),
            ("say \"x\"\\", r#""say \"x\"\\""#),
            ("\u{7}\n\t\u{1b}", r#""\a\n\t\x1b""#),
            ("zażółć 🦀", "\"zażółć 🦀\""),
            ("\u{a0}\u{200b}\u{ad}\u{e000}\u{10fffe}", r#""\u00a0\u200b\u00ad\ue000\U0010fffe""#),
        ] {
            assert_eq!(quote(text), expected);
        }
    }

    #[test]
    fn numbers_of_flags_are_gos() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("0b11", Some(3)),
            ("1_000", Some(1000)),
            ("x", None),
            ("", None),
            ("--1", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }

    #[test]
    fn paths_are_cleaned_by_name() {
        for (path, expected) in [("/a/./b//c/../d", "/a/b/d"), ("/../x", "/x"), ("/", "/")] {
            assert_eq!(clean(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
