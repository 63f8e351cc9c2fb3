//! One run of one sops: a folder of its own, what the case puts into it, the process, and what is left behind.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::time::Duration;

use regex::Regex;
use serde_json::json;

use crate::cases::case::{Case, Content, What};
use crate::cases::outcome::{Call, Left, Outcome};
use crate::cases::process::{collect, process};
use crate::helper::{Helper, Wrong};
use crate::normal::{without_ciphertexts, without_help};
use crate::server::{Reply, Server};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who is said never to end gets so long.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);
/// An address where nobody listens.
const CLOSED: &str = "127.0.0.1:1";
/// The identities that a run has unless it says otherwise.
const IDENTITIES: &str = "k/keys/age-a.txt";

/// What all runs share: the vectors, the binaries, the folders that were prepared for cases, and the real sops as a library.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    real: PathBuf,
    prepared: Mutex<HashMap<String, Arc<tempfile::TempDir>>>,
    helper: Mutex<Helper>,
    gnupg: OnceLock<Gnupg>,
}

/// A folder of gpg's with the test keys in it. Nothing that is static is dropped, so a process of its own ends the agent and removes the
/// folder, and that of the bench, as soon as this process is gone.
struct Gnupg(PathBuf);

impl Bench {
    pub(crate) fn new(real: &Path, ours: &Path, helper: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("k");
        copy(&crate::suite::vectors(), &keys);
        let identities: String = ["a", "b", "c", "pq"]
            .map(|name| std::fs::read_to_string(keys.join(format!("keys/age-{name}.txt"))).unwrap())
            .concat();
        std::fs::write(keys.join("keys/all.txt"), identities).unwrap();
        for (name, binary) in [("real", real), ("ours", ours)] {
            let folder = folder.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            symlink(binary, folder.join("sops")).unwrap();
        }
        let helper = Helper::start(helper, Some(&keys.join("keys/all.txt")));
        let real = folder.path().join("real/sops");
        Self { folder, real, prepared: Mutex::default(), helper: Mutex::new(helper), gnupg: OnceLock::new() }
    }

    /// The folder that every run sees as `k`: tests/vectors/sops.
    pub(crate) fn key_folder(&self) -> PathBuf {
        self.folder.path().join("k")
    }

    /// The path of "real" or "ours".
    pub(crate) fn program(&self, which: &str) -> PathBuf {
        self.folder.path().join(which).join("sops")
    }

    /// A folder where both sides find the same: the case's files, and what the real tool made of them.
    fn prepared(&self, case: &Case) -> Arc<tempfile::TempDir> {
        if let Some(known) = self.prepared.lock().unwrap().get(&case.id) {
            return Arc::clone(known);
        }
        let folder = Arc::new(tempfile::tempdir_in(self.folder.path()).unwrap());
        let at = folder.path();
        symlink(self.key_folder(), at.join("k")).unwrap();
        std::fs::create_dir(at.join("tmp")).unwrap();
        let fill = |text: &str| self.fill(text, at);
        for file in &case.files {
            let path = at.join(&file.name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let bytes = match &file.content {
                Content::Text(text) => fill(text).into_bytes(),
                Content::Copy(name) => std::fs::read(at.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")),
                Content::Zeros(count) => vec![0; *count],
            };
            std::fs::write(&path, bytes).unwrap();
            let mode = if file.executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        for (name, target) in &case.links {
            symlink(target, at.join(name)).unwrap();
        }
        for words in &case.setup {
            let call = Call {
                args: words.iter().map(|word| fill(word)).collect(),
                environment: self.environment(case, at),
                input: Vec::new(),
            };
            let (code, _, stderr) = process(&self.real, at, &at.join(&case.folder), &call, false, PATIENCE);
            assert_eq!(code, 0, "{}: setup {words:?}: {}", case.id, String::from_utf8_lossy(&stderr));
        }
        for (name, mode) in &case.modes {
            std::fs::set_permissions(at.join(name), std::fs::Permissions::from_mode(*mode)).unwrap();
        }
        self.prepared.lock().unwrap().entry(case.id.clone()).or_insert(folder).clone()
    }

    fn environment(&self, case: &Case, folder: &Path) -> Vec<(String, String)> {
        let mut environment = vec![
            ("TMPDIR".to_owned(), folder.join("tmp").to_str().unwrap().to_owned()),
            // Whoever edits by accident must not wait for a person.
            ("EDITOR".to_owned(), "true".to_owned()),
        ];
        if !case.no_keys {
            environment.push(("SOPS_AGE_KEY_FILE".to_owned(), folder.join(IDENTITIES).to_str().unwrap().to_owned()));
        }
        let given = case.environment.iter().map(|(name, value)| (name.clone(), self.fill(value, folder)));
        environment.extend(given);
        environment
    }

    fn fill(&self, text: &str, folder: &Path) -> String {
        let mut text = text.replace("{dir}", folder.to_str().unwrap()).replace("{closed}", CLOSED);
        for (name, value) in RECIPIENTS {
            text = text.replace(name, value);
        }
        if text.contains("{gnupg}") {
            let gnupg =
                self.gnupg.get_or_init(|| Gnupg::with_keys(&self.key_folder().join("keys"), self.folder.path()));
            text = text.replace("{gnupg}", gnupg.0.to_str().unwrap());
        }
        for (opening, file) in
            [("{ssh}", "keys/ssh_ed25519.pub"), ("{ssh-rsa}", "keys/ssh_rsa.pub"), ("{identity}", "keys/age-a.txt")]
        {
            if text.contains(opening) {
                let content = std::fs::read_to_string(self.key_folder().join(file)).unwrap();
                let line = content.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
                text = text.replace(opening, line);
            }
        }
        text
    }

    /// Runs `which`, "real" or "ours", on `case`. `before` changes what it is given, `after` what it leaves.
    pub(crate) fn run(
        &self,
        which: &str,
        case: &Case,
        before: impl Fn(&mut Call),
        after: impl Fn(&mut Left),
    ) -> Outcome {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap();
        let folder = folder.path();
        copy(self.prepared(case).path(), folder);
        let server = case.server.map(|_| Server::start());
        let url = server.as_ref().map_or_else(String::new, |server| server.url.clone());
        let fill = |text: &str| self.fill(text, folder).replace("{server}", &url);
        let bytes = |content: &Content| match content {
            Content::Text(text) => fill(text).into_bytes(),
            Content::Copy(name) => std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")),
            Content::Zeros(count) => vec![0; *count],
        };
        if let Some(server) = &server {
            // The address is known only now.
            for file in &case.files {
                if let Content::Text(text) = &file.content
                    && text.contains("{server}")
                {
                    std::fs::write(folder.join(&file.name), fill(text)).unwrap();
                }
            }
            server.answer(case.answers.iter().map(|answer| match &answer.what {
                What::Status { code, body, .. } => Reply {
                    target: answer.target.clone(),
                    code: *code,
                    body: body.as_ref().map(&bytes).unwrap_or_default(),
                },
                _ => panic!("{}: this server only answers", case.id),
            }));
        }
        let mut call = Call {
            args: case.args.iter().map(|word| fill(word)).collect(),
            environment: self.environment(case, folder),
            input: bytes(&case.input),
        };
        call.environment.iter_mut().for_each(|(_, value)| *value = value.replace("{server}", &url));
        before(&mut call);
        let program = self.program(which);
        let patience = if case.exit == -1 && which == "real" { SHORT_PATIENCE } else { PATIENCE };
        let (code, stdout, stderr) = process(&program, folder, &folder.join(&case.folder), &call, case.tty, patience);
        let mut files = BTreeMap::new();
        collect(folder, folder, &mut files);
        // gpg's own, made when there is none.
        files.retain(|name, _| !name.starts_with(".gnupg/"));
        let asked = server.as_ref().map(Server::asked).unwrap_or_default();
        let mut left = Left { code, stdout, stderr, files, asked };
        after(&mut left);

        let mut places =
            vec![("{program}", program.to_str().unwrap().to_owned()), ("{dir}", folder.to_str().unwrap().to_owned())];
        if let Some(server) = &server {
            places.push(("{server}", server.url.clone()));
            places.push(("{address}", server.url.replace("http://", "")));
        }
        let plain = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let text = places.iter().fold(text.into_owned(), |text, (name, value)| text.replace(value.as_str(), name));
            normal(&text) + &self.opened(bytes)
        };
        Outcome {
            code: left.code,
            stdout: plain(&left.stdout),
            stderr: plain(&left.stderr),
            files: left
                .files
                .iter()
                .map(|(name, (mode, bytes))| (normal(name), format!("{mode:o} {}", plain(bytes))))
                .collect(),
            asked: left.asked.iter().map(|text| plain(text.as_bytes())).collect(),
        }
    }

    /// What the real sops reads in an encrypted file, with its MAC verified; empty if the text is none.
    fn opened(&self, text: &[u8]) -> String {
        match self.open(text) {
            None => String::new(),
            Some(Ok(plain)) => format!("\n--- opens as\n{}", String::from_utf8_lossy(&plain)),
            // What is said differs with the ciphertexts.
            Some(Err(wrong)) => format!("\n--- does not open: {}", wrong.stage),
        }
    }

    /// The same; None if the text is no encrypted file.
    pub(crate) fn open(&self, text: &[u8]) -> Option<Result<Vec<u8>, Wrong>> {
        let format = encrypted_as(text)?;
        Some(self.helper.lock().unwrap().ask(json!({"Op": "decrypt", "Format": format}), text))
    }
}

impl Gnupg {
    #[allow(clippy::zombie_processes, reason = "it outlives this process")]
    fn with_keys(keys: &Path, bench: &Path) -> Self {
        // Its sockets are in there: the path must be short.
        let folder = tempfile::Builder::new().prefix("g").tempdir_in("/tmp").unwrap().keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let script = "cat; gpgconf --kill all; rm -rf \"$0\" \"$1\"";
        let mut after = Command::new("sh")
            .args(["-c", script])
            .arg(&folder)
            .arg(bench)
            .env("GNUPGHOME", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Open as long as this process lives.
        std::mem::forget(after.stdin.take());
        for name in ["pgp-rsa.sec.asc", "pgp-cv25519.sec.asc"] {
            let status = Command::new("gpg")
                .args(["--batch", "--quiet", "--import"])
                .arg(keys.join(name))
                .env("GNUPGHOME", &folder)
                .stderr(Stdio::null())
                .status();
            assert!(status.is_ok_and(|status| status.success()), "gpg cannot import {name}");
        }
        Self(folder)
    }
}

/// Public keys, short enough for a command line.
const RECIPIENTS: [(&str, &str); 5] = [
    ("{A}", "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4"),
    ("{B}", "age19rypeexxf7st9qf3egq5t44ak0ajuavv58m6mhm03tf9h3jrxehqmdqgcn"),
    ("{C}", "age1dvm9l3l9nmvtrwt6c5klyvucgkc7fr4njrssxu3myf2mh73atvvqgy7n3k"),
    ("{RSA}", "467000AD2C4423D6AD1E5F53CF3A8C45D49832BE"),
    ("{CV}", "2BC32938C3B8605E7526D81A23CDEE3C51979810"),
];

static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)").unwrap());
/// How Go's own logger writes the time.
static LOGGED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^20\d\d/\d\d/\d\d \d\d:\d\d:\d\d ").unwrap());
static TEMPORARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(tmp/)?\.sops[0-9A-Za-z]+|tmp/[0-9]+|0x[0-9a-f]{8,}|\btmp-file[0-9A-Za-z]+").unwrap()
});

fn normal(text: &str) -> String {
    let text = LOGGED.replace_all(&without_help(&without_ciphertexts(text)), "{now} ").into_owned();
    let now = jiff::Timestamp::now();
    let text = TIME.replace_all(&text, |found: &regex::Captures<'_>| match found[0].parse::<jiff::Timestamp>() {
        Ok(time) if (now.as_second() - time.as_second()).abs() < 7200 => "{now}".to_owned(),
        _ => found[0].to_owned(),
    });
    TEMPORARY
        .replace_all(&text, |found: &regex::Captures<'_>| {
            if found[0].contains("yaml") || found[0].contains("yml") {
                found[0].to_owned()
            } else {
                "{random}".to_owned()
            }
        })
        .into_owned()
}

/// The format of a file with sops metadata. A binary file opens as JSON, too.
fn encrypted_as(text: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(text).ok()?;
    match () {
        () if !text.contains("mac") => None,
        () if text.trim_start().starts_with('{') && text.contains("\"sops\":") => Some("json"),
        () if text.lines().any(|line| line == "sops:") => Some("yaml"),
        () if text.lines().any(|line| line.starts_with("sops_mac=")) => Some("dotenv"),
        () if text.lines().any(|line| line == "[sops]") => Some("ini"),
        () => None,
    }
}

/// Everything below `from`, links as links.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &target);
            std::fs::set_permissions(&target, entry.metadata().unwrap().permissions()).unwrap();
        } else if kind.is_symlink() {
            symlink(std::fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
