//! `bulla keys destroy`: the only command that deletes a key. Not before a backup that holds it was opened in the same run, its
//! fingerprint was typed or given twice, and nothing was found that still needs it.

use bulla_core::sealed::{Fingerprint, KeyLabel, KeyState};
use jiff::Timestamp;

use crate::cluster::block_on;
use crate::io::Console;
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::confirm;
use crate::keys::files::Backups;
use crate::keys::known::newest;
use crate::keys::survey::{self, Scene};
use crate::report::{Code, Report, Result};

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) confirm: Option<Fingerprint>,
    pub(crate) backups: Backups,
    pub(crate) force: bool,
    pub(crate) scene: Scene,
}

pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let wanted = &options.fingerprint;
    if options.backups.files.is_empty() {
        return Err(Report::new(Code::NotInBackup, format!("{wanted}: no backup is given, so nothing is deleted"))
            .hint("make one, then name it: bulla keys destroy SHA256:… --backup keys.age --identity key.txt"));
    }
    let backup = options.backups.read(console)?;
    if !backup.iter().any(|key| &key.fingerprint == wanted) {
        return Err(Report::new(
            Code::NotInBackup,
            format!("{wanted}: the backup does not hold this key, so nothing is deleted"),
        )
        .hint("make a new backup: bulla keys backup --to age1… -w keys.age"));
    }
    console.note(&format!("the backup opens and holds {wanted}"));
    let keys = block_on(async { KeyCluster::connect(&options.place).await?.keys(console).await })?;
    let found = block_on(async { KeyCluster::connect(&options.place).await?.with_fingerprint(wanted, console).await })?;
    let seals = newest(&keys, Timestamp::now()).is_some_and(|key| &key.fingerprint == wanted);
    let active = found.iter().any(|key| key.document.label == KeyLabel::Active(KeyState::Active));
    if seals || (active && !options.force) {
        let what = if seals { "it is the key that seals" } else { "it is active" };
        return Err(Report::new(Code::KeyInUse, format!("{wanted}: {what}; nothing was deleted"))
            .hint(format!("first: bulla keys retire {wanted}")));
    }
    survey::refuse_if_used(&options.place, &options.scene, wanted, options.force, console)?;
    confirm::typed(wanted, options.confirm.as_ref())?;
    block_on(async {
        let cluster = KeyCluster::connect(&options.place).await?;
        for key in &found {
            cluster.delete(key).await?;
            console.note(&format!("deleted Secret {}/{} with {wanted}", cluster.namespace, key.document.name));
        }
        Ok(())
    })
}
