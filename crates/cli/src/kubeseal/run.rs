//! kubeseal's order of decisions (sealed-secrets 8.3): a bad certificate is reported before the input is read, recovery never
//! touches a kubeconfig, and the output file is replaced only if everything went well.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::flags::Flags;
use super::{Failure, certificate, merge, online, open_failed, read_failed, recover, seal};
use crate::io::atomic::{NewFile, Replacement};
use crate::io::input::{read_file, read_limited};
use crate::io::output::{to_stderr, write_stdout};
use crate::manifest::Format;
use crate::report::os_error;

/// Runs what the flags ask for.
pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    if !flags.list("from-file").is_empty() && !flags.is_set("raw") {
        return Err("--from-file requires --raw".to_owned());
    }
    let input = Input::open(flags)?;
    if matches!(input, Input::Stdin)
        && std::io::stdin().is_terminal()
        && !flags.is_set("raw")
        && !flags.is_set("fetch-cert")
    {
        to_stderr("(tty detected: expecting json/yaml k8s resource in stdin)\n");
    }
    let format = FormatFlag::of(flags);
    let output = Output::open(flags)?;

    if flags.is_set("recovery-unseal") {
        let text = input.read()?;
        return output.write(recover::recover(&text, flags.list("recovery-private-key"), &format)?.as_bytes());
    }
    if flags.is_set("validate") {
        return online::validate(&input, flags);
    }
    if re_encrypts(flags) {
        // Without a document kubeseal empties the file; ours leaves it alone.
        return match online::re_encrypt(&input, flags, &format)? {
            Some(text) => output.write(text.as_bytes()),
            None => Ok(()),
        };
    }
    let pem = certificate::read(flags)?;
    if flags.is_set("fetch-cert") {
        return output.write(&pem);
    }
    let certificate = certificate::parse(&pem)?;
    if let Some(path) = flags.path("merge-into") {
        if flags.path("sealed-secret-file").is_some() {
            return Err(
                "--sealed-secret-file cannot be used with --merge-into, which writes into its own file".to_owned()
            );
        }
        return merge::merge(path.as_ref(), &input, flags, &certificate, &format);
    }
    if flags.is_set("raw") {
        return output.write(seal::raw(flags, &certificate)?.as_bytes());
    }
    let text = input.read()?;
    let mut sealed = Zeroizing::new(String::new());
    let result = seal::seal(&text, flags, &certificate, &format, &mut sealed);
    match (result, &output) {
        (Ok(()), _) => output.write(sealed.as_bytes()),
        // Documents before the bad one are printed, as kubeseal does; a file is left as it was.
        (Err(failure), Output::Stdout) => output.write(sealed.as_bytes()).and(Err(failure)),
        (Err(failure), Output::File(..)) => Err(failure),
    }
}

fn re_encrypts(flags: &Flags) -> bool {
    flags.is_set("re-encrypt")
}

/// The file of `-w`; without it re-encryption goes back into the file that it came from.
fn output_file(flags: &Flags) -> Option<PathBuf> {
    let input = || flags.path("secret-file").filter(|_| re_encrypts(flags));
    flags.path("sealed-secret-file").or_else(input).map(PathBuf::from)
}

/// Where the Secrets come from. Opened early, read late.
pub(super) enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    fn open(flags: &Flags) -> Result<Self, Failure> {
        match flags.path("secret-file") {
            None => Ok(Self::Stdin),
            Some(path) => match std::fs::File::open(path) {
                Ok(_) => Ok(Self::File(path.into())),
                Err(_) => Err("Could not read file specified with --secret-file".to_owned()),
            },
        }
    }

    pub(super) fn read(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        match self {
            Self::Stdin => read_limited(std::io::stdin().lock(), 0)
                .map_err(|error| format!("read /dev/stdin: {}", os_error(&error))),
            Self::File(path) => read_file(path).map_err(|error| read_failed(path, &error)),
        }
    }
}

/// `--format`, looked at when something is printed, and not before.
pub(super) struct FormatFlag(String);

impl FormatFlag {
    fn of(flags: &Flags) -> Self {
        let by_name = output_file(flags).is_some_and(|name| is_yaml(&name));
        Self(if by_name { "yaml".to_owned() } else { flags.text("format").unwrap_or_default() })
    }

    /// Whether somebody asked for a format.
    pub(super) fn is_explicit(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn resolve(&self) -> Result<Format, Failure> {
        match self.0.to_lowercase().as_str() {
            "" | "json" => Ok(Format::Json),
            "yaml" => Ok(Format::Yaml),
            _ => Err(format!("unsupported output format: {}", self.0)),
        }
    }
}

/// By its name, in lower case.
fn is_yaml(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// Where the result goes. The temporary file beside its target is there before any work is done.
enum Output {
    Stdout,
    File(PathBuf, Box<Replacement>),
}

impl Output {
    fn open(flags: &Flags) -> Result<Self, Failure> {
        let Some(path) = output_file(flags) else { return Ok(Self::Stdout) };
        let replacement = Replacement::begin(&path, NewFile::OwnerOnly).map_err(|error| open_failed(&path, &error))?;
        Ok(Self::File(path, Box::new(replacement)))
    }

    fn write(self, data: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Stdout => write_stdout(data).map_err(|error| format!("write /dev/stdout: {}", os_error(&error))),
            Self::File(path, replacement) => {
                replacement.finish(data).map_err(|error| format!("write {}: {}", path.display(), os_error(&error)))
            }
        }
    }
}
