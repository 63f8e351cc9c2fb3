//! The server: `sops keyservice`. It answers with the keys of this machine, which are looked for anew at each request. Requests run on
//! threads of their own, so that one that waits for a person holds up nobody.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bulla_core::sops::{KeySource, MasterKey};
use futures::stream;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Request, Response, Status};

use super::super::commands::keyservice::Options;
use super::super::failure::Failure;
use super::super::keys::LocalKeys;
use super::super::log;
use super::messages::{DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, Key};
use super::place::errno;
use super::{MAX_MESSAGE, prompt};

/// Requests that are answered at the same time.
const AT_ONCE: usize = 8;

/// Serves until a signal comes.
pub(crate) fn serve(options: &Options) -> Result<(), Failure> {
    run(options).map_err(|error| {
        log::error("CMD", &format!("Error running keyservice: {error}"));
        Failure::fatal(error)
    })
}

fn run(options: &Options) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(AT_ONCE).enable_all().build();
    let runtime = runtime.map_err(|error| errno(&error))?;
    let result = runtime.block_on(serve_until_signal(options));
    // A request may still wait for an answer at the terminal.
    runtime.shutdown_background();
    result
}

async fn serve_until_signal(options: &Options) -> Result<(), String> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else { return Err("signals cannot be caught".to_owned()) };
    let keys = Keys { prompt: options.prompt };
    let (network, address) = (options.network.as_str(), options.address.as_str());
    let server = tonic::transport::Server::builder()
        .concurrency_limit_per_connection(AT_ONCE)
        .max_concurrent_streams(64)
        .http2_max_header_list_size(16 << 10);
    let serving: Pin<Box<dyn Future<Output = Result<(), tonic::transport::Error>>>>;
    let _socket;
    if network == "unix" {
        let listener = UnixListener::bind(address);
        let listener = listener.map_err(|error| format!("listen unix {address}: bind: {}", errno(&error)))?;
        _socket = Some(Socket(PathBuf::from(address)));
        let incoming = stream::unfold(listener, |listener| async move {
            let stream = again(|| listener.accept()).await.map(|(stream, _)| stream);
            Some((stream, listener))
        });
        announce(options, false);
        serving = Box::pin(server.serve_with_incoming(keys, incoming));
    } else {
        _socket = None;
        let listener = bind_tcp(network, address).await?;
        let everywhere = listener.local_addr().is_ok_and(|address| !address.ip().is_loopback());
        let incoming = stream::unfold(listener, |listener| async move {
            let stream = again(|| listener.accept()).await.map(|(stream, _)| stream);
            Some((stream, listener))
        });
        announce(options, everywhere);
        serving = Box::pin(server.serve_with_incoming(keys, incoming));
    }
    let name = tokio::select! {
        result = serving => return result.map_err(|error| error.to_string()),
        _ = terminate.recv() => "terminated",
        _ = interrupt.recv() => "interrupt",
    };
    log::info("KEYSERVICE", &format!("Caught signal {name}: shutting down."));
    Ok(())
}

fn announce(options: &Options, everywhere: bool) {
    log::info("KEYSERVICE", &format!("Listening on {}://{}", options.network, options.address));
    let reach = if everywhere { ", and other machines can connect" } else { "" };
    log::warn(
        "KEYSERVICE",
        &format!("Callers are not authenticated: whoever can connect can use the keys of this machine{reach}"),
    );
}

async fn bind_tcp(network: &str, address: &str) -> Result<TcpListener, String> {
    if !matches!(network, "tcp" | "tcp4" | "tcp6") {
        return Err(format!("listen {network}: unknown network {network}"));
    }
    let Some((host, port)) = address.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'))
    else {
        return Err(format!("listen {network}: address {address}: missing port in address"));
    };
    let port: u16 = port.parse().map_err(|_| format!("listen {network}: lookup {network}/{port}: unknown port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses: Vec<SocketAddr> = match (host, network) {
        ("", "tcp4") => vec![([0, 0, 0, 0], port).into()],
        ("", _) => vec![([0u16; 8], port).into(), ([0, 0, 0, 0], port).into()],
        _ => tokio::net::lookup_host((host, port))
            .await
            .map_err(|_| format!("listen {network}: lookup {host}: no such host"))?
            .collect(),
    };
    let mut failure = format!("listen {network}: lookup {host}: no such host");
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = format!("listen {network} {address}: bind: {}", errno(&error)),
        }
    }
    Err(failure)
}

/// Too many open files, say: that passes, and is no reason to stop.
async fn again<T, F: Future<Output = io::Result<T>>>(accept: impl Fn() -> F) -> io::Result<T> {
    loop {
        match accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Removes the socket at the end.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(Path::new(&self.0));
    }
}

/// The service.
#[derive(Clone, Copy)]
struct Keys {
    prompt: bool,
}

impl Service<http::Request<Body>> for Keys {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let keys = *self;
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/KeyService/Encrypt" => {
                    let codec = tonic_prost::ProstCodec::<EncryptResponse, EncryptRequest>::default();
                    let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(MAX_MESSAGE);
                    let encrypt = move |request| apart(move || keys.encrypt(request));
                    grpc.unary(tower::service_fn(encrypt), request).await
                }
                "/KeyService/Decrypt" => {
                    let codec = tonic_prost::ProstCodec::<DecryptResponse, DecryptRequest>::default();
                    let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(MAX_MESSAGE);
                    let decrypt = move |request| apart(move || keys.decrypt(request));
                    grpc.unary(tower::service_fn(decrypt), request).await
                }
                _ => Status::unimplemented("unknown service or method").into_http(),
            })
        })
    }
}

/// On a thread of its own: keys may need a program, a token or a person.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<Response<T>, Status> {
    let answer = tokio::task::spawn_blocking(work).await;
    answer.unwrap_or_else(|_| Err(Status::internal("the request failed"))).map(Response::new)
}

impl Keys {
    fn encrypt(self, request: Request<EncryptRequest>) -> Result<EncryptResponse, Status> {
        let mut request = request.into_inner();
        let source = self.allowed("encrypt", request.key.take())?;
        let ciphertext = LocalKeys::default().wrap(&source, &request.plaintext).map_err(Status::unknown)?;
        Ok(EncryptResponse { ciphertext: ciphertext.into_bytes() })
    }

    fn decrypt(self, request: Request<DecryptRequest>) -> Result<DecryptResponse, Status> {
        let request = request.into_inner();
        let source = self.allowed("decrypt", request.key)?;
        let enc = String::from_utf8(request.ciphertext).map_err(|_| Status::unknown("the ciphertext is no text"))?;
        let key = MasterKey { enc, ..MasterKey::new(source) };
        let plaintext = LocalKeys::default().unwrap(&key).map_err(Status::unknown)?;
        Ok(DecryptResponse { plaintext: plaintext.expose().to_vec() })
    }

    /// The key that is asked for, if the user lets it be used.
    fn allowed(self, what: &str, key: Option<Key>) -> Result<KeySource, Status> {
        let kind = key.and_then(|key| key.kind).ok_or_else(|| Status::not_found("Must provide a key"))?;
        let source = KeySource::from(kind);
        if self.prompt {
            prompt::confirm(what, &source)?;
        }
        Ok(source)
    }
}
