//! The key service: gRPC without TLS over TCP or a unix socket, as a client and as a server. Other machines or users ask it to wrap and to
//! unwrap data keys, so that the keys stay where they are.
//!
//! - `messages`: what goes over the wire, and the way to and from the keys of a file
//! - `place`: `tcp://HOST:PORT` and `unix:///PATH`, and how Go words that there is nobody
//! - `client`: asks, one connection for each question; the runtime lives as long
//! - `server`: answers with the keys of this machine; `prompt` asks the user first

mod client;
mod messages;
mod place;
mod prompt;
mod server;

pub(crate) use client::Client;
pub(crate) use server::serve;

/// No data key, wrapped or not, comes near this: larger messages are refused unread.
const MAX_MESSAGE: usize = 1 << 20;
