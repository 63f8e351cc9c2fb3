//! Every row of `tests/vectors/gotemplate`, which Go's text/template and sprig wrote, against this crate: the same output,
//! the same success or failure, and for an error the same line, column, context and function.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_gotemplate::{Budget, Error, render};
use serde_json::Value;

/// Templates that end otherwise here, by a part of their text, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "{{ regexFindAll \".\" .binary",
        "a byte that is not UTF-8 is matched by nothing here, by what matches U+FFFD in Go",
    ),
    ("{{ regexReplaceAll \"[^a]\" .binary", "the same"),
    (
        "{{ decryptAES \"wrong\"",
        "sprig does not check the padding and returns what a wrong password gives; here it is an error",
    ),
    ("{{ slice (append", "sprig's slice reaches into the capacity behind a list, which depends on Go's allocator"),
    ("{{ template \"x\" 100 }}", "the budget's depth; Go's is 100,000"),
    ("((((((((((((((((((((", "the parser's depth; Go's is 10,000"),
    ("{{ range 110 }}{{ $d = dict", "values are followed 100 levels deep"),
];

struct Row {
    template: String,
    go: Outcome,
}

#[derive(PartialEq)]
enum Outcome {
    Output(Vec<u8>),
    Parse(String),
    /// The error's text up to the reason, and all of it.
    Execution(String, String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Output(bytes) => write!(f, "output {:?}", String::from_utf8_lossy(bytes)),
            Self::Parse(text) => write!(f, "parse error {text}"),
            Self::Execution(_, text) => write!(f, "execution error {text}"),
        }
    }
}

fn vectors() -> (BTreeMap<String, Vec<u8>>, Vec<Row>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/gotemplate/vectors.jsonl");
    let text = std::fs::read_to_string(path).expect("the vectors are in the repository");
    let mut rows = text.lines().filter(|line| !line.starts_with('#'));
    let items: BTreeMap<String, String> = serde_json::from_str(rows.next().expect("a context")).expect("JSON");
    let items = items.into_iter().map(|(key, value)| (key, STANDARD.decode(value).expect("base64"))).collect();
    (items, rows.map(row).collect())
}

fn row(line: &str) -> Row {
    let row: Value = serde_json::from_str(line).expect("JSON");
    let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let go = if let Some(output) = text("output") {
        Outcome::Output(output.into_bytes())
    } else if let Some(output) = text("base64") {
        Outcome::Output(STANDARD.decode(output).expect("base64"))
    } else if let Some(error) = text("parse") {
        Outcome::Parse(error)
    } else {
        let error = text("execution").expect("an outcome");
        // The context ends before the reason, which quotes it sometimes.
        let position = text("position").expect("a position");
        let start = format!("template: t:{position}: executing ");
        assert!(error.starts_with(&start), "{error}");
        Outcome::Execution(text("function").unwrap_or_default(), error)
    };
    Row { template: text("template").expect("a template"), go }
}

fn ours(template: &str, items: &BTreeMap<String, &[u8]>) -> Outcome {
    let templates = BTreeMap::from([("t".to_owned(), Some(template.to_owned()))]);
    match render(&templates, items, &Budget { time: std::time::Duration::from_secs(60), ..Budget::default() }) {
        Ok(mut rendered) => Outcome::Output(rendered.outputs.remove("t").expect("the template's output").to_vec()),
        Err(errors) => match &errors.0["t"] {
            error @ Error::Parse { .. } => Outcome::Parse(error.to_string()),
            error => Outcome::Execution(error.function().unwrap_or_default().to_owned(), error.to_string()),
        },
    }
}

fn agree(go: &Outcome, ours: &Outcome) -> bool {
    match (go, ours) {
        (Outcome::Execution(go_function, go), Outcome::Execution(function, ours)) => {
            // Up to the reason, which holds values in Go.
            let head = ours.split(">: ").next().unwrap_or_default();
            let head = head.strip_suffix('…').unwrap_or(head);
            go_function == function && go.starts_with(head)
        }
        _ => go == ours,
    }
}

#[test]
fn every_template_does_what_go_does() {
    let (items, rows) = vectors();
    let items = items.iter().map(|(key, value)| (key.clone(), value.as_slice())).collect();
    let mut differing = Vec::new();
    let mut same_text = 0;
    for row in &rows {
        let ours = ours(&row.template, &items);
        same_text += usize::from(row.go.to_string() == ours.to_string());
        if !agree(&row.go, &ours) && !DIFFERENCES.iter().any(|(part, _)| row.template.contains(part)) {
            differing.push(format!("{:?}\n    go:   {}\n    ours: {ours}", row.template, row.go));
        }
    }
    assert!(rows.len() > 4000, "only {} templates", rows.len());
    assert!(
        differing.is_empty(),
        "{} of {} templates differ from Go ({same_text} agree to the last letter):\n{}",
        differing.len(),
        rows.len(),
        differing.join("\n")
    );
}

/// The rows are what Go rendered on another day, so hardly one may be said to vary: those that read the clock and print
/// nothing of it.
#[test]
fn what_comes_out_as_go_rendered_it_once_is_not_said_to_vary() {
    let (items, rows) = vectors();
    let items = items.iter().map(|(key, value)| (key.clone(), value.as_slice())).collect();
    let reads_the_clock = ["now", "ago", "date", "Date", "rand", "shuffle", "uuidv4", "encryptAES", "bcrypt", "gen"];
    for row in rows.iter().filter(|row| matches!(row.go, Outcome::Output(_))) {
        let templates = BTreeMap::from([("t".to_owned(), Some(row.template.clone()))]);
        let varies = render(&templates, &items, &Budget::default()).is_ok_and(|rendered| !rendered.varying.is_empty());
        assert!(!varies || reads_the_clock.iter().any(|name| row.template.contains(name)), "{}", row.template);
    }
}
