//! The whole controller against an in-process API server.

// The lint spares test functions, but not the hands that they share.
#![allow(clippy::unwrap_used)]

mod canary;
mod collecting;
mod drift;
mod faults;
mod hostile_http;
mod http;
mod key_backup;
mod key_states;
mod keys;
mod lifecycle;
mod mended;
mod monitoring;
mod ownership;
mod per_item;
mod reach;
mod renewal;
mod replicas;
mod reseal;
mod support;
mod templates;
mod verify_rotate;
mod web;
