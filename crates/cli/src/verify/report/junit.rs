//! JUnit XML: one test case for each file, which fails with each of its findings.

use std::fmt::Write as _;

use super::Looked;
use crate::verify::finding::Finding;

pub(super) fn write(findings: &[Finding], looked: &Looked) -> String {
    let failing = looked.files.iter().filter(|file| findings.iter().any(|finding| finding.file == **file)).count();
    let counts =
        format!("tests=\"{}\" failures=\"{failing}\" errors=\"0\" skipped=\"0\" time=\"0\"", looked.files.len());
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites name=\"bulla verify\" {counts}>\n  <testsuite name=\"bulla verify\" {counts}>");
    for file in &looked.files {
        let mut own = findings.iter().filter(|finding| finding.file == *file).peekable();
        let case = format!("<testcase classname=\"bulla.verify\" name=\"{0}\" file=\"{0}\" time=\"0\"", escaped(file));
        if own.peek().is_none() {
            let _ = writeln!(text, "    {case}/>");
            continue;
        }
        let _ = writeln!(text, "    {case}>");
        for finding in own {
            let (line, column) = finding.place();
            let _ = writeln!(
                text,
                "      <failure type=\"{}\" message=\"{}\">{}:{line}:{column}: {} {}: {}\nhint: {}</failure>",
                finding.rule.id(),
                escaped(&finding.words()),
                escaped(file),
                finding.severity.as_str(),
                finding.rule.id(),
                escaped(&finding.words()),
                escaped(finding.rule.cure())
            );
        }
        text.push_str("    </testcase>\n");
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Text for an attribute or an element. Characters that XML 1.0 cannot hold at all become U+FFFD.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(letter))),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_can_end_an_element() {
        assert_eq!(escaped("a<b>&\"'\n\u{1b}ä"), "a&lt;b&gt;&amp;&quot;&apos;&#10;\u{fffd}ä");
    }
}
