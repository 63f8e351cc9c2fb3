//! The commands that go on until they are told to stop: the controller, and the development cluster.

pub(crate) mod controller;
pub(crate) mod devcluster;
pub(crate) mod logs;

use crate::report::{Code, Report, Result};

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn told_to_stop() -> Result<()> {
    let failed = |error: std::io::Error| Report::new(Code::Internal, format!("wait for signals: {error}"));
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.map_err(failed),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    {
        tokio::signal::ctrl_c().await.map_err(failed)
    }
}
