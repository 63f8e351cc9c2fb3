//! Errors of the preserving layout, with the file's name in front and what mends them behind.

use bulla_core::sops::{Error as Sops, layout::Error};

use crate::report::{Code, Report};

/// A file that cannot be sealed or changed in its own layout.
pub(super) fn layout(name: &str, error: &Error) -> Report {
    match error {
        Error::Sops(error) => sops(name, error),
        Error::Alias { .. } => Report::new(Code::SopsAlias, format!("{name}: {error}")).hint(
            "sops encrypts each expansion under its own path, so an alias cannot stay there: write the value out\n\
             or let it be written as sops writes it, expanded: bulla seal --layout sops FILE",
        ),
        Error::LostComment { .. } => Report::new(Code::SopsLostComment, format!("{name}: {error}")).hint(
            "put the comment on a line of its own, above the key that it speaks of\n\
             or let sops' layout drop it: bulla seal --layout sops FILE",
        ),
        Error::Layout { .. } | Error::Differs(_) => Report::new(Code::SopsLayout, format!("{name}: {error}")).hint(
            "nothing was written; write this part in a simpler form\n\
             or in the layout of sops: bulla seal --layout sops FILE, and sops set, sops edit",
        ),
        Error::NoSuchPath { .. } => Report::new(Code::SopsNoPath, format!("{name}: {error}"))
            .hint(format!("bulla view {name} lists what is there")),
        Error::Taken { path } if path == "sops" => already_sealed(name),
        Error::Taken { .. } => Report::new(Code::SopsTaken, format!("{name}: {error}"))
            .hint("take it out first (bulla unset), or choose another name"),
        Error::NotAContainer { .. } | Error::Refused(_) => Report::new(Code::SopsBadPath, format!("{name}: {error}"))
            .hint(format!(
                "bulla view {name} lists what is there; a path is a.b.c, a.0 in lists, or [\"a\"][\"b\"][0]"
            )),
        _ => Report::new(Code::SopsLayout, format!("{name}: {error}")),
    }
}

/// A plain file that cannot be read, or not be sealed.
pub(super) fn sops(name: &str, error: &Sops) -> Report {
    let message = format!("{name}: {error}");
    match error {
        Sops::InvalidRegex { .. } => {
            Report::new(Code::SopsSelector, message).hint("mend the pattern in .sops.yaml; it is one of Go, unanchored")
        }
        Sops::NonTextKey { .. } => Report::new(Code::SopsNotSealable, message).hint("write the key in quotes"),
        Sops::Unsealable { .. } | Sops::Unwritable(_) => Report::new(Code::SopsNotSealable, message)
            .hint("write the value in quotes, so that it is text, or leave it out"),
        _ => Report::new(Code::SopsPlainUnreadable, message)
            .hint("mend the file where the message says; nothing was written"),
    }
}

/// A plain file that is not plain.
pub(super) fn already_sealed(name: &str) -> Report {
    Report::new(Code::SopsAlready, format!("{name}: the file is encrypted already, or has a key sops of its own")).hint(
        format!("to change it: bulla edit {name}, bulla set {name} KEY; for other recipients: bulla reseal {name}"),
    )
}
