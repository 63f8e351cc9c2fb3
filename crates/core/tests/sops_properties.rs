//! What holds for every document: it comes back from an encrypted file of every format that can hold it, values in other places do not
//! open, and no input makes a parser panic.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

use bulla_core::sops::{
    self, Branch, DataKey, Error, Format, Group, Indents, Item, KeySource, MasterKey, Metadata, Nonces, Selector, Time,
    Tree, Value,
};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9 :#'\"\\\\{}\\[\\],&*!|>%@`~=-]{0,24}",
        2 => "\\PC{0,12}",
        1 => "([a-z ]{0,6}\n){1,4}[a-z]{0,3}",
        1 => prop::sample::select(vec!["true", "null", "~", "1e3", "0x1f", "010", "2024-01-02", "<<", "=", "yes", "-", "?", "", " ", "ENC[x]"]).prop_map(str::to_owned),
    ]
}

/// What a value may be; the product's own type has no `Debug`.
#[derive(Clone, Debug)]
enum Plain {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    Time,
    List(Vec<Plain>),
    Map(Vec<(String, Plain)>),
}

impl Plain {
    fn value(self) -> Value {
        match self {
            Self::Text(text) => Value::text(text),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Bool(value) => Value::Bool(value),
            Self::Null => Value::Null,
            Self::Time => Value::Time(Time::parse("2024-01-02T03:04:05.25+01:00").unwrap()),
            Self::List(items) => Value::List(items.into_iter().map(Self::value).collect()),
            Self::Map(items) => Value::Map(document(items)),
        }
    }
}

fn document(items: Vec<(String, Plain)>) -> Branch {
    items.into_iter().map(|(key, value)| Item::new(key, value.value())).collect()
}

fn leaf() -> impl Strategy<Value = Plain> {
    prop_oneof![
        4 => text().prop_map(Plain::Text),
        1 => any::<i64>().prop_map(Plain::Int),
        1 => prop::sample::select(vec![1.5, -0.25, 1e300, 3.0e-5, 123_456_789.125]).prop_map(Plain::Float),
        1 => any::<bool>().prop_map(Plain::Bool),
        1 => Just(Plain::Null),
        1 => Just(Plain::Time),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z_][a-zA-Z0-9_.-]{0,10}", 1 => "[ -~]{1,8}".prop_filter("reserved", |key| key != "sops")]
}

fn branch(value: impl Strategy<Value = Plain>) -> impl Strategy<Value = Vec<(String, Plain)>> {
    prop::collection::vec((key(), value), 0..5).prop_map(|items| {
        let mut seen = std::collections::BTreeSet::new();
        items.into_iter().filter(|(key, _)| seen.insert(key.clone())).collect()
    })
}

fn value() -> impl Strategy<Value = Plain> {
    leaf().prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            branch(inner.clone()).prop_map(Plain::Map),
            prop::collection::vec(inner, 0..4).prop_map(Plain::List),
        ]
    })
}

fn metadata(selector: Selector, mac_only_encrypted: bool) -> Metadata {
    let mut key = MasterKey::new(KeySource::Age { recipient: "age1test".to_owned() });
    key.enc = "-----BEGIN\nx\n-----END\n".to_owned();
    Metadata {
        groups: vec![Group { keys: vec![key] }],
        last_modified: "2026-01-01T00:00:00Z".to_owned(),
        version: "3.13.3".to_owned(),
        mac_only_encrypted,
        ..Metadata::new(selector)
    }
}

/// Encrypts, writes, reads and decrypts.
fn round_trip(format: Format, tree: &Tree, metadata: &Metadata) -> Result<Tree, Error> {
    let key = DataKey::generate()?;
    let mut copy = Tree { documents: tree.documents.clone() };
    let mut metadata = metadata.clone();
    let mac = sops::encrypt(&mut copy, &key, &metadata, &Nonces::default())?;
    metadata.set_mac(&key, &mac)?;
    let bytes = format.emit_encrypted(copy, &metadata, Indents::default())?;
    let (mut read, metadata) = format.load_encrypted(&bytes)?;
    let decrypted = sops::decrypt(&mut read, &key, &metadata)?;
    metadata.check_mac(&key, &decrypted.mac)?;
    Ok(read)
}

fn selectors() -> impl Strategy<Value = Selector> {
    prop::sample::select(vec![
        Selector::default(),
        Selector::EncryptedRegex("^[a-m]".to_owned()),
        Selector::UnencryptedRegex("[0-9]".to_owned()),
        Selector::EncryptedSuffix("a".to_owned()),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn yaml_documents_come_back(
        documents in prop::collection::vec(branch(value()), 1..3),
        selector in selectors(),
        mac_only: bool,
    ) {
        // A whole float that stays clear is an integer when it is read again, as with sops.
        let tree = Tree { documents: documents.into_iter().map(document).collect() };
        let read = round_trip(Format::Yaml, &tree, &metadata(selector, mac_only)).unwrap();
        prop_assert!(read.documents == tree.documents);
    }

    #[test]
    fn json_documents_come_back(items in branch(value()), mac_only: bool) {
        // Times that stay clear are text in JSON; here everything is encrypted.
        let tree = Tree { documents: vec![document(items)] };
        let read = round_trip(Format::Json, &tree, &metadata(Selector::none(), mac_only)).unwrap();
        prop_assert!(read.documents == tree.documents);
    }

    #[test]
    fn bytes_come_back(bytes: Vec<u8>) {
        let tree = Format::Binary.load_plain(&bytes).unwrap();
        let read = round_trip(Format::Binary, &tree, &metadata(Selector::none(), false)).unwrap();
        let written = Format::Binary.emit_plain(&read, Indents::default()).unwrap();
        prop_assert_eq!(written.as_slice(), bytes.as_slice());
    }

    #[test]
    fn dotenv_lines_come_back(items in prop::collection::vec(("[A-Za-z_ ][A-Za-z0-9_ ]{0,8}", "[ -~\n]{0,20}"), 0..6)) {
        let items = items.into_iter().filter(|(_, value)| !value.contains("\\"));
        let tree = Tree { documents: vec![items.map(|(key, value)| Item::new(key, Value::text(value))).collect()] };
        let read = round_trip(Format::Dotenv, &tree, &metadata(Selector::default(), false)).unwrap();
        prop_assert!(read.documents == tree.documents);
    }

    #[test]
    fn a_value_does_not_open_in_another_place(text in text().prop_filter("empty", |text| !text.is_empty()), bit in 0usize..8, at: prop::sample::Index) {
        let key = DataKey::generate().unwrap();
        let Value::Text(sealed) = key.seal_value(&Value::text(text.clone()), "a:b:").unwrap() else { unreachable!() };
        prop_assert!(key.open_value(&sealed, "a:b:").unwrap() == Value::text(text));
        prop_assert!(key.open_value(&sealed, "a:").is_err());
        let mut flipped = sealed.to_vec();
        let at = at.index(flipped.len());
        flipped[at] ^= 1 << bit;
        // The last bits of base64 mean nothing; all else is caught.
        let next_is_padding = flipped.get(at + 1) == Some(&b'=');
        prop_assert!(next_is_padding || key.open_value(&flipped, "a:b:").is_err());
    }

    #[test]
    fn hostile_bytes_never_panic(bytes: Vec<u8>) {
        bulla_core::fuzz::sops_file(&bytes);
        bulla_core::fuzz::sops_metadata(&bytes);
    }

    #[test]
    fn hostile_files_never_panic(format in 0u8..5, text in "[a-c:\\[\\]{}#'\"|>&*!=;, \n\t0-9-]{0,80}") {
        let bytes: Vec<u8> = std::iter::once(format).chain(text.bytes()).collect();
        bulla_core::fuzz::sops_file(&bytes);
    }

    #[test]
    fn mutated_files_never_panic(which in 0usize..6, at: prop::sample::Index, to: u8, cut: prop::sample::Index) {
        let names = ["basic.age.yaml", "json.age.json", "env.age.env", "ini.age.ini", "bin.age.json", "shamir.2of3.yaml"];
        let path = format!("{}/../../tests/vectors/sops/enc/{}", env!("CARGO_MANIFEST_DIR"), names[which]);
        let format = [0, 1, 2, 3, 4, 0][which];
        let mut bytes = std::fs::read(path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = to;
        bytes.truncate(cut.index(bytes.len() * 2).max(at));
        bytes.insert(0, format);
        bulla_core::fuzz::sops_file(&bytes);
        bulla_core::fuzz::sops_metadata(&bytes[1..]);
    }
}
