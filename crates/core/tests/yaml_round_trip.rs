//! What is written to YAML is read back: any tree of texts, numbers and truth values, at every indentation.

use std::collections::BTreeMap;

use bulla_core::sops::{Branch, Comment, Format, Indents, Item, Tree, Value};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_come_back(documents in prop::collection::vec(map(3), 1..3), yaml in 1..11usize) {
        let tree = Tree { documents: documents.into_iter().map(branch).collect() };
        let written = emit(&tree, yaml)?;
        let again = Format::Yaml.load_plain(&written).map_err(|error| TestCaseError::fail(format!("{error}\n{}", text(&written))))?;
        prop_assert!(again.documents == tree.documents, "{}", text(&written));
    }

    #[test]
    fn comments_never_hide_a_value(values in prop::collection::vec((comments(), word()), 1..6), end in comments(), yaml in 2..9usize) {
        let mut items = Branch::new();
        let mut list = Vec::new();
        for (index, (comments, value)) in values.iter().enumerate() {
            items.extend(comments.iter().map(comment).map(Item::comment));
            items.push(Item::new(format!("k{index}"), Value::text(value.as_str())));
            list.extend(comments.iter().map(comment).map(Value::Comment));
            list.push(Value::text(value.as_str()));
        }
        items.extend(end.iter().map(comment).map(Item::comment));
        items.push(Item::new("list", Value::List(list)));
        items.push(Item::new("last", Value::Map(items.clone())));
        let tree = Tree { documents: vec![items] };
        let written = emit(&tree, yaml)?;
        let again = Format::Yaml.load_plain(&written).map_err(|error| TestCaseError::fail(format!("{error}\n{}", text(&written))))?;
        prop_assert!(bare(&again.documents[0]) == bare(&tree.documents[0]), "{}", text(&written));
    }
}

fn emit(tree: &Tree, yaml: usize) -> Result<Vec<u8>, TestCaseError> {
    let written = Format::Yaml.emit_plain(tree, Indents { yaml, ..Indents::default() });
    written.map(|written| written.to_vec()).map_err(|error| TestCaseError::fail(error.to_string()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Without comments.
fn bare(items: &[Item]) -> Branch {
    let value = |value: &Value| match value {
        Value::Map(items) => Value::Map(bare(items)),
        Value::List(items) => {
            Value::List(items.iter().filter(|item| !matches!(item, Value::Comment(_))).cloned().collect())
        }
        other => other.clone(),
    };
    let named = items.iter().filter_map(|item| Some((item.name()?, &item.value)));
    named.map(|(name, item)| Item::new(name, value(item))).collect()
}

/// A tree that may be shown when a test fails.
#[derive(Clone, Debug)]
enum Plan {
    Text(Vec<u8>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    List(Vec<Plan>),
    Map(BTreeMap<String, Plan>),
}

fn branch(plan: BTreeMap<String, Plan>) -> Branch {
    plan.into_iter().map(|(key, plan)| Item::new(key, value(plan))).collect()
}

fn value(plan: Plan) -> Value {
    match plan {
        Plan::Text(text) => Value::text(text),
        Plan::Int(number) => Value::Int(number),
        Plan::Float(number) => Value::Float(number),
        Plan::Bool(value) => Value::Bool(value),
        Plan::Null => Value::Null,
        Plan::List(items) => Value::List(items.into_iter().map(value).collect()),
        Plan::Map(map) => Value::Map(branch(map)),
    }
}

fn map(depth: u32) -> impl Strategy<Value = BTreeMap<String, Plan>> {
    let leaf = prop_oneof![
        4 => hard_text().prop_map(|text| Plan::Text(text.into_bytes())),
        1 => any::<i64>().prop_map(Plan::Int),
        1 => any::<bool>().prop_map(Plan::Bool),
        1 => (-1_000_000..1_000_000i32, -30..30i32)
            .prop_map(|(f, e)| (f64::from(f) + 0.5) * 10f64.powi(e) + 0.123)
            .prop_filter("whole numbers come back as integers", |number| number.fract() != 0.0)
            .prop_map(Plan::Float),
        1 => Just(Plan::Null),
        1 => prop::collection::vec(128..=255u8, 1..90).prop_map(Plan::Text),
    ];
    let tree = leaf.prop_recursive(depth, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Plan::List),
            prop::collection::btree_map(hard_text(), inner, 0..5).prop_map(Plan::Map),
        ]
    });
    prop::collection::btree_map(hard_text(), tree, 0..6)
}

fn hard_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        any::<String>(),
        "[ \\n\\t:#'\"a0\\-\\[\\]{},&*!|>%@`?.\\\\é🔒\u{85}\r]{0,12}",
        "([ab#: ]{0,5}\n){0,5}",
        "[0-9_.:eE+xobn-]{0,8}",
        prop::sample::select(vec!["yes", "null", "~", "010", "---", "...", "2001-12-14", "-", "", "=", ".inf"])
            .prop_map(str::to_owned),
    ]
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}", "[a-z]{1,4}\n[a-z]{1,4}\n", Just("yes".to_owned())]
}

fn comments() -> impl Strategy<Value = Vec<(String, bool)>> {
    prop::collection::vec(("[ #a-z:]{0,8}", any::<bool>()), 0..3)
}

fn comment((text, inline): &(String, bool)) -> Comment {
    Comment { inline: *inline, ..Comment::new(text.as_str()) }
}
