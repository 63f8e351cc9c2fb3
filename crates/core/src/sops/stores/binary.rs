//! Any bytes: one value `data`, in an envelope of JSON while it is encrypted.

use zeroize::Zeroizing;

use crate::sops::{Error, Item, Tree, Value};

const KEY: &str = "data";

pub(super) fn load(bytes: &[u8]) -> Tree {
    Tree { documents: vec![vec![Item::new(KEY, Value::text(bytes))]] }
}

pub(super) fn emit(tree: &Tree) -> Result<Zeroizing<Vec<u8>>, Error> {
    into_bytes(Tree { documents: tree.documents.clone() })
}

pub(super) fn into_bytes(tree: Tree) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fail = |reason: &str| Err(Error::Unwritable(format!("error emitting binary store: {reason}")));
    let mut documents = tree.documents;
    let (Some(document), true) = (documents.pop(), documents.is_empty()) else {
        return fail("there must be exactly one tree branch");
    };
    match document.into_iter().find(|item| item.name() == Some(KEY)).map(|item| item.value) {
        Some(Value::Text(text)) => Ok(text),
        Some(_) => fail("'data' key in tree does not have a string value"),
        None => fail("no binary data found in tree"),
    }
}

pub(super) fn emit_value(_: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = "Binary files are not structured and extracting a single value is not possible";
    Err(Error::Unwritable(text.to_owned()))
}
