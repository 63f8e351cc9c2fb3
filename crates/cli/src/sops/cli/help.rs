//! Help texts and completion, from the tables of flags.

use std::ffi::OsString;
use std::fmt::Write as _;

use super::super::version::OURS;
use super::flags::{COMMANDS, Command, Flag, GLOBAL, HELP, Kind, VERSION};

const ABOUT: &str =
    "encrypts the values of YAML, JSON, dotenv and INI files, and whole files; this is bulla under the name sops";
const USAGE: &str = "sops [global options] command [command options] [file]
   sops [global options] FILE            edits FILE, and makes it if it is missing
   sops -e|-d|-r [global options] FILE   encrypts, decrypts, rotates: the older form, whose flags come before FILE

   Keys come from the flags below, from variables, or from the creation rules of the nearest .sops.yaml above the working
   directory. Keys that open files are looked for where sops looks for them.";

/// All global flags.
pub(super) fn global_flags() -> impl Iterator<Item = &'static Flag> {
    GLOBAL.iter().copied().flatten().chain([&HELP, &VERSION])
}

/// `sops --help`
pub(super) fn application() -> String {
    let mut text = format!("NAME:\n   sops - {ABOUT}\n\nUSAGE:\n   {USAGE}\n\nVERSION:\n   {OURS}\n\nCOMMANDS:\n");
    list(&mut text, COMMANDS);
    text.push_str("\nGLOBAL OPTIONS:\n");
    options(&mut text, global_flags());
    text
}

/// `sops COMMAND --help`; `path` is what stands before the command's name.
pub(super) fn command(path: &str, command: &Command) -> String {
    let name = format!("{path} {}", command.name);
    let words = if command.words.is_empty() { "[arguments...]" } else { command.words };
    let (before, mut commands) = if command.children.is_empty() {
        (" [command options]", String::new())
    } else {
        (" command [command options]", "\nCOMMANDS:\n".to_owned())
    };
    list(&mut commands, command.children);
    let mut text =
        format!("NAME:\n   {name} - {}\n\nUSAGE:\n   {name}{before} {words}\n{commands}\nOPTIONS:\n", command.about);
    options(&mut text, command.all_flags().chain([&HELP]));
    text
}

fn list(text: &mut String, commands: &[Command]) {
    let help = [("help, h", "show the commands, or help for one command")];
    let rows = commands.iter().map(|command| (command.name, command.about)).chain(help);
    let width = commands.iter().map(|command| command.name.len()).max().unwrap_or(0).max("help, h".len());
    if commands.is_empty() {
        return;
    }
    for (name, about) in rows {
        // Writing to a String does not fail.
        let _ = writeln!(text, "   {name:width$}  {about}");
    }
}

fn options(text: &mut String, flags: impl Iterator<Item = &'static Flag>) {
    let rows: Vec<(String, String)> = flags.map(|flag| (spelled(flag), explained(flag))).collect();
    let width = rows.iter().map(|(names, _)| names.len()).max().unwrap_or(0);
    for (names, help) in rows {
        let _ = writeln!(text, "   {names:width$}  {help}");
    }
}

fn spelled(flag: &Flag) -> String {
    let value = if matches!(flag.kind, Kind::Switch | Kind::SwitchOn) { "" } else { " value" };
    let names: Vec<String> = flag.names.iter().map(|name| format!("{}{value}", dashed(name))).collect();
    names.join(", ")
}

fn explained(flag: &Flag) -> String {
    let mut text = flag.help.to_owned();
    match (flag.kind, flag.default) {
        (Kind::Number, _) => text.push_str(" (default: 0)"),
        (_, "") => {}
        (_, default) => drop(write!(text, " (default: \"{default}\")")),
    }
    if !flag.env.is_empty() {
        let _ = write!(text, " [${}]", flag.env);
    }
    text
}

fn dashed(name: &str) -> String {
    format!("{}{name}", if name.len() == 1 { "-" } else { "--" })
}

/// What `--generate-bash-completion` prints: flags if the last word begins with a dash, else commands. `args` are all words before it,
/// `above` the flags around the command.
pub(super) fn completion<'a>(
    args: &[OsString],
    above: impl Iterator<Item = &'a Flag>,
    flags: impl Iterator<Item = &'a Flag>,
    commands: &[Command],
    described: bool,
) -> String {
    let mut text = String::new();
    let words: Vec<_> = args.iter().map(|word| word.to_string_lossy()).collect();
    if let Some(last) = words.last().filter(|last| last.starts_with('-')) {
        let begun = last.strip_prefix('-').unwrap_or(last);
        let begun = begun.strip_prefix('-').unwrap_or(begun);
        for flag in above.chain(flags) {
            if flag.names.iter().any(|name| words.iter().any(|word| *word == dashed(name))) {
                continue;
            }
            for name in flag.names {
                let short_behind_two_dashes = last.starts_with("--") && name.len() == 1;
                if !short_behind_two_dashes && name.starts_with(begun) && *name != begun {
                    let _ = writeln!(text, "{}", dashed(name));
                }
            }
        }
        return text;
    }
    for command in commands {
        let _ = if described {
            writeln!(text, "{}:{}", command.name, command.about)
        } else {
            writeln!(text, "{}", command.name)
        };
    }
    text
}

/// The names of the command `help`, which is behind all others.
pub(super) fn help_names(described: bool) -> &'static str {
    if described {
        "help:show the commands, or help for one command\nh:show the commands, or help for one command\n"
    } else {
        "help\nh\n"
    }
}
