//! One run of one kubeseal: a folder of its own, its server, the process, and what is left behind.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::case::{Case, Content, What};
use crate::cases::outcome::{Call, Left, Outcome};
use crate::cases::process::{collect, process};
use crate::opened::Keys;
use crate::server::{Does, Reply, Server, Tls};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who is said never to end gets so long.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);
/// An address where nobody listens.
const CLOSED: &str = "127.0.0.1:1";

/// What all runs share: the keys, and a folder with them and the binaries.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) keys: Keys,
    tls: Tls,
}

impl Bench {
    pub(crate) fn new(real: &Path, ours: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("k");
        std::fs::create_dir(&keys).unwrap();
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
        for from in ["sealed/keys", "keys", "sealed/plain", "sealed/enc"] {
            for entry in std::fs::read_dir(vectors.join(from)).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                let prefix = if from.ends_with("keys") { "" } else { &format!("{}-", &from["sealed/".len()..]) };
                std::fs::copy(entry.path(), keys.join(format!("{prefix}{name}"))).unwrap();
            }
        }
        let live = vectors.join("sealed-live");
        for name in ["controller-key.yaml", "e2e.sealed.yaml"] {
            std::fs::copy(live.join(name), keys.join(name)).unwrap();
        }
        let tls = Tls::new();
        for (name, text) in &tls.files {
            std::fs::write(keys.join(name), text).unwrap();
        }
        for (name, binary) in [("real", real), ("ours", ours)] {
            let folder = folder.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            symlink(binary, folder.join("kubeseal")).unwrap();
        }
        Self { keys: Keys::read(&keys), folder, tls }
    }

    /// The folder that every run sees as `k`.
    pub(crate) fn key_folder(&self) -> PathBuf {
        self.folder.path().join("k")
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
        symlink(self.key_folder(), folder.join("k")).unwrap();
        let mut server = case.server.map(|_| Server::bind());
        if let Some((server, _)) = &mut server
            && case.server != Some(crate::case::ServerKind::Plain)
        {
            server.url = server.url.replace("http://", "https://");
        }
        let mut places = vec![("{dir}", folder.to_str().unwrap().to_owned()), ("{closed}", CLOSED.to_owned())];
        if let Some((server, _)) = &server {
            places.push(("{server}", server.url.clone()));
            places.push(("{address}", server.address.clone()));
        }
        let fill = |text: &str| places.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
        let bytes = |content: &Content| match content {
            Content::Text(text) => fill(text).into_bytes(),
            Content::Copy(name) => std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")),
            Content::Zeros(count) => vec![0; *count],
        };
        for file in &case.files {
            let path = folder.join(&file.name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes(&file.content)).unwrap();
            let mode = if file.executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let server = server.map(|(mut server, listener)| {
            let replies = case.answers.iter().map(|answer| Reply {
                target: answer.target.clone(),
                what: match &answer.what {
                    What::Hang => Does::Hang,
                    What::Close => Does::Close,
                    What::Status { code, headers, body } => Does::Answer {
                        code: *code,
                        headers: headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
                        body: body.as_ref().map(&bytes),
                    },
                },
            });
            let certificate = std::fs::read(folder.join("k/rsa2048.crt")).unwrap();
            server.answer(listener, case.server.unwrap(), &self.tls, replies.collect(), &certificate);
            server
        });
        let mut call = Call {
            args: case.args.iter().map(|word| fill(word)).collect(),
            environment: case.environment.iter().map(|(name, value)| (name.clone(), fill(value))).collect(),
            input: bytes(&case.input),
        };
        before(&mut call);
        let program = self.folder.path().join(which).join("kubeseal");
        let patience = if case.exit == -1 && which == "real" { SHORT_PATIENCE } else { PATIENCE };
        let (code, stdout, stderr) = process(&program, folder, folder, &call, case.tty, patience);
        let asked = server.as_ref().map(Server::asked).unwrap_or_default();
        let mut files = BTreeMap::new();
        collect(folder, folder, &mut files);
        let mut left = Left { code, stdout, stderr, files, asked };
        after(&mut left);

        // Longer places first: the server's URL holds its address.
        places.push(("{program}", program.to_str().unwrap().to_owned()));
        places.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let plain = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let text = places.iter().fold(text.into_owned(), |text, (name, value)| text.replace(value.as_str(), name));
            self.keys.open_all(&text, &case.opens)
        };
        Outcome {
            code: left.code,
            stdout: without_help(&plain(&left.stdout)),
            stderr: one_timeout(&sorted_items(plain(&left.stderr))),
            files: left
                .files
                .iter()
                .map(|(name, (mode, bytes))| (name.clone(), format!("{mode:o} {}", plain(bytes))))
                .collect(),
            asked: left.asked.iter().map(|text| plain(text.as_bytes())).collect(),
        }
    }
}

/// The items of `no key could decrypt secret (b, a)` stand in any order with the real tool.
fn sorted_items(text: String) -> String {
    let Some((before, (items, after))) = text
        .split_once("no key could decrypt secret (")
        .and_then(|(before, rest)| Some((before, rest.split_once(')')?)))
    else {
        return text;
    };
    let mut items: Vec<&str> = items.split(", ").collect();
    items.sort_unstable();
    format!("{before}no key could decrypt secret ({}){after}", items.join(", "))
}

/// Which of Go's two texts a time limit gives depends on what was going on when it came.
fn one_timeout(text: &str) -> String {
    let while_waiting = " (Client.Timeout exceeded while awaiting headers)";
    text.replace(while_waiting, "").replace("net/http: request canceled", "context deadline exceeded")
}

/// Help texts are in the words of whoever wrote them; the flags, shorthands and kinds of values in front of them count.
fn without_help(text: &str) -> String {
    let mut result = String::new();
    for line in text.split_inclusive('\n') {
        let body = line.trim_start();
        if line.starts_with("  ") && body.starts_with('-') && (body.starts_with("--") || body.get(2..3) == Some(",")) {
            result.push_str(body.split("   ").next().unwrap_or_default().trim_end());
            result.push('\n');
        } else {
            result.push_str(line);
        }
    }
    result
}
