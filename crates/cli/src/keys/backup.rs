//! `bulla keys backup`: every key Secret of a cluster, encrypted, in one file or in one file each. Nothing else ever gets to a disk.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use bulla_controller::backup_file_name;
use bulla_core::age::{Recipient, Recipients};
use bulla_core::sealed::key_list;

use crate::cluster::block_on;
use crate::io::{Console, Source, Target, read};
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::known::Key;
use crate::keys::list::Origin;
use crate::report::{Code, Report, Result};

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) recipients: Recipients,
    pub(crate) to: Destination,
}

/// Where the backup goes.
#[derive(Debug)]
pub(crate) enum Destination {
    /// All keys in one file.
    One(Target),
    /// One file for each key, named as the controller names them.
    Folder(PathBuf),
}

/// Recipients as they stand on the command line. The errors do not repeat them: somebody may paste the secret half.
pub(crate) fn recipients(texts: &[String]) -> Result<Recipients> {
    let recipients: std::result::Result<Vec<_>, _> = texts.iter().map(|text| Recipient::parse(text)).collect();
    recipients.and_then(Recipients::new).map_err(|error| {
        Report::new(Code::RecipientUnusable, format!("--to: {error}")).hint(
            "make a pair with: age-keygen -o key.txt; keep the file away from the cluster, and give the recipient: age-keygen -y key.txt",
        )
    })
}

pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    if matches!(options.to, Destination::One(Target::Stdout)) && std::io::stdout().is_terminal() {
        return Err(Report::new(Code::Usage, "a backup is binary, and standard output is a terminal")
            .hint("write it to a file: -w keys.age; or into a folder: --dir backups"));
    }
    let keys = block_on(async { KeyCluster::connect(&options.place).await?.keys(console).await })?;
    let (usable, broken): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| key.ring.is_some());
    for key in broken {
        console.warn(&format!("Secret {} has no usable private key and is not in the backup", key.document.name));
    }
    if usable.is_empty() {
        return Err(Origin::Cluster(options.place.clone()).empty());
    }
    let encrypt = |plaintext: &[u8]| {
        options.recipients.encrypt(plaintext).map_err(|error| Report::new(Code::Internal, error.to_string()))
    };
    match &options.to {
        Destination::One(target) => {
            let manifests: Vec<_> = usable.iter().map(|key| key.document.to_backup()).collect();
            write(target, &encrypt(&key_list(&manifests))?)?;
        }
        Destination::Folder(folder) => {
            for key in &usable {
                let path = folder.join(backup_file_name(&key.document.name, &key.fingerprint));
                write(&Target::File(path), &encrypt(&key.document.to_backup())?)?;
            }
        }
    }
    for key in &usable {
        console.note(&format!("backed up {} ({})", key.fingerprint, key.state_word()));
    }
    console.note("prove it: bulla keys backup --check FILE --identity key.txt");
    Ok(())
}

/// Writes, and reads back what has been written to a file.
fn write(target: &Target, file: &[u8]) -> Result<()> {
    target.write(file)?;
    let Target::File(path) = target else { return Ok(()) };
    // What is no file, such as /dev/stdout, cannot be read back.
    if !path.is_file() || *read(&Source::File(path.clone()))? == *file {
        return Ok(());
    }
    Err(Report::new(Code::WriteFile, format!("{}: what was read back is not what was written", path.display()))
        .hint("the disk or the file system is broken: write the backup elsewhere"))
}
