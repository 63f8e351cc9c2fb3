//! A Vault of one run: answers as the case's script says, and keeps what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One line of the script: a path, and what it gets.
pub(crate) struct Reply {
    pub(crate) target: String,
    pub(crate) code: u16,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    address: String,
    state: Arc<State>,
    stop: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    replies: Mutex<Vec<Reply>>,
    asked: Mutex<Vec<String>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = Self { url: format!("http://{address}"), address, state: Arc::default(), stop: Arc::default() };
        let (state, stop) = (Arc::clone(&server.state), Arc::clone(&server.stop));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                let state = Arc::clone(&state);
                std::thread::spawn(move || while state.serve(&stream).is_some() {});
            }
        });
        server
    }

    /// Sets the script.
    pub(crate) fn answer(&self, replies: impl Iterator<Item = Reply>) {
        self.state.replies.lock().unwrap().extend(replies);
    }

    /// What was asked so far, one text for each request.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
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
    /// One request of a connection.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        let mut said = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned() + "\n";
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else { break };
            let name = name.to_lowercase();
            if name == "content-length" {
                length = value.trim().parse().ok()?;
            }
            // The others are how a client works, not what it says.
            if name == "x-vault-token" || name == "x-vault-namespace" {
                said.push_str(&format!("  {name}:{value}\n"));
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let json: Result<serde_json::Value, _> = serde_json::from_slice(&body);
        match json {
            Ok(json) => said.push_str(&format!("  {json}\n")),
            Err(_) if body.is_empty() => {}
            Err(_) => said.push_str(&format!("  {}\n", String::from_utf8_lossy(&body))),
        }
        let target = said.lines().next().unwrap_or_default().to_owned();
        self.asked.lock().unwrap().push(said);
        let (code, body) = self.reply(&target);
        let head = format!(
            "HTTP/1.1 {code} Status\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        (&*stream).write_all(&[head.as_bytes(), &body].concat()).ok()
    }

    /// By method and path, or path alone; in turn, the last one for ever.
    fn reply(&self, line: &str) -> (u16, Vec<u8>) {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let method = line.split(' ').next().unwrap_or_default();
        let mut replies = self.replies.lock().unwrap();
        let fits = |reply: &Reply| reply.target == path || reply.target == format!("{method}:{path}");
        let mut fitting = replies.iter().enumerate().filter(|(_, reply)| fits(reply));
        let Some((at, reply)) = fitting.next() else { return (404, br#"{"errors":[]}"#.to_vec()) };
        let answer = (reply.code, reply.body.clone());
        if fitting.next().is_some() {
            replies.remove(at);
        }
        answer
    }
}
