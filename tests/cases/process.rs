//! One process: what it is given, how long it may take, what it leaves in its folder.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use super::outcome::Call;
use super::terminal::terminal_pair;

/// Exit code, stdout and stderr.
pub(crate) fn process(
    program: &Path,
    home: &Path,
    folder: &Path,
    call: &Call,
    tty: bool,
    patience: Duration,
) -> (i32, Vec<u8>, Vec<u8>) {
    let mut command = Command::new(program);
    command
        .args(&call.args)
        .current_dir(folder)
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(call.environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it has started ends with it.
        .process_group(0);
    let mut terminal = None;
    if tty {
        let (master, slave) = terminal_pair();
        command.stdin(slave);
        terminal = Some(master);
    } else {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    // The command holds the terminal's other side.
    drop(command);
    let input = call.input.clone();
    let stdin = child.stdin.take();
    let writer = std::thread::spawn(move || {
        // A program that refuses early does not read everything.
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&input);
        }
        if let Some(terminal) = &mut terminal {
            let _ = terminal.write_all(&input);
            let _ = terminal.write_all(&[4]);
        }
        // Kept open until the process has ended: a hang-up is not an end of file.
        terminal
    });
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = err.read_to_end(&mut bytes);
        bytes
    });
    let (done, watch) = channel::<()>();
    let id = rustix::process::Pid::from_child(&child);
    let watchdog = std::thread::spawn(move || {
        if watch.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    });
    let mut stdout = Vec::new();
    let _ = out.read_to_end(&mut stdout);
    let code = ended(&mut child);
    drop(done);
    watchdog.join().unwrap();
    drop(writer.join().unwrap());
    (code, stdout, reader.join().unwrap())
}

fn ended(child: &mut Child) -> i32 {
    child.wait().unwrap().code().unwrap_or(-1)
}

/// Every file below `folder`, but for the keys.
pub(crate) fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, (u32, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let kind = std::fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            collect(root, &path, files);
        } else if name != "k" {
            let mode = if kind.is_symlink() { 0o120_000 } else { kind.permissions().mode() & 0o7777 };
            files.insert(name, (mode, std::fs::read(&path).unwrap_or_default()));
        }
    }
}
