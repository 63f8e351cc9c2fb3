//! The API server of one run: answers as the case's script says, and keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Map, Value};

use crate::case::ServerKind;

/// The `Service` that is there unless the script says otherwise.
pub(crate) const SERVICE: &str = r#"{"kind":"Service","apiVersion":"v1","metadata":{"name":"sealed-secrets-controller","namespace":"kube-system"},"spec":{"ports":[{"name":"http","port":8080}]}}"#;
/// What the controller makes of a SealedSecret unless the script says otherwise.
const ROTATED: &str = r#"{"kind":"SealedSecret","apiVersion":"bitnami.com/v1alpha1","metadata":{"name":"a","namespace":"b"},"spec":{"template":{"metadata":{"name":"a","namespace":"b"}},"encryptedData":{"k":"bmV3"}}}"#;

/// One line of the script, with everything put in.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) target: String,
    pub(crate) what: Does,
}

#[derive(Clone)]
pub(crate) enum Does {
    Answer { code: u16, headers: Vec<(String, String)>, body: Option<Vec<u8>> },
    Hang,
    Close,
}

pub(crate) struct Server {
    /// Host and port.
    pub(crate) address: String,
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

struct State {
    replies: Mutex<Vec<Reply>>,
    certificate: Vec<u8>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Binds; the script comes with [`Server::answer`], since it may name the address.
    pub(crate) fn bind() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { url: format!("http://{address}"), address, asked: Arc::default(), stop: Arc::default() };
        (server, listener)
    }

    /// Begins to answer. `certificate` is what `/v1/cert.pem` gives unless the script says otherwise.
    pub(crate) fn answer(
        &mut self,
        listener: TcpListener,
        kind: ServerKind,
        tls: &Tls,
        replies: Vec<Reply>,
        certificate: &[u8],
    ) {
        let config = match kind {
            ServerKind::Plain => None,
            ServerKind::Tls { client } => {
                self.url = format!("https://{}", self.address);
                Some(if client { Arc::clone(&tls.with_client) } else { Arc::clone(&tls.config) })
            }
        };
        let state = Arc::new(State {
            replies: Mutex::new(replies),
            certificate: certificate.to_vec(),
            asked: Arc::clone(&self.asked),
        });
        let stop = Arc::clone(&self.stop);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (state, config) = (Arc::clone(&state), config.clone());
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                    let mut first = [0];
                    if stream.peek(&mut first).is_ok() && first == *b"C" {
                        state.tunnel(&stream);
                    }
                    match config {
                        None => state.serve(stream, ""),
                        Some(config) => state.serve_tls(stream, config),
                    }
                });
            }
        });
    }

    /// What was asked so far, one text for each request.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(&self.address);
    }
}

impl State {
    /// As a proxy: says that the connection stands, and is what it leads to.
    fn tunnel(&self, stream: &TcpStream) {
        let Some(Request { line, .. }) = request(&mut BufReader::with_capacity(1, stream)) else { return };
        self.asked.lock().unwrap().push(format!("{}\n", line.trim_end_matches(" HTTP/1.1")));
        let _ = (&*stream).write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    }

    fn serve_tls(&self, mut stream: TcpStream, config: Arc<ServerConfig>) {
        let mut connection = ServerConnection::new(config).unwrap();
        while connection.is_handshaking() {
            if connection.complete_io(&mut stream).is_err() {
                return;
            }
        }
        let mut peer = String::new();
        if let Some(name) = connection.server_name() {
            peer.push_str(&format!("  server name: {name}\n"));
        }
        if connection.peer_certificates().is_some() {
            peer.push_str("  client certificate\n");
        }
        self.serve(StreamOwned::new(connection, stream), &peer);
    }

    fn serve(&self, stream: impl Read + Write, peer: &str) {
        let mut reader = BufReader::new(stream);
        let Some(Request { line, headers, body }) = request(&mut reader) else { return };
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut said = format!("{method} {path}\n{peer}");
        for (name, value) in &headers {
            // The others are how a client works, not what it says.
            let wants_pem = name == "accept" && path.contains("/proxy/");
            if wants_pem || name == "authorization" || name.starts_with("impersonate-") {
                said.push_str(&format!("  {name}: {value}\n"));
            }
        }
        if !body.is_empty() {
            said.push_str(&format!("  body: {}\n", without_empty(&body)));
        }
        self.asked.lock().unwrap().push(said);
        let answer = match self.reply(path) {
            Does::Hang => {
                // Until the client has had enough.
                let _ = reader.read_to_end(&mut Vec::new());
                return;
            }
            Does::Close => return,
            Does::Answer { code, headers, body } => written(code, &headers, &body.unwrap_or_default()),
        };
        let stream = reader.get_mut();
        let _ = stream.write_all(&answer);
        let _ = stream.flush();
        // Whoever still reads gets an end, not a reset.
        let _ = reader.read_to_end(&mut Vec::new());
    }

    fn reply(&self, path: &str) -> Does {
        let bare = path.split('?').next().unwrap_or_default();
        let target = if bare.ends_with("/v1/cert.pem") {
            "cert"
        } else if bare.ends_with("/v1/verify") {
            "verify"
        } else if bare.ends_with("/v1/rotate") {
            "rotate"
        } else if bare.contains("/services/") {
            "service"
        } else {
            path
        };
        let mut replies = self.replies.lock().unwrap();
        let mut matching =
            replies.iter().enumerate().filter(|(_, reply)| reply.target == target || reply.target == "*");
        if let Some((at, reply)) = matching.next() {
            let is_last = matching.next().is_none();
            let does = reply.what.clone();
            if !is_last {
                replies.remove(at);
            }
            return does;
        }
        let answer = |code, kind: &str, body: &[u8]| Does::Answer {
            code,
            headers: vec![("Content-Type".to_owned(), kind.to_owned())],
            body: Some(body.to_vec()),
        };
        match target {
            "service" => answer(200, "application/json", SERVICE.as_bytes()),
            "cert" => answer(200, "application/x-pem-file", &self.certificate),
            "verify" => answer(200, "text/plain", b""),
            "rotate" => answer(200, "application/json", ROTATED.as_bytes()),
            _ => answer(404, "text/plain", b"404 page not found\n"),
        }
    }
}

/// JSON in the order of its keys and without what is empty, which says nothing.
fn without_empty(body: &[u8]) -> String {
    fn cut(value: Value) -> Value {
        let Value::Object(map) = value else { return value };
        let cut = map.into_iter().map(|(key, value)| (key, cut(value)));
        let is_empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
        Value::Object(cut.filter(|(_, value)| !is_empty(value)).collect::<BTreeMap<_, _>>().into_iter().collect())
    }
    serde_json::from_slice(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |json| cut(json).to_string())
}

struct Request {
    line: String,
    /// In the order of their names.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    headers.sort();
    let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if let Some(length) = find("content-length").and_then(|value| value.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    } else if find("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let length = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
    }
    Some(Request { line: line.trim_end().to_owned(), headers, body })
}

fn written(code: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(code).ok().and_then(|code| code.canonical_reason()).unwrap_or("Unknown");
    let mut head = format!("HTTP/1.1 {code} {reason}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// An authority, a server's certificate for 127.0.0.1 and `api.test`, and a client's.
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    with_client: Arc<ServerConfig>,
    /// File names and PEM texts for the folder of keys.
    pub(crate) files: Vec<(&'static str, String)>,
}

impl Tls {
    pub(crate) fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        let authority_key = KeyPair::generate().unwrap();
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let signed = |name: &str, hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let mut leaf = CertificateParams::new(hosts).unwrap();
            leaf.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            (leaf.signed_by(&key, &issuer).unwrap(), key)
        };
        let (certificate, key) = signed("server", &["127.0.0.1", "api.test"]);
        let (client, client_key) = signed("client", &[]);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = || vec![CertificateDer::from(certificate.der().to_vec())];
        let private = || PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = || {
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap()
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority_certificate.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let http1 = |mut config: ServerConfig| {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Arc::new(config)
        };
        Self {
            config: http1(builder().with_no_client_auth().with_single_cert(chain(), private()).unwrap()),
            with_client: http1(
                builder().with_client_cert_verifier(verifier).with_single_cert(chain(), private()).unwrap(),
            ),
            files: vec![
                ("ca.crt", authority_certificate.pem()),
                ("client.crt", client.pem()),
                ("client.key", client_key.serialize_pem()),
            ],
        }
    }
}
