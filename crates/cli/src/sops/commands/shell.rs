//! Running what the user wants to run: by `/bin/sh -c`, as another user if asked, with the signals of this process passed on.
//!
//! This process has something to clean up when the command ends, so it does not die before it: Ctrl-C reaches the command from the
//! terminal and is the command's to handle; what is sent to this process alone (SIGTERM, SIGHUP, SIGUSR1, SIGUSR2) is sent on.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::super::failure::Failure;
use super::super::log;

const SHELL: &str = "/bin/sh";

/// A command and its environment.
pub(super) struct Shell {
    /// What `sh -c` is given.
    pub(super) command: OsString,
    /// The whole environment.
    pub(super) environment: BTreeMap<OsString, OsString>,
}

impl Shell {
    /// A command with our own environment.
    pub(super) fn new(command: OsString) -> Self {
        Self { command, environment: std::env::vars_os().collect() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(SHELL);
        command.arg("-c").arg(&self.command).env_clear().envs(&self.environment);
        command
    }

    /// Nothing that a process cannot have. Names no value.
    fn check(&self) -> Result<(), Failure> {
        let zero = |text: &OsStr| text.as_bytes().contains(&0);
        if self.environment.iter().any(|(key, value)| zero(key) || zero(value)) {
            return Err(Failure::generic("exec: environment variable contains NUL"));
        }
        Ok(())
    }

    /// Runs it to its end: 0, or the failure that its exit code is.
    pub(super) fn run(&self) -> Result<u8, Failure> {
        self.check()?;
        let signals = Signals::hold().map_err(|error| Failure::generic(crate::report::os_error(&error)))?;
        let child = self.command().spawn().map_err(|error| not_started(&error))?;
        let status = signals.wait(child).map_err(|error| Failure::generic(crate::report::os_error(&error)))?;
        ended(status)
    }

    /// Starts it and does not wait.
    pub(super) fn start(&self) -> Result<u8, Failure> {
        self.check()?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(|_| 0).map_err(|error| not_started(&error))
    }

    /// Becomes it. Comes back only if that fails.
    pub(super) fn become_it(&self) -> Failure {
        match self.check() {
            Ok(()) => Failure::generic(crate::report::os_error(&self.command().exec())),
            Err(_) => Failure::generic("invalid argument"),
        }
    }
}

fn not_started(error: &io::Error) -> Failure {
    Failure::generic(format!("fork/exec {SHELL}: {}", crate::report::os_error(error)))
}

/// What the real tool makes of an exit: a line, and the same exit code; 255 for a command that a signal ended.
fn ended(status: ExitStatus) -> Result<u8, Failure> {
    match status.code() {
        Some(0) => Ok(0),
        Some(code) => Err(Failure::new(u8::try_from(code).unwrap_or(u8::MAX), format!("exit status {code}"))),
        None => Err(Failure::new(u8::MAX, described(status))),
    }
}

/// The signal that ended it.
pub(super) fn described(status: ExitStatus) -> String {
    let core = if status.core_dumped() { " (core dumped)" } else { "" };
    format!("signal: {}{core}", signal_name(status.signal().unwrap_or_default()))
}

/// As Go names them.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".to_owned(),
        2 => "interrupt".to_owned(),
        3 => "quit".to_owned(),
        4 => "illegal instruction".to_owned(),
        5 => "trace/breakpoint trap".to_owned(),
        6 => "aborted".to_owned(),
        7 => "bus error".to_owned(),
        8 => "floating point exception".to_owned(),
        9 => "killed".to_owned(),
        10 => "user defined signal 1".to_owned(),
        11 => "segmentation fault".to_owned(),
        12 => "user defined signal 2".to_owned(),
        13 => "broken pipe".to_owned(),
        14 => "alarm clock".to_owned(),
        15 => "terminated".to_owned(),
        other => format!("signal {other}"),
    }
}

/// Signals are held from before the command starts until it has ended.
struct Signals {
    runtime: tokio::runtime::Runtime,
    passed_on: Vec<(rustix::process::Signal, tokio::signal::unix::Signal)>,
    /// The terminal sends these to the command as well.
    terminal: Vec<tokio::signal::unix::Signal>,
}

impl Signals {
    fn hold() -> io::Result<Self> {
        use rustix::process::Signal as Number;
        use tokio::signal::unix::{SignalKind, signal};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inside = runtime.enter();
        let passed_on = [
            (Number::TERM, SignalKind::terminate()),
            (Number::HUP, SignalKind::hangup()),
            (Number::USR1, SignalKind::user_defined1()),
            (Number::USR2, SignalKind::user_defined2()),
        ];
        let passed_on =
            passed_on.into_iter().map(|(number, kind)| Ok((number, signal(kind)?))).collect::<io::Result<_>>()?;
        let terminal =
            [SignalKind::interrupt(), SignalKind::quit()].into_iter().map(signal).collect::<io::Result<_>>()?;
        drop(inside);
        Ok(Self { runtime, passed_on, terminal })
    }

    fn wait(self, mut child: Child) -> io::Result<ExitStatus> {
        let Self { runtime, passed_on, terminal } = self;
        let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let (sender, ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = sender.send(child.wait());
        });
        runtime.block_on(async {
            for (number, mut stream) in passed_on {
                tokio::spawn(async move {
                    while stream.recv().await.is_some() {
                        if let Some(pid) = pid {
                            // It may have ended meanwhile.
                            let _ = rustix::process::kill_process(pid, number);
                        }
                    }
                });
            }
            // Held, not obeyed.
            let held = terminal;
            let status = ended.await.map_err(io::Error::other)?;
            drop(held);
            status
        })
    }
}

/// A user of this machine.
pub(super) struct User {
    name: String,
    home: OsString,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl User {
    /// Looks a user up, and becomes it: this process and all that it starts from now on. The variables that name the user.
    pub(super) fn become_user(name: &str) -> Result<Vec<(OsString, OsString)>, Failure> {
        let fatal = |text: &str| {
            log::entry(log::Level::Fatal, "EXEC", text, &[]);
            Failure::generic("")
        };
        let user = Self::find(name).ok_or_else(|| fatal(&format!("user: unknown user {name}")))?;
        user.switch().map_err(|error| fatal(&crate::report::os_error(&error)))?;
        let variable = |key: &str, value: &OsStr| (OsString::from(key), value.to_owned());
        let name = OsStr::new(&user.name);
        Ok(vec![variable("HOME", &user.home), variable("USER", name), variable("LOGNAME", name)])
    }

    fn find(name: &str) -> Option<Self> {
        let passwd = read("/etc/passwd")?;
        let fields = line_of(&passwd, name).or_else(|| line_of(&asked(&["passwd", name])?, name))?;
        let [_, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let mut groups = vec![gid];
        let memberships = read("/etc/group").unwrap_or_default();
        for line in memberships.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            if let [_, _, group, members] = fields[..]
                && members.split(',').any(|member| member.trim() == name)
            {
                groups.extend(group.parse::<u32>().ok().filter(|group| !groups.contains(group)));
            }
        }
        Some(Self { name: name.to_owned(), home: home.into(), uid, gid, groups })
    }

    /// Groups first: afterwards there is no right to change them.
    #[cfg(target_os = "linux")]
    fn switch(&self) -> io::Result<()> {
        use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
        let groups: Vec<Gid> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn switch(&self) -> io::Result<()> {
        let _ = (self.uid, self.gid, &self.groups);
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Users that are not in the file: of a directory service.
fn asked(words: &[&str]) -> Option<String> {
    let output = Command::new("getent").args(words).stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line_of(text: &str, name: &str) -> Option<Vec<String>> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    Some(line.split(':').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_put_into_the_real_tools_words() {
        for (status, code, text) in [
            (ExitStatus::from_raw(3 << 8), 3, "exit status 3"),
            (ExitStatus::from_raw(9), 255, "signal: killed"),
            (ExitStatus::from_raw(15), 255, "signal: terminated"),
        ] {
            let failure = ended(status).unwrap_err();
            assert_eq!((failure.code, &*failure.text), (code, text));
        }
        assert_eq!(ended(ExitStatus::from_raw(0)).ok(), Some(0));
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/sh\nrootless:x:7:8::/home/r:/bin/false\n";
        assert_eq!(line_of(text, "rootless").map(|fields| fields[5].clone()), Some("/home/r".to_owned()));
        assert_eq!(line_of(text, "roo"), None);
    }
}
