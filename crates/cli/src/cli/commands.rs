//! The table of commands, and the definition that clap gets from it.
//!
//! Most runs are one command of a short life, and there are many commands with many flags. So where the first word names a
//! command, only its flags are defined; the derive for subcommands would define them all, which takes as long as sealing a Secret.

/// Makes the enum `Command` and teaches clap about it. A line has the help, the flags, the name, and the example.
macro_rules! commands {
    ($(#[doc = $about:literal] $variant:ident($flags:ty) = $name:literal $(, $example:expr)?;)*) => {
        /// The commands.
        #[derive(Debug)]
        pub(crate) enum Command {
            $(#[doc = $about] $variant(Box<$flags>),)*
        }

        impl Command {
            /// Whether there is a command of this name.
            pub(crate) fn is_name(word: &str) -> bool {
                [$($name),*].contains(&word)
            }

            /// Adds the commands to a definition; with `only`, the flags of no other command.
            pub(crate) fn define(command: clap::Command, only: Option<&str>) -> clap::Command {
                let wanted = |name| only.is_none_or(|only| only == name);
                command.subcommand_required(true)$(.subcommand({
                    let mut child = clap::Command::new($name);
                    if wanted($name) {
                        child = <$flags as clap::Args>::augment_args(child)$(.after_help($example))?;
                    }
                    // The comment on the flags is for readers of the source.
                    child.about($about.trim()).long_about(None)
                }))*
            }

            /// The command that was given.
            pub(crate) fn given(matches: &clap::ArgMatches) -> std::result::Result<Self, clap::Error> {
                use clap::FromArgMatches as _;
                match matches.subcommand() {
                    $(Some(($name, matches)) => <$flags>::from_arg_matches(matches).map(Box::new).map(Self::$variant),)*
                    _ => Err(clap::Error::raw(clap::error::ErrorKind::MissingSubcommand, "a command is needed")),
                }
            }
        }
    };
}

pub(super) use commands;
