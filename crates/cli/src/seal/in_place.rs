//! Sealing in place: the Secrets of a file become SealedSecrets, every byte of its other documents stays.

use std::collections::BTreeMap;

use bulla_core::sealed::KIND;
use bulla_yaml::{Document, Limits, Node};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::manifest::{self, Format};

/// The text with the documents at these indexes replaced. None if the result does not read as what was asked for; then nothing may be
/// written.
pub(super) fn replaced(
    text: &[u8],
    documents: &[Document],
    sealed: &BTreeMap<usize, Value>,
) -> Option<Zeroizing<Vec<u8>>> {
    let json = Format::of_text(text) == Format::Json;
    let windows = text.windows(2).any(|pair| pair == b"\r\n");
    let mut result = Zeroizing::new(Vec::with_capacity(text.len() + sealed.len() * 4096));
    let mut done = 0;
    for (index, object) in sealed {
        let root = &documents.get(*index)?.root;
        let (start, end) = if json {
            (root.span.start, root.span.end)
        } else {
            (line_start(text, root.span.start), next_marker(text, root.span.end))
        };
        result.extend_from_slice(text.get(done..start)?);
        let written = manifest::sealed_secret(object);
        if json {
            result.extend_from_slice(written.to_json().trim_end().as_bytes());
        } else {
            // A map cannot begin on the line of its `---`.
            let before = &text[..start];
            if !before.is_empty() && before != b"\xEF\xBB\xBF" && !before.ends_with(b"\n") {
                result.push(b'\n');
            }
            let body = written.to_yaml();
            if windows {
                result.extend_from_slice(body.replace('\n', "\r\n").as_bytes())
            } else {
                result.extend_from_slice(body.as_bytes())
            }
        }
        done = end;
    }
    result.extend_from_slice(text.get(done..)?);
    is_as_asked(text, documents, &result, sealed).then_some(result)
}

/// The start of the line, if there is only space before `at`; else `at` itself, behind a `---`.
fn line_start(text: &[u8], at: usize) -> usize {
    let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let before = text[start..at].strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text[start..at]);
    if before.iter().all(|byte| *byte == b' ') { at - before.len() } else { at }
}

/// The first line at or after `from` that ends a document: no scalar can hold one.
fn next_marker(text: &[u8], from: usize) -> usize {
    let mut at = line_start_of(text, from);
    while at < text.len() {
        let line = &text[at..];
        let marks = line.starts_with(b"---") || line.starts_with(b"...");
        if at >= from && marks && line.get(3).is_none_or(u8::is_ascii_whitespace) {
            return at;
        }
        at = match line.iter().position(|byte| *byte == b'\n') {
            Some(newline) => at + newline + 1,
            None => text.len(),
        };
    }
    text.len()
}

fn line_start_of(text: &[u8], at: usize) -> usize {
    let at = at.min(text.len());
    text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
}

/// Reads the result again: as many documents, SealedSecrets where they should be, the others byte for byte as they were.
fn is_as_asked(text: &[u8], documents: &[Document], result: &[u8], sealed: &BTreeMap<usize, Value>) -> bool {
    let Ok(read) = bulla_yaml::read_manifests(result, &Limits::default()) else { return false };
    let source = |text: &[u8], node: &Node| text.get(node.span.start..node.span.end).map(<[u8]>::to_vec);
    read.len() == documents.len()
        && read.iter().zip(documents).enumerate().all(|(index, (new, old))| match sealed.get(&index) {
            Some(object) => {
                new.root.get("kind").and_then(Node::as_str) == Some(KIND)
                    && new.root.to_json().is_ok_and(|json| json == *object)
            }
            None => source(result, &new.root) == source(text, &old.root),
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use serde_json::json;

    use super::*;

    fn sealed(text: &str, indexes: &[usize]) -> String {
        let documents = bulla_yaml::read_manifests(text.as_bytes(), &Limits::default()).unwrap();
        let objects = indexes.iter().map(|index| (*index, json!({"kind": "SealedSecret"}))).collect();
        String::from_utf8(replaced(text.as_bytes(), &documents, &objects).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn other_documents_and_the_comments_before_stay() {
        for (text, indexes, expected) in [
            ("kind: Secret\na: b\n", &[0][..], "kind: SealedSecret\n"),
            ("# head\nkind: Secret\na: b # in\n# tail\n", &[0], "# head\nkind: SealedSecret\n"),
            ("kind: Secret\na: |\n  x\n\n---\nb: 1 # stays\n", &[0], "kind: SealedSecret\n---\nb: 1 # stays\n"),
            ("x:   1\n---\nkind: Secret\n...\n---\n- y\n", &[1], "x:   1\n---\nkind: SealedSecret\n...\n---\n- y\n"),
            ("--- {kind: Secret}\n---\nkind: Secret\n", &[0, 1], "--- \nkind: SealedSecret\n---\nkind: SealedSecret\n"),
            ("  kind: Secret\n  a: b\n", &[0], "kind: SealedSecret\n"),
            ("x: 1\r\n---\r\nkind: Secret\r\n", &[1], "x: 1\r\n---\r\nkind: SealedSecret\r\n"),
            ("\u{feff}kind: Secret\n", &[0], "\u{feff}kind: SealedSecret\n"),
            ("x: 1\n---\nkind: Secret", &[1], "x: 1\n---\nkind: SealedSecret\n"),
        ] {
            assert_eq!(sealed(text, indexes), expected, "{text:?}");
        }
        assert_eq!(sealed("{\"kind\": \"Secret\"}\n", &[0]), "{\n  \"kind\": \"SealedSecret\"\n}\n");
    }
}
