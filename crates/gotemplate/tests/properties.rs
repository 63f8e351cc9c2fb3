//! Any bytes and any pieces of templates: no panic, and no error that shows a value.

use bulla_gotemplate::fuzz::{CANARY, function_names, render_bytes};
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

/// Arguments at the edges of what functions take.
const ARGUMENTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "100",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "-0.5",
    "1e300",
    "``",
    "`a`",
    "`é世`",
    "\"\\xff\\x00\"",
    "` a b  c `",
    "`a,b,,c`",
    "`1.2.3-a`",
    "`%d %5.2f %[9]v`",
    "`2006-01-02T15:04:05.000Z07:00`",
    "`2024-02-29`",
    "`1h30m.5s`",
    "`-9223372036854775808ns`",
    "`http://u:p@h:1/p?q#f`",
    "`[a-z]*(b|c)+?`",
    "`{\"a\":[1,null]}`",
    "`YWJj`",
    "`MFRGG===`",
    "true",
    "nil",
    ".a",
    ".b",
    ".gone",
    "(list)",
    "(list 1 `a` nil)",
    "(until 3)",
    "(splitList `,` `a,b`)",
    "(dict)",
    "(dict `a` (dict `b` 1))",
    "(toDate `2006` `2024`)",
    "(toDate `2006` `0000`)",
    "(semver `1.2.3`)",
    "(int64 -9223372036854775808)",
    "(int64 5)",
    "(index `a` 0)",
    "(float64 `NaN`)",
    "(float64 `-Inf`)",
    "(chunk 1 (list 1 2))",
    "1i",
];

fn one_call() -> impl Strategy<Value = String> {
    let arguments = prop::collection::vec(prop::sample::select(ARGUMENTS), 0..6);
    (prop::sample::select(function_names()), arguments, any::<bool>()).prop_map(|(name, arguments, pipe)| {
        let arguments = arguments.join(" ");
        if pipe {
            format!("{{{{ {name} {arguments} | toJson | printf `%v` }}}}")
        } else {
            format!("{{{{ {name} {arguments} }}}}")
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_words_render_or_fail_without_a_value(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        render_bytes(words.join(" ").as_bytes());
    }

    #[test]
    fn any_arguments_give_a_result_or_an_error_without_a_value(call in one_call()) {
        render_bytes(call.as_bytes());
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
