//! Entry points shared by the fuzz targets (`fuzz/`) and the property tests: they hold for every input.

use crate::{Limits, Out, Span, read_manifests};

/// Reads the bytes as manifests; what is read must have sane spans and must come back from the writers unchanged.
///
/// # Panics
/// When one of these does not hold.
pub fn manifest(data: &[u8]) {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let documents = match read_manifests(data, &limits) {
        Ok(documents) => documents,
        Err(error) => {
            assert!(error.position().is_none_or(|position| position.line > 0 && position.column > 0), "{error}");
            return;
        }
    };
    for document in documents {
        check_spans(&document.root, data);
        let _ = document.root.to_go_string();
        // Infinity has no JSON form.
        let Ok(json) = document.root.to_json() else { continue };
        // Wrapped, so that the JSON text is read as JSON whatever it is.
        let json = serde_json::json!({ "a": json });
        let out = Out::from(&json);
        for (text, name) in [(out.to_yaml(), "YAML"), (out.to_json(), "JSON")] {
            let wide = Limits { max_bytes: usize::MAX, max_depth: 400, ..Limits::default() };
            match read_manifests(text.as_bytes(), &wide) {
                Ok(again) => {
                    let again: Vec<_> = again.iter().filter_map(|document| document.root.to_json().ok()).collect();
                    assert!(again == [json.clone()], "{name} does not come back");
                }
                // A plain key longer than the parser looks ahead for its colon.
                Err(error) => assert!(has_long_key(&json), "{name} is refused: {error}"),
            }
        }
    }
}

fn has_long_key(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Array(items) => items.iter().any(has_long_key),
        serde_json::Value::Object(entries) => entries.iter().any(|(key, value)| key.len() > 100 || has_long_key(value)),
        _ => false,
    }
}

fn check_spans(node: &crate::Node, data: &[u8]) {
    check_span(&node.span, data);
    for item in node.items().unwrap_or_default() {
        check_spans(item, data);
    }
    for entry in node.entries().unwrap_or_default() {
        check_span(&entry.key_span, data);
        check_spans(&entry.value, data);
    }
}

fn check_span(span: &Span, data: &[u8]) {
    let sane =
        span.start <= span.end && std::str::from_utf8(data).is_ok_and(|text| text.get(span.start..span.end).is_some());
    assert!(sane, "span {span:?}");
}
