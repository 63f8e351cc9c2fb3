//! Completion scripts for shells, generated from the command line's own definition.

use crate::io::Target;
use crate::report::Result;

/// Prints the script for `shell`.
pub(crate) fn run(shell: clap_complete::Shell, mut command: clap::Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "bulla", &mut script);
    Target::Stdout.write(&script)
}
