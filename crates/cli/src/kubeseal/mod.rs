//! bulla under the name `kubeseal`: the flags, messages, exit codes and bytes of kubeseal v0.40.0 (sealed-secrets 8).
//!
//! There: sealing with `--cert`, fetching the certificate, the three scopes, `-o json|yaml`, `--raw`, `--recovery-unseal`,
//! `--validate`, `--re-encrypt`. Not there yet: `--merge-into`, which says so.
//!
//! Which way the data goes: `flags` (what was typed) -> `run` (kubeseal's order of decisions) -> `seal`, `raw`, `recover`,
//! `online` (bytes to bytes) -> `Output`. `namespace` is the one place that looks at a kubeconfig.

mod certificate;
pub(crate) mod flags;
mod namespace;
mod online;
mod recover;
mod run;
mod seal;

use std::ffi::OsString;

use self::flags::Flags;
use crate::io::output::{to_stderr, write_stdout};
use crate::report::harmless;

/// What went wrong, in kubeseal's words, without the `error: ` in front.
type Failure = String;

/// Runs `kubeseal` as `program`, with the arguments that follow the name, and returns its exit code.
pub(crate) fn run(program: &str, args: Vec<OsString>) -> u8 {
    let flags = match Flags::parse(args, |name| std::env::var_os(name)) {
        Ok(flags) => flags,
        Err(message) => {
            to_stderr(&format!("Usage of {program}:\n"));
            return print(&format!("{}{message}\n", flags::usages()), 2);
        }
    };
    if flags.help {
        return print(&format!("Usage of {program}:\n{}", flags::usages()), 0);
    }
    if flags.is_set("version") {
        return print(&format!("kubeseal version: v0.40.0+bulla.{}\n", env!("CARGO_PKG_VERSION")), 0);
    }
    match run::run(&flags) {
        Ok(()) => 0,
        Err(message) => {
            let lines: Vec<_> = message.lines().map(harmless).collect();
            to_stderr(&format!("error: {}\n", lines.join("\n")));
            1
        }
    }
}

fn print(text: &str, code: u8) -> u8 {
    match write_stdout(text.as_bytes()) {
        Ok(()) => code,
        Err(error) => {
            to_stderr(&format!("error: write /dev/stdout: {}\n", crate::report::os_error(&error)));
            1
        }
    }
}

/// Go's message for a file that cannot be opened: `open x: no such file or directory`.
fn open_failed(path: &std::path::Path, error: &std::io::Error) -> Failure {
    format!("open {}: {}", path.display(), crate::report::os_error(error))
}
