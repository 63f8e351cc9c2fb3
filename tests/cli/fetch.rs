//! Fetching the certificate through an API server: the requests that kubeseal makes, seen from the other side.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use support::{Bench, secret, vector};

/// An API server that knows a few paths and remembers what it was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

const SERVICE: &str = "/api/v1/namespaces/kube-system/services/sealed-secrets-controller";
const PROXY: &str = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:web/proxy/v1/cert.pem";

fn serve(answers: Vec<(&'static str, u16, String)>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(request) = lines.next() else { continue };
            let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let accept =
                headers.iter().find_map(|line| line.to_lowercase().strip_prefix("accept: ").map(str::to_owned));
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let (status, body) = answers
                .iter()
                .find(|(known, ..)| path == *known)
                .map_or_else(|| (404, String::new()), |(_, status, body)| (*status, body.clone()));
            seen.lock().unwrap().push(format!("{path} {}", accept.unwrap_or_default()));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    Server { address, asked }
}

fn service() -> String {
    r#"{"kind":"Service","spec":{"ports":[{"name":"web","port":8080},{"name":"metrics","port":8081}]}}"#.to_owned()
}

#[test]
fn the_certificate_is_fetched_through_the_first_port_of_the_service() {
    let certificate = vector("sealed/keys/key1.crt");
    let server = serve(vec![(SERVICE, 200, service()), (PROXY, 200, certificate.clone())]);
    let bench = Bench::with_cluster(&server.address);
    let fetched = bench.bulla(&["cert", "fetch", "--kubeconfig", "config"]);
    assert!(fetched.stderr.contains("bulla: fetched certificate SHA256:"), "{}", fetched.stderr);
    assert_eq!(fetched.ok(), certificate);
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked, [format!("{SERVICE} application/json"), format!("{PROXY} application/x-pem-file, */*")]);

    // kubeseal does the same, with --fetch-cert and for sealing.
    assert_eq!(bench.bulla(&["kubeseal", "--kubeconfig", "config", "--fetch-cert"]).ok(), certificate);
    let sealed = bench.bulla_with(&["kubeseal", "--kubeconfig", "config", "-o", "yaml"], secret("a").as_bytes()).ok();
    bench.unseal(&[], &sealed).ok();
}

#[test]
fn a_service_that_is_not_there_is_looked_for_under_other_names() {
    let server = serve(Vec::new());
    let bench = Bench::with_cluster(&server.address);
    let args = ["--kubeconfig", "config", "--controller-namespace", "ns", "--controller-name", "other"];
    let with = |words: &[&'static str]| [words, &args].concat();
    bench
        .bulla(&with(&["cert", "fetch"]))
        .fails(1, &["(E0504)", "no Service other in namespace ns", "--controller-name"]);
    bench.bulla(&with(&["kubeseal", "--fetch-cert"])).fails(
        1,
        &[
            "error: cannot get sealed secret service: ",
            ".\nPlease, use the flag --controller-name and --controller-namespace to set up",
        ],
    );
    assert!(server.asked.lock().unwrap()[0].starts_with("/api/v1/namespaces/ns/services/other "));
}

#[test]
fn refusals_and_answers_that_are_no_certificate_are_told() {
    let refused = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"services is forbidden","reason":"Forbidden","code":403}"#;
    let server = serve(vec![(SERVICE, 403, refused.to_owned())]);
    let bench = Bench::with_cluster(&server.address);
    bench
        .bulla(&["cert", "fetch", "--kubeconfig", "config"])
        .fails(1, &["(E0505)", "answered 403: services is forbidden", "kubectl auth can-i"]);

    let server = serve(vec![(SERVICE, 200, service()), (PROXY, 200, "<html>".to_owned())]);
    let bench = Bench::with_cluster(&server.address);
    bench.bulla(&["cert", "fetch", "--kubeconfig", "config"]).fails(1, &["(E0302)", "certificate of kube-system/"]);

    let gone = { TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string() };
    let bench = Bench::with_cluster(&gone);
    bench.bulla(&["cert", "fetch", "--kubeconfig", "config"]).fails(1, &["(E0503)", "kubectl version"]);
}

#[test]
fn a_url_is_fetched_as_it_is() {
    let certificate = vector("sealed/keys/key1.crt");
    let server = serve(vec![("/v1/cert.pem", 200, certificate.clone())]);
    let bench = Bench::with_cluster(&server.address);
    let url = |path: &str| format!("http://{}{path}", server.address);
    let fetched = bench.bulla(&["cert", "fetch", "--url", &url("/v1/cert.pem"), "-w", "cert.pem"]);
    assert!(!fetched.stderr.contains("warning"), "loopback needs no warning: {}", fetched.stderr);
    assert_eq!(fetched.ok(), "");
    assert_eq!(bench.read("cert.pem"), certificate);
    bench.bulla(&["cert", "fetch", "--url", &url("/none")]).fails(1, &["(E0506)", "404 Not Found"]);
    for bad in ["ftp://example.com/", "example.com", "http://"] {
        bench.bulla(&["cert", "fetch", "--url", bad]).fails(1, &["(E0506)"]);
    }
    let ran = bench.bulla(&["kubeseal", "--cert", &url("/none"), "--fetch-cert"]);
    assert!(
        ran.stderr.ends_with(&format!("error: cannot fetch \"{}\": 404 Not Found\n", url("/none"))),
        "{}",
        ran.stderr
    );
    assert_eq!(bench.bulla(&["kubeseal", "--cert", &url("/v1/cert.pem"), "--fetch-cert"]).ok(), certificate);
}
