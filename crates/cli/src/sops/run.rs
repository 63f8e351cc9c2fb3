//! `bulla run FILE... -- CMD`: a command with the values of sops files in its environment. Nested values are flattened with `_`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use bulla_core::sops::{Item, Tree, Value};
use zeroize::Zeroizing;

use super::files;
use super::trust::{self, Keys, Trust};
use crate::report::{Code, Exit, Report, Result, os_error};
use crate::tree::shown;

/// What to run, with what.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) command: Vec<OsString>,
    pub(crate) null: Null,
    /// Whether names are made of capital letters.
    pub(crate) upper: bool,
    /// What every name begins with.
    pub(crate) prefix: String,
    /// Whether the command gets nothing else of our environment.
    pub(crate) pristine: bool,
    pub(crate) trust: Trust,
}

/// What becomes of null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Null {
    /// No variable
    Skip,
    /// An empty variable
    Empty,
    /// An error
    Refuse,
}

/// Runs the command in our place: it has our process number, our streams and our signals, and its exit code is ours.
pub(crate) fn run(options: &Options) -> Result<Exit> {
    let variables = variables(options)?;
    let Some((program, arguments)) = options.command.split_first() else {
        return Err(Report::new(Code::Usage, "no command is given").hint("bulla run FILE -- COMMAND ARGUMENTS"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if options.pristine {
        command.env_clear();
    }
    for (name, (value, _)) in &variables {
        command.env(name, std::ffi::OsStr::from_bytes(value));
    }
    let error = command.exec();
    let message = format!("{}: {}", program.to_string_lossy().escape_debug(), os_error(&error));
    Err(Report::new(Code::NotStarted, message)
        .hint("the first word behind -- is the program; it is looked for on the PATH"))
}

/// By name: the value, and which file it is from.
type Variables = BTreeMap<String, (Zeroizing<Vec<u8>>, String)>;

fn variables(options: &Options) -> Result<Variables> {
    let keys = Keys::new()?;
    let mut variables = Variables::new();
    for path in &options.files {
        let file = files::read_sops(path)?;
        let opened = trust::open(&file, &keys, options.trust)?;
        let name = shown(path);
        for (key, value) in flattened(&opened.tree, options.null).map_err(|refused| refused.report(&name))? {
            let key = format!("{}{key}", options.prefix);
            let key = if options.upper { key.to_uppercase() } else { key };
            if let Some((_, other)) = variables.get(&key) {
                let message = format!("{name}: two values have the name {key}; the other is in {other}");
                return Err(Report::new(Code::SameName, message)
                    .hint("run the command with one of the files, or rename one: bulla rename FILE OLD NEW"));
            }
            variables.insert(key, (value, name.clone()));
        }
    }
    Ok(variables)
}

/// A value that cannot be a variable.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    path: String,
    why: &'static str,
}

impl Refused {
    fn report(&self, file: &str) -> Report {
        Report::new(Code::NoVariable, format!("{file}: {}: {}", self.path, self.why))
            .hint("take it out of the file, or give its key another name; --null says what becomes of null")
    }
}

/// Names and values, in the order of the file.
fn flattened(tree: &Tree, null: Null) -> std::result::Result<Found, Refused> {
    let mut found = Vec::new();
    for document in &tree.documents {
        branch(document, "", null, &mut found)?;
    }
    Ok(found)
}

type Found = Vec<(String, Zeroizing<Vec<u8>>)>;

fn branch(items: &[Item], above: &str, null: Null, found: &mut Found) -> std::result::Result<(), Refused> {
    for item in items {
        let Some(name) = item.name() else { continue };
        let name = if above.is_empty() { name.to_owned() } else { format!("{above}_{name}") };
        value(&item.value, name, null, found)?;
    }
    Ok(())
}

fn value(value: &Value, name: String, null: Null, found: &mut Found) -> std::result::Result<(), Refused> {
    let refused = |why| Err(Refused { path: name.clone(), why });
    let text = |text: String| Zeroizing::new(text.into_bytes());
    let bytes = match value {
        Value::Map(items) => return branch(items, &name, null, found),
        Value::List(values) => {
            let values = values.iter().filter(|value| !matches!(value, Value::Comment(_)));
            return values
                .enumerate()
                .try_for_each(|(index, value)| self::value(value, format!("{name}_{index}"), null, found));
        }
        Value::Comment(_) => return Ok(()),
        Value::Null => match null {
            Null::Skip => return Ok(()),
            Null::Empty => text(String::new()),
            Null::Refuse => return refused("it is null"),
        },
        Value::Text(bytes) => bytes.clone(),
        Value::Int(number) => text(number.to_string()),
        Value::Uint(number) => text(number.to_string()),
        Value::Float(number) => text(number.to_string()),
        Value::Bool(value) => text(value.to_string()),
        Value::Time(time) => text(time.as_str().to_owned()),
    };
    if bytes.contains(&0) {
        return refused("it holds a zero byte, which no variable can");
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        return refused("its name cannot be that of a variable");
    }
    found.push((name, bytes));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value, null: Null) -> std::result::Result<Vec<String>, Refused> {
        let tree = Tree { documents: vec![vec![Item::new("a", value)]] };
        let words = |(name, value): (String, Zeroizing<Vec<u8>>)| format!("{name}={}", String::from_utf8_lossy(&value));
        flattened(&tree, null).map(|found| found.into_iter().map(words).collect())
    }

    #[test]
    fn nested_values_get_joined_names_and_null_is_what_was_asked_for() {
        let nested = || {
            Value::Map(vec![
                Item::new("b", Value::List(vec![Value::Int(1), Value::Bool(true), Value::Float(1.5)])),
                Item::new("c", Value::Null),
            ])
        };
        assert_eq!(shown(nested(), Null::Skip).unwrap(), ["a_b_0=1", "a_b_1=true", "a_b_2=1.5"]);
        assert_eq!(shown(nested(), Null::Empty).unwrap().last().unwrap(), "a_c=");
        assert_eq!(shown(nested(), Null::Refuse).unwrap_err().path, "a_c");
        assert!(shown(Value::text(*b"x\0y"), Null::Skip).is_err());
        assert!(shown(Value::Map(vec![Item::new("b=c", Value::Int(1))]), Null::Skip).is_err());
    }
}
