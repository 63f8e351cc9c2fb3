//! The built binary as a process: the controller, under its own name or as a command of bulla.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{PATIENCE, until};

/// How a controller is started.
#[derive(Clone)]
pub(crate) struct Launch {
    /// The API server's URL.
    pub(crate) server: String,
    /// Where its files go.
    pub(crate) folder: PathBuf,
    /// `POD_NAMESPACE`.
    pub(crate) namespace: String,
    /// After the flags that every test needs.
    pub(crate) flags: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    /// Called `controller`, as in upstream's image; else `bulla controller`.
    pub(crate) stock_name: bool,
}

/// A controller that runs.
pub(crate) struct Controller {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    pub(crate) http: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Launch {
    /// The command, its output not yet directed anywhere.
    pub(crate) fn command(&self) -> Command {
        let kubeconfig = self.folder.join("controller.kubeconfig");
        fs::write(&kubeconfig, plain_kubeconfig(&self.server)).expect("the folder is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
        if self.stock_name {
            command.arg0("controller");
        } else {
            command.arg("controller");
        }
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SEALED_SECRETS_")) {
            command.env_remove(name);
        }
        command
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(["--listen-addr", "127.0.0.1:0", "--listen-metrics-addr", "127.0.0.1:0", "--key-size", "2048"])
            .args(&self.flags)
            .env("POD_NAMESPACE", &self.namespace)
            // One Pod: a controller that is started again after a kill holds its Lease still.
            .env("POD_NAME", "controller-0")
            .env_remove("KUBECONFIG")
            .env("NO_COLOR", "1")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it serves HTTP.
    pub(crate) async fn start(&self) -> Controller {
        // Each start has files of its own: nothing of an earlier one is lost or read again.
        let number = fs::read_dir(&self.folder).map_or(0, Iterator::count);
        let file = |ending: &str| self.folder.join(format!("controller-{number}.{ending}"));
        let (stdout, stderr) = (file("out"), file("err"));
        let create = |path: &Path| File::create(path).expect("the folder is writable");
        let child =
            self.command().stdout(create(&stdout)).stderr(create(&stderr)).spawn().expect("the binary was built");
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut controller = Controller { child, stdout, stderr, http: nowhere, metrics: nowhere };
        controller.http = controller.address_after("HTTP server serving").await;
        controller.metrics = controller.address_after("HTTP metrics server serving").await;
        controller
    }
}

impl Controller {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) async fn ready(&self) {
        until("the controller is ready", || async { (self.get("/readyz").await?.code == 200).then_some(()) }).await;
    }

    /// Both streams.
    pub(crate) fn log(&self) -> String {
        self.stdout() + &self.stderr()
    }

    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }

    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Answer> {
        ask(self.http, "GET", path, "", &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        ask(self.http, "POST", path, body, &[]).await.expect("the controller answers")
    }

    pub(crate) async fn metrics(&self) -> String {
        ask(self.metrics, "GET", "/metrics", "", &[]).await.expect("the controller serves its metrics").body
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("our own child can be signalled");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait(&mut self.child).unwrap_or_else(|| panic!("the controller does not end:\n{}", self.log()))
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn address_after(&mut self, what: &str) -> SocketAddr {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let address = || log.split_once(what)?.1.lines().next()?.split_once("127.0.0.1:");
            if let Some((_, port)) = address() {
                let port: String = port.chars().take_while(char::is_ascii_digit).collect();
                return SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the controller ended ({status}):\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "no {what:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        if std::thread::panicking() {
            let lines: Vec<&str> = log.lines().collect();
            println!("--- the controller's log (end):\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// Runs a command to its end, both streams together.
pub(crate) fn run_to_end(mut command: Command) -> (ExitStatus, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary was built");
    let status = wait(&mut child).unwrap_or_else(|| {
        let _ = child.kill();
        panic!("it does not end")
    });
    let output = child.wait_with_output().expect("it has ended");
    (status, String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().expect("our own child can be waited for") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// One request on a connection of its own. `None` if nobody answers.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    // Whoever refuses a body may close before it has read all of it.
    let _ = stream.write_all((head + body).as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let code = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<_> = headers.collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Some(Answer { code, headers, body: if chunked { unchunked(body) } else { body.to_owned() } })
}

fn unchunked(mut text: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(rest.get(..size).unwrap_or(rest));
        text = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}

/// Plain HTTP and no credentials: the proxy adds them.
pub(crate) fn plain_kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
         clusters:\n- name: test\n  cluster: {{server: \"{server}\"}}\n\
         users:\n- name: test\n  user: {{}}\n\
         contexts:\n- name: test\n  context: {{cluster: test, user: test}}\n"
    )
}
