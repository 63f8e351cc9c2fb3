//! The controller in the place of the Sealed Secrets controller: each rule of its behaviour is a test, put to the built
//! binary under the name `controller`.
//!
//! Run twice: `cargo test` uses the embedded API server, `.ci/run` also a real kube-apiserver, where the controller has the
//! rights of upstream's manifests (`tests/peers/with-cluster cargo test --workspace --test dropin`). The tests cannot tell
//! which one it is, so a difference is a failure. `world` is what a test has, the other files are topics.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the lint spares test functions, but not the hands that they share"
)]

mod creation;
mod deprecated;
mod drift;
mod drill;
mod endpoints;
mod errors;
mod gc;
#[path = "../harness/mod.rs"]
mod harness;
mod keys;
mod namespaces;
mod observed;
mod ownership;
mod process;
mod reseal;
mod scopes;
mod service_proxy;
mod status;
mod templates;

/// One line for whoever runs `cargo test`. libtest keeps what the print macros say.
#[test]
fn the_api_server_is_named() {
    use std::io::Write as _;
    let line = match harness::server::real_cluster() {
        Some(folder) => format!("dropin: a real kube-apiserver, {}", folder.display()),
        None => {
            "dropin: the embedded API server; .ci/run puts the same tests to the real peers (tests/peers)".to_owned()
        }
    };
    writeln!(std::io::stderr(), "{line}").unwrap();
}
