//! Every row of `tests/vectors/yaml`, which the Go libraries under kubeseal wrote, against this crate.

use std::path::Path;

use bulla_yaml::{Limits, Node, Out, read_manifests};
use serde_json::Value as Json;

fn rows(name: &str) -> Vec<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/yaml").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.split('\n').filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn text<'a>(row: &'a Json, field: &str) -> Option<&'a str> {
    row[field].as_str()
}

/// JSON as Go writes it, keys sorted.
fn go_json(node: &Node) -> Option<String> {
    fn sort(out: &mut Out<'_>) -> bool {
        match out {
            Out::Float(value) => value.is_finite(),
            Out::Sequence(items) => items.iter_mut().all(sort),
            Out::Mapping(entries) => {
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                entries.iter_mut().all(|(_, value)| sort(value))
            }
            _ => true,
        }
    }
    let mut out = Out::from(node);
    sort(&mut out).then(|| out.to_json_compact().to_string())
}

/// Differences from Go that are meant. Each is told by Go's error (this crate accepts more) or by ours (it accepts less);
/// there is one spelling that both accept with different values.
fn deliberate(yaml: &str, go_error: &str, our_error: &str) -> Option<&'static str> {
    let accepts_more: &[(&str, &str)] = &[
        (
            "tab character where an indentation space",
            "a block scalar may begin with a tab in YAML; go-yaml 2 refuses it",
        ),
        ("cannot start any token", "a tab may separate indentation and text; go-yaml 2 refuses it"),
        ("invalid Unicode character escape", "JSON's surrogate pairs, for JSON inside YAML"),
        ("found unknown escape character", "JSON's `\\/`, for JSON inside YAML"),
    ];
    let accepts_less: &[(&str, &str)] = &[
        ("plain scalar cannot start with '-'", "`[-]` is not YAML; go-yaml reads a dash"),
        ("comments must be separated", "`|# c` is not YAML; go-yaml reads a comment"),
        ("is not UTF-8 text", "Go seals U+FFFD in place of the bytes"),
        ("BOM must not appear inside", "a byte order mark in the middle is a mistake of joining files"),
        ("wrongly indented line in block scalar", "blank lines deeper than the text are ambiguous and not YAML"),
        ("unknown escape character", "`\\'` is not YAML; go-yaml reads a quote"),
        ("is a line break to kubeseal", "YAML 1.1 and 1.2 disagree about U+0085, U+2028 and U+2029"),
    ];
    if our_error.is_empty() && yaml.contains("{a:}") {
        return Some("YAML 1.2 reads the key `a`, go-yaml 2 the key `a:`; the value is null for both");
    }
    let (list, error) = if our_error.is_empty() { (accepts_more, go_error) } else { (accepts_less, our_error) };
    list.iter().find(|(part, _)| error.contains(part)).map(|(_, reason)| *reason)
}

fn report(file: &str, checked: usize, failures: &[String]) {
    assert!(checked > 100, "{file} has only {checked} rows");
    assert!(
        failures.is_empty(),
        "{file}: {} of {checked} rows differ from Go:\n{}",
        failures.len(),
        failures.iter().take(100).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn scalars_are_typed_and_coerced_as_by_go() {
    let rows = rows("scalars.jsonl");
    let mut failures = Vec::new();
    let mut deliberate_rows = 0;
    for row in &rows {
        let yaml = text(row, "yaml").expect("yaml");
        let go = text(row, "json");
        let documents = read_manifests(yaml.as_bytes(), &Limits::default());
        let ours = match &documents {
            Ok(documents) => documents.first().and_then(|document| go_json(&document.root)),
            Err(_) => None,
        };
        if ours.as_deref() != go {
            let error = documents.as_ref().err().map(ToString::to_string).unwrap_or_default();
            if deliberate(yaml, text(row, "error").unwrap_or_default(), &error).is_some() {
                deliberate_rows += 1;
                continue;
            }
            failures.push(format!("{yaml:?}\n    go   {go:?} {}\n    ours {ours:?} {error}", row["error"]));
            continue;
        }
        let Some(go) = text(row, "goString") else { continue };
        let documents = documents.expect("read above");
        let value = documents[0].root.get("k").expect("key k");
        match value.to_go_string() {
            Ok(ours) if ours.as_deref().map_or("", String::as_str) == go => {}
            Ok(ours) => failures.push(format!("{yaml:?} as string: go {go:?} ours {:?}", ours.as_deref())),
            Err(error) => failures.push(format!("{yaml:?} as string: go {go:?} ours {error}")),
        }
    }
    report("scalars.jsonl", rows.len(), &failures);
    assert!(deliberate_rows < 80, "{deliberate_rows} rows are excused, the excuses have become too wide");
}

#[test]
fn streams_give_the_documents_that_kubernetes_decodes() {
    let rows = rows("documents.jsonl");
    let mut failures = Vec::new();
    for row in &rows {
        let name = text(row, "name").expect("name");
        let go: Vec<Json> = row["documents"].as_array().expect("documents").clone();
        let go: Result<Vec<Json>, _> = match text(row, "error") {
            Some(error) => Err(error),
            None => {
                Ok(go.iter().map(|text| serde_json::from_str(text.as_str().expect("text")).expect("JSON")).collect())
            }
        };
        let ours = read_manifests(text(row, "stream").expect("stream").as_bytes(), &Limits::default());
        let ours = ours.and_then(|documents| {
            documents.iter().map(|document| document.root.to_json()).collect::<Result<Vec<_>, _>>()
        });
        let same = match (&go, &ours) {
            // As text: `1e3` of a JSON input is 1000 for Go once it is decoded.
            (Ok(go), Ok(ours)) => go.iter().map(bulla_yaml::write_json).eq(ours.iter().map(bulla_yaml::write_json)),
            (Err(_), Err(_)) => true,
            _ => false,
        };
        // Differences that are meant.
        let same = match name {
            "yaml directive" | "content after separator" => {
                go.is_err() && ours.as_ref().is_ok_and(|ours| ours.len() == 1)
            }
            "document end without separator" => ours.as_ref().is_ok_and(|ours| ours.len() == 2),
            "json and trailing text" | "json and more keys" => {
                matches!(ours, Err(bulla_yaml::Error::TrailingText { .. }))
            }
            // Go puts U+FFFD; a secret that changes in silence is worse than an error.
            "json lone surrogate" => matches!(ours, Err(bulla_yaml::Error::Json { .. })),
            _ => same,
        };
        if !same {
            failures.push(format!("{name}:\n    go   {go:?}\n    ours {ours:?}"));
        }
    }
    report("documents.jsonl", rows.len(), &failures);
}

#[test]
fn values_are_written_as_by_go() {
    let rows = rows("writer.jsonl");
    let mut failures = Vec::new();
    for row in &rows {
        let value = &row["value"];
        let json = bulla_yaml::write_json(value);
        if Some(json.trim_end_matches('\n')) != text(row, "json") {
            failures.push(format!("{value}\n    go   {}\n    ours {json:?}", row["json"]));
        }
        let yaml = bulla_yaml::write_yaml(value);
        // Go writes JSON first and reads it as YAML: these characters fail there, U+0085 turns into a space or worse. We
        // write escapes, which Go reads back.
        // U+2028 and U+2029 Go writes as they are, and they are line breaks to YAML 1.1 and text to YAML 1.2.
        let lost_by_go = |c: char| matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
        if value.to_string().contains(lost_by_go) {
            let read = read_manifests(yaml.as_bytes(), &Limits::default()).expect("our own output");
            assert_eq!(&read[0].root.to_json().expect("JSON"), value);
            continue;
        }
        // Go writes a key that it reads as a merge key.
        if value.get("<<").is_some() {
            assert_eq!(text(row, "yaml"), Some("<<: v\n"));
            assert_eq!(yaml, "\"<<\": v\n");
            continue;
        }
        if Some(yaml.as_str()) != text(row, "yaml") {
            failures.push(format!("{value}\n    go   {} {}\n    ours {yaml:?}", row["yaml"], row["error"]));
        }
    }
    report("writer.jsonl", rows.len(), &failures);
}
