//! bulla under the name `kubeseal`: the flags, messages, exit codes and bytes of kubeseal v0.40.0 (sealed-secrets 8).
//!
//! Where it is meant to differ, docs/kubeseal.md says so, below "Differences, on purpose", and the differential suite
//! (tests/kubeseal) has a case for each.
//!
//! Which way the data goes: `flags` (what was typed) -> `run` (kubeseal's order of decisions) -> `seal`, `merge`, `recover`,
//! `online` (bytes to bytes) -> `Output`. `place` and `namespace` say which cluster and namespace are meant, `api` asks the API
//! server, `transport` says why it could not.

mod api;
mod certificate;
mod csv;
pub(crate) mod flags;
mod klog;
mod merge;
mod namespace;
mod online;
mod place;
mod recover;
mod run;
mod seal;
mod transport;

use std::ffi::OsString;

use self::flags::{Flags, Stop};
use crate::io::output::{to_stderr, write_stdout};
use crate::report::harmless;

/// What went wrong, in kubeseal's words, without the `error: ` in front.
type Failure = String;

/// Runs `kubeseal` as `program`, with the arguments that follow the name, and returns its exit code.
pub(crate) fn run(program: &str, args: Vec<OsString>) -> u8 {
    let mut notices = String::new();
    let parsed = Flags::parse(args, |name| std::env::var_os(name), &mut |notice| notices.push_str(notice));
    if !notices.is_empty() {
        print(&notices, 0);
    }
    let flags = match parsed {
        Ok(flags) => flags,
        Err(Stop::Help) => {
            to_stderr(&format!("Usage of {program}:\n"));
            return print(&flags::usages(), 0);
        }
        Err(Stop::Wrong(message)) => {
            to_stderr(&format!("Usage of {program}:\n"));
            return print(&format!("{}{message}\n", flags::usages()), 2);
        }
    };
    if flags.is_set("version") {
        return print(&format!("kubeseal version: v0.40.0+bulla.{}\n", env!("CARGO_PKG_VERSION")), 0);
    }
    if flags.is_set("help") {
        return print(&format!("Usage of {program}:\n{}", flags::usages()), 0);
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

/// client-go's words for a manifest that is no map.
fn no_map(found: &str) -> Failure {
    format!(
        "couldn't get version/kind; json parse error: json: cannot unmarshal {found} into Go value of type struct {{ \
         APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
    )
}

/// client-go's words for a manifest of another kind.
fn other_kind(version: &str, kind: &str) -> Failure {
    if version == "v1" && ["Secret", "List", "ConfigMap"].contains(&kind) {
        return format!("converting (v1.{kind}) to (v1alpha1.SealedSecret): unknown conversion");
    }
    format!("no kind {kind:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\"")
}

/// Go's message for a file that cannot be opened: `open x: no such file or directory`.
fn open_failed(path: &std::path::Path, error: &std::io::Error) -> Failure {
    format!("open {}: {}", path.display(), crate::report::os_error(error))
}

/// The same for a file that is read: a folder can be opened.
fn read_failed(path: &std::path::Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::IsADirectory => format!("read {}: is a directory", path.display()),
        _ => open_failed(path, error),
    }
}
