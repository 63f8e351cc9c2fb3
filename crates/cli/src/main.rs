//! The one binary of bulla. The name under which it is called decides how it behaves: `bulla` has a grammar of its own,
//! `kubeseal` and `controller` behave as those tools do.
//!
//! Which way the data goes: raw flags (`cli`, `kubeseal::flags`) become resolved options, options go to the command's `run`,
//! and `run` returns a [`report::Report`] or nothing. Data goes to standard output, everything else to standard error.
//! Nothing is set up before it is needed: no async runtime, no TLS and no client for what works offline.

mod age;
mod cert;
mod change;
mod cli;
mod cluster;
mod completion;
mod config;
mod doctor;
mod edit;
mod hygiene;
mod init;
mod io;
mod keys;
mod kubeconfig;
mod kubeseal;
mod man;
mod manifest;
mod memory;
mod parallel;
mod personality;
mod progress;
mod quickstart;
mod recipients;
mod report;
mod reseal;
mod seal;
mod serve;
mod service_proxy;
mod sops;
mod tree;
mod unseal;
mod update;
mod verify;
mod why;

use std::process::ExitCode;

fn main() -> ExitCode {
    hygiene::harden();
    ExitCode::from(personality::run(std::env::args_os().collect()))
}
