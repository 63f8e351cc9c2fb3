//! `bulla set`, `unset` and `rename` on a sops file: only that value changes, and what binds all values together.

use bulla_core::sops::layout::{Change, Op, Path};
use bulla_core::sops::{Item, Value};

use super::{SopsFile, work};
use crate::change::{From, Given, Which, rename, set, unset, value};
use crate::io::Console;
use crate::report::{Code, Report, Result};
use crate::sops::trust::{self, Keys, Opened, Trust};

/// `bulla set`, if the file is one of sops; otherwise the options come back.
pub(crate) fn set(options: set::Options, console: Console) -> Result<Option<set::Options>> {
    let Some(file) = sops_file(&options.which)? else { return Ok(Some(options)) };
    for given in &options.keys {
        value::refuse_without_terminal(&given.key, &options.from)?;
    }
    let opened = open(&file)?;
    let document = document(&file, &options.which, &opened)?;
    let (mut changes, mut said) = (Vec::new(), Vec::new());
    for given in options.keys {
        let path = path(&file, &opened, document, &given.key)?;
        let new = new_value(&file, &path, given, &options.from, (options.trim_newline, options.json), console)?;
        let old = opened.tree.documents.get(document).and_then(|branch| path.find(branch));
        let new = if options.json { new } else { as_before(new, old) };
        if let Some(old) = old.filter(|old| std::mem::discriminant(*old) != std::mem::discriminant(&new)) {
            console.note(&format!("{}: {path} was {} and is {} now", file.name(), kind(old), kind(&new)));
        }
        said.push(path.to_string());
        changes.push(Change { document, path, op: Op::Set(new) });
    }
    write(&file, &opened, changes, &format!("{} set", listed(&said)), console)?;
    Ok(None)
}

/// `bulla unset`; whether the file is one of sops.
pub(crate) fn unset(options: &unset::Options, console: Console) -> Result<bool> {
    let Some(file) = sops_file(&options.which)? else { return Ok(false) };
    let opened = open(&file)?;
    let document = document(&file, &options.which, &opened)?;
    let mut paths = Vec::new();
    for key in &options.keys {
        paths.push(path(&file, &opened, document, key)?);
    }
    let said: Vec<String> = paths.iter().map(ToString::to_string).collect();
    // The last place of a list goes first, so that the others are still where they are said to be.
    paths.sort_by(|a, b| {
        format!("{:?}", b.0).len().cmp(&format!("{:?}", a.0).len()).then_with(|| format!("{b}").cmp(&format!("{a}")))
    });
    let changes = paths.into_iter().map(|path| Change { document, path, op: Op::Unset }).collect();
    write(&file, &opened, changes, &format!("{} gone", listed(&said)), console)?;
    Ok(true)
}

/// `bulla rename`; whether the file is one of sops.
pub(crate) fn rename(options: &rename::Options, console: Console) -> Result<bool> {
    let Some(file) = sops_file(&options.which)? else { return Ok(false) };
    let opened = open(&file)?;
    let document = document(&file, &options.which, &opened)?;
    let old = path(&file, &opened, document, &options.old)?;
    // The new name alone, or the whole path with another end.
    let above = options.old.rsplit_once('.').map(|(above, _)| format!("{above}."));
    let name = above.and_then(|above| options.new.strip_prefix(&above)).unwrap_or(&options.new).to_owned();
    let said = format!("{old} is called {name}");
    let changes = vec![Change { document, path: old, op: Op::Rename(name) }];
    write(&file, &opened, changes, &said, console)?;
    Ok(true)
}

fn listed(paths: &[String]) -> String {
    format!("{} {}", paths.join(", "), if paths.len() == 1 { "is" } else { "are" })
}

fn sops_file(which: &Which) -> Result<Option<SopsFile>> {
    if which.path.as_os_str() == "-" || !which.path.is_file() {
        return Ok(None);
    }
    super::read(&which.path)
}

fn open(file: &SopsFile) -> Result<Opened> {
    trust::open(file, &Keys::new()?, Trust::default())
}

/// The index of the document that is meant: by its number, or by the name of the object in it.
fn document(file: &SopsFile, which: &Which, opened: &Opened) -> Result<usize> {
    let Some(wanted) = &which.document else { return Ok(0) };
    let number = wanted.parse::<usize>().ok().filter(|number| (1..=opened.tree.documents.len()).contains(number));
    let named = || {
        let text = |value: Option<&Value>| match value {
            Some(Value::Text(text)) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        opened.tree.documents.iter().position(|branch| {
            let field = |name: &str| Path::parse(&format!("metadata.{name}"), branch).ok()?.find(branch).cloned();
            let (name, namespace) = (text(field("name").as_ref()), text(field("namespace").as_ref()));
            match wanted.split_once('/') {
                Some((space, rest)) => namespace.as_deref() == Some(space) && name.as_deref() == Some(rest),
                None => name.as_deref() == Some(wanted),
            }
        })
    };
    number.map(|number| number - 1).or_else(named).ok_or_else(|| {
        Report::new(Code::NoSuchObject, format!("{}: there is no document {wanted:?}", file.name()))
            .hint("--document takes the number of a document, from 1, or the metadata.name of the object in it")
    })
}

fn path(file: &SopsFile, opened: &Opened, document: usize, text: &str) -> Result<Path> {
    let empty = Vec::new();
    let branch = opened.tree.documents.get(document).unwrap_or(&empty);
    Path::parse(text, branch).map_err(|reason| {
        Report::new(Code::SopsBadPath, format!("{}: {text:?}: {reason}", file.name()))
            .hint("a path is a.b.c, a.0 in lists, or [\"a\"][\"b\"][0]")
    })
}

fn new_value(
    file: &SopsFile,
    path: &Path,
    given: Given,
    from: &From,
    (trim_newline, json): (bool, bool),
    console: Console,
) -> Result<Value> {
    let bytes = match given.value {
        Some(value) => value,
        None => value::take(&given.key, from, trim_newline || json, console)?,
    };
    if json {
        return json_value(bytes.expose()).ok_or_else(|| {
            Report::new(Code::SopsBadJson, format!("{}: the value of {path} is not JSON", file.name()))
                .hint("text is written in quotes in JSON: \"text\"; without --json the value is text as it is")
        });
    }
    value::check(&given.key, &bytes, console)?;
    Ok(Value::text(bytes.expose().to_vec()))
}

/// Any JSON; integers stay integers.
fn json_value(bytes: &[u8]) -> Option<Value> {
    // The store reads objects: a value is one in an object.
    let mut object = zeroize::Zeroizing::new(Vec::with_capacity(bytes.len() + 8));
    object.extend_from_slice(b"{\"v\":");
    object.extend_from_slice(bytes);
    object.push(b'}');
    let tree = bulla_core::sops::Format::Json.load_plain(&object).ok()?;
    match <[Item; 1]>::try_from(tree.documents.into_iter().next()?) {
        Ok([item]) if item.name() == Some("v") => Some(item.value),
        _ => None,
    }
}

/// Text for a place where a number or a truth value is, if it is one: an int stays an int.
fn as_before(new: Value, old: Option<&Value>) -> Value {
    let Value::Text(text) = &new else { return new };
    let Ok(text) = std::str::from_utf8(text) else { return new };
    let typed = match old {
        Some(Value::Int(_)) => text.parse().ok().filter(|number: &i64| number.to_string() == text).map(Value::Int),
        Some(Value::Bool(_)) => text.parse().ok().map(Value::Bool),
        Some(Value::Float(_)) => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        _ => None,
    };
    typed.unwrap_or(new)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "a map",
        Value::List(_) => "a list",
        Value::Text(_) => "text",
        Value::Int(_) | Value::Uint(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Bool(_) => "a truth value",
        Value::Time(_) => "a time",
        Value::Comment(_) => "a comment",
        Value::Null => "null",
    }
}

fn write(file: &SopsFile, opened: &Opened, changes: Vec<Change>, said: &str, console: Console) -> Result<()> {
    match work::changed(file, opened, changes)? {
        Some(bytes) => {
            file.replace(&bytes)?;
            console.note(&format!("{}: {said}", file.name()));
        }
        None => console.note(&format!("{}: nothing has changed, so nothing was written", file.name())),
    }
    Ok(())
}
