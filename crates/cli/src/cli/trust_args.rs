//! Flags that say how much of a sops file is believed.

use bulla_core::sops::strict::Allow;
use clap::{Args as ClapArgs, ValueEnum};

use crate::sops::trust::Trust;

/// For commands that open sops files.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct TrustArgs {
    /// Let pass in sops files what strict reading refuses; may be given several times
    #[arg(long = "allow", value_name = "WHAT", value_delimiter = ',')]
    allowed: Vec<Allowed>,
    /// Refuse a sops file without a second seal
    #[arg(long)]
    require_seal: bool,
    /// Refuse a sops file that does not lie where it was sealed
    #[arg(long)]
    require_path: bool,
}

/// `--allow`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Allowed {
    /// Keys with a colon in encrypted positions, in a file without a second seal
    AmbiguousKeys,
    /// Comments in encrypted positions that are in clear text
    ClearComments,
    /// Text behind an encrypted value
    TrailingText,
    /// A key that stands twice in one map
    DuplicateKeys,
}

impl TrustArgs {
    pub(crate) fn resolve(&self) -> Trust {
        Trust {
            allow: allow(&self.allowed),
            require_seal: self.require_seal,
            require_path: self.require_path,
            accept_broken_seal: false,
        }
    }
}

/// What passes.
pub(crate) fn allow(allowed: &[Allowed]) -> Allow {
    let has = |what| allowed.contains(&what);
    Allow {
        ambiguous_keys: has(Allowed::AmbiguousKeys),
        clear_comments: has(Allowed::ClearComments),
        trailing_text: has(Allowed::TrailingText),
        duplicate_keys: has(Allowed::DuplicateKeys),
    }
}
