//! `bulla keys`: the sealing keys of a cluster, their backups, and their way out of use.
//!
//! Pure: [`known`] what is known of a key and which one is the newest, [`uses`] which key a sealed value needs. At the edges:
//! [`cluster`] reads and writes key Secrets, [`files`] opens backups, [`history`] asks git, [`survey`] gathers where sealed values
//! are, [`confirm`] asks a person. The commands: [`list`], [`status`], [`backup`] (with [`check`]), [`restore`] (also `import`),
//! [`change`] (`promote`, `retire`), [`destroy`], [`verify`].
//!
//! The labels on the key Secrets are the controller's, and so are their names (`bulla_core::sealed::KeyState`): a state is never
//! kept anywhere else. Nothing that comes from a file seals before somebody has promoted it by its fingerprint.

pub(crate) mod backup;
pub(crate) mod change;
mod check;
pub(crate) mod cluster;
mod confirm;
pub(crate) mod destroy;
pub(crate) mod files;
mod history;
mod known;
pub(crate) mod list;
pub(crate) mod restore;
pub(crate) mod status;
pub(crate) mod survey;
mod table;
mod uses;
pub(crate) mod verify;

use crate::io::Console;
use crate::report::{Exit, Result};

/// What to do.
#[derive(Debug)]
pub(crate) enum Options {
    List(list::Options),
    Status(status::Options),
    Backup(backup::Options),
    Check(check::Options),
    Restore(restore::Options),
    Promote(change::Promote),
    Retire(change::Retire),
    Destroy(destroy::Options),
    Verify(verify::Options),
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let done = |result: Result<()>| result.map(|()| Exit::Done);
    match options {
        Options::List(options) => done(list::run(options, console)),
        Options::Status(options) => done(status::run(options, console)),
        Options::Backup(options) => done(backup::run(options, console)),
        Options::Check(options) => check::run(options, console),
        Options::Restore(options) => done(restore::run(options, console)),
        Options::Promote(options) => done(change::promote(options, console)),
        Options::Retire(options) => done(change::retire(options, console)),
        Options::Destroy(options) => done(destroy::run(options, console)),
        Options::Verify(options) => verify::run(options, console),
    }
}

pub(crate) use check::Options as CheckOptions;
