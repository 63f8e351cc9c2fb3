//! The plaintext of a file as the JSON object that Vault keeps: as Go's encoder writes a map, keys sorted, no spaces.
//!
//! The real tool writes maps in lists as `[{"Key":"k","Value":"v"}]`, which nobody can want; here they are maps.

use std::collections::BTreeMap;

use bulla_core::sops::{Branch, Error, Format, Indents, Item, Key, Tree, Value};
use zeroize::Zeroizing;

/// All documents in one object; of equal keys the last counts, comments are left away.
pub(super) fn emit(tree: &Tree) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut out = Zeroizing::new(Vec::with_capacity(tree.documents.iter().map(size).sum()));
    object(tree.documents.iter().flatten(), &mut out)?;
    Ok(out)
}

fn object<'t>(items: impl Iterator<Item = &'t Item>, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut entries = BTreeMap::new();
    for item in items {
        match &item.key {
            Key::Name(name) => drop(entries.insert(name.as_str(), &item.value)),
            Key::Comment(_) => {}
            Key::Other { go_type, text } => {
                return Err(Error::NonTextKey { go_type, text: text.clone() });
            }
        }
    }
    out.push(b'{');
    for (index, (name, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        scalar(&Value::text(name), out)?;
        out.push(b':');
        value_of(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn value_of(value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    match value {
        Value::Map(branch) => object(branch.iter(), out),
        Value::List(items) => {
            out.push(b'[');
            let items = items.iter().filter(|item| !matches!(item, Value::Comment(_)));
            for (index, item) in items.enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                value_of(item, out)?;
            }
            out.push(b']');
            Ok(())
        }
        scalar_value => scalar(scalar_value, out),
    }
}

fn scalar(value: &Value, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(&Format::Json.emit_value(value, Indents::default())?);
    Ok(())
}

/// Room for all of it in nearly every case, so that the buffer does not grow and leave plaintext behind.
fn size(branch: &Branch) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::Map(branch) => size(branch),
            Value::List(items) => items.iter().map(|item| of(item) + 1).sum::<usize>() + 2,
            Value::Text(text) => text.len() * 2 + 2,
            _ => 400,
        }
    }
    branch.iter().map(|item| item.name().map_or(0, |name| name.len() * 2 + 4) + of(&item.value)).sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use bulla_core::sops::Comment;

    use super::*;

    #[test]
    fn objects_are_written_as_go_writes_maps() {
        let inner = vec![Item::new("z", Value::Int(1)), Item::new("a", Value::text("x"))];
        let branch = vec![
            Item::new("w", Value::Float(7.0)),
            Item::comment(Comment::new(" note")),
            Item::new("s", Value::text("a<b>&\u{2028}é")),
            Item::new("m", Value::Map(inner.clone())),
            Item::new("l", Value::List(vec![Value::Int(1), Value::Comment(Comment::new("c")), Value::Map(inner)])),
            Item::new("big", Value::Float(1e21)),
            Item::new("n", Value::Null),
            Item::new("s2", Value::Bool(true)),
            Item::new("w", Value::Float(1.5)),
        ];
        let text = emit(&Tree { documents: vec![branch, vec![Item::new("x", Value::Int(2))]] }).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&text),
            r#"{"big":1e+21,"l":[1,{"a":"x","z":1}],"m":{"a":"x","z":1},"n":null,"s":"a\u003cb\u003e\u0026\u2028é","s2":true,"w":1.5,"x":2}"#
        );
        assert!(emit(&Tree { documents: vec![vec![Item::new("x", Value::Float(f64::NAN))]] }).is_err());
    }
}
