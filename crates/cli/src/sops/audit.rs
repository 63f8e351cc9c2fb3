//! The audit log: who encrypted, decrypted or rotated which file, in PostgreSQL.
//!
//! `/etc/sops/audit.yaml` names the databases. There is no flag and no variable for another place: whoever runs sops must not be able to
//! choose not to be seen. A database that does not answer, or does not take the entry, ends the command before the file is touched.
//! `connection` reads the connection strings, `tls` says who is believed.

mod connection;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio_postgres::error::ErrorPosition;

use self::connection::Target;
use super::failure::{Failure, code};
use super::go;
use super::log::{self, Level};

const FILE: &str = "/etc/sops/audit.yaml";
/// To connect and to say hello; the connection string may set another one.
const CONNECT: Duration = Duration::from_secs(10);
const INSERT: Duration = Duration::from_secs(30);

/// What is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Values were encrypted.
    Encrypt,
    /// Values were decrypted.
    Decrypt,
    /// The data key was replaced.
    Rotate,
}

/// The databases, connected.
struct Audit {
    runtime: tokio::runtime::Runtime,
    databases: Vec<tokio_postgres::Client>,
    user: String,
    file: PathBuf,
}

static AUDIT: OnceLock<Mutex<Audit>> = OnceLock::new();

/// Connects, if the file says so. Called once, before the flags are looked at.
pub(crate) fn start() -> Result<(), Failure> {
    if let Some(audit) = Audit::load()? {
        // A second start in one process would be the first one's.
        let _ = AUDIT.set(Mutex::new(audit));
    }
    Ok(())
}

/// The file that is worked on from now on: what is opened and encrypted is this one.
pub(crate) fn reading(path: &Path) {
    if let Some(audit) = AUDIT.get() {
        let path = go::absolute(path).unwrap_or_else(|_| path.to_owned());
        audit.lock().unwrap_or_else(PoisonError::into_inner).file = path;
    }
}

/// Records in all databases what happens to the file; nothing if there are none.
pub(crate) fn record(action: Action) -> Result<(), Failure> {
    match AUDIT.get() {
        Some(audit) => audit.lock().unwrap_or_else(PoisonError::into_inner).record(action),
        None => Ok(()),
    }
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    backends: Option<Backends>,
}

#[derive(Deserialize, Default)]
struct Backends {
    #[serde(default)]
    postgres: Option<Vec<Database>>,
}

#[derive(Deserialize)]
struct Database {
    #[serde(default)]
    connection_string: String,
}

impl Audit {
    /// Reads the file and connects to every database in it. `None` if there is no file, or none that may be read.
    fn load() -> Result<Option<Self>, Failure> {
        let text = match std::fs::read_to_string(FILE) {
            Ok(text) => text,
            Err(_) => {
                log::debug("AUDIT", "Error reading config");
                return Ok(None);
            }
        };
        let file: Option<File> = serde_saphyr::from_str(&text)
            .map_err(|_| fatal(&format!("Error unmarshalling config: {FILE} is not what it should be")))?;
        let databases = file.and_then(|file| file.backends).and_then(|backends| backends.postgres).unwrap_or_default();
        if databases.is_empty() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| fatal(&format!("Error connecting: {error}")))?;
        let user = user();
        let (mut connected, mut errors) = (Vec::new(), Vec::new());
        for database in &databases {
            match runtime.block_on(connect(&database.connection_string, &user)) {
                Ok(client) => connected.push(client),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            return Ok(Some(Self { runtime, databases: connected, user, file: PathBuf::new() }));
        }
        log::error("AUDIT", &format!("connecting to audit database, defined in {FILE}"));
        // The real tool shows the connection string here, and the password in it.
        errors.iter().for_each(|error| log::error("AUDIT", error));
        Err(fatal("one or more audit backends reported errors, exiting"))
    }

    fn record(&self, action: Action) -> Result<(), Failure> {
        let action = match action {
            Action::Encrypt => "encrypt",
            Action::Decrypt => "decrypt",
            Action::Rotate => "rotate",
        };
        let file = self.file.to_string_lossy();
        log::entry(Level::Debug, "AUDIT", &format!("Saving {action} event to database"), &[("file", &file)]);
        for database in &self.databases {
            let row: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&action, &self.user, &&*file];
            let insert = database.execute("INSERT INTO audit_event (action, username, file) VALUES ($1, $2, $3)", &row);
            let result = self.runtime.block_on(async { tokio::time::timeout(INSERT, insert).await });
            let error = match result {
                Ok(Ok(_)) => continue,
                Ok(Err(error)) => in_words(&error),
                Err(_) => "the database does not answer".to_owned(),
            };
            return Err(fatal(&format!("Failed to insert audit record: {error}")));
        }
        Ok(())
    }
}

async fn connect(text: &str, user: &str) -> Result<tokio_postgres::Client, String> {
    let Target { config, tls } = connection::parse(text, user)?;
    let limit = config.get_connect_timeout().copied().unwrap_or(CONNECT);
    let hello = async {
        let client = match tls {
            None => {
                let (client, connection) =
                    config.connect(tokio_postgres::NoTls).await.map_err(|error| in_words(&error))?;
                tokio::spawn(connection);
                client
            }
            Some(trust) => {
                let (client, connection) =
                    config.connect(tls::connector(&trust)?).await.map_err(|error| in_words(&error))?;
                tokio::spawn(connection);
                client
            }
        };
        client.simple_query("SELECT 1").await.map_err(|error| in_words(&error))?;
        Ok(client)
    };
    let result =
        tokio::time::timeout(limit, hello).await.unwrap_or_else(|_| Err("the database does not answer".to_owned()));
    result.map_err(|error: String| format!("Pinging audit database failed: {error}"))
}

/// What the database says, or the cause of all causes.
fn in_words(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        let place = match error.position() {
            Some(ErrorPosition::Original(column)) => format!(" at column {column}"),
            _ => String::new(),
        };
        return format!("pq: {}{place} ({})", error.message(), error.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = cause.to_string();
        source = cause.source();
    }
    text
}

fn fatal(message: &str) -> Failure {
    log::entry(Level::Fatal, "AUDIT", message, &[]);
    Failure::new(code::GENERIC, "")
}

/// The name of the user in /etc/passwd; `USER` only for somebody who is not in it.
fn user() -> String {
    let own = rustix::process::getuid().as_raw().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == own).then(|| name.to_owned())
    });
    name.or_else(|| std::env::var("USER").ok()).unwrap_or(own)
}
