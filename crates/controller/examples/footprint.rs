//! What the controller costs, in a process of its own, against an in-process API server over TLS: resident memory when idle
//! and with objects, the time and requests of a cold start, and of a restart with everything in place.
//!
//! `cargo run --release -p bulla-controller --example footprint -- 1000`

// A tool for developers, not a part of the product.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use bulla_controller::{CRD_YAML, Config, Controller, parse_listen_address};
use bulla_core::go_base64;
use bulla_core::sealed::{Scope, SealingCertificate, seal_value};
use bulla_devcluster::{DevCluster, Options, ServeOptions};
use serde_json::{Value, json};

const CHILD: &str = "BULLA_FOOTPRINT_CHILD";

#[tokio::main]
async fn main() {
    if std::env::var_os(CHILD).is_some() {
        let config = kube::Config::infer().await.unwrap();
        let settings = Config {
            listen_addr: None,
            listen_metrics_addr: Some(parse_listen_address("127.0.0.1:0").unwrap()),
            ..Config::default()
        };
        let client = Controller::client(config).unwrap();
        return Controller::new(client, settings).run(std::future::pending()).await.unwrap();
    }
    let objects: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1000);
    let crd: Value = serde_yaml::from_str(CRD_YAML).unwrap();
    let cluster = DevCluster::new(Options { crds: vec![crd], ..Options::default() }).unwrap();
    let server = cluster.serve(ServeOptions::default()).await.unwrap();
    let kubeconfig = std::env::temp_dir().join(format!("bulla-footprint-{}", std::process::id()));
    server.write_kubeconfig(&kubeconfig).unwrap();
    let start = || {
        let this = std::env::current_exe().unwrap();
        Command::new(this).env(CHILD, "1").env("KUBECONFIG", &kubeconfig).spawn().unwrap()
    };
    let admin = kube::Client::new(cluster.trusted_service(), "default");

    let mut child = start();
    let certificate = loop {
        let list = get(&admin, "/api/v1/namespaces/kube-system/secrets").await;
        if let Some(text) = list["items"][0]["data"]["tls.crt"].as_str() {
            let pem = go_base64::decode(text).unwrap();
            break SealingCertificate::from_pem(&pem).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("idle:                 {} KiB resident", resident(&child));
    stop(&mut child);

    for n in 0..objects {
        let name = format!("object-{n}");
        let items: serde_json::Map<String, Value> = ["user", "password", "token"]
            .into_iter()
            .map(|key| {
                let sealed = seal_value(b"some value", &certificate, Scope::Strict, "default", &name).unwrap();
                (key.to_owned(), go_base64::encode(&sealed).into())
            })
            .collect();
        let object = json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"name": name}, "spec": {"encryptedData": items}});
        let request = http::Request::post("/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets")
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes())
            .unwrap();
        admin.request::<Value>(request).await.unwrap();
    }
    for what in ["cold:   ", "restart:"] {
        let before = cluster.requests();
        let began = Instant::now();
        let mut child = start();
        let synced = |list: &Value| {
            let items = list["items"].as_array().unwrap();
            items.iter().filter(|item| item["status"]["conditions"][0]["status"] == "True").count()
        };
        while synced(&get(&admin, "/apis/bitnami.com/v1alpha1/sealedsecrets").await) < objects {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let elapsed = began.elapsed();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let cost = cluster.requests().since(&before);
        println!("{what} {elapsed:?}, {} KiB resident, {} writes; {cost:?}", resident(&child), cost.writes());
        println!("          processor seconds of the controller: {}", processor(&child));
        stop(&mut child);
    }
    std::fs::remove_file(kubeconfig).unwrap();
}

async fn get(client: &kube::Client, path: &str) -> Value {
    client.request(http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap()
}

/// `anonymous of resident`: the rest is the binary itself, mapped from its file.
fn resident(child: &Child) -> String {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")).unwrap().trim().to_owned()
    };
    format!("{} anonymous of {}", field("RssAnon:"), field("VmRSS:"))
}

/// User and system time, in hundredths of a second as Linux counts them.
fn processor(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let fields: Vec<f64> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse().unwrap())
        .collect();
    fields.iter().sum::<f64>() / 100.0
}

fn stop(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
