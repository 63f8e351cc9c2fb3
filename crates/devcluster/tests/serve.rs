//! Serving from outside: the token, TLS, the kubeconfig, and which addresses are listened on.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::pin::pin;

use bulla_devcluster::{DevCluster, Error, ServeOptions, Server};
use common::{cluster, refusal, secret, secrets, within};
use futures::TryStreamExt;
use kube::api::{ListParams, PostParams, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

async fn serve(cluster: &DevCluster) -> Server {
    cluster.serve(ServeOptions::default()).await.unwrap()
}

async fn client(kubeconfig: &str) -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    // Whatever the environment says: the server is on loopback.
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

#[tokio::test]
async fn a_client_with_the_kubeconfig_gets_in() {
    let cluster = cluster();
    let server = serve(&cluster).await;
    let secrets = secrets(&client(server.kubeconfig()).await);
    secrets.create(&PostParams::default(), &secret("a")).await.unwrap();
    assert_eq!(secrets.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let mut events = pin!(secrets.watch(&WatchParams::default(), "0").await.unwrap());
    assert!(within("the first event", events.try_next()).await.unwrap().is_some());
    within("the shutdown, although a watch is open", server.shutdown()).await;
    // The stream ends, with or without an error of the transport.
    let _ = within("the end of the watch", events.try_next()).await;
}

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let cluster = cluster();
    let server = serve(&cluster).await;
    let token = cluster.token();
    for kubeconfig in [
        server.kubeconfig().replace(token, "wrong"),
        server.kubeconfig().replace(token, &token[1..]),
        server.kubeconfig().replace(&format!("    token: {token}\n"), "    username: x\n    password: y\n"),
    ] {
        let secrets = secrets(&client(&kubeconfig).await);
        let (code, reason, _) = refusal(secrets.list(&ListParams::default()).await);
        assert_eq!((code, reason.as_str()), (401, "Unauthorized"));
    }
    assert_eq!(cluster.requests().iter().count(), 0, "what is turned away is not looked at");
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_refuses_the_server() {
    let (one, two) = (cluster(), cluster());
    let (server, other) = (serve(&one).await, serve(&two).await);
    let authority = |text: &str| {
        let line = text.lines().find(|line| line.contains("certificate-authority-data")).unwrap();
        line.to_owned()
    };
    let mixed = server.kubeconfig().replace(&authority(server.kubeconfig()), &authority(other.kubeconfig()));
    let secrets = secrets(&client(&mixed).await);
    assert!(matches!(
        secrets.list(&ListParams::default()).await,
        Err(kube::Error::HyperError(_) | kube::Error::Service(_))
    ));
}

#[tokio::test]
async fn the_kubeconfig_is_for_its_owner_only() {
    let server = serve(&cluster()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    server.write_kubeconfig(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), server.kubeconfig());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    let nowhere = server.write_kubeconfig(&folder.path().join("no/config")).unwrap_err();
    assert!(matches!(nowhere, Error::WriteKubeconfig { .. }));
}

#[tokio::test]
async fn only_loopback_is_listened_on_unless_exposed() {
    let cluster = cluster();
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = cluster.serve(ServeOptions { listen, insecure_expose: false }).await.unwrap_err();
    assert!(matches!(error, Error::RefuseExposure { .. }));
    assert!(error.to_string().contains("--insecure-expose"), "{error}");
    let server = cluster.serve(ServeOptions { listen, insecure_expose: true }).await.unwrap();
    assert!(server.kubeconfig().contains("https://127.0.0.1:"), "an address that can be dialled");
    secrets(&client(server.kubeconfig()).await).list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let cluster = cluster();
    let server = serve(&cluster).await;
    let listen = server.local_addr();
    let error = cluster.serve(ServeOptions { listen, ..ServeOptions::default() }).await.unwrap_err();
    assert!(matches!(error, Error::AddressInUse { .. }));
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}

#[tokio::test]
async fn the_untrusted_service_demands_the_token_in_process_too() {
    use http_body_util::Full;
    use tower::ServiceExt;
    let cluster = cluster();
    let request = |token: Option<String>| {
        let mut request = http::Request::get("/readyz");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        request.body(Full::<bytes::Bytes>::default()).unwrap()
    };
    for (token, code) in [
        (None, 401),
        (Some("Bearer ".to_owned()), 401),
        (Some(format!("Basic {}", cluster.token())), 401),
        (Some(format!("Bearer {}x", cluster.token())), 401),
        (Some(format!("Bearer {}", cluster.token())), 200),
    ] {
        let response = cluster.service().oneshot(request(token)).await.unwrap();
        assert_eq!(response.status().as_u16(), code);
    }
    assert_eq!(cluster.trusted_service().oneshot(request(None)).await.unwrap().status().as_u16(), 200);
}
