//! YAML: everything but the values stays.

use super::*;

const SAMPLE: &str = r##"# head of the file
apiVersion: v1   # a Secret
kind: Secret

metadata: {name: db, labels: {app: "shop"}}
data:
  # who
  user: app   # the application
  "password": 'hun''ter2'
  port: 5432

  flow: [a, "b", {c: d}]
  list:
  - one
  - two   # second
  # a comment in the list
  - three: 3
  pem: |
    -----BEGIN-----
    abc
    -----END-----
  yes: "yes"
  none: null
  empty: ""
  tilde: ~
"##;

#[test]
fn everything_but_the_values_stays() {
    let owner = Owner::new();
    let sealed = owner.seal(Format::Yaml, SAMPLE, only("^data$"));
    for kept in [
        "# head of the file\napiVersion: v1   # a Secret\nkind: Secret\n\nmetadata: {name: db, labels: {app: \"shop\"}}\ndata:\n",
        "  port: ENC[",
        "  \"password\": 'ENC[",
        "  flow: ['ENC[",
        "\"ENC[AES256_GCM",
        "  none: null\n  empty: \"\"\n  tilde: ~\nsops:\n  age:\n",
        "\n  mac: ENC[",
    ] {
        assert!(sealed.contains(kept), "{kept:?} is not in\n{sealed}");
    }
    assert!(!sealed.contains("the application") && !sealed.contains("hun") && !sealed.contains("BEGIN-"), "{sealed}");
    assert_eq!(owner.open(Format::Yaml, &sealed), SAMPLE);
}

#[test]
fn yaml_comes_back_as_it_was() {
    let owner = Owner::new();
    for text in [
        "a: b\n",
        "a: b",
        "a: b\n\n\n",
        "---\na: b\n",
        "---\n# c\na: b\n---\nc: d\n# foot\n",
        "a: b\n...\n",
        "a: b\r\nc:\r\n  d: e\r\n",
        "a:\n- b\n- c\n# end\n",
        "a:\n  # only\n  b: c\n\n  # foot of b\n\n# foot of the file\n",
        "{a: b, c: [d, e]}\n",
        "{\"a\": \"b\"}",
        "a: |\n  x\n  y\nb: |-\n  z\n  w\n",
        "a:\n    b: c\nd: |\n    z\n    w\n",
        "a: |+\n  x\n  y\n\n\nb: c\n",
        "a: |\n  x\n  y\n",
        "a: 'it''s'\nb: \"tab\\tbed\"\n",
        "a: 10.0.0.1\nb: http://x/y?z=1#f\nc: über\n",
        "- a\n",
        "a: &x b\nc: d\n",
        "list:\n    - - a\n      - b\n    - c\n",
        "a:\n    - k: v # one\n      l: w\n    - k: |\n          x\n          y\n",
        "\u{feff}a: b\n",
        "a: b # c\n",
        "a: # c\n  b: c\n",
        "a: |  # c\n  x\n  y\n",
        "a: 1.5\nb: true\nc: 2024-01-02T03:04:05Z\nd: -7\n",
        "? a\n: b\n",
    ] {
        let sealed = match owner.try_seal(Format::Yaml, text, all()) {
            Ok(sealed) => sealed,
            Err(_) if text.starts_with('-') => continue,
            Err(error) => panic!("{error}:\n{text}"),
        };
        assert_eq!(owner.open(Format::Yaml, &sealed), text, "{sealed}");
    }
}

#[test]
fn what_cannot_be_sealed_in_place_is_refused_with_its_line() {
    let owner = Owner::new();
    for (text, selector, words) in [
        ("a: &x b\nc: *x\n", all(), "line 1: an alias"),
        ("base: &b {k: v}\na:\n  <<: *b\n", all(), "an alias or merge key"),
        ("clear: *x\n", all(), ""),
        ("a: 1\na: 2\n", all(), ""),
        ("sops: {}\n", all(), "sops is there already"),
    ] {
        let error = owner.try_seal(Format::Yaml, text, selector).err().unwrap_or_else(|| panic!("{text}")).to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    // Outside of what is encrypted they stay.
    let text = "base: &b\n  k: v\nuse: *b\nmore:\n  <<: *b\nsecret: x\n";
    let sealed = owner.seal(Format::Yaml, text, only("^secret$"));
    assert!(sealed.starts_with("base: &b\n  k: v\nuse: *b\nmore:\n  <<: *b\nsecret: ENC["), "{sealed}");
    assert_eq!(owner.open(Format::Yaml, &sealed), text);
}

#[test]
fn a_tag_goes_with_the_value_that_it_says() {
    let owner = Owner::new();
    for (text, expected) in [
        ("a: !!str 12\n", "a: \"12\"\n"),
        ("a: !!binary aGk=\n", "a: hi\n"),
        ("a: !custom x\n", "a: x\n"),
        ("a: &anchor !!str x\n", "a: &anchor x\n"),
        ("a: 0x10\nb: 014\nc: 1.10\nd: 2024-01-02\n", "a: 16\nb: 12\nc: 1.1\nd: 2024-01-02T00:00:00Z\n"),
        ("a: >-\n  x\n  y\n", "a: x y\n"),
    ] {
        let sealed = owner.seal(Format::Yaml, text, all());
        assert_eq!(owner.open(Format::Yaml, &sealed), expected, "{sealed}");
    }
}

#[test]
fn a_file_of_sops_is_changed_one_value_at_a_time() {
    let owner = Owner::new();
    let mut metadata = Owner::metadata(all());
    let mut tree = Format::Yaml.load_plain(SAMPLE.as_bytes()).unwrap();
    metadata.last_modified = NOW.to_owned();
    let mac = crate::sops::encrypt(&mut tree, &owner.key, &metadata, &Nonces::default()).unwrap();
    metadata.set_mac(&owner.key, &mac).unwrap();
    let stock = Format::Yaml.emit_encrypted(tree, &metadata, crate::sops::Indents::default()).unwrap();
    let stock = String::from_utf8(stock).unwrap();
    for (path, op) in [
        ("data.user", Op::Set(Value::text("new"))),
        ("data.list.1", Op::Set(Value::Int(5))),
        ("data.pem", Op::Set(Value::text("one\ntwo\n"))),
        ("data.port", Op::Rename("Port".to_owned())),
        ("data.flow.3", Op::Set(Value::text("x"))),
    ] {
        let changed = owner.change(Format::Yaml, &stock, path, op);
        let lines = changed_lines(&stock, &changed);
        assert!((3..=4).contains(&lines), "{path}: {lines} lines\n{changed}");
    }
    // What is edited as a text keeps what is the same, too.
    let opened = owner.read(Format::Yaml, &stock);
    let text = owner.open(Format::Yaml, &stock);
    assert!(text.contains("# a comment in the list\n"), "{text}");
    let edited = text.replace("user: app", "user: other");
    let before = Before { text: stock.as_bytes(), plain: &opened.plain };
    let sealing = Sealing { key: &owner.key, nonces: &opened.nonces, now: Some(LATER), context: Context::default() };
    let mut metadata = opened.metadata.clone();
    let sealed = add(Format::Yaml, edited.as_bytes(), &mut metadata, &sealing, Some(&before)).unwrap();
    let sealed = String::from_utf8(sealed).unwrap();
    assert!((3..=4).contains(&changed_lines(&stock, &sealed)), "{stock}\n{sealed}");
}

#[test]
fn keys_of_yaml_come_and_go() {
    let owner = Owner::new();
    let text = "a: 1  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\n# end\n";
    let sealed = owner.seal(Format::Yaml, text, all());
    let map = |key: &str, value: Value| Value::Map(vec![Item::new(key, value)]);
    for (path, op, expected) in [
        ("new", Op::Set(Value::text("v")), "a: 1  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\nnew: v\n# end\n"),
        ("b.d", Op::Set(Value::Bool(true)), "a: 1  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\n  d: true\n# end\n"),
        ("b.list.9", Op::Set(Value::text("y y")), "a: 1  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\n  - y y\n# end\n"),
        ("b.list.0", Op::Unset, "a: 1  # one\nb:\n  c: x\n  list:\n  - 2\n# end\n"),
        ("a", Op::Set(map("k", Value::Int(1))), "a: {\"k\":1}  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\n# end\n"),
        ("a", Op::Rename("z".to_owned()), "z: 1  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\n# end\n"),
        ("b.c", Op::Unset, "a: 1  # one\nb:\n  list:\n  - 1\n  - 2\n# end\n"),
        (
            "p.q.r",
            Op::Set(Value::Int(3)),
            "a: 1  # one\nb:\n  c: x\n  list:\n  - 1\n  - 2\np:\n  q:\n    r: 3\n# end\n",
        ),
    ] {
        let changed = owner.change(Format::Yaml, &sealed, path, op);
        assert_eq!(owner.open(Format::Yaml, &changed), expected, "{path}\n{changed}");
    }
}
