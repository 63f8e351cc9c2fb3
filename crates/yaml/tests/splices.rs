//! Edits in place: what the text is afterwards, byte for byte, and what is refused.

use bulla_yaml::{Limits, Node, Out, SpliceError, Splices, read_manifests};

/// An edit of the first document that has the path; `/` parts the keys, a number is an index.
#[derive(Clone, Copy)]
enum Do<'a> {
    Set(&'a str, &'a str),
    Insert(&'a str, &'a str, &'a str),
    Map(&'a str, &'a str),
    Remove(&'a str, &'a str),
    Rename(&'a str, &'a str, &'a str),
}
use Do::*;

fn edit(text: &str, edits: &[Do<'_>]) -> Result<String, SpliceError> {
    let documents = read_manifests(text.as_bytes(), &Limits::default()).expect("the test's text can be read");
    let at = |path: &str| -> &Node {
        let find = |root| {
            path.split('/').filter(|key| !key.is_empty()).try_fold(root, |node: &Node, key| {
                node.get(key).or_else(|| node.items()?.get(key.parse::<usize>().ok()?))
            })
        };
        documents.iter().find_map(|document| find(&document.root)).expect("the test's path exists")
    };
    let mut splices = Splices::new(text.as_bytes());
    for edit in edits {
        match *edit {
            Set(path, text) => splices.set_text(at(path), text)?,
            Insert(path, key, text) => splices.insert(at(path), key, &text.into())?,
            Map(path, key) => {
                let inner = Out::Mapping(vec![("k".into(), "v".into())]);
                splices.insert(at(path), key, &inner)?;
            }
            Remove(path, key) => splices.remove(at(path), key)?,
            Rename(path, key, to) => splices.rename(at(path), key, to)?,
        }
    }
    let edited = splices.apply()?;
    Ok(String::from_utf8(edited.to_vec()).expect("UTF-8 stays UTF-8"))
}

fn table(rows: &[(&str, &[Do<'_>], &str)]) {
    let wrong: Vec<_> = rows
        .iter()
        .map(|(before, edits, after)| (before, edit(before, edits), after))
        .filter(|(_, found, after)| found.as_deref() != Ok(**after))
        .map(|(before, found, after)| format!("{before:?}\n  became {found:?}\n  and not   {after:?}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn text_takes_the_place_of_scalars_in_their_style() {
    table(&[
        ("a: 1  # one\nb: two\n", &[Set("a", "x")], "a: x  # one\nb: two\n"),
        ("a: 1", &[Set("a", "x")], "a: x"),
        ("a: x\n", &[Set("a", "yes")], "a: \"yes\"\n"),
        ("a: x\n", &[Set("a", "b # c: d")], "a: 'b # c: d'\n"),
        ("a: x\n", &[Set("a", "")], "a: \"\"\n"),
        ("a: x\n", &[Set("a", "b\nc\n")], "a: \"b\\nc\\n\"\n"),
        ("a: 'x'\n", &[Set("a", "it's")], "a: 'it''s'\n"),
        ("a: 'x'\n", &[Set("a", "b\nc")], "a: \"b\\nc\"\n"),
        ("a: \"x\" # c\n", &[Set("a", "y\"\\")], "a: \"y\\\"\\\\\" # c\n"),
        ("a: b\n  c\n   d # e\nf: g\n", &[Set("a", "h")], "a: h # e\nf: g\n"),
        ("a: 'b\n\n  c'\nf: g\n", &[Set("a", "h")], "a: 'h'\nf: g\n"),
        ("é: 🔒 # ü\nb: ö\n", &[Set("é", "ß"), Set("b", "🔑")], "é: ß # ü\nb: \"\\U0001F511\"\n"),
        (
            "a:\n- 1\n- b: 2\n- - 3\n",
            &[Set("a/0", "x"), Set("a/1/b", "w"), Set("a/2/0", "z")],
            "a:\n- x\n- b: w\n- - z\n",
        ),
        (
            "a: &x 1\nb: !!str 2\nc: &y !!str 3 # d\n",
            &[Set("a", "x"), Set("b", "w"), Set("c", "z")],
            "a: &x x\nb: !!str w\nc: &y !!str z # d\n",
        ),
        ("a: 1\r\nb: 2\r\n", &[Set("a", "x"), Set("b", "w")], "a: x\r\nb: w\r\n"),
        ("\u{feff}a: 1\nb: 2\n", &[Set("a", "x"), Set("b", "w")], "\u{feff}a: x\nb: w\n"),
        (
            "# c\n---\nz: 0\n---\na: 1\n...\n# d\n---\nb: 2\n",
            &[Set("a", "x"), Set("b", "w")],
            "# c\n---\nz: 0\n---\na: x\n...\n# d\n---\nb: w\n",
        ),
        ("a:\t1\t# c\n", &[Set("a", "x")], "a:\tx\t# c\n"),
        ("? a\n: 1\n", &[Set("a", "x")], "? a\n: x\n"),
    ]);
}

#[test]
fn text_takes_the_place_of_nothing() {
    table(&[
        ("a:\nb: 1\n", &[Set("a", "x")], "a: x\nb: 1\n"),
        ("a:", &[Set("a", "x")], "a: x"),
        ("a: # c\nb:   \n", &[Set("a", "x"), Set("b", "w")], "a: x # c\nb: w   \n"),
        ("a: ~\nb: null\n", &[Set("a", "x"), Set("b", "w")], "a: x\nb: w\n"),
        ("a: &x # c\nb: !!str\n", &[Set("a", "x"), Set("b", "w")], "a: &x x # c\nb: !!str w\n"),
        ("a:\n- \n-\n", &[Set("a/0", "x"), Set("a/1", "w")], "a:\n- x\n- w\n"),
        ("a: {b: , c, d: null}\n", &[Set("a/b", "x"), Set("a/c", "w"), Set("a/d", "z")], "a: {b: x , c: w, d: z}\n"),
        ("{\"a\": null}\n", &[Set("a", "x")], "{\"a\": \"x\"}\n"),
    ]);
}

#[test]
fn text_stays_in_block_scalars_or_leaves_them_with_their_header() {
    table(&[
        ("a: |\n  b\n  c\nd: e\n", &[Set("a", "x")], "a: |-\n  x\nd: e\n"),
        ("a: |\n  b\n", &[Set("a", "x\n")], "a: |\n  x\n"),
        ("a: >- # h\n    b\n    c\n\n\n# d\ne: f\n", &[Set("a", "x")], "a: >- # h\n    x\n\n\n# d\ne: f\n"),
        ("a: >+\n  b\n\n\ne: f\n", &[Set("a", "x")], "a: >-\n  x\ne: f\n"),
        ("a: |2\n    b\nc: d\n", &[Set("a", "x")], "a: |-\n    x\nc: d\n"),
        ("a: |\n  b\n  c\nd: e\n", &[Set("a", "x\ny\n")], "a: \"x\\ny\\n\"\nd: e\n"),
        ("a: | # h\n  b\nd: e\n", &[Set("a", "")], "a: \"\" # h\nd: e\n"),
        ("a: |\nb: >-\n", &[Set("a", "x"), Set("b", "w")], "a: x\nb: w\n"),
        ("a: |-\n\n\nb: c\n", &[Set("a", "x")], "a: x\n\n\nb: c\n"),
        ("a: |-\n\n  b", &[Set("a", "x")], "a: |-\n  x"),
        ("a: |\n  b", &[Set("a", "x\n")], "a: |\n  x\n"),
        ("a: |\r\n  b\r\n  c\r\nd: e\r\n", &[Set("a", "x")], "a: |-\r\n  x\r\nd: e\r\n"),
        ("a: &x !!str |\n  b\nd: e\n", &[Set("a", "x")], "a: &x !!str |-\n  x\nd: e\n"),
        ("- |\n  b\n- >\n c\n", &[Set("0", "x"), Set("1", "y\n")], "- |-\n  x\n- >\n y\n"),
        ("a: |\n  | b\n  # c\n # d\ne: f\n", &[Set("a", "x")], "a: |-\n  x\n # d\ne: f\n"),
    ]);
}

#[test]
fn keys_are_put_behind_the_last_one() {
    table(&[
        ("a: 1\n", &[Insert("", "b", "x")], "a: 1\nb: x\n"),
        ("a: 1", &[Insert("", "b", "x")], "a: 1\nb: x"),
        ("a: 1 # c\n\n# end\n", &[Insert("", "b", "x")], "a: 1 # c\nb: x\n\n# end\n"),
        ("a:\n    b: 1\n    # c\nd: 2\n", &[Insert("a", "e", "x")], "a:\n    b: 1\n    e: x\n    # c\nd: 2\n"),
        ("a:\n  b: |\n    c\n\nd: 2\n", &[Insert("a", "e", "x")], "a:\n  b: |\n    c\n  e: x\n\nd: 2\n"),
        ("a:\n  b: |+\n    c\n\nd: 2\n", &[Insert("a", "e", "x")], "a:\n  b: |+\n    c\n\n  e: x\nd: 2\n"),
        ("a:\n  b:\n  - 1\n  -\nd: 2\n", &[Insert("a", "e", "x")], "a:\n  b:\n  - 1\n  -\n  e: x\nd: 2\n"),
        ("a:\n  b:\n", &[Insert("a", "e", "x")], "a:\n  b:\n  e: x\n"),
        (
            "- a: 1\n- b: 2\n  c: 3\n",
            &[Insert("0", "e", "x"), Insert("1", "e", "x")],
            "- a: 1\n  e: x\n- b: 2\n  c: 3\n  e: x\n",
        ),
        (
            "x: &x {y: 1}\na:\n  b: *x\n  <<: *x\nd: 2\n",
            &[Insert("a", "e", "x")],
            "x: &x {y: 1}\na:\n  b: *x\n  <<: *x\n  e: x\nd: 2\n",
        ),
        ("a: 1\r\nb: 2\r\n", &[Insert("", "c", "x")], "a: 1\r\nb: 2\r\nc: x\r\n"),
        ("a: 1\r\nb: 2", &[Insert("", "c", "x")], "a: 1\r\nb: 2\r\nc: x"),
        ("\u{feff}a: 1\n", &[Insert("", "c", "x")], "\u{feff}a: 1\nc: x\n"),
        ("a: 1\n---\nb: 2\n", &[Insert("", "c", "x")], "a: 1\nc: x\n---\nb: 2\n"),
        (
            "a:\n  b: 1\n",
            &[Insert("", "c", "x"), Insert("a", "d", "w"), Insert("a", "e", "z")],
            "a:\n  b: 1\n  d: w\n  e: z\nc: x\n",
        ),
        ("a:\n  b: 1", &[Insert("", "c", "x"), Insert("a", "d", "w")], "a:\n  b: 1\n  d: w\nc: x"),
        ("a:\n  b: 1\n", &[Map("", "c"), Map("a", "d")], "a:\n  b: 1\n  d:\n    k: v\nc:\n  k: v\n"),
        ("a: 1\n", &[Insert("", "b", "x\ny\n")], "a: 1\nb: |\n  x\n  y\n"),
        ("? a\n: 1\n", &[Insert("", "b", "x")], "? a\n: 1\nb: x\n"),
        ("a: &m\n  # c\n  b: 1\n", &[Insert("a", "c", "x")], "a: &m\n  # c\n  b: 1\n  c: x\n"),
    ]);
}

#[test]
fn keys_are_quoted_where_they_need_it() {
    for key in [
        "y",
        "true",
        "010",
        "~",
        "null",
        "a: b",
        "a #b",
        "#",
        "",
        " ",
        "- a",
        "<<",
        "1.5",
        "2001-12-14",
        "'",
        "\"",
        "\\",
        "*a",
        "é",
        "a\nb",
        "🔒",
        "---",
        "0x1F",
        "?",
        ",",
        "{",
        "a\tb",
    ] {
        for (text, path) in [
            ("a1: 1\n", ""),
            ("a: {b1: 1}\n", "a"),
            ("{\"a1\": 1}", ""),
            ("a:\n", "a"),
            ("a: {}\n", "a"),
            ("b:\n- {a1: 1}\n", "b/0"),
        ] {
            let edited = edit(text, &[Insert(path, key, key)]);
            assert!(edited.is_ok(), "{key:?} into {text:?}: {edited:?}");
            let renamed = edit(
                text,
                &[Rename("", &text[..].trim_start_matches(['{', '"'])[..if path.is_empty() { 2 } else { 1 }], key)],
            );
            assert!(renamed.is_ok(), "{key:?} renamed in {text:?}: {renamed:?}");
        }
    }
    table(&[
        ("a: 1\n", &[Rename("", "a", "y")], "\"y\": 1\n"),
        ("'a': 1\n", &[Rename("", "a", "y")], "'y': 1\n"),
        ("{\"a\":1}", &[Rename("", "a", "y")], "{\"y\":1}"),
    ]);
}

#[test]
fn maps_without_entries_grow() {
    table(&[
        ("a:\n  b: {}\nc: 1\n", &[Insert("a/b", "k", "v")], "a:\n  b:\n    k: v\nc: 1\n"),
        ("a:\n  b: {} # d\nc: 1\n", &[Insert("a/b", "k", "v")], "a:\n  b: # d\n    k: v\nc: 1\n"),
        (
            "a:\n  b:\nc: 1\n",
            &[Insert("a/b", "k", "v"), Insert("a/b", "l", "w")],
            "a:\n  b:\n    k: v\n    l: w\nc: 1\n",
        ),
        ("a:\n  b: # d\n  # e\nc: 1\n", &[Insert("a/b", "k", "v")], "a:\n  b: # d\n    k: v\n  # e\nc: 1\n"),
        ("a:\n    b: null", &[Insert("a/b", "k", "v")], "a:\n    b:\n        k: v"),
        ("a: ~\r\nb: 1\r\n", &[Insert("a", "k", "v")], "a:\r\n  k: v\r\nb: 1\r\n"),
        (
            "a: &x {}\nb: !!map {}\n",
            &[Insert("a", "k", "v"), Insert("b", "k", "v")],
            "a: &x\n  k: v\nb: !!map\n  k: v\n",
        ),
        ("a:\n- {}\n", &[Insert("a/0", "k", "v")], "a:\n- {k: v}\n"),
        (
            "a: {b: , c: null, d}\n",
            &[Insert("a/b", "k", "v"), Insert("a/c", "k", "v"), Insert("a/d", "k", "v")],
            "a: {b: {k: v} , c: {k: v}, d: {k: v}}\n",
        ),
        ("a: {\n  # c\n  }\n", &[Insert("a", "k", "v")], "a: {k: v\n  # c\n  }\n"),
        ("{}", &[Insert("", "k", "v")], "{\"k\": \"v\"}"),
        ("{\"a\":{}}", &[Insert("a", "k", "v")], "{\"a\":{\"k\":\"v\"}}"),
        ("{\"a\":null}", &[Insert("a", "k", "v"), Insert("a", "l", "w")], "{\"a\":{\"k\":\"v\",\"l\":\"w\"}}"),
        (
            "{\n  \"a\": {}\n}\n",
            &[Insert("a", "k", "v"), Insert("a", "l", "w")],
            "{\n  \"a\": {\n    \"k\": \"v\",\n    \"l\": \"w\"\n  }\n}\n",
        ),
        (
            "{\r\n\t\"a\": {\r\n\t\t\"b\": null\r\n\t}\r\n}\r\n",
            &[Insert("a/b", "k", "v")],
            "{\r\n\t\"a\": {\r\n\t\t\"b\": {\r\n\t\t\t\"k\": \"v\"\r\n\t\t}\r\n\t}\r\n}\r\n",
        ),
    ]);
}

#[test]
fn maps_in_braces_keep_their_layout() {
    table(&[
        ("a: {b: 1}\n", &[Insert("a", "c", "x")], "a: {b: 1, c: x}\n"),
        ("a: { b: 1 } # d\n", &[Insert("a", "c", "x, y")], "a: { b: 1, c: \"x, y\" } # d\n"),
        ("a: {b: 1,}\n", &[Insert("a", "c", "x")], "a: {b: 1, c: x,}\n"),
        ("a: {\"b\": \"1\"}\n", &[Insert("a", "c", "x")], "a: {\"b\": \"1\", \"c\": \"x\"}\n"),
        (
            "a: {\n  b: 1, # one\n  c: 2 # two\n}\n",
            &[Insert("a", "d", "x")],
            "a: {\n  b: 1, # one\n  c: 2, d: x # two\n}\n",
        ),
        ("a: {\n  b: 1\n}\n", &[Insert("a", "d", "x")], "a: {\n  b: 1,\n  d: x\n}\n"),
        ("{\"a\":1}", &[Insert("", "b", "x")], "{\"a\":1,\"b\":\"x\"}"),
        ("{\"a\": 1,\"b\": 2}", &[Insert("", "c", "x")], "{\"a\": 1,\"b\": 2,\"c\": \"x\"}"),
        (
            "{\n    \"a\": 1\n}",
            &[Insert("", "b", "x"), Map("", "c")],
            "{\n    \"a\": 1,\n    \"b\": \"x\",\n    \"c\": {\n        \"k\": \"v\"\n    }\n}",
        ),
        (
            "{\"a\":1}\n{\"b\" : {\"c\":1}}\n---\nd: 1\n",
            &[Insert("b", "e", "x"), Insert("", "f", "y")],
            "{\"a\":1,\"f\":\"y\"}\n{\"b\" : {\"c\":1,\"e\":\"x\"}}\n---\nd: 1\n",
        ),
    ]);
}

#[test]
fn keys_go_with_their_lines() {
    table(&[
        ("a: 1 # one\nb: 2\n", &[Remove("", "a")], "b: 2\n"),
        ("a: 1\nb: 2", &[Remove("", "b")], "a: 1\n"),
        ("a:\n  b: |\n    x\n\n    y\n  # c\n  d: 2\n", &[Remove("a", "b")], "a:\n  # c\n  d: 2\n"),
        ("a:\n  b: {c: 1,\n   d: 2} # e\n  f: 3\n", &[Remove("a", "b")], "a:\n  f: 3\n"),
        ("a:\n  b:\n  - 1\n  - c: 2\n  f: 3\n", &[Remove("a", "b")], "a:\n  f: 3\n"),
        ("a:\n  b: 1\nc: 2\n", &[Remove("a", "b")], "a: {}\nc: 2\n"),
        ("a: # d\n  # e\n  b: 1\nc: 2\n", &[Remove("a", "b")], "a: {} # d\n  # e\nc: 2\n"),
        ("a: &x\n  b: 1\n  c: 2\nd: 3\n", &[Remove("a", "b"), Remove("a", "c")], "a: &x {}\nd: 3\n"),
        ("a:\n  b: 1\n  c: 2\n", &[Remove("a", "b"), Remove("a", "c"), Insert("a", "d", "x")], "a:\n  d: x\n"),
        ("a: 1\nb: 2", &[Remove("", "b"), Insert("", "c", "x")], "a: 1\nc: x\n"),
        ("- a: 1\n\n  # c\n  b: 2\n", &[Remove("0", "a")], "- # c\n  b: 2\n"),
        ("- a: 1\n  b: 2\n  c: 3\n", &[Remove("0", "a"), Remove("0", "b")], "- c: 3\n"),
        ("- a: 1\n- b: 2\n", &[Remove("0", "a")], "- {}\n- b: 2\n"),
        (
            "- a: 1\n  b: 2\n- b: 2\n",
            &[Remove("0", "a"), Remove("0", "b"), Insert("0", "c", "x"), Insert("0", "d", "w")],
            "- c: x\n  d: w\n- b: 2\n",
        ),
        ("a: 1 # c\n", &[Remove("", "a")], "{} # c\n"),
        ("? a\n: 1\nb: 2\n", &[Remove("", "a")], "b: 2\n"),
        ("&x !!str a: 1\nb: 2\n", &[Remove("", "a")], "b: 2\n"),
        ("a: 1\r\nb: 2\r\n", &[Remove("", "a")], "b: 2\r\n"),
        ("\u{feff}a: 1\nb: 2\n", &[Remove("", "a")], "\u{feff}b: 2\n"),
        ("a: {b: 1, c: 2, d: 3}\n", &[Remove("a", "b")], "a: {c: 2, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", &[Remove("a", "c")], "a: {b: 1, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", &[Remove("a", "d"), Remove("a", "c")], "a: {b: 1}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", &[Remove("a", "d"), Insert("a", "e", "x")], "a: {b: 1, c: 2, e: x}\n"),
        ("a: { b: 1 }\n", &[Remove("a", "b")], "a: {}\n"),
        ("a: { b: 1 }\n", &[Remove("a", "b"), Insert("a", "c", "x")], "a: { c: x }\n"),
        ("a: {b: 1, }\n", &[Remove("a", "b")], "a: {}\n"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}\n", &[Remove("", "a")], "{\n  \"b\": 2\n}\n"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}\n", &[Remove("", "b")], "{\n  \"a\": 1\n}\n"),
        ("{\n  \"a\": {\n    \"b\": 2\n  }\n}\n", &[Remove("a", "b")], "{\n  \"a\": {}\n}\n"),
        ("a: {\n  b: 1, # one\n  # two\n  c: 2\n}\n", &[Remove("a", "b")], "a: {\n  # two\n  c: 2\n}\n"),
    ]);
}

#[test]
fn several_edits_are_made_at_once() {
    table(&[(
        "spec:\n  encryptedData:\n    a: AgA  # first\n    b: >-\n      AgB\n      AgB\n    c: AgC\n  template:\n    type: Opaque\n",
        &[
            Set("spec/encryptedData/a", "AgX"),
            Set("spec/encryptedData/b", "AgY"),
            Remove("spec/encryptedData", "c"),
            Insert("spec/encryptedData", "d", "AgZ"),
            Rename("spec/encryptedData", "a", "010"),
            Insert("spec/template", "immutable", "x"),
        ],
        "spec:\n  encryptedData:\n    \"010\": AgX  # first\n    b: >-\n      AgY\n    d: AgZ\n  template:\n    type: Opaque\n    immutable: x\n",
    )]);
    assert!(Splices::new(b"a: [").is_empty());
    assert_eq!(*Splices::new(b"a: [").apply().unwrap(), b"a: [");
}

#[test]
fn what_cannot_be_edited_alone_is_refused_with_the_line_and_the_way_out() {
    let rows: &[(&str, &[Do<'_>], &str)] = &[
        (
            "x: 1\na: &x 1\nb: *x\n",
            &[Set("a", "2")],
            "line 2: the value has an anchor that aliases share, write it out at each place first",
        ),
        (
            "x: 1\na: &x 1\nb: *x\n",
            &[Set("b", "2")],
            "line 2: the value has an anchor that aliases share, write it out at each place first",
        ),
        (
            "a: &x\n  b:\n    c: 1\nd:\n  <<: *x\n",
            &[Set("d/b/c", "2")],
            "line 1: the value has an anchor that aliases share, write it out at each place first",
        ),
        (
            "a: &x\n  b: 1\nd: *x\n",
            &[Remove("d", "b")],
            "line 1: the value has an anchor that aliases share, write it out at each place first",
        ),
        (
            "a: &x\n  b: 1\nd:\n  <<: *x\n",
            &[Remove("d", "b")],
            "line 4: the key `b` comes out of a merge key `<<`, write it out here first",
        ),
        ("a: [1]\n", &[Set("a", "2")], "line 1: a list cannot become text, change it in an editor"),
        ("a: 1\n", &[Insert("a", "b", "c")], "line 1: a number has no keys, write a map here first"),
        ("a: 1\n", &[Remove("", "b")], "line 1: there is no key `b`"),
        ("a: 1\n", &[Insert("", "a", "c")], "line 1: the key `a` is there already"),
        ("a: 1\nb: 2\n", &[Rename("", "a", "b")], "line 1: the key `b` is there already"),
        (
            "a: 1\nb: 2\na: 3\n",
            &[Remove("", "a")],
            "line 3: the key `a` is there twice, remove one of the two in an editor",
        ),
        (
            "a: 1\nb: 2\na: 3\n",
            &[Rename("", "a", "c")],
            "line 3: the key `a` is there twice, remove one of the two in an editor",
        ),
        (
            "a:\n  b: 1\n",
            &[Remove("", "a"), Set("a/b", "c")],
            "line 2: two changes meet here, make them one after the other",
        ),
        ("a: 1\n", &[Set("a", "c"), Set("a", "d")], "line 1: two changes meet here, make them one after the other"),
        ("a: 1\n", &[Remove("", "a"), Remove("", "a")], "line 1: two changes meet here, make them one after the other"),
        (
            "a: [b: 1]\n",
            &[Insert("a/0", "c", "d")],
            "line 1: this is written in a way that cannot be edited in place, write one key per line first",
        ),
        (
            "a: !!int 1\n",
            &[Set("a", "canary")],
            "line 1: the edited text would read differently than asked for, change it in an editor",
        ),
        (
            "a: !!binary aGVsbG8=\n",
            &[Set("a", "aGVsbG8=")],
            "line 1: the edited text would read differently than asked for, change it in an editor",
        ),
    ];
    for (text, edits, expected) in rows {
        assert_eq!(edit(text, edits).map_err(|error| error.to_string()), Err((*expected).to_owned()), "{text:?}");
    }
}

#[test]
fn nodes_of_another_text_are_refused() {
    let other = read_manifests(b"abc: def\n", &Limits::default()).unwrap();
    let node = other[0].root.get("abc").unwrap();
    let mut splices = Splices::new(b"a: 1\n");
    let error = splices.set_text(node, "x").unwrap_err();
    assert_eq!(error.to_string(), "line 1: the place of this value cannot be told, write it on a line of its own");
    let error = Splices::new(b"a: [").set_text(node, "x").unwrap_err();
    assert!(matches!(error, SpliceError::Unreadable(_)), "{error}");
}

/// Each of these took minutes if the cost of a key grew with the length of its line or with the place of its anchor.
#[test]
fn large_texts_are_edited_in_linear_time() {
    let many = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
    let flow = format!("a: {{{}z: 1}}\n", many(60_000, &|index| format!("!!str k{index} : v, ")));
    let aliases = format!("#{}\nx: &x y\nz: 1\nb: [{}1]\n", " ".repeat(1 << 20), many(9_000, &|_| "*x, ".to_owned()));
    let json = format!("{{\"a\": {{{}\"z\": 1}}}}", many(60_000, &|index| format!("\"k{index}\": \"v\", ")));
    for (text, path) in [(&flow, "a/z"), (&aliases, "z"), (&json, "a/z")] {
        let started = std::time::Instant::now();
        let edited = edit(text, &[Set(path, "x")]).expect("it can be edited");
        assert!(edited.len() >= text.len());
        assert!(started.elapsed().as_secs() < 30, "{} bytes took {:?}", text.len(), started.elapsed());
    }
    let block = many(20_000, &|index| format!("k{index}: v\n"));
    let documents = read_manifests(block.as_bytes(), &Limits::default()).unwrap();
    let mut splices = Splices::new(block.as_bytes());
    for entry in documents[0].root.entries().unwrap() {
        splices.set_text(&entry.value, "new").unwrap();
    }
    let started = std::time::Instant::now();
    assert_eq!(splices.apply().unwrap().len(), block.len() + 2 * 20_000);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
