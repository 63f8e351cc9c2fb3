//! Entry points shared by the fuzz targets (`fuzz/`) and the property tests: they hold for every input.

use crate::{Limits, Out, Span, Splices, read_manifests};

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

/// Edits a text as its first bytes say (up to a line feed), and compares the result with the same edits made to JSON.
///
/// # Panics
/// When an edit that is not refused changes anything else.
pub fn splices(data: &[u8]) {
    let Some(end) = data.iter().position(|&byte| byte == b'\n') else { return };
    let (program, text) = (&data[..end], &data[end + 1..]);
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let Ok(documents) = read_manifests(text, &limits) else { return };
    let Ok(mut wanted) = json_of(&documents) else { return };
    let mut nodes = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        collect(&document.root, format!("/{index}"), &mut nodes);
    }
    if nodes.is_empty() {
        return;
    }
    let mut splices = Splices::new(text);
    for step in program.chunks_exact(3).take(8) {
        let (path, node) = &nodes[usize::from(step[1]) % nodes.len()];
        let text = TEXTS[usize::from(step[2]) % TEXTS.len()];
        let entries = node.entries().unwrap_or_default();
        let key = entries.get(usize::from(step[2]) % entries.len().max(1)).map_or("", |entry| &entry.key);
        let Some(place) = wanted.pointer_mut(path) else { continue };
        let done = match step[0] % 4 {
            0 => splices.set_text(node, text).map(|()| *place = text.into()),
            1 => splices.insert(node, text, &text.into()).map(|()| {
                if place.is_null() {
                    *place = serde_json::json!({});
                }
                place[text] = text.into();
            }),
            2 => splices.remove(node, key).map(|()| {
                place.as_object_mut().and_then(|map| map.remove(key));
            }),
            _ => splices.rename(node, key, text).map(|()| {
                let value = place.as_object_mut().and_then(|map| map.remove(key)).unwrap_or_default();
                place[text] = value;
            }),
        };
        if let Err(error) = done {
            assert!(error.to_string().starts_with("line "), "{error}");
        }
    }
    let Ok(edited) = splices.apply() else { return };
    let again = read_manifests(&edited, &Limits::default()).and_then(|documents| json_of(&documents));
    assert!(again.is_ok_and(|again| again == wanted), "an edit changed something else");
}

/// Texts that are hard to write and keys that are hard to keep.
const TEXTS: [&str; 24] = [
    "AgBx+/==", "yes", "010", "", "~", "a: b", "a #b", "#", " ", "- a", "<<", "1.5", "'", "\"", "\\", "*a", "é",
    "a\nb", "a\n", "{", ",", "a\tb", "\u{2028}", "🔒",
];

fn json_of(documents: &[crate::Document]) -> Result<serde_json::Value, crate::Error> {
    documents.iter().map(|document| document.root.to_json()).collect()
}

fn collect<'n>(node: &'n crate::Node, path: String, nodes: &mut Vec<(String, &'n crate::Node)>) {
    for (index, item) in node.items().unwrap_or_default().iter().enumerate() {
        collect(item, format!("{path}/{index}"), nodes);
    }
    for entry in node.entries().unwrap_or_default() {
        let key = entry.key.replace('~', "~0").replace('/', "~1");
        collect(&entry.value, format!("{path}/{key}"), nodes);
    }
    nodes.push((path, node));
}

/// Reads the bytes as go-yaml v3 does; places are in the text, comments are where they are said to be, and none is there twice.
///
/// # Panics
/// When one of these does not hold.
pub fn go3(data: &[u8]) {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let (reading, error) = crate::go3::read_up_to_error(data, &limits);
    if let Some(error) = error {
        assert!(error.position().is_none_or(|position| position.line > 0 && position.column > 0), "{error}");
        assert!(error.to_string().starts_with("yaml: "), "{error}");
        if reading.documents.is_empty() {
            return;
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut end = 0;
    for line in &reading.comment_lines {
        assert!(line.start >= end && text.get(line.clone()).is_some_and(|text| text.starts_with('#')), "{line:?}");
        end = line.end;
    }
    let mut attached = Vec::new();
    for document in &reading.documents {
        go3_comments(&document.comments, text, &mut attached);
        if let Some(root) = &document.root {
            go3_node(root, text, &mut attached);
        }
    }
    attached.sort_unstable();
    assert!(attached.windows(2).all(|pair| pair[0] != pair[1]), "a comment has two places");
    let lines: std::collections::HashSet<usize> = reading.comment_lines.iter().map(|line| line.start).collect();
    assert!(attached.iter().all(|start| lines.contains(start)), "a comment is no line");
}

fn go3_node(node: &crate::go3::Node, text: &str, attached: &mut Vec<usize>) {
    use crate::go3::{Kind, ScalarStyle};
    go3_comments(&node.comments, text, attached);
    let Some(source) = text.get(node.span.clone()) else { panic!("span {:?}", node.span) };
    assert!(text.get(node.properties.clone()).is_some(), "properties {:?}", node.properties);
    let inside = |child: &crate::go3::Node| {
        let span = &child.span;
        assert!(node.span.start <= span.start && span.end <= node.span.end, "{span:?} is not in {:?}", node.span);
    };
    match &node.kind {
        Kind::Scalar { text, style } => {
            let first = source.bytes().next();
            match style {
                ScalarStyle::Plain => {
                    assert!(source.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) || source == text.as_str())
                }
                ScalarStyle::SingleQuoted => {
                    assert!(source.len() > 1 && first == Some(b'\'') && source.ends_with('\''))
                }
                ScalarStyle::DoubleQuoted => assert!(source.len() > 1 && first == Some(b'"') && source.ends_with('"')),
                ScalarStyle::Literal => assert!(first == Some(b'|')),
                ScalarStyle::Folded => assert!(first == Some(b'>')),
            }
        }
        Kind::Sequence { items, .. } => {
            for item in items {
                inside(item);
                go3_node(item, text, attached);
            }
        }
        Kind::Mapping { entries, .. } => {
            for (key, value) in entries {
                inside(key);
                inside(value);
                go3_node(key, text, attached);
                go3_node(value, text, attached);
            }
        }
        Kind::Alias { name, .. } => assert!(source.strip_prefix('*') == Some(name)),
    }
}

fn go3_comments(comments: &crate::go3::Comments, text: &str, attached: &mut Vec<usize>) {
    let parts = [
        (&comments.head, &comments.head_spans),
        (&comments.line, &comments.line_spans),
        (&comments.foot, &comments.foot_spans),
    ];
    for (comment, places) in parts {
        let lines: Vec<&str> = comment.split('\n').filter(|line| !line.is_empty()).collect();
        let sources: Vec<&str> = places.iter().filter_map(|place| text.get(place.clone())).collect();
        assert!(lines == sources, "comments are not where they are said to be");
        attached.extend(places.iter().map(|place| place.start));
    }
}
