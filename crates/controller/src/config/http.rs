//! Settings of the HTTP endpoints.

use std::time::Duration;

/// What strangers may ask of the endpoints, and how long it may take. The defaults are upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Requests to `/v1/verify` and `/v1/rotate`, each, that one caller may make per second in the long run. At least 1.
    pub rate_limit: u32,
    /// Requests beyond the first that may come at once.
    pub rate_limit_burst: u32,
    /// How long a client may take for the headers of a request (30 seconds at most), and then for its body. Zero: as long as
    /// a connection may last.
    pub read_timeout: Duration,
    /// How long an answer may take, and how long a client may leave it unread. Zero: as long as a connection may last.
    pub write_timeout: Duration,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            rate_limit: 2,
            rate_limit_burst: 2,
            read_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(120),
        }
    }
}
