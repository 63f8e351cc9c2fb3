//! A Secret from literals, files, env files, a TLS pair or a registry's login, without kubectl.
//!
//! The rules are kubectl's: which key a file gets, what an env file may hold. A value is read into memory that is cleared; it is
//! taken from an argument only together with `--literal`, since arguments are in the shell's history and visible to other users.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use bulla_core::sealed::PlainSecret;
use bulla_core::secret::SecretBytes;
use zeroize::Zeroizing;

use super::registry::Registry;
use super::{env_file, registry, tls};
use crate::io::input::read_file;
use crate::io::{Console, Source, read};
use crate::report::{Code, Report, Result, os_error};

/// Where the values are.
#[derive(Default)]
pub(crate) struct Inputs {
    /// `--from-literal`
    pub(crate) literals: Vec<Literal>,
    /// `--from-file`, as it is written.
    pub(crate) files: Vec<OsString>,
    /// `--from-env-file`
    pub(crate) env_files: Vec<PathBuf>,
    /// `--tls-cert` and `--tls-key`
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    /// `--docker-…`
    pub(crate) registry: Option<Registry>,
}

/// One `--from-literal`. No `Debug`: it may hold a value.
pub(crate) struct Literal {
    key: String,
    value: Option<SecretBytes>,
}

impl std::fmt::Debug for Inputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inputs").field("files", &self.files).field("env_files", &self.env_files).finish_non_exhaustive()
    }
}

impl Literal {
    /// `KEY`, or `KEY=VALUE` if values may be in arguments.
    pub(crate) fn parse(text: String, literal: bool) -> Result<Self> {
        let text = Zeroizing::new(text);
        let Some((key, value)) = text.split_once('=') else {
            return Ok(Self { key: text.to_string(), value: None });
        };
        if !literal {
            let key: String = key.chars().take(63).flat_map(char::escape_debug).collect();
            return Err(Report::new(
                Code::ValueInArguments,
                format!("--from-literal {key}=…: the value is in the arguments, where the shell's history and other users see it"),
            )
            .hint(format!(
                "be asked for it: --from-literal {key}\n\
                 or pipe it in: --from-file {key}=/dev/stdin\n\
                 if it is not secret: --literal --from-literal {key}=VALUE"
            )));
        }
        Ok(Self { key: key.to_owned(), value: Some(SecretBytes::new(value.as_bytes().to_vec())) })
    }
}

impl Inputs {
    /// Whether nothing is to be built.
    pub(crate) fn is_empty(&self) -> bool {
        self.literals.is_empty()
            && self.files.is_empty()
            && self.env_files.is_empty()
            && self.tls.is_none()
            && self.registry.is_none()
    }

    /// Whether standard input is read for a value.
    pub(super) fn reads_stdin(&self) -> bool {
        let stdin = |path: &OsString| {
            path == "-"
                || path == "/dev/stdin"
                || path.as_encoded_bytes().ends_with(b"=-")
                || path.as_encoded_bytes().ends_with(b"=/dev/stdin")
        };
        let env = self.env_files.iter().any(|path| stdin(&path.as_os_str().to_owned()));
        let asked = self.literals.iter().filter(|literal| literal.value.is_none()).count();
        env || self.files.iter().any(stdin)
            || (asked > 0 && !std::io::stdin().is_terminal())
            || self.registry.as_ref().is_some_and(Registry::reads_stdin)
    }

    /// Reads every value, and makes the Secret. Its name and namespace are the caller's to settle.
    pub(super) fn secret(&self, console: Console) -> Result<PlainSecret> {
        let mut data = Data { items: BTreeMap::new(), stdin: false };
        let mut secret_type = None;
        for literal in &self.literals {
            let value = match &literal.value {
                Some(value) => SecretBytes::new(value.expose().to_vec()),
                None => data.ask(&literal.key)?,
            };
            data.add(&literal.key, value)?;
        }
        for argument in &self.files {
            data.add_file(argument, console)?;
        }
        for path in &self.env_files {
            let name = shown(path);
            let text = data.read(path)?;
            for line in env_file::parse(&text).map_err(|fault| env_file::report(&name, &fault))? {
                let value = env_file::value(&line, &name, console);
                data.add(line.key, value)?;
            }
        }
        if let Some((certificate, key)) = &self.tls {
            let (certificate, key) = tls::read(certificate, key, console)?;
            data.add("tls.crt", certificate)?;
            data.add("tls.key", key)?;
            secret_type = Some("kubernetes.io/tls".to_owned());
        }
        if let Some(registry) = &self.registry {
            data.add(".dockerconfigjson", registry::login(registry)?)?;
            secret_type = Some("kubernetes.io/dockerconfigjson".to_owned());
        }
        Ok(PlainSecret {
            api_version: Some("v1".to_owned()),
            kind: Some("Secret".to_owned()),
            name: String::new(),
            namespace: String::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            other_metadata: serde_json::Map::new(),
            secret_type,
            immutable: None,
            data: data.items,
            converted: Vec::new(),
        })
    }
}

/// What has been read so far.
struct Data {
    items: BTreeMap<String, SecretBytes>,
    /// Standard input can be read once.
    stdin: bool,
}

impl Data {
    fn add(&mut self, key: &str, value: SecretBytes) -> Result<()> {
        if self.items.contains_key(key) {
            return Err(bad_source(format!("the key {} is given twice", key.escape_debug()), "remove one of the two"));
        }
        self.items.insert(key.to_owned(), value);
        Ok(())
    }

    /// `[KEY=]PATH`; a folder gives a key per file.
    fn add_file(&mut self, argument: &OsString, console: Console) -> Result<()> {
        let text = argument.to_string_lossy();
        let (key, path) = match text.split_once('=') {
            None => (None, PathBuf::from(argument)),
            Some((_, rest)) if rest.contains('=') => {
                return Err(bad_source(
                    format!("--from-file {}: neither a key nor a path may hold a `=`", text.escape_debug()),
                    "rename the file, or pipe it in: --from-file KEY=/dev/stdin",
                ));
            }
            Some(("", _)) | Some((_, "")) => {
                return Err(bad_source(
                    format!("--from-file {}: a key and a path are needed around the `=`", text.escape_debug()),
                    "write --from-file KEY=PATH, or --from-file PATH for a key that is the file's name",
                ));
            }
            Some((key, path)) => (Some(key.to_owned()), PathBuf::from(path)),
        };
        if !path.is_dir() {
            let key = match key {
                Some(key) => key,
                None => name_of(&path)?,
            };
            let value = self.read(&path)?;
            return self.add(&key, SecretBytes::from(value));
        }
        if key.is_some() {
            return Err(bad_source(
                format!("{}: is a folder, which has a key per file", shown(&path)),
                "leave the key out: --from-file FOLDER",
            ));
        }
        let entries = std::fs::read_dir(&path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut entries = entries.map_err(|error| unreadable(&path, &error))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let path = entry.path();
                let value = self.read(&path)?;
                self.add(&name_of(&path)?, SecretBytes::from(value))?;
            } else {
                console.note(&format!("{}: is no regular file, and left out", shown(&entry.path())));
            }
        }
        Ok(())
    }

    fn read(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
        if path.as_os_str() == "-" || path == Path::new("/dev/stdin") {
            self.take_stdin()?;
            return read(&Source::Stdin);
        }
        read_file(path).map_err(|error| unreadable(path, &error))
    }

    /// Asks on a terminal, else takes standard input without its last line break.
    fn ask(&mut self, key: &str) -> Result<SecretBytes> {
        if std::io::stdin().is_terminal() {
            let answer = rpassword::prompt_password(format!("value of {} (not shown): ", key.escape_debug()))
                .map(Zeroizing::new)
                .map_err(|error| {
                    bad_source(format!("ask for {}: {}", key.escape_debug(), os_error(&error)), "pipe it in")
                })?;
            return Ok(SecretBytes::new(answer.as_bytes().to_vec()));
        }
        self.take_stdin()?;
        let mut bytes = read(&Source::Stdin)?;
        let end = without_line_break(&bytes);
        bytes.truncate(end);
        Ok(SecretBytes::from(bytes))
    }

    fn take_stdin(&mut self) -> Result<()> {
        if self.stdin {
            return Err(Report::new(Code::StdinTwice, "standard input is asked for twice")
                .hint("put one of the inputs into a file and name it"));
        }
        self.stdin = true;
        Ok(())
    }
}

/// The key of a file without one.
fn name_of(path: &Path) -> Result<String> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if path.as_os_str() != "-" && path != Path::new("/dev/stdin") => Ok(name.to_owned()),
        _ => Err(bad_source(
            format!("{}: has no name that could be a key", shown(path)),
            "name the key: --from-file KEY=PATH",
        )),
    }
}

/// The length without one line break at the end.
pub(super) fn without_line_break(bytes: &[u8]) -> usize {
    bytes.strip_suffix(b"\n").map_or(bytes.len(), |rest| rest.strip_suffix(b"\r").unwrap_or(rest).len())
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Report {
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            Report::new(Code::InputTooLarge, format!("{}: more than 64 MiB", shown(path)))
                .hint("a Secret holds at most 1 MiB; check that it is the right file")
        }
        _ => Report::new(Code::ReadFile, format!("{}: {}", shown(path), os_error(error))),
    }
}

pub(super) fn bad_source(message: impl Into<String>, hint: &str) -> Report {
    Report::new(Code::BadSource, message).hint(hint)
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
