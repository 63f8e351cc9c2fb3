//! The whole controller against an in-process API server.

mod canary;
mod faults;
mod http;
mod keys;
mod lifecycle;
mod support;
