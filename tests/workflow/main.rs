//! bulla's own verbs from outside: the built binary in a folder of its own, as a developer, a reviewer or a CI job uses it.
//! One module per verb; each has a table of bad input, and one of kills where the verb writes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cli/support/mod.rs"]
mod support;
#[cfg(unix)]
#[path = "../cli/support/terminal.rs"]
mod terminal;

// The fixture repository and what it means, which the story shares with the suite on a cluster.
#[allow(dead_code, reason = "the other suite uses more of it")]
#[path = "../gitops/golden.rs"]
mod golden;
#[allow(dead_code, reason = "the other suite uses more of it")]
#[path = "../gitops/repo.rs"]
mod repo;

#[cfg(target_os = "linux")]
#[allow(clippy::print_stdout, reason = "a failed test shows the controller's log")]
#[path = "../harness/mod.rs"]
mod harness;

mod change;
mod doctor;
mod edit;
mod exits;
mod init;
mod keys;
mod kills;
mod live;
mod readme;
mod reseal;
mod seal;
mod sops_cli;
mod sops_exec;
mod sops_keys;
mod sops_trust;
mod sops_verbs;
mod story;
mod update;
mod verify;
mod why;
