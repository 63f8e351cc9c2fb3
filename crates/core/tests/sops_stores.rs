//! The stores against those of sops itself: `tests/vectors/sops-stores` says how the rows were made.

use std::fmt::Write as _;
use std::path::Path;

use bulla_core::sops::{Branch, Comment, Format, Indents, Key, Value, load_located};
use bulla_yaml::go3::ScalarStyle;
use serde_json::{Value as Json, json};

#[test]
fn yaml_is_loaded_and_emitted_as_by_sops() {
    hold(Format::Yaml, &yaml_is_stricter);
}

#[test]
fn ini_is_loaded_and_emitted_as_by_sops() {
    hold(Format::Ini, &|_| false);
}

#[test]
fn every_leaf_of_yaml_has_its_place() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/sops-stores/yaml.jsonl");
    let text = std::fs::read_to_string(file).expect("vectors are readable");
    let mut seen = 0;
    for line in text.lines() {
        let row: Json = serde_json::from_str(line).expect("rows are JSON");
        let input = row["in"].as_str().expect("rows have an input");
        let Ok(located) = load_located(input.as_bytes()) else { continue };
        let mut found = Vec::new();
        for branch in &located.tree.documents {
            leaves_of_branch(branch, &mut found);
        }
        assert_eq!(found.len(), located.leaves.len(), "{input}");
        for (value, leaf) in found.iter().zip(&located.leaves) {
            seen += 1;
            let source = &input[leaf.span.clone()];
            match value {
                Found::Comment(text) => assert!(leaf.is_comment && source == format!("#{text}"), "{input}\n{source:?}"),
                Found::Value(value) => {
                    assert!(!leaf.is_comment, "{input}\n{source:?}");
                    let simple = leaf.style == ScalarStyle::Plain
                        && leaf.properties.is_empty()
                        && !source.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
                    if let (true, Value::Text(text)) = (simple, value) {
                        assert_eq!(source.as_bytes(), text.as_slice(), "{input}");
                    }
                }
            }
        }
        let comments =
            located.leaves.iter().filter(|leaf| leaf.is_comment && !leaf.through_alias).map(|leaf| &leaf.span);
        let mut all: Vec<_> = comments.chain(&located.lost_comments).map(|span| span.start).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "no comment is there twice, nor both lost and kept: {input}");
    }
    assert!(seen > 1000, "only {seen} leaves");
}

enum Found<'t> {
    Comment(String),
    Value(&'t Value),
}

fn leaves_of_branch<'t>(branch: &'t Branch, found: &mut Vec<Found<'t>>) {
    for item in branch {
        match &item.key {
            Key::Comment(comment) => found.push(Found::Comment(String::from_utf8_lossy(&comment.text).into_owned())),
            _ => leaves_of_value(&item.value, found),
        }
    }
}

fn leaves_of_value<'t>(value: &'t Value, found: &mut Vec<Found<'t>>) {
    match value {
        Value::Map(branch) => leaves_of_branch(branch, found),
        Value::List(items) => items.iter().for_each(|item| leaves_of_value(item, found)),
        Value::Comment(comment) => found.push(Found::Comment(String::from_utf8_lossy(&comment.text).into_owned())),
        other => found.push(Found::Value(other)),
    }
}

/// Later documents are held to the rules of the first, where sops loses values in silence.
fn yaml_is_stricter(problem: &str) -> bool {
    let rules = ["already defined at line", "cannot decode", "map merge requires", "invalid base64", "invalid map key"];
    problem.starts_with("Error unmarshaling input YAML: ") && rules.iter().any(|rule| problem.contains(rule))
}

/// `refused`: errors that sops does not have.
fn hold(format: Format, refused: &dyn Fn(&str) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/sops-stores");
    let file = match std::env::var("BULLA_SOPS_STORES_ROWS") {
        // Rows that were made by hand: see tests/peers/sops-stores.
        Ok(folder) => Path::new(&folder).join(format!("{}.jsonl", format.word())),
        Err(_) => folder.join(format!("{}.jsonl", format.word())),
    };
    let text = std::fs::read_to_string(&file).expect("vectors are readable");
    let mut rows = 0;
    let mut failures = Vec::new();
    for line in text.lines() {
        rows += 1;
        let row: Json = serde_json::from_str(line).expect("rows are JSON");
        let input = row["in"].as_str().expect("rows have an input");
        // The command line refuses an empty file, the store does not; and where sops itself fails there is nothing to match.
        if input.is_empty() && format == Format::Yaml
            || row["error"].as_str().is_some_and(|error| error.starts_with("panic"))
        {
            continue;
        }
        let (expected, found) = match format.load_plain(input.as_bytes()) {
            Err(problem) if refused(&problem.to_string()) && row["error"].is_null() => continue,
            Err(problem) => (expected_error(&row), found_error(&problem.to_string())),
            Ok(tree) => {
                let trees: Json = tree.documents.iter().map(of_branch).collect();
                let mut found = format!("{trees:#}\n");
                match format.emit_plain(&tree, Indents::default()) {
                    Ok(bytes) => found.push_str(&String::from_utf8_lossy(&bytes)),
                    Err(_) => found.push_str("not emitted"),
                }
                (expected_tree(&row), found)
            }
        };
        // The digit of a block scalar in a list: sops writes one with which the text does not come back.
        let digit = row["out"].as_str().is_some_and(|out| out.contains("- |4") || out.contains("- >4"));
        if expected != found && !digit {
            failures.push((input.to_owned(), expected, found));
        }
    }
    failures.sort_by_key(|(input, ..)| input.len());
    let mut report = String::new();
    for (input, expected, found) in failures.iter().take(6) {
        let at = expected.lines().zip(found.lines()).take_while(|(one, other)| one == other).count();
        let part = |text: &str| text.lines().skip(at.saturating_sub(4)).take(10).collect::<Vec<_>>().join("\n");
        let _ = writeln!(
            report,
            "--- input\n{input}\n{input:?}\n--- sops, from line {at}\n{}\n--- we\n{}\n",
            part(expected),
            part(found)
        );
    }
    assert!(failures.is_empty(), "{} of {rows} texts differ\n{report}", failures.len());
    assert!(rows > 50, "only {rows} rows");
}

/// go-yaml puts the value behind its tag, which we do not.
fn expected_error(row: &Json) -> String {
    let mut error = row["error"].as_str().unwrap_or("none").to_owned();
    if let Some(reason) = error.strip_prefix("Could not unmarshal input data: ") {
        return format!("error INI: {}", without_line(reason));
    }
    while let Some(start) = error.find(" `") {
        let Some(end) = error[start + 2..].find('`') else { break };
        error.replace_range(start..start + 3 + end, "");
    }
    if let Some(end) = error.find("invalid map key:") {
        error.truncate(end + "invalid map key".len());
    }
    // Only the first of many are listed.
    let listed: Vec<&str> = error.split("\n  ").take(21).collect();
    format!("error {}", listed.join("\n  "))
}

fn found_error(problem: &str) -> String {
    match problem.strip_prefix("Could not unmarshal input data: ") {
        Some(reason) => format!("error INI: {}", without_line(reason)),
        None => format!("error {problem}"),
    }
}

/// go-ini repeats the line, where we give its number.
fn without_line(reason: &str) -> &str {
    if reason.starts_with("error creating new key") {
        return reason;
    }
    reason.split([':', '"']).next().unwrap_or_default().trim_end().trim_end_matches(" from")
}

fn expected_tree(row: &Json) -> String {
    if let Some(error) = row["error"].as_str() {
        return format!("error {error}");
    }
    let tree = if row["tree"].is_null() { &json!([]) } else { &row["tree"] };
    let out = match row["out_error"].as_str() {
        Some(_) => "not emitted",
        None => row["out"].as_str().unwrap_or_default(),
    };
    format!("{tree:#}\n{out}")
}

fn of_branch(branch: &Branch) -> Json {
    let items: Vec<Json> = branch
        .iter()
        .map(|item| match &item.key {
            Key::Comment(comment) => of_comment(comment),
            Key::Name(name) => json!({ "k": name, "v": of_value(&item.value) }),
            Key::Other { go_type, .. } => json!({ "k": format!("({go_type})"), "v": of_value(&item.value) }),
        })
        .collect();
    json!({ "map": items })
}

fn of_comment(comment: &Comment) -> Json {
    let text = String::from_utf8_lossy(&comment.text);
    if comment.inline { json!({ "#inline": text }) } else { json!({ "#": text }) }
}

fn of_value(value: &Value) -> Json {
    match value {
        Value::Map(branch) => of_branch(branch),
        Value::List(items) => items.iter().map(of_value).collect(),
        Value::Text(text) => String::from_utf8_lossy(text).into(),
        Value::Int(number) => json!({ "int": number.to_string() }),
        Value::Uint(number) => json!({ "uint64": number.to_string() }),
        Value::Float(number) => json!({ "float": go_float(*number) }),
        Value::Bool(value) => json!({ "bool": value.to_string() }),
        Value::Time(time) => json!({ "time": time.as_str() }),
        Value::Comment(comment) => of_comment(comment),
        Value::Null => Json::Null,
    }
}

/// Go's `FormatFloat(number, 'g', -1, 64)` of the numbers in the vectors.
fn go_float(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ if number.abs() >= 1e21 || number == 1e20 => format!("{number:e}").replace('e', "e+"),
        _ => number.to_string(),
    }
}
