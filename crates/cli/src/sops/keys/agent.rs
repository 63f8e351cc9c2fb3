//! gpg-agent, which keeps passphrases for a while and asks for them in a window (the Assuan protocol, GnuPG's manual, "Agent protocol").

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::age::Variables;

/// The longest line that is read; the protocol has 1,000 bytes.
const MAX_LINE: u64 = 64 << 10;

/// A connection, after the agent's greeting.
pub(super) struct Agent {
    #[cfg(unix)]
    stream: BufReader<std::os::unix::net::UnixStream>,
    terminal: Vec<String>,
}

impl Agent {
    /// Connects to the agent of this user; `None` where there is none.
    #[cfg(unix)]
    pub(super) fn connect(variables: &Variables) -> Option<Self> {
        let stream = std::os::unix::net::UnixStream::connect(socket(variables)?).ok()?;
        let mut terminal = Vec::new();
        let text = |name: &str| variables.get(name).and_then(|value| value.into_string().ok());
        if let Some(display) = text("DISPLAY").filter(|display| !display.is_empty()) {
            terminal.push(format!("display={display}"));
        }
        let tty = std::fs::read_link("/proc/self/fd/0").ok().filter(|tty| tty.starts_with("/dev"));
        if let Some(tty) = text("GPG_TTY").or_else(|| tty.map(|tty| tty.display().to_string())) {
            terminal.push(format!("ttyname={tty}"));
        }
        if let Some(kind) = text("TERM").filter(|kind| !kind.is_empty()) {
            terminal.push(format!("ttytype={kind}"));
        }
        let mut agent = Self { stream: BufReader::new(stream), terminal };
        agent.answer().ok().map(|_| agent)
    }

    /// There are no sockets of that kind here.
    #[cfg(not(unix))]
    pub(super) fn connect(_: &Variables) -> Option<Self> {
        None
    }

    /// The passphrase that is kept under `id`, or what is typed into the agent's window.
    pub(super) fn passphrase(
        &mut self,
        id: &str,
        prompt: &str,
        description: &str,
    ) -> Result<Zeroizing<String>, String> {
        for option in std::mem::take(&mut self.terminal) {
            self.ask(&format!("OPTION {option}"))?;
        }
        let answer =
            self.ask(&format!("GET_PASSPHRASE {} X {} {}", escaped(id), escaped(prompt), escaped(description)))?;
        let bytes = hex(answer.trim()).ok_or("the answer of gpg-agent is not understood")?;
        let text = std::str::from_utf8(&bytes).map_err(|_| "the passphrase is not text")?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Forgets what is kept under `id`, because it was wrong.
    pub(super) fn forget(&mut self, id: &str) {
        let _ = self.ask(&format!("CLEAR_PASSPHRASE {}", escaped(id)));
    }

    fn ask(&mut self, command: &str) -> Result<Zeroizing<String>, String> {
        let line = Zeroizing::new(format!("{command}\n"));
        self.send(line.as_bytes())?;
        self.answer()
    }

    /// What follows `OK`.
    fn answer(&mut self) -> Result<Zeroizing<String>, String> {
        loop {
            let line = self.line()?;
            if let Some(answer) = line.strip_prefix("OK") {
                return Ok(Zeroizing::new(answer.to_owned()));
            }
            if let Some(error) = line.strip_prefix("ERR ") {
                return Err(match error.split(' ').next() {
                    Some("67108922") => "GPG_ERR_NO_DATA cache miss".to_owned(),
                    Some("83886179") => "gpgagent: Cancel".to_owned(),
                    _ => error.trim().escape_debug().to_string(),
                });
            }
            // Status lines and comments.
            if !line.starts_with("S ") && !line.starts_with('#') {
                return Err("the answer of gpg-agent is not understood".to_owned());
            }
        }
    }

    #[cfg(unix)]
    fn line(&mut self) -> Result<Zeroizing<String>, String> {
        let mut line = Zeroizing::new(String::with_capacity(1024));
        (&mut self.stream).take(MAX_LINE).read_line(&mut line).map_err(|error| crate::report::os_error(&error))?;
        if line.is_empty() { Err("gpg-agent hung up".to_owned()) } else { Ok(line) }
    }

    #[cfg(unix)]
    fn send(&mut self, line: &[u8]) -> Result<(), String> {
        self.stream.get_mut().write_all(line).map_err(|error| crate::report::os_error(&error))
    }

    #[cfg(not(unix))]
    fn line(&mut self) -> Result<Zeroizing<String>, String> {
        Err(String::new())
    }

    #[cfg(not(unix))]
    fn send(&mut self, _: &[u8]) -> Result<(), String> {
        Err(String::new())
    }
}

/// Where the agent listens: what `GPG_AGENT_INFO` says, the folder of GnuPG, the one for sockets.
fn socket(variables: &Variables) -> Option<PathBuf> {
    if let Some(info) = variables.get("GPG_AGENT_INFO") {
        let info = info.into_string().ok()?;
        return info.split(':').next().filter(|path| !path.is_empty()).map(PathBuf::from);
    }
    let home = PathBuf::from(variables.get("HOME")?).join(".gnupg/S.gpg-agent");
    match variables.get("XDG_RUNTIME_DIR") {
        Some(folder) if !is_socket(&home) => Some(Path::new(&folder).join("gnupg/S.gpg-agent")),
        _ => Some(home),
    }
}

#[cfg(unix)]
fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[cfg(not(unix))]
fn is_socket(_: &Path) -> bool {
    false
}

/// Words of the protocol: percent signs and what would end a word, escaped; spaces as plus signs.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => escaped.push('+'),
            b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    if !text.len().is_multiple_of(2) {
        return None;
    }
    for pair in text.as_bytes().chunks_exact(2) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        bytes.push(u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?);
    }
    Some(bytes)
}
