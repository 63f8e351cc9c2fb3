//! The binary, run as users run it: `bulla devcluster` and `bulla controller` as children, `bulla seal` as a command.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// A child process whose output goes to files. Killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `bulla` with `arguments`. The files of its output are `folder/<name>-<number>.{out,err}`.
    fn start(folder: &Path, name: &'static str, number: u32, arguments: &[&str]) -> Self {
        let stdout = folder.join(format!("{name}-{number}.out"));
        let stderr = folder.join(format!("{name}-{number}.err"));
        let file = |path: &Path| File::create(path).expect("the folder for output is writable");
        let child = bulla()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("the binary was built");
        Self { child, name, stdout, stderr }
    }

    /// What it printed so far, both streams.
    pub(crate) fn output(&self) -> String {
        let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        [read(&self.stdout), read(&self.stderr)].into_iter().flatten().collect()
    }

    /// SIGKILL: no chance to tidy up.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be waited for")
    }

    /// Asks until `answer` has one; fails when the process ends or time is up.
    fn wait_for<T>(&mut self, what: &str, mut answer: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = answer(self) {
                return answer;
            }
            let ended = self.child.try_wait().expect("our own child can be waited for");
            if let Some(status) = ended {
                panic!("bulla {} ended ({status}) before {what}; it printed:\n{}", self.name, self.output());
            }
            let name = self.name;
            assert!(Instant::now() < deadline, "bulla {name}: no {what} after {PATIENCE:?}:\n{}", self.output());
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let state = match ended {
                Ok(Some(status)) => format!("had ended ({status}) and"),
                _ => "was running and".to_owned(),
            };
            eprintln!("--- bulla {} {state} printed (end):\n{}", self.name, end_of(&self.output()));
        }
    }
}

/// `bulla devcluster`, ready.
pub(crate) struct DevCluster {
    pub(crate) process: Process,
    pub(crate) kubeconfig: PathBuf,
}

impl DevCluster {
    pub(crate) fn start(folder: &Path) -> Self {
        let kubeconfig = folder.join("kubeconfig");
        let mut process = Process::start(folder, "devcluster", 1, &["devcluster", "--kubeconfig", text(&kubeconfig)]);
        process.wait_for("the line that says it is ready", |process| process.output().contains('\n').then_some(()));
        assert!(kubeconfig.exists(), "bulla devcluster is ready without a kubeconfig:\n{}", process.output());
        Self { process, kubeconfig }
    }
}

/// `bulla controller`, ready.
pub(crate) struct Controller {
    pub(crate) process: Process,
    address: String,
    metrics_address: String,
}

impl Controller {
    pub(crate) fn start(folder: &Path, number: u32, kubeconfig: &Path) -> Self {
        // Killed, it would leave a Lease behind that the next one has to wait for.
        let arguments =
            ["controller", "--kubeconfig", text(kubeconfig), "--namespace", "kube-system", "--leader-election=false"];
        let ports = ["--listen-addr", "127.0.0.1:0", "--listen-metrics-addr", "127.0.0.1:0"];
        let mut process = Process::start(folder, "controller", number, &[&arguments[..], &ports].concat());
        let mut address_after = |what: &str| process.wait_for(what, |process| address_after(&process.output(), what));
        let address = address_after("HTTP server serving");
        let metrics_address = address_after("HTTP metrics server serving");
        process.wait_for("an answer of 200 from /readyz", |_| get(&address, "/readyz"));
        Self { process, address, metrics_address }
    }

    /// What a scraper gets.
    pub(crate) fn metrics(&self) -> String {
        get(&self.metrics_address, "/metrics").expect("a ready controller serves its metrics")
    }

    /// The certificate to seal with.
    pub(crate) fn certificate(&self) -> String {
        get(&self.address, "/v1/cert.pem").expect("a ready controller serves its certificate")
    }
}

/// `bulla seal`, in place. Returns what it printed.
pub(crate) fn seal(certificate: &Path, file: &Path) -> String {
    let output = bulla()
        .args(["seal", "--cert", text(certificate), "--write", text(file), text(file)])
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "bulla seal {} ({}):\n{printed}", file.display(), output.status);
    printed
}

/// The binary, without the settings of whoever runs the test.
fn bulla() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
    command.env_remove("KUBECONFIG").env_remove("RUST_LOG").env("NO_COLOR", "1");
    command
}

/// The address in the log line that says `what`.
fn address_after(output: &str, what: &str) -> Option<String> {
    let (_, rest) = output.split_once(what)?;
    let (line, _) = rest.split_once('\n')?;
    let (_, port) = line.split_once("127.0.0.1:")?;
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("127.0.0.1:{port}"))
}

/// The body of an HTTP answer with status 200.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200 ").then(|| body.to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of this test are UTF-8")
}

fn end_of(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
