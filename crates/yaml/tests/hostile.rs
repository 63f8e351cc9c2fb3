//! Inputs that want to break something, with the messages that a user sees.

use std::time::{Duration, Instant};

use bulla_yaml::{Error, Limits, read_manifests, read_one};

fn refusal(text: impl AsRef<[u8]>) -> String {
    refusal_within(text, &Limits::default())
}

fn refusal_within(text: impl AsRef<[u8]>, limits: &Limits) -> String {
    match read_manifests(text.as_ref(), limits) {
        Ok(documents) => format!("{} documents are read", documents.len()),
        Err(error) => error.to_string(),
    }
}

fn soon(work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "took {took:?}");
}

#[test]
fn messages_name_the_place_and_the_problem() {
    let mut wrong = Vec::new();
    for (text, message) in [
        ("a:\n\tb: 1\n", "line 2, column 2: tabs disallowed within this context (block indentation)"),
        ("a: \"b\nc: d\n", "line 2, column 1: invalid indentation in multiline quoted scalar"),
        ("a: [b\nc: d\n", "line 2, column 2: illegal placement of ':' indicator"),
        ("a: b: c\n", "line 1, column 5: mapping values are not allowed in this context"),
        ("a:\n  b: 1\n c: 2\n", "line 3, column 2: while parsing a block mapping, did not find expected key"),
        ("a: @b\n", "line 1, column 4: unexpected character"),
        ("a: *b\n", "line 1, column 4: the alias refers to an anchor that is not defined before it"),
        ("a: &x [*x]\n", "line 1, column 8: the alias stands inside the node that it refers to"),
        ("a:\n  <<: 1\n", "line 2, column 7: the merge key `<<` needs a map or a list of maps"),
        ("a:\n  <<: [{b: 1}, 2]\n", "line 2, column 16: the merge key `<<` needs a map or a list of maps"),
        ("[a]: b\n", "line 1, column 1: a list cannot be a key"),
        ("a:\n  {b: c}: d\n", "line 2, column 3: a map cannot be a key"),
        ("~: a\n", "line 1, column 1: null cannot be a key"),
        ("18446744073709551615: a\n", "line 1, column 1: an integer above 9223372036854775807 cannot be a key"),
        ("a: !!int b\n", "line 1, column 10: the value does not fit its tag !!int"),
        ("a: !!binary b\n", "line 1, column 13: the !!binary value is not base64"),
        ("a: !!binary /w==\n", "line 1, column 13: the !!binary value is not UTF-8 text, use `data` for bytes"),
        (
            "a: \"b\u{1}\"\n",
            "line 1, column 6: the control character U+0001 is not allowed in YAML, write it as an escape in double quotes",
        ),
        (
            "é: \"é\u{2028}\"\n",
            "line 1, column 6: the character U+2028 is a line break to kubeseal and text to newer YAML, write it as an escape in double quotes",
        ),
        ("{\"a\": 1}\nfoo\n", "line 2, column 1: text after the last complete JSON object"),
        ("{\"a\": 1}{\"b\": 2} x", "line 1, column 18: text after the last complete JSON object"),
        ("{\"a\": 1}{\"b\": }", "line 1, column 15: expected a JSON value"),
        ("{\"a\": \"\\ud800\"}", "line 1, column 8: half of a surrogate pair in a string"),
        ("{\"a\": \"b", "line 1, column 7: the string is not closed"),
        ("{\n  \"a\": [\"b\" 2]}", "line 2, column 13: expected `,` or `]` in an array"),
        ("{\"a\": 1", "line 1, column 8: the JSON text ends too early"),
    ] {
        let said = refusal(text);
        if said != message {
            wrong.push(format!("{text:?}\n    said     {said}\n    expected {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn other_encodings_are_named() {
    assert_eq!(refusal(b"\xff\xfea\0:\0"), "the input is UTF-16, only UTF-8 is read");
    assert_eq!(refusal(b"\xfe\xff\0a\0:"), "the input is UTF-16, only UTF-8 is read");
    assert_eq!(refusal(b"a\0:\0 \0"), "the input is UTF-16, only UTF-8 is read");
    assert_eq!(refusal(b"\xff\xfe\0\0a\0\0\0"), "the input is UTF-32, only UTF-8 is read");
    assert_eq!(refusal(b"a: 1\nb: \xc3\xa9\xff\n"), "line 2, column 5: byte 10 of the input is not valid UTF-8");
}

#[test]
fn sizes_are_limited() {
    let limits = Limits { max_bytes: 10, ..Limits::default() };
    assert_eq!(refusal_within("a: 1234567890", &limits), "the input has 13 bytes, the limit is 10");
    soon(|| {
        let huge = vec![b'a'; 100 << 20];
        assert_eq!(refusal(&huge), "the input has 104857600 bytes, the limit is 67108864");
    });
}

#[test]
fn documents_are_counted() {
    let limits = Limits { max_documents: 2, ..Limits::default() };
    assert_eq!(refusal_within("a: 1\n---\nb: 1\n---\nc: 1\n", &limits), "line 4, column 1: more than 2 documents");
    assert_eq!(refusal_within("{} {}\n{}", &limits), "line 2, column 1: more than 2 documents");
    assert_eq!(refusal_within("---\n---\n---\n", &limits), "line 3, column 1: more than 2 documents");
}

#[test]
fn nesting_is_limited_in_every_notation() {
    let message = "lists and maps are nested more than 255 deep";
    for text in [
        "[".repeat(10_000),
        "[".repeat(10 << 20),
        "{a: ".repeat(10_000),
        "- ".repeat(10_000),
        format!("{{\"a\": {}", "[".repeat(10 << 20)),
        (0..300).map(|level| format!("{}a:\n", " ".repeat(level))).collect(),
    ] {
        soon(|| {
            let refused = refusal(&text);
            assert!(refused.ends_with(message), "{refused}");
        });
    }
    let text = format!("{}{}", "[".repeat(255), "]".repeat(255));
    assert!(read_one(text.as_bytes(), &Limits::default()).is_ok(), "255 levels are read");
    let wide = Limits { max_depth: usize::MAX, ..Limits::default() };
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    assert!(read_one(deep.as_bytes(), &wide).is_ok(), "400 levels are read");
    assert!(refusal_within("[".repeat(2_000), &wide).ends_with("more than 400 deep"));
}

#[test]
fn aliases_do_not_deepen_the_tree_beyond_the_limit() {
    let nested = |inner: &str| format!("{}{inner}{}", "[".repeat(200), "]".repeat(200));
    let text = format!("- &a {}\n- {}\n", nested("1"), nested("*a"));
    assert!(refusal(text).ends_with("lists and maps are nested more than 255 deep"));
}

#[test]
fn a_billion_laughs_are_refused_at_the_alias_that_is_too_many() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, previous) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        text += &format!("{name}: &{name} [{}]\n", vec![format!("*{previous}"); 10].join(", "));
    }
    soon(|| {
        assert_eq!(refusal(&text), "line 4, column 36: aliases and merge keys expand to more than 10000 nodes");
    });
    let mut merges = "a: &a {k: 1}\n".to_owned();
    for level in 0..30 {
        merges += &format!("a{level}: &a{level}\n  <<: [*a, *a, *a]\n")
            .replace("*a,", &previous(level))
            .replace("*a]", &format!("{}]", previous(level).trim_end_matches(',')));
    }
    soon(|| assert!(refusal(&merges).ends_with("aliases and merge keys expand to more than 10000 nodes")));
}

fn previous(level: usize) -> String {
    if level == 0 { "*a,".to_owned() } else { format!("*a{},", level - 1) }
}

#[test]
fn large_inputs_of_one_kind_are_linear() {
    soon(|| {
        let keys: String = (0..200_000).map(|key| format!("key{key}: 1\n")).collect();
        assert_eq!(
            read_one(keys.as_bytes(), &Limits::default()).expect("keys").root.entries().map(<[_]>::len),
            Some(200_000)
        );
    });
    soon(|| {
        let same = "a: 1\n".repeat(100_000);
        assert_eq!(read_one(same.as_bytes(), &Limits::default()).expect("keys").warnings.len(), 99_999);
    });
    soon(|| {
        let json = format!("{{{}\"z\": 1}}", "\"a\": 1,\n".repeat(200_000));
        assert_eq!(read_one(json.as_bytes(), &Limits::default()).expect("keys").warnings.len(), 199_999);
    });
    for line in [
        format!("a: {}\n", "x".repeat(10 << 20)),
        format!("a: {}\n", "x ".repeat(1 << 19)),
        format!("a: \"{}\"\n", "\\n".repeat(1 << 19)),
        format!("a: |\n{}", "  x\n".repeat(1 << 18)),
        format!("a: >\n{}", "  x\n".repeat(1 << 18)),
        format!("{{\"a\": \"{}\"}}", "\\u00e9".repeat(1 << 18)),
        format!("a: [{}]\n", "1, ".repeat(1 << 18)),
        format!("{}a: 1\n", "# x\n".repeat(1 << 18)),
        format!("a: 1\n{}", "\n".repeat(4 << 20)),
    ] {
        soon(|| assert!(read_one(line.as_bytes(), &Limits::default()).is_ok(), "{:?}…", &line[..20]));
    }
    soon(|| {
        let unclosed = format!("{{\"a\": {}", "\"b\", ".repeat(1 << 18));
        assert!(read_one(unclosed.as_bytes(), &Limits::default()).is_err());
    });
}

#[test]
fn exactly_one_document_can_be_demanded() {
    for (text, found) in [("", 0), ("# a\n---\n~\n", 0), ("a: 1\n---\nb: 1\n", 2)] {
        let error = read_one(text.as_bytes(), &Limits::default()).err();
        assert_eq!(error, Some(Error::NotOneDocument { found }), "{text:?}");
    }
}
