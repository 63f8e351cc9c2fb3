//! The reader of sops files and texts that nobody wrote.

use bulla_yaml::fuzz;
use proptest::prelude::*;

/// What YAML is made of, so that random texts get past the first line.
const PIECES: [&str; 48] = [
    "a",
    "b: ",
    "c:",
    "- ",
    "-",
    "  ",
    "   ",
    "\n",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "# x",
    " # y",
    "#",
    "\n# z\n",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    ", ",
    ": ",
    "? ",
    "&a ",
    "*a",
    "!t ",
    "!!int ",
    "|",
    ">-",
    "|+\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\t",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{FEFF}",
    "é",
    "🔒",
    "\\",
    "<<: ",
    "1",
    "~",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_are_read_or_refused(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40)) {
        fuzz::go3(pieces.concat().as_bytes());
    }

    #[test]
    fn bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        fuzz::go3(&bytes);
    }

    #[test]
    fn damaged_documents_are_read_or_refused(row in 0usize..1600, cut in any::<prop::sample::Index>(), piece in prop::sample::select(&PIECES[..])) {
        let mut text = documents()[row % documents().len()].clone();
        let mut at = cut.index(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, piece);
        fuzz::go3(text.as_bytes());
    }
}

#[test]
fn every_vector_has_its_places() {
    for text in documents() {
        fuzz::go3(text.as_bytes());
    }
}

#[test]
fn hostile_texts_end_soon() {
    let texts = [
        "[".repeat(1 << 18),
        "{a: ".repeat(1 << 17),
        "- ".repeat(1 << 18),
        "# c\n".repeat(1 << 17),
        "a: 1 # c\n".repeat(1 << 16),
        format!("a:{}b", " ".repeat(1 << 19)),
        "\n".repeat(1 << 19),
        "? ".repeat(1 << 18),
        "&a ".repeat(1 << 17),
        "a\n".repeat(1 << 18),
        format!("\"{}", "\\\n".repeat(1 << 18)),
        format!("a: |\n{}", " \n".repeat(1 << 18)),
        format!("a: [{}]", "b, ".repeat(1 << 16)),
        (0..1 << 15).map(|number| format!("k{number}: &a{number} v\n")).collect(),
        format!("a: &a [x, x, x, x, x, x, x, x, x]\n{}", "b: &a [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n".repeat(12)),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        fuzz::go3(text.as_bytes());
        let took = start.elapsed();
        assert!(took.as_secs() < 20, "{} takes {took:?}", &text[..8]);
    }
}

fn documents() -> &'static [String] {
    static DOCUMENTS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/go-yaml3/generated.jsonl");
        let rows = std::fs::read_to_string(file).expect("vectors are readable");
        let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("rows are JSON");
        rows.lines().filter_map(|line| row(line)["in"].as_str().map(str::to_owned)).collect()
    })
}
