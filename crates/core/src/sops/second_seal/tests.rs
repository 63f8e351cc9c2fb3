//! What a seal tells of a file that was changed. From real files: tests/workflow/sops_trust.rs.

use super::*;
use crate::sops::{Comment, Group, Item, KeySource, MasterKey, Selector};

fn metadata() -> Metadata {
    let recipient = |text: &str| MasterKey::new(KeySource::Age { recipient: text.to_owned() });
    Metadata {
        groups: vec![Group { keys: vec![recipient("age1first"), recipient("age1second")] }],
        shamir_threshold: 0,
        last_modified: "2026-01-01T00:00:00Z".to_owned(),
        mac: String::new(),
        selector: Selector::EncryptedRegex("^secret$".to_owned()),
        mac_only_encrypted: false,
        version: String::new(),
        extension: None,
        unknown: Vec::new(),
    }
}

fn tree() -> Tree {
    let text = Value::text;
    let map = Value::Map;
    Tree {
        documents: vec![vec![
            Item::new("apiVersion", text("v1")),
            Item::new("kind", text("Secret")),
            Item::new("metadata", map(vec![Item::new("name", text("db")), Item::new("namespace", text("shop"))])),
            Item::comment(Comment::new(" a remark")),
            Item::new("a", text("ab")),
            Item::new("b", text("c")),
            Item::new("number", Value::Int(1)),
            Item::new("list", Value::List(vec![text("one"), text("two")])),
            Item::new("secret", map(vec![Item::new("password", text("hunter2"))])),
        ]],
    }
}

fn key() -> DataKey {
    DataKey::from_bytes(&[7; 32]).unwrap()
}

fn sealed() -> Metadata {
    let mut metadata = metadata();
    renew(&tree(), &mut metadata, &key(), Context { path: Some("apps/db.yaml"), clear_comments: false }).unwrap();
    metadata
}

fn item<'t>(tree: &'t mut Tree, name: &str) -> &'t mut Value {
    &mut tree.documents[0].iter_mut().find(|item| item.name() == Some(name)).unwrap().value
}

fn map<'t>(tree: &'t mut Tree, name: &str) -> &'t mut Branch {
    match item(tree, name) {
        Value::Map(branch) => branch,
        _ => panic!("no map"),
    }
}

fn told(change: impl FnOnce(&mut Tree, &mut Metadata)) -> Vec<String> {
    let (mut tree, mut metadata) = (tree(), sealed());
    change(&mut tree, &mut metadata);
    match check(&tree, &metadata, &key()).unwrap() {
        Verdict::Broken(breaches) => {
            breaches.iter().map(|breach| format!("{}: {}", breach.rule, breach.path)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_intact_and_one_without_a_seal_is_no_attack() {
    assert_eq!(check(&tree(), &sealed(), &key()).unwrap(), Verdict::Intact);
    assert_eq!(check(&tree(), &metadata(), &key()).unwrap(), Verdict::NotSealed);
    assert_eq!(recorded_path(&sealed()).as_deref(), Some("apps/db.yaml"));
    let mut other = sealed();
    other.extension = Some(Value::text("SEAL[BULLA9,x]"));
    assert_eq!(check(&tree(), &other, &key()).unwrap(), Verdict::Unknown);
    // Another data key: nothing fits.
    let wrong = DataKey::from_bytes(&[8; 32]).unwrap();
    assert!(matches!(check(&tree(), &sealed(), &wrong).unwrap(), Verdict::Broken(_)));
    assert_ne!(sealed().extension.map(|_| ()), None);
}

#[test]
fn every_seal_is_of_a_later_generation() {
    let mut metadata = sealed();
    let first = generation(&metadata).unwrap();
    assert_eq!(first, 1_767_225_600, "the seconds of lastmodified");
    renew(&tree(), &mut metadata, &key(), Context::default()).unwrap();
    assert_eq!(generation(&metadata), Some(first + 1));
    // sops dropped the seal, and set the time.
    metadata.extension = None;
    metadata.last_modified = "2026-01-01T00:01:00Z".to_owned();
    renew(&tree(), &mut metadata, &key(), Context::default()).unwrap();
    assert_eq!(generation(&metadata), Some(first + 60));
}

#[test]
fn two_seals_of_one_file_share_no_bytes() {
    let text = |metadata: Metadata| match metadata.extension {
        Some(Value::Text(text)) => String::from_utf8(text.to_vec()).unwrap(),
        _ => String::new(),
    };
    let (one, two) = (text(sealed()), text(sealed()));
    for (one, two) in one.split(',').zip(two.split(',')).filter(|(one, _)| one.starts_with(['o', 'f', 'i', 's'])) {
        assert_ne!(one, two);
    }
}

#[test]
fn every_change_is_told_with_its_place() {
    let text = Value::text;
    assert_eq!(
        told(|tree, _| *item(tree, "list") = Value::List(vec![Value::List(vec![text("one")]), text("two")])),
        ["structure changed: list[0]"]
    );
    assert_eq!(
        told(|tree, _| *item(tree, "list") = Value::List(vec![Value::List(vec![text("one"), text("two")])])),
        ["structure changed: list[0]"]
    );
    assert_eq!(
        told(|tree, _| {
            *item(tree, "a") = text("a");
            *item(tree, "b") = text("bc");
        }),
        ["clear value changed: a", "clear value changed: b"]
    );
    assert_eq!(told(|tree, _| tree.documents[0][4].key = Item::new("c", Value::Null).key), ["key changed: c"]);
    assert_eq!(told(|tree, _| *item(tree, "number") = text("1")), ["type changed: number"]);
    for added in [text(""), Value::Null, Value::Map(Vec::new()), Value::List(Vec::new())] {
        assert_eq!(told(|tree, _| tree.documents[0].push(Item::new("x", added))), ["unexpected item: x"]);
    }
    assert_eq!(told(|tree, _| map(tree, "secret").push(Item::new("x", text("")))), ["unexpected item: secret.x"]);
    assert_eq!(
        told(|tree, _| {
            tree.documents[0].pop();
        }),
        ["an item is gone: list[1] (behind it)"]
    );
    assert_eq!(told(|tree, _| tree.documents[0].swap(4, 5)), ["order changed: a"]);
    assert_eq!(
        told(|tree, _| tree.documents[0][3] = Item::comment(Comment::new(" other"))),
        ["comment changed: comment 1 of the top level"]
    );
    assert_eq!(told(|tree, _| map(tree, "metadata")[0].value = text("x")), ["bound to another name: metadata.name"]);
    assert_eq!(told(|tree, _| map(tree, "secret")[0].value = text("x")), ["value changed: secret.password"]);
    assert_eq!(told(|tree, _| tree.documents.push(Vec::new())), ["documents added or removed: "]);
}

#[test]
fn every_change_of_the_metadata_is_told() {
    let added = |_: &mut Tree, metadata: &mut Metadata| {
        metadata.groups[0].keys.push(MasterKey::new(KeySource::Age { recipient: "age1evil".to_owned() }));
    };
    assert_eq!(told(added), ["recipient is not sealed: age1evil"]);
    assert_eq!(
        told(|_, metadata| {
            metadata.groups[0].keys.pop();
        }),
        ["a sealed recipient is gone: "]
    );
    let selector =
        |_: &mut Tree, metadata: &mut Metadata| metadata.selector = Selector::EncryptedRegex("^sec".to_owned());
    assert_eq!(told(selector), ["selector changed: encrypted_regex"]);
    assert_eq!(told(|_, metadata| metadata.mac_only_encrypted = true), ["selector changed: mac_only_encrypted"]);
    assert_eq!(told(|_, metadata| metadata.shamir_threshold = 2), ["groups changed: shamir_threshold"]);
    let later = |_: &mut Tree, metadata: &mut Metadata| metadata.last_modified = "2026-01-02T00:00:00Z".to_owned();
    assert_eq!(told(later), ["metadata changed: lastmodified"]);
    let moved = |_: &mut Tree, metadata: &mut Metadata| {
        let Some(Value::Text(text)) = metadata.extension.take() else { return };
        let text = String::from_utf8(text.to_vec()).unwrap().replace("apps/db", "apps/other");
        metadata.extension = Some(Value::text(text));
    };
    assert_eq!(told(moved), ["metadata changed: path"]);
    let object = |_: &mut Tree, metadata: &mut Metadata| {
        let Some(Value::Text(text)) = metadata.extension.take() else { return };
        let text = String::from_utf8(text.to_vec()).unwrap();
        let at = text.find(",object:").unwrap() + ",object:".len();
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        metadata.extension = Some(Value::text(format!("{}{other}{}", &text[..at], &text[at + 1..])));
    };
    assert_eq!(told(object), ["the seal itself is damaged: "]);
}

#[test]
fn an_object_is_known_again_after_an_api_server_and_another_order() {
    let metadata = sealed();
    let holds = |change: &dyn Fn(&mut Tree)| {
        let mut tree = tree();
        change(&mut tree);
        holds_object(&tree.documents[0], &metadata, &key())
    };
    assert!(holds(&|tree| tree.documents[0].reverse()));
    assert!(holds(&|tree| tree.documents[0].retain(|item| item.name().is_some())));
    assert!(holds(&|tree| tree.documents[0].push(Item::new("status", Value::text("x")))));
    assert!(holds(&|tree| tree.documents[0].push(Item::new("nothing", Value::Null))));
    assert!(holds(&|tree| {
        let applied = Item::new("kubectl.kubernetes.io/last-applied-configuration", Value::text("{}"));
        let branch = map(tree, "metadata");
        branch.push(Item::new("uid", Value::text("1")));
        branch.push(Item::new("annotations", Value::Map(vec![applied])));
    }));
    assert!(holds(&|tree| *item(tree, "number") = Value::Float(1.0)));
    assert!(!holds(&|tree| *item(tree, "number") = Value::text("1")));
    assert!(!holds(&|tree| map(tree, "metadata")[1].value = Value::text("other")));
    assert!(!holds(&|tree| *item(tree, "list") = Value::List(vec![Value::text("two"), Value::text("one")])));
    assert!(!holds(&|tree| map(tree, "secret").push(Item::new("status", Value::text("x")))));
}

#[test]
fn a_file_with_very_many_items_is_still_judged() {
    let big = |last: i64| Tree {
        documents: vec![
            (0..10_001).map(|n| Item::new(format!("k{n}"), Value::Int(if n == 10_000 { last } else { n }))).collect(),
        ],
    };
    let mut metadata = metadata();
    renew(&big(1), &mut metadata, &key(), Context::default()).unwrap();
    assert_eq!(check(&big(1), &metadata, &key()).unwrap(), Verdict::Intact);
    assert!(matches!(check(&big(2), &metadata, &key()).unwrap(), Verdict::Broken(_)));
    match &metadata.extension {
        Some(Value::Text(text)) => assert!(text.len() < 200, "{}", text.len()),
        _ => panic!("no seal"),
    }
}
