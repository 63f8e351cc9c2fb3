//! Raw flags of `bulla seal`, and their resolution.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args as ClapArgs};

use super::args::{OutputArgs, ScopeArg};
use super::cert_args::CertificateArgs;
use super::update_args::UpdateArgs;
use crate::io::{Source, Target};
use crate::report::{Code, Report, Result};
use crate::seal::{Extra, Inputs, Layout, Literal, Options, Registry, TreeOptions};

/// What `bulla seal --help` says after the flags.
pub(super) const AFTER: &str = "\
Examples:
  bulla seal --cert cert.pem secret.yaml -w db.sealed.yaml
  bulla seal --name db -n shop --from-literal password -w db.sealed.yaml
                                                 asks for the password; nothing is shown or stored
  bulla seal --name web -n shop --tls-cert web.crt --tls-key web.key -w web.sealed.yaml
  bulla seal -r apps --out-dir sealed            every plain Secret of a tree
  bulla seal --in-place app.enc.yaml             by a rule of .sops.yaml, or one of .bulla.yaml with
                                                 `format: sops`: encrypted in place, its layout kept
  kubectl create secret generic db -n shop --from-file=password=/dev/stdin \\
      --dry-run=client -o yaml | bulla seal > db.sealed.yaml

Without --cert the certificate is the one that .bulla.yaml names for the file, else the one that is
pinned, else the cluster's own, which is pinned when it is first seen. Only that cluster can open the
result; you cannot. If one document is bad, nothing is written. docs/sealing.md has more.";

/// `bulla seal`
#[derive(Debug, ClapArgs)]
#[command(group = ArgGroup::new("values").multiple(true).conflicts_with_all(["files", "tree"]))]
#[command(group = ArgGroup::new("tree").multiple(true).conflicts_with_all(["write", "update"]))]
pub(crate) struct SealArgs {
    /// Manifests with Secrets, YAML or JSON, one or many documents; none or - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the values may be opened: under this name, in this namespace, or anywhere in the cluster
    /// [default: the rule of .bulla.yaml, else what the Secret's annotations say, else strict]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<ScopeArg>,
    /// Namespace for Secrets that name none
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Name for the Secret, instead of its own
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Seal Secrets without data, too
    #[arg(long)]
    allow_empty_data: bool,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    tree: TreeArgs,
    #[command(flatten)]
    update: UpdateArgs,
    /// Layout of a sops file that is made
    #[arg(long, value_name = "LAYOUT", default_value = "preserve")]
    layout: Layout,
    #[command(flatten)]
    certificate: CertificateArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// A Secret without a manifest. With `--literal` there are values in it, so nobody prints it.
#[derive(ClapArgs)]
#[command(next_help_heading = "A Secret without a manifest")]
struct ValueArgs {
    /// A key whose value is asked for, or read from standard input (without its last line break); may be repeated
    #[arg(long, value_name = "KEY", group = "values")]
    from_literal: Vec<String>,
    /// Take values from arguments: --from-literal KEY=VALUE. The shell's history and other users see them
    #[arg(long)]
    literal: bool,
    /// A file, byte for byte, under its name or KEY; of a folder each file; may be repeated
    #[arg(long, value_name = "[KEY=]PATH", group = "values")]
    from_file: Vec<OsString>,
    /// KEY=VALUE lines, as kubectl reads them: nothing is unquoted; may be repeated
    #[arg(long, value_name = "PATH", group = "values")]
    from_env_file: Vec<PathBuf>,
    /// A server's certificate with its chain, PEM (tls.crt); not the cluster's sealing certificate
    #[arg(long, value_name = "FILE", group = "values", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate, PEM (tls.key)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A login for this image registry
    #[arg(long, value_name = "SERVER", group = "values", requires = "docker_username")]
    docker_registry: Option<String>,
    /// The registry's user
    #[arg(long, value_name = "USER", requires = "docker_registry")]
    docker_username: Option<String>,
    /// Read the registry's password from standard input
    #[arg(long, requires = "docker_registry")]
    docker_password_stdin: bool,
    /// Read the registry's password from a file
    #[arg(long, value_name = "FILE", requires = "docker_registry", conflicts_with = "docker_password_stdin")]
    docker_password_file: Option<PathBuf>,
    /// The user's address, if the registry wants one
    #[arg(long, value_name = "EMAIL", requires = "docker_registry")]
    docker_email: Option<String>,
    /// Logins as `docker login` keeps them, mostly ~/.docker/config.json
    #[arg(long, value_name = "FILE", group = "values", conflicts_with = "docker_registry")]
    docker_config: Option<PathBuf>,
    /// Type of the Secret: opaque, tls, dockerconfigjson, basic-auth, ssh-auth, or any other in full
    #[arg(long = "type", value_name = "TYPE")]
    secret_type: Option<String>,
    /// A label for the Secret; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// An annotation for the Secret; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE")]
    annotations: Vec<String>,
    /// A Secret whose values cannot be changed in the cluster
    #[arg(long)]
    immutable: bool,
}

/// Many files.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Many files")]
struct TreeArgs {
    /// Seal every plain Secret in these folders (*.yaml, *.yml, *.json; .gitignore counts), each file into one of its own: where
    /// the rule of .bulla.yaml says, else --out-dir or --in-place
    #[arg(short, long, group = "tree", requires = "files")]
    recursive: bool,
    /// Sealed files go into this folder, in folders as the plain ones
    #[arg(long, value_name = "DIR", group = "tree", requires = "files")]
    out_dir: Option<PathBuf>,
    /// Replace plain Secrets where they are; every byte of other documents stays
    #[arg(long, group = "tree", requires = "files", conflicts_with = "out_dir")]
    in_place: bool,
    /// Do everything but write
    #[arg(long, requires = "tree")]
    dry_run: bool,
    /// Print a report in JSON
    #[arg(long, requires = "tree")]
    json: bool,
}

impl std::fmt::Debug for ValueArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValueArgs").finish_non_exhaustive()
    }
}

impl SealArgs {
    pub(crate) fn resolve(self) -> Result<Options> {
        let extra = Extra {
            secret_type: self.values.secret_type.as_deref().map(full_type),
            labels: pairs("--label", &self.values.labels)?,
            annotations: pairs("--annotation", &self.values.annotations)?,
            immutable: self.values.immutable,
        };
        let inputs = self.values.inputs()?;
        let tree = self.tree.resolve(&self.files);
        let sources = if tree.is_some() || !inputs.is_empty() { Vec::new() } else { Source::from_args(&self.files)? };
        let certificate = self.certificate.choice();
        Ok(Options {
            sources,
            update: self.update.resolve(&certificate),
            inputs,
            tree,
            certificate,
            scope: self.scope.map(Into::into),
            namespace: self.namespace,
            name: self.name,
            extra,
            allow_empty_data: self.allow_empty_data,
            layout: self.layout,
            format: self.output.output,
            target: Target::from_arg(self.output.write),
        })
    }
}

impl ValueArgs {
    fn inputs(self) -> Result<Inputs> {
        if self.literal && self.from_literal.is_empty() {
            return Err(Report::new(
                Code::Usage,
                "--literal says that values are in --from-literal, and there is none",
            )
            .hint("bulla seal --help explains both"));
        }
        let literals = self.from_literal.into_iter().map(|text| Literal::parse(text, self.literal));
        let registry = match (self.docker_config, self.docker_registry, self.docker_username) {
            (Some(path), ..) => Some(Registry::File(path)),
            (None, Some(server), Some(username)) => {
                let password = match self.docker_password_file {
                    Some(path) => Source::from_arg(&path),
                    None if self.docker_password_stdin => Source::Stdin,
                    None => {
                        return Err(Report::new(Code::Usage, "the registry's password is not given")
                            .hint("pipe it in: --docker-password-stdin; or from a file: --docker-password-file FILE"));
                    }
                };
                Some(Registry::Login { server, username, email: self.docker_email, password })
            }
            _ => None,
        };
        Ok(Inputs {
            literals: literals.collect::<Result<_>>()?,
            files: self.from_file,
            env_files: self.from_env_file,
            tls: self.tls_cert.zip(self.tls_key),
            registry,
        })
    }
}

impl TreeArgs {
    fn resolve(self, files: &[PathBuf]) -> Option<TreeOptions> {
        (self.recursive || self.in_place || self.out_dir.is_some()).then(|| TreeOptions {
            paths: files.to_vec(),
            recursive: self.recursive,
            out_dir: self.out_dir,
            in_place: self.in_place,
            dry_run: self.dry_run,
            json: self.json,
        })
    }
}

/// The names that people use for types.
fn full_type(name: &str) -> String {
    match name {
        "opaque" | "generic" => "Opaque",
        "tls" => "kubernetes.io/tls",
        "dockerconfigjson" | "docker-registry" => "kubernetes.io/dockerconfigjson",
        "basic-auth" => "kubernetes.io/basic-auth",
        "ssh-auth" => "kubernetes.io/ssh-auth",
        other => other,
    }
    .to_owned()
}

fn pairs(flag: &str, texts: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Report::new(Code::Usage, format!("{flag} {}: not KEY=VALUE", text.escape_debug()))),
    };
    texts.iter().map(pair).collect()
}
