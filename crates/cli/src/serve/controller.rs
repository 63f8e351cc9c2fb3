//! `bulla controller`: runs the controller until SIGTERM or SIGINT.

use bulla_controller::{Config, Controller};

use super::logs::Logs;
use crate::cli::key_args::KeyNotes;
use crate::cluster::{self, Choice};
use crate::report::{Code, Report, Result, chain, os_error};

/// Which cluster, with which settings.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The cluster.
    pub(crate) choice: Choice,
    /// The controller's settings.
    pub(crate) config: Config,
    /// The log.
    pub(crate) logs: Logs,
    /// What is to be said about flags.
    pub(crate) key_notes: KeyNotes,
    /// Flags of the stock controller that were given and have no effect here, and why.
    pub(crate) without_effect: Vec<(&'static str, &'static str)>,
}

/// Runs until it is told to stop.
pub(crate) fn run(options: Options) -> Result<()> {
    options.logs.start();
    options.key_notes.log();
    for (flag, why) in &options.without_effect {
        tracing::warn!(flag, why, "this flag of the stock controller has no effect");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Report::new(Code::Internal, format!("start the async runtime: {error}")))?;
    runtime.block_on(async {
        let client =
            Controller::client(cluster::config_that_stays(&options.choice).await?).map_err(|error| report(&error))?;
        let controller = Controller::new(client, options.config);
        controller.run(std::future::pending()).await.map_err(|error| report(&error))
    })
}

/// A failed start as a report.
pub(crate) fn report(error: &bulla_controller::Error) -> Report {
    use bulla_controller::Error;
    match error {
        Error::Listen { address, flag, source } => {
            let flag = flag.trim_start_matches('-');
            Report::new(Code::PortTaken, format!("listen on {address}: {}", os_error(source)))
                .hint(format!("stop what listens there (ss -ltnp), or choose another address: --{flag} ADDRESS"))
        }
        Error::ListenAddress { .. }
        | Error::KeyPrefix { .. }
        | Error::KeySetting { .. }
        | Error::NoNamespace
        | Error::Replicas { .. } => {
            Report::new(Code::ControllerSettings, error.to_string()).hint("see: bulla controller --help")
        }
        Error::Login { .. } => Report::new(Code::NoCredentials, error.to_string()).hint(cluster::LOG_IN),
        Error::Client(source) => Report::new(Code::Kubeconfig, format!("build a client: {}", chain(source)))
            .hint("a certificate or key that the kubeconfig names cannot be read"),
        other => Report::new(Code::ControllerFailed, chain(other)),
    }
}

/// The controller's namespace if no flag says it: of the pod, else `default` (sealed-secrets 10.1).
pub(crate) fn own_namespace() -> String {
    const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
    let pod = std::env::var("POD_NAMESPACE").ok();
    let mounted = || std::fs::read_to_string(MOUNT).ok().map(|text| text.trim().to_owned());
    pod.filter(|namespace| !namespace.is_empty())
        .or_else(mounted)
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or_else(|| "default".to_owned())
}
