//! Raw flags of `set`, `unset`, `rename` and `view`, and their resolution.

use std::path::PathBuf;

use bulla_core::secret::SecretBytes;
use clap::Args;

use super::cert_args::CertificateArgs;
use crate::change::{From, Given, Which, rename, set, unset, view};
use crate::io::Source;
use crate::report::{Code, Report, Result};
use crate::tree;

/// `bulla set --help`
pub(crate) const SET: &str = "\
Example:
  bulla set db.sealed.yaml password                     asks, without showing what is typed
  pass show shop/db | bulla set db.sealed.yaml password --stdin --trim-newline
  bulla set db.sealed.yaml tls.key --file server.key
  bulla set db.sealed.yaml user=app host=db.shop --literal
  bulla set app.enc.yaml database.port=5432 --literal   in a sops file a key is a path; an int stays one
  bulla set app.enc.yaml hosts --json --file hosts.json

The value is sealed byte for byte: --stdin and --file strip nothing, not even the line break that
`echo` appends. It is sealed for the scope, namespace and name that the file states. Every other
byte of the file stays as it is: comments, order, quoting, other documents. What was sealed before
is in Git's history: a value that leaked must be changed where it is used, too.";

/// `bulla unset --help`
pub(crate) const UNSET: &str = "\
Example:
  bulla unset db.sealed.yaml old-password
  bulla unset all.sealed.yaml --document shop/db user password

All of the keys go, or none. Neither a key nor a certificate is needed.";

/// `bulla rename --help`
pub(crate) const RENAME: &str = "\
Example:
  bulla rename db.sealed.yaml pass password

The ciphertext is bound to the scope, namespace and name of the SealedSecret, not to the key of the
value; so it moves as it is, and neither a key nor a certificate is needed. Templates that speak of
the old name are warned about, not changed.";

/// `bulla view --help`
pub(crate) const VIEW: &str = "\
Example:
  bulla view db.sealed.yaml
  bulla view --cert cert.pem apps/*/secrets/*.yaml
  bulla view --json db.sealed.yaml | jq '.objects[].items[].key'

  bulla view -r .

No key is needed, and no value is shown. The sizes follow from the lengths of the ciphertexts. The
age is that of the last commit; for more than 50 files Git is not asked.";

/// Which SealedSecret.
#[derive(Debug, Args)]
struct WhichArgs {
    /// File with the SealedSecret, YAML or JSON; changed in place
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which SealedSecret, where the file holds several: NAME or NAMESPACE/NAME
    #[arg(short, long, value_name = "NAME")]
    document: Option<String>,
}

/// `bulla set`
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Keys to set; several, and with their values, only with --literal
    #[arg(value_name = "KEY[=VALUE]", required = true)]
    keys: Vec<String>,
    /// Take the values from the arguments; they stay in the shell's history
    #[arg(long, conflicts_with_all = ["stdin", "file_with_value", "trim_newline"])]
    literal: bool,
    /// Read the value from standard input: all of it, nothing is stripped
    #[arg(long, conflicts_with = "file_with_value")]
    stdin: bool,
    /// Read the value from a file: all of it, nothing is stripped
    #[arg(long = "file", value_name = "PATH", id = "file_with_value")]
    file: Option<PathBuf>,
    /// Leave out one line break at the end of what --stdin or --file reads
    #[arg(long)]
    trim_newline: bool,
    /// The value is JSON: a number, true, null, a list, a map (sops files)
    #[arg(long)]
    json: bool,
    /// Namespace for a SealedSecret that names none
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    certificate: CertificateArgs,
}

/// `bulla unset`
#[derive(Debug, Args)]
pub(crate) struct UnsetArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Keys to take out
    #[arg(value_name = "KEY", required = true)]
    keys: Vec<String>,
}

/// `bulla rename`
#[derive(Debug, Args)]
pub(crate) struct RenameArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// The key's present name
    #[arg(value_name = "OLD")]
    old: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    new: String,
}

/// `bulla view`
#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// Files with SealedSecrets, YAML or JSON; none or - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take every YAML and JSON file of the folders that are named; .gitignore is honoured
    #[arg(short, long)]
    recursive: bool,
    /// A certificate: shown with its age, and values that cannot be sealed with it are marked
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl WhichArgs {
    fn resolve(self) -> Which {
        Which { path: self.file, document: self.document }
    }
}

impl SetArgs {
    pub(crate) fn resolve(self) -> Result<set::Options> {
        let from = match (self.literal, self.stdin, self.file) {
            (true, ..) => From::Literal,
            (_, true, _) => From::Stdin,
            (.., Some(path)) if path.as_os_str() == "-" => From::Stdin,
            (.., Some(path)) => From::File(path),
            _ => From::Prompt,
        };
        let keys = self.keys.into_iter().map(|word| given(word, &from)).collect::<Result<Vec<_>>>()?;
        if from != From::Literal && keys.len() > 1 {
            return Err(Report::new(Code::Usage, "several keys are given, and one value")
                .hint("set them one by one, or give each its value: bulla set FILE KEY=VALUE KEY=VALUE --literal"));
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = keys.iter().find(|given| !seen.insert(&given.key)) {
            return Err(
                Report::new(Code::Usage, format!("the key {:?} is given twice", twice.key)).hint("give each key once")
            );
        }
        if self.trim_newline && from == From::Prompt {
            return Err(Report::new(Code::Usage, "--trim-newline is for --stdin and --file")
                .hint("what is typed at the prompt has no line break"));
        }
        Ok(set::Options {
            which: self.which.resolve(),
            keys,
            from,
            trim_newline: self.trim_newline,
            json: self.json,
            certificate: self.certificate.choice(),
            namespace: self.namespace,
        })
    }
}

/// No message repeats the word: what stands behind `=` is a value.
fn given(word: String, from: &From) -> Result<Given> {
    let word = zeroize::Zeroizing::new(word);
    match (word.split_once('='), from) {
        (Some((key, value)), From::Literal) => {
            Ok(Given { key: key.to_owned(), value: Some(SecretBytes::new(value.as_bytes().to_vec())) })
        }
        (None, From::Literal) => Err(Report::new(Code::Usage, "--literal needs a value for each key: KEY=VALUE")
            .hint("without --literal the value is asked for, or read with --stdin or --file PATH")),
        (Some(_), _) => {
            Err(Report::new(Code::ValueInArguments, "a value is given as an argument, where others can see it")
                .hint("leave it out to be asked for it, or use --stdin or --file PATH; if it is meant: --literal"))
        }
        (None, _) => Ok(Given { key: word.to_string(), value: None }),
    }
}

impl UnsetArgs {
    pub(crate) fn resolve(self) -> unset::Options {
        let mut seen = std::collections::BTreeSet::new();
        let keys = self.keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        unset::Options { which: self.which.resolve(), keys }
    }
}

impl RenameArgs {
    pub(crate) fn resolve(self) -> rename::Options {
        rename::Options { which: self.which.resolve(), old: self.old, new: self.new }
    }
}

impl ViewArgs {
    pub(crate) fn resolve(self) -> Result<view::Options> {
        let sources = if self.recursive {
            let folders = if self.files.is_empty() { vec![PathBuf::from(".")] } else { self.files };
            tree::files(&folders, true)?.into_iter().map(Source::File).collect()
        } else {
            Source::from_args(&self.files)?
        };
        Ok(view::Options {
            sources,
            of_tree: self.recursive,
            certificate: self.cert.as_deref().map(Source::from_arg),
            json: self.json,
        })
    }
}
