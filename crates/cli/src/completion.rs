//! Completion scripts for shells, generated from the command line's own definition.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::io::Target;
use crate::kubeseal::flags;
use crate::report::Result;

/// A name of the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// bulla's own grammar
    Bulla,
    /// The flags of kubeseal
    Kubeseal,
}

/// Prints the script for `shell`.
pub(crate) fn run(shell: Shell, name: Name, bulla: Command) -> Result<()> {
    let (mut command, name) = match name {
        Name::Bulla => (bulla, "bulla"),
        Name::Kubeseal => (kubeseal(), "kubeseal"),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    Target::Stdout.write(&script)
}

/// kubeseal's flags in clap's terms: for completion and the manual only, since clap reads them by other rules.
pub(crate) fn kubeseal() -> Command {
    const FILES: [&str; 10] = [
        "cert",
        "certificate-authority",
        "client-certificate",
        "client-key",
        "from-file",
        "kubeconfig",
        "merge-into",
        "recovery-private-key",
        "sealed-secret-file",
        "secret-file",
    ];
    let command = Command::new("kubeseal")
        .about("Seal Secrets as kubeseal does: its flags, its output, its exit codes")
        .after_help(
            "Example:\n  ln -s \"$(command -v bulla)\" ~/bin/kubeseal\n  kubeseal --cert cert.pem -o yaml < secret.yaml > sealed.yaml\n\n\
             `bulla kubeseal` is the same. Variables SEALED_SECRETS_* stand for flags: SEALED_SECRETS_CERT for --cert.",
        );
    flags::shown().fold(command, |command, flag| {
        let arg = Arg::new(flag.long).long(flag.long).help(flag.help);
        let arg = match flag.short {
            Some(short) => arg.short(short),
            None => arg,
        };
        let arg = match (flag.long, flag.value) {
            (_, "") => arg.action(ArgAction::SetTrue),
            ("format", value) => arg.value_name(value).value_parser(PossibleValuesParser::new(["json", "yaml"])),
            ("scope", value) => {
                let scopes = ["strict", "namespace-wide", "cluster-wide"];
                arg.value_name(value).value_parser(PossibleValuesParser::new(scopes))
            }
            (long, value) if FILES.contains(&long) => arg.value_name(value).value_hint(ValueHint::FilePath),
            (_, value) => arg.value_name(value),
        };
        command.arg(arg)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeseals_flags_are_a_definition_that_clap_takes() {
        kubeseal().debug_assert();
        let command = kubeseal();
        for name in ["cert", "recovery-unseal", "scope", "from-file"] {
            assert!(command.get_arguments().any(|arg| arg.get_long() == Some(name)), "{name}");
        }
        assert!(command.get_arguments().all(|arg| arg.get_long() != Some("rotate")), "kubeseal hides it, too");
    }
}
