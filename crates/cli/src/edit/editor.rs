//! Running the user's editor, and being there when a signal comes.
//!
//! The editor is what `VISUAL` or `EDITOR` say, given to a shell as git does it, so that `code --wait` and quoted paths
//! work. Ctrl-C reaches the editor and us at the same time and is the editor's to handle; SIGTERM and SIGHUP end both. In each
//! case the caller comes back to life and removes the plain text.

use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::report::{Code, Report, Result, os_error};

/// How editing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The editor was left in order.
    Done,
    /// Ctrl-C, or somebody wants this process to end.
    Interrupted,
}

/// The command line of the editor.
pub(crate) fn choose(visual: Option<String>, editor: Option<String>, on_terminal: bool) -> Result<String> {
    let set = |text: &String| !text.trim().is_empty();
    match visual.filter(set).or(editor.filter(set)) {
        Some(editor) => Ok(editor),
        None if on_terminal => Ok("vi".to_owned()),
        None => Err(Report::new(Code::EditorFails, "no editor is set: VISUAL and EDITOR are empty")
            .hint("name one: EDITOR=nano bulla edit FILE; without an editor: bulla set FILE KEY --stdin")),
    }
}

/// Signals that would end this process at once are held back from now on.
pub(crate) struct Signals {
    runtime: tokio::runtime::Runtime,
    #[cfg(unix)]
    end: [tokio::signal::unix::Signal; 2],
    #[cfg(unix)]
    interrupt: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    /// Before there is anything that would have to be removed.
    pub(crate) fn hold() -> Result<Self> {
        let failed = |error: std::io::Error| Report::new(Code::Internal, format!("handle signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let _inside = runtime.enter();
            let end = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
            let interrupt = [SignalKind::interrupt(), SignalKind::quit()].map(signal);
            let [terminate, hangup] = end;
            let [ctrl_c, quit] = interrupt;
            let end = [terminate.map_err(failed)?, hangup.map_err(failed)?];
            let interrupt = [ctrl_c.map_err(failed)?, quit.map_err(failed)?];
            drop(_inside);
            Ok(Self { runtime, end, interrupt })
        }
        #[cfg(not(unix))]
        Ok(Self { runtime })
    }

    /// Runs the editor on `file`.
    pub(crate) fn edit(&mut self, editor: &str, file: &Path) -> Result<Ended> {
        let child = command(editor, file).spawn().map_err(|error| {
            Report::new(Code::EditorFails, format!("start the editor: {}", os_error(&error)))
                .hint("check VISUAL and EDITOR; they are run by sh")
        })?;
        let (status, interrupted) = self.wait(child)?;
        match status {
            None => Ok(Ended::Interrupted),
            Some(status) if status.success() => Ok(Ended::Done),
            Some(status) if interrupted || was_interrupted(status) => Ok(Ended::Interrupted),
            Some(status) => {
                Err(Report::new(Code::EditorFails, format!("the editor ended with {status}; nothing was changed"))
                    .hint("check VISUAL and EDITOR; they are run by sh, with the file as the last argument"))
            }
        }
    }

    /// Waits until a line was read from standard input. No answer is the end of the input; an error, that this process is to end.
    #[cfg(unix)]
    pub(crate) fn wait_for_enter(&mut self) -> std::result::Result<bool, Ended> {
        let Self { runtime, end: [terminate, hangup], interrupt: [ctrl_c, quit] } = self;
        let (sender, read) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = sender.send(std::io::stdin().read_line(&mut line).is_ok_and(|count| count > 0));
        });
        runtime.block_on(async {
            tokio::select! {
                read = read => Ok(read.unwrap_or(false)),
                _ = terminate.recv() => Err(Ended::Interrupted),
                _ = hangup.recv() => Err(Ended::Interrupted),
                _ = ctrl_c.recv() => Err(Ended::Interrupted),
                _ = quit.recv() => Err(Ended::Interrupted),
            }
        })
    }

    /// Waits for the editor; no status if this process is to end. And whether Ctrl-C was pressed.
    #[cfg(unix)]
    pub(crate) fn wait(&mut self, mut child: Child) -> Result<(Option<ExitStatus>, bool)> {
        use rustix::process::{Pid, Signal, kill_process};
        const GRACE: Duration = Duration::from_secs(2);
        let Self { runtime, end: [terminate, hangup], interrupt: [ctrl_c, quit] } = self;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let (sender, mut ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = sender.send(child.wait());
        });
        let failed = |error: String| Report::new(Code::EditorFails, format!("wait for the editor: {error}"));
        runtime.block_on(async {
            let mut interrupted = false;
            loop {
                tokio::select! {
                    status = &mut ended => {
                        let status = status.map_err(|error| failed(error.to_string()))?;
                        return Ok((Some(status.map_err(|error| failed(os_error(&error)))?), interrupted));
                    }
                    _ = terminate.recv() => break,
                    _ = hangup.recv() => break,
                    _ = ctrl_c.recv() => interrupted = true,
                    _ = quit.recv() => interrupted = true,
                }
            }
            for signal in [Signal::TERM, Signal::KILL] {
                if let Some(pid) = pid {
                    let _ = kill_process(pid, signal);
                }
                if tokio::time::timeout(GRACE, &mut ended).await.is_ok() {
                    break;
                }
            }
            Ok((None, interrupted))
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn wait(&mut self, mut child: Child) -> Result<(Option<ExitStatus>, bool)> {
        let _ = &self.runtime;
        let status = child.wait().map_err(|error| Report::new(Code::EditorFails, os_error(&error)))?;
        Ok((Some(status), false))
    }

    /// Whether this process was told to end meanwhile.
    pub(crate) fn is_told_to_end(&mut self) -> bool {
        #[cfg(unix)]
        {
            const MOMENT: Duration = Duration::from_millis(1);
            let Self { runtime, end: [terminate, hangup], interrupt: [ctrl_c, _] } = self;
            let told = async {
                tokio::select! { _ = terminate.recv() => {}, _ = hangup.recv() => {}, _ = ctrl_c.recv() => {} }
            };
            runtime.block_on(async { tokio::time::timeout(MOMENT, told).await.is_ok() })
        }
        #[cfg(not(unix))]
        false
    }
}

#[cfg(unix)]
fn was_interrupted(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    // As a shell tells it that its child was.
    const BY_SHELL: i32 = 130;
    status.signal() == Some(rustix::process::Signal::INT.as_raw()) || status.code() == Some(BY_SHELL)
}

#[cfg(not(unix))]
fn was_interrupted(_status: ExitStatus) -> bool {
    false
}

/// `sh -c 'EDITOR "$@"' EDITOR FILE`; its own temporary files go where the text is, too.
fn command(editor: &str, file: &Path) -> Command {
    let folder = file.parent().unwrap_or(file);
    if cfg!(unix) {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$@\"")).arg(editor).arg(file).env("TMPDIR", folder);
        command
    } else {
        let mut command = Command::new(editor);
        command.arg(file);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visual_wins_over_editor_and_a_terminal_has_vi() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(choose(text("code --wait"), text("nano"), true).ok(), text("code --wait"));
        assert_eq!(choose(text(" "), text("nano"), false).ok(), text("nano"));
        assert_eq!(choose(None, None, true).ok(), text("vi"));
        assert_eq!(choose(None, text(""), false).err().map(|report| report.code()), Some(Code::EditorFails));
    }
}
