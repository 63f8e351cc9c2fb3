//! Which values each selector selects, and which it does not, as a table: `+` is encrypted.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

use bulla_core::sops::{self, Branch, DataKey, Error, Format, Key, Metadata, Nonces, Selector, Value};

const DOCUMENT: &str = "\
# top sops:enc
first: 1
second_unencrypted: 2
data:
    # inside
    user: a
    nested:
        data: b
        other: c
list:
    # sops:enc
    - d
    - e
# sops:clear
last:
    data_key: f
";

/// The keys of the leaves in order, with whether they are encrypted.
fn marks(branch: &Branch, marks: &mut Vec<String>) {
    for item in branch {
        match &item.key {
            Key::Comment(comment) => {
                marks.push(format!("{}#", if sops::is_sealed(&comment.text) { "+" } else { "-" }));
            }
            Key::Name(name) => value(name, &item.value, marks),
            Key::Other { .. } => panic!("a key is no text"),
        }
    }
}

fn value(name: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Map(branch) => marks(branch, into),
        Value::List(items) => items.iter().for_each(|item| self::value(name, item, into)),
        Value::Text(text) if sops::is_sealed(text) => into.push(format!("+{name}")),
        _ => into.push(format!("-{name}")),
    }
}

fn encrypted(selector: Selector) -> Result<String, Error> {
    let mut tree = Format::Yaml.load_plain(DOCUMENT.as_bytes())?;
    let metadata = Metadata::new(selector);
    sops::encrypt(&mut tree, &DataKey::generate()?, &metadata, &Nonces::default())?;
    let mut found = Vec::new();
    marks(&tree.documents[0], &mut found);
    Ok(found.join(" "))
}

#[test]
fn each_selector_selects_what_sops_selects() {
    let text = str::to_owned;
    for (selector, expected) in [
        (Selector::default(), "+# +first -second_unencrypted +# +user +data +other +list +list +list +# +data_key"),
        (Selector::none(), "+# +first +second_unencrypted +# +user +data +other +list +list +list +# +data_key"),
        (
            Selector::EncryptedSuffix(text("data")),
            "-# -first -second_unencrypted +# +user +data +other -list -list -list -# -data_key",
        ),
        (
            Selector::EncryptedRegex(text("^(data|list)$")),
            "-# -first -second_unencrypted +# +user +data +other +list +list +list -# -data_key",
        ),
        (
            Selector::UnencryptedRegex(text("data")),
            "+# +first +second_unencrypted -# -user -data -other +list +list +list +# -data_key",
        ),
        (
            Selector::EncryptedCommentRegex(text("sops:enc")),
            "-# +first -second_unencrypted -# -user -data -other -list +list -list -# -data_key",
        ),
        (
            Selector::UnencryptedCommentRegex(text("sops:clear")),
            "+# +first +second_unencrypted +# +user +data +other +list +list +list -# -data_key",
        ),
    ] {
        let name = format!("{selector:?}");
        assert_eq!(encrypted(selector).unwrap(), expected, "{name}");
    }
}

#[test]
fn an_invalid_pattern_selects_nothing_and_is_refused() {
    for name in ["encrypted_regex", "unencrypted_regex", "encrypted_comment_regex", "unencrypted_comment_regex"] {
        let error = encrypted(Selector::new(name, "(".to_owned()).unwrap()).err().unwrap();
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

#[test]
fn an_empty_selector_of_any_kind_encrypts_everything() {
    for name in Selector::NAMES {
        let marks = encrypted(Selector::new(name, String::new()).unwrap()).unwrap();
        assert!(!marks.contains('-'), "{name}: {marks}");
    }
}

#[test]
fn a_pattern_that_matches_ciphertext_is_refused() {
    let error = encrypted(Selector::UnencryptedCommentRegex("ENC".to_owned())).err().unwrap();
    assert!(error.to_string().contains("unencrypted_comment_regex"), "{error}");
}

#[test]
fn what_is_selected_can_be_counted() {
    let mut tree = Format::Yaml.load_plain(DOCUMENT.as_bytes()).unwrap();
    let count = |tree: &mut _, pattern: &str| {
        sops::selected(tree, &Metadata::new(Selector::EncryptedRegex(pattern.to_owned()))).unwrap()
    };
    assert_eq!((count(&mut tree, "^data$"), count(&mut tree, "^typo$")), (4, 0));
}
