//! A plain HTTP client that may misbehave.

use std::net::SocketAddr;

use bulla_controller::{Config, HttpConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{World, within};

pub(crate) const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A configuration that serves HTTP and lets tests ask as often as they like.
pub(crate) fn config() -> Config {
    let http = HttpConfig { rate_limit: 10_000, rate_limit_burst: 10_000, ..HttpConfig::default() };
    Config { listen_addr: Some(ANY_PORT), http, ..World::config() }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Everything that a caller sees, but for the time and for its own counter.
    pub(crate) fn told(&self) -> (u16, Vec<&(String, String)>, &str) {
        let own = |name: &str| name == "date" || name.starts_with("x-ratelimit-");
        (self.status, self.headers.iter().filter(|(name, _)| !own(name)).collect(), &self.body)
    }
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: &[u8]) -> Answer {
    ask(address, "POST", path, &[], body).await
}

pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    raw(address, &[head.as_bytes(), body].concat()).await
}

/// Sends bytes as they are, and reads until the connection ends.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let sent = async {
        // A server that refuses early does not read everything.
        let _ = write.write_all(bytes).await;
        write
    };
    let mut answer = Vec::new();
    let (_write, received) = within("an answer", async { tokio::join!(sent, read.read_to_end(&mut answer)) }).await;
    received.unwrap();
    parse(&String::from_utf8(answer).unwrap())
}

pub(crate) fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    Answer {
        status: head[9..12].parse().unwrap(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.to_owned(),
    }
}
