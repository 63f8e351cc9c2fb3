//! Where the controller's log goes, and in which form.

use std::io;

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};

mod slog;

use self::slog::Slog;

/// `--log-format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text per event
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// What is logged, how, and where.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    /// The form of each line.
    pub(crate) format: LogFormat,
    /// The least important level that is logged.
    pub(crate) level: Level,
    /// INFO and below to standard output, as upstream's controller does; else everything to standard error.
    pub(crate) info_to_stdout: bool,
}

/// slog's level words, in any case; an offset (`INFO+2`) is read and rounded to the word.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    let word = text.split(['+', '-']).next().unwrap_or_default();
    match word.to_ascii_uppercase().as_str() {
        "DEBUG" => Ok(Level::DEBUG),
        "INFO" => Ok(Level::INFO),
        "WARN" => Ok(Level::WARN),
        "ERROR" => Ok(Level::ERROR),
        _ => Err("expected DEBUG, INFO, WARN or ERROR".to_owned()),
    }
}

impl Logs {
    /// Logs from now on. Of libraries only errors are heard, and nothing of the client's: the controller says once, with the
    /// cure, what the client would repeat for each try.
    pub(crate) fn start(&self) {
        let writer = if self.info_to_stdout {
            BoxMakeWriter::new(io::stderr.with_max_level(Level::WARN).or_else(io::stdout))
        } else {
            BoxMakeWriter::new(io::stderr)
        };
        let level = self.level.as_str().to_lowercase();
        let filter = EnvFilter::new(format!(
            "error,kube_client=off,bulla={level},bulla_controller={level},bulla_devcluster={level}"
        ));
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            // A log whose reader has gone away must not stop the work: by default the subscriber complains with `eprintln!`,
            // which panics when standard error is closed.
            .log_internal_errors(false)
            .event_format(Slog(self.format));
        // A second subscriber is refused; the first goes on.
        let _ = builder.try_init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_slogs_words() {
        assert_eq!(level("info"), Ok(Level::INFO));
        assert_eq!(level("DEBUG-4"), Ok(Level::DEBUG));
        assert!(level("loud").is_err());
    }
}
