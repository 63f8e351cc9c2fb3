//! Any bytes and any pieces of templates: no panic, and no error that shows a value.

use bulla_gotemplate::fuzz::{CANARY, render_bytes};
use proptest::prelude::*;

/// Words out of which templates are made.
const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "|",
    "(",
    ")",
    ":=",
    "=",
    ",",
    ".",
    ".a",
    ".b",
    ".gone",
    "$",
    "$x",
    "nil",
    "true",
    "1",
    "-1",
    "0",
    "2.5",
    "`s`",
    "\"%d %v\"",
    "'c'",
    "if",
    "else",
    "end",
    "range",
    "with",
    "define",
    "template",
    "block",
    "break",
    "continue",
    "\"x\"",
    "/* c */",
    "list",
    "dict",
    "printf",
    "index",
    "slice",
    "len",
    "eq",
    "lt",
    "and",
    "or",
    "not",
    "call",
    "html",
    "js",
    "fail",
    "upper",
    "int",
    "atoi",
    "add",
    "div",
    "divf",
    "round",
    "until",
    "seq",
    "repeat",
    "trunc",
    "substr",
    "splitList",
    "join",
    "sortAlpha",
    "replace",
    "regexFind",
    "regexMatch",
    "mustRegexFindAll",
    "regexReplaceAll",
    "b64dec",
    "b32dec",
    "fromJson",
    "mustFromJson",
    "toJson",
    "mustToJson",
    "toPrettyJson",
    "dig",
    "get",
    "set",
    "keys",
    "merge",
    "mergeOverwrite",
    "deepCopy",
    "first",
    "chunk",
    "has",
    "concat",
    "semver",
    "semverCompare",
    "urlParse",
    "urlJoin",
    "toDate",
    "mustToDate",
    "dateModify",
    "mustDateModify",
    "dateInZone",
    "duration",
    "durationRound",
    "decryptAES",
    "buildCustomCert",
    "genCAWithKey",
    "genSelfSignedCertWithKey",
    "wrap",
    "abbrev",
    "camelcase",
    "snakecase",
    "quote",
    "cat",
    "indent",
    "typeOf",
    "ternary",
    "default",
    "toDecimal",
    "unixEpoch",
];

fn call() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 1..7).prop_map(|words| format!("{{{{ {} }}}}", words.join(" ")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_words_render_or_fail_without_a_value(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        render_bytes(words.join(" ").as_bytes());
    }

    #[test]
    fn any_calls_render_or_fail_without_a_value(calls in prop::collection::vec(call(), 1..6)) {
        render_bytes(calls.concat().as_bytes());
    }

    #[test]
    fn any_bytes_render_or_fail_without_a_value(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        render_bytes(&bytes);
    }
}

/// Every function gets the value, in every place, next to all sorts of others.
#[test]
fn no_function_shows_its_arguments_in_an_error() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/gotemplate/vectors.jsonl"));
    for line in text.expect("the vectors").lines().skip(3) {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let template = row["template"].as_str().expect("a template");
        for name in [".user", ".pass", ".gone", ".json", ".number", "`a`", "\"a\"", ".unicode", "nil"] {
            if template.contains(name) {
                render_bytes(template.replace(name, ".a").as_bytes());
            }
        }
    }
}

#[test]
fn the_text_given_to_fail_is_not_shown() {
    render_bytes(b"{{ fail .a }}");
    render_bytes(b"{{ fail (print `x` .a) }}");
    assert!(!CANARY.is_empty());
}
