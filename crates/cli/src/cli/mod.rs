//! bulla's own command line: raw flags, resolved once into the options of a command, then run.

mod args;
pub(crate) mod cert_args;
mod change_args;
mod commands;
mod diff_args;
mod edit_args;
mod go_values;
mod help;
mod http_args;
mod init_args;
pub(crate) mod key_args;
mod keys_args;
mod reach_args;
mod recipients_args;
mod reseal_args;
mod run_args;
mod seal_args;
mod serve_args;
pub(crate) mod stock;
mod trust_args;
mod update_args;
mod verify_args;
mod why_args;

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _};

use self::args::{Command, Everywhere};
use self::cert_args::CertCommand;
use self::recipients_args::RecipientsCommand;
use crate::io::Console;
use crate::report::{Code, Exit, Report, Result};
use crate::serve::{controller, devcluster};
use crate::{
    cert, change, completion, edit, init, keys, man, quickstart, recipients, reseal, seal, sops, unseal, verify, why,
};

/// Runs `bulla` and returns its exit code.
pub(crate) fn run(args: Vec<OsString>) -> u8 {
    let (everywhere, command) = match parse(args) {
        Ok(parsed) => parsed,
        Err(error) => return stopped(&error),
    };
    everywhere.color.apply();
    let console = Console::new(everywhere.quiet);
    match dispatch(command, console) {
        Ok(exit) => exit.code(),
        Err(report) => {
            console.report(&report);
            report.exit().code()
        }
    }
}

fn parse(args: Vec<OsString>) -> std::result::Result<(Everywhere, Command), clap::Error> {
    let only = args.get(1).and_then(|word| word.to_str()).filter(|word| Command::is_name(word)).map(str::to_owned);
    let matches = Command::define(Everywhere::command(), only.as_deref()).try_get_matches_from(args)?;
    Ok((Everywhere::from_arg_matches(&matches)?, Command::given(&matches)?))
}

/// The definition of the command line; completion and the tests of the help text use it, too.
pub(crate) fn command() -> clap::Command {
    Command::define(Everywhere::command(), None)
}

fn dispatch(command: Command, console: Console) -> Result<Exit> {
    let done = |result: Result<()>| result.map(|()| Exit::Done);
    match command {
        Command::Quickstart(args) => quickstart::run(quickstart::Options { json: args.json, keep: args.keep }, console),
        Command::Seal(args) => done(seal::run(&args.resolve()?, console)),
        Command::Unseal(args) => done(unseal::run(&args.resolve()?, console)),
        Command::Edit(args) => edit::run(&args.resolve(), console),
        Command::Set(args) => done(change::set::run(args.resolve()?, console)),
        Command::Unset(args) => done(change::unset::run(&args.resolve(), console)),
        Command::Rename(args) => done(change::rename::run(&args.resolve(), console)),
        Command::View(args) => done(change::view::run(&args.resolve()?, console)),
        Command::Why(args) => why::run(&args.resolve()?, console),
        Command::Verify(args) => verify::run(&args.resolve()?, console),
        Command::Reseal(args) => reseal::run(&args.resolve()?, console),
        Command::Recipients(args) => match args.command {
            RecipientsCommand::List(args) => {
                let (paths, json) = args.resolve();
                recipients::list(&paths, json, console)
            }
            RecipientsCommand::Add(args) => recipients::change(&args.resolve()?, console),
            RecipientsCommand::Rm(args) => recipients::change(&args.resolve()?, console),
        },
        Command::Diff(args) => sops::diff::run(&args.resolve(), console),
        Command::Run(args) => sops::run::run(&args.resolve()),
        Command::Cert(args) => match args.command {
            CertCommand::Show(args) => {
                let (source, choice, json) = args.resolve();
                done(cert::show(source.as_ref(), &choice, json, console))
            }
            CertCommand::Fetch(args) => done(cert::fetch::run(&args.resolve(), console)),
            CertCommand::Pin(args) => done(cert::pin::run(&args.resolve(), console)),
        },
        Command::Keys(args) => keys::run(&args.command.resolve()?, console),
        Command::Controller(args) => done(controller::run(args.resolve(false)?)),
        Command::Devcluster(args) => done(devcluster::run(&args.resolve(), console)),
        Command::Init(args) => done(init::run(&args.resolve(), console)),
        Command::Doctor(args) => crate::doctor::run(&args.resolve()),
        Command::Completion(args) => done(completion::run(args.shell, args.name, self::command())),
        Command::Man(args) => done(man::run(&args.resolve(), [self::command(), completion::kubeseal()], console)),
    }
}

/// Help, version, or a command line that is not understood.
fn stopped(error: &clap::Error) -> u8 {
    use clap::error::ErrorKind;
    let console = Console::new(false);
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // clap knows whether its own output is a terminal.
            let _ = error.print();
            Exit::Done.code()
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Exit::Usage.code()
        }
        _ => {
            let text = error.render().to_string();
            let (message, rest) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
            let message = message.strip_prefix("error: ").unwrap_or(message).replace("\n", " ");
            let hints: Vec<&str> = rest
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(|line| line.trim_start_matches("tip: "))
                .collect();
            let report = Report::new(Code::Usage, message).hint(hints.join("\n"));
            console.report(&report);
            report.exit().code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty(), "{path} does not say what it is for");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path}: {} is not explained", argument.get_id());
            }
            let children: Vec<_> = command.get_subcommands().filter(|child| child.get_name() != "help").collect();
            if children.is_empty() {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Example"), "{path} has no example");
                assert!(after.contains("bulla "), "{path} has no example that can be typed");
            }
            children.into_iter().for_each(|child| check(child, &path));
        }
        let mut command = command();
        command.build();
        check(&command, "");
    }
}
