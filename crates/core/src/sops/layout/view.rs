//! What can be told of an encrypted file without a key: names, types and sizes.

use crate::sops::{Branch, Item, Tree, Value};

/// A value as somebody without a key sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The document, from 0.
    pub document: usize,
    /// `a.b[0]`
    pub path: String,
    /// `str`, `int`, `float`, `bool`, `time`, `bytes`, `null`.
    pub kind: String,
    /// Whether it is encrypted.
    pub sealed: bool,
    /// Bytes of the plaintext.
    pub bytes: usize,
}

/// The values of an encrypted tree, in the order of the file.
#[must_use]
pub fn rows(tree: &Tree) -> Vec<Row> {
    let mut rows = Vec::new();
    for (document, branch) in tree.documents.iter().enumerate() {
        of_branch(document, branch, "", &mut rows);
    }
    rows
}

fn of_branch(document: usize, branch: &Branch, path: &str, rows: &mut Vec<Row>) {
    for item in branch {
        if let Some(name) = Item::name(item) {
            let dot = if path.is_empty() { "" } else { "." };
            of_value(document, &item.value, &format!("{path}{dot}{name}"), rows);
        }
    }
}

fn of_value(document: usize, value: &Value, path: &str, rows: &mut Vec<Row>) {
    let (kind, sealed, bytes) = match value {
        Value::Map(branch) => return of_branch(document, branch, path, rows),
        Value::List(items) => {
            let values = items.iter().filter(|item| !matches!(item, Value::Comment(_)));
            for (index, item) in values.enumerate() {
                of_value(document, item, &format!("{path}[{index}]"), rows);
            }
            return;
        }
        Value::Comment(_) => return,
        Value::Null => ("null".to_owned(), false, 0),
        Value::Text(text) => match sealed_as(text) {
            Some((kind, _)) if kind == "comment" => return,
            Some((kind, bytes)) => (kind, true, bytes),
            None => ("str".to_owned(), false, text.len()),
        },
        Value::Int(number) => ("int".to_owned(), false, number.to_string().len()),
        Value::Uint(number) => ("int".to_owned(), false, number.to_string().len()),
        Value::Float(_) => ("float".to_owned(), false, 8),
        Value::Bool(_) => ("bool".to_owned(), false, 1),
        Value::Time(time) => ("time".to_owned(), false, time.as_str().len()),
    };
    rows.push(Row { document, path: path.to_owned(), kind, sealed, bytes });
}

/// The type of a ciphertext, and the length of its plaintext.
fn sealed_as(text: &[u8]) -> Option<(String, usize)> {
    let text = std::str::from_utf8(text).ok()?;
    let inside = text.strip_prefix("ENC[AES256_GCM,data:")?.strip_suffix(']')?;
    let (data, rest) = inside.split_once(',')?;
    let (_, kind) = rest.rsplit_once("type:")?;
    let padding = data.bytes().rev().take_while(|byte| *byte == b'=').count();
    Some((kind.to_owned(), (data.len() / 4 * 3).saturating_sub(padding)))
}
