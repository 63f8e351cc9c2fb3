//! What holds for every input.

use bulla_yaml::{Limits, Out, fuzz, read_manifests, read_one};
use proptest::prelude::*;
use serde_json::Value as Json;

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        // Whole numbers come back as integers.
        (-1_000_000..1_000_000i32, -30..3i32)
            .prop_map(|(f, e)| Json::from((f64::from(f) + 0.5) * 10f64.powi(e) + 0.123)),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-zA-Z0-9+/=]{0,40}",
        "[ \\n\\t:#'\"a0\\-\\[\\]{},&*!|>%@`?.\\\\é🔒\u{2028}\u{85}\r]{0,12}",
        "([a-z]{1,9} ){0,40}",
        "([ab#: ]{0,5}\n){0,5}",
        "[0-9_.:eE+xobn-]{0,8}",
        prop::sample::select(vec!["yes", "null", "~", "010", "<<", "---", "...", "2001-12-14", "-", "", "=", ".inf"])
            .prop_map(str::to_owned),
    ]
}

/// Manifests with something of everything, to be damaged.
const CORPUS: [&str; 4] = [
    "# c\napiVersion: v1\nkind: Secret\nmetadata: {name: a, labels: {b: 'c'}}\nstringData:\n  d: &x |\n    e\n   f\n  g: *x\n  <<: {h: yes}\n---\n- 1\n- \"\\u00e9\\x41\"\n...\n",
    "{\"a\": [1, 2.5e3, \"\\ud83d\\ude00\", null, true], \"b\": {\"c\": \"d\"}}\n---\nx: !!binary aGVsbG8=\n? y\n: >-\n  a\n\n  b\n",
    "a: &a [b, *c, {? d : e}]\n%YAML 1.1\n--- !!map\n\"f\": 'g''h'\ni: |2+\n   j\n\n",
    "\u{feff}a: 1\r\nb:\r\n  - c: ~\r\n    d: 0x1F\r\n# e\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(value in json()) {
        let documents = |text: &str| -> Result<Vec<Json>, TestCaseError> {
            let documents = read_manifests(text.as_bytes(), &Limits::default()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            documents.iter().map(|document| document.root.to_json().map_err(|error| TestCaseError::fail(error.to_string()))).collect()
        };
        let expected = if value.is_null() { vec![] } else { vec![value.clone()] };
        prop_assert_eq!(documents(&bulla_yaml::write_yaml(&value))?, expected.clone(), "YAML");
        // As an element, so that it is read as JSON whatever it is.
        let wrapped = serde_json::json!({ "a": value });
        prop_assert_eq!(documents(&bulla_yaml::write_json(&wrapped))?, vec![wrapped.clone()], "JSON");
        let compact = Out::from(&wrapped).to_json_compact();
        prop_assert_eq!(documents(&compact)?, vec![wrapped], "compact JSON");
        // serde_json reads the last digit of a float differently at times.
        prop_assert!(serde_json::from_str::<Json>(&compact).is_ok(), "JSON by serde_json");
    }

    #[test]
    fn the_reader_never_panics_on_bytes(data in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::manifest(&data);
    }

    #[test]
    fn the_reader_never_panics_on_text(data in text()) {
        fuzz::manifest(data.as_bytes());
    }

    #[test]
    fn the_reader_never_panics_on_damaged_manifests(
        which in 0..CORPUS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, "[ \\n\\t:#'\"a0\\-\\[\\]{},&*!|>%@`?.\\\\<]{0,3}"), 1..6),
    ) {
        let mut data: Vec<char> = CORPUS[which].chars().collect();
        for (at, cut, insert) in edits {
            let at = at.index(data.len() + 1);
            let end = (at + cut).min(data.len());
            data.splice(at..end, insert.chars());
        }
        fuzz::manifest(data.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn no_message_repeats_a_value(
        which in 0..SECRETS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[ \\n\\t:#'\"\\-\\[\\]{},&*!|>%@`?]{0,2}"), 0..4),
    ) {
        let text = SECRETS[which];
        let mut data = text.to_owned();
        for (at, insert) in edits {
            let mut at = at.index(data.len() + 1);
            while !data.is_char_boundary(at) { at -= 1; }
            data.insert_str(at, &insert);
        }
        let mut said = String::new();
        match read_manifests(data.as_bytes(), &Limits { max_depth: 6, max_alias_nodes: 5, ..Limits::default() }) {
            Err(error) => said = format!("{error} {error:?}"),
            Ok(documents) => for document in documents {
                // Damage may turn the value into a key; keys may be named.
                let Ok(json) = document.root.to_json() else { continue };
                if keys(&json).iter().any(|key| key.contains("canary")) { continue }
                said += &format!("{:?}", document.warnings);
                said.extend(document.warnings.iter().map(ToString::to_string));
            }
        }
        prop_assert!(!said.contains("canary"), "{}", said);
    }

    /// serde_yaml (libyaml, YAML 1.2 scalars) agrees where the schemas do: quoted text, integers, nesting, literal blocks.
    #[test]
    fn a_second_reader_agrees(value in common(3)) {
        let mut text = String::new();
        render(&value, 0, &mut text);
        let theirs: Json = serde_yaml::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let ours = read_one(text.as_bytes(), &Limits::default()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let ours = ours.root.to_json().map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&ours, &theirs, "{}", text);
        prop_assert_eq!(ours, value, "{}", text);
    }
}

const SECRETS: [&str; 7] = [
    "stringData:\n  a: canary\n  b: 'canary'\n  c: \"canary\\n\"\n  d: |\n    canary\n",
    "a: !!int canary\n",
    "a: !!binary canary!\n",
    "{\"a\": \"canary\", \"b\": canary}",
    "a: canary\na: canary2\nb: *canary\n",
    "a: [[[[[[[canary]]]]]]]\n",
    "a: &x [canary, canary, canary]\nb: [*x, *x, *x]\n<<: canary\n",
];

fn keys(json: &Json) -> Vec<String> {
    match json {
        Json::Array(items) => items.iter().flat_map(keys).collect(),
        Json::Object(map) => {
            map.iter().flat_map(|(key, value)| std::iter::once(key.clone()).chain(keys(value))).collect()
        }
        _ => Vec::new(),
    }
}

fn common(depth: u32) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Json::from),
        "[ -~]{0,30}".prop_map(Json::from),
        "([!-~][ -~]{0,20}\n){1,4}".prop_map(Json::from),
    ];
    let tree = leaf.prop_recursive(depth, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..5).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{2,8}k", inner, 1..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-z]{2,8}k", tree, 1..5).prop_map(|map| Json::Object(map.into_iter().collect()))
}

/// A plain renderer of its own, so that the two readers are not fed by the writer under test.
fn render(value: &Json, indent: usize, text: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                text.push_str(&format!("{pad}{key}:"));
                render_value(value, indent, text);
            }
        }
        Json::Array(items) => {
            for item in items {
                text.push_str(&format!("{pad}-"));
                render_value(item, indent, text);
            }
        }
        _ => unreachable!("only containers are rendered"),
    }
}

fn render_value(value: &Json, indent: usize, text: &mut String) {
    match value {
        Json::Object(_) | Json::Array(_) => {
            text.push('\n');
            render(value, indent + 2, text);
        }
        Json::String(string) if string.ends_with('\n') => {
            text.push_str(" |\n");
            for line in string.lines() {
                text.push_str(&format!("{}{line}\n", " ".repeat(indent + 2)));
            }
        }
        Json::String(string) if string.len() % 2 == 0 => text.push_str(&format!(" '{}'\n", string.replace('\'', "''"))),
        other => text.push_str(&format!(" {other}\n")),
    }
}
