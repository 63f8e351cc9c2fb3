//! Our controller and upstream's in turns, in the same place of the same real cluster: as in a pod, under upstream's rights.
//! Prints a table in Markdown; docs/benchmarks.md has one.
//!
//!     tests/peers/with-cluster cargo bench -p bulla --bench sidebyside
//!
//! SealedSecrets of three values of 100 bytes, RSA-4096, created before the controller starts. `BULLA_BENCH_PERCENT=5` makes
//! all counts smaller. Wall time is from the start of the process to the last Secret; CPU seconds are user and system time
//! until the last status is written; memory is the peak of the resident set; requests are the API server's own count
//! (`apiserver_request_total`) for SealedSecrets, Secrets and events.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails with what it got"
)]

#[path = "../../../tests/harness/mod.rs"]
mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bulla_core::sealed::{GeneratedKey, KeySize, NewKey, Scope, generate_key};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams};
use serde_json::{Value, json};

use harness::api::{self, synced};
use harness::process::ask;
use harness::random::count;
use harness::sealing::{key_secret, sealed_object};
use harness::server::{Server, apply_our_definition, peers};

const NAMESPACES: usize = 10;
const PATIENCE: Duration = Duration::from_secs(1200);

/// Which controller, with which flags.
#[derive(Clone, Copy)]
struct Contestant {
    name: &'static str,
    ours: bool,
    flags: &'static [&'static str],
}

const OURS: Contestant = Contestant { name: "bulla", ours: true, flags: &[] };
const THEIRS: Contestant = Contestant { name: "upstream, no limit", ours: false, flags: &["--kubeclient-qps=-1"] };
const THEIR_DEFAULTS: Contestant = Contestant { name: "upstream, defaults", ours: false, flags: &[] };

struct Bench {
    server: Server,
    cluster: PathBuf,
    binary: PathBuf,
}

/// A controller that runs, stopped at the end.
struct Running<'a> {
    cluster: &'a Path,
    pid: u32,
    metrics: std::net::SocketAddr,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        peers("upstream-controller", &["stop", self.cluster.to_str().unwrap()], &[]);
    }
}

/// What something cost up to now.
#[derive(Clone)]
struct Cost {
    api_server: f64,
    etcd: f64,
    requests: BTreeMap<String, u64>,
}

impl Bench {
    fn start(&self, contestant: Contestant) -> Running<'_> {
        let mut arguments = vec!["start", self.cluster.to_str().unwrap(), "--"];
        arguments.extend(contestant.flags);
        let ours = [("CONTROLLER", self.binary.as_path())];
        let said = peers("upstream-controller", &arguments, if contestant.ours { &ours } else { &[] });
        apply_our_definition(&self.cluster);
        let metrics = said.split_once("metrics http://").unwrap().1.split('/').next().unwrap().parse().unwrap();
        Running { cluster: &self.cluster, pid: pid_of(&self.cluster, "upstream-controller"), metrics }
    }

    async fn cost(&self) -> Cost {
        let cpu_of = |name| cpu(pid_of(&self.cluster, name));
        let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
        let text = self.server.admin.0.request_text(request).await.unwrap();
        let mut requests = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
            let label = |name: &str| {
                let (_, rest) = line.split_once(&format!("{name}=\""))?;
                Some(rest.split('"').next()?.to_owned())
            };
            let resource = label(",resource").unwrap_or_default();
            if ["sealedsecrets", "secrets", "events"].contains(&resource.as_str()) {
                let sub = label("subresource").filter(|sub| !sub.is_empty()).map(|sub| format!("/{sub}"));
                let name = format!("{} {resource}{}", label("verb").unwrap_or_default(), sub.unwrap_or_default());
                let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
                *requests.entry(name).or_insert(0) += value as u64;
            }
        }
        Cost { api_server: cpu_of("kube-apiserver"), etcd: cpu_of("etcd"), requests }
    }

    /// `count` sealed objects over ten namespaces, nothing else in them; keys in turns.
    async fn fill(&self, count: usize, keys: &[GeneratedKey]) {
        self.clear().await;
        for (number, key) in keys.iter().enumerate() {
            self.server
                .admin
                .post(&api::secrets("kube-system"), &key_secret(&format!("bench-key-{number}"), key))
                .await;
        }
        let values = ["v0", "v1", "v2"].map(|name| (name, "x".repeat(100)));
        let items = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let objects = (0..count).map(|index| {
            let (namespace, name) = (format!("bench-{}", index % NAMESPACES), format!("secret-{index}"));
            let certificate = &keys[index % keys.len()].certificate;
            let sealed = sealed_object(certificate, Scope::Strict, (&namespace, &name), &items);
            async move { self.server.admin.post(&api::sealed_secrets(&namespace), &sealed).await }
        });
        stream::iter(objects).buffer_unordered(16).for_each(|_| async {}).await;
    }

    async fn clear(&self) {
        let admin = &self.server.admin;
        for number in 0..NAMESPACES {
            let namespace = format!("bench-{number}");
            for path in [
                api::sealed_secrets(&namespace),
                api::secrets(&namespace),
                format!("/api/v1/namespaces/{namespace}/events"),
            ] {
                admin.delete(&path).await;
            }
        }
        for key in admin.items(&format!("{}?labelSelector={}", api::secrets("kube-system"), api::KEY_LABEL)).await {
            admin.delete(&api::secret("kube-system", key["metadata"]["name"].as_str().unwrap())).await;
        }
        harness::until("the namespaces are empty", || async {
            for number in 0..NAMESPACES {
                let namespace = format!("bench-{number}");
                for path in [api::sealed_secrets(&namespace), api::secrets(&namespace)] {
                    if !admin.items(&format!("{path}?limit=1")).await.is_empty() {
                        return None;
                    }
                }
            }
            Some(())
        })
        .await;
    }

    /// When the last of `count` Secrets was there, and then that every status was.
    async fn until_done(&self, count: usize) -> Instant {
        let resource = |group: &str, version: &str, kind: &str| {
            ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
        };
        let client = self.server.admin.0.clone();
        let mut secrets = BTreeSet::new();
        let all: Api<DynamicObject> = Api::all_with(client.clone(), &resource("", "v1", "Secret"));
        while secrets.len() < count {
            let mut events = all.watch_metadata(&WatchParams::default().timeout(290), "0").await.unwrap().boxed();
            while secrets.len() < count {
                let Some(WatchEvent::Added(secret)) = events.try_next().await.unwrap_or_default() else { continue };
                let namespace = secret.metadata.namespace.unwrap_or_default();
                if namespace.starts_with("bench-") {
                    secrets.insert((namespace, secret.metadata.name));
                }
            }
        }
        let done = Instant::now();
        let deadline = done + PATIENCE;
        loop {
            let sealed = self.server.admin.items("/apis/bitnami.com/v1alpha1/sealedsecrets?resourceVersion=0").await;
            if sealed.iter().filter(|sealed| synced(sealed) == Some("True")).count() == count {
                return done;
            }
            assert!(Instant::now() < deadline, "statuses are missing");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn cold(&self, what: &str, count: usize, keys: &[GeneratedKey], contestant: Contestant, restart: bool) {
        self.fill(count, keys).await;
        let before = self.cost().await;
        let began = Instant::now();
        let running = self.start(contestant);
        let done = self.until_done(count).await;
        self.row(what, contestant, done - began, &running, &before).await;
        drop(running);
        if restart {
            let before = self.cost().await;
            let began = Instant::now();
            let running = self.start(contestant);
            let looked = until_looked_at(&running, count).await;
            self.row(&format!("settled restart, {count} x 3"), contestant, looked - began, &running, &before).await;
        }
    }

    async fn row(&self, what: &str, contestant: Contestant, wall: Duration, running: &Running<'_>, before: &Cost) {
        let cpu = cpu(running.pid);
        let after = self.cost().await;
        let requests: Vec<String> = after
            .requests
            .iter()
            .filter_map(|(name, now)| {
                let more = now - before.requests.get(name).unwrap_or(&0);
                // Few of them are the controller's: its first lists and watches, and those of this program.
                (more > 20).then(|| format!("{more} {name}"))
            })
            .collect();
        let requests = if requests.is_empty() { "none".to_owned() } else { requests.join(", ") };
        println!(
            "| {what} | {} | {:.2} s | {cpu:.2} s | {:.2} s | {:.2} s | {:.1} MiB | {requests} |",
            contestant.name,
            wall.as_secs_f64(),
            after.api_server - before.api_server,
            after.etcd - before.etcd,
            peak_memory(running.pid),
        );
    }
}

/// After a restart: when every object was looked at once.
async fn until_looked_at(running: &Running<'_>, count: usize) -> Instant {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metrics =
            ask(running.metrics, "GET", "/metrics", "", &[]).await.map(|answer| answer.body).unwrap_or_default();
        let line =
            metrics.lines().find_map(|line| line.strip_prefix("sealed_secrets_controller_unseal_requests_total "));
        if line.and_then(|value| value.parse::<f64>().ok()).is_some_and(|looked| looked >= count as f64) {
            let done = Instant::now();
            // Writes that would follow are counted.
            tokio::time::sleep(Duration::from_secs(2)).await;
            return done;
        }
        assert!(Instant::now() < deadline, "not every object was looked at:\n{metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn pid_of(cluster: &Path, name: &str) -> u32 {
    let text = fs::read_to_string(cluster.join(format!("{name}.pid"))).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// User and system time so far, in seconds.
fn cpu(pid: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// In MiB.
fn peak_memory(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Monthly keys, the newest first.
fn keys(count: usize) -> Vec<GeneratedKey> {
    (0..count)
        .map(|month| {
            let request = NewKey {
                size: KeySize::Rsa4096,
                not_before: Timestamp::now() - SignedDuration::from_hours(1 + 24 * 30 * month as i64),
                validity: SignedDuration::from_hours(24 * 3650),
                common_name: String::new(),
            };
            generate_key(&request).unwrap()
        })
        .collect()
}

async fn run() {
    let server = Server::find().await;
    let cluster = server.real.clone().expect("run it by tests/peers/with-cluster");
    let folder = tempfile::tempdir().unwrap();
    let binary = folder.path().join("controller");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_bulla"), &binary).unwrap();
    let bench = Bench { server, cluster, binary };
    for number in 0..NAMESPACES {
        let namespace: Value =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("bench-{number}")}});
        bench.server.admin.post("/api/v1/namespaces", &namespace).await;
    }
    let percent = count("BULLA_BENCH_PERCENT", 100);
    let of = |count: usize| (count * percent / 100).max(1);
    let (one, twelve) = (keys(1), keys(12));
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let ifma = if cpus.contains("avx512ifma") { "with" } else { "without" };
    println!(
        "{} cores,{} ({ifma} AVX-512 IFMA); bulla {}, upstream v0.40.0, kube-apiserver v1.36.3, etcd v3.7.3; BULLA_BENCH_PERCENT={percent}\n",
        std::thread::available_parallelism().map_or(0, usize::from),
        model
            .trim_start_matches(['\t', ' ', ':'])
            .split_whitespace()
            .fold(String::new(), |text, word| text + " " + word),
        env!("CARGO_PKG_VERSION"),
    );
    println!(
        "| what | controller | wall | CPU | API server's CPU | etcd's CPU | peak memory | requests |\n|---|---|---|---|---|---|---|---|"
    );
    for contestant in [OURS, THEIRS] {
        bench.cold(&format!("cold, {} x 3", of(1000)), of(1000), &one, contestant, false).await;
    }
    for contestant in [OURS, THEIRS] {
        bench.cold(&format!("cold, {} x 3", of(5000)), of(5000), &one, contestant, true).await;
    }
    for contestant in [OURS, THEIRS] {
        bench.cold(&format!("cold, {} x 3, 12 keys", of(500)), of(500), &twelve, contestant, false).await;
    }
    for contestant in [OURS, THEIR_DEFAULTS] {
        bench.cold(&format!("cold, {} x 3", of(200)), of(200), &one, contestant, false).await;
    }
    bench.cold(&format!("cold, {} x 3", of(10_000)), of(10_000), &one, OURS, true).await;
}

fn main() {
    // `cargo test --benches` runs this too; then it only has to compile.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run());
}
