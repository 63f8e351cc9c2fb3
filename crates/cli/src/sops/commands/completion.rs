//! `sops completion`

use super::super::failure::Failure;

/// A shell that there is a script for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
}

/// Prints the script. It calls the program with `--generate-bash-completion` as the last word.
pub(crate) fn run(_shell: Shell) -> Result<u8, Failure> {
    Err(Failure::generic("completion: not there yet"))
}
