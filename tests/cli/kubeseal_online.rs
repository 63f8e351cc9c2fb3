//! `kubeseal --validate` and `--re-encrypt`: what the API server is asked, what its answers become, and the whole way to a
//! controller and back.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{BULLA, Bench, assert_no_canary, secret};

const SERVICES: &str = "/api/v1/namespaces/kube-system/services/";
const PROXY: &str = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:web/proxy";
const SERVICE: &str = r#"{"kind":"Service","spec":{"ports":[{"name":"web","port":8080}]}}"#;

/// What stands behind the service proxy.
enum Behind {
    /// Prepared answers: status, headers, body.
    Script(VecDeque<(u16, &'static str, String)>),
    /// A controller's address.
    Controller(String),
}

/// An API server that knows one Service, with its proxy; and what it was asked: method, path, body.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl Server {
    fn new(mut behind: Behind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some((method, path, body)) = request(&stream) else { continue };
                seen.lock().unwrap().push((method.clone(), path.clone(), body.clone()));
                let answer = match (path.strip_prefix(PROXY), &mut behind) {
                    (None, _) if path == format!("{SERVICES}sealed-secrets-controller") => written(200, "", SERVICE),
                    (None, _) => written(404, "", ""),
                    (Some(_), Behind::Script(answers)) => {
                        let (status, headers, body) = answers.pop_front().unwrap_or((418, "", String::new()));
                        written(status, headers, &body)
                    }
                    (Some(rest), Behind::Controller(address)) => {
                        let mut controller = TcpStream::connect(address.as_str()).unwrap();
                        let length = body.len();
                        let head = format!(
                            "{method} {rest} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                        );
                        controller.write_all((head + &body).as_bytes()).unwrap();
                        let mut answer = Vec::new();
                        controller.read_to_end(&mut answer).unwrap();
                        answer
                    }
                };
                let _ = stream.write_all(&answer);
            }
        });
        Self { address, asked }
    }

    fn script(answers: &[(u16, &'static str, &str)]) -> Self {
        let answers = answers.iter().map(|(status, headers, body)| (*status, *headers, (*body).to_owned()));
        Self::new(Behind::Script(answers.collect()))
    }

    /// The requests that went to the controller.
    fn posted(&self) -> Vec<(String, String)> {
        let asked = self.asked.lock().unwrap();
        let posted = asked.iter().filter_map(|(method, path, body)| {
            assert_eq!(method, if path.starts_with(PROXY) { "POST" } else { "GET" });
            Some((path.strip_prefix(PROXY)?.to_owned(), body.clone()))
        });
        posted.collect()
    }

    fn bench(&self) -> Bench {
        Bench::with_cluster(&self.address)
    }
}

/// Method, path and body.
fn request(stream: &TcpStream) -> Option<(String, String, String)> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_lowercase());
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = lines[0].split(' ');
    let (method, path) = (words.next()?.to_uppercase(), words.next()?.to_owned());
    Some((method, path, String::from_utf8(body).unwrap()))
}

fn written(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    (head + body).into_bytes()
}

fn sealed(name: &str) -> String {
    format!(
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: {name}\n  namespace: shop\nspec:\n  encryptedData:\n    k: AgA=\n"
    )
}

const VALIDATE: [&str; 4] = ["kubeseal", "--kubeconfig", "config", "--validate"];
const RE_ENCRYPT: [&str; 4] = ["kubeseal", "--kubeconfig", "config", "--re-encrypt"];
const AGAIN: &str = "Retry-After: 0\r\n";

#[test]
fn every_document_is_asked_about_as_json_until_one_does_not_open() {
    let input = format!("{}---\n{}---\n{}", sealed("a"), sealed("b"), sealed("c"));
    let server = Server::script(&[(200, "", ""), (200, "", ""), (200, "", "")]);
    assert_eq!(server.bench().bulla_with(&VALIDATE, input.as_bytes()).ok(), "");
    let posted = server.posted();
    assert_eq!(posted.len(), 3);
    assert_eq!(posted[0].0, "/v1/verify");
    assert_eq!(
        posted[2].1,
        r#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"c","namespace":"shop"},"spec":{"encryptedData":{"k":"AgA="}}}"#
    );

    let server = Server::script(&[(200, "", ""), (409, "", ""), (200, "", "")]);
    let stderr = server.bench().bulla_with(&VALIDATE, input.as_bytes()).fails(1, &[]);
    assert!(stderr.ends_with("error: unable to decrypt sealed secret: b\n"), "{stderr}");
    assert_eq!(server.posted().len(), 2);
}

#[test]
fn other_answers_and_other_inputs_have_kubeseals_words() {
    let forbidden = r#"{"kind":"Status","status":"Failure","message":"services is forbidden"}"#;
    for (answer, verify, rotate) in [
        (
            (500, "", ""),
            "cannot validate sealed secret: an error on the server (\"\") has prevented the request from succeeding (post services",
            "cannot re-encrypt secret: an error on the server",
        ),
        (
            (403, "", forbidden),
            "cannot validate sealed secret: services is forbidden",
            "cannot re-encrypt secret: services is forbidden",
        ),
        ((409, "", ""), "unable to decrypt sealed secret: a", "unable to rotate secret"),
    ] {
        for (words, expected) in [(VALIDATE, verify), (RE_ENCRYPT, rotate)] {
            let server = Server::script(&[answer]);
            let ran = server.bench().bulla_with(&words, sealed("a").as_bytes());
            ran.fails(1, &[&format!("error: {expected}")]);
        }
    }
    let server = Server::script(&[(200, "", "<html>")]);
    server
        .bench()
        .bulla_with(&RE_ENCRYPT, sealed("a").as_bytes())
        .fails(1, &["error: invalid character '<' looking for"]);
    let server = Server::script(&[(200, "", "{}")]);
    server.bench().bulla_with(&RE_ENCRYPT, sealed("a").as_bytes()).fails(1, &["the answer is not a sealed secret"]);

    let server = Server::script(&[]);
    let bench = server.bench();
    assert_eq!(bench.bulla_with(&VALIDATE, b"").ok(), "");
    assert_eq!(bench.bulla_with(&RE_ENCRYPT, b"").ok(), "");
    bench.write("empty.yaml", "# nothing\n");
    assert_eq!(bench.bulla(&[&RE_ENCRYPT[..], &["-f", "empty.yaml"]].concat()).ok(), "");
    assert_eq!(bench.read("empty.yaml"), "# nothing\n", "a file without sealed secrets is left alone");
    bench.bulla_with(&VALIDATE, b"{").fails(1, &["error: unable to decrypt sealed secret\n"]);
    assert!(server.posted().is_empty(), "the controller was not asked");
    let elsewhere = [&VALIDATE[..], &["--controller-name", "other"]].concat();
    bench
        .bulla_with(&elsewhere, sealed("a").as_bytes())
        .fails(1, &["error: cannot get sealed secret service: ", ".\nPlease, use the flag --controller-name and"]);
    Bench::new()
        .bulla_with(&["kubeseal", "--validate"], sealed("a").as_bytes())
        .fails(1, &["error: invalid configuration: no configuration has been provided"]);
}

#[test]
fn a_busy_controller_is_asked_again_ten_times() {
    let busy = (429, AGAIN, "limit exceeded\n");
    let server = Server::script(&[busy, busy, busy, (200, "", "")]);
    assert_eq!(server.bench().bulla_with(&VALIDATE, sealed("a").as_bytes()).ok(), "");
    assert_eq!(server.posted().len(), 4);
    let server = Server::script(&[busy; 20]);
    server
        .bench()
        .bulla_with(&VALIDATE, sealed("a").as_bytes())
        .fails(1, &["cannot validate sealed secret: the server has received too many requests and has asked us to try again later"]);
    assert_eq!(server.posted().len(), 11);
    let server = Server::script(&[(429, "", ""), (200, "", "")]);
    server.bench().bulla_with(&VALIDATE, sealed("a").as_bytes()).fails(1, &["too many requests"]);
}

#[test]
fn re_encryption_prints_or_goes_back_into_its_file_and_leaves_it_alone_on_failure() {
    let answer = |name: &str| {
        format!(
            r#"{{"spec":{{"encryptedData":{{"k":"AgB="}},"template":{{"metadata":{{"name":"{name}"}},"data":{{"t":"x"}}}}}},"kind":"SealedSecret","metadata":{{"name":"{name}"}},"apiVersion":"bitnami.com/v1alpha1"}}"#
        )
    };
    let (a, b) = (answer("a"), answer("b"));
    let yaml = |name: &str| {
        format!(
            "---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: {name}\nspec:\n  encryptedData:\n    k: AgB=\n  template:\n    data:\n      t: x\n    metadata:\n      name: {name}\n"
        )
    };
    let server = Server::script(&[(200, "", &a)]);
    let printed = server.bench().bulla_with(&RE_ENCRYPT, sealed("a").as_bytes()).ok();
    assert!(printed.starts_with("{\n  \"kind\": \"SealedSecret\",\n  \"apiVersion\""), "{printed}");
    assert_eq!(server.posted()[0].0, "/v1/rotate");
    // pflag says so on standard output.
    let notice = "Flag --rotate has been deprecated, please use --re-encrypt instead\n";
    for (flag, notice) in [("--re-encrypt", ""), ("--rotate", notice)] {
        let server = Server::script(&[(200, "", &a)]);
        let words = ["kubeseal", "--kubeconfig", "config", "-o", "yaml", flag];
        assert_eq!(server.bench().bulla_with(&words, sealed("a").as_bytes()).ok(), format!("{notice}{}", yaml("a")));
    }

    let two = format!("{}---\n{}", sealed("a"), sealed("b"));
    let in_place = [&RE_ENCRYPT[..], &["-f", "sealed.yaml"]].concat();
    let server = Server::script(&[(200, "", &a), (200, "", &b)]);
    let bench = server.bench();
    bench.write("sealed.yaml", &two);
    assert_eq!(bench.bulla(&in_place).ok(), "");
    assert_eq!(bench.read("sealed.yaml"), yaml("a") + &yaml("b"));

    let server = Server::script(&[(200, "", &a), (500, "", "")]);
    let bench = server.bench();
    bench.write("sealed.yaml", &two);
    bench.bulla(&in_place).fails(1, &["error: cannot re-encrypt secret: "]);
    assert_eq!(bench.read("sealed.yaml"), two);
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 2, "no temporary file is left");

    let server = Server::script(&[(200, "", &a)]);
    let bench = server.bench();
    bench.write("sealed.yaml", sealed("a"));
    assert_eq!(bench.bulla(&[&in_place[..], &["-w", "new.json"]].concat()).ok(), "");
    assert_eq!(bench.read("sealed.yaml"), sealed("a"));
    assert!(bench.read("new.json").starts_with("{\n"));
}

/// Ends the process with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A development cluster, a controller in it, and the controller's address.
fn controller(bench: &Bench) -> (Running, Running, String) {
    let mut command = bench.command(BULLA);
    command.args(["devcluster", "--kubeconfig", "dev.kubeconfig"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut cluster = Running(command.spawn().unwrap());
    BufReader::new(cluster.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let mut command = bench.command(BULLA);
    command
        .args(["controller", "--kubeconfig", "dev.kubeconfig", "--namespace", "kube-system", "--log-format", "json"])
        .args(["--key-size", "2048", "--listen-addr", "127.0.0.1:0", "--listen-metrics-addr", "127.0.0.1:0"])
        .args(["--rate-limit", "1000", "--rate-limit-burst", "1000"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut controller = Running(command.spawn().unwrap());
    let mut lines = BufReader::new(controller.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.find_map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        (event["msg"] == "HTTP server serving").then(|| event["addr"].as_str().unwrap().to_owned())
    });
    // The log must be read on, or the controller could not write it.
    std::thread::spawn(move || lines.for_each(drop));
    let address = address.unwrap();
    (cluster, controller, address)
}

#[test]
fn what_is_sealed_is_validated_and_re_encrypted_by_a_real_controller() {
    let cluster = Bench::new();
    let (_cluster, controller, address) = controller(&cluster);
    let server = Server::new(Behind::Controller(address));
    let bench = server.bench();
    let fetch = ["kubeseal", "--kubeconfig", "config", "--fetch-cert"];
    let deadline = Instant::now() + Duration::from_secs(60);
    let until = |what: &str, condition: &dyn Fn(&str) -> bool| loop {
        let fetched = bench.bulla(&fetch);
        if fetched.code == 0 && condition(&fetched.stdout) {
            return fetched.stdout;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
    };
    let certificate = until("a certificate", &|_| true);
    let sealed = bench.bulla_with(&["kubeseal", "--kubeconfig", "config", "-o", "yaml"], secret("db").as_bytes()).ok();
    bench.write("sealed.yaml", &sealed);
    assert_eq!(bench.bulla(&[&VALIDATE[..], &["-f", "sealed.yaml"]].concat()).ok(), "");
    let renamed = sealed.replace("name: db", "name: other");
    bench.bulla_with(&VALIDATE, renamed.as_bytes()).fails(1, &["error: unable to decrypt sealed secret: other"]);
    bench.bulla_with(&RE_ENCRYPT, renamed.as_bytes()).fails(1, &["error: cannot re-encrypt secret: "]);

    let id = controller.0.id().to_string();
    assert!(Command::new("kill").args(["-USR1", &id]).status().unwrap().success());
    until("a new certificate", &|now| now != certificate);
    assert_eq!(bench.bulla(&[&RE_ENCRYPT[..], &["-f", "sealed.yaml"]].concat()).ok(), "");
    let again = bench.read("sealed.yaml");
    assert_no_canary(&again);
    assert_ne!(again, sealed);
    assert_eq!(support::without_ciphertexts(&again), support::without_ciphertexts(&sealed));
    assert_eq!(bench.bulla_with(&VALIDATE, again.as_bytes()).ok(), "");
}
