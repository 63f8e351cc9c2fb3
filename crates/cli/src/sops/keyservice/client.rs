//! The client. One question is one connection, made on a thread of its own with a runtime of its own: nothing is kept, nothing is started
//! before a key asks, and callers need not know whether they run inside another runtime.

use std::error::Error as _;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use bulla_core::secret::SecretBytes;
use bulla_core::sops::{KeySource, MasterKey};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::messages::{DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, Key};
use super::place::{Place, errno};

/// To connect. Whoever is there answers at once.
const CONNECT: Duration = Duration::from_secs(10);
/// To answer: somebody may have to say yes, or to touch a token.
const ANSWER: Duration = Duration::from_secs(300);

/// A key service that somebody else runs. It connects when a key asks for it.
pub(crate) struct Client {
    place: Place,
}

impl Client {
    /// A service at `tcp://HOST:PORT` or `unix:///PATH`.
    ///
    /// # Errors
    /// A text that says what is wrong with the URI.
    pub(crate) fn new(uri: &str) -> Result<Self, String> {
        match Place::parse(uri) {
            Some(place) => Ok(Self { place }),
            None => Err(format!("{uri} is not a URI such as tcp://host:5000 or unix:///path")),
        }
    }

    /// Asks the service to open `key.enc`.
    pub(crate) fn unwrap(&self, key: &MasterKey) -> Result<SecretBytes, String> {
        let request = DecryptRequest { key: Some(Key::from(&key.source)), ciphertext: key.enc.clone().into_bytes() };
        let mut answer: DecryptResponse = self.ask("/KeyService/Decrypt", request)?;
        Ok(SecretBytes::new(std::mem::take(&mut answer.plaintext)))
    }

    /// Asks the service to encrypt a part of the data key.
    pub(crate) fn wrap(&self, source: &KeySource, part: &[u8]) -> Result<String, String> {
        let request = EncryptRequest { key: Some(Key::from(source)), plaintext: part.to_vec() };
        let answer: EncryptResponse = self.ask("/KeyService/Encrypt", request)?;
        String::from_utf8(answer.ciphertext)
            .map_err(|_| "the key service answered with something that is no text".to_owned())
    }

    fn ask<Q, A>(&self, path: &'static str, question: Q) -> Result<A, String>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| unavailable(errno(&error)))?;
            runtime.block_on(async {
                let channel = connect(&self.place).await?;
                let answer = tokio::time::timeout(ANSWER, call(channel, path, question)).await;
                answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("context deadline exceeded")))
            })
        };
        let answer = std::thread::scope(|scope| scope.spawn(work).join());
        answer.unwrap_or_else(|_| Err(Status::internal("the client failed"))).map_err(|status| in_words(&status))
    }
}

async fn call<Q, A>(channel: Channel, path: &'static str, question: Q) -> Result<A, Status>
where
    Q: prost::Message + 'static,
    A: prost::Message + Default + 'static,
{
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(super::MAX_MESSAGE);
    client.ready().await.map_err(|error| unavailable(error.to_string()))?;
    let codec = tonic_prost::ProstCodec::default();
    Ok(client.unary(Request::new(question), PathAndQuery::from_static(path), codec).await?.into_inner())
}

async fn connect(place: &Place) -> Result<Channel, Status> {
    match place {
        Place::Unix(path) => match tokio::time::timeout(CONNECT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => over(stream).await,
            Ok(Err(error)) => Err(dial("unix", path.display(), &format!("connect: {}", errno(&error)))),
            Err(_) => Err(dial("unix", Path::new(path).display(), "i/o timeout")),
        },
        Place::Tcp { network, host, port } => {
            let addresses = tokio::net::lookup_host((host.as_str(), *port)).await;
            let addresses = addresses.into_iter().flatten().filter(|address| match network.as_str() {
                "tcp4" => address.is_ipv4(),
                "tcp6" => address.is_ipv6(),
                _ => true,
            });
            let mut failure = Status::unavailable("name resolver error: produced zero addresses");
            for address in addresses {
                failure = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                    Ok(Ok(stream)) => return over(stream).await,
                    Ok(Err(error)) => dial(network, address, &format!("connect: {}", errno(&error))),
                    Err(_) => dial(network, address, "i/o timeout"),
                };
            }
            Err(failure)
        }
        Place::Unknown(network) => Err(dial(network, "", &format!("unknown network {network}"))),
    }
}

/// gRPC over a stream that is connected already. The name in the URI is what the real client says for unix sockets.
async fn over<S>(stream: S) -> Result<Channel, Status>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_| {
        // Asked for a second time only when the first connection broke.
        std::future::ready(stream.take().ok_or_else(|| std::io::Error::other("connection closed")))
    });
    let endpoint = Endpoint::from_static("http://localhost").connect_timeout(CONNECT);
    endpoint.connect_with_connector(connector).await.map_err(|error| unavailable(deepest(&error)))
}

fn dial(network: &str, address: impl Display, reason: &str) -> Status {
    let address = address.to_string();
    let space = if address.is_empty() { "" } else { " " };
    unavailable(format!("\"transport: Error while dialing: dial {network}{space}{address}: {reason}\""))
}

fn unavailable(reason: impl Display) -> Status {
    Status::unavailable(format!("connection error: desc = {reason}"))
}

/// As Go prints an error of gRPC.
fn in_words(status: &Status) -> String {
    let code = match status.code() {
        Code::Cancelled => "Canceled".to_owned(),
        code => format!("{code:?}"),
    };
    let text = match status.source() {
        Some(source) => deepest(source),
        None => status.message().to_owned(),
    };
    format!("rpc error: code = {code} desc = {text}")
}

/// The cause of all causes: the layers above it say only that something failed.
fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
