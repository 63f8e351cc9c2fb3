//! Raw flags of `bulla keys …`, their help texts, and their resolution.

use std::path::PathBuf;

use bulla_core::sealed::Fingerprint;
use clap::{Args as ClapArgs, Subcommand};

use super::args::ClusterArgs;
use crate::io::{Source, Target};
use crate::keys::backup::{self, Destination};
use crate::keys::change::{How, Promote, Retire};
use crate::keys::cluster::Place;
use crate::keys::files::Backups;
use crate::keys::list::Origin;
use crate::keys::restore::{self, From as RestoreFrom};
use crate::keys::survey::Scene;
use crate::keys::{CheckOptions, Options, destroy, list, status, verify};
use crate::report::{Code, Report, Result};

/// `bulla keys list --help`
const LIST: &str = "\
Example:
  bulla keys list
  bulla keys list --from keys.age --identity key.txt
  bulla keys list --json | jq -r '.keys[] | select(.seals).fingerprint'

Needs the right to list Secrets in the controller's namespace; with --from no cluster.";

/// `bulla keys status --help`
const STATUS: &str = "\
Example:
  bulla keys status                              the repository around this folder, and the cluster
  bulla keys status apps/ --no-history
  bulla keys status --offline --from keys.age --identity key.txt

A ciphertext does not name its key. With private keys at hand (of the cluster, or --from) the answer
is exact; without them it is what the controller recorded in the status of live objects, and for the
rest the size of the key is all that can be told.";

/// `bulla keys backup --help`
const BACKUP: &str = "\
Example:
  age-keygen -o key.txt                          keep this file away from the cluster
  bulla keys backup --to $(age-keygen -y key.txt) -w keys.age
  bulla keys backup --check keys.age --identity key.txt apps/

--check exits with 2 if a loaded key is not in the backup, or if a value in the cluster or in the
paths does not open with it. Nothing is ever written unencrypted.";

/// `bulla keys restore --help`
const RESTORE: &str = "\
Example:
  bulla keys restore keys.age --identity key.txt --create-namespace
  bulla keys restore keys.age --identity key.txt --expect SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU

Restored keys open and do not seal: age does not tell who wrote a file. Compare the fingerprints,
then: bulla keys promote. Keys that are there already stay as they are; what was killed in the
middle is finished by the same command.";

/// `bulla keys import --help`
const IMPORT: &str = "\
Example:
  openssl req -x509 -nodes -newkey rsa:4096 -keyout tls.key -out tls.crt -days 3650 -subj /CN=sealed-secret
  bulla keys import --cert tls.crt --key tls.key
  bulla keys promote SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU

An imported key opens and does not seal before it is promoted.";

/// `bulla keys promote --help`
const PROMOTE: &str = "\
Example:
  bulla keys promote SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU

Of all active keys the one whose certificate begins last seals. One that begins in the future is
refused.";

/// `bulla keys retire --help`
const RETIRE: &str = "\
Example:
  bulla keys retire SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
  bulla keys retire --archive SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU
  bulla keys retire --undo SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU

A retired key opens and does not seal; an archived one is not loaded by any controller. Both stay in
the cluster. Refused while the work tree, a branch, a tag or the cluster needs it.";

/// `bulla keys destroy --help`
const DESTROY: &str = "\
Example:
  bulla keys destroy SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU \\
      --backup keys.age --identity key.txt

Deletes the Secret. The backup is opened first and must hold the key; the fingerprint is typed, or
given again with --confirm. What was sealed with the key opens only with the backup from then on.";

/// `bulla keys verify --help`
const VERIFY: &str = "\
Example:
  bulla keys verify
  bulla keys verify --from keys.age --identity key.txt

Exits with 2 if a private key is damaged, a certificate is another key's, has ended or begins in the
future, a state is unknown, a key is there twice, or none seals.";

/// `bulla keys …`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the sealing keys of a cluster, or of backups
    #[command(after_help = LIST)]
    List(ListArgs),
    /// Say of each key how old it is and where it is still used
    #[command(after_help = STATUS)]
    Status(StatusArgs),
    /// Write every key of a cluster, encrypted; or check that a backup opens what is sealed now
    #[command(after_help = BACKUP)]
    Backup(BackupArgs),
    /// Bring the keys of a backup into a cluster
    #[command(after_help = RESTORE)]
    Restore(RestoreArgs),
    /// Bring a key and its certificate, PEM files, into a cluster
    #[command(after_help = IMPORT)]
    Import(ImportArgs),
    /// Let a key seal
    #[command(after_help = PROMOTE)]
    Promote(PromoteArgs),
    /// Take a key out of use; can be undone
    #[command(after_help = RETIRE)]
    Retire(RetireArgs),
    /// Delete a key, after its backup was checked; cannot be undone
    #[command(after_help = DESTROY)]
    Destroy(DestroyArgs),
    /// Check that every key is what it says, and that one seals
    #[command(after_help = VERIFY)]
    Verify(ListArgs),
}

/// Which cluster, and where its controller is.
#[derive(Debug, ClapArgs)]
struct PlaceArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Namespace of the controller, where its keys are
    #[arg(
        long,
        value_name = "NAMESPACE",
        default_value = "kube-system",
        env = "SEALED_SECRETS_CONTROLLER_NAMESPACE",
        hide_env_values = true
    )]
    controller_namespace: String,
}

/// Keys in files instead of a cluster.
#[derive(Debug, ClapArgs)]
struct FromArgs {
    /// Take keys from this backup, an age file or what kubectl get -o yaml printed; may be repeated
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// File with the age identity that opens the backup, as age-keygen writes it; may be repeated
    #[arg(long, short, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

/// `bulla keys list` and `bulla keys verify`
#[derive(Debug, ClapArgs)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    from: FromArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `bulla keys status`
#[derive(Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Files and folders to look through [default: the repository around this folder]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    from: FromArgs,
    /// Ask no cluster: keys come from --from
    #[arg(long)]
    offline: bool,
    /// Leave out branches and tags
    #[arg(long)]
    no_history: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `bulla keys backup`
#[derive(Debug, ClapArgs)]
pub(crate) struct BackupArgs {
    /// With --check: files and folders whose values must open with the backup
    #[arg(value_name = "PATH", requires = "check")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// Whom the backup is for: age1… or, against quantum computers, age1pq1…; may be repeated
    // Not parsed here: the command line's own errors repeat the value, and somebody may paste the secret half.
    #[arg(long = "to", value_name = "RECIPIENT", required_unless_present = "check", conflicts_with = "check")]
    to: Vec<String>,
    /// Write all keys into FILE instead of standard output; it is replaced as a whole, or left as it is
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["check", "dir"])]
    write: Option<PathBuf>,
    /// Write one file for each key into this folder, named as the controller's automatic backups are
    #[arg(long, value_name = "FOLDER", conflicts_with = "check")]
    dir: Option<PathBuf>,
    /// Check this backup instead of making one; may be repeated
    #[arg(long, value_name = "FILE")]
    check: Vec<PathBuf>,
    /// With --check: file with the age identity that opens the backup; may be repeated
    #[arg(long, short, value_name = "FILE", requires = "check")]
    identity: Vec<PathBuf>,
    /// With --check: ask no cluster
    #[arg(long, requires = "check")]
    offline: bool,
    /// With --check: print JSON
    #[arg(long, requires = "check")]
    json: bool,
}

/// `bulla keys restore`
#[derive(Debug, ClapArgs)]
pub(crate) struct RestoreArgs {
    /// Backups: age files, or what kubectl get -o yaml printed; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
    /// File with the age identity that opens the backup, as age-keygen writes it; may be repeated
    #[arg(long, short, value_name = "FILE")]
    identity: Vec<PathBuf>,
    #[command(flatten)]
    expect: ExpectArgs,
    /// Create the controller's namespace if it is not there
    #[arg(long)]
    create_namespace: bool,
}

/// `bulla keys import`
#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// The certificate, PEM; - is standard input
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    /// The private RSA key, PEM and not encrypted; - is standard input
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Name of the key Secret [default: sealed-secrets-key- and the beginning of the fingerprint]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    expect: ExpectArgs,
    /// Create the controller's namespace if it is not there
    #[arg(long)]
    create_namespace: bool,
}

/// A word that these are the right keys.
#[derive(Debug, ClapArgs)]
struct ExpectArgs {
    /// Fingerprint of a key that must be in the file; repeated for each one. Without it a person is asked
    #[arg(long, value_name = "SHA256:…", value_delimiter = ',', value_parser = Fingerprint::parse)]
    expect: Vec<Fingerprint>,
}

/// `bulla keys promote`
#[derive(Debug, ClapArgs)]
pub(crate) struct PromoteArgs {
    /// Fingerprint of the key
    #[arg(value_name = "SHA256:…", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Where it is looked for what still uses a key.
#[derive(Debug, ClapArgs)]
struct SceneArgs {
    /// Look for uses in these files and folders, too; may be repeated [default: the repository around this folder]
    #[arg(long = "in", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Leave out branches and tags
    #[arg(long)]
    no_history: bool,
    /// Go on although the key is in use, or although that is not known
    #[arg(long)]
    force: bool,
}

/// `bulla keys retire`
#[derive(Debug, ClapArgs)]
pub(crate) struct RetireArgs {
    /// Fingerprint of the key
    #[arg(value_name = "SHA256:…", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    #[command(flatten)]
    place: PlaceArgs,
    /// Not even opened with: no controller loads it
    #[arg(long, conflicts_with_all = ["undo", "compromised"])]
    archive: bool,
    /// Let a retired or archived key open again; it does not seal
    #[arg(long, conflicts_with = "compromised")]
    undo: bool,
    /// Mark a key that somebody else may have: it opens, does not seal, and what uses it is warned of
    #[arg(long)]
    compromised: bool,
    #[command(flatten)]
    scene: SceneArgs,
}

/// `bulla keys destroy`
#[derive(Debug, ClapArgs)]
pub(crate) struct DestroyArgs {
    /// Fingerprint of the key
    #[arg(value_name = "SHA256:…", value_parser = Fingerprint::parse)]
    fingerprint: Fingerprint,
    #[command(flatten)]
    place: PlaceArgs,
    /// Backup that must hold the key; may be repeated
    #[arg(long, value_name = "FILE")]
    backup: Vec<PathBuf>,
    /// File with the age identity that opens the backup; may be repeated
    #[arg(long, short, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// The fingerprint once more, where nobody can type it
    #[arg(long, value_name = "SHA256:…", value_parser = Fingerprint::parse)]
    confirm: Option<Fingerprint>,
    #[command(flatten)]
    scene: SceneArgs,
}

impl KeysCommand {
    pub(crate) fn resolve(self) -> Result<Options> {
        Ok(match self {
            Self::List(args) => {
                Options::List(list::Options { origin: origin(args.place, &args.from)?, json: args.json })
            }
            Self::Verify(args) => {
                Options::Verify(verify::Options { origin: origin(args.place, &args.from)?, json: args.json })
            }
            Self::Status(args) => Options::Status(status::Options {
                place: (!args.offline).then(|| args.place.resolve()),
                backups: args.from.resolve()?,
                scene: Scene { paths: args.paths, history: !args.no_history },
                json: args.json,
            }),
            Self::Backup(args) if args.check.is_empty() => Options::Backup(backup::Options {
                place: args.place.resolve(),
                recipients: backup::recipients(&args.to)?,
                to: match args.dir {
                    Some(folder) => Destination::Folder(folder),
                    None => Destination::One(Target::from_arg(args.write)),
                },
            }),
            Self::Backup(args) => Options::Check(CheckOptions {
                place: (!args.offline).then(|| args.place.resolve()),
                backups: backups(&args.check, &args.identity),
                scene: Scene { paths: args.paths, history: false },
                json: args.json,
            }),
            Self::Restore(args) => Options::Restore(restore::Options {
                place: args.place.resolve(),
                from: RestoreFrom::Backups(backups(&args.files, &args.identity)),
                expect: args.expect.expect,
                create_namespace: args.create_namespace,
            }),
            Self::Import(args) => Options::Restore(restore::Options {
                place: args.place.resolve(),
                from: RestoreFrom::Pair {
                    certificate: Source::from_arg(&args.cert),
                    key: Source::from_arg(&args.key),
                    name: args.name,
                },
                expect: args.expect.expect,
                create_namespace: args.create_namespace,
            }),
            Self::Promote(args) => {
                Options::Promote(Promote { place: args.place.resolve(), fingerprint: args.fingerprint })
            }
            Self::Retire(args) => Options::Retire(Retire {
                place: args.place.resolve(),
                fingerprint: args.fingerprint,
                how: match (args.archive, args.undo, args.compromised) {
                    (true, ..) => How::Archive,
                    (_, true, _) => How::Undo,
                    (.., true) => How::Compromised,
                    _ => How::Retire,
                },
                force: args.scene.force,
                scene: args.scene.resolve(),
            }),
            Self::Destroy(args) => Options::Destroy(destroy::Options {
                place: args.place.resolve(),
                fingerprint: args.fingerprint,
                confirm: args.confirm,
                backups: backups(&args.backup, &args.identity),
                force: args.scene.force,
                scene: args.scene.resolve(),
            }),
        })
    }
}

impl PlaceArgs {
    fn resolve(self) -> Place {
        Place { choice: self.cluster.choice(), namespace: self.controller_namespace }
    }
}

impl FromArgs {
    fn resolve(&self) -> Result<Backups> {
        if self.from.is_empty() && !self.identity.is_empty() {
            return Err(Report::new(Code::Usage, "--identity opens backups, and none is given")
                .hint("name the backup: --from keys.age"));
        }
        Ok(backups(&self.from, &self.identity))
    }
}

impl SceneArgs {
    fn resolve(self) -> Scene {
        Scene { paths: self.paths, history: !self.no_history }
    }
}

fn origin(place: PlaceArgs, from: &FromArgs) -> Result<Origin> {
    let backups = from.resolve()?;
    Ok(if backups.files.is_empty() { Origin::Cluster(place.resolve()) } else { Origin::Backups(backups) })
}

fn backups(files: &[PathBuf], identities: &[PathBuf]) -> Backups {
    let sources = |paths: &[PathBuf]| paths.iter().map(|path| Source::from_arg(path)).collect();
    Backups { files: sources(files), identities: sources(identities) }
}
