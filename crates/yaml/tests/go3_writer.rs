//! The writer of sops files against go-yaml v3 itself: files that are read and written again. The vectors' README says how they were made.
//! (Trees without a file are in bulla-core's tests: they need sops' own rules for comments.)

use std::path::{Path, PathBuf};

use bulla_yaml::Limits;
use bulla_yaml::go3::{ScalarStyle, plain_or_quoted, read, write};
use serde_json::Value as Json;

#[test]
fn what_was_read_is_written_as_go_yaml_writes_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/go-yaml3-write/again.jsonl");
    let file = std::env::var_os("BULLA_YAML_AGAIN").map_or(folder, PathBuf::from);
    let text = std::fs::read_to_string(file).expect("vectors are readable");
    let (mut wrong, mut failed, mut count) = (String::new(), 0, 0);
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let row: Json = serde_json::from_str(line).expect("rows are JSON");
        let input = row["yaml"].as_str().expect("rows have an input");
        // What go-yaml does not read, or cannot write although it read it, is the reader's matter.
        let (Some(expected), Ok(documents)) = (row["out"].as_str(), read(input.as_bytes(), &Limits::default())) else {
            continue;
        };
        count += 1;
        let indent = usize::try_from(row["indent"].as_u64().expect("a number")).expect("a small number");
        let written = write(&documents, indent).expect("names of anchors that were read");
        let written = String::from_utf8_lossy(&written);
        if written != expected && without_depth(&written) != without_depth(expected) {
            failed += 1;
            if failed <= 12 {
                wrong +=
                    &format!("--- input, indent {indent}\n{input}\n--- go-yaml\n{expected}\n--- ours\n{written}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}\n{failed} of {count} rows differ");
    assert!(count > 90, "{count} rows are too few");
}

/// go-yaml's digit in the header of a block scalar is the step of indentation, even where the lines stand at another depth or the text
/// begins with a tab; then it cannot read its own file. Ours is the depth.
fn without_depth(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let behind = text[at + character.len_utf8()..].trim_start_matches(['-', '+']);
        let in_header = kept.ends_with(['|', '>']) && (behind.starts_with('\n') || behind.starts_with(" #"));
        if !(in_header && character.is_ascii_digit()) {
            kept.push(character);
        }
    }
    kept
}

#[test]
fn texts_that_go_yaml_cannot_read_back_are_written_so_that_they_can() {
    for (input, indent, expected) in [
        // go-yaml writes `|4-` in lists, whatever their depth.
        ("a:\n- \" x\\ny\"\n- - \"\\nz\"\n", 4, "a:\n    - \" x\\ny\"\n    - - \"\\nz\"\n"),
        ("- |2-\n   x\n  y\n", 4, "- |2-\n   x\n  y\n"),
        ("a:\n  - b: |2\n\n      x\n", 4, "a:\n    - b: |2\n\n        x\n"),
        // go-yaml writes `|` and refuses the tab.
        ("a: |2\n  \tb\n  c\n", 4, "a: |4\n    \tb\n    c\n"),
    ] {
        let read =
            |text: &str| read(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{error}: {text}"));
        let written = write(&read(input), indent).expect("it can be written");
        let written = String::from_utf8(written.to_vec()).expect("text");
        assert_eq!(written, expected, "{input}");
        assert_eq!(*write(&read(&written), indent).expect("again"), *expected.as_bytes(), "{input}");
    }
}

#[test]
fn the_style_of_a_string() {
    use ScalarStyle::{DoubleQuoted, Literal, Plain, SingleQuoted};
    for (text, style, tag) in [
        ("text", Plain, None),
        ("=", Plain, None),
        ("ENC[AES256_GCM,data:a=,iv:b,tag:c,type:str]", Plain, None),
        ("<<", Plain, Some("!!merge")),
        ("", DoubleQuoted, None),
        ("yes", DoubleQuoted, None),
        ("1:30", DoubleQuoted, None),
        ("2024-01-01", DoubleQuoted, None),
        ("a\tb", DoubleQuoted, None),
        ("😀", DoubleQuoted, None),
        ("a: b", SingleQuoted, None),
        (" a", SingleQuoted, None),
        ("a\nb", Literal, None),
        ("a \nb", DoubleQuoted, None),
    ] {
        assert_eq!(plain_or_quoted(text.as_bytes()), (style, tag), "{text:?}");
    }
    assert_eq!(plain_or_quoted(b"\xff"), (Plain, Some("!!binary")));
    assert_eq!(plain_or_quoted(&[0xff; 52]), (Literal, Some("!!binary")));
}
