//! The controller as a process beside the embedded cluster: memory idle and loaded, and the cost of a cold start and of a
//! restart. Figures are in docs/benchmarks.md.
//!
//! `cargo bench -p bulla --bench controller`; `OBJECTS=1000` is the default number of SealedSecrets, of three values of 100
//! bytes each, sealed with RSA-4096. CPU seconds are user and system time of the process; memory is its resident set.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails with what it got"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bulla_core::sealed::{PlainSecret, SealingCertificate};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};

const VALUES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(300);

/// A child that is killed with its owner.
struct Process(Child);

impl Process {
    fn start(folder: &Path, name: &str, arguments: &[&str]) -> Self {
        let file = |ending: &str| fs::File::create(folder.join(format!("{name}.{ending}"))).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_bulla"));
        command.args(arguments).stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        Self(command.spawn().unwrap())
    }

    /// User and system time so far.
    fn cpu(&self) -> Duration {
        const TICKS_PER_SECOND: u64 = 100;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
    }

    /// Resident memory now, and its peak, in KiB.
    fn memory(&self) -> (u64, u64) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Body of `GET path`, if the answer is 200.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.0 200")
        .then(|| body.to_owned())
        .or_else(|| head.contains(" 200 ").then(|| body.to_owned()))
}

fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A free port of the loopback interface; nobody else takes it in the short time until it is used.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn sealed_secrets() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("bitnami.com", "v1alpha1", "SealedSecret"))
}

/// `count` SealedSecrets over ten namespaces.
fn objects(count: usize, certificate: &SealingCertificate) -> Vec<DynamicObject> {
    (0..count)
        .map(|index| {
            let (namespace, name) = (format!("bench-{}", index % 10), format!("secret-{index}"));
            let values =
                (0..VALUES).map(|value| format!("v{value}: \"{}\"", "x".repeat(100))).collect::<Vec<_>>().join(", ");
            let plain = format!("metadata: {{name: {name}, namespace: {namespace}}}\nstringData: {{{values}}}\n");
            let document = bulla_yaml::read_one(plain.as_bytes(), &bulla_yaml::Limits::default()).unwrap();
            serde_json::from_value(PlainSecret::from_node(&document.root).unwrap().seal(certificate).unwrap()).unwrap()
        })
        .collect()
}

async fn synced(api: &Api<DynamicObject>) -> usize {
    let list = api.list(&ListParams::default()).await.unwrap();
    list.items.iter().filter(|object| object.data["status"]["conditions"][0]["status"] == "True").count()
}

async fn run(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let kubeconfig = path.to_str().unwrap();
    let cluster = Process::start(folder.path(), "devcluster", &["devcluster", "--kubeconfig", kubeconfig]);
    until("devcluster", || path.exists().then_some(()));
    let config = Kubeconfig::read_from(&path).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
    let client = kube::Client::try_from(config).unwrap();

    let start = |number: usize| {
        let (listen, metrics) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        // A killed controller would leave a Lease behind that the next one has to wait for.
        let arguments = ["controller", "--kubeconfig", kubeconfig, "--leader-election=false", "--listen-addr", &listen];
        let arguments = [&arguments[..], &["--listen-metrics-addr", &metrics]].concat();
        (Process::start(folder.path(), &format!("controller-{number}"), &arguments), listen)
    };

    let (controller, address) = start(0);
    until("a ready controller", || get(&address, "/readyz"));
    std::thread::sleep(Duration::from_secs(2));
    let (resident, peak) = controller.memory();
    println!("idle:                {resident:>7} KiB resident, {peak} KiB peak (it has just made its RSA-4096 key)");
    let certificate = get(&address, "/v1/cert.pem").unwrap();
    drop(controller);

    let (controller, address) = start(1);
    until("a ready controller", || get(&address, "/readyz"));
    std::thread::sleep(Duration::from_secs(2));
    let (resident, peak) = controller.memory();
    println!("idle, key is there:  {resident:>7} KiB resident, {peak} KiB peak");
    drop(controller);

    let namespaces: Api<DynamicObject> =
        Api::all_with(client.clone(), &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Namespace")));
    for index in 0..10 {
        let namespace =
            serde_json::from_value(serde_json::json!({"metadata": {"name": format!("bench-{index}")}})).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    }
    let certificate = SealingCertificate::from_pem(certificate.as_bytes()).unwrap();
    stream::iter(objects(count, &certificate))
        .map(|object| {
            let namespace = object.metadata.namespace.clone().unwrap();
            let api = Api::<DynamicObject>::namespaced_with(client.clone(), &namespace, &sealed_secrets());
            async move { api.create(&PostParams::default(), &object).await.map(|_| ()) }
        })
        .buffer_unordered(16)
        .try_collect::<Vec<()>>()
        .await
        .unwrap();

    let all = Api::<DynamicObject>::all_with(client.clone(), &sealed_secrets());
    for (number, what) in [(2, "cold"), (3, "restart")] {
        let server = cluster.cpu();
        let (controller, address) = start(number);
        let begun = Instant::now();
        until("a ready controller", || get(&address, "/readyz"));
        loop {
            let done = synced(&all).await;
            if done == count {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "{done} of {count} are synced");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let wall = begun.elapsed();
        std::thread::sleep(Duration::from_secs(2));
        let (resident, peak) = controller.memory();
        println!(
            "{what:<8} {count} x {VALUES}:  {:>6.2} s wall, {:.2} s CPU (cluster: {:.2} s CPU), {resident} KiB resident, {peak} KiB peak",
            wall.as_secs_f64(),
            controller.cpu().as_secs_f64(),
            (cluster.cpu() - server).as_secs_f64(),
        );
        drop(controller);
    }
}

fn main() {
    // `cargo test --benches` runs this too; then it only has to compile.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let count = std::env::var("OBJECTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1000);
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run(count));
}
