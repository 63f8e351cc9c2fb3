//! Trees as sops 3.13.3 writes them to YAML: every row of `tests/vectors/go-yaml3-write`, which its own store wrote.

use std::path::Path;

use bulla_core::sops::{Branch, Comment, Format, Indents, Item, Key, Time, Tree, Value};
use serde_json::Value as Json;

#[test]
fn trees_are_written_as_sops_writes_them() {
    let mut wrong = String::new();
    let (mut count, mut failed) = (0, 0);
    for (place, row) in rows() {
        let Some(expected) = row["out"].as_str().filter(|_| row["yaml"].is_null()) else { continue };
        let indent = row["indent"].as_u64().map_or(4, |indent| usize::try_from(indent).expect("a small number"));
        let indents = Indents { yaml: indent, ..Indents::default() };
        let documents = row["documents"].as_array();
        let tree = Tree { documents: documents.into_iter().flatten().map(branch).collect() };
        let written = match documents {
            Some(_) => Format::Yaml.emit_plain(&tree, indents),
            None => Format::Yaml.emit_value(&value(&row["value"]), indents),
        };
        count += 1;
        let written = written.unwrap_or_else(|error| panic!("{place}: {error}"));
        let written = String::from_utf8_lossy(&written);
        if without_depth(&written) != without_depth(expected) && !has_comment_in_text(expected) {
            failed += 1;
            if failed <= 5 {
                wrong += &format!("{place}: {row}\n--- sops\n{expected}\n--- ours\n{written}\n");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}\n{failed} of {count} rows differ");
    assert!(count > 500, "{count} rows are too few");
}

/// The two reasons to differ: go-yaml could not read its own output, or would read another text. The digit in the header of a block scalar
/// is the step of indentation for go-yaml, the depth of the lines for us.
fn without_depth(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let behind = text[at + character.len_utf8()..].trim_start_matches(['-', '+']);
        let in_header = kept.ends_with('|') && (behind.starts_with('\n') || behind.starts_with(" #"));
        if !(in_header && character.is_ascii_digit()) {
            kept.push(character);
        }
    }
    kept
}

/// A block scalar with two lines of comment behind its header: the second becomes a line of text. We quote such a text.
fn has_comment_in_text(text: &str) -> bool {
    let header = |line: &str| {
        let code = line
            .split_once(" #")
            .map(|(code, _)| code.trim_end_matches(['-', '+', '1', '2', '3', '4', '5', '6', '7', '8', '9']));
        code.is_some_and(|code| code.ends_with('|'))
    };
    text.lines().zip(text.lines().skip(1)).any(|(line, next)| header(line) && next.trim_start().starts_with('#'))
}

/// All rows with their places; the folder of another run of the generator can be named for a longer comparison.
fn rows() -> Vec<(String, Json)> {
    let folder = std::env::var_os("BULLA_YAML_ROWS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/go-yaml3-write"),
        std::path::PathBuf::from,
    );
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of vectors") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "jsonl") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        for (number, line) in text.split('\n').enumerate().filter(|(_, line)| line.starts_with('{')) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            rows.push((format!("{name}:{}", number + 1), serde_json::from_str(line).expect("a JSON line")));
        }
    }
    rows
}

fn branch(items: &Json) -> Branch {
    let item = |item: &Json| match item {
        Json::Array(pair) => Item {
            key: match value(&pair[0]) {
                Value::Text(text) => Key::Name(String::from_utf8(text.to_vec()).expect("keys are text")),
                other => Key::Other { go_type: other.go_type(), text: printed(&other) },
            },
            value: value(&pair[1]),
        },
        comment => match value(comment) {
            Value::Comment(comment) => Item::comment(comment),
            _ => panic!("{comment} is no comment"),
        },
    };
    items.as_array().expect("a map").iter().map(item).collect()
}

fn value(row: &Json) -> Value {
    let text = |field: &str| row[field].as_str();
    if let Some(comment) = text("c") {
        Value::Comment(Comment { inline: row["inline"] == true, ..Comment::new(comment) })
    } else if let Some(value) = text("t") {
        Value::text(value)
    } else if let Some(value) = text("b") {
        Value::text(base64(value))
    } else if let Some(value) = text("i") {
        value.parse().map_or_else(|_| Value::Uint(value.parse().expect("an integer")), Value::Int)
    } else if let Some(value) = text("f") {
        Value::Float(value.parse().expect("a number"))
    } else if let Some(value) = row["bool"].as_bool() {
        Value::Bool(value)
    } else if let Some(value) = text("time") {
        Value::Time(Time::parse(value).expect("a time"))
    } else if !row["m"].is_null() {
        Value::Map(branch(&row["m"]))
    } else if let Some(items) = row["l"].as_array() {
        Value::List(items.iter().map(value).collect())
    } else {
        assert!(row.is_null(), "{row}");
        Value::Null
    }
}

/// As Go prints it.
fn printed(key: &Value) -> String {
    match key {
        Value::Int(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => "<nil>".to_owned(),
        _ => panic!("keys of this type are not in the vectors"),
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}
