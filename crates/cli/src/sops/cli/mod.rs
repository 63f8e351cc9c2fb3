//! The command line of sops: subcommands and the legacy form, as its parser reads them.
//!
//! `flags` are the tables, `parse` reads words by them, `help` prints them; `resolve` turns flags into a command's options, `legacy` does so
//! for the form without a command (`sops -d FILE`), and `shared` has what both need.

mod flags;
mod help;
mod legacy;
mod parse;
mod resolve;
mod shared;

use std::ffi::OsString;

use self::flags::{COMMANDS, Command, Flag, HELP};
use self::parse::{Bad, Values};
use self::resolve::Line;
use super::failure::Failure;
use super::version::OURS;
use super::{audit, go, log};
use crate::io::output;

const COMPLETE: &str = "--generate-bash-completion";

/// Runs the command line and returns the exit code.
pub(super) fn run(name: &str, args: Vec<OsString>) -> u8 {
    log::start();
    match audit::start().and_then(|()| application(name, args)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// What stays the same on the way down to a command.
struct Shell {
    /// All words, for completion; nothing if it is not asked for.
    completing: Option<Vec<OsString>>,
    /// Whether completion is to say what each command does (zsh).
    described: bool,
}

impl Shell {
    fn complete(&self, above: &[&'static Flag], flags: &[&'static Flag], commands: &[Command]) -> Option<String> {
        let words = self.completing.as_ref()?;
        let mut text = help::completion(words, above.iter().copied(), flags.iter().copied(), commands, self.described);
        let wants_flags = words.last().is_some_and(|last| last.to_string_lossy().starts_with('-'));
        if !commands.is_empty() && !wants_flags {
            text.push_str(help::help_names(self.described));
        }
        Some(text)
    }
}

fn application(_name: &str, mut args: Vec<OsString>) -> Result<u8, Failure> {
    let completing = (args.last().is_some_and(|last| last == COMPLETE)).then(|| {
        args.pop();
        args.clone()
    });
    let described = std::env::var_os("_CLI_ZSH_AUTOCOMPLETE_HACK").is_some_and(|value| value == "1");
    let shell = Shell { completing, described };
    let flags: Vec<&'static Flag> = help::global_flags().collect();
    let (global, bad) = parse::parse(flags.iter().copied(), &args, &|name| std::env::var_os(name));
    let command = global.words.first().map(|word| word.to_string_lossy().into_owned());
    let command = command.as_deref();
    match bad {
        Some(Bad::Variable(text)) => return Err(Failure::fatal(text)),
        Some(Bad::TwoNames(text)) => {
            print(&format!("{text}\n{}", help::application()))?;
            return Err(Failure::fatal(text));
        }
        Some(Bad::Usage(_)) if shell.completing.is_some() => {}
        Some(Bad::Usage(text)) => {
            print(&format!("Incorrect Usage. {text}\n\n{}", help::application()))?;
            return Err(Failure::fatal(text));
        }
        None => {}
    }
    let known = command.is_some_and(|name| is_help(name) || flags::find(COMMANDS, name).is_some());
    if !known && let Some(text) = shell.complete(&flags, &[], COMMANDS) {
        return print(&text);
    }
    if shell.completing.is_none() && global.on("help") {
        return print(&help::application());
    }
    if shell.completing.is_none() && global.on("version") {
        return version(&global);
    }
    match command {
        Some(name) if is_help(name) => help_command(&global.words[1..], COMMANDS, "sops", &help::application(), &shell),
        Some(name) => match flags::find(COMMANDS, name) {
            Some(command) => {
                if shell.completing.is_none() {
                    warn_of_flags_before(&global, command);
                }
                descend(command, "sops", &global, &flags, global.words[1..].to_vec(), &shell)
            }
            None => legacy::run(&global),
        },
        None => legacy::run(&global),
    }
}

fn is_help(name: &str) -> bool {
    name == "help" || name == "h"
}

/// A command and what stands behind its name.
fn descend(
    command: &'static Command,
    path: &str,
    global: &Values,
    above: &[&'static Flag],
    args: Vec<OsString>,
    shell: &Shell,
) -> Result<u8, Failure> {
    let flags: Vec<&'static Flag> = command.all_flags().chain([&HELP]).collect();
    let group = !command.children.is_empty();
    let args = if group { args } else { parse::reorder(&flags, &args) };
    let (own, bad) = parse::parse(flags.iter().copied(), &args, &|name| std::env::var_os(name));
    let child = own.words.first().map(|word| word.to_string_lossy().into_owned()).filter(|_| group);
    let child = child.as_deref();
    let known = child.is_some_and(|name| is_help(name) || flags::find(command.children, name).is_some());
    if !known {
        let completed = if group {
            shell.complete(&flags, &[], command.children)
        } else {
            shell.complete(above, &command.all_flags().collect::<Vec<_>>(), command.children)
        };
        if let Some(text) = completed {
            return print(&text);
        }
    }
    let text = || help::command(path, command);
    match bad {
        Some(Bad::Variable(reason)) => return Err(Failure::fatal(reason)),
        Some(bad) if shell.completing.is_none() => {
            let (colon, reason) = (if group { '.' } else { ':' }, bad.text());
            print(&format!("Incorrect Usage{colon} {reason}\n\n{}", text()))?;
            return Err(Failure::fatal(reason));
        }
        _ => {}
    }
    if shell.completing.is_none() && own.on("help") {
        return print(&text());
    }
    let below = format!("{path} {}", command.name);
    match child {
        Some(name) if is_help(name) => help_command(&own.words[1..], command.children, &below, &text(), shell),
        Some(name) => match flags::find(command.children, name) {
            Some(child) => descend(child, &below, global, &flags, own.words[1..].to_vec(), shell),
            None => Err(no_topic(name)),
        },
        None if group => print(&text()),
        None => resolve::run(&below, &Line { global, own: &own }),
    }
}

/// `sops help`, `sops help COMMAND`
fn help_command(
    words: &[OsString],
    commands: &'static [Command],
    path: &str,
    all: &str,
    shell: &Shell,
) -> Result<u8, Failure> {
    if shell.completing.is_some() {
        return Ok(0);
    }
    let Some(name) = words.first().map(|word| word.to_string_lossy()) else { return print(all) };
    if is_help(&name) {
        return print(all);
    }
    match flags::find(commands, &name) {
        Some(command) => print(&help::command(path, command)),
        None => Err(no_topic(&name)),
    }
}

fn no_topic(name: &str) -> Failure {
    Failure::new(3, format!("No help topic for '{name}'"))
}

/// `--version`. Nobody is asked for the newest version, with or without `--check-for-updates`.
fn version(global: &Values) -> Result<u8, Failure> {
    let mut text = format!("sops {OURS}\n");
    if global.on("check-for-updates") {
        text.push_str(
            "[info] bulla makes no network call for this; the newest version of sops is at \
             https://github.com/getsops/sops/releases/latest\n",
        );
    }
    print(&text)
}

/// The real tool reads these flags and forgets them, which is rarely meant.
fn warn_of_flags_before(global: &Values, command: &Command) {
    for (flag, given) in global.given_names() {
        let counts = flags::OF_USE_BEFORE_A_COMMAND.contains(&flag.name())
            || (flag.name() == "verbose" && matches!(command.name, "publish" | "keyservice"));
        if counts {
            continue;
        }
        let dashes = if given.len() == 1 { "-" } else { "--" };
        let advice = if command.all_flags().any(|own| own.name() == flag.name()) {
            format!("; it belongs behind {}", command.name)
        } else {
            String::new()
        };
        let name = go::quote(command.name);
        log::warn("CMD", &format!("{dashes}{given} has no effect before the command {name}{advice}"));
    }
}

fn print(text: &str) -> Result<u8, Failure> {
    output::write_stdout(text.as_bytes())
        .map(|()| 0)
        .map_err(|error| Failure::fatal(go::path_error("write", "/dev/stdout".as_ref(), &error)))
}
