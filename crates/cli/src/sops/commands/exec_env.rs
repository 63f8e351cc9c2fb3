//! `sops exec-env`

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use bulla_core::sops::{Branch, Format, Key, Value};

use super::super::failure::{Failure, code};
use super::super::log;
use super::super::open::open;
use super::super::place::Input;
use super::Opening;
use super::shell::{Shell, User};

/// What the command line says.
pub(crate) struct Options {
    /// The encrypted file, as given.
    pub(crate) path: PathBuf,
    /// Its format.
    pub(crate) input: Format,
    /// How it is opened.
    pub(crate) opening: Opening,
    /// What the shell runs.
    pub(crate) command: OsString,
    /// `--background` (deprecated; the warning is the command's)
    pub(crate) background: bool,
    /// `--pristine`: nothing of our own environment.
    pub(crate) pristine: bool,
    /// `--user`, empty if it was not given
    pub(crate) user: String,
    /// `--same-process`
    pub(crate) same_process: bool,
}

/// Runs the command with the values in its environment, and returns its exit code.
pub(crate) fn run(options: Options) -> Result<u8, Failure> {
    if options.background {
        log::warn(
            "CMD",
            "exec-env's --background option is deprecated and will be removed in a future version of sops",
        );
        if options.same_process {
            let text = "Error: The --same-process flag cannot be used with --background";
            return Err(Failure::new(code::CONFLICT, text));
        }
    }
    let bytes = Input::at(&options.path).read()?;
    let opened = open(options.input, &bytes, &options.opening.services, &options.opening.how)?;
    let values = opened.tree.documents.first().map(variables).transpose()?.unwrap_or_default();

    let user = if options.user.is_empty() { Vec::new() } else { User::become_user(&options.user)? };
    let mut shell = Shell::new(options.command);
    if options.pristine {
        shell.environment.clear();
    }
    shell.environment.extend(user);
    shell.environment.extend(values);
    if options.same_process {
        return Err(shell.become_it());
    }
    if options.background { shell.start() } else { shell.run() }
}

/// The values of a file as variables. Of equal keys the last counts.
fn variables(branch: &Branch) -> Result<Vec<(OsString, OsString)>, Failure> {
    let mut variables = Vec::new();
    for item in branch {
        let shown = match &item.key {
            Key::Name(name) | Key::Other { text: name, .. } => name,
            Key::Comment(_) => continue,
        };
        if item.value.is_complex() {
            return Err(Failure::generic(format!("cannot use complex value in environment; offending key {shown}")));
        }
        let Key::Name(name) = &item.key else {
            let Key::Other { go_type, .. } = &item.key else { continue };
            return Err(Failure::generic(format!("cannot use non-string keys in environment, got {go_type}")));
        };
        if name.contains('=') {
            return Err(Failure::generic(format!("cannot use keys with '=' in environment: {name}")));
        }
        let value = match &item.value {
            Value::Text(text) => OsString::from_vec(text.to_vec()),
            other => OsString::from(bulla_core::sops::stores::scalar_text(other).as_str()),
        };
        variables.push((OsString::from(name), value));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use bulla_core::sops::{Comment, Item};

    use super::*;

    #[test]
    fn values_are_variables() {
        let branch = vec![
            Item::comment(Comment::new(" note")),
            Item::new("text", Value::text("a\nb=c")),
            Item::new("int", Value::Int(5)),
            Item::new("float", Value::Float(7.0)),
            Item::new("null", Value::Null),
            Item::new("bool", Value::Bool(true)),
        ];
        let found = variables(&branch).map_err(|failure| failure.text).unwrap();
        let found: Vec<(&str, &str)> =
            found.iter().map(|(key, value)| (key.to_str().unwrap(), value.to_str().unwrap())).collect();
        assert_eq!(found, [("text", "a\nb=c"), ("int", "5"), ("float", "7.0"), ("null", "<nil>"), ("bool", "true")]);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        let other = Key::Other { go_type: "int", text: "1".to_owned() };
        for (item, text) in [
            (Item::new("l", Value::List(vec![])), "cannot use complex value in environment; offending key l"),
            (Item::new("a=b", Value::Int(1)), "cannot use keys with '=' in environment: a=b"),
            (Item { key: other, value: Value::Int(1) }, "cannot use non-string keys in environment, got int"),
        ] {
            let failure = variables(&vec![item]).unwrap_err();
            assert_eq!((failure.code, &*failure.text), (1, text));
        }
    }
}
