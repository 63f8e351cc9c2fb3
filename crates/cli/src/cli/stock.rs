//! The stock controller's command line (sealed-secrets 10.1): its flags alone, as Go's pflag reads them, and exit code 2 for
//! every failed start.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use super::serve_args::ControllerArgs;
use super::stopped;
use crate::io::{Console, Target};
use crate::report::Exit;
use crate::serve::controller;

/// The exit code of a start that failed.
const FAILED: u8 = 2;

/// A variable that nobody can set: clap cannot take the variable of a flag away again.
const NONE: &str = "";

/// Of a flag that is given twice the last one counts.
#[derive(Debug, clap::Parser)]
#[command(name = "controller", disable_version_flag = true, args_override_self = true)]
struct StockController {
    /// Print version information and exit
    #[arg(long)]
    version: bool,
    #[command(flatten)]
    args: ControllerArgs,
    /// Words that are no flags have no meaning, and never had.
    #[arg(hide = true)]
    ignored: Vec<OsString>,
}

/// Runs the controller under the name `controller`, and returns its exit code.
pub(crate) fn run(args: Vec<OsString>) -> u8 {
    let mut command = StockController::command();
    let unreadable = without_unreadable_variables(&mut command);
    let parsed = command.try_get_matches_from(args).and_then(|matches| StockController::from_arg_matches(&matches));
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return if stopped(&error) == Exit::Done.code() { 0 } else { FAILED },
    };
    if parsed.version {
        let line = format!("controller version: v0.40.0+bulla.{}\n", env!("CARGO_PKG_VERSION"));
        return if Target::Stdout.write(line.as_bytes()).is_ok() { 0 } else { FAILED };
    }
    let console = Console::new(false);
    for variable in unreadable {
        console.warn(&format!("{variable} cannot be read and is left out"));
    }
    match parsed.args.resolve(true).and_then(controller::run) {
        Ok(()) => 0,
        Err(report) => {
            console.report(&report);
            FAILED
        }
    }
}

/// Flags that are text to Go: there the controller itself says what is wrong with a value, and does not start (#1386).
const TEXT: [&str; 8] = [
    "additional-namespaces",
    "key-backup-recipient",
    "key-cutoff-time",
    "label-selector",
    "log-format",
    "log-level",
    "privatekey-annotations",
    "privatekey-labels",
];

/// The stock controller leaves out variables that do not parse as a number, a duration or a truth value, and a controller that
/// does not start because of one would be no replacement. Returns their names.
fn without_unreadable_variables(command: &mut clap::Command) -> Vec<String> {
    let ids: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let bare = ids.iter().fold(command.clone(), |command, id| command.mut_arg(id, |arg| arg.env(NONE)));
    let unreadable: Vec<_> = command
        .get_arguments()
        .filter(|arg| !arg.get_long().is_some_and(|flag| TEXT.contains(&flag)))
        .filter_map(|arg| {
            let (variable, value) = (arg.get_env()?, std::env::var_os(arg.get_env()?)?);
            let mut flag = OsString::from(format!("--{}=", arg.get_long()?));
            flag.push(&value);
            let error = bare.clone().try_get_matches_from([OsString::from("controller"), flag]).err()?;
            let unreadable = matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation);
            unreadable.then(|| (arg.get_id().clone(), variable.to_string_lossy().into_owned()))
        })
        .collect();
    for (id, _) in &unreadable {
        *command = command.clone().mut_arg(id, |arg| arg.env(NONE));
    }
    unreadable.into_iter().map(|(_, variable)| variable).collect()
}
