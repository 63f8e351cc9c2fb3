//! `sops publish`, against a Vault that the test plays.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::{ALICE, Side, sides};
use crate::support::{CANARY, Ran, assert_no_canary};

/// Method, path, headers of Vault, and body of a request.
type Seen = (String, String, Vec<String>, String);

/// A server that keeps what is written and answers with it.
struct Vault {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Status and body for GET, and for PUT.
    answers: Arc<Mutex<[(u16, String); 2]>>,
}

impl Vault {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new([(404, r#"{"errors":[]}"#.to_owned()), (204, String::new())]));
        let (to_see, to_answer) = (Arc::clone(&seen), Arc::clone(&answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answers) = (Arc::clone(&to_see), Arc::clone(&to_answer));
                std::thread::spawn(move || serve(stream, &seen, &answers));
            }
        });
        Self { address, seen, answers }
    }

    fn taken(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn answer(&self, get: (u16, &str), put: (u16, &str)) {
        *self.answers.lock().unwrap() = [(get.0, get.1.to_owned()), (put.0, put.1.to_owned())];
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Seen>>, answers: &Mutex<[(u16, String); 2]>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
        let (mut headers, mut length) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().unwrap();
            }
            if line.starts_with("x-vault") {
                headers.push(line);
            }
        }
        headers.sort();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (status, text) = answers.lock().unwrap()[usize::from(method != "GET")].clone();
        seen.lock().unwrap().push((method, path, headers, String::from_utf8(body).unwrap()));
        let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", text.len()) };
        let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{length}\r\n{text}");
    }
}

const PLAIN: &str =
    "s: a<b>&é\n# note\ni: 5\nw: 7.0\nb: true\nn: null\nt: 2024-01-02\nm:\n  z: 1\n  a: x\nl:\n  - 1\n  - two\n";
const DATA: &str = r#"{"b":true,"i":5,"l":[1,"two"],"m":{"a":"x","z":1},"n":null,"s":"a\u003cb\u003e\u0026é","t":"2024-01-02T00:00:00Z","w":7}"#;

fn prepared(side: &Side, vault: &Vault) {
    std::fs::create_dir_all(side.bench.path("d/e")).unwrap();
    for name in ["a.yaml", "v1.yaml", "d/e/x y.yaml", "s3.yaml"] {
        side.encrypted(name, PLAIN);
    }
    side.bench.write("plain.yaml", format!("a: {CANARY}\n"));
    side.bench.write(
        ".sops.yaml",
        format!(
            "creation_rules: [{{age: {ALICE}}}]\ndestination_rules:\n- {{path_regex: s3, s3_bucket: bucket, s3_prefix: p/}}\n\
             - {{path_regex: two, s3_bucket: b, vault_path: p}}\n- {{path_regex: nowhere}}\n\
             - {{path_regex: v1, vault_path: some/path, vault_kv_version: 1, vault_kv_mount_name: kv, vault_address: '{0}'}}\n\
             - {{vault_path: some/path, vault_address: '{0}'}}\n",
            vault.address
        ),
    );
}

fn publish(side: &Side, args: &[&str], input: &str) -> Ran {
    let words = [&["publish"], args].concat();
    side.sops_with(&words, &[("VAULT_TOKEN", "tok"), ("VAULT_MAX_RETRIES", "0")], input.as_bytes())
}

#[test]
fn vault_gets_the_plaintext_in_the_requests_of_the_real_tool() {
    let token = || vec!["x-vault-request: true".to_owned(), "x-vault-token: tok".to_owned()];
    let pair = |path: &str, body: &str| {
        vec![
            ("GET".to_owned(), path.to_owned(), token(), String::new()),
            ("PUT".to_owned(), path.to_owned(), token(), body.to_owned()),
        ]
    };
    let wrapped = format!("{{\"data\":{DATA}}}");
    for side in sides() {
        let vault = Vault::start();
        prepared(&side, &vault);
        for (args, path, body) in [
            (&["-y", "a.yaml"][..], "/v1/secret/data/some/path/a.yaml", &*wrapped),
            (&["-y", "v1.yaml"], "/v1/kv/some/path/v1.yaml", DATA),
            (&["--yes", "--omit-extensions", "a.yaml"], "/v1/secret/data/some/path/a", &wrapped),
            (&["-y", "--recursive", "d"], "/v1/secret/data/some/path/e/x%20y.yaml", &wrapped),
        ] {
            let ran = publish(&side, args, "");
            assert_eq!((ran.code, &*ran.stdout, &*ran.stderr), (0, "", ""), "{}: {args:?}", side.name());
            assert_eq!(vault.taken(), pair(path, body), "{}: {args:?}", side.name());
        }
        let variables = [("VAULT_TOKEN", "tok"), ("VAULT_NAMESPACE", "team")];
        side.sops_with(&["publish", "-y", "a.yaml"], &variables, b"").ok();
        assert!(vault.taken().iter().all(|(_, _, headers, _)| headers.contains(&"x-vault-namespace: team".to_owned())));

        // Numbers come back as they were written, so only a file without them is equal for the real tool.
        side.encrypted("text.yaml", "a: b\n");
        vault.answer((200, r#"{"data":{"data":{"a":"b"},"metadata":{"version":1}}}"#), (204, ""));
        publish(&side, &["-y", "text.yaml"], "").ok();
        assert_eq!(vault.taken().len(), 1, "{}: equal data are not written again", side.name());
        vault.answer((200, r#"{"data":{"data":{"a":"c"},"metadata":{"version":1}}}"#), (204, ""));
        publish(&side, &["-y", "text.yaml"], "").ok();
        assert_eq!(vault.taken().len(), 2, "{}", side.name());
    }
}

#[test]
fn it_asks_before_it_sends() {
    for side in sides() {
        let vault = Vault::start();
        prepared(&side, &vault);
        let file = side.bench.path("a.yaml").canonicalize().unwrap();
        let question =
            format!("uploading {} to {}/v1/secret/data/some/path/a.yaml ? (y/n): ", file.display(), vault.address);
        for (input, code, requests, stdout, stderr) in [
            ("y\n", 0, 2, question.clone(), String::new()),
            ("maybe\ny\n", 0, 2, question.repeat(2), String::new()),
            ("n\n", 1, 0, question.clone(), format!("Publication of {} canceled\n", file.display())),
            ("", 1, 0, question.clone(), "EOF\n".to_owned()),
            ("\n", 1, 0, question.clone(), "unexpected newline\n".to_owned()),
        ] {
            let ran = publish(&side, &["a.yaml"], input);
            assert_eq!((ran.code, ran.stdout, ran.stderr), (code, stdout, stderr), "{}: {input:?}", side.name());
            assert_eq!(vault.taken().len(), requests, "{}: {input:?}", side.name());
        }
    }
}

#[test]
fn what_cannot_be_published_is_said_and_nothing_is_sent() {
    for side in sides() {
        let vault = Vault::start();
        prepared(&side, &vault);
        for (args, stderr) in [
            (&["-y", "missing.yaml"][..], "stat missing.yaml: no such file or directory\n"),
            (&["-y", "plain.yaml"], "sops metadata not found\n"),
            (&["-y", "d"], "can't operate on a directory without --recursive flag.\"\n"),
            (&["-y", "two.yaml"], "you can only use one per rule\n"),
            (&["-y", "nowhere.yaml"], "no destination configured for this file\n"),
            (&[], "Error: no file specified\n"),
        ] {
            for name in ["two.yaml", "nowhere.yaml"] {
                side.bench.write(name, "a: 1\n");
            }
            let ran = publish(&side, args, "");
            let code = if args.is_empty() { 100 } else { 1 };
            assert_eq!(ran.code, code, "{}: {args:?}: {}", side.name(), ran.stderr);
            assert!(ran.stderr.ends_with(stderr), "{}: {args:?}: {}", side.name(), ran.stderr);
            assert_no_canary(&ran.stderr);
        }
        assert_eq!(vault.taken(), [], "{}", side.name());
        if side.is_ours {
            let stderr = publish(&side, &["-y", "s3.yaml"], "")
                .fails(1, &["s3://bucket/p/s3.yaml", "no client for AWS S3", "Nothing was sent"]);
            assert_no_canary(&stderr);
        }
        vault.answer((403, r#"{"errors":["permission denied"]}"#), (403, r#"{"errors":["permission denied"]}"#));
        let ran = publish(&side, &["-y", "a.yaml"], "");
        let url = format!("{}/v1/secret/data/some/path/a.yaml", vault.address);
        let error = format!("Error making API request.\n\nURL: PUT {url}\nCode: 403. Errors:\n\n* permission denied\n");
        assert_eq!(ran.code, 1, "{}: {}", side.name(), ran.stderr);
        assert!(ran.stderr.ends_with(&error), "{}: {}", side.name(), ran.stderr);
        assert!(
            ran.stderr.contains("Cannot check if destination secret already exists in secret/data/some/path/a.yaml."),
            "{}",
            ran.stderr
        );
        std::fs::remove_file(side.bench.path(".sops.yaml")).unwrap();
        let ran = publish(&side, &["-y", "a.yaml"], "");
        assert_eq!((ran.code, &*ran.stderr), (1, "config file not found\n"), "{}", side.name());
    }
}
