//! Where identities are looked for: all places, in the real tool's order. Each says what it held, so that an error can name the places
//! that held nothing.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use bulla_core::age::Identity;
use zeroize::Zeroizing;

use super::{go, parse, ssh};
use crate::io::input::{read_file, read_limited};
use crate::report::os_error;

/// The environment that is asked, so that tests can have their own.
pub(crate) struct Variables(Lookup);

type Lookup = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

impl Variables {
    /// The environment of this process.
    pub(crate) fn system() -> Self {
        Self(Box::new(|name| std::env::var_os(name)))
    }

    /// The value of a variable, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name)
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let map: std::collections::HashMap<String, OsString> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        Self(Box::new(move |name| map.get(name).cloned()))
    }
}

impl Default for Variables {
    fn default() -> Self {
        Self::system()
    }
}

/// A place, in the order in which the real tool looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// `SOPS_AGE_SSH_PRIVATE_KEY_FILE`
    SshKeyFile,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_CMD`
    SshKeyCommand,
    /// `~/.ssh/id_ed25519`
    HomeEd25519,
    /// `~/.ssh/id_rsa`
    HomeRsa,
    /// `SOPS_AGE_KEY`
    Key,
    /// `SOPS_AGE_KEY_FILE`
    KeyFile,
    /// `SOPS_AGE_KEY_CMD`
    KeyCommand,
    /// `sops/age/keys.txt` in the folder for configuration
    ConfigFile,
}

/// What a place held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The variable is not set, the file is not there.
    Unset,
    /// It could not be read.
    Unread(String),
    /// It could be read and not understood.
    Malformed(String),
    /// So many identities.
    Identities(usize),
}

/// A place that was looked at.
#[derive(Debug)]
pub(crate) struct Visit {
    /// Which.
    pub(crate) place: Place,
    /// The variable or the path, as messages name it.
    pub(crate) name: String,
    /// What it held.
    pub(crate) outcome: Outcome,
}

/// An identity and where it is from.
pub(crate) struct Named {
    /// The identity.
    pub(crate) identity: Identity,
    /// The variable or the path.
    pub(crate) from: String,
    recipient: OnceLock<Option<String>>,
}

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Found {
    /// The places that were looked at.
    pub(crate) visits: Vec<Visit>,
    /// In the order in which they were found.
    pub(crate) identities: Vec<Named>,
}

impl Named {
    fn new(identity: Identity, from: &str) -> Self {
        Self { identity, from: from.to_owned(), recipient: OnceLock::new() }
    }

    /// The public half, if it can be known without asking anybody.
    pub(crate) fn recipient(&self) -> Option<&str> {
        let known = || self.identity.recipient().ok().map(|recipient| recipient.to_string());
        self.recipient.get_or_init(known).as_deref()
    }

    /// When it is asked: whose recipient it is before all others, and those that would ask a person at the end.
    pub(super) fn turn(&self, recipient: &str) -> u8 {
        if self.recipient().is_some_and(|own| same_recipient(own, recipient)) { 0 } else { 1 }
    }
}

/// Recipients are equal without the comment that an SSH key may have.
fn same_recipient(one: &str, other: &str) -> bool {
    one.split_whitespace().take(2).eq(other.split_whitespace().take(2))
}

impl Found {
    fn add(&mut self, place: Place, name: &str, read: Result<Vec<Identity>, Outcome>) {
        let outcome = match read {
            Ok(identities) => {
                let count = identities.len();
                self.identities.extend(identities.into_iter().map(|identity| Named::new(identity, name)));
                Outcome::Identities(count)
            }
            Err(outcome) => outcome,
        };
        self.visits.push(Visit { place, name: name.to_owned(), outcome });
    }
}

const SSH_KEY_COMMAND: &str = "SOPS_AGE_SSH_PRIVATE_KEY_CMD";
const KEY_COMMAND: &str = "SOPS_AGE_KEY_CMD";

/// Looks at every place that does not depend on the recipient.
pub(super) fn look(variables: &Arc<Variables>) -> Found {
    let mut found = Found::default();
    let name = "SOPS_AGE_SSH_PRIVATE_KEY_FILE";
    let read = variables.get(name).ok_or(Outcome::Unset).and_then(|path| ssh_key(Path::new(&path)));
    found.add(Place::SshKeyFile, name, read);
    match variables.get("HOME").filter(|home| !home.is_empty()) {
        Some(home) => {
            for (place, file) in [(Place::HomeEd25519, "id_ed25519"), (Place::HomeRsa, "id_rsa")] {
                let path = Path::new(&home).join(".ssh").join(file);
                let read = if path.metadata().is_ok() { ssh_key(&path) } else { Err(Outcome::Unset) };
                found.add(place, &path.display().to_string(), read);
            }
        }
        None => found.add(Place::HomeEd25519, "HOME", Err(Outcome::Unread("$HOME is not defined".to_owned()))),
    }
    let name = "SOPS_AGE_KEY";
    let read = variables.get(name).ok_or(Outcome::Unset).and_then(|text| {
        let text = Zeroizing::new(text.into_encoded_bytes());
        identities(name, &text, true, variables)
    });
    found.add(Place::Key, name, read);
    let name = "SOPS_AGE_KEY_FILE";
    let read = variables.get(name).ok_or(Outcome::Unset).and_then(|path| {
        let path = Path::new(&path);
        let text = open(path).map_err(|error| Outcome::Unread(format!("failed to open {name} file: {error}")))?;
        identities(name, &text, false, variables)
    });
    found.add(Place::KeyFile, name, read);
    match config_file(variables) {
        Ok(path) => {
            let name = path.display().to_string();
            let read = if matches!(path.try_exists(), Ok(false)) {
                Err(Outcome::Unset)
            } else {
                open(&path)
                    .map_err(|error| Outcome::Unread(format!("failed to open file: {error}")))
                    .and_then(|text| identities(&name, &text, false, variables))
            };
            found.add(Place::ConfigFile, &name, read);
        }
        Err(reason) => {
            // The real tool says it where nothing else was found, and it cannot matter otherwise.
            let reason = format!("user config directory could not be determined: {reason}");
            found.add(Place::ConfigFile, "XDG_CONFIG_HOME", Err(Outcome::Unread(reason)));
        }
    }
    found
}

/// Whether there are commands, which are asked for each recipient.
pub(super) fn has_commands(variables: &Variables) -> bool {
    [SSH_KEY_COMMAND, KEY_COMMAND].iter().any(|name| variables.get(name).is_some())
}

/// Asks the commands for the identity of a recipient.
pub(super) fn ask_commands(variables: &Arc<Variables>, recipient: &str) -> Found {
    let mut found = Found::default();
    let ask = |name: &str| {
        let command = variables.get(name).ok_or(Outcome::Unset)?;
        output(&command.to_string_lossy(), recipient).map_err(Outcome::Unread)
    };
    let read = ask(SSH_KEY_COMMAND)
        .and_then(|text| ssh::printed(&text, SSH_KEY_COMMAND).map(|key| vec![key]).map_err(Outcome::Unread));
    found.add(Place::SshKeyCommand, SSH_KEY_COMMAND, read);
    let read = ask(KEY_COMMAND).and_then(|text| identities(KEY_COMMAND, &text, false, variables));
    found.add(Place::KeyCommand, KEY_COMMAND, read);
    found
}

/// `sops/age/keys.txt` in the folder for the configuration of programs, as the platform has it.
fn config_file(variables: &Variables) -> Result<PathBuf, &'static str> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        set("AppData").ok_or("%AppData% is not defined")?
    } else if cfg!(target_os = "macos") {
        set("XDG_CONFIG_HOME")
            .or_else(|| set("HOME").map(|home| home.join("Library/Application Support")))
            .ok_or("$HOME is not defined")?
    } else {
        match set("XDG_CONFIG_HOME") {
            Some(folder) if folder.is_relative() => return Err("path in $XDG_CONFIG_HOME is relative"),
            Some(folder) => folder,
            None => {
                set("HOME").map(|home| home.join(".config")).ok_or("neither $XDG_CONFIG_HOME nor $HOME are defined")?
            }
        }
    };
    Ok(folder.join("sops/age/keys.txt"))
}

fn open(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    read_file(path).map_err(|error| go::path_error("open", path, &error))
}

fn identities(name: &str, text: &[u8], words: bool, variables: &Arc<Variables>) -> Result<Vec<Identity>, Outcome> {
    parse::source(name, text, words, variables).map_err(Outcome::Malformed)
}

fn ssh_key(path: &Path) -> Result<Vec<Identity>, Outcome> {
    ssh::key(path).map(|key| vec![key]).map_err(Outcome::Unread)
}

/// What a command prints. Its standard error is nobody's business: it may hold anything.
fn output(command: &str, recipient: &str) -> Result<Zeroizing<Vec<u8>>, String> {
    let named = shown(command);
    let words = shell_words::split(command)
        .map_err(|_| format!("failed to parse command {named}: EOF found when expecting closing quote"))?;
    let failed = |reason: String| format!("failed to execute command {named}: {reason}");
    let [program, arguments @ ..] = &words[..] else { return Err(failed("it is empty".to_owned())) };
    let mut child = Command::new(program)
        .args(arguments)
        .env("SOPS_AGE_RECIPIENT", recipient)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(go::not_started(shown(program), &error)))?;
    let text = child.stdout.take().map(|pipe| read_limited(pipe.take(u64::MAX), 0));
    let status = child.wait().map_err(|error| failed(os_error(&error)))?;
    if !status.success() {
        return Err(failed(go::exit(status)));
    }
    text.transpose().map_err(|error| failed(os_error(&error))).map(Option::unwrap_or_default)
}

/// A command as errors name it: not at all if a secret is in it.
fn shown(command: &str) -> &str {
    let upper = command.to_ascii_uppercase();
    if ["AGE-SECRET-KEY-", "AGE-PLUGIN-", "PRIVATE KEY"].iter().any(|secret| upper.contains(secret)) {
        "(not shown: an identity is in it)"
    } else {
        command
    }
}

/// The errors of all places: first what could not be read, then what could not be understood, each in the order of the places.
pub(super) fn errors<'a>(found: &[&'a Found]) -> Vec<&'a str> {
    let visits = in_order(found);
    let unread = visits.iter().filter_map(|visit| match &visit.outcome {
        Outcome::Unread(error) => Some(&**error),
        _ => None,
    });
    let malformed = visits.iter().filter_map(|visit| match &visit.outcome {
        Outcome::Malformed(error) => Some(&**error),
        _ => None,
    });
    unread.chain(malformed).collect()
}

/// The places without identities: first those that are not there, then those that are empty. The file that nobody named counts only if
/// there is nothing else.
pub(super) fn unused<'a>(found: &[&'a Found]) -> Vec<&'a str> {
    let visits = in_order(found);
    let has_source = visits.iter().any(|visit| match (visit.place, &visit.outcome) {
        (Place::ConfigFile, _) => false,
        // SSH keys count if they could be read.
        (Place::SshKeyFile | Place::SshKeyCommand | Place::HomeEd25519 | Place::HomeRsa, outcome) => {
            matches!(outcome, Outcome::Identities(_))
        }
        (_, outcome) => matches!(outcome, Outcome::Identities(_) | Outcome::Malformed(_)),
    });
    let unset = visits
        .iter()
        .filter(|visit| visit.outcome == Outcome::Unset && !(visit.place == Place::ConfigFile && has_source));
    let empty = visits.iter().filter(|visit| visit.outcome == Outcome::Identities(0));
    unset.chain(empty).map(|visit| &*visit.name).collect()
}

fn in_order<'a>(found: &[&'a Found]) -> Vec<&'a Visit> {
    let mut visits: Vec<&Visit> = found.iter().flat_map(|found| &found.visits).collect();
    visits.sort_by_key(|visit| visit.place);
    visits
}
