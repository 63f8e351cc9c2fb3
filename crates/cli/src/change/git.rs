//! When a file was committed last, if that is cheap to find out.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What asking may take; a file deep in a large history is not worth more.
const PATIENCE: Duration = Duration::from_millis(500);

/// The time of the last commit that touched the file. `None`: no git, no repository, never committed, or it takes too long.
pub(super) fn last_commit(path: &Path) -> Option<Timestamp> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Without a repository no process is started.
    folder.canonicalize().ok()?.ancestors().find(|folder| folder.join(".git").exists())?;
    // The repository's own settings may name programs: for signatures, and for fetching what a partial clone lacks.
    let mut child = Command::new("git")
        .args([
            "--no-pager",
            "-c",
            "log.showSignature=false",
            "-c",
            "protocol.allow=never",
            "-c",
            "core.fsmonitor=false",
        ])
        .args(["log", "-1", "--format=%ct", "--"])
        .arg(path.file_name()?)
        .current_dir(folder)
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_LITERAL_PATHSPECS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut text = String::new();
    // A time has ten digits.
    child.stdout.take()?.take(32).read_to_string(&mut text).ok()?;
    Timestamp::from_second(text.trim().parse().ok()?).ok()
}
