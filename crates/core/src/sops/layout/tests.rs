//! Files of every format: in their own layout there and back, and changed one value at a time.

use super::*;
use crate::sops::second_seal::Context;
use crate::sops::{
    DataKey, Format, Group, Item, KeySource, MasterKey, Metadata, Nonces, Selector, Tree, Value, decrypt,
};

mod yaml;

const NOW: &str = "2026-01-02T03:04:05Z";
const LATER: &str = "2026-01-02T03:04:06Z";

/// Somebody with the data key.
struct Owner {
    key: DataKey,
}

struct Opened {
    plain: Tree,
    metadata: Metadata,
    nonces: Nonces,
}

impl Owner {
    fn new() -> Self {
        Self { key: DataKey::generate().unwrap() }
    }

    fn metadata(selector: Selector) -> Metadata {
        let enc = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n".to_owned();
        let source = KeySource::Age { recipient: "age1x".to_owned() };
        let groups = vec![Group { keys: vec![MasterKey { source, enc, created_at: None }] }];
        Metadata { groups, version: "3.13.3".to_owned(), ..Metadata::new(selector) }
    }

    fn try_seal(&self, format: Format, text: &str, selector: Selector) -> Result<String, Error> {
        let nonces = Nonces::default();
        let sealing = Sealing { key: &self.key, nonces: &nonces, now: Some(NOW), context: Context::default() };
        let sealed = add(format, text.as_bytes(), &mut Self::metadata(selector), &sealing, None)?;
        Ok(String::from_utf8(sealed).unwrap())
    }

    #[track_caller]
    fn seal(&self, format: Format, text: &str, selector: Selector) -> String {
        self.try_seal(format, text, selector).unwrap_or_else(|error| panic!("{error}:\n{text}"))
    }

    #[track_caller]
    fn read(&self, format: Format, sealed: &str) -> Opened {
        let (mut plain, metadata) =
            format.load_encrypted(sealed.as_bytes()).unwrap_or_else(|error| panic!("{error}:\n{sealed}"));
        let decrypted = decrypt(&mut plain, &self.key, &metadata).unwrap_or_else(|error| panic!("{error}:\n{sealed}"));
        metadata.check_mac(&self.key, &decrypted.mac).unwrap();
        Opened { plain, metadata, nonces: decrypted.nonces }
    }

    #[track_caller]
    fn open(&self, format: Format, sealed: &str) -> String {
        let opened = self.read(format, sealed);
        let text = open(format, sealed.as_bytes(), &opened.plain).unwrap_or_else(|error| panic!("{error}:\n{sealed}"));
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn try_change(&self, format: Format, sealed: &str, path: &str, op: Op) -> Result<Option<String>, Error> {
        let mut opened = self.read(format, sealed);
        let path = Path::parse(path, &opened.plain.documents[0]).map_err(Error::Refused)?;
        let sealing = Sealing { key: &self.key, nonces: &opened.nonces, now: Some(LATER), context: Context::default() };
        let before = Before { text: sealed.as_bytes(), plain: &opened.plain };
        let changes = vec![Change { document: 0, path, op }];
        let changed = change(format, &before, changes, &mut opened.metadata, &sealing)?;
        Ok(changed.map(|text| String::from_utf8(text).unwrap()))
    }

    #[track_caller]
    fn change(&self, format: Format, sealed: &str, path: &str, op: Op) -> String {
        let changed =
            self.try_change(format, sealed, path, op).unwrap_or_else(|error| panic!("{path}: {error}:\n{sealed}"));
        changed.expect("something to change")
    }
}

fn all() -> Selector {
    Selector::UnencryptedSuffix("_unencrypted".to_owned())
}

fn only(pattern: &str) -> Selector {
    Selector::EncryptedRegex(pattern.to_owned())
}

/// Lines of `new` that `old` does not have.
fn changed_lines(old: &str, new: &str) -> usize {
    let old: std::collections::HashSet<&str> = old.lines().collect();
    new.lines().filter(|line| !old.contains(line)).count()
}

/// Everything but the values is as it was.
fn skeleton(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("ENC[") {
        result.push_str(&rest[..at]);
        result.push('?');
        rest = &rest[at + rest[at..].find(']').unwrap() + 1..];
    }
    result + rest
}

const JSON: &str = "{\n  \"db\": {\"user\": \"app\", \"port\": 5432, \"ratio\": 1.10},\n  \"list\": [true, null, \"x\\u00e9\", []],\n  \"empty\": \"\"\n}\n";

#[test]
fn json_comes_back_as_it_was() {
    let owner = Owner::new();
    for (text, same) in [
        (JSON, false),
        ("{\"a\":\"b\"}", true),
        ("{\n\t\"a\": \"b\",\n\t\"c\": [\n\t\t1,\n\t\t2\n\t]\n}\n", true),
        ("{\"a\": 1, \"b\": {\"c\": \"d\"}}\n", true),
        ("{\n    \"a\": 1\n}", true),
        ("{\r\n  \"a\": \"b\"\r\n}\r\n", true),
    ] {
        let sealed = owner.seal(Format::Json, text, all());
        assert!(!sealed.contains("\"app\"") && sealed.contains("\"mac\":"), "{sealed}");
        let back = owner.open(Format::Json, &sealed);
        assert_eq!(back, if same { text.to_owned() } else { text.replace("1.10", "1.1").replace("\\u00e9", "é") });
    }
    let sealed = owner.seal(Format::Json, JSON, all());
    let values = skeleton(&sealed);
    assert!(values.starts_with("{\n  \"db\": {\"user\": \"?\", \"port\": \"?\", \"ratio\": \"?\"},\n  \"list\": [\"?\", null, \"?\", []],\n  \"empty\": \"\",\n  \"sops\": {\n"), "{values}");
}

#[test]
fn clear_values_keep_their_spelling() {
    let owner = Owner::new();
    let sealed = owner.seal(Format::Json, JSON, only("^user$"));
    assert!(sealed.contains("\"ratio\": 1.10}") && sealed.contains("x\\u00e9"), "{sealed}");
    assert_eq!(owner.open(Format::Json, &sealed), JSON);
}

const DOTENV: &str = "# database\nUSER=app\n\nPASSWORD=a=b # c\\nd\n \n".trim_ascii_end();

#[test]
fn dotenv_keeps_its_blank_lines() {
    let owner = Owner::new();
    for text in [DOTENV, "A=1\n", "A=1", "# only a comment\n\n\nA=\nB= x\n", "A=1\r\nB=2\r\n"] {
        let sealed = owner.seal(Format::Dotenv, text, all());
        assert_eq!(owner.open(Format::Dotenv, &sealed), text, "{sealed}");
    }
    let sealed = owner.seal(Format::Dotenv, "# c\nA=1\n\nB=2\n", all());
    assert!(skeleton(&sealed).starts_with("#?\nA=?\n\nB=?\nsops_age__list_0__map_enc="), "{sealed}");
}

#[test]
fn one_value_is_one_change() {
    let owner = Owner::new();
    for (format, text, path) in [(Format::Json, JSON, "db.user"), (Format::Dotenv, DOTENV, "USER")] {
        let sealed = owner.seal(format, text, all());
        let changed = owner.change(format, &sealed, path, Op::Set(Value::text("new")));
        // The value, the MAC, the time, and the second seal.
        assert!((3..=4).contains(&changed_lines(&sealed, &changed)), "{sealed}\n{changed}");
        assert!(owner.open(format, &changed).contains("new"));
        let same = owner.try_change(format, &changed, path, Op::Set(Value::text("new"))).unwrap();
        assert!(same.is_none(), "nothing to do");
    }
}

#[test]
fn keys_come_and_go_and_get_other_names() {
    let owner = Owner::new();
    let sealed = owner.seal(Format::Dotenv, "# c\nA=1\n\nB=2\n", all());
    let changed = owner.change(Format::Dotenv, &sealed, "C", Op::Set(Value::text("3")));
    assert_eq!(owner.open(Format::Dotenv, &changed), "# c\nA=1\n\nB=2\nC=3\n");
    let changed = owner.change(Format::Dotenv, &changed, "A", Op::Unset);
    assert_eq!(owner.open(Format::Dotenv, &changed), "# c\n\nB=2\nC=3\n");
    let renamed = owner.change(Format::Dotenv, &changed, "B", Op::Rename("D".to_owned()));
    assert_eq!(owner.open(Format::Dotenv, &renamed), "# c\n\nD=2\nC=3\n");
    for (path, op) in [("X", Op::Unset), ("B", Op::Rename("C".to_owned())), ("B", Op::Rename("a=b".to_owned()))] {
        assert!(owner.try_change(Format::Dotenv, &changed, path, op).is_err(), "{path}");
    }

    let list = |items: Vec<Value>| Value::List(items);
    let map = |key: &str, value: Value| Value::Map(vec![Item::new(key, value)]);
    let text = "{\n  \"a\": {\"b\": 1},\n  \"list\": [1, 2, 3]\n}\n";
    let sealed = owner.seal(Format::Json, text, all());
    for (path, op, expected) in [
        ("a.c", Op::Set(Value::Int(7)), "{\n  \"a\": {\"b\": 1, \"c\": 7},\n  \"list\": [1, 2, 3]\n}\n"),
        ("list.3", Op::Set(Value::Bool(true)), "{\n  \"a\": {\"b\": 1},\n  \"list\": [1, 2, 3, true]\n}\n"),
        ("list.1", Op::Unset, "{\n  \"a\": {\"b\": 1},\n  \"list\": [1, 3]\n}\n"),
        ("list", Op::Set(list(vec![Value::Int(1), Value::Int(5)])), "{\n  \"a\": {\"b\": 1},\n  \"list\": [1, 5]\n}\n"),
        ("a", Op::Set(Value::text("x")), "{\n  \"a\": \"x\",\n  \"list\": [1, 2, 3]\n}\n"),
        (
            "a.b",
            Op::Set(map("k", list(vec![Value::Int(1)]))),
            "{\n  \"a\": {\"b\": {\"k\":[1]}},\n  \"list\": [1, 2, 3]\n}\n",
        ),
        ("a.b", Op::Rename("z".to_owned()), "{\n  \"a\": {\"z\": 1},\n  \"list\": [1, 2, 3]\n}\n"),
        ("list", Op::Unset, "{\n  \"a\": {\"b\": 1}\n}\n"),
    ] {
        let changed = owner.change(Format::Json, &sealed, path, op);
        assert_eq!(owner.open(Format::Json, &changed), expected, "{path}");
    }
}

#[test]
fn other_metadata_takes_the_place_of_the_old() {
    let owner = Owner::new();
    for (format, text) in [(Format::Json, JSON), (Format::Dotenv, DOTENV), (Format::Json, "{\"a\":1}")] {
        let sealed = owner.seal(format, text, all());
        let opened = owner.read(format, &sealed);
        let mut metadata = opened.metadata;
        metadata.extension = Some(Value::text("SEAL[other]"));
        let changed = replace_metadata(sealed.as_bytes(), format, &metadata).unwrap();
        let changed = String::from_utf8(changed).unwrap();
        assert!(changed_lines(&sealed, &changed) <= 1, "{changed}");
        metadata.groups[0].keys.push(MasterKey::new(KeySource::Age { recipient: "age1y".to_owned() }));
        let changed = replace_metadata(changed.as_bytes(), format, &metadata).unwrap();
        let changed = String::from_utf8(changed).unwrap();
        assert!(changed.contains("age1y"));
        assert_eq!(owner.open(format, &changed), owner.open(format, &sealed));
    }
}
