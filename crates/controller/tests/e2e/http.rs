//! The endpoints, over a real port.

use std::net::SocketAddr;

use bulla_controller::{Config, Controller, Error};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::{KEYS, World, within};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Status, content type and body.
async fn ask(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (head[9..12].parse().unwrap(), kind.to_owned(), body.to_owned())
}

fn config() -> Config {
    Config { listen_addr: Some(ANY_PORT), listen_metrics_addr: Some(ANY_PORT), ..World::config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_readiness_certificate_and_metrics_are_served() {
    let world = World::new();
    world.fail(|_, path| (path == KEYS).then_some((500, "later")));
    let handle = world.launch(config()).await;
    let (http, metrics) = (handle.addresses().http.unwrap(), handle.addresses().metrics.unwrap());
    assert_eq!(ask(http, "GET /healthz").await, (200, "text/plain; charset=utf-8".to_owned(), "ok\n".to_owned()));
    assert_eq!(ask(http, "GET /readyz").await, (503, "text/plain; charset=utf-8".to_owned(), "not ready\n".to_owned()));
    let (code, _, body) = ask(http, "GET /v1/cert.pem").await;
    assert_eq!((code, body.as_str()), (500, "cannot get certificate\n"));

    world.heal();
    within("it is ready", handle.ready()).await;
    assert_eq!(ask(http, "POST /readyz").await.0, 200);
    let (code, kind, body) = ask(http, "GET /v1/cert.pem").await;
    assert_eq!((code, kind.as_str()), (200, "application/x-pem-file"));
    assert_eq!(Some(body), handle.certificate_pem());
    assert_eq!(ask(http, "GET /metrics").await.0, 404);
    assert_eq!(ask(metrics, "GET /healthz").await.0, 404);
    let (code, kind, body) = ask(metrics, "GET /metrics").await;
    assert_eq!((code, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(body.contains("# TYPE sealed_secrets_controller_unseal_requests_total counter\n"));
    assert!(body.contains("http_requests_total{path=\"/v1/cert.pem\",code=\"500\",method=\"get\"} 1"));
    handle.shutdown().await;
    assert!(TcpStream::connect(http).await.is_err(), "the port is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_may_serve_everything() {
    let taken = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = taken.local_addr().unwrap();
    let world = World::new();
    let same = || Config { listen_addr: Some(address), listen_metrics_addr: Some(address), ..World::config() };
    let controller = |config| Controller::new(kube::Client::new(world.cluster.trusted_service(), "default"), config);
    let error = controller(same()).start().await.err().unwrap();
    assert!(matches!(error, Error::Listen { flag: "--listen-addr", .. }));
    assert!(error.to_string().starts_with(&format!("listen on {address} (--listen-addr): ")), "{error}");

    drop(taken);
    let handle = controller(same()).start().await.unwrap();
    assert_eq!(ask(address, "GET /healthz").await.0, 200);
    assert_eq!(ask(address, "GET /metrics").await.0, 200);
    handle.shutdown().await;
}
