//! Running the built binary as a user would, in a folder of its own and without anybody's kubeconfig.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses its own part")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The built binary.
pub const BULLA: &str = env!("CARGO_BIN_EXE_bulla");

/// A plaintext that must never be seen where it does not belong.
pub const CANARY: &str = "canary-Hunter2-tweet";

pub fn vectors(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(path)
}

pub fn vector(path: &str) -> String {
    let path = vectors(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a run left behind.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Fails unless it ended well, and gives what it printed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self.stdout
    }

    /// Fails unless it failed with `code` and a message that holds all of `words`, and no canary. Gives standard error.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> String {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        for words in words {
            assert!(self.stderr.contains(words), "{words:?} is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_no_canary(&self.stderr);
        assert_eq!(self.stdout, "", "an error prints no data");
        self.stderr
    }
}

/// Neither the canary nor its base64, in whole or in part.
#[track_caller]
pub fn assert_no_canary(text: &str) {
    // base64 of `canary-Hunter2-tweet`, at each of the three alignments, without the ends.
    for trace in ["Hunter2", "Y2FuYXJ5LUh1bnRlcjIt", "NhbmFyeS1IdW50ZXIy", "jYW5hcnktSHVudGVyMi"] {
        assert!(!text.contains(trace), "a secret value is shown ({trace}):\n{text}");
    }
}

/// A folder with a home that holds nothing, for runs that must not see the tester's own settings.
pub struct Bench {
    pub folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With the file `config`: a kubeconfig for the API server that listens there for plain HTTP.
    pub fn with_cluster(address: &str) -> Self {
        let bench = Self::new();
        bench.write(
            "config",
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {{server: \"http://{address}\"}}\n\
                 users:\n- name: u\n  user: {{token: t}}\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n"
            ),
        );
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    pub fn bulla(&self, args: &[&str]) -> Ran {
        self.bulla_with(args, b"")
    }

    pub fn bulla_with(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(BULLA);
        command.args(args);
        run(command, input)
    }

    /// `bulla seal --cert key1.crt …` with `input` on standard input.
    pub fn seal(&self, args: &[&str], input: &str) -> Ran {
        let certificate = vectors("sealed/keys/key1.crt").display().to_string();
        let mut words = vec!["seal", "--cert", &certificate];
        words.extend(args);
        self.bulla_with(&words, input.as_bytes())
    }

    /// `bulla unseal --key key1.key …` with `input` on standard input.
    pub fn unseal(&self, args: &[&str], input: &str) -> Ran {
        let key = vectors("sealed/keys/key1.key").display().to_string();
        let mut words = vec!["unseal", "--key", &key];
        words.extend(args);
        self.bulla_with(&words, input.as_bytes())
    }
}

/// Runs `command` with `input` on standard input.
pub fn run(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that refuses early does not read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A Secret with the canary in it.
pub fn secret(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: shop\nstringData:\n  password: {CANARY}\n"
    )
}

/// `text` with every ciphertext replaced by its length, so that two seals of the same thing are equal.
pub fn without_ciphertexts(text: &str) -> String {
    let is_base64 = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_base64) {
        let end = rest[start..].find(|letter| !is_base64(letter)).map_or(rest.len(), |length| start + length);
        let word = &rest[start..end];
        result.push_str(&rest[..start]);
        if word.len() >= 300 && word.starts_with('A') {
            result.push_str(&format!("<{} characters>", word.len()));
        } else {
            result.push_str(word);
        }
        rest = &rest[end..];
    }
    result + rest
}
