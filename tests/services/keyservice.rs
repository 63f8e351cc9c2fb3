//! The key service, with the real sops on either side.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::support::{BULLA, Bench, CANARY, Ran, run, vectors};
use super::{Running, real_sops, until};

const RECIPIENT: &str = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";

/// Who plays a part.
#[derive(Clone, Debug)]
enum Tool {
    Ours,
    Real(PathBuf),
}

impl Tool {
    fn command(&self, bench: &Bench) -> Command {
        match self {
            Self::Ours => {
                let mut command = bench.command(BULLA);
                command.arg("sops");
                command
            }
            Self::Real(path) => bench.command(path.to_str().expect("a path")),
        }
    }

    /// Without any key of its own.
    fn asks(&self, bench: &Bench, service: &[&str], words: &[&str]) -> Ran {
        let mut command = self.command(bench);
        command.args(words).arg("--enable-local-keyservice=false");
        for uri in service {
            command.args(["--keyservice", uri]);
        }
        run(command, b"")
    }

    /// Serves the key `age-a`. Standard input is `input`, and then ends.
    fn serves(&self, bench: &Bench, service: &Service, more: &[&str], input: &str) -> Running {
        let mut command = self.command(bench);
        command.args(["keyservice", "--network", service.network, "--address", &service.address]).args(more);
        command.env("SOPS_AGE_KEY_FILE", vectors("sops/keys/age-a.txt"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = Running(command.spawn().expect("a server"));
        server.0.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        until("the service listens", || service.answers() || server.0.try_wait().is_ok_and(|code| code.is_some()));
        server
    }
}

struct Service {
    network: &'static str,
    address: String,
    uri: String,
}

impl Service {
    fn unix(bench: &Bench) -> Self {
        let address = bench.path("service.sock").display().to_string();
        Self { network: "unix", uri: format!("unix://{address}"), address }
    }

    fn tcp() -> Self {
        // Somebody else may take the port before the server does; then the test fails and says so.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        Self { network: "tcp", uri: format!("tcp://{address}"), address }
    }

    fn answers(&self) -> bool {
        if self.network == "unix" {
            UnixStream::connect(&self.address).is_ok()
        } else {
            TcpStream::connect(&self.address).is_ok()
        }
    }
}

/// A folder with a file for `age-a`, `secret.yaml`, and the same in the clear, `plain.yaml`.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("plain.yaml", format!("password: {CANARY}\n"));
    let sealed = bench.bulla(&["sops", "encrypt", "--age", RECIPIENT, "plain.yaml"]).ok();
    bench.write("secret.yaml", sealed);
    bench
}

fn tools() -> Vec<Tool> {
    std::iter::once(Tool::Ours).chain(real_sops().map(Tool::Real)).collect()
}

#[test]
fn every_client_is_answered_by_every_server() {
    let bench = bench();
    for server in tools() {
        for client in tools() {
            for service in [Service::unix(&bench), Service::tcp()] {
                let _running = server.serves(&bench, &service, &[], "");
                let place = format!("{client:?} asks {server:?} at {}", service.uri);
                let opened = client.asks(&bench, &[&service.uri], &["decrypt", "secret.yaml"]);
                assert_eq!(
                    (opened.code, opened.stdout),
                    (0, format!("password: {CANARY}\n")),
                    "{place}: {}",
                    opened.stderr
                );
                let sealed = client.asks(&bench, &[&service.uri], &["encrypt", "--age", RECIPIENT, "plain.yaml"]);
                assert_eq!(sealed.code, 0, "{place}: {}", sealed.stderr);
                bench.write("sealed.yaml", sealed.stdout);
                let opened = client.asks(&bench, &[&service.uri], &["decrypt", "sealed.yaml"]);
                assert_eq!(opened.stdout, format!("password: {CANARY}\n"), "{place}: {}", opened.stderr);
            }
            let _ = std::fs::remove_file(bench.path("service.sock"));
        }
    }
}

#[test]
fn a_dead_service_is_passed_over_and_named_when_nobody_else_is_there() {
    let bench = bench();
    let (dead, alive) = (Service::tcp(), Service::unix(&bench));
    let _running = Tool::Ours.serves(&bench, &alive, &[], "");
    let opened = Tool::Ours.asks(&bench, &[&dead.uri, &alive.uri], &["decrypt", "secret.yaml"]);
    assert_eq!(opened.ok(), format!("password: {CANARY}\n"));

    let missing = format!("unix://{}", bench.path("nobody.sock").display());
    for uris in [
        &[dead.uri.as_str()][..],
        &[&missing],
        &["tcp://nobody.invalid:1"],
        &["http://127.0.0.1:1"],
        &[":/%zz"],
        &[&dead.uri, &missing],
    ] {
        let runs: Vec<String> = tools()
            .iter()
            .map(|tool| {
                let stderr = tool.asks(&bench, uris, &["decrypt", "secret.yaml"]).fails(128, &["Group 0: FAILED"]);
                // Lines of the log carry the time.
                stderr.lines().filter(|line| !line.starts_with('[')).collect::<Vec<_>>().join("\n")
            })
            .collect();
        assert!(runs.windows(2).all(|pair| pair[0] == pair[1]), "{uris:?}:\n{}", runs.join("\n--- and\n"));
    }
    let sealed = Tool::Ours.asks(&bench, &[&dead.uri], &["encrypt", "--age", RECIPIENT, "plain.yaml"]);
    sealed.fails(1, &["Could not generate data key", "connect: connection refused"]);
}

#[test]
fn the_prompt_is_answered_before_anything_is_decrypted() {
    for (answers, code, said) in [
        ("y\n", 0, ""),
        ("what\ny\n", 0, ""),
        ("n\n", 128, "Request rejected"),
        ("", 128, "desc = EOF"),
        ("\n", 128, "unexpected newline"),
    ] {
        let bench = bench();
        let service = Service::unix(&bench);
        let mut running = Tool::Ours.serves(&bench, &service, &["--prompt", "--verbose"], answers);
        let opened = Tool::Ours.asks(&bench, &[&service.uri], &["decrypt", "secret.yaml"]);
        assert_eq!(opened.code, code, "{answers:?}: {}", opened.stderr);
        assert!(opened.stderr.contains(said), "{answers:?}: {}", opened.stderr);
        let (output, _) = ended(&mut running);
        assert!(output.contains("Received decrypt request using age key with recipient age1"), "{output}");
    }
}

/// Ends a server as a service manager does, and gives what it said.
fn ended(running: &mut Running) -> (String, String) {
    let process = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
    let status = running.0.wait().expect("it ends");
    let (mut output, mut errors) = (String::new(), String::new());
    running.0.stdout.take().expect("a pipe").read_to_string(&mut output).expect("text");
    running.0.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
    assert_eq!(status.code(), Some(0), "{errors}");
    (output, errors)
}

#[test]
fn it_says_that_callers_are_not_authenticated_and_leaves_no_socket() {
    let bench = bench();
    let service = Service::unix(&bench);
    let mut running = Tool::Ours.serves(&bench, &service, &["--verbose"], "");
    let (output, errors) = ended(&mut running);
    assert_eq!(output, "");
    for words in [
        "level=info msg=\"Listening on unix://",
        "level=warning",
        "not authenticated",
        "Caught signal terminated: shutting down.",
    ] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    assert!(!Path::new(&service.address).exists());
}

#[test]
fn a_place_that_cannot_be_listened_on_is_told_as_the_real_tool_tells_it() {
    let bench = bench();
    bench.write("taken", "");
    let taken = bench.path("taken").display().to_string();
    for (network, address) in [
        ("unix", taken.as_str()),
        ("unix", "/nobody/has/this.sock"),
        ("tcp", "127.0.0.1"),
        ("tcp", "192.0.2.1:5000"),
        ("bogus", "127.0.0.1:5000"),
    ] {
        let runs: Vec<Vec<String>> = tools()
            .iter()
            .map(|tool| {
                let mut command = tool.command(&bench);
                command.args(["keyservice", "--net", network, "--addr", address]);
                let stderr = run(command, b"").fails(1, &["Error running keyservice: listen"]);
                let message = |line: &str| line.split_once(" level=").map(|(_, message)| message.to_owned());
                stderr.lines().filter_map(message).collect()
            })
            .collect();
        assert!(runs.windows(2).all(|pair| pair[0] == pair[1]), "{network} {address}: {runs:?}");
    }
}

#[test]
fn messages_that_are_too_large_or_nonsense_are_refused_and_the_service_goes_on() {
    let bench = bench();
    let service = Service::unix(&bench);
    let _running = Tool::Ours.serves(&bench, &service, &[], "");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], preface, &[&preface[..], &[0x7f; 5000]].concat()] {
        let mut stream = UnixStream::connect(&service.address).expect("it listens");
        // It may hang up before it has read everything.
        let _ = stream.write_all(noise);
    }
    let large = "A".repeat(2 << 20);
    let sealed = bench.read("secret.yaml");
    let (before, rest) = sealed.split_once("-----BEGIN AGE").expect("armor");
    let after = rest.split_once("-----END AGE").expect("armor").1;
    bench.write("large.yaml", format!("{before}-----BEGIN AGE{large}-----END AGE{after}"));
    bench.write(
        "other.yaml",
        format!("{before}-----BEGIN AGE ENCRYPTED FILE-----\n            nonsense\n            -----END AGE{after}"),
    );
    for tool in tools() {
        for file in ["large.yaml", "other.yaml"] {
            tool.asks(&bench, &[&service.uri], &["decrypt", file]).fails(128, &["rpc error: code = "]);
        }
        let opened = tool.asks(&bench, &[&service.uri], &["decrypt", "secret.yaml"]);
        assert_eq!(opened.ok(), format!("password: {CANARY}\n"), "{tool:?}");
    }
}
