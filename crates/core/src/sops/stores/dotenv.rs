//! dotenv: `KEY=value` lines, as simple as sops reads them: nothing is trimmed, there are no quotes, `\n` is a newline.

use zeroize::Zeroizing;

use crate::sops::{Branch, Comment, Error, Item, Key, Tree, Value};

pub(super) fn load(bytes: &[u8]) -> Result<Tree, Error> {
    let mut branch = Branch::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        if let Some(text) = line.strip_prefix(b"#") {
            branch.push(Item::comment(Comment::new(text)));
            continue;
        }
        let Some(equals) = line.iter().position(|byte| *byte == b'=') else {
            // The real tool repeats the line, which may be a secret.
            return Err(Error::Unreadable(format!("invalid dotenv input line: line {} has no =", index + 1)));
        };
        let key = String::from_utf8(line[..equals].to_vec()).map_err(|_| {
            Error::Unreadable(format!("invalid dotenv input line: the key of line {} is no UTF-8", index + 1))
        })?;
        branch.push(Item::new(key, Value::Text(unescaped(&line[equals + 1..]))));
    }
    Ok(Tree { documents: vec![branch] })
}

pub(super) fn emit(tree: &Tree) -> Result<Zeroizing<Vec<u8>>, Error> {
    let empty = Branch::new();
    let branch = tree.documents.first().unwrap_or(&empty);
    let size: usize = branch.iter().map(size).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    for item in branch {
        match &item.key {
            Key::Comment(comment) => {
                out.push(b'#');
                out.extend_from_slice(&comment.text);
            }
            Key::Name(name) if item.value.is_complex() => return Err(complex(name)),
            Key::Other { text, .. } if item.value.is_complex() => return Err(complex(text)),
            Key::Name(name) | Key::Other { text: name, .. } => {
                out.extend_from_slice(name.as_bytes());
                out.push(b'=');
                match &item.value {
                    Value::Text(text) => escape(text, &mut out),
                    other => out.extend_from_slice(super::scalar_text(other).as_bytes()),
                }
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

pub(super) fn emit_value(value: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => {
            let found = other.go_type();
            Err(Error::Unwritable(format!("the dotenv store only supports emitting strings, got {found}")))
        }
    }
}

fn complex(key: &str) -> Error {
    Error::Unwritable(format!("cannot use complex value in dotenv file; offending key {key}"))
}

/// The two characters `\n` are a newline.
fn unescaped(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\\n") {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\n');
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(line);
    }
}

/// At least the bytes of a line.
fn size(item: &Item) -> usize {
    let value = match &item.value {
        Value::Text(text) => text.len() + text.iter().filter(|byte| **byte == b'\n').count(),
        _ => 400,
    };
    let key = match &item.key {
        Key::Name(name) | Key::Other { text: name, .. } => name.len(),
        Key::Comment(comment) => comment.text.len(),
    };
    key + value + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_as_they_are() {
        let text = "# note\n\nA=1\n B = x=y \nexport C=a\\nb\nD=\"q\"\r\nE=\n";
        let tree = load(text.as_bytes()).unwrap();
        let items = &tree.documents[0];
        let pair = |index: usize| {
            let Value::Text(value) = &items[index].value else { panic!("text") };
            (items[index].name().unwrap(), String::from_utf8(value.to_vec()).unwrap())
        };
        assert!(matches!(&items[0].key, Key::Comment(comment) if comment.text.as_slice() == b" note"));
        assert_eq!(pair(2), (" B ", " x=y ".to_owned()));
        assert_eq!(pair(3), ("export C", "a\nb".to_owned()));
        assert_eq!(pair(4), ("D", "\"q\"\r".to_owned()));
        assert_eq!(emit(&tree).unwrap().as_slice(), text.replace("\n\n", "\n").as_bytes());
    }

    #[test]
    fn other_types_are_written_as_go_prints_them() {
        let items = vec![
            Item::new("i", Value::Int(7)),
            Item::new("f", Value::Float(7.0)),
            Item::new("g", Value::Float(1e21)),
            Item::new("b", Value::Bool(true)),
            Item::new("n", Value::Null),
        ];
        let text = emit(&Tree { documents: vec![items] }).unwrap();
        assert_eq!(text.as_slice(), b"i=7\nf=7.0\ng=1E+21\nb=true\nn=<nil>\n");
        let list = Tree { documents: vec![vec![Item::new("k", Value::List(vec![]))]] };
        assert_eq!(emit(&list).err().unwrap().to_string(), "cannot use complex value in dotenv file; offending key k");
    }

    #[test]
    fn a_line_without_equals_is_named_and_not_repeated() {
        let error = load(b"A=1\ncanary\n").err().unwrap().to_string();
        assert_eq!(error, "invalid dotenv input line: line 2 has no =");
    }
}
