//! Places, warnings and coercion as a caller sees them.

use bulla_yaml::{Error, Limits, Node, Style, Value, read_manifests, read_one};

fn read(text: &str) -> bulla_yaml::Document {
    read_one(text.as_bytes(), &Limits::default()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn source<'a>(text: &'a str, node: &Node) -> &'a str {
    &text[node.span.start..node.span.end]
}

#[test]
fn spans_cover_the_token_in_yaml() {
    let text = "\u{feff}# c\r\na: plain # c\r\nb: 'single'\r\nc: \"dou\\\r\n  ble\"\r\nd: &x !!str 1\r\ne: [1, \"é\"]\r\né: {f: *x}\r\n";
    let root = read(text).root;
    for (path, expected, line, column, style) in [
        (&["a"][..], "plain", 2, 4, Style::Plain),
        (&["b"], "'single'", 3, 4, Style::SingleQuoted),
        (&["c"], "\"dou\\\r\n  ble\"", 4, 4, Style::DoubleQuoted),
        (&["d"], "1", 6, 13, Style::Plain),
        (&["e"], "[1, \"é\"]", 7, 4, Style::Flow),
        (&["é"], "{f: *x}", 8, 4, Style::Flow),
    ] {
        let node = root.at(path).expect("the node");
        assert_eq!(source(text, node), expected);
        assert_eq!((node.span.position.line, node.span.position.column), (line, column), "{path:?}");
        assert_eq!(node.style, style, "{path:?}");
    }
    let through_alias = root.at(&["é", "f"]).expect("the node");
    assert_eq!(through_alias.span.position.line, 6, "an expanded alias keeps the place of its anchor");
    let key = &root.entries().expect("a map")[5];
    assert_eq!(&text[key.key_span.start..key.key_span.end], "é");
}

#[test]
fn spans_cover_the_token_in_json() {
    let text = "\n {\"a\": [1, -2.5e3, \"x\\n\"],\n  \"é\": {\"b\": null}}\n---\nc: 1\n";
    let documents = read_manifests(text.as_bytes(), &Limits::default()).expect("two documents");
    let root = &documents[0].root;
    assert_eq!(source(text, root), text[2..].split("\n---").next().expect("JSON"));
    let items = root.get("a").and_then(Node::items).expect("a list");
    assert_eq!(items.iter().map(|item| source(text, item)).collect::<Vec<_>>(), ["1", "-2.5e3", "\"x\\n\""]);
    let null = root.at(&["é", "b"]).expect("b");
    assert_eq!((null.span.position.line, null.span.position.column), (3, 14));
    let c = documents[1].root.get("c").expect("c");
    assert_eq!((source(text, c), c.span.position.line, c.span.position.column), ("1", 5, 4));
}

#[test]
fn the_second_of_two_equal_keys_wins_with_a_warning() {
    for (text, message) in [
        (
            "data: {}\nkind: x\nspec:\n  data: 1\n  data: 2\n",
            "line 5, column 3: the key `data` is defined twice (first at line 4)",
        ),
        ("{\"a\": 1,\n \"a\": 2}", "line 2, column 2: the key `a` is defined twice (first at line 1)"),
        ("{a: 1, a: 2}", "line 1, column 8: the key `a` is defined twice (first at column 2)"),
        ("y: 1\ntrue: 2\n", "line 2, column 1: the key `true` is defined twice (first at line 1)"),
        ("\"a\\nb\": 1\n\"a\\nb\": 2\n", "line 2, column 1: the key `a\\nb` is defined twice (first at line 1)"),
        (
            "x: &x {a: 1}\ny:\n  a: 2\n  <<: *x\n",
            "line 3, column 3: the key `a` is replaced by a merge key `<<` below it (from line 1)",
        ),
    ] {
        let document = read(text);
        let messages: Vec<_> = document.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(messages, [message], "{text:?}");
    }
    assert!(
        read("x: &x {a: 1}\ny:\n  <<: *x\n  a: 2\n").warnings.is_empty(),
        "overriding a merged key is what merges are for"
    );
    assert_eq!(
        read("a: 1\nb: 0\na: 2\n").root.get("a").and_then(|a| a.to_go_string().ok()?).as_deref().map(String::as_str),
        Some("2")
    );
}

#[test]
fn coercion_is_told_from_text() {
    let root =
        read("a: yes\nb: 'yes'\nc: 010\nd: 2001-12-14\ne: ~\nf: 1.23456789012\ng: [1]\nh: 1e300\ni: |\n  1\n").root;
    for (key, text, coerced) in [
        ("a", Some("true"), true),
        ("b", Some("yes"), false),
        ("c", Some("8"), true),
        ("d", Some("2001-12-14"), false),
        ("e", None, false),
        ("f", Some("1.2345679"), true),
        ("h", Some("+Inf"), true),
        ("i", Some("1\n"), false),
    ] {
        let node = root.get(key).expect("the key");
        assert_eq!(node.to_go_string().expect("a scalar").as_deref().map(String::as_str), text, "{key}");
        assert_eq!(node.is_coerced(), coerced, "{key}");
    }
    let list = root.get("g").expect("g");
    assert_eq!(
        list.to_go_string().err().map(|error| error.to_string()).as_deref(),
        Some("line 7, column 4: expected text, found a list")
    );
    assert!(
        matches!(root.get("f").map(|f| &f.value), Some(Value::Float(value)) if *value == 1.23456789012),
        "the value itself keeps 64 bits"
    );
}

#[test]
fn infinity_has_no_json_form() {
    let error = read("a:\n- .inf\n").root.to_json().err();
    assert!(matches!(error, Some(Error::NoJsonForm { .. })));
    assert_eq!(
        error.map(|error| error.to_string()).as_deref(),
        Some("line 2, column 3: the number has no JSON form (infinity or not a number)")
    );
}

#[test]
fn whole_floats_become_integers_in_json_as_in_go() {
    assert_eq!(
        read("a: 3.0\nb: 1e3\nc: 0.5\n").root.to_json().expect("JSON").to_string(),
        r#"{"a":3,"b":1000,"c":0.5}"#
    );
}
