//! The real sops as a library: a process of `tests/peers/sops-helper` that answers many requests.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A process, which ends with this.
pub(crate) struct Helper {
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// `load`, `encrypt`, `key`, `decrypt`, `mac`, `emit`, `path`, `value`, `panic`
    pub(crate) stage: String,
    pub(crate) error: String,
}

impl Wrong {
    pub(crate) fn new(stage: &str, error: impl ToString) -> Self {
        Self { stage: stage.to_owned(), error: error.to_string() }
    }
}

impl Helper {
    /// Starts `program`; `identities` is a file of age identities for requests that need real ones.
    pub(crate) fn start(program: &Path, identities: Option<&Path>) -> Self {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", "/nonexistent").stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(identities) = identities {
            command.env("SOPS_AGE_KEY_FILE", identities);
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, requests, answers }
    }

    /// The answer to a request: `main.go` says which there are. `text` goes along in base64.
    pub(crate) fn ask(&mut self, mut request: Value, text: &[u8]) -> Result<Vec<u8>, Wrong> {
        request["Text"] = json!(STANDARD.encode(text));
        let mut line = request.to_string();
        line.push('\n');
        self.requests.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{answer:?}: {error}"));
        match answer["Stage"].as_str() {
            Some(stage) => Err(Wrong::new(stage, answer["Error"].as_str().unwrap_or_default())),
            None => Ok(STANDARD.decode(answer["Text"].as_str().unwrap_or_default()).unwrap()),
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}
