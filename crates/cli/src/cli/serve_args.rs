//! Raw flags of `bulla controller` and `bulla devcluster`, and their resolution.
//!
//! The controller takes the stock controller's flags and environment variables (sealed-secrets 10.1), so that the stock manifests and
//! chart start with only the image changed; the log names each one that was given and has no effect here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bulla_controller::{Config, parse_listen_address};
use bulla_core::sealed::KeySize;
use clap::{ArgAction, Args as ClapArgs};

use super::args::ClusterArgs;
use super::go_values;
use super::key_args::KeyArgs;
use super::reach_args::ReachArgs;
use crate::report::{Code, Report, Result};
use crate::serve::logs::{self, LogFormat, Logs};
use crate::serve::{controller, devcluster};

/// `bulla devcluster`
#[derive(Debug, ClapArgs)]
pub(crate) struct DevclusterArgs {
    /// Where to write the kubeconfig; readable by you only, it holds the token
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Address to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Allow addresses that other machines can reach
    #[arg(long)]
    insecure_expose: bool,
    /// Keep the state in this folder, encrypted with the key in FILE.key beside the kubeconfig
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl DevclusterArgs {
    pub(crate) fn resolve(self) -> devcluster::Options {
        devcluster::Options {
            kubeconfig: self.kubeconfig,
            listen: self.listen,
            insecure_expose: self.insecure_expose,
            data: self.data,
        }
    }
}

/// `bulla controller`
#[derive(Debug, ClapArgs)]
pub(crate) struct ControllerArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Namespace in which the sealing keys are kept [default: POD_NAMESPACE, else the pod's own, else default]
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Address for /healthz, /readyz and /v1/cert.pem
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = ":8080",
        env = "SEALED_SECRETS_LISTEN_ADDR",
        hide_env_values = true
    )]
    listen_addr: String,
    /// Address for /metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = ":8081",
        env = "SEALED_SECRETS_LISTEN_METRICS_ADDR",
        hide_env_values = true
    )]
    listen_metrics_addr: String,
    /// Size of new sealing keys in bits: 2048, 3072, 4096 or 8192
    #[arg(long, value_name = "BITS", default_value = "4096", value_parser = key_size, env = "SEALED_SECRETS_KEY_SIZE", hide_env_values = true)]
    key_size: KeySize,
    /// Validity of new sealing certificates
    #[arg(long, value_name = "DURATION", default_value = "87600h", value_parser = go_values::duration, env = "SEALED_SECRETS_KEY_TTL", hide_env_values = true)]
    key_ttl: Duration,
    /// Prefix of the names of key Secrets
    #[arg(
        long,
        value_name = "PREFIX",
        default_value = "sealed-secrets-key",
        env = "SEALED_SECRETS_KEY_PREFIX",
        hide_env_values = true
    )]
    key_prefix: String,
    /// Common name in new sealing certificates
    #[arg(long, value_name = "NAME", default_value = "", env = "SEALED_SECRETS_MY_CN", hide_env_values = true)]
    my_cn: String,
    /// Objects that are worked on at the same time [default: 16]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=512))]
    workers: Option<u16>,
    /// Threads for RSA [default: one per core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=512))]
    rsa_threads: Option<u16>,
    /// Read the deprecated field spec.data
    #[arg(long, value_name = "BOOL", default_value = "true", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_ACCEPT_DEPRECATED_V1_DATA", hide_env_values = true)]
    accept_deprecated_v1_data: bool,
    /// Write the status of SealedSecrets
    #[arg(long, value_name = "BOOL", default_value = "true", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_UPDATE_STATUS", hide_env_values = true)]
    update_status: bool,
    /// Do not restore Secrets that were deleted or edited
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_SKIP_RECREATE", hide_env_values = true)]
    skip_recreate: bool,
    /// Delete the Secret of a deleted SealedSecret, and do not leave that to Kubernetes' garbage collection alone
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = clap::builder::BoolishValueParser::new(), hide_possible_values = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_OLD_GC_BEHAVIOR", hide_env_values = true)]
    old_gc_behavior: bool,
    /// Form of the log
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        ignore_case = true,
        env = "SEALED_SECRETS_LOG_FORMAT",
        hide_env_values = true
    )]
    log_format: LogFormat,
    /// Least important level that is logged: DEBUG, INFO, WARN or ERROR
    #[arg(long, value_name = "LEVEL", default_value = "INFO", value_parser = logs::level, env = "SEALED_SECRETS_LOG_LEVEL", hide_env_values = true)]
    log_level: tracing::Level,
    /// INFO and below to standard output [default: true under the name controller, else false]
    #[arg(long, value_name = "BOOL", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_LOG_INFO_STDOUT", hide_env_values = true)]
    log_info_stdout: Option<bool>,
    /// Leave metrics out that name objects
    #[arg(long, value_name = "BOOL", default_value = "false", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_METRICS_OMIT_SECRET_LABELS", hide_env_values = true)]
    metrics_omit_secret_labels: bool,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    http: super::http_args::HttpArgs,
    #[command(flatten)]
    keys: KeyArgs,
}

impl ControllerArgs {
    /// `stock`: run under the name `controller`, whose log goes to standard output.
    pub(crate) fn resolve(self, stock: bool) -> Result<controller::Options> {
        let without_effect = self.reach.without_effect().collect();
        let address = |flag: &str, text: &str| {
            parse_listen_address(text).map_err(|error| {
                Report::new(Code::ControllerSettings, format!("{flag}: {error}")).hint("see: bulla controller --help")
            })
        };
        let defaults = Config::default();
        let (keys, key_notes) = self.keys.resolve()?;
        let config = Config {
            namespace: self.namespace.unwrap_or_else(controller::own_namespace),
            key_prefix: self.key_prefix,
            key_size: self.key_size,
            key_ttl: self.key_ttl,
            my_cn: self.my_cn,
            keys,
            listen_addr: Some(address("--listen-addr", &self.listen_addr)?),
            listen_metrics_addr: Some(address("--listen-metrics-addr", &self.listen_metrics_addr)?),
            workers: self.workers.map_or(defaults.workers, usize::from),
            rsa_threads: self.rsa_threads.map_or(defaults.rsa_threads, usize::from),
            accept_deprecated_data: self.accept_deprecated_v1_data,
            update_status: self.update_status,
            skip_recreate: self.skip_recreate,
            old_gc_behavior: self.old_gc_behavior,
            http: self.http.resolve(),
            metrics_omit_secret_labels: self.metrics_omit_secret_labels,
            reach: self.reach.resolve(),
        };
        Ok(controller::Options {
            choice: self.cluster.choice(),
            config,
            logs: Logs {
                format: self.log_format,
                level: self.log_level,
                info_to_stdout: self.log_info_stdout.unwrap_or(stock),
            },
            key_notes,
            without_effect,
        })
    }
}

fn key_size(text: &str) -> std::result::Result<KeySize, String> {
    text.parse()
        .map_err(|_| "not a number".to_owned())
        .and_then(|bits| KeySize::from_bits(bits).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_sizes_are_those_that_are_supported() {
        assert_eq!(key_size("4096"), Ok(KeySize::Rsa4096));
        assert!(key_size("1024").unwrap_err().contains("1024 bits"));
        assert!(key_size("many").is_err());
    }
}
