//! Flags of the controller's HTTP endpoints, under the stock controller's names (sealed-secrets 10.1).

use std::time::Duration;

use bulla_controller::HttpConfig;
use clap::Args as ClapArgs;

use super::go_values::duration;

/// Limits of the HTTP endpoints.
#[derive(Debug, ClapArgs)]
pub(crate) struct HttpArgs {
    /// Requests per second to /v1/verify and /v1/rotate that one caller may make
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=1_000_000), env = "SEALED_SECRETS_RATE_LIMIT", hide_env_values = true)]
    rate_limit: u32,
    /// Requests beyond the first that may come at once
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = clap::value_parser!(u32).range(0..=1_000_000), env = "SEALED_SECRETS_RATE_LIMIT_BURST", hide_env_values = true)]
    rate_limit_burst: u32,
    /// Time for the body of a request; its headers get the same, and 30s at most
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration, env = "SEALED_SECRETS_READ_TIMEOUT", hide_env_values = true)]
    read_timeout: Duration,
    /// Time for an answer, and for a client to read on
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = duration, env = "SEALED_SECRETS_WRITE_TIMEOUT", hide_env_values = true)]
    write_timeout: Duration,
}

impl HttpArgs {
    pub(crate) fn resolve(&self) -> HttpConfig {
        HttpConfig {
            rate_limit: self.rate_limit,
            rate_limit_burst: self.rate_limit_burst,
            read_timeout: self.read_timeout,
            write_timeout: self.write_timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        http: HttpArgs,
    }

    #[test]
    fn the_defaults_are_those_of_the_configuration_and_each_flag_arrives() {
        let resolve = |words: &[&str]| {
            let words = ["controller"].iter().chain(words);
            Command::try_parse_from(words).map(|command| command.http.resolve())
        };
        assert_eq!(resolve(&[]).unwrap(), HttpConfig::default());
        let given = ["--rate-limit", "7", "--rate-limit-burst=0", "--read-timeout", "1m30s", "--write-timeout", "0"];
        let expected = HttpConfig {
            rate_limit: 7,
            rate_limit_burst: 0,
            read_timeout: Duration::from_secs(90),
            write_timeout: Duration::ZERO,
        };
        assert_eq!(resolve(&given).unwrap(), expected);
        for bad in ["--rate-limit=0", "--rate-limit=-1", "--rate-limit-burst=x", "--read-timeout=2d"] {
            assert!(resolve(&[bad]).is_err(), "{bad}");
        }
    }
}
