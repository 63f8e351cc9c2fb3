//! What the suites over the real thing share: an API server (`server`), a proxy in front of it that watches and may
//! misbehave (`proxy`), the built binary as a process (`process`), sealing (`sealing`), and the hands of a person with
//! `kubectl` (`api`).
//!
//! The API server is the embedded one, unless `BULLA_CLUSTER=real` and `BULLA_CLUSTER_DIR` name a cluster of
//! `tests/peers/cluster`: `tests/peers/with-cluster COMMAND…` sets both. There the controller has the rights of upstream's
//! manifests and no others.
#![allow(dead_code, reason = "each suite uses its own part")]

pub(crate) mod api;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod sealing;
pub(crate) mod server;
pub(crate) mod world;

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take; nothing takes so long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(POLL).await;
    }
}
