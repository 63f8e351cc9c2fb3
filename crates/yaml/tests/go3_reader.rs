//! The reader of sops files against go-yaml v3 itself: `tests/peers/go-yaml3` says how the vectors were made.

use std::fmt::Write as _;
use std::path::Path;

use bulla_yaml::Limits;
use bulla_yaml::go3::{Comments, Document, Kind, Node, Scalar, ScalarStyle, Tagged, read, resolve_tagged};
use serde_json::{Map, Value, json};

#[test]
fn reads_what_go_yaml_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/go-yaml3");
    let files = match std::env::var("BULLA_GO_YAML3_ROWS") {
        // Rows that were made by hand: see tests/peers/go-yaml3.
        Ok(file) => vec![file.into()],
        Err(_) => vec![folder.join("cases.jsonl"), folder.join("generated.jsonl")],
    };
    let mut rows = 0;
    let mut failures = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("vectors are readable");
        for line in text.lines().filter(|line| line.starts_with('{')) {
            rows += 1;
            let row: Value = serde_json::from_str(line).expect("rows are JSON");
            let input = row["in"].as_str().expect("rows have an input");
            if let Some((expected, found)) = difference(&row, input) {
                failures.push((input.to_owned(), expected, found));
            }
        }
    }
    failures.sort_by_key(|(input, ..)| input.len());
    let mut report = String::new();
    for (input, expected, found) in failures.iter().take(4) {
        let at = expected.lines().zip(found.lines()).take_while(|(one, other)| one == other).count();
        let part = |text: &str| text.lines().skip(at.saturating_sub(4)).take(12).collect::<Vec<_>>().join("\n");
        let _ = writeln!(
            report,
            "--- input\n{input}\n{input:?}\n--- go-yaml, from line {at}\n{}\n--- we\n{}\n",
            part(expected),
            part(found)
        );
    }
    assert!(failures.is_empty(), "{} of {rows} documents are read differently\n{report}", failures.len());
    assert!(rows > 100, "only {rows} rows");
}

fn difference(row: &Value, input: &str) -> Option<(String, String)> {
    let mut limits = Limits { max_alias_nodes: 100_000, ..Limits::default() };
    limits.max_depth = 255;
    let expected = match row["error"].as_str() {
        Some(error) => format!("error {error}"),
        None => pretty(&canonical(row["docs"].as_array().map_or(json!([]), |docs| json!(docs)))),
    };
    let found = match read(input.as_bytes(), &limits) {
        Err(error) => format!("error {error}"),
        Ok(documents) => pretty(&canonical(documents.iter().map(of_document).collect())),
    };
    (expected != found).then_some((expected, found))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON can be written")
}

/// Floats have many spellings; the place of a document is that of its first token and of no use.
fn canonical(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = canonical(item.take())),
        Value::Object(fields) => {
            if let Some(number) =
                fields.get("typed").and_then(Value::as_str).and_then(|typed| typed.strip_prefix("float "))
            {
                let number: f64 = number.to_lowercase().parse().expect("Go writes numbers");
                fields.insert("typed".into(), format!("float {number:?}").into());
            }
            if fields.get("k").is_some_and(|kind| kind == "doc") {
                fields.remove("at");
            }
            fields.values_mut().for_each(|field| *field = canonical(field.take()));
        }
        _ => {}
    }
    value
}

fn of_document(document: &Document) -> Value {
    let mut fields = Map::new();
    fields.insert("k".into(), "doc".into());
    comments(&mut fields, &document.comments);
    fields.insert("c".into(), document.root.iter().map(of_node).collect());
    fields.into()
}

fn of_node(node: &Node) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            fields.insert(name.into(), text.into());
        }
    };
    put("tag", &node.tag);
    put("anchor", &node.anchor);
    put("at", &format!("{}:{}", node.line, node.column));
    let children: Vec<Value> = match &node.kind {
        Kind::Scalar { text, style } => {
            put("k", "str");
            put("v", text);
            put(
                "style",
                match style {
                    ScalarStyle::Plain => "",
                    ScalarStyle::SingleQuoted => "'",
                    ScalarStyle::DoubleQuoted => "\"",
                    ScalarStyle::Literal => "|",
                    ScalarStyle::Folded => ">",
                },
            );
            put("typed", &typed(text, &node.tag, *style));
            Vec::new()
        }
        Kind::Sequence { items, flow } => {
            put("k", "seq");
            put("style", if *flow { "flow" } else { "" });
            items.iter().map(of_node).collect()
        }
        Kind::Mapping { entries, flow } => {
            put("k", "map");
            put("style", if *flow { "flow" } else { "" });
            entries.iter().flat_map(|(key, value)| [of_node(key), of_node(value)]).collect()
        }
        Kind::Alias { name, .. } => {
            put("k", "alias");
            put("v", name);
            Vec::new()
        }
    };
    if !children.is_empty() {
        fields.insert("c".into(), children.into());
    }
    comments(&mut fields, &node.comments);
    fields.into()
}

fn comments(fields: &mut Map<String, Value>, comments: &Comments) {
    for (name, text) in [("head", &comments.head), ("line", &comments.line), ("foot", &comments.foot)] {
        if !text.is_empty() {
            fields.insert(name.into(), text.as_str().into());
        }
    }
}

fn typed(text: &str, tag: &str, style: ScalarStyle) -> String {
    match resolve_tagged(text, tag, style) {
        Err(_) => "error".to_owned(),
        Ok(Tagged::Binary(bytes)) if **bytes == *text.as_bytes() => String::new(),
        Ok(Tagged::Binary(bytes)) => bytes.iter().fold("bytes ".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        Ok(Tagged::Scalar(Scalar::Null)) => "null".to_owned(),
        Ok(Tagged::Scalar(Scalar::Bool(value))) => format!("bool {value}"),
        Ok(Tagged::Scalar(Scalar::Int(value))) => format!("int {value}"),
        Ok(Tagged::Scalar(Scalar::Uint(value))) => format!("uint64 {value}"),
        Ok(Tagged::Scalar(Scalar::Float(value))) => format!("float {value:?}"),
        Ok(Tagged::Scalar(Scalar::Time(value))) => format!("time {value}"),
        Ok(Tagged::Scalar(Scalar::Merge | Scalar::Text)) => String::new(),
    }
}
